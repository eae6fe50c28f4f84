"""The report as a page: one file that needs nothing else, for people who have not seen the code."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bulk_ingestion.advice import advice
from bulk_ingestion.console import execution_link, flow_link
from bulk_ingestion.pictures import SYMBOLS, Axis, Bars, Batch, timeline
from bulk_ingestion.redaction import without_secrets
from bulk_ingestion.times import parse_instant

if TYPE_CHECKING:
    from jinja2 import Template

_TEMPLATE = Path(__file__).with_name("report.html.j2")
_REDRIVE_DAYS = 14
_GROUPS = 20  # kinds of failure that are told apart; the table of windows has them all
_NAMED = 12  # windows that a kind of failure names
_LONG = 200  # characters of an input's value that stand in the table; a longer one is folded
_WORDS = {
    "COMPLETE": "Complete",
    "FAILED": "Failed",
    "CANCELLED": "Cancelled",
    "IN_PROGRESS": "In progress",
    "NOT_STARTED": "Planned",
}


def render(report: dict[str, Any]) -> str:
    """Show a report as HTML; everything that it says appears as text."""
    view = View(report)
    return _template().render(view=view, report=report)


@lru_cache(maxsize=1)
def _template() -> Template:
    """Compile the page's template; importing Jinja2 takes its time."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    environment.filters |= {
        "instant": instant,
        "bare": lambda value: instant(value).removesuffix(" UTC"),
        "duration": duration,
        "json": _json,
        "count": _count,
    }
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Failure:
    """Windows that failed in the same way, or the error that the execution ended in."""

    name: str
    message: str
    windows: list[str]

    @property
    def advice(self) -> str:
        """What to do about it."""
        return advice(self.name)

    @property
    def named(self) -> str:
        """Its windows, the first ones by name."""
        more = len(self.windows) - _NAMED
        return ", ".join(self.windows[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")


@dataclass(frozen=True)
class Figure:
    """What an import takes, as it was estimated and as it turned out."""

    label: str
    estimate: str
    cost: str | None
    formula: str


class View:
    """What the template shows of a report."""

    symbols = SYMBOLS
    redrive_days = _REDRIVE_DAYS

    def __init__(self, report: dict[str, Any]) -> None:
        self._report = report
        self.status: str = report["Status"]
        self.dry_run: bool = report.get("DryRun", False)
        self.batches: list[Batch] = report["Batches"]
        self.leaves = [batch for batch in self.batches if batch["Status"] != "SPLIT"]
        self.incomplete = [batch for batch in self.leaves if batch["Status"] != "COMPLETE"]
        self.integration: dict[str, Any] | None = report.get("Integration")
        execution = report.get("Execution", {})
        self.arn: str = execution.get("Arn", "")
        self.name: str = execution.get("Name", "Bulk ingestion")
        self.started: str | None = execution.get("StartedAt")
        self.ended: str = report.get("ReportedAt", "")
        self.axis = Axis.of(self.batches) if self.batches else None
        self.rows = timeline(self.axis, self.batches) if self.axis else []
        self.bars = Bars.of(self.axis, self.leaves) if self.axis else None

    @property
    def is_grouped(self) -> bool:
        """Whether windows share a block."""
        return sum(map(len, self.rows)) < len(self.batches)

    @property
    def word(self) -> str:
        """The execution's status, in a word."""
        return "Dry run" if self.dry_run else _WORDS[self.status]

    @property
    def is_stopped(self) -> bool:
        """Whether it ended before its work was done."""
        return self.status in ("FAILED", "CANCELLED")

    @property
    def records(self) -> int:
        """The records that arrived."""
        return int(self._report["Metrics"]["RecordsProcessed"])

    @property
    def counted(self) -> dict[str, int]:
        """How many windows have each status, the worst first."""
        counted = Counter(batch["Status"] for batch in self.batches)
        return {status: counted[status] for status in SYMBOLS if counted[status]}

    @property
    def summary(self) -> str:
        """What happened, in a few sentences."""
        total, left = len(self.leaves), len(self.incomplete)
        source, domain = self._report["ObjectTypeName"], self._report["DomainName"]
        if self.dry_run:
            return (
                f"This was a dry run: {_windows(total)} would be run for {source} in the domain "
                f"{domain}. Nothing was created and no record was moved."
            )
        if self.status == "NOT_STARTED":
            return f"{_windows(total).capitalize()} of {source} were planned; none had been run."
        arrived = f"{_records(self.records)} of {source} arrived in the domain {domain}"
        if self.status == "COMPLETE" and total:
            return f"{_all(total)} complete: {arrived}."
        if self.status == "COMPLETE":
            return (
                f"The import reaches back so little that no windows were needed: the continuous "
                f"integration alone brings {source} into the domain {domain}."
            )
        if not left and self.status == "FAILED":
            return (
                f"{_all(total)} complete: {arrived}. But the continuous integration that goes on "
                "from there could not be created."
            )
        ending = {
            "FAILED": "the execution failed",
            "CANCELLED": "the execution was stopped before its end",
            "IN_PROGRESS": "the execution was still running",
        }[self.status]
        return (
            f"{left:,} of {_windows(total)} {'is' if left == 1 else 'are'} not complete: {ending}. "
            f"So far, {arrived}. Nothing that is complete will be run again."
        )

    @property
    def repeated(self) -> int:
        """The attempts beyond each window's first."""
        return sum(max(0, int(batch["Attempts"]) - 1) for batch in self.batches)

    @property
    def totals(self) -> list[tuple[str, str]]:
        """The figures at a glance."""
        metrics = self._report["Metrics"]
        if self.dry_run:
            estimate = self._report["Estimate"]
            return [
                ("Windows", f"{metrics['TotalSteps']:,}"),
                ("Estimated cost", _dollars(estimate["TotalUsd"])),
                ("Estimated duration", lasting(estimate["Seconds"])),
            ]
        return [
            ("Records", f"{self.records:,}"),
            ("Failed records", f"{metrics['RecordsFailed']:,}"),
            ("Windows complete", f"{metrics['StepsCompleted']:,} of {metrics['TotalSteps']:,}"),
            ("Windows split", f"{self.counted.get('SPLIT', 0):,}"),
            ("Repeated attempts", f"{self.repeated:,}"),
            ("Duration", duration(self.started, self.ended)),
        ]

    @property
    def error(self) -> Failure | None:
        """What the execution ended in, unless a window ended in the same."""
        error = self._report.get("Error")
        if error is None:
            return None
        return Failure(error["Name"], error["Cause"], [])

    @property
    def failures(self) -> list[Failure]:
        """The kinds of failure of windows, the most frequent first."""
        groups: dict[tuple[str, str], list[str]] = {}
        for batch in self.incomplete:
            if batch["Status"] == "FAILED":
                key = (batch.get("Error", "FAILED"), batch["ExecutionMessage"])
                groups.setdefault(key, []).append(_named(batch))
        largest_first = sorted(groups.items(), key=lambda group: -len(group[1]))
        return [Failure(name, text, ids) for (name, text), ids in largest_first[:_GROUPS]]

    @property
    def not_run(self) -> list[Batch]:
        """Windows that were stopped, or had not begun, when the execution ended."""
        return [batch for batch in self.incomplete if batch["Status"] != "FAILED"]

    @property
    def given(self) -> dict[str, Any]:
        """The execution's input, without secrets."""
        given: dict[str, Any] = without_secrets(self._report.get("Input", {}))
        return given

    @property
    def folded(self) -> dict[str, Any]:
        """The parts of the input that are too long for a table."""
        return {key: value for key, value in self.given.items() if len(_json(value)) > _LONG}

    @property
    def figures(self) -> list[Figure]:
        """What the import was estimated to take, and what it has taken."""
        estimate, cost = self._report.get("Estimate"), self._report.get("Cost")
        if estimate is None:
            return []
        return [
            Figure(
                label,
                show(estimate[key]),
                show(cost[key]) if cost else None,
                estimate["Formula"][key],
            )
            for key, label, show in _FIGURES
        ]

    @property
    def sent(self) -> dict[str, Any] | None:
        """The FlowDefinition that a dry run would send."""
        return self._report.get("FlowDefinition")

    @property
    def execution_link(self) -> str:
        """The execution in the console of AWS."""
        return execution_link(self.arn)

    @property
    def flow_link(self) -> str:
        """The flow of the continuous integration in the console of AWS."""
        name = self.integration["FlowName"] if self.integration else ""
        return flow_link(self.arn, name)

    @property
    def redrive_command(self) -> str:
        """How to redrive the execution from a terminal."""
        return f"aws stepfunctions redrive-execution --execution-arn {shlex.quote(self.arn)}"

    @property
    def resume_input(self) -> str:
        """The input of an execution that takes over."""
        return json.dumps({"Resume": self.name})


def instant(value: str | datetime | None) -> str:
    """Write an instant for people: ``2026-11-23 10:00:00 UTC``."""
    if not value:
        return "—"
    known = value if isinstance(value, datetime) else parse_instant(value)
    return known.strftime("%Y-%m-%d %H:%M:%S UTC")


def duration(start: str | None, end: str | None) -> str:
    """Write how long something took, in its two largest units."""
    if not start or not end:
        return "—"
    return lasting(int((parse_instant(end) - parse_instant(start)).total_seconds()))


def lasting(seconds: int) -> str:
    """Write seconds in their two largest units."""
    parts = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        number, seconds = divmod(seconds, size)
        if number:
            parts.append(f"{number} {unit}")
    return " ".join(parts[:2]) or "0 s"


def _count(number: float) -> str:
    return f"{number:,}"


def _dollars(amount: float) -> str:
    return f"${amount:,.2f}" if amount >= 1 else f"${amount:.4f}"


def _size(gigabytes: float) -> str:
    return f"{gigabytes:,.4g} GB" if gigabytes >= 0.1 else f"{gigabytes * 1024:,.2f} MB"


_FIGURES: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("FlowRuns", "Flow runs", _count),
    ("GigabytesProcessed", "Data", _size),
    ("StateTransitions", "State transitions", _count),
    ("AppFlowUsd", "AppFlow", _dollars),
    ("StepFunctionsUsd", "Step Functions", _dollars),
    ("TotalUsd", "Together", _dollars),
    ("Seconds", "Duration", lasting),
)


def _named(batch: Batch) -> str:
    start, end = batch["BatchRecordsStartTime"], batch["BatchRecordsEndTime"]
    return f"{batch['WindowId']} ({start[:10]} to {end[:10]})"


def _windows(number: int) -> str:
    return f"{number:,} window{'' if number == 1 else 's'}"


def _all(windows: int) -> str:
    return "The one window is" if windows == 1 else f"All {_windows(windows)} are"


def _records(number: int) -> str:
    return f"{number:,} record{'' if number == 1 else 's'}"


def _json(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, indent=2, ensure_ascii=False)
