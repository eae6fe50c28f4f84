"""How far an execution is, told by the Step Functions and S3 APIs alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

ENDED = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")


@dataclass(frozen=True)
class WindowProgress:
    """One window, as far as can be told from outside."""

    id: str
    start: str
    end: str
    status: str = "NOT_STARTED"
    attempts: int = 0
    records: int = 0
    message: str = ""


@dataclass(frozen=True)
class Progress:
    """An execution, as far as can be told from outside."""

    status: str
    """As Step Functions has it, ``RUNNING`` to ``SUCCEEDED``."""
    windows: tuple[WindowProgress, ...] = ()
    """In the order of time, those that were split left out."""
    started: datetime | None = None
    stopped: datetime | None = None
    output: dict[str, Any] | None = None
    error: str = ""
    cause: str = ""

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self.status in ENDED

    @property
    def done(self) -> int:
        """The number of windows that are COMPLETE."""
        return sum(window.status == "COMPLETE" for window in self.windows)

    @property
    def records(self) -> int:
        """The number of records that complete windows brought."""
        return sum(window.records for window in self.windows)


class Watcher:
    """Follows one execution; what cannot change any more is asked for once."""

    def __init__(self, client: Callable[[str], Any], execution_arn: str) -> None:
        self._states = client("stepfunctions")
        self._s3 = client("s3")
        self._arn = execution_arn
        self._folder: tuple[str, str] | None = None
        self._files: dict[str, Any] = {}
        self._window_of: dict[str, str | None] = {}

    def look(self) -> Progress:
        """See how far the execution is now."""
        execution = self._states.describe_execution(executionArn=self._arn)
        output = json.loads(execution["output"]) if execution.get("output") else None
        return Progress(
            status=execution["status"],
            windows=tuple(self._windows(execution["status"])),
            started=execution.get("startDate"),
            stopped=execution.get("stopDate"),
            output=output,
            error=execution.get("error", ""),
            cause=execution.get("cause", ""),
        )

    def _windows(self, status: str) -> Iterator[WindowProgress]:
        if self._folder is None:
            self._folder = self._find_folder()
        if self._folder is None:
            return
        names = sorted(self._names())
        items = {
            item["WindowId"]: item
            for name in names
            if name == "plan.json" or name.startswith("rounds/")
            for item in self._read(name)
        }
        running = self._running() if status == "RUNNING" else {}
        for key in sorted(items):
            if f"{key}-1" in items:
                continue
            window = WindowProgress(key, items[key]["StartTime"], items[key]["EndTime"])
            if key in running:
                yield replace(window, status="IN_PROGRESS", attempts=running[key])
            elif f"windows/{key}.json" in names:
                yield _with_outcome(window, self._read(f"windows/{key}.json", final=False))
            else:
                yield window

    def _find_folder(self) -> tuple[str, str] | None:
        """Take bucket and folder from what PlanWindows returned."""
        history = self._states.get_execution_history(executionArn=self._arn, maxResults=20)
        for event in history["events"]:
            output = event.get("taskSucceededEventDetails", {}).get("output")
            ingestion = json.loads(output)["Payload"].get("Ingestion") if output else None
            if ingestion:
                return ingestion["Bucket"], ingestion["Folder"]
        return None

    def _names(self) -> Iterator[str]:
        bucket, folder = self._folder or ("", "")
        pages = self._s3.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=bucket, Prefix=f"{folder}/"):
            for entry in page.get("Contents", []):
                yield entry["Key"].removeprefix(f"{folder}/")

    def _read(self, name: str, final: bool = True) -> Any:
        if name not in self._files or not (final or self._is_complete(name)):
            bucket, folder = self._folder or ("", "")
            body = self._s3.get_object(Bucket=bucket, Key=f"{folder}/{name}")["Body"]
            self._files[name] = json.load(body)
        return self._files[name]

    def _is_complete(self, name: str) -> bool:
        return bool(self._files[name].get("Status") == "COMPLETE")

    def _running(self) -> dict[str, int]:
        """Find the windows that run now, with the attempt that each is at."""
        runs = self._states.list_map_runs(executionArn=self._arn)["mapRuns"]
        found = {}
        for run in runs:
            if run.get("stopDate"):
                continue
            children = self._states.list_executions(
                mapRunArn=run["mapRunArn"], statusFilter="RUNNING"
            )
            for child in children["executions"]:
                window_id = self._window(child["executionArn"])
                if window_id:
                    found[window_id] = self._attempt(child["executionArn"])
        return found

    def _window(self, child: str) -> str | None:
        if child not in self._window_of:
            described = self._states.describe_execution(executionArn=child)
            window = json.loads(described.get("input", "{}")).get("Window", {})
            self._window_of[child] = window.get("WindowId")
        return self._window_of[child]

    def _attempt(self, child: str) -> int:
        pages = self._states.get_paginator("get_execution_history")
        return sum(
            event.get("stateEnteredEventDetails", {}).get("name") == "StartFlow"
            for page in pages.paginate(executionArn=child, includeExecutionData=False)
            for event in page["events"]
        )


def _with_outcome(window: WindowProgress, outcome: dict[str, Any]) -> WindowProgress:
    return replace(
        window,
        status=outcome["Status"],
        attempts=outcome["Attempts"],
        records=outcome["RecordsProcessed"],
        message=outcome["ExecutionMessage"],
    )
