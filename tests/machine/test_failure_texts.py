"""What becomes of a window by what AppFlow says of its failed runs, or does not say."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from tests.machine.contacts import contact, spread
from tests.machine.machine import NOW, Ended, Machine
from tests.machine.runs import Runs, limit_records

TOO_MUCH = "413 Request Entity Too Large"
UNKNOWN = "Something at the source broke."


@pytest.fixture(autouse=True)
def forty_contacts(machine: Machine) -> None:
    machine.load(*spread(40))


def run_four_windows(machine: Machine) -> Ended:
    return machine.run(ImportFrom="P200D", BatchSize="P50D")


@pytest.mark.parametrize(
    "text",
    [
        "Transaction cancelled: maximum execution time exceeded",
        "QUERY_TIMEOUT: Your query request was running for too long.",
        "1003: The date range must be 31 days or fewer",
    ],
)
def test_a_text_about_size_or_time_splits_the_window(
    machine: Machine, runs: Runs, text: str
) -> None:
    # Given a source that does not carry 50 days at a time
    runs.errors = {r"-000\d$": text}
    ended = run_four_windows(machine)
    # Then it carries their halves, and no run was repeated
    assert ended.status == "SUCCEEDED", ended.message
    assert Counter(ended.statuses.values()) == {"SPLIT": 4, "COMPLETE": 8}
    assert sum(runs.counted.values()) == 4 + 8
    assert machine.landed().keys() == machine.source().keys()


def test_a_text_about_size_is_believed_three_levels_deep_and_then_only_retried(
    machine: Machine, runs: Runs
) -> None:
    # Given a window of which the source says so, whatever its size
    runs.errors = {"-0002": TOO_MUCH}
    ended = run_four_windows(machine)
    # Then some tens of runs are spent on it, and the error has the source's own words
    assert (ended.status, ended.error) == ("FAILED", "WindowsFailed")
    assert "8 of 11 windows are not complete" in ended.message
    batch = ended.batches["0002-1-1-1"]
    interval = f"{batch['BatchRecordsStartTime']} to {batch['BatchRecordsEndTime']}"
    assert f"0002-1-1-1 ({interval}): RunFailed: {TOO_MUCH}" in ended.message
    assert max(map(len, ended.statuses)) == len("0002-1-1-1")
    assert sum(n for name, n in runs.counted.items() if "-0002" in name) == 1 + 2 + 4 + 8 * 4
    # And a redrive tries those alone once more
    runs.errors = {}
    again = ended.redrive()
    assert again.status == "SUCCEEDED", again.message
    assert machine.landed().keys() == machine.source().keys()
    assert [runs.of(window) for window in ("0001", "0003", "0004")] == [1, 1, 1]


def test_a_window_that_cannot_be_split_is_run_again_instead(machine: Machine, runs: Runs) -> None:
    # Given a source whose filters know no upper bound, and a run that took too long
    runs.errors = {"-0001": "504 Gateway Timeout"}
    ended = machine.run(example="zendesk-tickets")
    # Then it has had its four runs
    assert (ended.status, ended.error) == ("FAILED", "WindowsFailed")
    assert runs.of("0001") == 4
    assert "RunFailed: 504 Gateway Timeout" in ended.message


def test_the_connectors_own_limit_splits_further(
    machine: Machine, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given 250 records within an hour, and a connector that transfers 100 in one run
    limit_records(monkeypatch, 100)
    runs.limit = 100
    hour = NOW - timedelta(days=30)
    machine.load(*(contact(f"{n}", hour + timedelta(seconds=14 * n)) for n in range(250)))
    ended = machine.run(ImportFrom="P62D", BatchSize="P62D")
    # Then windows are split until each has fewer, and nothing is missing
    assert ended.status == "SUCCEEDED", ended.message
    assert machine.landed().keys() == machine.source().keys()


@pytest.mark.parametrize(
    "text", ["INVALID_SESSION_ID: Session expired or invalid", "602: Access token expired"]
)
def test_one_run_without_authentication_is_retried(machine: Machine, runs: Runs, text: str) -> None:
    runs.errors_once = {"-0002$": text}
    ended = run_four_windows(machine)
    assert ended.status == "SUCCEEDED", ended.message
    assert [runs.of(window) for window in ("0001", "0002", "0003", "0004")] == [1, 2, 1, 1]


class TestTextsThatNobodyKnows:
    def test_halve_the_window_while_others_are_complete(self, machine: Machine, runs: Runs) -> None:
        # Given a window that always fails, and whose halves do not
        runs.errors = {r"-0002$": UNKNOWN}
        ended = run_four_windows(machine)
        assert ended.status == "SUCCEEDED", ended.message
        assert ended.statuses["0002"] == "SPLIT"
        assert runs.of("0002") == 4
        assert machine.landed().keys() == machine.source().keys()

    def test_halve_it_once(self, machine: Machine, runs: Runs) -> None:
        runs.errors = {"-0002": UNKNOWN}
        ended = run_four_windows(machine)
        assert (ended.status, ended.error) == ("FAILED", "WindowsFailed")
        assert f"RunFailed: {UNKNOWN}" in ended.message
        assert {key for key, status in ended.statuses.items() if status == "FAILED"} == {
            "0002-1",
            "0002-2",
        }
        assert sum(n for name, n in runs.counted.items() if "-0002" in name) == 4 + 2 * 4

    def test_halve_nothing_when_no_window_is_complete(self, machine: Machine, runs: Runs) -> None:
        runs.errors = {"-000": UNKNOWN}
        ended = run_four_windows(machine)
        assert (ended.status, ended.error) == ("FAILED", "WindowsFailed")
        assert sum(runs.counted.values()) == 4 * 4
