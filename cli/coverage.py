"""The periods that a continuous integration has imported, as its stack has stored them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from bulk_ingestion.flow import names
from bulk_ingestion.integration import state
from bulk_ingestion.integration.coverage import Coverage
from bulk_ingestion.integration.state import State
from bulk_ingestion.times import iso
from cli.clients import explained


@dataclass(frozen=True)
class Imported:
    """What has been imported, from the earliest instant to the latest, except in the gaps."""

    From: str | None
    """None if nothing is imported, or if it is not known; Problem says why."""
    To: str | None
    Gaps: tuple[tuple[str, str], ...] = ()
    Line: str = ""
    Problem: str = ""


def look(
    client: Callable[[str], Any], flow: Mapping[str, Any], runs: Iterable[Mapping[str, Any]]
) -> Imported | None:
    """Read what has been imported for a flow, with its latest ``runs``.

    ``flow`` and ``runs`` are AppFlow's answers, and ``client`` creates the boto3 client of a
    service. Gives None if no stack created the flow as a continuous integration.
    """
    name, stack = flow["flowName"], flow.get("tags", {}).get(names.STACK_TAG)
    if stack is None or name.startswith(names.WINDOW_FLOW_BEGINS):
        return None
    try:
        known = _state(client, stack, name)
    except ClientError as error:
        return Imported(None, None, Problem=f"{error.operation_name}: {explained(error)}")
    if known.checkpoint is None:
        problem = f"The stack {stack} did not create it, or not completely."
        return Imported(None, None, Problem=problem)
    stored = known.imported_by(known.checkpoint.target)
    return _imported(stored | _pulled(runs, known.checkpoint.pulled_until))


def _state(client: Callable[[str], Any], stack: str, flow_name: str) -> State:
    """Read the state from the stack's bucket, which its functions know by a variable."""
    function = client("lambda").get_function_configuration(
        FunctionName=f"{stack}-check-integration"
    )
    found = client("s3").get_object(
        Bucket=function["Environment"]["Variables"]["RUNS_BUCKET"],
        Key=state.folder("").key(f"{flow_name}.json"),
    )
    return state.parsed(flow_name, json.load(found["Body"]))


def _pulled(runs: Iterable[Mapping[str, Any]], since: datetime) -> Coverage:
    """Give the periods of the successful pulls ``since`` the last check. The next stores them."""
    return Coverage.of(
        (max(since, run["dataPullStartTime"]), run["dataPullEndTime"])
        for run in runs
        if run["executionStatus"] == "Successful"
        and run.get("dataPullStartTime")
        and run.get("dataPullEndTime")
    )


def _imported(coverage: Coverage) -> Imported:
    if not coverage.periods:
        return Imported(None, None, Line=str(coverage))
    return Imported(
        From=iso(coverage.periods[0][0]),
        To=iso(coverage.periods[-1][1]),
        Gaps=tuple((iso(start), iso(end)) for start, end in coverage.between()),
        Line=str(coverage),
    )
