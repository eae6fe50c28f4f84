"""Follows an execution to its end, in AWS or in the embedded cloud."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console
from rich.live import Live

from cli.progress import Progress
from cli.terminal import write, write_json
from cli.view import ending, show, summary

REFRESH = 0.2  # seconds
REFRESH_OF_AWS = 5.0  # seconds; each refresh takes about ten calls
_REST = 4
"""How much longer than a refresh the time to the next one is, so that looking stays cheap beside
the embedded cloud, which shares the process."""


def follow(
    look: Callable[[], Progress],
    name: str,
    console: Console | None,
    refresh: float = REFRESH,
    simulated: bool = False,
) -> Progress:
    """Show the progress again and again until the execution has ended.

    A terminal shows the latest. What is piped gets a line for each change of the counts. Without a
    console, nothing is shown.
    """
    if console is None:
        return _wait(look, refresh, lambda progress: None)
    if not console.is_terminal:
        last = ""

        def line(progress: Progress) -> None:
            nonlocal last
            text = summary(progress) if progress.windows else ""
            if text != last and not progress.ended:
                console.print(text, highlight=False, soft_wrap=True)
            last = text

        progress = _wait(look, refresh, line)
        console.print(show(progress, name, console, simulated))
        return progress
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        return _wait(
            look,
            refresh,
            lambda progress: live.update(show(progress, name, console, simulated), refresh=True),
        )


def _wait(
    look: Callable[[], Progress], refresh: float, each: Callable[[Progress], None]
) -> Progress:
    while True:
        began = time.monotonic()
        progress = look()
        each(progress)
        if progress.ended:
            return progress
        time.sleep(max(refresh, _REST * (time.monotonic() - began)))


def finish(progress: Progress, console: Console, as_json: bool) -> int:
    """Print how an execution ended. Returns the exit code, 0 only for SUCCEEDED."""
    if as_json:
        write_json(result(progress))
    else:
        write(console, *ending(progress))
    return 0 if progress.status == "SUCCEEDED" else 1


def result(progress: Progress) -> dict[str, object]:
    """Give an execution's output, or why it has none."""
    if progress.output is not None:
        return progress.output
    status = "CANCELLED" if progress.status == "ABORTED" else progress.status
    return {"Status": status, "Error": progress.error, "Cause": progress.cause}
