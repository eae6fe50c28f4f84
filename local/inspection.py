"""A flow as the console's "Flow details" shows it, in AWS or in the embedded cloud.

It asks AppFlow, Customer Profiles and SQS alone, and changes nothing.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from bulk_ingestion.advice import mending
from bulk_ingestion.console import flow_link
from bulk_ingestion.flows import source_object
from bulk_ingestion.health import AUTHENTICATION
from bulk_ingestion.times import iso
from local.clients import clients, explained

_PAGE = 100  # runs; the most that DescribeFlowExecutionRecords gives
_STYLES = {"Successful": "green", "InProgress": "yellow", "Error": "bold red"}


class CannotInspect(Exception):  # noqa: N818
    """The flow cannot be looked at; the message says why, and what to do."""


@dataclass(frozen=True)
class Run:
    """One run of the flow."""

    ExecutionId: str
    Status: str
    StartedAt: str | None
    EndedAt: str | None
    DataPullStartTime: str | None
    DataPullEndTime: str | None
    RecordsProcessed: int
    PutFailures: int
    Message: str
    WhatToDo: str


@dataclass(frozen=True)
class DeadLetterQueue:
    """Where Customer Profiles puts the objects that it could not map."""

    Url: str
    Messages: int | None
    """None when they could not be counted: Problem says why."""
    Problem: str = ""


@dataclass(frozen=True)
class Inspection:
    """What there is to see of a flow."""

    FlowName: str
    Status: str
    StatusMessage: str
    WhatToDo: str
    Source: str
    Destination: str
    Schedule: str
    Runs: tuple[Run, ...]
    """The latest ones, the newest first."""
    DeadLetterQueue: DeadLetterQueue | None
    """None for a domain that has none, and for a flow to somewhere else."""
    Console: str


def inspect(
    flow_name: str,
    profile: str | None,
    region: str | None,
    endpoint_url: str | None,
    runs: int,
    as_json: bool,
) -> int:
    """Show a flow; give the process's exit code, 2 if it cannot be looked at."""
    try:
        seen = look(clients(profile, region, endpoint_url), flow_name, runs)
    except (BotoCoreError, ClientError, CannotInspect, ValueError) as error:
        problem = f"{flow_name} cannot be inspected: {explained(error)}"
        Console(stderr=True).print(problem, style="red", markup=False, soft_wrap=True)
        return 2
    if as_json:
        sys.stdout.write(json.dumps(asdict(seen), indent=2) + "\n")
    else:
        Console().print(show(seen))
    return 0


def look(client: Callable[[str], Any], flow_name: str, runs: int) -> Inspection:
    """Look at a flow and its latest ``runs``; ``client`` makes a boto3 client.

    Raises CannotInspect when there is no such flow, else what botocore raises.
    """
    appflow = client("appflow")
    try:
        flow = appflow.describe_flow(flowName=flow_name)
    except appflow.exceptions.ResourceNotFoundException:
        where = appflow.meta.region_name
        raise CannotInspect(
            f"no flow of that name is in {where}. Names are case-sensitive; aws appflow list-flows "
            "lists them. A window's flow goes when the window has ended: its run is in the report."
        ) from None
    scheduled = flow["triggerConfig"]["triggerType"] == "Scheduled"
    destination = flow["destinationFlowConfigList"][0]
    profiles = destination["destinationConnectorProperties"].get("CustomerProfiles")
    return Inspection(
        FlowName=flow_name,
        Status=flow["flowStatus"],
        StatusMessage=flow.get("flowStatusMessage", ""),
        WhatToDo=mending("FlowNotActive") if scheduled and flow["flowStatus"] != "Active" else "",
        Source=_source(flow["sourceFlowConfig"]),
        Destination=(
            f"Customer Profiles, domain {profiles['domainName']}, "
            f"object type {profiles.get('objectTypeName', 'of the integration')}"
            if profiles
            else destination["connectorType"]
        ),
        Schedule=_schedule(flow["triggerConfig"]),
        Runs=tuple(_run(run, scheduled) for run in _latest(appflow, flow, runs)),
        DeadLetterQueue=_queue(client, profiles["domainName"]) if profiles else None,
        Console=flow_link(flow["flowArn"], flow_name),
    )


def _source(config: Mapping[str, Any]) -> str:
    [properties] = config["sourceConnectorProperties"].values()
    connection = config.get("connectorProfileName")
    return (
        f"{config['connectorType']}, {source_object(properties)}"
        f"{f', connection {connection}' if connection else ''}"
    )


def _schedule(trigger: Mapping[str, Any]) -> str:
    if trigger["triggerType"] != "Scheduled":
        return str(trigger["triggerType"])
    schedule = trigger["triggerProperties"]["Scheduled"]
    told = [f"{schedule['scheduleExpression']}, {schedule.get('dataPullMode', 'Incremental')}"]
    for key, word in (
        ("scheduleStartTime", "starts"),
        ("scheduleEndTime", "ends"),
        ("firstExecutionFrom", "pulls what has changed since"),
    ):
        if schedule.get(key):
            told.append(f"{word} {_instant(schedule[key])}")
    return ", ".join(told)


def _latest(appflow: Any, flow: Mapping[str, Any], wanted: int) -> list[dict[str, Any]]:
    """Read runs, page by page, until there are enough and the latest is among them.

    In which order AppFlow lists them is not documented.
    """
    latest = flow.get("lastRunExecutionDetails", {}).get("mostRecentExecutionTime")
    runs: list[dict[str, Any]] = []
    token: dict[str, str] = {}
    while True:
        page = appflow.describe_flow_execution_records(
            flowName=flow["flowName"], maxResults=_PAGE, **token
        )
        runs += page["flowExecutions"]
        has_latest = latest is None or any(run["startedAt"] >= latest for run in runs)
        if not page.get("nextToken") or (len(runs) >= wanted and has_latest):
            return sorted(runs, key=lambda run: run["startedAt"], reverse=True)[:wanted]
        token = {"nextToken": page["nextToken"]}


def _run(run: Mapping[str, Any], scheduled: bool) -> Run:
    result = run.get("executionResult", {})
    failure = result.get("errorInfo", {})
    message, put_failures = (
        failure.get("executionMessage") or "",
        failure.get("putFailuresCount", 0),
    )
    status = run["executionStatus"]
    ended = status not in ("InProgress", "CancelStarted")
    return Run(
        ExecutionId=run["executionId"],
        Status=status,
        StartedAt=_instant(run.get("startedAt")),
        EndedAt=_instant(run.get("lastUpdatedAt")) if ended else None,
        DataPullStartTime=_instant(run.get("dataPullStartTime")),
        DataPullEndTime=_instant(run.get("dataPullEndTime")),
        RecordsProcessed=result.get("recordsProcessed", 0),
        PutFailures=put_failures,
        Message=message,
        WhatToDo=_what_to_do(status, message, put_failures, scheduled),
    )


def _what_to_do(status: str, message: str, put_failures: int, scheduled: bool) -> str:
    if status == "Error":
        is_refused = AUTHENTICATION.search(message)
        return mending("ConnectorAuthenticationException" if is_refused else "RunFailed")
    if status == "Canceled":
        return mending("PullCanceled" if scheduled else "RunCanceled")
    return mending("RecordsFailed") if put_failures else ""


def _queue(client: Callable[[str], Any], domain: str) -> DeadLetterQueue | None:
    """Count what waits in a domain's dead-letter queue, as far as one may."""
    try:
        found = client("customer-profiles").get_domain(DomainName=domain)
    except ClientError as error:
        return DeadLetterQueue("", None, f"GetDomain {domain}: {explained(error)}")
    url = found.get("DeadLetterQueueUrl")
    if not url:
        return None
    kinds = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    try:
        counted = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=list(kinds))
    except ClientError as error:
        return DeadLetterQueue(url, None, f"GetQueueAttributes: {explained(error)}")
    return DeadLetterQueue(url, sum(int(counted["Attributes"][kind]) for kind in kinds))


def _instant(value: datetime | None) -> str | None:
    return iso(value.astimezone(UTC).replace(microsecond=0)) if value else None


# What a person sees --------------------------------------------------------------------------


def show(seen: Inspection) -> RenderableType:
    """Draw what there is to see."""
    return Group(_heading(seen), Text(), _runs(seen.Runs), *_messages(seen.Runs), _links(seen))


def _heading(seen: Inspection) -> RenderableType:
    table = _pairs()
    status = Text(seen.Status, style="green" if seen.Status == "Active" else "bold yellow")
    table.add_row("Flow", Text(seen.FlowName, style="bold"))
    table.add_row("Status", Text(" ").join([status, Text(seen.StatusMessage)]))
    for name in ("WhatToDo", "Source", "Destination", "Schedule"):
        if value := getattr(seen, name):
            table.add_row("" if name == "WhatToDo" else name, Text(value))
    return table


def _runs(runs: tuple[Run, ...]) -> RenderableType:
    if not runs:
        return Text("It has not run yet.")
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in ("Run started (UTC)", "Status", "Pulled from", "to"):
        table.add_column(column, no_wrap=True)
    for column in ("Records", "Not put"):
        table.add_column(column, justify="right", no_wrap=True)
    for run in runs:
        table.add_row(
            _short(run.StartedAt),
            Text(run.Status, style=_STYLES.get(run.Status, "yellow")),
            _short(run.DataPullStartTime),
            _short(run.DataPullEndTime),
            f"{run.RecordsProcessed:,}",
            Text(f"{run.PutFailures:,}", style="bold red" if run.PutFailures else ""),
        )
    return table


def _messages(runs: tuple[Run, ...]) -> Iterator[RenderableType]:
    """Tell each message once, with the runs that had it and what to do."""
    groups: dict[tuple[str, str], list[str]] = {}
    for run in runs:
        if run.WhatToDo:
            groups.setdefault((run.Message, run.WhatToDo), []).append(_short(run.StartedAt))
    for (message, what_to_do), started in groups.items():
        yield Text()
        many = f"{len(started)} runs, the last at {started[0]}" if len(started) > 1 else started[0]
        yield Text(f"{many}: {message or 'AppFlow gave no reason.'}")
        yield Text(what_to_do, style="italic")


def _links(seen: Inspection) -> RenderableType:
    queue, table = seen.DeadLetterQueue, _pairs()
    if queue is None:
        told = Text("none: what Customer Profiles cannot map is lost without a word")
    elif queue.Messages is None:
        told = Text(f"not counted. {queue.Problem}", style="yellow")
    else:
        style = "bold red" if queue.Messages else ""
        told = Text(f"{queue.Messages:,} messages", style=style)
    if "Customer Profiles" in seen.Destination:
        table.add_row("Dead-letter queue", told)
        if queue is not None and queue.Url:
            table.add_row("", Text(queue.Url))
    table.add_row("Console", Text(seen.Console))
    return Group(Text(), table)


def _pairs() -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    return table


def _short(instant: str | None) -> str:
    return (instant or "—").removesuffix("Z").replace("T", " ")
