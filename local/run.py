"""One execution in the embedded cloud, from its input to what has landed."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bulk_ingestion import api_model, flows
from bulk_ingestion.errors import explain
from bulk_ingestion.times import epoch_milliseconds as milliseconds
from bulk_ingestion.times import parse_instant
from local import faults
from local.clock import Clock
from local.cloud import Cloud, embedded_cloud
from local.month import Day, Month
from local.progress import Progress, Watcher
from local.simulation import Record
from local.sources import epoch_milliseconds
from local.tasks import mapped
from local.watch import follow

RUNS = Path("runs")
"""Where copies of the runs' folders are kept, since the embedded cloud's bucket goes with it."""


_EMAIL = "you@acme.example"
_FETCHED_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


@dataclass(frozen=True)
class Ends:
    """Both ends: the records of the source that the import asked for, and what is in the domain."""

    source: int
    older: int
    """Records of the source from before the import's start."""
    domain: int
    missing: int
    """Records of the source that are not in the domain with the values that they have now."""
    awaited: int
    """Those of them that changed after the hand-off, which the integration's next pull brings."""
    strange: int
    """Objects of the domain with values that no record of the source has now."""

    @property
    def are_equal(self) -> bool:
        """Whether the domain has what the source has, value by value."""
        return not self.missing and not self.strange

    def verdict(self) -> Text:
        """Compare them in words."""
        if self.are_equal:
            return Text("each as it is at the source")
        if self.missing == self.awaited and not self.strange:
            return Text(f"{self.awaited:,} come with the integration's next pull")
        return Text(
            f"{self.missing:,} are missing or out of date, {self.strange:,} are other ones", "red"
        )


def run(
    execution_input: str,
    name: str,
    speed: float | None,
    as_json: bool,
    picture: Path | None,
    asked_faults: faults.Spec | None = None,
    days: int = 0,
) -> int:
    """Run one execution and show it, and then days that pass; give the process's exit code.

    It is 0 for SUCCEEDED alone, and after ``days`` only when source and domain are equal. A dry
    run has nothing to compare, and no days after it.
    """
    console = Console(record=picture is not None, stderr=as_json)
    with embedded_cloud(Clock(speed), {"LogLevel": "ERROR", "NotifyEmail": _EMAIL}) as cloud:
        if asked_faults is not None:
            faults.install(asked_faults)
        started = cloud.client("stepfunctions").start_execution(
            stateMachineArn=cloud.stack.state_machine_arn, name=name, input=execution_input
        )
        watcher = Watcher(cloud.client, started["executionArn"])
        progress = follow(watcher.look, name, None if as_json else console)
        folder = _keep(cloud, name)
        ended_well = progress.status == "SUCCEEDED"
        is_dry = (progress.output or {}).get("Status") == "NOT_STARTED"
        passed = []
        if ended_well and days and not is_dry:
            console.print()
            for day in Month(cloud, _request(folder)["FlowDefinition"]).days(days):
                passed.append(day)
                if not as_json:
                    _print_day(console, day)
        ends = None if is_dry else _compare(cloud, folder)
        if as_json:
            _print_json(progress, passed, ends)
        else:
            _print_end(console, progress, ends, folder)
        _print_idle_faults(console)
    if progress.error and as_json:
        console.print(f"{progress.error}: {explain(progress.cause)}", style="red")
    if picture is not None:
        svg = console.export_svg(title="make run")
        picture.write_text(_FETCHED_FONTS.sub("", svg))
    is_equal = not passed or (ends is not None and ends.are_equal)
    return 0 if ended_well and is_equal else 1


def _keep(cloud: Cloud, name: str) -> Path:
    """Copy the run's folder out of the embedded cloud's bucket, in place of an older copy."""
    shutil.rmtree(RUNS / name, ignore_errors=True)
    s3 = cloud.client("s3")
    bucket = cloud.stack.runs_bucket
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"runs/{name}/").get("Contents", [])
    for entry in listed:
        path = RUNS / Path(entry["Key"]).relative_to("runs")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read())
    return RUNS / name


def _request(folder: Path) -> dict[str, Any]:
    request: dict[str, Any] = json.loads((folder / "request.json").read_text())
    return request


def _compare(cloud: Cloud, folder: Path) -> Ends | None:
    """Look at both ends; None for an execution that got no plan."""
    if not (folder / "request.json").exists():
        return None
    request = _request(folder)
    items = json.loads((folder / "plan.json").read_text())
    source = flows.source_of(request["FlowDefinition"])
    begins = min((item["StartTime"] for item in items), default=request["HandOff"])
    begins_at, handed_off = (
        milliseconds(parse_instant(instant)) for instant in (begins, request["HandOff"])
    )
    records: list[Record] = cloud.services.sources.get(
        source.profile or "", source.object
    ).records()
    definition = api_model.respelled("appflow", "CreateFlowRequest", request["FlowDefinition"])
    tasks = definition["tasks"]
    wanted, older, late = Counter[str](), Counter[str](), Counter[str]()
    for record in records:
        changed = epoch_milliseconds(record[source.datetime_field]) or 0
        text = _text(mapped(record, tasks))
        (older if changed < begins_at else wanted)[text] += 1
        late[text] += changed >= handed_off
    landed = Counter(
        _text(found)
        for found in cloud.services.domain_objects(request["DomainName"], request["ObjectTypeName"])
    )
    return Ends(
        source=wanted.total(),
        older=older.total(),
        domain=landed.total(),
        missing=(wanted - landed).total(),
        awaited=((wanted - landed) & late).total(),
        strange=(landed - wanted - older).total(),
    )


def _text(record: Record) -> str:
    return json.dumps(record, sort_keys=True)


def _print_day(console: Console, day: Day) -> None:
    failed = f", {day.failed} failed" if day.failed else ""
    console.print(
        f"{day.ends:%Y-%m-%d %H:%M}  day {day.number:2}  {day.pulls:3} pulls{failed}, "
        f"{day.records:,} records, {day.checks} checks",
        style="yellow" if day.notes else None,
        highlight=False,
    )
    for note in day.notes:
        console.print(Padding(Text(note), (0, 0, 0, 4)))


def _print_json(progress: Progress, passed: list[Day], ends: Ends | None) -> None:
    """Print the output, and after days what happened in them, and both ends."""
    told: Any = progress.output
    if passed and ends is not None:
        told = {"Output": told, "Days": [asdict(day) for day in passed], "Ends": asdict(ends)}
    sys.stdout.write(json.dumps(told, default=str) + "\n" if told else "")


def _print_end(console: Console, progress: Progress, ends: Ends | None, folder: Path) -> None:
    console.print()
    if progress.output is not None:
        console.print_json(data=progress.output)
    else:
        console.print(f"{progress.error}", style="bold red")
        console.print(explain(progress.cause), markup=False, highlight=False)
    if ends is not None:
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        table.add_row("At the source", f"{ends.source:,}", f"and {ends.older:,} older ones")
        table.add_row("In the domain", f"{ends.domain:,}", ends.verdict())
        console.print(table)
    for report in sorted(folder.glob("report.*")):
        console.print(f"Report: {report}", soft_wrap=True, highlight=False)


def _print_idle_faults(console: Console) -> None:
    """Name the faults that were asked for and met nothing: a pattern may be wrong."""
    for fault in faults.told()["Faults"]:
        if not fault.pop("Struck"):
            told = f"This fault met nothing: {json.dumps(fault)}"
            console.print(told, style="yellow", markup=False, highlight=False, soft_wrap=True)
