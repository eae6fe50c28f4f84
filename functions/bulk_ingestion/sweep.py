"""The sweep: take away what the windows of an execution left behind, found by tag."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from bulk_ingestion import aws
from bulk_ingestion.observability import logger


@dataclass(frozen=True)
class Leftovers:
    """What carries the tags of an execution's windows: flows by name, integrations by URI."""

    domain: str
    flows: tuple[str, ...]
    integrations: tuple[str, ...]


def find(domain: str, tags: dict[str, str]) -> Leftovers:
    """Find the on-demand flows that carry all of ``tags``, and their integrations.

    The continuous integration's flow is Scheduled, and so never among them.
    """
    flows: set[str] = set()
    scheduled: set[str] = set()
    for flow in pages(aws.appflow().list_flows, "flows", maxResults=100):
        if tags.items() <= flow.get("tags", {}).items():
            (flows if flow.get("triggerType") == "OnDemand" else scheduled).add(flow["flowName"])
    integrations = [
        integration["Uri"]
        for integration in pages(
            aws.customer_profiles().list_integrations,
            "Items",
            DomainName=domain,
            IncludeHidden=True,
            MaxResults=100,
        )
        if tags.items() <= integration.get("Tags", {}).items()
        and flow_name(integration["Uri"]) not in scheduled
    ]
    return Leftovers(domain, tuple(sorted(flows)), tuple(sorted(integrations)))


def remove(leftovers: Leftovers) -> list[str]:
    """Cancel the runs, then delete integrations and flows; give what could not be removed."""
    left: list[str] = []
    domain = leftovers.domain
    for name in leftovers.flows:
        _try(left, name, aws.appflow().cancel_flow_executions, flowName=name)
    for uri in leftovers.integrations:
        _try(left, uri, aws.customer_profiles().delete_integration, DomainName=domain, Uri=uri)
    for name in leftovers.flows:
        _try(left, name, aws.appflow().delete_flow, flowName=name, forceDelete=True)
    return left


def pages(operation: Any, member: str, **request: Any) -> Iterator[dict[str, Any]]:
    """Go through all pages of an operation for which botocore has no paginator."""
    token_out = "nextToken" if member[0].islower() else "NextToken"
    token: dict[str, str] = {}
    while True:
        answer = operation(**request, **token)
        yield from answer.get(member, [])
        if not answer.get(token_out):
            return
        token = {token_out: answer[token_out]}


def flow_name(uri: str) -> str:
    """Take a flow's name off its ARN, which is its integration's URI."""
    return uri.rpartition("/")[2]


def _try(left: list[str], what: str, operation: Any, **request: Any) -> None:
    try:
        operation(**request)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            logger.warning("Could not clean up.", extra={"what": what, "error": str(error)})
            left.append(what)
