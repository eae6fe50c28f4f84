"""The commands on the executions of a stack, in AWS or in the embedded cloud."""

from __future__ import annotations

import json
import re
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from rich.table import Table
from rich.text import Text

from bulk_ingestion.errors import InvalidInput
from bulk_ingestion.input.request import read
from bulk_ingestion.notifications.links import execution_link
from bulk_ingestion.report.page import lasting
from bulk_ingestion.run.layout import PAGE, REPORT
from bulk_ingestion.times import iso
from bulk_ingestion.wording import visible
from cli.clients import CannotDo, Place
from cli.progress import RunFolder, Watcher
from cli.terminal import console, write, write_json
from cli.view import status_of
from cli.watch import REFRESH, REFRESH_OF_AWS, finish, follow

RUNS = Path("runs")
"""Where the reports of executions are copied to."""

_ARN = re.compile(r"arn:[^:]+:states:([^:]+):\d+:execution:([^:/]+):([^:]+)")
_NOT_IN_A_NAME = r"[^A-Za-z0-9._-]"
_TIME = r"-\d{8}-\d{6}(-\d{3})?$"
_SOME_DOMAIN = "the-domain-of-the-stack"
"""In place of the stack's parameter DomainName, which only the stack knows."""


def located(place: Place, given: str | None) -> tuple[Place, str]:
    """Find an execution by its name or ARN, or else the latest one; gives its place and its ARN.

    An ARN names its own Region and stack. Raises CannotDo, and botocore's errors.
    """
    if given and (arn := _ARN.fullmatch(given)):
        return replace(place, region=arn[1], stack=arn[2]), given
    if given:
        machine = place.state_machine_arn
        return place, f"{machine.replace(':stateMachine:', ':execution:')}:{given}"
    with _naming(place):
        found = _executions(place, 1)
    if not found:
        raise CannotDo(f"the stack {place.stack} has no executions yet. Start one with bulk start.")
    return place, str(found[0]["executionArn"])


def check(text: str, where: str) -> dict[str, Any]:
    """Check an input as PlanWindows will. Raises CannotDo with every problem."""
    try:
        given = json.loads(text)
    except ValueError as error:
        raise CannotDo(f"{where} is not JSON: {error}.") from None
    try:
        read(given, datetime.now(UTC), domain=_SOME_DOMAIN)
    except InvalidInput as invalid:
        raise CannotDo(f"{where} is not a valid input. {invalid}") from None
    checked: dict[str, Any] = given
    return checked


def name_for(stem: str) -> str:
    """Make an execution's name of a word and the time."""
    word = re.sub(_NOT_IN_A_NAME, "-", re.sub(_TIME, "", stem))[:60]
    now = datetime.now(UTC)
    return f"{word}-{now:%Y%m%d-%H%M%S}-{now.microsecond // 1000:03d}"


def start(place: Place, given: dict[str, Any], name: str, is_watched: bool, as_json: bool) -> int:
    """Start an execution, and follow it if it is to be watched. Returns the exit code."""
    with _naming(place):
        started = place.client("stepfunctions").start_execution(
            stateMachineArn=place.state_machine_arn, name=name, input=json.dumps(given)
        )
    return _announce(place, started["executionArn"], "Started", is_watched, as_json)


def resume(
    place: Place,
    given: str | None,
    corrections: dict[str, Any],
    is_watched: bool,
    as_json: bool,
) -> int:
    """Start an execution that runs the missing windows of another one."""
    place, arn = located(place, given)
    name = arn.rpartition(":")[2]
    with _naming(place, name):
        place.client("stepfunctions").describe_execution(executionArn=arn)
    return start(place, {"Resume": name, **corrections}, name_for(name), is_watched, as_json)


def redrive(place: Place, given: str | None, is_watched: bool, as_json: bool) -> int:
    """Redrive an execution: its windows that are not complete run again."""
    place, arn = located(place, given)
    name = arn.rpartition(":")[2]
    states = place.client("stepfunctions")
    with _naming(place, name):
        try:
            states.redrive_execution(executionArn=arn)
        except states.exceptions.ExecutionNotRedrivable as error:
            message = error.response["Error"].get("Message", "")
            raise CannotDo(
                f"{name} can't be redriven: {message.rstrip('.')}. To run its missing windows in "
                f"a new execution, use bulk resume {name}."
            ) from None
    return _announce(place, arn, "Redriven", is_watched, as_json)


def stop(place: Place, given: str | None, cause: str, as_json: bool) -> int:
    """Stop an execution. What its unfinished windows created is removed."""
    place, arn = located(place, given)
    name = arn.rpartition(":")[2]
    states = place.client("stepfunctions")
    with _naming(place, name):
        status = states.describe_execution(executionArn=arn)["status"]
        if status != "RUNNING":
            raise CannotDo(f"{name} is not running: it is {status_of(status)}.")
        states.stop_execution(executionArn=arn, error="Stopped", cause=cause)
    if as_json:
        write_json({"Name": name, "ExecutionArn": arn, "Status": "CANCELLED"})
    else:
        text = f"Stopped {name}. What its unfinished windows created is being removed."
        write(console(), Text(text))
    return 0


def watch(place: Place, given: str | None, as_json: bool) -> int:
    """Show an execution until it has ended. Returns the exit code, 0 only for SUCCEEDED."""
    place, arn = located(place, given)
    name = arn.rpartition(":")[2]
    shown = console()
    with _naming(place, name):
        progress = follow(
            Watcher(place.client, arn, place.now).look,
            name,
            None if as_json else shown,
            REFRESH if place.is_embedded else REFRESH_OF_AWS,
            place.is_embedded,
        )
    return finish(progress, shown, as_json)


def report(place: Place, given: str | None, is_opened: bool, as_json: bool) -> int:
    """Copy the report and its page to ``runs/NAME``, and open the page in a browser."""
    place, arn = located(place, given)
    name = arn.rpartition(":")[2]
    with _naming(place, name):
        folder = RunFolder(place.client, arn)
        folder.refresh()
    if not folder.names(REPORT):
        raise CannotDo(
            f"{name} has no report: it ended before it was planned, or it is being planned. To see "
            f"why, run bulk watch {name}."
        )
    copies = {}
    for file in (REPORT, PAGE):
        if folder.names(file):
            copies[file] = RUNS / name / file
            copies[file].parent.mkdir(parents=True, exist_ok=True)
            copies[file].write_bytes(folder.bytes_of(file))
    if as_json:
        write_json(folder.read(REPORT))
    else:
        write(console(), *(Text(f"Report: {path}") for path in copies.values()))
    if is_opened and PAGE in copies and not webbrowser.open(copies[PAGE].resolve().as_uri()):
        raise CannotDo(f"no browser could be opened. Open {copies[PAGE]}.")
    return 0


def show_list(place: Place, number: int, status: str | None, as_json: bool) -> int:
    """List the latest executions, the latest first."""
    with _naming(place):
        found = _executions(place, number, status)
    rows = [
        {
            "Name": each["name"],
            "Status": str(status_of(each["status"])),
            "StartedAt": _instant(each["startDate"]),
            "EndedAt": _instant(each["stopDate"]) if "stopDate" in each else None,
            "ExecutionArn": each["executionArn"],
        }
        for each in found
    ]
    if as_json:
        write_json(rows)
        return 0
    if not rows:
        what = "no running executions" if status else "no executions yet"
        write(console(), Text(f"The stack {place.stack} has {what}."))
        return 0
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("Execution", overflow="fold")
    table.add_column("Status", no_wrap=True)
    table.add_column("Started (UTC)", no_wrap=True)
    table.add_column("Took", no_wrap=True)
    for each in found:
        ended = each.get("stopDate")
        took = int((ended - each["startDate"]).total_seconds()) if ended else None
        table.add_row(
            visible(each["name"]),
            status_of(each["status"]),
            _instant(each["startDate"]).removesuffix("Z").replace("T", " "),
            "" if took is None else lasting(took),
        )
    console().print(table)
    return 0


def names(place: Place, beginning: str) -> list[str]:
    """Give the names of the latest executions that begin like this, for a shell to complete."""
    return [each["name"] for each in _executions(place, 50) if each["name"].startswith(beginning)]


def _announce(place: Place, arn: str, verb: str, is_watched: bool, as_json: bool) -> int:
    name = arn.rpartition(":")[2]
    if is_watched:
        return watch(place, arn, as_json)
    link = "" if place.is_embedded else execution_link(arn)
    if as_json:
        write_json({"Name": name, "ExecutionArn": arn, **({"Console": link} if link else {})})
        return 0
    write(console(), *map(Text, filter(None, (f"{verb} {name}", arn, link))))
    write(console(), Text(f"To follow it: bulk watch {name}{place.options}"))
    return 0


def _executions(place: Place, number: int, status: str | None = None) -> list[dict[str, Any]]:
    pages = place.client("stepfunctions").get_paginator("list_executions")
    call = partial(pages.paginate, stateMachineArn=place.state_machine_arn)
    if status:
        call = partial(call, statusFilter=status)
    found: list[dict[str, Any]] = []
    for page in call(PaginationConfig={"PageSize": min(number, 1000), "MaxItems": number}):
        found += page["executions"]
    return found


def _instant(value: datetime) -> str:
    return iso(value.astimezone(UTC).replace(microsecond=0))


@contextmanager
def _naming(place: Place, name: str = "") -> Iterator[None]:
    """Explain AWS's errors about a stack or an execution that does not exist."""
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        region = place.client("stepfunctions").meta.region_name
        if code == "StateMachineDoesNotExist":
            raise CannotDo(
                f"there is no stack {place.stack} in {region}. Pass --stack, --region, or "
                "--profile."
            ) from None
        if code == "ExecutionDoesNotExist":
            raise CannotDo(
                f"the stack {place.stack} has no execution {name} in {region}. To list its "
                "executions, run bulk list."
            ) from None
        if code == "ExecutionAlreadyExists":
            raise CannotDo(
                "another execution has this name. Names can't be used again for 90 days. "
                "Pass another --name."
            ) from None
        raise
