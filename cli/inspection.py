"""A flow as the console's "Flow details" shows it, in AWS or in the embedded cloud.

It calls only AppFlow, Customer Profiles, SQS, Lambda and S3, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from bulk_ingestion.aws.observed import latest_runs
from bulk_ingestion.flow import failure_texts
from bulk_ingestion.flow.definitions import source_object
from bulk_ingestion.notifications.links import flow_link
from bulk_ingestion.remediation import flow_remediation
from bulk_ingestion.times import iso
from bulk_ingestion.wording import visible
from cli import coverage
from cli.clients import CannotDo, Place, explained
from cli.coverage import Imported
from cli.terminal import console, write, write_json

_PAGE = 100  # runs; the most that DescribeFlowExecutionRecords gives
_STYLES = {"Successful": "green", "InProgress": "yellow", "Error": "bold red"}


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
    """The queue to which Customer Profiles sends the objects that it could not map."""

    Url: str
    Messages: int | None
    """None if they could not be counted; Problem says why."""
    Problem: str = ""


@dataclass(frozen=True)
class Inspection:
    """Everything that is shown of a flow."""

    FlowName: str
    Status: str
    StatusMessage: str
    WhatToDo: str
    Source: str
    Destination: str
    Schedule: str
    Imported: Imported | None
    """None if the flow is not the continuous integration of a stack."""
    Runs: tuple[Run, ...]
    """The latest runs, newest first."""
    DeadLetterQueue: DeadLetterQueue | None
    """None if the domain has none, or if the destination is not a domain."""
    Console: str


def inspect(place: Place, flow_name: str, runs: int, as_json: bool) -> int:
    """Show a flow. Returns the exit code. Raises CannotDo if it does not exist."""
    inspection = look(place.client, flow_name, runs)
    if as_json:
        write_json(asdict(inspection))
    else:
        write(console(), *show(inspection))
    return 0


def look(client: Callable[[str], Any], flow_name: str, runs: int) -> Inspection:
    """Read a flow and its latest ``runs``; ``client`` creates the boto3 client of a service.

    Raises CannotDo if the flow does not exist, and botocore's errors.
    """
    appflow = client("appflow")
    try:
        flow = appflow.describe_flow(flowName=flow_name)
    except appflow.exceptions.ResourceNotFoundException:
        where = appflow.meta.region_name
        raise CannotDo(
            f"there is no flow with this name in {where}. Names are case-sensitive. To list all "
            "flows, run aws appflow list-flows. The flow of a window is deleted when the window "
            "ends; its run is in the report."
        ) from None
    latest = latest_runs(appflow, flow, lambda found: len(found) >= runs, _PAGE)
    scheduled = flow["triggerConfig"]["triggerType"] == "Scheduled"
    destination = flow["destinationFlowConfigList"][0]
    profiles = destination["destinationConnectorProperties"].get("CustomerProfiles")
    return Inspection(
        FlowName=flow_name,
        Status=flow["flowStatus"],
        StatusMessage=flow.get("flowStatusMessage", ""),
        WhatToDo=flow_remediation("FlowNotActive")
        if scheduled and flow["flowStatus"] != "Active"
        else "",
        Source=_source(flow["sourceFlowConfig"]),
        Destination=(
            f"Customer Profiles, domain {profiles['domainName']}, "
            f"object type {profiles.get('objectTypeName', 'of the integration')}"
            if profiles
            else destination["connectorType"]
        ),
        Schedule=_schedule(flow["triggerConfig"]),
        Imported=coverage.look(client, flow, latest),
        Runs=tuple(_run(run, scheduled) for run in latest[:runs]),
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
    parts = [f"{schedule['scheduleExpression']}, {schedule.get('dataPullMode', 'Incremental')}"]
    for key, word in (
        ("scheduleStartTime", "starts"),
        ("scheduleEndTime", "ends"),
        ("firstExecutionFrom", "pulls changes since"),
    ):
        if schedule.get(key):
            parts.append(f"{word} {_instant(schedule[key])}")
    return ", ".join(parts)


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
        if failure_texts.says(failure_texts.Kind.AUTHENTICATION, message):
            return flow_remediation("ConnectorAuthenticationException")
        return flow_remediation("PullFailed" if scheduled else "RunFailed")
    if status == "Canceled":
        return flow_remediation("PullCanceled" if scheduled else "RunCanceled")
    return flow_remediation("RecordsFailed") if put_failures else ""


def _queue(client: Callable[[str], Any], domain: str) -> DeadLetterQueue | None:
    """Count the messages in a domain's dead-letter queue, if the permissions suffice."""
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


# What is shown --------------------------------------------------------------------------


def show(inspection: Inspection) -> Iterator[RenderableType]:
    """Render an inspection for 80 columns and more. Its links are lines of their own."""
    yield _heading(inspection)
    yield Text()
    yield _runs(inspection.Runs)
    yield from _messages(inspection.Runs)
    yield Text()
    if "Customer Profiles" in inspection.Destination:
        yield from _dead_letters(inspection.DeadLetterQueue)
    yield Text("Console")
    yield Text(inspection.Console)


def _heading(inspection: Inspection) -> RenderableType:
    table = _pairs()
    status = Text(
        inspection.Status, style="green" if inspection.Status == "Active" else "bold yellow"
    )
    table.add_row("Flow", Text(inspection.FlowName, style="bold"))
    table.add_row("Status", Text(" ").join([status, Text(inspection.StatusMessage)]))
    for name in ("WhatToDo", "Source", "Destination", "Schedule"):
        if value := getattr(inspection, name):
            table.add_row("" if name == "WhatToDo" else name, Text(value))
    if imported := inspection.Imported:
        unknown = Text(f"not known. {imported.Problem}", style="yellow")
        table.add_row("Imported", unknown if imported.Problem else Text(imported.Line))
        for start, end in imported.Gaps:
            table.add_row("Gap", Text(f"{start} to {end}", style="bold yellow"))
    return table


def _runs(runs: tuple[Run, ...]) -> RenderableType:
    if not runs:
        return Text("It has not run yet.")
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    for column in ("Started (UTC)", "Status", "Pulled from", "to"):
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
    """Show each message once, with the runs that had it and what to do."""
    groups: dict[tuple[str, str], list[str]] = {}
    for run in runs:
        if run.WhatToDo:
            groups.setdefault((run.Message, run.WhatToDo), []).append(_short(run.StartedAt))
    for (message, what_to_do), started in groups.items():
        yield Text()
        many = f"{len(started)} runs, the last at {started[0]}" if len(started) > 1 else started[0]
        yield Text(f"{many}: {visible(message) or 'AppFlow gave no reason.'}")
        yield Text(what_to_do, style="italic")


def _dead_letters(queue: DeadLetterQueue | None) -> Iterator[Text]:
    if queue is None:
        depth = Text("none. Objects that Customer Profiles cannot map are lost without notice")
    elif queue.Messages is None:
        depth = Text(f"not counted. {queue.Problem}", style="yellow")
    else:
        depth = Text(f"{queue.Messages:,} messages", style="bold red" if queue.Messages else "")
    yield Text.assemble("Dead-letter queue  ", depth)
    if queue is not None and queue.Url:
        yield Text(queue.Url)


def _pairs() -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    return table


def _short(instant: str | None) -> str:
    """Give an instant to the minute; the JSON has the second."""
    return (instant or "—")[: len("2026-11-23T22:05")].replace("T", " ")
