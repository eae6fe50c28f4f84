"""Deploying to the embedded cloud: what may differ between stacks, and what is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from local.stack.stack import Stack, deploy
from tests.template.deployed import KEY, PARAMETERS, client

if TYPE_CHECKING:
    from pathlib import Path


def test_an_email_address_gets_an_encrypted_topic_that_sends_there(
    aws: None,
) -> None:
    stack = deploy({**PARAMETERS, "NotifyEmail": "ops@example.com"})

    arn = stack.resources["NotificationsTopic"].physical_id
    topic = client("sns").get_topic_attributes(TopicArn=arn)["Attributes"]
    assert topic["KmsMasterKeyId"] == "alias/aws/sns"
    [subscription] = client("sns").list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "ops@example.com")
    function = client("lambda").get_function_configuration(
        FunctionName=stack.resources["CheckIntegrationFunction"].physical_id
    )
    assert function["Environment"]["Variables"]["NOTIFICATIONS_TOPIC"] == arn


@pytest.mark.parametrize("topic", ["", "arn:aws:sns:us-east-1:123456789012:on-call"])
def test_every_alarm_notifies_the_alarm_topic_if_there_is_one(aws: None, topic: str) -> None:
    stack = deploy({**PARAMETERS, "AlarmTopicArn": topic})

    alarms = client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert [alarm["AlarmActions"] for alarm in alarms] == [[topic] if topic else []] * len(alarms)
    assert len(alarms) == len(stack_alarms(stack))


def stack_alarms(stack: Stack) -> list[str]:
    return [key for key, one in stack.resources.items() if one.type == "AWS::CloudWatch::Alarm"]


def test_two_stacks_can_be_deployed_to_one_account(
    aws: None,
) -> None:
    one, other = deploy(PARAMETERS, name="one"), deploy(PARAMETERS, name="other")

    assert one.state_machine_arn != other.state_machine_arn
    assert one.runs_bucket != other.runs_bucket


def test_the_stack_can_be_deployed_to_another_region(aws: None) -> None:
    stack = deploy(PARAMETERS, region="eu-central-1")

    assert ":eu-central-1:" in stack.state_machine_arn


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({}, "KmsKeyArn needs a value"),
        ({"KmsKeyArn": "alias/domain"}, "KmsKeyArn cannot be"),
        ({"KmsKeyArn": KEY, "MaxConcurrency": "0"}, "MaxConcurrency cannot be"),
        ({"KmsKeyArn": KEY, "RunsRetentionDays": "74"}, "RunsRetentionDays cannot be"),
        ({"KmsKeyArn": KEY, "LogRetentionDays": "91"}, "LogRetentionDays cannot be"),
        ({"KmsKeyArn": KEY, "ScheduleState": "ON"}, "ScheduleState cannot be"),
    ],
)
def test_a_parameter_with_a_wrong_value_is_named(
    aws: None, parameters: dict[str, str], told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        deploy(parameters)


@pytest.mark.parametrize(
    ("resource", "told"),
    [
        ("{Type: AWS::DynamoDB::Table}", "Extra: AWS::DynamoDB::Table"),
        ("{Type: AWS::SQS::Queue, CreationPolicy: {}}", "Extra: CreationPolicy"),
        ("{Type: AWS::SQS::Queue, Properties: {QueueName: !ImportValue x}}", "Fn::ImportValue"),
        ("{Type: AWS::S3::Bucket, Properties: {Surprise: x}}", "Surprise cannot be deployed"),
    ],
)
def test_what_cannot_be_deployed_here_is_an_error(
    aws: None, tmp_path: Path, resource: str, told: str
) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(f"Transform: AWS::Serverless-2016-10-31\nResources:\n  Extra: {resource}\n")

    with pytest.raises(NotImplementedError, match=told):
        deploy({}, path=template)


MORE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Mail: {Type: String, Default: ""}
  Loud: {Type: String, Default: "yes"}
Conditions:
  HasMail: !Not [!Equals [!Ref Mail, ""]]
  IsLoud: !And [!Condition HasMail, !Or [!Equals [!Ref Loud, "yes"], !Equals [!Ref Loud, "very"]]]
Resources:
  Topic:
    Type: AWS::SNS::Topic
    Condition: HasMail
    Properties:
      KmsMasterKeyId: alias/aws/sns
      Subscription: [{Protocol: email, Endpoint: !Ref Mail}]
  TopicPolicy:
    Type: AWS::SNS::TopicPolicy
    Condition: HasMail
    Properties:
      Topics: [!Ref Topic]
      PolicyDocument: {Version: "2012-10-17", Statement: []}
  Letters: {Type: AWS::SQS::Queue}
  Copy:
    Type: AWS::SNS::Subscription
    Condition: IsLoud
    Properties: {TopicArn: !Ref Topic, Protocol: sqs, Endpoint: !GetAtt Letters.Arn}
  Board:
    Type: AWS::CloudWatch::Dashboard
    Properties: {DashboardName: !Ref AWS::StackName, DashboardBody: '{"widgets": []}'}
Outputs:
  Topic: {Condition: HasMail, Value: !Ref Topic}
"""


@pytest.mark.parametrize(
    ("parameters", "subscribed"),
    [
        ({}, None),
        ({"Mail": "me@acme.example", "Loud": "no"}, ["email"]),
        ({"Mail": "me@acme.example"}, ["email", "sqs"]),
    ],
)
def test_a_resource_with_a_condition_exists_only_if_it_is_met(
    aws: None, tmp_path: Path, parameters: dict[str, str], subscribed: list[str] | None
) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(MORE)

    stack = deploy(parameters, path=template)

    topics = client("sns").list_topics()["Topics"]
    assert [topic["TopicArn"] for topic in topics] == list(stack.outputs.values())
    subscriptions = client("sns").list_subscriptions()["Subscriptions"]
    assert sorted(s["Protocol"] for s in subscriptions) == (subscribed or [])
    for arn in stack.outputs.values():
        attributes = client("sns").get_topic_attributes(TopicArn=arn)["Attributes"]
        assert attributes["KmsMasterKeyId"] == "alias/aws/sns"
        assert json.loads(attributes["Policy"])["Statement"] == []
    assert client("cloudwatch").get_dashboard(DashboardName=stack.name)["DashboardBody"]


def test_a_reference_to_a_resource_whose_condition_is_not_met_is_an_error(
    aws: None, tmp_path: Path
) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(MORE.replace("    Condition: IsLoud\n", ""))

    with pytest.raises(ValueError, match="Topic is referred to"):
        deploy({}, path=template)
