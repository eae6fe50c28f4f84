"""The sweep: take away what the windows of executions left behind, found by tag and by name.

A window's integration goes before its flow, here as in the machine: whatever is left can be
found by its flow.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from bulk_ingestion import aws
from bulk_ingestion.flows import EXECUTION_TAG, is_window
from bulk_ingestion.observability import logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

PATIENCE = 600
"""Seconds for which a sweep goes on trying: as long as the machine retries a call, and more."""

_RESERVE = 180  # seconds of the function's time that are left for what comes after
_LONGEST_WAIT = 60
_GONE = ("ResourceNotFoundException", "AccessDeniedException")
"""IAM allows by the tags of a thing: of one that is gone, it sees none and denies."""


def sweep(
    tags: dict[str, str],
    context: LambdaContext,
    prefix: str = "",
    spare: Callable[[], frozenset[str]] = frozenset,
) -> list[str]:
    """Remove the windows' flows that carry all of ``tags``, with runs and integrations.

    ``prefix`` is what their names begin with, where one execution's are meant. ``spare`` tells
    which executions' windows are still wanted, as their tag has them; it is asked again before
    each try. What fails is tried again while ``context`` has time for it. Gives a sentence for
    each thing that could not be done; raises nothing of AppFlow's and Customer Profiles', so that
    an execution ends in its own error. A continuous integration is not named like a window, and
    so never removed.
    """
    patience, wait = PATIENCE, 1
    while left := _try(tags, prefix, spare()):
        wait = min(2 * wait, _LONGEST_WAIT)
        patience -= wait
        has_time = context.get_remaining_time_in_millis() / 1000 - wait > _RESERVE
        if patience < 0 or not has_time:
            break
        time.sleep(wait)
    return left


def _try(tags: dict[str, str], prefix: str, spare: frozenset[str]) -> list[str]:
    try:
        found = _find(tags, prefix, spare)
        if not found:
            return []
        errors = {name: error for name in found if (error := _remove(name))}
        left = _find(tags, prefix, spare)
    except ClientError as error:
        return [f"AppFlow does not tell which flows are left behind: {error}"]
    logger.info("Swept.", extra={"found": found, "left": left, "errors": errors})
    return [
        f"Flow {name} could not be removed: {errors.get(name, 'AppFlow still lists it.')}"
        for name in left
    ]


def _find(tags: dict[str, str], prefix: str, spare: frozenset[str]) -> list[str]:
    found = []
    for flow in all_flows():
        name, carried = flow["flowName"], flow.get("tags", {})
        execution = carried.get(EXECUTION_TAG, "")
        is_ours = tags.items() <= carried.items() and is_window(name, execution)
        if is_ours and name.startswith(prefix) and execution not in spare:
            found.append(name)
    return found


def _remove(name: str) -> str:
    """Cancel its runs, then delete the integration and the flow. Gives what went wrong."""
    try:
        flow = aws.appflow().describe_flow(flowName=name)
        destination = flow["destinationFlowConfigList"][0]["destinationConnectorProperties"]
        of_integration = {
            "DomainName": destination["CustomerProfiles"]["domainName"],
            "Uri": flow["flowArn"],
        }
        _unless_gone(aws.appflow().cancel_flow_executions, flowName=name)
        denied = _unless_gone(aws.customer_profiles().delete_integration, **of_integration)
        if denied and _is_registered(**of_integration):
            return denied  # the flow stays, by which it can be found
        return _unless_gone(aws.appflow().delete_flow, flowName=name, forceDelete=True)
    except ClientError as error:
        return str(error)


def _unless_gone(operation: Callable[..., Any], **request: Any) -> str:
    """Make a call; gives the error when what it is about may be gone, or forbidden."""
    try:
        operation(**request)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _GONE:
            raise
        return str(error)
    return ""


def _is_registered(**of_integration: str) -> bool:
    """Whether an integration is there, or may be."""
    try:
        aws.customer_profiles().get_integration(**of_integration)
    except ClientError as error:
        return error.response["Error"]["Code"] != "ResourceNotFoundException"
    return True


def all_flows() -> Iterator[dict[str, Any]]:
    """List the account's flows, page by page: botocore has no paginator for AppFlow."""
    token: dict[str, str] = {}
    while True:
        answer: Any = aws.appflow().list_flows(maxResults=100, **token)
        yield from answer["flows"]
        if not answer.get("nextToken"):
            return
        token = {"nextToken": answer["nextToken"]}
