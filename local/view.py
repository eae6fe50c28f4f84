"""What a person sees of an execution: a bar over its windows, and a line for each."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from local.progress import Progress, WindowProgress

_STYLES = {
    "COMPLETE": "green",
    "IN_PROGRESS": "yellow",
    "FAILED": "bold red",
    "NOT_STARTED": "dim",
}
_OUTCOMES = {"SUCCEEDED": "bold green", "RUNNING": "bold yellow"}


def show(progress: Progress, name: str, rows: int, pace: str = "") -> RenderableType:
    """Draw an execution, with at most ``rows`` of its windows; it may have none (yet)."""
    if not progress.windows:
        return _heading(progress, name)
    return Group(_heading(progress, name), _bar(progress, pace), _windows(progress, rows))


def _heading(progress: Progress, name: str) -> RenderableType:
    style = _OUTCOMES.get(progress.status, "bold red")
    return Text.assemble(("Execution ", "bold"), name, "  ", (progress.status, style))


def _bar(progress: Progress, pace: str) -> RenderableType:
    total = len(progress.windows)
    grid = Table.grid(padding=(0, 2))
    grid.add_row(
        ProgressBar(total=total, completed=progress.done, width=40),
        f"{progress.done} of {total} windows",
        f"{progress.records:,} records",
        pace,
    )
    return grid


def _windows(progress: Progress, rows: int) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in ("Window", "From", "To", "State"):
        table.add_column(column, no_wrap=True)
    for column in ("Attempts", "Records"):
        table.add_column(column, justify="right", no_wrap=True)
    shown = _most_telling(progress.windows, rows)
    for window in shown:
        table.add_row(
            window.id,
            _date(window.start),
            _date(window.end),
            Text(window.status, style=_STYLES.get(window.status, "")),
            str(window.attempts or ""),
            f"{window.records:,}" if window.status == "COMPLETE" else "",
        )
    if len(shown) < len(progress.windows):
        table.add_row("", f"and {len(progress.windows) - len(shown)} more")
    messages = [f"{window.id}  {window.message}" for window in shown if window.message]
    return Group(table, *(Text(text, no_wrap=True, overflow="ellipsis") for text in messages))


def _most_telling(windows: tuple[WindowProgress, ...], rows: int) -> list[WindowProgress]:
    """Choose, in the order of time: what failed, what runs, and what has ended before the rest."""
    order = ("FAILED", "IN_PROGRESS", "COMPLETE")
    ranked = sorted(
        windows, key=lambda w: order.index(w.status) if w.status in order else len(order)
    )
    return sorted(ranked[:rows], key=lambda window: window.id)


def _date(instant: str) -> str:
    return instant[: len("2023-11-24T03:39")].replace("T", " ")
