"""EventBridge in the embedded cloud: rules start machines and functions, in their roles' names."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.clock import Clock
from local.cloud import Cloud, embedded_cloud
from local.stack import stack
from local.stack.stack import Stack
from tests.machine.machine import NOW

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement:
          - {Effect: Allow, Action: sts:AssumeRole, Principal: {Service: states.amazonaws.com}}
  Listener:
    Type: AWS::Serverless::StateMachine
    Properties:
      Name: !Sub ${AWS::StackName}-listener
      DefinitionUri: pass.asl.json
      Role: !GetAtt Role.Arn
      Events:
        Trouble:
          Type: EventBridgeRule
          Properties:
            Pattern:
              source: [aws.appflow]
              detail: {status: [{anything-but: Execution Successful}]}
            RetryPolicy: {MaximumRetryAttempts: 2}
            DeadLetterConfig: {Type: SQS, QueueLogicalId: Letters}
"""
PASS = {"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": {"Type": "Succeed"}}}


def event(status: str = "Execution Failed") -> dict[str, Any]:
    return {
        "source": "aws.appflow",
        "detail-type": "AppFlow End Flow Run Report",
        "detail": {"flow-name": "f", "status": status},
    }


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with embedded_cloud(Clock(start=NOW), {"LogLevel": "ERROR"}) as cloud:
        yield cloud


def deploy(tmp_path: Path, name: str, template: str = TEMPLATE) -> Stack:
    (tmp_path / "template.yaml").write_text(template)
    (tmp_path / "pass.asl.json").write_text(json.dumps(PASS))
    return stack.deploy({}, name, path=tmp_path / "template.yaml")


def inputs(cloud: Cloud, deployed: Stack) -> list[Any]:
    cloud.events.settle()
    states, arn = cloud.client("stepfunctions"), deployed.resources["Listener"].arn
    executions = states.list_executions(stateMachineArn=arn)["executions"]
    described = (states.describe_execution(executionArn=e["executionArn"]) for e in executions)
    return [json.loads(execution["input"]) for execution in described]


def letters(cloud: Cloud, deployed: Stack) -> list[dict[str, str]]:
    """Receive the dead letters' attributes."""
    cloud.events.settle()
    received = cloud.client("sqs").receive_message(
        QueueUrl=deployed.resources["Letters"].physical_id, MessageAttributeNames=["All"]
    )
    return [
        {key: value["StringValue"] for key, value in message["MessageAttributes"].items()}
        for message in received.get("Messages", [])
    ]


def test_a_rules_pattern_decides_which_events_start_the_machine_of_each_stack(
    cloud: Cloud, tmp_path: Path
) -> None:
    # Given two stacks with the same rule in one account
    stacks = [deploy(tmp_path, name) for name in ("one", "two")]
    # When a run that went well and one that failed are told
    for status in ("Execution Successful", "Execution Failed"):
        cloud.events.emit(event(status))
    # Then the machine of each stack was started once, with the event
    for deployed in stacks:
        assert inputs(cloud, deployed) == [event("Execution Failed")]
        assert letters(cloud, deployed) == []


def test_a_role_that_may_not_start_the_machine_does_not_and_the_event_is_kept(
    cloud: Cloud, tmp_path: Path
) -> None:
    deployed = deploy(tmp_path, "denied")
    role = deployed.resources["ListenerTroubleRole"].physical_id
    [policy] = cloud.client("iam").list_role_policies(RoleName=role)["PolicyNames"]
    cloud.client("iam").delete_role_policy(RoleName=role, PolicyName=policy)

    cloud.events.emit(event())

    [letter] = letters(cloud, deployed)
    assert inputs(cloud, deployed) == []
    assert letter["ERROR_CODE"] == "AccessDeniedException"
    assert letter["RETRY_ATTEMPTS"] == "0"
    assert letter["RULE_ARN"] == deployed.resources["ListenerTrouble"].arn
    assert letter["TARGET_ARN"] == deployed.resources["Listener"].arn


def test_a_role_that_does_not_trust_eventbridge_starts_nothing(
    cloud: Cloud, tmp_path: Path
) -> None:
    deployed = deploy(tmp_path, "untrusting")
    role = deployed.resources["ListenerTroubleRole"].physical_id
    document = cloud.client("iam").get_role(RoleName=deployed.resources["Role"].physical_id)
    cloud.client("iam").update_assume_role_policy(
        RoleName=role, PolicyDocument=json.dumps(document["Role"]["AssumeRolePolicyDocument"])
    )

    cloud.events.emit(event())

    [letter] = letters(cloud, deployed)
    assert inputs(cloud, deployed) == []
    assert letter["ERROR_MESSAGE"].endswith("cannot be assumed by events.amazonaws.com.")


def test_a_rules_input_takes_the_place_of_the_event(cloud: Cloud, tmp_path: Path) -> None:
    given = TEMPLATE + '            Input: \'{"From": "a rule"}\'\n'
    deployed = deploy(tmp_path, "input", given)

    cloud.events.emit(event())

    assert inputs(cloud, deployed) == [{"From": "a rule"}]


def test_what_a_rule_asks_for_and_is_not_understood_is_an_error(
    cloud: Cloud, tmp_path: Path
) -> None:
    deployed = deploy(tmp_path, "path", TEMPLATE + "            InputPath: $.detail\n")

    with pytest.raises(NotImplementedError, match="InputPath"):
        cloud.events.emit(event())
    cloud.client("events").disable_rule(Name=deployed.resources["ListenerTrouble"].physical_id)


FUNCTION = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement:
          - {Effect: Allow, Action: sts:AssumeRole, Principal: {Service: lambda.amazonaws.com}}
      Policies:
        - PolicyName: Role
          PolicyDocument:
            Version: "2012-10-17"
            Statement:
              - {Effect: Allow, Action: sqs:SendMessage, Resource: !GetAtt Letters.Arn}
  Letters: {Type: AWS::SQS::Queue}
  Listener:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: !Sub ${AWS::StackName}-listener
      CodeUri: functions/
      Runtime: python3.13
      Handler: events_listener.handler
      Role: !GetAtt Role.Arn
      EventInvokeConfig:
        MaximumRetryAttempts: 1
        DestinationConfig: {OnFailure: {Type: SQS, Destination: !GetAtt Letters.Arn}}
      Events:
        Trouble:
          Type: EventBridgeRule
          Properties: {Pattern: {source: [aws.appflow]}}
"""
HANDLER = """
calls = []
failing = 0

def handler(event, context):
    calls.append(event)
    if len(calls) <= failing:
        raise RuntimeError("Not now.")
"""


@pytest.mark.parametrize(
    ("failing", "invoked", "kept"),
    [(0, 1, False), (1, 2, False), (2, 2, True)],
)
def test_an_event_that_a_function_cannot_process_goes_to_its_destination(
    cloud: Cloud,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    failing: int,
    invoked: int,
    kept: bool,
) -> None:
    # Given a function that is tried twice, and fails a number of times
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "events_listener", raising=False)
    (tmp_path / "events_listener.py").write_text(HANDLER.replace("= 0", f"= {failing}"))
    deployed = deploy(tmp_path, f"failing-{failing}", FUNCTION)
    # When an event comes
    cloud.events.emit(event())
    cloud.events.settle()
    cloud.client("events").disable_rule(Name=deployed.resources["ListenerTrouble"].physical_id)
    # Then what all tries failed on is in the queue, with the error
    received = cloud.client("sqs").receive_message(
        QueueUrl=deployed.resources["Letters"].physical_id
    )
    records = [json.loads(message["Body"]) for message in received.get("Messages", [])]
    assert len(sys.modules["events_listener"].calls) == invoked
    assert [record["requestPayload"] for record in records] == [event()] * kept
    for record in records:
        assert record["requestContext"]["approximateInvokeCount"] == 2
        assert record["requestContext"]["functionArn"].startswith(
            deployed.resources["Listener"].arn
        )
        assert record["responsePayload"]["errorMessage"] == "Not now."
