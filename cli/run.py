"""One execution in the embedded cloud, from its input to what has landed."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bulk_ingestion.aws.gone import unless_gone
from bulk_ingestion.flow import definitions
from bulk_ingestion.run.layout import PAGE
from bulk_ingestion.wording import visible
from cli.comparison import Asked, Ends, compare
from cli.days import with_days
from cli.executions import RUNS
from cli.month import Day, Month, totals
from cli.own_input import prepare
from cli.progress import Progress, Watcher
from cli.terminal import console as console_of
from cli.terminal import write, write_json
from cli.view import ending
from cli.watch import follow, result
from local.clock import Clock
from local.cloud import Cloud, embedded_cloud
from local.faults import faults
from local.faults.spec import Spec
from local.services import simulation

_EMAIL = "you@acme.example"
_FETCHED_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def run(
    execution_input: str,
    name: str,
    speed: float | None,
    as_json: bool,
    picture: Path | None,
    asked_faults: Spec | None = None,
    days: int = 0,
    source: Path | None = None,
) -> int:
    """Run one execution and show it, and then the days after it. Returns the exit code.

    ``source`` has the records of the input's source. Raises InvalidSource.

    The exit code is 0 only for SUCCEEDED, and only if the domain lacks nothing but what the next
    pull brings; after ``days``, only if it equals the source. A dry run has nothing to compare, and
    no days after it.
    """
    console = console_of(stderr=as_json, record=picture is not None)
    with embedded_cloud(Clock(speed), {"LogLevel": "ERROR", "NotifyEmail": _EMAIL}) as cloud:
        if asked_faults is not None:
            faults.install(asked_faults)
        for notice in prepare(cloud, execution_input, source):
            console.print(notice, highlight=False)
        started = cloud.client("stepfunctions").start_execution(
            stateMachineArn=cloud.stack.state_machine_arn, name=name, input=execution_input
        )
        watcher = Watcher(cloud.client, started["executionArn"], cloud.clock.now)
        shown = None if as_json else console
        progress = follow(watcher.look, name, shown, simulated=True)
        folder = _keep(cloud, name)
        ended_well = progress.status == "SUCCEEDED"
        is_dry = progress.is_dry_run
        passed = []
        if ended_well and days and not is_dry:
            passed = _pass(cloud, folder, days, shown)
        ends = None if is_dry else _compare(cloud, folder)
        if as_json:
            _print_json(progress, passed, ends)
        else:
            _print_end(console, progress, ends, folder)
        _print_idle_faults(console)
    if not ended_well and as_json:
        write(console, *ending(progress))
    if ends is not None and as_json and not ends.is_complete:
        console.print(ends.decision())
    if picture is not None:
        svg = console.export_svg(title="make run")
        picture.write_text(_FETCHED_FONTS.sub("", svg))
    is_whole = ends is None or (ends.are_equal if passed else ends.is_complete)
    return 0 if ended_well and is_whole else 1


def _keep(cloud: Cloud, name: str) -> Path:
    """Copy the run's folder out of the embedded cloud's bucket, and replace an older copy."""
    shutil.rmtree(RUNS / name, ignore_errors=True)
    s3 = cloud.client("s3")
    bucket = cloud.stack.runs_bucket
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"runs/{name}/").get("Contents", [])
    for entry in listed:
        path = RUNS / Path(entry["Key"]).relative_to("runs")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read())
    return RUNS / name


def _pass(cloud: Cloud, folder: Path, days: int, console: Console | None) -> list[Day]:
    """Let days pass, print each, and add them to the report's page."""
    passed = []
    for day in Month(cloud, _request(folder)["FlowDefinition"]).days(days):
        passed.append(day)
        if console:
            _print_day(console, day)
    if console:
        console.print(totals(passed), style="bold", highlight=False)
    page = folder / PAGE
    page.write_text(with_days(page.read_text(encoding="utf-8"), passed), encoding="utf-8")
    return passed


def _request(folder: Path) -> dict[str, Any]:
    request: dict[str, Any] = json.loads((folder / "request.json").read_text())
    return request


def _compare(cloud: Cloud, folder: Path) -> Ends | None:
    """Compare the source with the domain; None for an execution without a plan."""
    if not (folder / "request.json").exists():
        return None
    request = _request(folder)
    source = definitions.source_of(request["FlowDefinition"])
    domain, object_type = request["DomainName"], request["ObjectTypeName"]
    cloud.clock.advance(simulation.current.knobs.ingestion_takes.total_seconds())
    return compare(
        Asked.by(
            request,
            json.loads((folder / "plan.json").read_text()),
            _next_pull_from(cloud, request["FlowDefinition"]["FlowName"]),
        ),
        cloud.services.sources.get(
            source.profile or source.connector.type, source.object
        ).records(),
        cloud.services.domain_objects(domain, object_type),
        cloud.services.lost(domain, object_type),
    )


def _next_pull_from(cloud: Cloud, flow_name: str) -> datetime | None:
    """Give the end of a continuous flow's last pull; None if it has not pulled."""
    operation = cloud.client("appflow").describe_flow_execution_records
    described = unless_gone(operation, flowName=flow_name, maxResults=100)
    runs = described["flowExecutions"] if described else []
    ends = (run["dataPullEndTime"] for run in runs if run["executionStatus"] == "Successful")
    return max(ends, default=None)


def _print_day(console: Console, day: Day) -> None:
    failed = f", {day.failed} failed" if day.failed else ""
    name = "after " if day.number is None else f"day {day.number:2}"
    console.print(
        f"{name}  until {day.ends:%Y-%m-%d %H:%M}  {day.pulls:3} pulls{failed}, "
        f"{day.records:,} records, {day.checks} checks",
        style="yellow" if day.notes else None,
        highlight=False,
    )
    for note in day.notes:
        console.print(Padding(Text(visible(note)), (0, 0, 0, 4)))


def _print_json(progress: Progress, passed: list[Day], ends: Ends | None) -> None:
    """Print the output, and if days passed, also what happened and the comparison."""
    shown: Any = result(progress)
    if passed and ends is not None:
        shown = {"Output": shown, "Days": [asdict(day) for day in passed], "Ends": asdict(ends)}
    write_json(shown)


def _print_end(console: Console, progress: Progress, ends: Ends | None, folder: Path) -> None:
    write(console, *ending(progress))
    if ends is not None:
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        table.add_row(
            "At the source", f"{ends.source:,}", f"and {ends.others:,} outside the imported period"
        )
        table.add_row("In the domain", f"{ends.domain:,}", ends.decision())
        console.print(table)
    for report in sorted(folder.glob("report.*")):
        console.print(f"Report: {report}", soft_wrap=True, highlight=False)


def _print_idle_faults(console: Console) -> None:
    """Name the faults that never struck: a pattern may be wrong."""
    for fault in faults.status()["Faults"]:
        if not fault.pop("Struck"):
            problem = f"This fault never struck: {json.dumps(fault)}"
            console.print(problem, style="yellow", markup=False, highlight=False, soft_wrap=True)
