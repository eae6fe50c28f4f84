"""How an execution is shown: what happened so far, what moves, and how it ended."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.json import JSON
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from bulk_ingestion.errors import explain
from bulk_ingestion.remediation import find
from bulk_ingestion.report.page import View, lasting
from bulk_ingestion.wording import visible
from cli.progress import Progress, WindowProgress

_STYLES = {
    "COMPLETE": "green",
    "IN_PROGRESS": "yellow",
    "RETRY": "yellow",
    "FAILED": "bold red",
    "CANCELLED": "red",
    "NOT_STARTED": "dim",
}
_OUTCOMES = {"SUCCEEDED": "bold green", "RUNNING": "bold yellow"}
_WORDS = {"ABORTED": "CANCELLED"}
"""Step Functions' statuses that the report has another word for."""
_MOVING = ("FAILED", "IN_PROGRESS", "RETRY", "CANCELLED", "COMPLETE", "NOT_STARTED")
"""The statuses, those first that somebody has to look at."""
_NARROW = 96  # columns; on fewer, the columns of the table stand closer
_FEWEST_ROWS = 3
_NAMED = 8  # windows that are named for each message


def status_of(status: str) -> Text:
    """Give an execution's status in the report's words."""
    return Text(_WORDS.get(status, status), _OUTCOMES.get(status, "bold red"))


def show(progress: Progress, name: str, console: Console, simulated: bool) -> RenderableType:
    """Render an execution so that it fits the terminal: what moves first, the rest as a sum.

    It may have no windows yet. ``simulated`` says that its time is not that of the clock on the
    wall.
    """
    lines: list[RenderableType] = [_heading(progress, name, simulated)]
    if not progress.windows:
        return Group(*lines)
    lines.append(_summary(progress, console.width if console.is_terminal else 0))
    messages = list(_messages(progress.windows))
    used = len(lines) + 2 + len(messages)  # the heading of the table, and its last line
    room = max(_FEWEST_ROWS, console.height - used - 1) if console.is_terminal else None
    table = _windows(progress.windows, room, console.width)
    short = [Text(text, no_wrap=True, overflow="ellipsis") for text in messages]
    most = max(0, console.height - len(lines) - 2 - min(room or 0, len(progress.windows)))
    if not progress.ended and console.is_terminal and len(short) > most:
        short = [*short[: max(0, most - 1)], Text("More messages follow at the end.", "dim")]
    return Group(*lines, table, *(() if progress.ended else short))


def ending(progress: Progress) -> Iterator[RenderableType]:
    """Tell how an execution ended: every message in full, and what to do next."""
    yield from (Text(message) for message in _messages(progress.windows))
    yield Text()
    report = progress.report
    if progress.status == "ABORTED":
        yield Text("CANCELLED", "bold red")
        yield Text(visible(explain(progress.cause)) or "It was stopped. No cause was given.")
    elif progress.error or progress.status != "SUCCEEDED":
        yield Text(visible(progress.error or progress.status), "bold red")
        cause = visible(explain(progress.cause))
        yield Text(cause)
        what_to_do = find(progress.error or progress.status).text
        if what_to_do not in cause:
            yield Text(what_to_do, "italic")
    if progress.is_dry_run and report is not None:
        yield from _plan(report)
    if report is not None and report.get("Warnings"):
        yield Text("Warnings", "bold yellow")
        yield from (Text(f"- {visible(warning)}") for warning in report["Warnings"])
    if progress.output is not None:
        yield JSON(json.dumps(progress.output))


def _plan(report: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Tell what an execution of this plan would do, and what it would cost."""
    view = View(report)  # type: ignore[arg-type]
    yield Text(view.summary)
    estimate = [f"{label}: {value}" for label, value in view.totals]
    yield Text("Estimate. " + ", ".join(estimate))
    if view.action:
        changes = "".join(f"\n- {change}" for change in report["Continuity"]["Changes"])
        yield Text(f"Continuous integration, as expected: {view.action}{changes}")
    else:
        yield Text("Continuous integration: none is created or changed.")


def _heading(progress: Progress, name: str, simulated: bool) -> Text:
    parts = [Text.assemble(("Execution ", "bold"), visible(name)), status_of(progress.status)]
    if progress.is_dry_run:
        parts.insert(1, Text("dry run", "bold cyan"))
    if progress.took is not None:
        note = " (simulated)" if simulated else ""
        parts.append(Text(f"{lasting(int(progress.took.total_seconds()))}{note}"))
    return Text("  ").join(parts)


def summary(progress: Progress) -> str:
    """Give the counts in one line: ``7 of 18 windows, 1 failed, 3 running, 1,234 records``."""
    counted, total = progress.counted, len(progress.windows)
    if progress.is_dry_run:
        return f"dry run: {total:,} windows planned"
    parts = [f"{counted['COMPLETE']:,} of {total:,} windows"]
    for status, word in (
        ("FAILED", "failed"),
        ("IN_PROGRESS", "running"),
        ("RETRY", "to be retried"),
        ("CANCELLED", "cancelled"),
    ):
        if counted[status]:
            parts.append(f"{counted[status]:,} {word}")
    if progress.hanging:
        ids = ", ".join(window.id for window in progress.hanging[:3])
        parts.append(f"unusually long: {ids}")
    parts.append(f"{progress.records:,} records")
    if progress.to_go is not None:
        parts.append(f"about {_short(progress.to_go)} to go")
    return ", ".join(parts)


def _summary(progress: Progress, width: int) -> RenderableType:
    text = summary(progress)
    if progress.is_dry_run:
        return Text(text)
    bar = max(0, min(40, width - len(text) - 2))
    if bar < 8:
        return Text(text)
    grid = Table.grid(padding=(0, 2))
    grid.add_row(ProgressBar(total=len(progress.windows), completed=progress.done, width=bar), text)
    return grid


def _windows(windows: Sequence[WindowProgress], room: int | None, width: int) -> RenderableType:
    """Render at most ``room`` lines of windows, the last of them the sum of those left out."""
    table = Table(box=None, padding=(0, 1 if width < _NARROW else 2, 0, 0), header_style="bold")
    for column in ("Window", "From", "To", "State"):
        table.add_column(column, no_wrap=True)
    for column in ("Attempts", "Time", "Records"):
        table.add_column(column, justify="right", no_wrap=True)
    fits = room is None or len(windows) <= room
    shown = list(windows) if fits or room is None else _most_important(windows, room - 1)
    for window in shown:
        table.add_row(
            window.id,
            _date(window.start),
            _date(window.end),
            Text(window.status, style=_STYLES.get(window.status, "")),
            str(window.attempts or ""),
            _short(window.took) if window.took is not None else "",
            f"{window.records:,}" if window.status == "COMPLETE" else "",
        )
    if len(shown) == len(windows):
        return table
    rest = Counter(window.status for window in windows) - Counter(w.status for w in shown)
    sums = ", ".join(f"{rest[status]:,} {status}" for status in _MOVING if rest[status])
    return Group(table, Text(f"and {rest.total():,} more: {sums}", "dim"))


def _most_important(windows: Iterable[WindowProgress], rows: int) -> list[WindowProgress]:
    """Choose what failed, runs, or was retried, then the latest of the rest; in order of time."""

    def rank(window: WindowProgress) -> tuple[int, bool, float]:
        took = window.took.total_seconds() if window.took else 0
        return _MOVING.index(window.status), window.attempts <= 1, -took

    return sorted(sorted(windows, key=rank)[:rows], key=lambda window: window.id)


def _messages(windows: Iterable[WindowProgress]) -> Iterator[str]:
    """Give each message once, after the windows that have it."""
    groups: dict[str, list[str]] = {}
    for window in windows:
        if window.message and window.status != "COMPLETE":
            text = f"{window.error}: {window.message}" if window.error else window.message
            groups.setdefault(visible(text), []).append(window.id)
    for text, ids in groups.items():
        more = f" and {len(ids) - _NAMED:,} more" if len(ids) > _NAMED else ""
        yield f"{', '.join(ids[:_NAMED])}{more}  {text}"


def _date(instant: str) -> str:
    return instant[: len("2023-11-24T03:39")].replace("T", " ")


def _short(took: timedelta) -> str:
    """Format a duration in at most two units, without spaces in a unit: ``2h 5m``."""
    return (
        lasting(int(took.total_seconds()))
        .replace(" min", "m")
        .replace(" h", "h")
        .replace(" d", "d")
        .replace(" s", "s")
    )
