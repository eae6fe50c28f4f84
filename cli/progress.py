"""The progress of an execution, from the Step Functions and S3 APIs alone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from bulk_ingestion.run.layout import OUTCOMES, REPORT, round_file
from bulk_ingestion.times import parse_instant

ENDED = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")
_HANGS_AFTER = 3  # times the longest run of a complete window
_THREADS = 10  # as many connections as a client keeps


@dataclass(frozen=True)
class WindowProgress:
    """The progress of one window."""

    id: str
    start: str
    end: str
    status: str = "NOT_STARTED"
    """One of the report's statuses: RETRY for a window that failed and is to run again."""
    attempts: int = 0
    records: int = 0
    error: str = ""
    message: str = ""
    took: timedelta | None = None
    """How long it ran, or how long it has been running."""


@dataclass(frozen=True)
class Progress:
    """The progress of an execution. All times are those of the execution's own clock."""

    status: str
    """Step Functions' status, such as ``RUNNING`` or ``SUCCEEDED``."""
    windows: tuple[WindowProgress, ...] = ()
    """In the order of time, without those that were split."""
    started: datetime | None = None
    seen: datetime | None = None
    """The time of the look, or of the execution's end."""
    concurrency: int | None = None
    """How many windows run at a time; None if none do."""
    output: dict[str, Any] | None = None
    error: str = ""
    cause: str = ""
    report: Mapping[str, Any] | None = None
    """``report.json``, once the execution has ended; None if it has none."""
    is_dry_run: bool = False
    """Whether the execution plans and runs nothing."""

    @property
    def ended(self) -> bool:
        """Whether the execution has ended."""
        return self.status in ENDED

    @property
    def counted(self) -> Counter[str]:
        """The number of windows with each status."""
        return Counter(window.status for window in self.windows)

    @property
    def done(self) -> int:
        """The number of windows that are COMPLETE, or FAILED for good."""
        return self.counted["COMPLETE"] + self.counted["FAILED"]

    @property
    def records(self) -> int:
        """The number of records that complete windows transferred."""
        return sum(window.records for window in self.windows if window.status == "COMPLETE")

    @property
    def took(self) -> timedelta | None:
        """How long the execution took, or has been running."""
        return self.seen - self.started if self.seen and self.started else None

    @property
    def hanging(self) -> list[WindowProgress]:
        """The windows that have been running for much longer than any complete window took."""
        complete = self._durations("COMPLETE")
        if not complete:
            return []
        limit = _HANGS_AFTER * max(complete)
        running = (window for window in self.windows if window.status == "IN_PROGRESS")
        return [window for window in running if window.took and window.took > limit]

    @property
    def to_go(self) -> timedelta | None:
        """How long the rest takes if it takes as long as the complete windows did.

        None if no window is complete yet, if one hangs, or if nothing is left.
        """
        complete, running = self._durations("COMPLETE"), self._durations("IN_PROGRESS")
        waiting = self.counted["NOT_STARTED"] + self.counted["RETRY"]
        is_over = self.ended or not (waiting or running)
        if is_over or not complete or self.hanging or not self.concurrency:
            return None
        usual = timedelta(seconds=median(took.total_seconds() for took in complete))
        left = [max(usual - elapsed, timedelta()) for elapsed in running] + [usual] * waiting
        at_a_time = min(self.concurrency, len(left))
        return max(sum(left, timedelta()) / at_a_time, max(left)) or None

    def _durations(self, status: str) -> list[timedelta]:
        return [w.took for w in self.windows if w.status == status and w.took is not None]


def _is_dry_run(execution_input: str) -> bool:
    try:
        return json.loads(execution_input).get("DryRun") is True
    except (ValueError, AttributeError):  # the execution says what is wrong with its input
        return False


class Watcher:
    """Follows one execution. What has not changed is read only once.

    ``client`` creates the boto3 client of a service, and ``now`` gives the time there.
    """

    def __init__(
        self, client: Callable[[str], Any], execution_arn: str, now: Callable[[], datetime]
    ) -> None:
        self.folder = RunFolder(client, execution_arn)
        self._states = client("stepfunctions")
        self._arn = execution_arn
        self._now = now
        self._window_of: dict[str, str | None] = {}

    def look(self) -> Progress:
        """Read the progress of the execution now."""
        execution = self._states.describe_execution(executionArn=self._arn)
        is_running = execution["status"] == "RUNNING"
        now = self._now() if is_running else execution.get("stopDate")
        concurrency, running = self._running(now) if is_running else (None, {})
        return Progress(
            status=execution["status"],
            windows=tuple(self._windows(execution["status"], running)),
            started=execution.get("startDate"),
            seen=now,
            concurrency=concurrency,
            output=json.loads(execution["output"]) if execution.get("output") else None,
            error=execution.get("error", ""),
            cause=execution.get("cause", ""),
            report=None if is_running else self.folder.read(REPORT),
            is_dry_run=_is_dry_run(execution.get("input", "")),
        )

    def _windows(
        self, status: str, running: Mapping[str, tuple[int, timedelta]]
    ) -> Iterator[WindowProgress]:
        self.folder.refresh()
        items = {
            item["WindowId"]: item
            for plan in self.folder.read_all([round_file(1), *self.folder.names("rounds/")])
            for item in plan
        }
        outcomes = {
            outcome["WindowId"]: outcome
            for outcome in self.folder.read_all(self.folder.names(OUTCOMES))
        }
        for key in sorted(items):
            if f"{key}-1" in items:
                continue
            item, outcome = items[key], outcomes.get(key)
            before = item.get("AttemptsBefore", 0)
            window = WindowProgress(key, item["StartTime"], item["EndTime"], attempts=before)
            if key in running:
                attempt, took = running[key]
                yield replace(window, status="IN_PROGRESS", attempts=before + attempt, took=took)
            elif outcome and outcome["FlowName"] == item["FlowName"]:
                yield _with_outcome(window, outcome)
            elif status == "ABORTED":
                yield replace(window, status="CANCELLED")
            elif outcome:  # of an earlier round
                yield replace(window, status="RETRY")
            else:
                yield window

    def _running(self, now: datetime) -> tuple[int | None, dict[str, tuple[int, timedelta]]]:
        """Find the windows that are running, with their attempts and how long they have run."""
        runs = self._states.list_map_runs(executionArn=self._arn)["mapRuns"]
        concurrency, found = None, {}
        for run in runs:
            if run.get("stopDate"):
                continue
            described = self._states.describe_map_run(mapRunArn=run["mapRunArn"])
            concurrency = described["maxConcurrency"] or None
            children = self._states.list_executions(
                mapRunArn=run["mapRunArn"], statusFilter="RUNNING"
            )
            for child in children["executions"]:
                arn, elapsed = child["executionArn"], now - child["startDate"]
                if window_id := self._window(arn):
                    found[window_id] = (self._attempt(arn), max(elapsed, timedelta()))
        return concurrency, found

    def _window(self, child: str) -> str | None:
        if child not in self._window_of:
            described = self._states.describe_execution(executionArn=child)
            window = json.loads(described.get("input", "{}")).get("Window", {})
            self._window_of[child] = window.get("WindowId")
        return self._window_of[child]

    def _attempt(self, child: str) -> int:
        pages = self._states.get_paginator("get_execution_history").paginate(
            executionArn=child, includeExecutionData=False, PaginationConfig={"PageSize": 1000}
        )
        return sum(
            event.get("stateEnteredEventDetails", {}).get("name") == "StartFlow"
            for page in pages
            for event in page["events"]
        )


class RunFolder:
    """The folder of an execution in the stack's bucket. A file is read again if it has changed."""

    def __init__(self, client: Callable[[str], Any], execution_arn: str) -> None:
        self._s3 = client("s3")
        self._states = client("stepfunctions")
        self._arn = execution_arn
        self._place: tuple[str, str] | None = None
        self._etags: dict[str, str] = {}
        self._read: dict[tuple[str, str], Any] = {}

    def refresh(self) -> None:
        """List the folder's files. There are none until the execution is planned."""
        self._place = self._place or self._find()
        if self._place is None:
            return
        bucket, folder = self._place
        pages = self._s3.get_paginator("list_objects_v2")
        self._etags = {
            entry["Key"].removeprefix(f"{folder}/"): entry["ETag"]
            for page in pages.paginate(Bucket=bucket, Prefix=f"{folder}/")
            for entry in page.get("Contents", [])
        }

    def names(self, prefix: str = "") -> list[str]:
        """List the files whose name starts with a prefix."""
        return sorted(name for name in self._etags if name.startswith(prefix))

    def bytes_of(self, name: str) -> bytes:
        """Read a file. It must exist."""
        assert self._place is not None
        bucket, folder = self._place
        stored = self._s3.get_object(Bucket=bucket, Key=f"{folder}/{name}")
        content: bytes = stored["Body"].read()
        return content

    def read(self, name: str) -> Any:
        """Read a JSON file; None if it does not exist."""
        return next(iter(self.read_all([name])), None)

    def read_all(self, names: Sequence[str]) -> list[Any]:
        """Read those of the JSON files that exist; many of them side by side."""
        versions = [(name, self._etags[name]) for name in names if name in self._etags]
        new = [version for version in versions if version not in self._read]
        if len(new) < _THREADS:
            contents = [self.bytes_of(name) for name, _ in new]
        else:
            with ThreadPoolExecutor(_THREADS) as threads:
                contents = list(threads.map(self.bytes_of, (name for name, _ in new)))
        for version, content in zip(new, contents, strict=True):
            self._read[version] = json.loads(content)
        return [self._read[version] for version in versions]

    def _find(self) -> tuple[str, str] | None:
        """Take bucket and folder from what PlanWindows returned, however often it was retried."""
        pages = self._states.get_paginator("get_execution_history").paginate(
            executionArn=self._arn, PaginationConfig={"PageSize": 1000}
        )
        for page in pages:
            for event in page["events"]:
                output = event.get("taskSucceededEventDetails", {}).get("output")
                ingestion = json.loads(output)["Payload"].get("Ingestion") if output else None
                if ingestion:
                    return ingestion["Bucket"], ingestion["Folder"]
        return None


def _with_outcome(window: WindowProgress, outcome: Mapping[str, Any]) -> WindowProgress:
    started, finished = outcome.get("StartedAt"), outcome.get("FinishedAt")
    return replace(
        window,
        status=outcome["Status"],
        attempts=window.attempts + outcome["Attempts"],
        records=outcome["RecordsProcessed"],
        error=outcome.get("Error", ""),
        message=outcome["ExecutionMessage"],
        took=parse_instant(finished) - parse_instant(started) if started and finished else None,
    )
