"""What is missing after a failure is run again, and nothing else: splits, redrive, resume."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from bulk_ingestion import connectors
from local import simulation
from local.simulation import Record, RunOutcome
from tests.machine.conftest import NOW
from tests.machine.machine import Machine, event
from tests.machine.test_bulk_ingestion import contact


class Runs:
    """Decides how the runs of some flows end, and counts the runs of all."""

    def __init__(self) -> None:
        self.errors: dict[str, str] = {}
        self.limit: int | None = None
        self.counted: Counter[str] = Counter()
        simulation.current.judge_run = self

    def __call__(
        self,
        flow: Mapping[str, Any],
        execution_id: str,
        records: list[tuple[str, Record]],
        at: datetime,
    ) -> RunOutcome:
        name = flow["flowName"]
        self.counted[name.partition("-")[2]] += 1
        for pattern, message in self.errors.items():
            if re.search(pattern, name):
                return RunOutcome([], "Error", message)
        return RunOutcome(records[: self.limit])

    def of(self, window: str) -> int:
        return sum(n for name, n in self.counted.items() if re.search(rf"-{window}(-r\d+)?$", name))


@pytest.fixture
def runs(machine: Machine) -> Runs:
    return Runs()


def spread(count: int, days: int = 200) -> list[dict[str, Any]]:
    """Give contacts that changed at even intervals over the last days."""
    return [
        contact(f"{n:05}", NOW - timedelta(days=days * (n + 0.5) / count)) for n in range(count)
    ]


class TestRedrive:
    def test_runs_only_the_windows_that_are_not_complete(
        self, machine: Machine, runs: Runs
    ) -> None:
        # Given a source that fails for two of the windows
        machine.load(*spread(40))
        runs.errors = {"-0002|-0003": "Something at the source broke."}
        ended = machine.run(ImportFrom="P200D", BatchSize="P50D")
        assert (ended.status, ended.error) == ("FAILED", "WindowsFailed")
        assert ended.statuses == {
            "0001": "COMPLETE",
            "0002": "FAILED",
            "0003": "FAILED",
            "0004": "COMPLETE",
        }
        assert "2 of 4 windows are not complete" in ended.message
        assert "Something at the source broke." in ended.message
        assert machine.flows() == machine.integrations() == []
        # When it is mended and the execution redriven
        runs.errors = {}
        again = ended.redrive()
        # Then only those windows ran again, and all is there
        assert again.status == "SUCCEEDED", again.message
        assert [runs.of(window) for window in ("0001", "0002", "0003", "0004")] == [1, 5, 5, 1]
        assert machine.landed().keys() == machine.source().keys()
        assert set(machine.puts().values()) == {1}
        assert machine.flows() == ["acme-salesforce-contact"]
        assert set(again.statuses.values()) == {"COMPLETE"}

    def test_that_fails_again_gives_each_window_one_more_round(
        self, machine: Machine, runs: Runs
    ) -> None:
        machine.load(*spread(20))
        runs.errors = {"-0001": "Still broken."}
        ended = machine.run(ImportFrom="P100D", BatchSize="P50D")
        again = ended.redrive()
        assert (again.status, again.error) == ("FAILED", "WindowsFailed")
        assert runs.of("0001") == 8
        runs.errors = {}
        third = again.redrive()
        assert third.status == "SUCCEEDED", third.message
        assert runs.of("0001") == 9
        assert runs.of("0002") == 1

    def test_after_a_systemic_error_goes_on_with_what_is_left(
        self, machine: Machine, runs: Runs
    ) -> None:
        machine.load(*spread(40))
        runs.errors = {"-0002": "Authentication failed: the refresh token has expired."}
        ended = machine.run(ImportFrom="P200D", BatchSize="P50D", MaxConcurrency=1)
        assert ended.error == "Appflow.ConnectorAuthenticationException"
        assert "refresh token has expired" in ended.message
        assert ended.statuses == {
            "0001": "NOT_STARTED",
            "0002": "FAILED",
            "0003": "COMPLETE",
            "0004": "COMPLETE",
        }
        assert runs.of("0002") == 1
        assert machine.flows() == machine.integrations() == []
        runs.errors = {}
        again = ended.redrive()
        assert again.status == "SUCCEEDED", again.message
        assert [runs.of(window) for window in ("0001", "0002", "0003", "0004")] == [1, 2, 1, 1]
        assert machine.landed().keys() == machine.source().keys()


class TestResume:
    def test_in_a_new_execution_runs_what_the_old_one_left(
        self, machine: Machine, runs: Runs
    ) -> None:
        machine.load(*spread(40))
        runs.errors = {"-0002": "Something at the source broke."}
        old = machine.run("old", ImportFrom="P200D", BatchSize="P50D", Tags={"team": "crm"})
        assert old.status == "FAILED"
        runs.errors = {}
        machine.cloud.clock.advance(20 * 86_400)
        new = machine.wait(machine.start({"Resume": "old", "MaxConcurrency": 2}, "new"))
        assert new.status == "SUCCEEDED", new.message
        assert [runs.of(window) for window in ("0001", "0002", "0003", "0004")] == [1, 5, 1, 1]
        assert new.output["Metrics"] == {
            "RecordsProcessed": 40,
            "RecordsFailed": 0,
            "StepsCompleted": 4,
            "TotalSteps": 4,
        }
        # And the continuous integration begins where the old run's windows ended
        assert new.output["Integration"]["FirstExecutionFrom"] == "2026-11-23T22:00:00Z"
        flow = machine.cloud.client("appflow").describe_flow(flowName="acme-salesforce-contact")
        assert flow["tags"]["team"] == "crm"
        assert flow["tags"]["bulkIngestionExecution"] == "new"
        assert machine.flows() == machine.integrations() == ["acme-salesforce-contact"]

    def test_of_a_complete_run_runs_no_window(self, machine: Machine, runs: Runs) -> None:
        machine.load(*spread(10))
        machine.run("old", ImportFrom="P100D")
        before = sum(runs.counted.values())
        new = machine.wait(machine.start({"Resume": "old"}, "new"))
        assert new.status == "SUCCEEDED"
        assert sum(runs.counted.values()) == before

    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ({"Resume": "never-was"}, "Resume: there is no run never-was"),
            ({"Resume": 5}, "Resume: cannot be 5; give the name of the execution to resume"),
            ({"Resume": "old", "ImportFrom": "P2Y"}, "ImportFrom: is not for a resume"),
        ],
    )
    def test_of_what_cannot_be_resumed_is_refused(
        self, machine: Machine, given: Any, expected: str
    ) -> None:
        ended = machine.wait(machine.start(given, "new"))
        assert ended.error == "InvalidInput"
        assert expected in ended.message


class TestSplits:
    def test_a_window_at_the_connectors_limit_is_split_until_it_fits(
        self, machine: Machine, runs: Runs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Given a connector whose runs are silently cut at ten records
        limited = replace(connectors.CONNECTORS["Salesforce"], record_limit=10)
        monkeypatch.setitem(connectors.CONNECTORS, "Salesforce", limited)
        runs.limit = 10
        machine.load(*spread(60, days=120))
        # When 60 records of four months are imported in two windows
        ended = machine.run(ImportFrom="P120D", BatchSize="P60D")
        # Then windows were halved until each had fewer than the limit, and nothing is missing
        assert ended.status == "SUCCEEDED", ended.message
        assert machine.landed().keys() == machine.source().keys()
        statuses = ended.statuses
        assert statuses["0001"] == statuses["0002"] == "SPLIT"
        leaves = [batch for batch in ended.report["Batches"] if batch["Status"] == "COMPLETE"]
        assert all(batch["RecordsProcessed"] < 10 for batch in leaves)
        assert ended.output["Metrics"]["RecordsProcessed"] == 60
        assert ended.output["Metrics"]["TotalSteps"] == len(leaves)
        assert machine.flows() == ["acme-salesforce-contact"]

    def test_a_text_that_says_too_large_splits_as_well(self, machine: Machine, runs: Runs) -> None:
        machine.load(*spread(20, days=100))
        runs.errors = {r"-000[12]$": "The response is too large for the connector."}
        ended = machine.run(ImportFrom="P100D", BatchSize="P50D")
        assert ended.status == "SUCCEEDED", ended.message
        assert ended.statuses == {
            "0001": "SPLIT",
            "0001-1": "COMPLETE",
            "0001-2": "COMPLETE",
            "0002": "SPLIT",
            "0002-1": "COMPLETE",
            "0002-2": "COMPLETE",
        }
        assert runs.of("0001") == 1
        assert machine.landed().keys() == machine.source().keys()

    def test_a_burst_that_no_window_can_hold_fails_by_name_at_an_hour(
        self, machine: Machine, runs: Runs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        limited = replace(connectors.CONNECTORS["Salesforce"], record_limit=10)
        monkeypatch.setitem(connectors.CONNECTORS, "Salesforce", limited)
        runs.limit = 10
        burst = NOW - timedelta(days=30)
        machine.load(*(contact(f"{n}", burst) for n in range(15)))
        ended = machine.run(ImportFrom="P62D", BatchSize="P62D")
        assert (ended.status, ended.error) == ("FAILED", "WindowsFailed")
        assert "RunTooLarge" in ended.message
        missing = [b for b in ended.report["Batches"] if b["Status"] == "FAILED"]
        assert len(missing) == 1
        assert (
            missing[0]["BatchRecordsStartTime"]
            <= burst.strftime("%Y-%m-%dT%H:%M:%SZ")
            < missing[0]["BatchRecordsEndTime"]
        )

    def test_a_run_past_its_deadline_is_cancelled_and_its_window_split_twice_at_most(
        self, machine: Machine, runs: Runs
    ) -> None:
        # Given runs that take longer than a day
        machine.load(*spread(4, days=60))
        simulation.current.knobs = replace(
            simulation.current.knobs, run_base=timedelta(hours=30), run_per_record=timedelta()
        )
        ended = machine.run(ImportFrom="P62D", BatchSize="P62D")
        # Then the source is the trouble, and the windows say so
        assert (ended.status, ended.error) == ("FAILED", "WindowsFailed")
        assert "RunTooLong" in ended.message
        assert Counter(ended.statuses.values()) == {"SPLIT": 3, "FAILED": 4}
        assert max(len(key) for key in ended.statuses) == len("0001-1-1")
        assert machine.flows() == machine.integrations() == []
        # And when it is quick again, a redrive completes them
        simulation.current.knobs = replace(simulation.current.knobs, run_base=timedelta(minutes=1))
        again = ended.redrive()
        assert again.status == "SUCCEEDED", again.message
        assert machine.landed().keys() == machine.source().keys()


def test_two_executions_at_once_disturb_each_other_in_nothing(machine: Machine, runs: Runs) -> None:
    machine.load(*spread(30, days=190))
    runs.errors = {"bulk-one-.*-0002": "Broken for one of them."}
    given = event(ImportFrom="P190D", BatchSize="P50D")
    one, two = (machine.start(given, name) for name in ("one", "two"))
    assert machine.wait(two).status == "SUCCEEDED"
    failed = machine.wait(one)
    assert failed.error == "WindowsFailed"
    runs.errors = {}
    assert failed.redrive().status == "SUCCEEDED"
    assert machine.landed().keys() == machine.source().keys()
    assert machine.flows() == machine.integrations() == ["acme-salesforce-contact"]
