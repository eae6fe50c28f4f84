"""Executions of other machines, started by a state: ``states:startExecution`` in all its forms."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.local.interpreter_cloud import Cloud, cloud_as_on_aws

START = "arn:aws:states:::states:startExecution"
WORKS = {
    "Wait": {"Type": "Wait", "Seconds": 30, "Next": "Add"},
    "Add": {"Type": "Pass", "Output": {"sum": "{% $states.input.n + 1 %}"}, "End": True},
}
FAILS = {"Fail": {"Type": "Fail", "Error": "Bad", "Cause": "Because"}}


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with cloud_as_on_aws() as cloud:
        yield cloud


def starting(machine: str, form: str, **more: Any) -> dict[str, Any]:
    arguments = {"StateMachineArn": machine, "Input": {"n": 1}}
    return {
        "Start": {
            "Type": "Task",
            "Resource": START + form,
            "Arguments": arguments,
            "End": True,
            **more,
        }
    }


@pytest.mark.needs("integrations.executions.start_as_aws_does")
def test_a_started_execution_is_not_waited_for(cloud: Cloud) -> None:
    machine, began = cloud.machine(WORKS), cloud.clock.now()
    output = cloud.output(starting(machine, ""))
    assert output.keys() == {"ExecutionArn", "StartDate"}
    assert output["StartDate"] == round(began.timestamp() * 1000)
    assert json.loads(cloud.ended(output["ExecutionArn"])["output"]) == {"sum": 2}


@pytest.mark.parametrize(
    ("form", "given", "got"),
    [(".sync", '{"n":1}', '{"sum":2}'), (".sync:2", {"n": 1}, {"sum": 2})],
)
def test_an_execution_is_waited_for_on_the_clock(
    cloud: Cloud, form: str, given: Any, got: Any
) -> None:
    machine, began = cloud.machine(WORKS), cloud.clock.now()
    output = cloud.output(starting(machine, form))
    assert (output["Status"], output["Input"], output["Output"]) == ("SUCCEEDED", given, got)
    assert output["StateMachineArn"] == machine
    assert output["StopDate"] - output["StartDate"] == 30_000
    assert (cloud.clock.now() - began).total_seconds() == 30


def test_an_execution_that_fails_fails_the_state_with_its_description(cloud: Cloud) -> None:
    ended = cloud.run(starting(cloud.machine(FAILS), ".sync:2"))
    assert (ended["status"], ended["error"]) == ("FAILED", "States.TaskFailed")
    cause = json.loads(ended["cause"])
    assert (cause["Status"], cause["Error"], cause["Cause"]) == ("FAILED", "Bad", "Because")


@pytest.mark.parametrize(
    ("twice", "machine", "error"),
    [
        (True, "", "StepFunctions.ExecutionAlreadyExistsException"),
        (False, "-absent", "StepFunctions.StateMachineDoesNotExistException"),
    ],
)
def test_a_refused_start_has_the_services_error(
    cloud: Cloud, twice: bool, machine: str, error: str
) -> None:
    asked = starting(cloud.machine(WORKS) + machine, ".sync:2")
    asked["Start"]["Arguments"]["Name"] = "mine"
    if twice:
        cloud.output(asked)
        asked["Start"]["Arguments"]["Input"] = {"n": 2}
    caught = [{"ErrorEquals": [error], "Next": "Caught"}]
    states = {"Start": {**asked["Start"], "Catch": caught}, "Caught": {"Type": "Succeed"}}
    assert cloud.run(states)["status"] == "SUCCEEDED"


def test_a_state_times_out_and_leaves_the_execution_running(cloud: Cloud) -> None:
    machine, began = cloud.machine(WORKS), cloud.clock.now()
    ended = cloud.run(starting(machine, ".sync:2", TimeoutSeconds=5))
    assert (ended["status"], ended["error"]) == ("FAILED", "States.Timeout")
    assert (ended["stopDate"] - began).total_seconds() == 5
    [execution] = cloud.sfn.list_executions(stateMachineArn=machine)["executions"]
    assert cloud.ended(execution["executionArn"])["status"] == "SUCCEEDED"


def test_an_execution_is_stopped_with_the_one_that_waits_for_it(cloud: Cloud) -> None:
    # Given two branches, of which one waits for another machine and the other one fails
    machine = cloud.machine(WORKS)
    fails = {
        "Wait": {"Type": "Wait", "Seconds": 10, "Next": "Fail"},
        "Fail": {"Type": "Fail", "Error": "Bad"},
    }
    branches = [
        {"StartAt": "Start", "States": starting(machine, ".sync:2")},
        {"StartAt": "Wait", "States": fails},
    ]
    # When the execution has failed
    ended = cloud.run({"Both": {"Type": "Parallel", "Branches": branches, "End": True}})
    assert ended["error"] == "Bad"
    # Then the machine that was waited for has been stopped
    [execution] = cloud.sfn.list_executions(stateMachineArn=machine)["executions"]
    stopped = cloud.ended(execution["executionArn"])
    assert stopped["status"] == "ABORTED"
    assert (stopped["stopDate"] - stopped["startDate"]).total_seconds() == 10


@pytest.mark.needs("integrations.sdk.call_as_aws_does")
def test_an_execution_answers_by_a_task_token(cloud: Cloud) -> None:
    answers = {
        "Answer": {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:sfn:sendTaskSuccess",
            "Arguments": {"TaskToken": "{% $states.input.token %}", "Output": '"done"'},
            "End": True,
        }
    }
    asked = starting(cloud.machine(answers), ".waitForTaskToken")
    asked["Start"]["Arguments"]["Input"] = {"token": "{% $states.context.Task.Token %}"}
    assert cloud.output(asked) == "done"
