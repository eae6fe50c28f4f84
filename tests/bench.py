"""Measures how long imports take and what they cost: ``make bench`` prints the tables.

Each row is an import on the deployed definition in the embedded cloud, in simulated time. The
ideal is the time that its runs take one after the other in each place, without anything between
them. Figures of a fixed poll are of the same import on a definition that waits for a fixed time
instead of an event, as AWS DDK's stage (15 s) and Airflow's operator (20 s) do.
"""

from __future__ import annotations

import gc
import heapq
import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from statistics import mean
from typing import Any
from unittest.mock import patch

from bulk_ingestion.report.estimate import prices
from local.aws import runtime
from local.clock import Clock
from local.cloud import Cloud, embedded_cloud
from local.services import simulation
from local.services.knobs import Knobs
from local.services.simulation import Conduct, RunOutcome
from tests.machine.machine import NOW, Ended, Machine

SEED = 13
RUNS: dict[str, Callable[[random.Random], float]] = {
    "10 s": lambda dice: 10,
    "40 s": lambda dice: 40,
    "6 min": lambda dice: dice.lognormvariate(0, 0.5) * 360,
    "10 min": lambda dice: 600,
    "10 h": lambda dice: 36_000,
}
"""The seconds that a run takes; those of 6 min are drawn, log-normally with a sigma of 0.5."""
LATE = timedelta(seconds=3)
WINDOW = timedelta(days=10)
TOO_LARGE = 0.3
"""The share of windows that are too large for one run."""
EVENTS: dict[str, dict[str, Any]] = {
    "3 s late": {"events_late": LATE},
    "1 % lost": {"events_late": LATE, "events_lost": 0.01},
    "all lost": {"events_lost": 1},
}
SIZES = ((13, 5), (60, 40), (600, 40))
"""Windows, and how many run at a time."""
DRAWS = {13: 10}
"""The imports of which a row of so many windows is the mean, since one lost event in a hundred is
not one in thirteen."""
MOST = (10_000, 40)
"""As many windows as an input may have."""
LARGEST = 60
"""Windows of the imports that are measured with each duration; of 600, only those of 6 min."""
HEADINGS = (
    *("noticed by", "runs of", "windows", "at a time", "events", "makespan / ideal"),
    *("transitions a window", "AppFlow calls a window", "USD a window", "measured in"),
)
FIXED = (15, 20)
"""Seconds between two polls of the definitions that are measured beside ours."""


@dataclass(frozen=True)
class Measured:
    """What one import took."""

    makespan: float
    """Its time over the ideal one."""
    transitions: float
    """State transitions a window."""
    calls: float
    """Calls of AppFlow a window, those of the review included."""
    usd: float
    """Dollars a window for Step Functions and waking."""


def measure(
    cloud: Cloud, runs: str, windows: int, at_a_time: int, events: dict[str, Any], name: str
) -> Measured:
    """Run imports with an empty source, and give the mean of what they took."""
    each = [
        measure_one(cloud, runs, windows, at_a_time, events, f"{name}-{draw}")
        for draw in range(DRAWS.get(windows, 1))
    ]
    return Measured(*map(mean, zip(*map(astuple, each), strict=True)))


def measure_one(
    cloud: Cloud, runs: str, windows: int, at_a_time: int, events: dict[str, Any], name: str
) -> Measured:
    """Run an import with an empty source, and measure it."""
    dice = random.Random(f"{SEED}/{runs}/{windows}/{name.rpartition('-')[2]}")
    durations = {f"{n:04}": RUNS[runs](dice) for n in range(1, windows + 1)}
    calls: Counter[str] = Counter()
    machine = Machine(cloud)

    def count(service: str, operation: str, request: Any, moment: str) -> None:
        if service == "appflow" and moment == "before":
            calls[operation] += 1

    def direct(flow: Any, execution_id: str, at: datetime) -> Conduct:
        window = flow["flowName"].rpartition("-")[2]
        return Conduct(timedelta(seconds=durations[window])) if window in durations else Conduct()

    simulation.current.knobs = Knobs(**events)
    simulation.current.intercept = count
    simulation.current.direct_run = direct
    cloud.services.sources.get("acme-sf", "Contact").load([])
    period = {"ImportFrom": f"P{WINDOW.days * windows}D", "BatchSize": f"P{WINDOW.days}D"}
    ended = machine.wait(machine.start(_input(at_a_time) | period, name), 3600)
    assert ended.status == "SUCCEEDED", ended.message
    took = _span(ended)
    ideal = schedule([durations[key] for key in sorted(durations)], at_a_time)
    entered = ended.states()
    transitions = (entered.total() - 6) / windows
    price = {key: float(row["Value"]) for key, row in prices().items() if "Usd" in key}
    polls = entered["AwaitRun"] / windows
    woken = 1 if polls else 0
    usd = transitions * price["UsdPer1000Transitions"] + polls * price["UsdPer1000Puts"]
    usd += woken * sum(price[f"UsdPer1000{what}"] for what in ("Puts", "Gets", "Invocations"))
    return Measured(took / ideal, transitions, calls.total() / windows, usd / 1000)


def measure_splits(cloud: Cloud, windows: int, at_a_time: int) -> Iterator[tuple[str, float, int]]:
    """Import twice where 30 % of the windows are too large for one run.

    Gives which import it is, its time over that of a schedule that knew the sizes, and how many
    windows were split.
    """
    dice = random.Random(f"{SEED}/splits/{windows}")
    durations = [RUNS["6 min"](dice) for _ in range(windows)]
    recent = [0.0]  # the window of the time since the first import
    too_large = {n for n in range(windows) if dice.random() < TOO_LARGE}
    begins = NOW - windows * WINDOW

    def window(flow: Any) -> tuple[int, bool]:
        """Give the number of the window in which a flow's period is, and whether it is half."""
        days = re.findall(r"\d{4}-\d\d-\d\d", flow["description"])
        start, end = map(datetime.fromisoformat, days)
        number = (start.replace(tzinfo=UTC) - begins + timedelta(days=1)) // WINDOW
        return number, end - start < WINDOW

    def direct(flow: Any, execution_id: str, at: datetime) -> Conduct:
        number, is_half = window(flow)
        return Conduct(timedelta(seconds=(durations + recent)[number]) / (2 if is_half else 1))

    def end(flow: Any, execution_id: str, records: Any, at: datetime) -> RunOutcome:
        number, is_half = window(flow)
        if number in too_large and not is_half:
            return RunOutcome([], "Error", "Too many records.")
        return RunOutcome([])

    simulation.current.knobs = Knobs(events_late=LATE)
    simulation.current.direct_run, simulation.current.end_run = direct, end
    machine = Machine(cloud)
    known = [
        part
        for number, duration in enumerate(durations)
        for part in ([duration / 2] * 2 if number in too_large else [duration])
    ]
    for which in ("first", "next"):
        period = {"ImportFrom": begins.isoformat(), "BatchSize": f"P{WINDOW.days}D"}
        name = f"{which}-{windows}-{at_a_time}"
        ended = machine.wait(machine.start(_input(at_a_time) | period, name), 3600)
        assert ended.status == "SUCCEEDED", ended.message
        yield which, _span(ended) / schedule(known, at_a_time), ended.status_counts["SPLIT"]


def schedule(durations: list[float], places: int) -> float:
    """Give the time that runs take in so many places, in this order, with nothing between them."""
    free = [0.0] * places
    for duration in durations:
        heapq.heappush(free, heapq.heappop(free) + duration)
    return max(free)


def _input(at_a_time: int) -> dict[str, Any]:
    return {
        "DomainName": "acme",
        "Application": "Salesforce",
        "Object": "Contact",
        "ConnectorProfileName": "acme-sf",
        "MaxConcurrency": at_a_time,
        "Order": "OldestFirst",
        "Continue": False,
    }


def _span(ended: Ended) -> float:
    batches = ended.report["Batches"]
    begun = min(datetime.fromisoformat(batch["StartedAt"]) for batch in batches)
    done = max(datetime.fromisoformat(batch["FinishedAt"]) for batch in batches)
    return (done - begun).total_seconds()


def _poll_every(cloud: Cloud, seconds: int) -> None:
    """Deploy a definition that waits for a fixed time, and not for an event."""
    client, arn = cloud.client("stepfunctions"), cloud.stack.state_machine_arn
    definition = json.loads(client.describe_state_machine(stateMachineArn=arn)["definition"])
    window = definition["States"]["IngestWindows"]["ItemProcessor"]["States"]
    run = window["RunFlow"]["Branches"][0]["States"]
    run["AwaitRun"] = {"Type": "Wait", "Seconds": seconds, "Next": "DescribeRun"}
    window["RemoveToken"] = {"Type": "Pass", "Next": "CloseWindow"}
    client.update_state_machine(stateMachineArn=arn, definition=json.dumps(definition))


def measure_scale(windows: int, at_a_time: int) -> Iterator[tuple[str, float, float]]:
    """Import very many windows, and give what takes time: real seconds, and memory at most.

    Each row has a name, its seconds, and megabytes: those of the whole process for the import,
    and those that a function took beside what the process had for each function. The embedded
    cloud's own work for a function's calls counts as the function's.
    """
    longest: dict[str, tuple[float, float]] = {}
    run = runtime.run

    def timed(function: Any, *args: Any) -> bytes:
        before, began = _memory("VmRSS"), time.monotonic()
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # of VmHWM
        answer = run(function, *args)
        took = time.monotonic() - began, _memory("VmHWM") - before
        name = function.function_name.removeprefix("bulk-ingestion-")
        longest[name] = max(took, longest.get(name, took))
        peaks.append(_memory("VmHWM"))
        return answer

    peaks: list[float] = []
    gc.freeze()
    gc.set_threshold(50_000, 10, 10)
    with (
        patch.object(runtime, "run", timed),
        embedded_cloud(Clock(start=NOW), {"LogLevel": "ERROR"}) as cloud,
    ):
        cloud.services.sources.get("acme-sf", "Contact").load([])
        machine, began = Machine(cloud), time.monotonic()
        period = {"ImportFrom": f"P{windows}D", "BatchSize": "P1D"}
        ended = machine.wait(machine.start(_input(at_a_time) | period, "scale"), 3600)
        assert ended.status == "SUCCEEDED", ended.message
        yield "import", time.monotonic() - began, max(peaks)
        for name in ("plan-windows", "review-windows", "create-integration"):
            yield name, *longest[name]
        page = cloud.client("s3").head_object(
            Bucket=cloud.stack.runs_bucket, Key="runs/scale/report.html"
        )
        yield "the page itself", 0, page["ContentLength"] / 1e6


def _memory(figure: str) -> float:
    """Read a figure of this process from Linux, in megabytes."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.search(rf"{figure}:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]


def rows() -> Iterator[tuple[str, str, int, int, str]]:
    """Give how the end is noticed, the runs, the windows, how many at a time, and the events."""
    for runs in RUNS:
        for windows, at_a_time in SIZES:
            if windows <= LARGEST or runs == "6 min":
                for events in EVENTS:
                    yield "event", runs, windows, at_a_time, events
    for seconds in FIXED:
        for runs in ("40 s", "6 min", "10 min"):
            yield f"every {seconds} s", runs, *SIZES[1], "all lost"


def main() -> None:
    """Print a row for each import. Words select rows: those that have all of them."""
    wanted = sys.argv[1:]
    if wanted in ([], ["splits"]):
        print("windows", "at a time", "import", "makespan / ideal", "windows split", sep=" | ")
        for windows, at_a_time in SIZES:
            with embedded_cloud(Clock(start=NOW), {"LogLevel": "ERROR"}) as cloud:
                for which, makespan, split in measure_splits(cloud, windows, at_a_time):
                    print(
                        windows, at_a_time, which, f"{makespan:.3f}", split, sep=" | ", flush=True
                    )
    if wanted in ([], ["scale"]):
        print("windows", "at a time", "what", "real seconds", "megabytes", sep=" | ")
        for what, seconds, megabytes in measure_scale(*MOST):
            print(*MOST, what, f"{seconds:.0f}", f"{megabytes:.1f}", sep=" | ", flush=True)
    chosen = [row for row in rows() if all(word in map(str, row) for word in wanted)]
    if not chosen:
        return
    print(*HEADINGS, sep=" | ")
    print(*("---" for _ in HEADINGS), sep=" | ")
    for how, rows_of in groupby(chosen, key=lambda row: row[0]):
        with embedded_cloud(Clock(start=NOW), {"LogLevel": "ERROR"}) as cloud:
            if how != "event":
                _poll_every(cloud, int(how.split()[1]))
            for number, (_, runs, windows, at_a_time, events) in enumerate(rows_of):
                began = time.monotonic()
                name = f"bench-{number}"
                took = measure(cloud, runs, windows, at_a_time, EVENTS[events], name)
                print(
                    how,
                    runs,
                    windows,
                    at_a_time,
                    events,
                    f"{took.makespan:.3f}",
                    f"{took.transitions:.1f}",
                    f"{took.calls:.1f}",
                    f"{took.usd:.6f}",
                    f"{time.monotonic() - began:.0f} s",
                    sep=" | ",
                    flush=True,
                )


if __name__ == "__main__":
    main()
