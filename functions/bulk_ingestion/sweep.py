"""The sweep: take away what the windows of executions left behind, found by tag and by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from bulk_ingestion import aws
from bulk_ingestion.flows import EXECUTION_TAG, is_window
from bulk_ingestion.observability import logger


@dataclass(frozen=True)
class Leftovers:
    """Flows by name, and integrations as pairs of domain and URI."""

    flows: tuple[str, ...]
    integrations: tuple[tuple[str, str], ...]


def find(
    domains: Iterable[str], tags: dict[str, str], spare: frozenset[str] = frozenset()
) -> Leftovers:
    """Find the windows' flows and integrations that carry all of ``tags``.

    ``spare`` are executions, as their tag has them, whose windows are still wanted. A continuous
    integration is not named like a window, and so never among them.
    """
    flows = (
        (flow["flowName"], flow.get("tags", {}))
        for flow in pages(aws.appflow().list_flows, "flows", maxResults=100)
    )
    integrations = (
        (domain, integration["Uri"], integration.get("Tags", {}))
        for domain in domains
        for integration in pages(
            aws.customer_profiles().list_integrations,
            "Items",
            DomainName=domain,
            IncludeHidden=True,
            MaxResults=100,
        )
    )

    def is_left(name: str, carried: dict[str, str]) -> bool:
        execution = carried.get(EXECUTION_TAG, "")
        return (
            tags.items() <= carried.items()
            and execution not in spare
            and is_window(name, execution)
        )

    return Leftovers(
        tuple(name for name, carried in flows if is_left(name, carried)),
        tuple(
            (domain, uri)
            for domain, uri, carried in integrations
            if is_left(flow_name(uri), carried)
        ),
    )


def remove(leftovers: Leftovers) -> list[str]:
    """Cancel the runs, then delete integrations and flows; give what could not be removed."""
    left: list[str] = []
    for name in leftovers.flows:
        _try(left, name, aws.appflow().cancel_flow_executions, flowName=name)
    for domain, uri in leftovers.integrations:
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
