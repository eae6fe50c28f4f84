"""What is missing after a failure is run again, and nothing else: splits, redrive, resume."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from bulk_ingestion.remediation import remediation
from local.caller import acting_as
from local.faults import faults
from local.services import simulation
from local.services.simulation import Record, RunOutcome
from tests.machine.contacts import contact, spread
from tests.machine.machine import NOW, Machine, event
from tests.machine.runs import Runs, limit_records


class TestRedrive:
    def test_runs_only_the_windows_that_are_not_complete(
        self, machine: Machine, runs: Runs
    ) -> None:
        # Given a source that fails for two of the windows
        machine.load(*spread(40))
        runs.errors = {"-0002|-0003": "The source is temporarily unavailable."}
        ended = machine.run(ImportFrom="P200D", BatchSize="P50D")
        assert (ended.status, ended.error) == ("FAILED", "WindowsFailed")
        assert ended.statuses == {
            "0001": "COMPLETE",
            "0002": "FAILED",
            "0003": "FAILED",
            "0004": "COMPLETE",
        }
        assert "2 of 4 windows are not complete" in ended.message
        assert "The source is temporarily unavailable." in ended.message
        assert machine.flows() == machine.integrations() == []
        # When it is fixed and the execution redriven
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
        runs.errors = {"-0001": "The source is temporarily unavailable."}
        ended = machine.run(ImportFrom="P100D", BatchSize="P50D")
        again = ended.redrive()
        assert (again.status, again.error) == ("FAILED", "WindowsFailed")
        assert runs.of("0001") == 8
        runs.errors = {}
        third = again.redrive()
        assert third.status == "SUCCEEDED", third.message
        assert runs.of("0001") == 9
        assert runs.of("0002") == 1
        assert set(machine.puts().values()) == {1}
        assert len(machine.landed()) == third.output["Metrics"]["RecordsProcessed"] == 10

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
        assert runs.of("0002") == 4
        assert machine.flows() == machine.integrations() == []
        runs.errors = {}
        again = ended.redrive()
        assert again.status == "SUCCEEDED", again.message
        assert [runs.of(window) for window in ("0001", "0002", "0003", "0004")] == [1, 5, 1, 1]
        assert machine.landed().keys() == machine.source().keys()


class TestResume:
    def test_in_a_new_execution_runs_what_the_old_one_left(
        self, machine: Machine, runs: Runs
    ) -> None:
        machine.load(*spread(40))
        runs.errors = {"-0002": "The source is temporarily unavailable."}
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
        assert new.output["Integration"]["FirstExecutionFrom"] == "2026-11-23T21:00:00Z"
        flow = machine.cloud.client("appflow").describe_flow(flowName="acme-salesforce-contact")
        assert flow["tags"]["team"] == "crm"
        assert flow["tags"]["bulkIngestionExecution"] == "new"
        assert machine.flows() == machine.integrations() == ["acme-salesforce-contact"]
        assert machine.landed().keys() == machine.source().keys()

    def test_of_a_complete_run_runs_no_window(self, machine: Machine, runs: Runs) -> None:
        machine.load(*spread(10))
        machine.run("old", ImportFrom="P100D")
        before = sum(runs.counted.values())
        new = machine.wait(machine.start({"Resume": "old"}, "new"))
        assert new.status == "SUCCEEDED"
        assert sum(runs.counted.values()) == before

    def test_corrects_a_field_that_the_source_has_lost(self, machine: Machine) -> None:
        # Given an import whose source loses a field after the first window
        def lose_phone(
            flow: Any, execution_id: str, records: list[tuple[str, Record]], at: datetime
        ) -> RunOutcome:
            faults.install({"Faults": [{"Source": "acme-sf/Contact", "LosesField": "Phone"}]})
            return RunOutcome(records)

        simulation.current.end_run = lose_phone
        old = machine.run("old", ImportFrom="P200D", BatchSize="P50D", MaxConcurrency=1)
        # Then it ends in AppFlow's refusal, and is told to be resumed and not to be redriven
        assert (old.status, old.error) == ("FAILED", "Appflow.ValidationException")
        assert "the source field Phone does not exist" in old.message
        assert remediation(old.error) in old.message
        assert "Then redrive" not in old.message
        assert old.status_counts == {"COMPLETE": 1, "FAILED": 1, "NOT_STARTED": 2}
        # And what would fail in the same way is refused before the first window
        same = machine.wait(machine.start({"Resume": "old"}, "same"))
        assert (same.status, same.error) == ("FAILED", "PreflightFailed")
        assert "FlowDefinition.Tasks: Contact has no Phone" in same.message
        # When it is resumed, by its ARN, with tasks that do not need the field
        tasks = [
            {**task, "SourceFields": [name for name in task["SourceFields"] if name != "Phone"]}
            for task in event()["FlowDefinition"]["Tasks"]
            if task["SourceFields"] != ["Phone"]
        ]
        corrections = {
            "FlowDefinition": {"Tasks": tasks},
            "Schedule": "rate(15minutes)",
            "Overlap": "P1D",
            "MaxConcurrency": 2,
        }
        new = machine.wait(machine.start({"Resume": old.arn, **corrections}, "new"))
        # Then the rest arrives, and what had arrived stays as it was
        assert new.status == "SUCCEEDED", new.message
        assert machine.landed().keys() == {
            key
            for key, record in machine.source().items()
            if record["LastModifiedDate"] >= "2026-05-07T22"
        }
        assert {"Phone" in record for record in machine.landed().values()} == {True, False}
        # And the integration pulls as the corrections say, which the report tells
        flow = machine.cloud.client("appflow").describe_flow(flowName="acme-salesforce-contact")
        scheduled = flow["triggerConfig"]["triggerProperties"]["Scheduled"]
        assert scheduled["scheduleExpression"] == "rate(15minutes)"
        assert len(flow["tasks"]) == len(tasks)
        assert new.read("request.json")["Overlap"] == "PT86400S"
        [warning] = [text for text in new.report["Warnings"] if text.startswith("Tasks differ")]
        assert "The windows that were complete (1) don't run again" in warning

    def test_corrects_how_many_windows_run_and_how_often_it_pulls_without_a_warning(
        self, machine: Machine, runs: Runs
    ) -> None:
        machine.load(*spread(10))
        machine.run("old", ImportFrom="P100D")
        given = {"Resume": "old", "Schedule": "rate(2hours)", "MaxConcurrency": 1, "DryRun": True}
        new = machine.wait(machine.start(given, "new"))
        assert new.status == "SUCCEEDED", new.message
        assert new.report["Warnings"] == []
        scheduled = new.report["FlowDefinition"]["TriggerConfig"]["TriggerProperties"]["Scheduled"]
        assert scheduled["ScheduleExpression"] == "rate(2hours)"

    def test_of_a_run_that_is_still_going_is_refused(self, machine: Machine) -> None:
        # Given an execution, and one that resumes it when its first run ends
        started: list[str] = []

        def resume_it(
            flow: Any, execution_id: str, records: list[tuple[str, Record]], at: datetime
        ) -> RunOutcome:
            simulation.current.remove_faults()
            with acting_as(None):
                started.append(machine.start({"Resume": "old"}, "new"))
            return RunOutcome(records)

        simulation.current.end_run = resume_it
        old = machine.run("old", ImportFrom="P100D", MaxConcurrency=1)
        new = machine.wait(started[0])
        # Then the second one says so, and the first brings everything
        assert old.status == "SUCCEEDED", old.message
        assert (new.status, new.error) == ("FAILED", "InvalidInput")
        assert "Resume: execution old is still running" in new.message

    @pytest.mark.parametrize(
        ("corrections", "expected"),
        [
            ({"Schedule": "cron(banana)"}, "Schedule: "),
            ({"FlowDefinition": {"Tasks": []}}, "FlowDefinition.Tasks: has no projection"),
            ({"FlowDefinition": {"FlowName": "bulk-x"}}, "FlowDefinition.FlowName: is "),
            (
                {
                    "FlowDefinition": {
                        "SourceFlowConfig": {
                            "SourceConnectorProperties": {"Salesforce": {"Object": "Account"}}
                        }
                    }
                },
                "FlowDefinition.SourceFlowConfig: reads",
            ),
            (
                {
                    "Schedule": "rate(1hours)",
                    "FlowDefinition": {
                        "TriggerConfig": {
                            "TriggerProperties": {
                                "Scheduled": {"ScheduleExpression": "rate(2hours)"}
                            }
                        }
                    },
                },
                "Schedule: is ",
            ),
        ],
    )
    def test_with_corrections_that_cannot_be_is_refused(
        self, machine: Machine, corrections: Any, expected: str
    ) -> None:
        machine.run("old", ImportFrom="P100D", DryRun=True)
        ended = machine.wait(machine.start({"Resume": "old", **corrections}, "new"))
        assert (ended.status, ended.error) == ("FAILED", "InvalidInput")
        assert expected in ended.message

    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            (
                {"Resume": "arn:aws:states:us-east-1:123456789012:execution:other:old"},
                "is not an execution of this state machine",
            ),
            ({"Resume": "new"}, "Resume: there is no run new"),
            ({"Resume": "never-was"}, "Resume: there is no run never-was"),
            (
                {"Resume": 5},
                "Resume: is 5; it must be the name or the ARN of the execution to resume",
            ),
            ({"Resume": "old", "ImportFrom": "P2Y"}, "ImportFrom: can't be used with Resume"),
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
        limit_records(monkeypatch, 10)
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

    def test_are_made_before_the_first_run_by_the_next_import_of_the_same(
        self, machine: Machine, runs: Runs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Given an import that has split windows at the connector's limit
        limit_records(monkeypatch, 10)
        runs.limit = 10
        machine.load(*spread(60, days=120))
        given = {"ImportFrom": (NOW - timedelta(days=120)).isoformat(), "BatchSize": "P60D"}
        first = machine.run("first", **given)
        assert first.status_counts["SPLIT"] > 2
        # When the same is imported a day later
        machine.cloud.clock.advance(86_400)
        second = machine.run("second", **given)
        # Then the windows are as the first import had to cut them, and each runs once
        assert second.status == "SUCCEEDED", second.message
        assert second.status_counts == {"COMPLETE": first.status_counts["COMPLETE"] + 1}
        assert {batch["Attempts"] for batch in second.report["Batches"]} == {1}
        assert machine.landed().keys() == machine.source().keys()

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

    def test_a_burst_that_no_window_can_hold_fails_by_name_at_a_minute(
        self, machine: Machine, runs: Runs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        limit_records(monkeypatch, 10)
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
        start, end = (
            datetime.fromisoformat(missing[0][f"BatchRecords{bound}Time"])
            for bound in ("Start", "End")
        )
        assert timedelta(minutes=1) <= end - start < timedelta(minutes=2)

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
