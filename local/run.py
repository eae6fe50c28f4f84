"""One execution in the embedded cloud, from its input to what has landed."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bulk_ingestion import flows
from bulk_ingestion.errors import explain
from bulk_ingestion.times import epoch_milliseconds as milliseconds
from bulk_ingestion.times import parse_instant
from local import faults
from local.clock import Clock
from local.cloud import Cloud, embedded_cloud
from local.progress import Progress, Watcher
from local.sources import epoch_milliseconds
from local.watch import follow

RUNS = Path("runs")
"""Where copies of the runs' folders are kept, since the embedded cloud's bucket goes with it."""


_FETCHED_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


@dataclass(frozen=True)
class Counts:
    """Records of the source that the import asked for, and objects in the domain."""

    source: int
    older: int
    """Records of the source from before the import's start."""
    domain: int


def run(
    execution_input: str,
    name: str,
    speed: float | None,
    as_json: bool,
    picture: Path | None,
    asked_faults: faults.Spec | None = None,
) -> int:
    """Run one execution and show it; give the process's exit code, 0 for SUCCEEDED alone."""
    console = Console(record=picture is not None, stderr=as_json)
    with embedded_cloud(Clock(speed), {"LogLevel": "ERROR"}) as cloud:
        if asked_faults is not None:
            faults.install(asked_faults)
        started = cloud.client("stepfunctions").start_execution(
            stateMachineArn=cloud.stack.state_machine_arn, name=name, input=execution_input
        )
        watcher = Watcher(cloud.client, started["executionArn"])
        progress = follow(watcher.look, name, None if as_json else console)
        folder = _keep(cloud, name)
        if as_json:
            sys.stdout.write(json.dumps(progress.output) + "\n" if progress.output else "")
        else:
            _print_end(console, progress, _count(cloud, folder), folder)
    if progress.error and as_json:
        console.print(f"{progress.error}: {explain(progress.cause)}", style="red")
    if picture is not None:
        svg = console.export_svg(title="make run")
        picture.write_text(_FETCHED_FONTS.sub("", svg))
    return 0 if progress.status == "SUCCEEDED" else 1


def _keep(cloud: Cloud, name: str) -> Path:
    """Copy the run's folder out of the embedded cloud's bucket."""
    s3 = cloud.client("s3")
    bucket = cloud.stack.runs_bucket
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"runs/{name}/").get("Contents", [])
    for entry in listed:
        path = RUNS / Path(entry["Key"]).relative_to("runs")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read())
    return RUNS / name


def _count(cloud: Cloud, folder: Path) -> Counts | None:
    """Count both ends; None for an execution that got no plan."""
    if not (folder / "request.json").exists():
        return None
    request = json.loads((folder / "request.json").read_text())
    items = json.loads((folder / "plan.json").read_text())
    source = flows.source_of(request["FlowDefinition"])
    begins = min((item["StartTime"] for item in items), default=request["HandOff"])
    begins_at = milliseconds(parse_instant(begins))
    records: list[dict[str, Any]] = cloud.services.sources.get(
        source.profile or "", source.object
    ).records()
    older = sum(
        (epoch_milliseconds(record[source.datetime_field]) or 0) < begins_at for record in records
    )
    landed = cloud.services.domain_objects(request["DomainName"], request["ObjectTypeName"])
    return Counts(len(records) - older, older, len(landed))


def _print_end(console: Console, progress: Progress, counts: Counts | None, folder: Path) -> None:
    console.print()
    if progress.output is not None:
        console.print_json(data=progress.output)
    else:
        console.print(f"{progress.error}", style="bold red")
        console.print(explain(progress.cause), markup=False, highlight=False)
    if counts is not None:
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        table.add_row("At the source", f"{counts.source:,}", f"and {counts.older:,} older ones")
        table.add_row("In the domain", f"{counts.domain:,}")
        console.print(table)
    for report in sorted(folder.glob("report.*")):
        console.print(f"Report: {report}", soft_wrap=True)
