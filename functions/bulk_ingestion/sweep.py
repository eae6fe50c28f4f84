"""The sweep: take away what the windows of executions left behind, found by tag and by name."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from bulk_ingestion import aws
from bulk_ingestion.flows import EXECUTION_TAG, is_window
from bulk_ingestion.observability import logger


@dataclass(frozen=True)
class Leftovers:
    """Flows by name, and integrations as pairs of domain and URI."""

    flows: tuple[str, ...] = ()
    integrations: tuple[tuple[str, str], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.flows or self.integrations)


def sweep(
    domains: Collection[str], tags: dict[str, str], spare: frozenset[str] = frozenset()
) -> Leftovers:
    """Remove the windows' flows and integrations that carry all of ``tags``; give what is left.

    ``spare`` are executions, as their tag has them, whose windows are still wanted. A continuous
    integration is not named like a window, and so never removed.
    """
    found = _find(domains, tags, spare)
    if not found:
        return found
    _remove(found)
    left = _find(domains, tags, spare)
    logger.info("Swept.", extra={"found": found, "left": left})
    return left


def _find(domains: Collection[str], tags: dict[str, str], spare: frozenset[str]) -> Leftovers:
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


def _remove(leftovers: Leftovers) -> None:
    """Cancel the runs, then delete integrations and flows. What goes wrong shows afterwards.

    A flow may go with its integration, and IAM, which allows by a flow's tags, denies the rest.
    """
    for name in leftovers.flows:
        _try(aws.appflow().cancel_flow_executions, flowName=name)
    for domain, uri in leftovers.integrations:
        _try(aws.customer_profiles().delete_integration, DomainName=domain, Uri=uri)
    for name in leftovers.flows:
        _try(aws.appflow().delete_flow, flowName=name, forceDelete=True)


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


def _try(operation: Any, **request: Any) -> None:
    with suppress(ClientError):
        operation(**request)
