"""Cleanup: removes what the windows of executions left behind, found by tag and by name.

The integration of a window is deleted before its flow, as in the state machine. So whatever is
left behind can be found by its flow.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bulk_ingestion.aws import clients
from bulk_ingestion.aws.gone import NOT_FOUND_OR_DENIED, delete, unless_gone
from bulk_ingestion.aws.observability import logger
from bulk_ingestion.aws.observed import all_flows, may_be_registered, profiles_destination
from bulk_ingestion.aws.transport import CALL_FAILED
from bulk_ingestion.aws.young import YOUNG_SECONDS
from bulk_ingestion.flow.names import EXECUTION_TAG, is_window_flow

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

PATIENCE = 600
"""Seconds for which cleanup is tried: at least as long as the state machine retries a call."""

RESERVE = 180
"""Seconds of the function's time that are reserved for what comes after cleanup."""

_LONGEST_WAIT = 60


def clean_up(
    tags: dict[str, str],
    context: LambdaContext,
    prefix: str = "",
    spare: Callable[[], frozenset[str]] = frozenset,
) -> list[str]:
    """Remove the windows' flows that have all of ``tags``, with their runs and integrations.

    ``prefix`` is the prefix of the flow names of a single execution. ``spare`` gives the
    executions, by their tag, whose windows are kept. It is called before each try. What fails is
    tried again as long as ``context`` has time for it. Gives a sentence for each flow that could
    not be removed. Raises no error of AppFlow or Customer Profiles, so that an execution ends in
    its own error. A continuous integration is not named like a window, so it is never removed.
    """
    waited, wait = 0, 1
    absent_since: dict[str, int] = {}
    while left := _try(tags, prefix, spare(), absent_since, waited):
        wait = min(2 * wait, _LONGEST_WAIT)
        has_time = context.get_remaining_time_in_millis() / 1000 - wait > RESERVE
        if waited + wait > PATIENCE or not has_time:
            break
        time.sleep(wait)
        waited += wait
    return left


def _try(
    tags: dict[str, str],
    prefix: str,
    spare: frozenset[str],
    absent_since: dict[str, int],
    waited: int,
) -> list[str]:
    """Remove the flows once. ``absent_since`` says since when an integration was not found.

    Its times are seconds that cleanup has ``waited``.
    """
    try:
        found = _find(tags, prefix, spare)
        if not found:
            return []
        errors = {name: error for name in found if (error := _remove(name, absent_since, waited))}
        left = _find(tags, prefix, spare)
    except CALL_FAILED as error:
        return [f"The flows that were left behind could not be listed: {error}"]
    logger.info("Cleaned up.", extra={"found": found, "left": left, "errors": errors})
    return [
        f"Flow {name} could not be removed: {errors.get(name, 'AppFlow still lists it.')}"
        for name in left
    ]


def _find(tags: dict[str, str], prefix: str, spare: frozenset[str]) -> list[str]:
    found = []
    for flow in all_flows():
        name, carried = flow["flowName"], flow.get("tags", {})
        execution = carried.get(EXECUTION_TAG, "")
        is_ours = (
            tags.items() <= carried.items()
            and is_window_flow(name, execution)
            and flow["triggerType"] == "OnDemand"  # and never a continuous integration's
        )
        if is_ours and name.startswith(prefix) and execution not in spare:
            found.append(name)
    return found


def _remove(name: str, absent_since: dict[str, int], waited: int) -> str:
    """Cancel the runs, and delete the integration and the flow. Gives the error, if any.

    The integration is found by its flow. So the flow is kept while the integration may exist, and
    for a minute after it was not found, because AWS may not know a new one everywhere yet.
    """
    try:
        flow: Any = clients.appflow().describe_flow(flowName=name)
        domain, uri = profiles_destination(flow)["domainName"], flow["flowArn"]
        unless_gone(
            clients.appflow().cancel_flow_executions, gone=NOT_FOUND_OR_DENIED, flowName=name
        )
        is_known = delete(
            clients.customer_profiles().delete_integration,
            exists=lambda: may_be_registered(domain, uri),
            DomainName=domain,
            Uri=uri,
        )
        if not is_known and waited - absent_since.setdefault(name, waited) < YOUNG_SECONDS:
            return "Its integration was not found, but it may be new."
        clients.appflow().delete_flow(flowName=name, forceDelete=True)
    except CALL_FAILED as error:
        return str(error)
    return ""
