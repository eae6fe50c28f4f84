"""A user's own state machine runs an import as one of its steps."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local import interpreter
from tests.machine.machine import Machine, event

RULE = "arn:aws:events:*:*:rule/StepFunctionsGetEventsForStepFunctionsExecutionRule"
STEP_FUNCTIONS = {
    "Effect": "Allow",
    "Principal": {"Service": "states.amazonaws.com"},
    "Action": "sts:AssumeRole",
}


def own_machine(machine: Machine, *actions: str) -> str:
    """Create a machine whose only state runs an import, and whose role may do no more."""
    ingestion = machine.cloud.stack.state_machine_arn
    executions = ingestion.replace(":stateMachine:", ":execution:") + ":*"
    statements = [
        {"Effect": "Allow", "Action": action, "Resource": resource}
        for action, resource in {
            "states:StartExecution": ingestion,
            "states:DescribeExecution": executions,
            "states:StopExecution": executions,
            "events:PutTargets": RULE,
            "events:PutRule": RULE,
            "events:DescribeRule": RULE,
        }.items()
        if action in actions or not actions
    ]
    iam = machine.cloud.client("iam")
    trust = json.dumps({"Version": "2012-10-17", "Statement": [STEP_FUNCTIONS]})
    role = iam.create_role(RoleName="own", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam.put_role_policy(RoleName="own", PolicyName="own", PolicyDocument=policy)
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Arguments": {"StateMachineArn": ingestion, "Input": {**event(), "ImportFrom": "P4M"}},
        "Output": "{% $states.result.Output %}",
        "End": True,
    }
    definition = {"QueryLanguage": "JSONata", "StartAt": "Import", "States": {"Import": state}}
    created = machine.cloud.client("stepfunctions").create_state_machine(
        name="own", definition=json.dumps(definition), roleArn=role
    )
    return str(created["stateMachineArn"])


def ran(machine: Machine, arn: str) -> dict[str, Any]:
    client = machine.cloud.client("stepfunctions")
    execution = client.start_execution(stateMachineArn=arn)["executionArn"]
    interpreter.wait_for(execution)
    described: dict[str, Any] = client.describe_execution(executionArn=execution)
    return described


def test_it_gets_the_output_of_the_import(machine: Machine) -> None:
    ended = ran(machine, own_machine(machine))
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    output = json.loads(ended["output"])
    assert output["Status"] == "COMPLETE"
    assert output["Metrics"]["RecordsProcessed"] == len(machine.puts())


@pytest.mark.parametrize("left_out", ["states:DescribeExecution", "events:PutRule"])
def test_it_needs_the_permissions_that_aws_documents(machine: Machine, left_out: str) -> None:
    needed = ["states:StartExecution", "states:StopExecution", "states:DescribeExecution"]
    needed += ["events:PutTargets", "events:PutRule", "events:DescribeRule"]
    ended = ran(machine, own_machine(machine, *(name for name in needed if name != left_out)))
    assert ended["status"] == "FAILED"
    assert left_out in ended["cause"]
