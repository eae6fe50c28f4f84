"""The report as a page: one self-contained file, for readers who have not seen the code."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bulk_ingestion.flow.target import Integration
from bulk_ingestion.flow.windows import OVERLAPS
from bulk_ingestion.notifications.links import execution_link, flow_link
from bulk_ingestion.notifications.redaction import without_secrets
from bulk_ingestion.remediation import Then, find, then_for
from bulk_ingestion.report.pictures import SYMBOLS, Axis, Bars, months_of_a_block, timeline
from bulk_ingestion.report.record import Batch, Report
from bulk_ingestion.times import length, parse_duration, parse_instant
from bulk_ingestion.wording import visible

if TYPE_CHECKING:
    from jinja2 import Template

_TEMPLATE = Path(__file__).with_name("report.html.j2")
_REDRIVE_DAYS = 14
_GROUPS = 20  # kinds of failure that are listed; the table of windows has all of them
_NAMED = 12  # windows that are named for each kind of failure
_LONG = 200  # characters of an input's value in the table; a longer value is folded
_WORDS = {
    "COMPLETE": "Complete",
    "FAILED": "Failed",
    "CANCELLED": "Cancelled",
    "IN_PROGRESS": "In progress",
    "NOT_STARTED": "Planned",
}


_ACTIONS = {
    "CREATED": "Created",
    "KEPT": "Kept, because it is unchanged, works, and leaves no gap",
    "REPLACED": "Replaced without a gap:",
}


def render(report: Report) -> str:
    """Render a report as HTML. All its values are escaped."""
    view = View(report)
    return _template().render(view=view, report=report)


@lru_cache(maxsize=1)
def _template() -> Template:
    """Compile the page's template. Jinja2 is imported here because its import is slow."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        finalize=lambda value: (
            value if not isinstance(value, str) or hasattr(value, "__html__") else visible(value)
        ),
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
    def remediation(self) -> str:
        """What to do about it."""
        return find(self.name).what_to_do

    @property
    def named(self) -> str:
        """Its windows, the first ones by name."""
        more = len(self.windows) - _NAMED
        return ", ".join(self.windows[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")


@dataclass(frozen=True)
class Figure:
    """A row of the table of costs: the estimate, and the actual figure."""

    label: str
    estimate: str
    cost: str | None
    formula: str


class View:
    """What the template shows of a report."""

    symbols = SYMBOLS
    redrive_days = _REDRIVE_DAYS

    def __init__(self, report: Report) -> None:
        self._report = report
        self.status: str = report["Status"]
        self.dry_run: bool = report.get("DryRun", False)
        self.batches: list[Batch] = report["Batches"]
        self.leaves = [batch for batch in self.batches if batch["Status"] != "SPLIT"]
        self.incomplete = [batch for batch in self.leaves if batch["Status"] != "COMPLETE"]
        self.integration: Integration | None = report.get("Integration")
        execution = report.get("Execution")
        self.arn = execution["Arn"] if execution else ""
        self.name = execution["Name"] if execution else "Bulk ingestion"
        self.started = execution["StartedAt"] if execution else None
        self.ended: str = report.get("ReportedAt", "")
        self.axis = Axis.of(self.batches) if self.batches else None
        self.rows = timeline(self.axis, self.batches) if self.axis else []
        self.bars = Bars.of(self.axis, self.leaves) if self.axis else None

    @property
    def is_grouped(self) -> bool:
        """Whether windows share a block."""
        return sum(map(len, self.rows)) < len(self.batches)

    @property
    def period(self) -> str:
        """What windows that share a block have in common."""
        months = months_of_a_block(self.axis) if self.axis else 0
        return {0: "of the same days", 1: "of the same month"}.get(months, f"of {months} months")

    @property
    def has_attempts(self) -> bool:
        """Whether a block shows its number of attempts."""
        return any(item.labelled and item.attempts > 1 for row in self.rows for item in row)

    @property
    def has_signs(self) -> bool:
        """Whether a window that is not complete has a symbol below its bar."""
        bars = self.bars.blocks if self.bars else []
        return any(bar.labelled and bar.status != "COMPLETE" for bar in bars)

    @property
    def splits(self) -> str:
        """Why windows were split, as far as their messages say."""
        split = [batch for batch in self.batches if batch["Status"] == "SPLIT"]
        reasons = Counter(batch.get("Error", "") for batch in split)
        if set(reasons) == {"RunTooLarge"}:
            return "A window with too many records for one run was split."
        if set(reasons) == {"RunTooLong"}:
            return "A window that was not done within a day was split."
        return "A window that was too large, or whose failure was not known, was split."

    @property
    def word(self) -> str:
        """The execution's status, for people."""
        return "Dry run" if self.dry_run else _WORDS[self.status]

    @property
    def action(self) -> str:
        """What happened, or is expected to happen, to the continuous integration."""
        continuity = self._report.get("Continuity")
        return _ACTIONS[continuity["Action"]] if continuity else ""

    @property
    def overlap(self) -> str:
        """How far the first pull looks back."""
        continuity = self._report.get("Continuity")
        return (
            lasting(int(length(parse_duration(continuity["Overlap"], OVERLAPS)).total_seconds()))
            if continuity
            else ""
        )

    @property
    def is_stopped(self) -> bool:
        """Whether the execution ended before it was complete."""
        return self.status in ("FAILED", "CANCELLED")

    @property
    def records(self) -> int:
        """The number of records that AppFlow has transferred."""
        return int(self._report["Metrics"]["RecordsProcessed"])

    @property
    def counted(self) -> dict[str, int]:
        """The number of windows with each status, the worst status first."""
        counted = Counter(batch["Status"] for batch in self.batches)
        return {status: counted[status] for status in SYMBOLS if counted[status]}

    @property
    def summary(self) -> str:
        """What happened, in a few sentences."""
        total, left = len(self.leaves), len(self.incomplete)
        source, domain = self._report["ObjectTypeName"], self._report["DomainName"]
        if self.dry_run:
            return (
                f"This was a dry run. The import of {source} into the domain {domain} would run "
                f"{_windows(total)}. Nothing was created, and no record was imported."
            )
        if self.status == "NOT_STARTED":
            return f"{_windows(total)} of {source} {_were(total)} planned. None has run yet."
        imported = (
            f"{_records(self.records)} of {source} {_were(self.records)} transferred to the domain "
            f"{domain}"
        )
        if self.status == "COMPLETE" and total:
            return f"{_all(total)} complete: {imported}."
        if self.status == "COMPLETE":
            first_pull = self._report.get("Continuity", {}).get("FirstPull")
            waits = f" Its first pull is at {instant(first_pull)} or later." if first_pull else ""
            return (
                "No windows were needed, because the import reaches back at most two months. The "
                f"continuous integration imports {source} into the domain {domain}.{waits}"
            )
        if not left and self.status == "FAILED":
            return (
                f"{_all(total)} complete: {imported}. But the continuous integration could not be "
                "created."
            )
        ending = {
            "FAILED": "the execution failed",
            "CANCELLED": "the execution was stopped",
            "IN_PROGRESS": "the execution was still running",
        }[self.status]
        return (
            f"{left:,} of {_windows(total)} {'is' if left == 1 else 'are'} not complete: {ending}. "
            f"So far, {imported}. Windows that are complete don't run again."
        )

    @property
    def domain(self) -> list[tuple[str, str]]:
        """What the domain and its dead-letter queue held before the import and after it."""
        if "Domain" not in self._report:
            return []
        before, after = self._report["Domain"]["Before"], self._report["Domain"].get("After")
        facts = []
        if "Objects" in before:
            text = _compared(before["Objects"], after.get("Objects") if after else None, "object")
            facts.append(("Objects in the domain", f"{text} All sources and types count."))
        if "DeadLetters" in before:
            letters = after.get("DeadLetters") if after else None
            text = _compared(before["DeadLetters"], letters, "message")
            facts.append(("Dead-letter queue", text))
        else:
            text = "Not counted. Deploy the stack with DeadLetterQueueArn to count its messages."
            facts.append(("Dead-letter queue", text))
        return facts

    @property
    def repeated(self) -> int:
        """The number of attempts beyond the first of each window."""
        return sum(max(0, int(batch["Attempts"]) - 1) for batch in self.batches)

    @property
    def totals(self) -> list[tuple[str, str]]:
        """The most important figures."""
        metrics = self._report["Metrics"]
        if self.dry_run:
            estimate = self._report["Estimate"]
            return [
                ("Windows", f"{metrics['TotalSteps']:,}"),
                ("Estimated cost", _dollars(estimate["TotalUsd"])),
                ("Estimated duration", lasting(estimate["Seconds"])),
            ]
        return [
            ("Records transferred", f"{self.records:,}"),
            ("Failed records", f"{metrics['RecordsFailed']:,}"),
            ("Windows complete", f"{metrics['StepsCompleted']:,} of {metrics['TotalSteps']:,}"),
            ("Windows split", f"{self.counted.get('SPLIT', 0):,}"),
            ("Repeated attempts", f"{self.repeated:,}"),
            ("Duration", duration(self.started, self.ended)),
        ]

    @property
    def error(self) -> Failure | None:
        """The error that the execution ended in."""
        error = self._report.get("Error")
        if error is None:
            return None
        return Failure(error["Name"], error["Cause"], [])

    @property
    def failures(self) -> list[Failure]:
        """The kinds of failures of windows, the most frequent first."""
        groups: dict[tuple[str, str], list[str]] = {}
        for batch in self.incomplete:
            if batch["Status"] == "FAILED":
                key = (batch.get("Error", "FAILED"), batch["ExecutionMessage"])
                groups.setdefault(key, []).append(_named(batch))
        largest_first = sorted(groups.items(), key=lambda group: -len(group[1]))
        return [Failure(name, text, ids) for (name, text), ids in largest_first[:_GROUPS]]

    @property
    def not_run(self) -> list[Batch]:
        """Windows that had not started, or were stopped, when the execution ended."""
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
        """The rows of the table of costs."""
        estimate: Mapping[str, Any] | None = self._report.get("Estimate")
        cost: Mapping[str, Any] | None = self._report.get("Cost")
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
        """The URL of the execution in the AWS console."""
        return execution_link(self.arn)

    @property
    def flow_link(self) -> str:
        """The URL of the continuous integration's flow in the AWS console."""
        name = self.integration["FlowName"] if self.integration else ""
        return flow_link(self.arn, name)

    @property
    def redrive_command(self) -> str:
        """The command that redrives the execution."""
        return f"aws stepfunctions redrive-execution --execution-arn {shlex.quote(self.arn)}"

    @property
    def resume_input(self) -> str:
        """The input of an execution that runs the missing windows."""
        corrections: dict[str, Any] = {"FlowDefinition": {}} if self.then is Then.RESUME else {}
        return json.dumps({"Resume": self.name, **corrections})

    @property
    def then(self) -> Then:
        """How to go on after the cause is fixed."""
        failed = [failure.name for failure in self.failures]
        return then_for([*failed, *([self.error.name] if self.error else [])])


def instant(value: str | datetime | None) -> str:
    """Format an instant for people: ``2026-11-23 10:00:00 UTC``."""
    if not value:
        return "—"
    known = value if isinstance(value, datetime) else parse_instant(value)
    return known.strftime("%Y-%m-%d %H:%M:%S UTC")


def duration(start: str | None, end: str | None) -> str:
    """Format the time between two instants, in its two largest units."""
    if not start or not end:
        return "—"
    return lasting(int((parse_instant(end) - parse_instant(start)).total_seconds()))


def lasting(seconds: int) -> str:
    """Format seconds in their two largest units."""
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
    ("WakingUsd", "Waking windows", _dollars),
    ("TotalUsd", "Total", _dollars),
    ("Seconds", "Duration", lasting),
)


def _named(batch: Batch) -> str:
    start, end = batch["BatchRecordsStartTime"], batch["BatchRecordsEndTime"]
    return f"{batch['WindowId']} ({start[:10]} to {end[:10]})"


def _compared(before: int, after: int | None, what: str) -> str:
    """Write two counts as people compare them."""
    first = f"{before:,} {what}{'' if before == 1 else 's'} before the import"
    return f"{first}." if after is None else f"{first}, {after:,} after it."


def _windows(number: int) -> str:
    return f"{number:,} window{'' if number == 1 else 's'}"


def _were(number: int) -> str:
    return "was" if number == 1 else "were"


def _all(windows: int) -> str:
    return "The only window is" if windows == 1 else f"All {_windows(windows)} are"


def _records(number: int) -> str:
    return f"{number:,} record{'' if number == 1 else 's'}"


def _json(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, indent=2, ensure_ascii=False)
