"""The real definition, run from an execution's input to the continuous integration."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from local.caller import acting_as
from local.services import simulation
from local.services.simulation import Record, RunOutcome
from tests.machine.contacts import contact
from tests.machine.machine import NOW, Machine, event


def test_two_years_of_contacts_arrive_each_once_and_nothing_is_left_behind(
    machine: Machine,
) -> None:
    # Given a source with records of four years
    # When those since the first of a month two years ago are imported
    ended = machine.run(ImportFrom="2024-11-01")
    # Then thirteen windows, the last one shorter, have brought every one of them
    assert ended.status == "SUCCEEDED"
    wanted = {
        key
        for key, record in machine.source().items()
        if record["LastModifiedDate"] >= "2024-11-01"
    }
    assert set(machine.landed()) == wanted
    assert set(machine.puts().values()) == {1}
    assert ended.output["Metrics"] == {
        "RecordsProcessed": len(wanted),
        "RecordsFailed": 0,
        "StepsCompleted": 13,
        "TotalSteps": 13,
    }
    # And one flow is left, the continuous integration's, which looks back an hour
    assert machine.flows() == machine.integrations() == ["acme-salesforce-contact"]
    last = max(batch["BatchRecordsEndTime"] for batch in ended.report["Batches"])
    assert last == ended.report["HandOff"] == "2026-11-23T22:00:00Z"
    assert ended.output["Integration"]["FirstExecutionFrom"] == "2026-11-23T21:00:00Z"
    flow = machine.cloud.client("appflow").describe_flow(flowName="acme-salesforce-contact")
    scheduled = flow["triggerConfig"]["triggerProperties"]["Scheduled"]
    assert scheduled["firstExecutionFrom"] == NOW - timedelta(hours=1)
    assert flow["flowStatus"] == "Active"
    assert flow["tags"]["awsOwningService"] == "customer-profiles-integration-workflow"
    assert flow["tags"]["bulkIngestionExecution"] == "run"


def test_the_output_and_the_report_speak_the_words_of_get_workflow(machine: Machine) -> None:
    ended = machine.run(ImportFrom="P6M")
    assert ended.output == {
        "Status": "COMPLETE",
        "Metrics": ended.report["Metrics"],
        "Integration": {
            "Uri": "arn:aws:appflow:us-east-1:123456789012:flow/acme-salesforce-contact",
            "FlowName": "acme-salesforce-contact",
            "FirstExecutionFrom": "2026-11-23T21:00:00Z",
        },
        "Report": f"s3://{machine.cloud.stack.runs_bucket}/runs/run/report.json",
        "Page": f"s3://{machine.cloud.stack.runs_bucket}/runs/run/report.html",
    }
    assert ended.report["Reconciled"] is True
    batches = ended.report["Batches"]
    assert {batch["Status"] for batch in batches} == {"COMPLETE"}
    assert all(
        earlier["BatchRecordsEndTime"] == later["BatchRecordsStartTime"]
        for earlier, later in pairwise(batches)
    )
    assert sum(batch["RecordsProcessed"] for batch in batches) == len(machine.landed())
    assert {batch["Attempts"] for batch in batches} == {1}


def test_a_source_that_changes_meanwhile_is_complete_after_the_first_pull(
    machine: Machine,
) -> None:
    # Given a record in the oldest window, and an import that begins with the newest
    machine.load(
        contact("moves", NOW - timedelta(days=170), FirstName="Before"),
        contact("stays", NOW - timedelta(days=100)),
        contact("goes-far", NOW - timedelta(days=10)),
    )
    arn = machine.start(event(ImportFrom="P6M", MaxConcurrency=1))
    # When records change and come while the import is under way
    source = machine.cloud.services.sources.get("acme-sf", "Contact")
    during = machine.cloud.clock.now() + timedelta(seconds=1)
    source.put(contact("moves", during, FirstName="After"), contact("new", during))
    ended = machine.wait(arn)
    assert ended.status == "SUCCEEDED"
    # Then the continuous integration's first pull makes the domain the source's equal
    machine.cloud.clock.advance(2 * 3600)
    assert machine.landed().keys() == machine.source().keys()
    assert machine.landed()["moves"]["FirstName"] == "After"


@pytest.mark.parametrize(
    "example", ["salesforce-contact", "marketo-leads", "servicenow-incident", "zendesk-tickets"]
)
def test_every_application_arrives_whole(machine: Machine, example: str) -> None:
    given = event(example)
    source = given["FlowDefinition"]["SourceFlowConfig"]
    [properties] = source["SourceConnectorProperties"].values()
    field = source["IncrementalPullConfig"]["DatetimeTypeFieldName"]
    ended = machine.run(example=example)
    assert ended.status == "SUCCEEDED", ended.message
    begins = ended.report["Batches"][0]["BatchRecordsStartTime"].rstrip("Z")
    records = machine.source(source["ConnectorProfileName"], properties["Object"])
    wanted = {key for key, record in records.items() if record[field].replace(" ", "T") >= begins}
    assert wanted
    assert machine.landed(given["ObjectTypeName"]).keys() == wanted


def test_the_body_of_create_integration_workflow_runs_unchanged(machine: Machine) -> None:
    ended = machine.run(example="create-integration-workflow")
    assert ended.status == "SUCCEEDED", ended.message
    # Its own three batches end long ago, so that windows of two months follow up to now.
    assert len(ended.report["Batches"]) == 3 + 15
    assert ended.report["Batches"][3]["BatchRecordsStartTime"] == "2024-07-01T00:00:00Z"
    assert ended.output["Integration"]["FirstExecutionFrom"] == "2026-11-23T21:00:00Z"
    assert "RoleArn is not used" in ended.report["Warnings"][0]
    landed = machine.landed(ended.input["ObjectTypeName"])
    assert len(landed) >= ended.output["Metrics"]["RecordsProcessed"] > 0


def test_two_months_or_less_are_the_continuous_integrations_alone(machine: Machine) -> None:
    ended = machine.run(ImportFrom="P2M")
    assert ended.status == "SUCCEEDED"
    assert ended.output["Metrics"]["TotalSteps"] == 0
    assert ended.output["Integration"]["FirstExecutionFrom"] == "2026-09-23T22:00:00Z"
    assert "CreateFlow" not in ended.states()
    machine.cloud.clock.advance(2 * 3600)
    recent = {k for k, r in machine.source().items() if r["LastModifiedDate"] >= "2026-09-23T22"}
    assert machine.landed().keys() == recent


def test_a_dry_run_creates_nothing(machine: Machine) -> None:
    ended = machine.run(DryRun=True)
    assert ended.status == "SUCCEEDED"
    assert ended.output["Status"] == "NOT_STARTED"
    assert ended.output["Metrics"]["TotalSteps"] == 18
    assert set(ended.statuses.values()) == {"NOT_STARTED"}
    assert machine.flows() == machine.integrations() == []
    assert ended.states() == {"PlanWindows": 1, "AnythingToRun": 1, "Planned": 1}


@pytest.mark.parametrize(("order", "first"), [("NewestFirst", "0004"), ("OldestFirst", "0001")])
def test_windows_run_in_the_order_that_was_asked_for(
    machine: Machine, order: str, first: str
) -> None:
    ended = machine.run(ImportFrom="P8M", MaxConcurrency=1, Order=order)
    started = sorted(ended.batches.values(), key=lambda batch: batch["StartedAt"])
    assert started[0]["WindowId"] == first
    assert [b["WindowId"] for b in started] == sorted(ended.batches, reverse=order == "NewestFirst")


def test_no_more_windows_run_at_a_time_than_allowed(machine: Machine) -> None:
    ended = machine.run(ImportFrom="P2Y", MaxConcurrency=3)
    spans = [(b["StartedAt"], b["FinishedAt"]) for b in ended.report["Batches"]]
    at_a_time = [sum(start <= now < end for start, end in spans) for now, _ in spans]
    assert max(at_a_time) == 3


@pytest.mark.parametrize(
    ("seconds", "polls"), [(1, 1), (599, 8), (36_000, 36)], ids=["at once", "10 min", "10 h"]
)
@pytest.mark.parametrize("lost", [0, 1], ids=["told", "not told"])
def test_an_end_is_noticed_by_its_event_or_within_a_tenth_of_the_runs_duration(
    machine: Machine, seconds: int, polls: int, lost: float
) -> None:
    # Given a run that takes its time, and whose events come at once or never
    from local.services import simulation

    knobs = simulation.current.knobs
    simulation.current.knobs = type(knobs)(
        run_base=timedelta(seconds=seconds), run_per_record=timedelta(), events_lost=lost
    )
    # When one window is ingested
    ended = machine.run(ImportFrom="P70D", BatchSize="P70D")
    # Then it costs few polls, and the end is noticed soon
    [batch] = ended.report["Batches"]
    took = datetime.fromisoformat(batch["FinishedAt"]) - datetime.fromisoformat(batch["StartedAt"])
    assert ended.states()["DescribeRun"] <= polls
    late = took - timedelta(seconds=seconds)
    assert timedelta() <= late <= timedelta(seconds=max(62, seconds / 10) * lost)


def test_invalid_input_ends_in_invalid_input_and_creates_nothing(machine: Machine) -> None:
    ended = machine.run(ImportFrom="2030-01-01", BatchSize="2M", Surprise=1)
    assert (ended.status, ended.error) == ("FAILED", "InvalidInput")
    assert [line.split(":")[0] for line in ended.message.splitlines()[1:]] == [
        "BatchSize",
        "ImportFrom",
        "Surprise",
    ]
    assert machine.flows() == machine.integrations() == []
    listed = machine.cloud.client("s3").list_objects_v2(
        Bucket=machine.cloud.stack.runs_bucket, Prefix="runs/"
    )
    assert listed["KeyCount"] == 0


def test_strings_with_quotes_backslashes_and_newlines_pass_through(machine: Machine) -> None:
    odd = 'O\'Brien "\\" $states {% x %}\n\u2603'
    machine.load(contact("odd", NOW - timedelta(days=100), FirstName=odd))
    given = event(ImportFrom="P4M")
    given["FlowDefinition"]["Tasks"][2]["TaskProperties"] = {"DATA_TYPE": "string"}
    ended = machine.wait(machine.start(given))
    assert ended.status == "SUCCEEDED", ended.message
    assert machine.landed()["odd"]["FirstName"] == odd


def put_somebody_elses(machine: Machine) -> None:
    """Make an integration of the example's name that this stack did not make."""
    machine.cloud.client("customer-profiles").put_integration(
        DomainName="acme",
        ObjectTypeName="Salesforce-Contact",
        FlowDefinition=event()["FlowDefinition"],
        Tags={"owner": "somebody else"},
    )


class TestTheContinuousIntegration:
    def test_is_kept_when_it_works_and_begins_early_enough(self, machine: Machine) -> None:
        first = machine.run("first", ImportFrom="P6M")
        machine.cloud.clock.advance(86_400)
        second = machine.run("second", ImportFrom="P3M")
        assert second.status == "SUCCEEDED"
        assert second.output["Integration"] == first.output["Integration"]
        assert second.report["Continuity"]["Action"] == "KEPT"
        imported = second.report["Continuity"]["Imported"]
        assert imported == f"2026-05-23T22:00:00Z to {second.report['HandOff']}, without a gap"
        foreseen = machine.run("foreseen", ImportFrom="P3M", DryRun=True)
        assert foreseen.report["Continuity"]["Imported"] == imported
        assert machine.flows() == ["acme-salesforce-contact"]

    def test_is_moved_back_over_what_has_not_been_imported(self, machine: Machine) -> None:
        machine.run("late", ImportFrom="P10D")
        early = machine.run("early", ImportFrom="P20D")
        assert early.status == "SUCCEEDED"
        assert early.report["Continuity"]["Action"] == "REPLACED"
        assert early.report["Continuity"]["Changes"] == [
            "pulls what has changed since 2026-11-03T22:00:00Z, not only since 2026-11-13T22:00:00Z"
        ]
        assert early.output["Integration"]["FirstExecutionFrom"] == "2026-11-03T22:00:00Z"
        assert machine.flows() == machine.integrations() == ["acme-salesforce-contact"]
        flow = machine.cloud.client("appflow").describe_flow(flowName="acme-salesforce-contact")
        assert flow["flowStatus"] == "Active"

    def test_conflicts_with_a_foreign_flow_before_the_first_window(self, machine: Machine) -> None:
        # Given a flow of that name which this stack did not make
        put_somebody_elses(machine)
        # When an import is to be followed by an integration of that name
        for dry in (True, False):
            ended = machine.run(f"dry-{dry}", ImportFrom="P4M", DryRun=dry)
            # Then it says so, and leaves that flow as it is
            assert (ended.status, ended.error) == ("FAILED", "PreflightFailed")
            assert "a flow named acme-salesforce-contact exists" in ended.message
            assert machine.flows() == ["acme-salesforce-contact"]
        # And windows alone do not need the name
        alone = machine.run("alone", ImportFrom="P4M", DryRun=True, Continue=False)
        assert alone.status == "SUCCEEDED", alone.message

    def test_clashes_with_a_flow_that_was_made_during_the_import(self, machine: Machine) -> None:
        def put_at_the_first_end(
            flow: Any, execution_id: str, records: list[tuple[str, Record]], at: datetime
        ) -> RunOutcome:
            simulation.current.remove_faults()
            with acting_as(None):
                put_somebody_elses(machine)
            return RunOutcome(records)

        simulation.current.end_run = put_at_the_first_end
        ended = machine.run(ImportFrom="P4M")
        assert (ended.status, ended.error) == ("FAILED", "FlowNameTaken")
        assert "A flow named acme-salesforce-contact exists" in ended.message
        flow = machine.cloud.client("appflow").describe_flow(flowName="acme-salesforce-contact")
        assert flow["tags"] == {"owner": "somebody else"}
        # And a redrive goes on once it is out of the way
        machine.cloud.client("customer-profiles").delete_integration(
            DomainName="acme",
            Uri="arn:aws:appflow:us-east-1:123456789012:flow/acme-salesforce-contact",
        )
        again = ended.redrive()
        assert again.status == "SUCCEEDED", again.message
        assert again.output["Metrics"]["StepsCompleted"] == 2

    def test_is_made_by_two_executions_at_once_only_once(self, machine: Machine) -> None:
        arns = [machine.start(event(ImportFrom="P6M"), name) for name in ("one", "two")]
        assert [machine.wait(arn).status for arn in arns] == ["SUCCEEDED", "SUCCEEDED"]
        assert machine.flows() == machine.integrations() == ["acme-salesforce-contact"]
        assert set(machine.puts().values()) == {2}


def test_ten_years_in_daily_windows_plan_in_one_call_within_the_payload_limit(
    machine: Machine,
) -> None:
    machine.load()
    given = event(ImportFrom="2016-11-25", BatchSize="P1D", DryRun=True)
    ended = machine.wait(machine.start(given))
    assert ended.status == "SUCCEEDED", ended.message
    assert ended.output["Metrics"]["TotalSteps"] == 3651
    history = machine.cloud.client("stepfunctions").get_paginator("get_execution_history")
    payloads = [
        payload
        for page in history.paginate(executionArn=ended.arn)
        for happened in page["events"]
        for details in happened.values()
        if isinstance(details, dict)
        for payload in details.values()
        if isinstance(payload, str)
    ]
    assert max(map(len, payloads)) < 256 * 1024
    assert len(json.dumps(ended.read("plan.json"))) > 256 * 1024


def test_clocks_agree(machine: Machine) -> None:
    ended = machine.run(ImportFrom="P4M")
    assert datetime.fromisoformat(ended.batches["0001"]["StartedAt"]).tzinfo == UTC
