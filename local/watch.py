"""Following an execution to its end, in AWS or in the embedded cloud, with the same view."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.live import Live

from bulk_ingestion.errors import explain
from local.clients import clients, explained
from local.progress import Progress, Watcher
from local.view import show

_REFRESH = 0.2  # seconds
_REFRESH_OF_AWS = 5.0  # seconds; a look takes some ten calls
_ROWS = 20


@dataclass(frozen=True)
class Pace:
    """How fast it goes, in real time since the first look."""

    began: float
    first: Progress

    def tell(self, now: float, progress: Progress) -> str:
        """Say the rate and how long the rest will take; nothing while nothing is done."""
        seconds = now - self.began
        done = progress.done - self.first.done
        if progress.ended or not done or seconds <= 0:
            return ""
        left = (len(progress.windows) - progress.done) * seconds / done
        rate = (progress.records - self.first.records) / seconds
        return f"{rate:,.0f} records a second, {timedelta(seconds=round(left))} to go"


def follow(
    look: Callable[[], Progress], name: str, console: Console | None, refresh: float = _REFRESH
) -> Progress:
    """Look again and again until the execution has ended, and draw what is seen."""
    progress = look()
    if console is None:
        while not progress.ended:
            time.sleep(refresh)
            progress = look()
        return progress
    pace = Pace(time.monotonic(), progress)
    with Live(console=console, auto_refresh=False) as live:
        while True:
            told = pace.tell(time.monotonic(), progress)
            live.update(show(progress, name, _ROWS, told), refresh=True)
            if progress.ended:
                return progress
            time.sleep(refresh)
            progress = look()


def watch(
    execution_arn: str, profile: str | None, region: str | None, endpoint_url: str | None
) -> int:
    """Show an execution until it has ended; give the process's exit code, 0 for SUCCEEDED alone."""
    console = Console()
    try:
        client = clients(profile, region or execution_arn.split(":")[3], endpoint_url)
        watcher = Watcher(client, execution_arn)
        name = execution_arn.rpartition(":")[2]
        refresh = _REFRESH if endpoint_url else _REFRESH_OF_AWS
        progress = follow(watcher.look, name, console, refresh)
    except (BotoCoreError, ClientError, ValueError) as error:
        problem = f"{execution_arn} cannot be watched: {explained(error)}"
        Console(stderr=True).print(problem, style="red", markup=False, soft_wrap=True)
        return 2
    except KeyboardInterrupt:
        return 130
    if progress.output is not None:
        console.print_json(data=progress.output)
    elif progress.error:
        console.print(progress.error, style="bold red")
        console.print(explain(progress.cause), markup=False, highlight=False)
    return 0 if progress.status == "SUCCEEDED" else 1
