"""The sweep: take away what the windows of executions left behind, found by tag and by name.

A window's integration goes before its flow, here as in the machine: whatever is left can be
found by its flow.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from bulk_ingestion import aws
from bulk_ingestion.flows import EXECUTION_TAG, is_window
from bulk_ingestion.observability import logger

_GONE = ("ResourceNotFoundException", "AccessDeniedException")
"""IAM allows by the tags of a thing: of one that is gone, it sees none and denies."""


def sweep(tags: dict[str, str], spare: frozenset[str] = frozenset()) -> list[str]:
    """Remove the windows' flows that carry all of ``tags``, with runs and integrations.

    ``spare`` are executions, as their tag has them, whose windows are still wanted. Gives the
    names of the flows that could not be removed. A continuous integration is not named like a
    window, and so never removed.
    """
    found = _find(tags, spare)
    if not found:
        return []
    for name in found:
        _remove(name)
    left = _find(tags, spare)
    logger.info("Swept.", extra={"found": found, "left": left})
    return left


def _find(tags: dict[str, str], spare: frozenset[str]) -> list[str]:
    found = []
    for flow in all_flows():
        carried = flow.get("tags", {})
        execution = carried.get(EXECUTION_TAG, "")
        is_ours = tags.items() <= carried.items() and is_window(flow["flowName"], execution)
        if is_ours and execution not in spare:
            found.append(flow["flowName"])
    return found


def _remove(name: str) -> None:
    """Cancel its runs, then delete the integration and the flow. What fails is left."""
    try:
        flow = aws.appflow().describe_flow(flowName=name)
        destination = flow["destinationFlowConfigList"][0]["destinationConnectorProperties"]
        domain = destination["CustomerProfiles"]["domainName"]
        _unless_gone(aws.appflow().cancel_flow_executions, flowName=name)
        _unless_gone(
            aws.customer_profiles().delete_integration, DomainName=domain, Uri=flow["flowArn"]
        )
        _unless_gone(aws.appflow().delete_flow, flowName=name, forceDelete=True)
    except ClientError as error:
        logger.warning("Could not clean up.", extra={"flow": name, "error": str(error)})


def _unless_gone(operation: Any, **request: Any) -> None:
    try:
        operation(**request)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _GONE:
            raise


def all_flows() -> Iterator[dict[str, Any]]:
    """List the account's flows, page by page: botocore has no paginator for AppFlow."""
    token: dict[str, str] = {}
    while True:
        answer: Any = aws.appflow().list_flows(maxResults=100, **token)
        yield from answer["flows"]
        if not answer.get("nextToken"):
            return
        token = {"nextToken": answer["nextToken"]}
