"""What ``bulk watch`` shows of executions of each kind, on small and large terminals."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from rich.console import Console

from cli.progress import Progress, Watcher, WindowProgress
from cli.terminal import write
from cli.view import ending, show
from local.caller import acting_as
from local.faults import faults
from local.services import simulation
from local.services.simulation import RunOutcome
from tests.machine.contacts import spread
from tests.machine.machine import Machine
from tests.machine.runs import fail, stop_when_a_run_ends

SIZES = [(80, 24), (200, 50)]
LOCKED = "Salesforce answered: UNABLE_TO_LOCK_ROW, unable to obtain exclusive access to this record"


@pytest.fixture
def contacts(machine: Machine) -> Machine:
    machine.load(*spread(40))
    return machine


def look(machine: Machine, name: str = "run") -> Progress:
    return Watcher(machine.cloud.client, machine.arn_of(name), machine.cloud.clock.now).look()


def looking(machine: Machine, when: Callable[[str], bool]) -> list[Progress]:
    """Look whenever a run ends whose flow's name is such; gives what was seen."""
    seen: list[Progress] = []

    def end(flow: Any, execution_id: str, records: Any, at: Any) -> RunOutcome:
        if when(flow["flowName"]):
            with acting_as(None):
                seen.append(look(machine))
        return RunOutcome(records)

    simulation.current.end_run = end
    return seen


def screen(progress: Progress, size: tuple[int, int], name: str = "run") -> list[str]:
    """Give the lines of the view on a terminal of this size."""
    width, height = size
    console = Console(
        file=io.StringIO(), force_terminal=True, color_system=None, width=width, height=height
    )
    with console.capture() as captured:
        console.print(show(progress, name, console, simulated=True))
    lines = [line.rstrip() for line in captured.get().splitlines()]
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert "…" not in "".join(line for line in lines if re.match(r"\s*\d{4}\S* +\d{4}-", line))
    return lines


def told(progress: Progress, width: int = 80) -> str:
    """Give the text after the view."""
    console = Console(file=io.StringIO(), width=width, color_system=None)
    with console.capture() as captured:
        write(console, *ending(progress))
    return captured.get()


@pytest.mark.parametrize("size", SIZES)
class TestEnds:
    def test_success(self, contacts: Machine, size: tuple[int, int]) -> None:
        contacts.run(ImportFrom="P1Y")
        lines = screen(look(contacts), size)
        assert re.match(r"Execution run  SUCCEEDED  \d+ min( \d+ s)? \(simulated\)", lines[0])
        assert "6 of 6 windows" in lines[1]
        assert sum(line.count("COMPLETE") for line in lines) == 6
        assert '"Status": "COMPLETE"' in told(look(contacts))

    def test_failure_with_every_message_whole(
        self, contacts: Machine, size: tuple[int, int]
    ) -> None:
        fail("-0002", "-0003", message=f"{LOCKED} {'x' * 300} the end \u202etxt.exe")
        contacts.run(ImportFrom="P1Y")
        seen = look(contacts)
        lines = screen(seen, size)
        assert "FAILED" in lines[0]
        assert "2 failed" in lines[1]
        text = told(seen)
        assert text.count(f"{'x' * 300} the end [U+202E]txt.exe") >= 1
        assert "0002, 0003  RunFailed: " in text
        assert "WindowsFailed" in text

    def test_stop_with_its_cause(self, contacts: Machine, size: tuple[int, int]) -> None:
        stop_when_a_run_ends(contacts, contacts.arn_of("run"))
        contacts.run(ImportFrom="P1Y")
        seen = look(contacts)
        lines = screen(seen, size)
        assert "Execution run  CANCELLED" in lines[0]
        assert "cancelled" in lines[1]
        assert "Somebody pressed stop." in told(seen)
        assert "ABORTED" not in "".join(lines) + told(seen)

    def test_split(self, contacts: Machine, size: tuple[int, int]) -> None:
        large = {"Run": {"Flow": "-0002$"}, "Ends": "Error", "Message": "has too many records"}
        faults.install({"Faults": [large]})
        contacts.run(ImportFrom="P1Y")
        lines = screen(look(contacts), size)
        assert "7 of 7 windows" in lines[1]
        shown = [line.split()[0] for line in lines[3:]]
        assert shown == ["0001", "0002-1", "0002-2", "0003", "0004", "0005", "0006"]

    def test_dry_run(self, contacts: Machine, size: tuple[int, int]) -> None:
        contacts.run(ImportFrom="P1Y", DryRun=True)
        seen = look(contacts)
        lines = screen(seen, size)
        assert lines[0].startswith("Execution run  dry run  SUCCEEDED")
        assert lines[1] == "dry run: 6 windows planned"
        text = told(seen)
        assert "Estimated cost: $" in text
        assert "Continuous integration, as expected: Created" in text

    def test_invalid_input(self, contacts: Machine, size: tuple[int, int]) -> None:
        contacts.run(BatchSize="2M")
        seen = look(contacts)
        assert screen(seen, size)[0].startswith("Execution run  FAILED")
        assert "InvalidInput" in told(seen)
        assert 'BatchSize: "2M" is not a duration' in told(seen)

    def test_no_windows(self, contacts: Machine, size: tuple[int, int]) -> None:
        contacts.run(ImportFrom="P30D")
        assert len(screen(look(contacts), size)) == 1


@pytest.mark.parametrize("size", SIZES)
class TestMeanwhile:
    def test_what_runs_is_counted_with_the_time_to_go(
        self, contacts: Machine, size: tuple[int, int]
    ) -> None:
        seen = looking(contacts, lambda flow: flow.endswith("-0012"))
        contacts.run(ImportFrom="P3Y")
        [progress] = seen
        lines = screen(progress, size)
        assert "RUNNING" in lines[0]
        assert re.search(r"\d+ of 18 windows, \d running, [\d,]+ records", lines[1])
        assert any("IN_PROGRESS" in line for line in lines)
        assert progress.concurrency == 5

    def test_windows_are_found_however_long_planning_took(
        self, contacts: Machine, size: tuple[int, int]
    ) -> None:
        # Given a function that fails to start for its first 15 times
        faults.install({"Faults": [{"Function": "plan-windows", "Ends": "TimedOut", "Times": 15}]})
        seen = looking(contacts, lambda flow: flow.endswith("-0001"))
        contacts.run(ImportFrom="P1Y")
        assert "of 6 windows" in screen(seen[0], size)[1]

    def test_what_a_redrive_runs_again_is_no_failure_any_more(
        self, contacts: Machine, size: tuple[int, int]
    ) -> None:
        fail("-0002", "-0003", message=LOCKED)
        ended = contacts.run(ImportFrom="P1Y", MaxConcurrency=1)
        assert look(contacts).counted["FAILED"] == 2
        seen = looking(contacts, lambda flow: flow.endswith("-r2"))
        ended.redrive()
        lines = screen(seen[0], size)
        assert "4 of 6 windows, 1 running, 1 to be retried" in lines[1]
        assert look(contacts).counted["COMPLETE"] == 6


def many(total: int, **statuses: int) -> Progress:
    """Give an execution of many windows, the first of them with these statuses."""
    names = [status for status, number in statuses.items() for _ in range(number)]
    names += ["NOT_STARTED"] * (total - len(names))
    took = {"COMPLETE": timedelta(minutes=10), "IN_PROGRESS": timedelta(minutes=4)}
    windows = [
        WindowProgress(
            f"{number:04}",
            "2023-11-26T05:36:08Z",
            "2023-11-28T05:36:08Z",
            status,
            attempts=2 if status == "RETRY" else 1,
            records=7,
            message=f"{LOCKED} {number % 40}" if status == "FAILED" else "",
            took=took.get(status),
        )
        for number, status in enumerate(names, 1)
    ]
    return Progress("RUNNING", tuple(windows), concurrency=5)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("total", [600, 10_000])
def test_of_many_windows_those_that_move_are_shown_and_the_rest_is_summed_up(
    total: int, size: tuple[int, int]
) -> None:
    progress = many(total, COMPLETE=300, FAILED=2, IN_PROGRESS=5, RETRY=1)
    lines = screen(progress, size)
    text = "\n".join(lines)
    assert text.count("IN_PROGRESS") == 5
    assert text.count("RETRY") == 1
    assert len(re.findall(r"FAILED$|FAILED ", text)) == 2
    rest = re.search(r"and ([\d,]+) more: (.*)", text)
    assert rest is not None
    shown = len([line for line in lines if re.match(r"\d{4} ", line)])
    assert int(rest[1].replace(",", "")) == total - sum(
        bool(re.match(r"\d{4} +2023", line)) for line in lines
    )
    assert f"{total - 308:,} NOT_STARTED" in rest[2]
    assert shown


@pytest.mark.parametrize("size", SIZES)
def test_messages_without_room_follow_at_the_end(size: tuple[int, int]) -> None:
    progress = many(600, FAILED=80)
    screen(progress, size)
    text = told(replace(progress, status="FAILED", error="WindowsFailed"))
    assert all(f"{LOCKED} {number}\n" in text for number in range(40))


def test_the_time_to_go_is_that_of_the_windows_own_durations() -> None:
    # Given windows that took 10 minutes each, and five at a time that have run for 4
    progress = many(18, COMPLETE=3, IN_PROGRESS=5)
    # Then 10 that wait and 6 more minutes of each running one take 26 minutes, five at a time
    assert progress.to_go == timedelta(minutes=26)
    # And less than the longest of what is left they cannot take
    assert many(4, COMPLETE=3, IN_PROGRESS=1).to_go == timedelta(minutes=6)


@pytest.mark.parametrize(
    "progress",
    [
        many(18, IN_PROGRESS=5),
        many(3, COMPLETE=3),
        replace(many(18, COMPLETE=3, IN_PROGRESS=5), concurrency=None),
        replace(many(18, COMPLETE=3, IN_PROGRESS=5), status="FAILED"),
    ],
)
def test_there_is_no_time_to_go_where_nothing_says_it(progress: Progress) -> None:
    assert progress.to_go is None


@pytest.mark.parametrize("size", SIZES)
def test_a_window_that_hangs_is_named_and_promises_no_time(size: tuple[int, int]) -> None:
    progress = many(18, COMPLETE=3, IN_PROGRESS=5)
    windows = [
        replace(window, took=timedelta(hours=7)) if window.id == "0006" else window
        for window in progress.windows
    ]
    hanging = replace(progress, windows=tuple(windows))
    assert hanging.to_go is None
    text = "\n".join(screen(hanging, size))
    assert "unusually long: 0006" in text
    assert "7h" in text
