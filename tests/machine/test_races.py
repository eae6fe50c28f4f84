"""Races: a repair, an import, a stop and a check that come in each other's midst."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest

from bulk_ingestion.aws import young
from bulk_ingestion.integration import monitoring
from bulk_ingestion.integration.monitoring import Check
from bulk_ingestion.run.job import Execution
from bulk_ingestion.run.layout import run_folder
from bulk_ingestion.steps.create_integration import create_integration
from bulk_ingestion.times import iso
from local.aws import runtime
from local.caller import acting_as
from local.faults import faults
from local.services import simulation
from tests.machine.keeper import FLOW, Keeper
from tests.machine.machine import Machine, event

PULLS = "rate(15minutes)"
CHANGED = "every 15 minutes instead of every hour"
REPAIRED = f"Integration repaired: {FLOW}"


def before(function: str, operation: str, do: Callable[[], Any]) -> Callable[[], bool]:
    """Do something before a function first calls an operation; the answer tells if it was done."""
    otherwise, left = simulation.current.intercept, iter([do])

    def intercept(service: str, called: str, request: Any, moment: Any) -> None:
        context = runtime.running.get()
        is_of_function = context is not None and context.function_name.endswith(function)
        if is_of_function and moment == "before" and f"{service}:{called}" == operation:
            with acting_as(None):
                next(left, lambda: None)()
        otherwise(service, called, request, moment)

    simulation.current.intercept = intercept
    return lambda: next(left, None) is None


@pytest.fixture
def keeper(machine: Machine) -> Keeper:
    """Give an integration that has pulled for two hours, and then was stopped."""
    keeper = Keeper(machine)
    keeper.establish()
    keeper.wait(hours=2)
    machine.cloud.client("appflow").stop_flow(flowName=FLOW)
    keeper.change()
    return keeper


def changed() -> dict[str, Any]:
    """Give the definition with another schedule."""
    definition: dict[str, Any] = event()["FlowDefinition"]
    scheduled = definition["TriggerConfig"]["TriggerProperties"]["Scheduled"]
    scheduled["ScheduleExpression"] = PULLS
    return definition


def assert_one_as_stored(keeper: Keeper) -> None:
    """Assert that there is one integration, the changed one, and that nothing is lost."""
    machine = keeper.machine
    assert machine.flows() == machine.integrations() == [FLOW]
    flow = machine.cloud.client("appflow").describe_flow(flowName=FLOW)
    scheduled = flow["triggerConfig"]["triggerProperties"]["Scheduled"]
    assert scheduled["scheduleExpression"] == PULLS
    stored = keeper.kept["Checkpoint"]["FlowDefinition"]["TriggerConfig"]["TriggerProperties"]
    assert stored["Scheduled"]["ScheduleExpression"] == PULLS
    keeper.wait(hours=3)
    assert keeper.health() == "HEALTHY"
    assert keeper.is_whole()


@pytest.mark.parametrize(
    "call",
    [
        "s3:GetObject",
        "customer-profiles:DeleteIntegration",
        "appflow:DescribeFlow",
        "customer-profiles:PutIntegration",
        "appflow:StartFlow",
        "sns:Publish",
    ],
)
def test_an_import_in_the_midst_of_a_repair_has_the_last_word(keeper: Keeper, call: str) -> None:
    # Given an import with another schedule, whose last function has not run yet
    machine = keeper.machine
    faults.install({"Faults": [{"Function": "create-integration", "Ends": "Exited"}]})
    imported = machine.run("late", ImportFrom="P20D", FlowDefinition=changed())
    faults.clear()
    run = Execution(imported.arn, "late", machine.cloud.stack.name)
    tags = {"awsOwningService": "customer-profiles-integration-workflow", **run.tags}
    folder = run_folder(machine.cloud.stack.runs_bucket, "late")
    # When it runs before a call of a repair
    is_done = before(
        "repair-integration", call, lambda: create_integration(folder, tags, 50, keeper.now)
    )
    assert keeper.check().status == "SUCCEEDED"
    # Then there is one integration, which is the import's
    assert is_done()
    assert imported.report["Integration"]["FlowName"] == FLOW
    assert_one_as_stored(keeper)


@pytest.mark.parametrize(
    "call",
    [
        "customer-profiles:DeleteIntegration",
        "customer-profiles:PutIntegration",
        "appflow:StartFlow",
        "customer-profiles:GetDomain",
    ],
)
def test_a_check_in_the_midst_of_an_import_leaves_one_integration(
    keeper: Keeper, call: str
) -> None:
    machine = keeper.machine
    arn = machine.cloud.stack.outputs["MonitorIntegrationsArn"]
    execution = {"Id": f"{arn}:check".replace(":stateMachine:", ":execution:"), "Name": "check"}

    def check() -> None:
        this = Check.of({"Execution": execution, "Now": iso(keeper.now)})
        with patch.object(young, "WAITS", ()):  # it can't wait inside of a call
            if monitoring.check(FLOW, "", this).needs_repair:
                monitoring.repair(FLOW, this)

    is_done = before("create-integration", call, check)
    ended = machine.run("late", ImportFrom="P20D", FlowDefinition=changed())

    assert is_done()
    assert ended.status == "SUCCEEDED", ended.message
    assert ended.report["Continuity"]["Changes"] == [CHANGED]
    assert_one_as_stored(keeper)


@pytest.mark.parametrize(
    ("call", "is_named"),
    [
        ("s3:GetObject", False),
        ("customer-profiles:PutIntegration", True),
        ("appflow:StartFlow", True),
        ("customer-profiles:GetDomain", True),
    ],
)
def test_a_stop_in_the_midst_of_the_last_state_leaves_what_the_report_names(
    machine: Machine, call: str, is_named: bool
) -> None:
    def stop() -> None:
        machine.cloud.client("stepfunctions").stop_execution(executionArn=machine.arn_of("run"))
        raise runtime.OutOfTime

    keeper = Keeper(machine)
    keeper.source.load([])
    keeper.change(days_ago=3)
    before("create-integration", call, stop)
    ended = machine.run(ImportFrom="P20D")
    simulation.current.remove_faults()
    machine.cloud.events.settle()

    assert (ended.status, ended.report["Status"]) == ("ABORTED", "CANCELLED")
    named = [text for text in ended.report["Warnings"] if FLOW in text]
    assert bool(named) == is_named
    # And what it names is there, or is created by the next check; what it does not name is not
    keeper.wait(hours=1)
    keeper.check()
    keeper.wait(hours=2)
    assert machine.flows() == machine.integrations() == [FLOW] * is_named
    assert keeper.is_whole() == is_named


def test_the_report_of_a_run_that_was_stopped_and_redriven_is_not_cancelled_again(
    machine: Machine,
) -> None:
    # Given an execution that was stopped, redriven, and has succeeded
    before(
        "create-integration",
        "customer-profiles:PutIntegration",
        lambda: machine.cloud.client("stepfunctions").stop_execution(
            executionArn=machine.arn_of("run")
        ),
    )
    ended = machine.run(ImportFrom="P20D")
    simulation.current.remove_faults()
    machine.cloud.events.settle()
    again = ended.redrive()
    assert (again.status, again.report["Status"]) == ("SUCCEEDED", "COMPLETE")
    # When the event of its stop is delivered late, or once more
    client = machine.cloud.client("stepfunctions")
    stopped = client.describe_execution(executionArn=ended.arn)["stopDate"]
    machine.cloud.events.execution_changed(
        {
            "executionArn": ended.arn,
            "stateMachineArn": machine.cloud.stack.state_machine_arn,
            "name": "run",
            "status": "ABORTED",
            "stopDate": int(stopped.timestamp() * 1000),
        }
    )
    machine.cloud.events.settle()
    # Then the report is as it was
    assert again.report["Status"] == "COMPLETE"
    assert again.report["Integration"]["FlowName"] == FLOW


LOST: list[dict[str, Any]] = [
    {"Transport": "ReadTimeoutError"},
    {"Transport": "ConnectionClosedError"},
    {"Error": "InternalErrorException"},
]


@pytest.mark.parametrize("lost", LOST, ids=lambda lost: "".join(lost.values()))
class TestMessagesWhoseAnswersAreLost:
    def test_are_sent_twice_at_most_by_a_repair(self, keeper: Keeper, lost: dict[str, Any]) -> None:
        faults.install({"Faults": [{"Operation": "sns:Publish", "Moment": "After", **lost}]})
        assert keeper.check().output == {"Integrations": {"STOPPED": 1}, "Repaired": 1}
        assert keeper.told == [REPAIRED] * 2
        keeper.wait(hours=2)
        assert keeper.health() == "HEALTHY"
        assert keeper.told == [REPAIRED] * 2

    def test_are_sent_twice_at_most_by_checks(self, keeper: Keeper, lost: dict[str, Any]) -> None:
        refused = {"Source": "acme-sf", "LosesAuthentication": True}
        publish = {"Operation": "sns:Publish", "Moment": "After", **lost}
        faults.install({"Faults": [refused, publish]})
        assert [keeper.check().status for _ in range(3)] == ["SUCCEEDED"] * 3
        assert keeper.told == [f"Integration needs attention: {FLOW}"] * 2

    def test_are_sent_twice_at_most_of_a_failed_execution(
        self, machine: Machine, lost: dict[str, Any]
    ) -> None:
        faults.install({"Faults": [{"Operation": "sns:Publish", "Moment": "After", **lost}]})
        assert machine.run(ImportFrom="soon").error == "InvalidInput"
        machine.cloud.events.settle()
        subjects = [message.subject for message in machine.cloud.messages()]
        assert subjects == ["bulk-ingestion: run FAILED"] * 2


@pytest.mark.parametrize(
    "refused",
    [
        {"Transport": "ConnectTimeoutError", "Times": 3},
        {"Transport": "EndpointConnectionError", "Times": 3},
        {"Error": "ThrottledException", "Times": 3},
    ],
    ids=str,
)
def test_messages_that_were_not_sent_are_sent_once_they_can_be(
    keeper: Keeper, refused: dict[str, Any]
) -> None:
    faults.install({"Faults": [{"Operation": "sns:Publish", **refused}]})
    assert keeper.check().status == "SUCCEEDED"
    assert keeper.told == [REPAIRED]
