"""Stop means stop: what a stopped execution left is taken away, and told."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest

from bulk_ingestion.integration import create
from bulk_ingestion.run.job import Execution
from local.account import ACCOUNT, REGION
from local.caller import acting_as
from local.faults import faults
from local.services import simulation
from local.services.appflow.models import appflow_backends
from local.services.simulation import RunOutcome
from tests.machine.contacts import spread
from tests.machine.machine import NOW, Machine, event
from tests.machine.runs import stop_when_a_run_ends
from tests.machine.watched import BUSY


def test_an_aborted_execution_leaves_nothing_and_says_cancelled(machine: Machine) -> None:
    # Given an execution that somebody stops while three of its windows run
    machine.load(*spread(40))
    stop_when_a_run_ends(machine, machine.arn_of("run"))
    ended = machine.run(ImportFrom="P200D", BatchSize="P40D", MaxConcurrency=3)
    assert ended.status == "ABORTED"
    # When the clean-up has followed
    machine.cloud.events.settle()
    # Then nothing is left behind, and the report says what was not done
    assert machine.flows() == machine.integrations() == []
    report = ended.report
    assert report["Status"] == "CANCELLED"
    assert {batch["Status"] for batch in report["Batches"]} <= {"COMPLETE", "CANCELLED"}
    assert "CANCELLED" in ended.statuses.values()
    # And a redrive completes it
    again = ended.redrive()
    assert again.status == "SUCCEEDED", again.message
    assert machine.landed().keys() == machine.source().keys()
    assert machine.flows() == machine.integrations() == ["acme-salesforce-contact"]


def test_an_execution_that_times_out_leaves_nothing_and_says_cancelled(machine: Machine) -> None:
    # Given the deployed machine with a time limit of six hours, and runs that take longer
    client, arn = machine.cloud.client("stepfunctions"), machine.cloud.stack.state_machine_arn
    definition = json.loads(client.describe_state_machine(stateMachineArn=arn)["definition"])
    assert definition["TimeoutSeconds"] == timedelta(days=30).total_seconds()
    definition["TimeoutSeconds"] = 6 * 3600
    client.update_state_machine(stateMachineArn=arn, definition=json.dumps(definition))
    machine.load(*spread(40))
    slow = {"Run": {"Flow": "-0001$|-0002$"}, "Takes": "P1D"}
    faults.install({"Faults": [slow]})
    # When the time is over
    ended = machine.run(ImportFrom="P200D", BatchSize="P40D", MaxConcurrency=3)
    assert ended.status == "TIMED_OUT"
    assert machine.cloud.clock.now() - NOW >= timedelta(hours=6)
    machine.cloud.events.settle()
    # Then nothing is left behind, and the report says what was not done
    assert machine.flows() == machine.integrations() == []
    assert ended.report["Status"] == "CANCELLED"
    assert Counter(ended.statuses.values()) == {"COMPLETE": 3, "CANCELLED": 2}
    # And a redrive completes it
    faults.clear()
    again = ended.redrive()
    assert again.status == "SUCCEEDED", again.message
    assert machine.landed().keys() == machine.source().keys()
    assert machine.flows() == machine.integrations() == ["acme-salesforce-contact"]


def test_a_stop_in_a_later_round_is_reported_of_that_round(machine: Machine) -> None:
    # Given an execution that failed for one window
    machine.load(*spread(20))
    broken = {"Run": {"Flow": "-0002"}, "Ends": "Error", "Message": BUSY}
    faults.install({"Faults": [broken]})
    failed = machine.run(ImportFrom="P100D", BatchSize="P25D")
    assert failed.batches["0002"]["Attempts"] == 4
    # When it is redriven, and stopped while that window runs again
    faults.clear()
    stop_when_a_run_ends(machine, failed.arn)
    stopped = failed.redrive()
    machine.cloud.events.settle()
    # Then the report tells of the flow that was stopped, and not what the one before ended in
    batch = stopped.batches["0002"]
    assert (stopped.status, batch["Status"]) == ("ABORTED", "CANCELLED")
    assert batch["FlowName"].endswith("-0002-r2")
    assert batch["ExecutionMessage"] == ""
    assert "Error" not in batch
    # And in the end all its attempts are counted: four, the one that was stopped, and one more
    again = stopped.redrive()
    assert again.status == "SUCCEEDED", again.message
    assert again.batches["0002"]["Attempts"] == 6
    assert {again.batches[key]["Attempts"] for key in ("0001", "0003", "0004")} == {1}


def test_a_redrive_after_a_clean_up_notices_that_the_flows_are_gone(
    machine: Machine,
) -> None:
    # Given an execution that was stopped when it had just asked for a run, and cleaned up
    machine.load(*spread(20))
    arn = machine.arn_of("run")

    def stop(told: dict[str, Any]) -> None:
        if "Start" in told["detail-type"] and not stopped_at:
            stopped_at.append(machine.cloud.clock.now())
            with acting_as(None):
                machine.cloud.client("stepfunctions").stop_execution(executionArn=arn)

    stopped_at: list[datetime] = []
    machine.cloud.services.on_event(stop)
    ended = machine.run(ImportFrom="P100D", BatchSize="P50D", MaxConcurrency=1)
    machine.cloud.events.settle()
    assert machine.flows() == []
    # When it is redriven
    again = ended.redrive()
    # Then the window is run with a new flow once StartFlow's retries are used up, and both runs are
    # counted
    assert again.status == "SUCCEEDED", again.message
    assert machine.cloud.clock.now() - stopped_at[0] < timedelta(minutes=30)
    assert again.batches["0002"]["Attempts"] == 2
    assert again.batches["0002"]["FlowName"].endswith("-r2")
    assert len(machine.landed()) == again.output["Metrics"]["RecordsProcessed"] == 10


def test_executions_whose_flows_are_tagged_alike_do_not_sweep_each_others(
    machine: Machine,
) -> None:
    # Given two executions whose names differ in what no tag can hold
    machine.load(*spread(20))
    given = event(ImportFrom="P100D", BatchSize="P25D")
    names = ("a.b", "a-b")
    prefix = Execution(machine.arn_of("a.b"), "a.b", machine.cloud.stack.name).flow_prefix
    denied: dict[str, Any] = {
        "Operation": "appflow:CreateFlow",
        "Match": {"flowName": f"^{prefix}0004$"},
    }
    denied["Error"] = "AccessDeniedException"
    faults.install({"Faults": [denied, {"Run": {}, "Takes": "PT2H"}]})
    one, two = (machine.start(given, name) for name in names)
    # When one fails at once and cleans up
    ended = [machine.wait(arn) for arn in (one, two)]
    # Then the other one does not notice
    assert sorted(each.status for each in ended) == ["FAILED", "SUCCEEDED"]
    [whole] = [each for each in ended if each.status == "SUCCEEDED"]
    assert {batch["Attempts"] for batch in whole.report["Batches"]} == {1}
    assert len(machine.landed()) == whole.output["Metrics"]["RecordsProcessed"] == 10


def test_the_clean_up_spares_other_executions_and_the_continuous_integration(
    machine: Machine,
) -> None:
    machine.load(*spread(20))
    machine.run("first", ImportFrom="P100D")
    given = event(ImportFrom="P200D", BatchSize="P40D")
    stop_when_a_run_ends(machine, machine.arn_of("stopped"))
    stopped, other = (machine.start(given, name) for name in ("stopped", "other"))
    machine.wait(stopped)
    machine.cloud.events.settle()
    ended = machine.wait(other)
    assert ended.status == "SUCCEEDED", ended.message
    assert set(ended.statuses.values()) == {"COMPLETE"}
    assert machine.flows() == machine.integrations() == ["acme-salesforce-contact"]
    assert machine.landed().keys() == machine.source().keys()


def test_an_execution_stopped_before_its_plan_has_nothing_to_clean_up(machine: Machine) -> None:
    machine.cloud.events.execution_changed(
        {
            "executionArn": machine.run(ImportFrom="never").arn,
            "stateMachineArn": machine.cloud.stack.state_machine_arn,
            "name": "run",
            "status": "ABORTED",
        }
    )
    machine.cloud.events.settle()
    listed = machine.cloud.client("s3").list_objects_v2(
        Bucket=machine.cloud.stack.runs_bucket, Prefix="runs/"
    )
    assert listed["KeyCount"] == 0


@pytest.mark.parametrize("status", ["ABORTED", "TIMED_OUT"])
def test_the_rule_means_stopped_executions_of_this_machine_alone(
    machine: Machine, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoked: list[Any] = []
    monkeypatch.setitem(
        machine.cloud.targets._starts,
        "lambda",
        lambda arn, payload: invoked.append((arn, json.loads(payload)["detail"])),
    )
    arn = machine.cloud.stack.state_machine_arn
    for machine_arn, told in (
        (arn, status),
        (f"{arn}/Windows", status),
        (f"{arn}-other", status),
        (arn, "RUNNING"),
        (arn, "SUCCEEDED"),
    ):
        machine.cloud.events.execution_changed(
            {"executionArn": "x", "stateMachineArn": machine_arn, "status": told}
        )
    machine.cloud.events.settle()
    clean_up = machine.cloud.stack.resources["CleanUpFunction"].arn
    meant = [detail["stateMachineArn"] for function, detail in invoked if function == clean_up]
    assert meant == [arn]


def test_the_daily_sweep_takes_what_a_crash_left_and_spares_what_runs(machine: Machine) -> None:
    # Given the flow and the integration of a window of an execution that is no more
    tags = {
        "awsOwningService": "customer-profiles-integration-workflow",
        "bulkIngestionStack": machine.cloud.stack.name,
        "bulkIngestionExecution": "crashed",
    }
    definition = event()["FlowDefinition"]
    on_demand = {"TriggerType": "OnDemand"}
    for name, carried in {
        "bulk-crashed-0badcafe-0001": tags,
        "bulk-crashed-0badcafe-0002": {**tags, "bulkIngestionStack": "another"},
        "somebody-elses": {"team": "crm"},
    }.items():
        machine.cloud.client("customer-profiles").put_integration(
            DomainName="acme",
            ObjectTypeName="Salesforce-Contact",
            FlowDefinition={**definition, "FlowName": name, "TriggerConfig": on_demand},
            Tags=carried,
        )
    # When the schedule's sweep runs
    schedule = machine.cloud.client("scheduler").get_schedule(
        Name=f"{machine.cloud.stack.name}-clean-up"
    )
    answer = machine.cloud.client("lambda").invoke(
        FunctionName=schedule["Target"]["Arn"], Payload=schedule["Target"]["Input"]
    )
    # Then it has taken away exactly that
    assert "FunctionError" not in answer, answer["Payload"].read()
    left = ["bulk-crashed-0badcafe-0002", "somebody-elses"]
    assert sorted(machine.flows()) == sorted(machine.integrations()) == left


def test_a_sweep_during_an_execution_takes_nothing_of_it(machine: Machine) -> None:
    machine.load(*spread(20))
    function = f"{machine.cloud.stack.name}-clean-up"
    payload = f'{{"StateMachineArn": "{machine.cloud.stack.state_machine_arn}"}}'

    def ending(flow: Any, execution_id: str, records: Any, at: datetime) -> RunOutcome:
        simulation.current.remove_faults()
        with acting_as(None):
            swept.append(
                machine.cloud.client("lambda").invoke(FunctionName=function, Payload=payload)
            )
        return RunOutcome(records)

    swept: list[Any] = []
    simulation.current.end_run = ending
    ended = machine.run(ImportFrom="P200D", BatchSize="P40D")
    assert ended.status == "SUCCEEDED", (ended.error, ended.message)
    assert "FunctionError" not in swept[0], swept[0]["Payload"].read()
    assert ended.status == "SUCCEEDED", ended.message
    assert {batch["Attempts"] for batch in ended.report["Batches"]} == {1}


def test_now_is_where_the_suite_stands(machine: Machine) -> None:
    assert machine.cloud.clock.now() - NOW < timedelta(seconds=1)


def test_an_integration_that_a_stopped_execution_had_created_is_kept_and_reported(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given an execution that is stopped while its last function runs, after the effect
    client, ensure = machine.cloud.client("stepfunctions"), create.ensure

    def ensure_and_stop(desired: create.DesiredIntegration, now: datetime) -> create.Ensured:
        ensured = ensure(desired, now)
        with acting_as(None):
            client.stop_execution(executionArn=machine.arn_of("run"))
        return ensured

    monkeypatch.setattr(create, "ensure", ensure_and_stop)
    ended = machine.run(ImportFrom="P4M")
    machine.cloud.events.settle()
    # Then the integration is there, and the report says so
    assert ended.status == "ABORTED"
    assert machine.flows() == machine.integrations() == ["acme-salesforce-contact"]
    state = "integrations/acme-salesforce-contact.json"
    bucket = machine.cloud.stack.runs_bucket
    assert machine.cloud.client("s3").head_object(Bucket=bucket, Key=state)
    assert ended.report["Status"] == "CANCELLED"
    assert "acme-salesforce-contact was created before" in ended.report["Warnings"][-1]


@pytest.mark.parametrize("answer", ["not found", "denied", "bad request"])
def test_an_integration_that_is_too_young_to_be_found_is_removed_all_the_same(
    machine: Machine, answer: str
) -> None:
    # Given an execution that is stopped when its first run starts, a moment after PutIntegration
    machine.load(*spread(20))
    arn = machine.arn_of("run")

    def stop(told: dict[str, Any]) -> None:
        if "Start" in told["detail-type"]:
            with acting_as(None):
                machine.cloud.client("stepfunctions").stop_execution(executionArn=arn)

    machine.cloud.services.on_event(stop)
    faults.install(
        {"Faults": [], "Knobs": {"YoungIntegrations": {"Lasts": "PT50S", "Answer": answer}}}
    )
    ended = machine.run(ImportFrom="P100D", BatchSize="P50D", MaxConcurrency=1)
    assert ended.status == "ABORTED"
    # When the cleanup asks for the integration while Customer Profiles does not know it yet
    machine.cloud.events.settle()
    # Then it asks again, before it deletes the flow by which it finds the integration
    assert machine.flows() == machine.integrations() == []


def test_cleanup_leaves_the_windows_of_other_stacks_alone(machine: Machine) -> None:
    # Given a flow of a window that belongs to another stack
    machine.load(*spread(20))
    stop_when_a_run_ends(machine, machine.arn_of("run"))
    flows = appflow_backends[ACCOUNT][REGION].flows

    def give_away(happened: dict[str, Any]) -> None:
        for flow in flows.values():
            flow.tags["bulkIngestionStack"] = "other"

    machine.cloud.services.on_event(give_away)
    machine.run(ImportFrom="P100D", BatchSize="P50D", MaxConcurrency=1)
    machine.cloud.events.settle()
    [others] = machine.flows()
    # When everything that this stack left is cleaned up
    function = machine.cloud.stack.resources["CleanUpFunction"].physical_id
    arn = machine.cloud.stack.state_machine_arn
    answer = machine.cloud.client("lambda").invoke(
        FunctionName=function, Payload=json.dumps({"StateMachineArn": arn})
    )
    # Then it is still there
    assert "FunctionError" not in answer
    assert machine.flows() == [others]
