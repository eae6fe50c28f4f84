from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto.events.models import EventPattern

from local.stack import Stack, deploy
from local.template import REGION
from tests.template.conftest import KEY, PARAMETERS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def client(service: str) -> Any:
    return boto3.client(service, region_name=REGION)  # type: ignore[call-overload]


LOOK_UP: dict[str, Callable[[str], Any]] = {
    "AWS::CloudWatch::Dashboard": lambda name: client("cloudwatch").get_dashboard(
        DashboardName=name
    ),
    "AWS::CloudWatch::Alarm": lambda name: client("cloudwatch").describe_alarms(AlarmNames=[name])[
        "MetricAlarms"
    ][0],
    "AWS::IAM::Role": lambda name: client("iam").get_role(RoleName=name)["Role"],
    "AWS::Events::Rule": lambda name: client("events").describe_rule(Name=name),
    "AWS::Lambda::EventInvokeConfig": lambda name: client(
        "lambda"
    ).get_function_event_invoke_config(FunctionName=name),
    "AWS::Lambda::Permission": lambda name: name,  # looked up with its function, below
    "AWS::Lambda::Function": lambda name: client("lambda").get_function(FunctionName=name),
    "AWS::Logs::LogGroup": lambda name: client("logs").describe_log_groups(logGroupNamePrefix=name)[
        "logGroups"
    ][0]["retentionInDays"],
    "AWS::S3::Bucket": lambda name: client("s3").head_bucket(Bucket=name),
    "AWS::S3::BucketPolicy": lambda name: name,  # looked up with its bucket, below
    "AWS::SQS::Queue": lambda url: client("sqs").get_queue_attributes(QueueUrl=url),
    "AWS::Scheduler::Schedule": lambda name: client("scheduler").get_schedule(Name=name),
    "AWS::StepFunctions::StateMachine": lambda arn: client("stepfunctions").describe_state_machine(
        stateMachineArn=arn
    ),
}


def test_given_the_template_when_deployed_then_every_resource_of_it_exists(
    stack: Stack, expanded: dict[str, Any]
) -> None:
    assert stack.resources.keys() == expanded["Resources"].keys() - {"NotificationsTopic"}
    for logical_id, resource in stack.resources.items():
        assert resource.type == expanded["Resources"][logical_id]["Type"]
        assert LOOK_UP[resource.type](resource.physical_id), logical_id


def test_given_the_stack_when_deployed_then_the_definition_names_its_functions(
    stack: Stack,
) -> None:
    machine = client("stepfunctions").describe_state_machine(
        stateMachineArn=stack.state_machine_arn
    )

    assert "${" not in machine["definition"]
    assert stack.resources["PlanWindowsFunction"].arn in machine["definition"]
    assert machine["roleArn"] == stack.resources["BulkIngestionRole"].arn
    assert machine["loggingConfiguration"]["includeExecutionData"] is False
    assert machine["tracingConfiguration"] == {"enabled": True}


def test_given_the_stack_when_deployed_then_its_rule_invokes_the_clean_up(stack: Stack) -> None:
    function = stack.resources["CleanUpFunction"]
    rule = stack.resources["CleanUpFunctionExecutionStopped"]

    [target] = client("events").list_targets_by_rule(Rule=rule.physical_id)["Targets"]
    policy = json.loads(client("lambda").get_policy(FunctionName=function.physical_id)["Policy"])

    assert target["Arn"] == function.arn
    [statement] = policy["Statement"]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert rule.arn in json.dumps(statement["Condition"])


DEACTIVATED = "AppFlow Scheduled Flow Deactivated"
RUN_ENDED = "AppFlow End Flow Run Report"
TOLD, SWEPT = "TellPeopleFunctionExecutionFailed", "CleanUpFunctionExecutionStopped"
EXECUTION = "Step Functions Execution Status Change"


def a_run(status: str, trigger: str = "SCHEDULED") -> dict[str, str]:
    return {"flow-name": "f", "status": f"Execution {status}", "trigger-type": trigger}


def an_execution(machine: str, status: str) -> dict[str, str]:
    arn = f"arn:aws:states:us-east-1:123456789012:stateMachine:{machine}"
    return {"stateMachineArn": arn, "status": status}


def test_given_an_event_when_it_comes_then_only_the_rules_that_it_concerns_take_it(
    stack: Stack,
) -> None:
    keeping = "bulk-ingestion-keep-integrations"
    events: list[tuple[str, dict[str, str], set[str]]] = [
        (DEACTIVATED, {"flow-name": "f"}, {"IntegrationInTrouble"}),
        (RUN_ENDED, a_run("Failed"), {"IntegrationInTrouble"}),
        (RUN_ENDED, a_run("Partially Successful"), {"IntegrationInTrouble"}),
        (RUN_ENDED, a_run("Successful"), set()),
        (RUN_ENDED, a_run("Failed", "ONDEMAND"), set()),
        ("AppFlow Start Flow Run Report", a_run("Failed"), set()),
        (EXECUTION, an_execution("bulk-ingestion", "FAILED"), {TOLD}),
        (EXECUTION, an_execution("bulk-ingestion", "TIMED_OUT"), {TOLD, SWEPT}),
        (EXECUTION, an_execution("bulk-ingestion", "ABORTED"), {SWEPT}),
        (EXECUTION, an_execution("bulk-ingestion", "SUCCEEDED"), set()),
        (EXECUTION, an_execution("bulk-ingestion/Windows", "FAILED"), set()),
        (EXECUTION, an_execution(keeping, "FAILED"), {TOLD}),
        (EXECUTION, an_execution(keeping, "TIMED_OUT"), {TOLD}),
        (EXECUTION, an_execution(keeping, "ABORTED"), set()),
        (EXECUTION, an_execution("another", "FAILED"), set()),
    ]
    patterns = {
        logical_id: client("events").describe_rule(Name=resource.physical_id)["EventPattern"]
        for logical_id, resource in stack.resources.items()
        if resource.type == "AWS::Events::Rule"
    }

    for kind, detail, concerned in events:
        source = "aws.states" if kind == EXECUTION else "aws.appflow"
        event: Any = {"source": source, "detail-type": kind, "detail": detail}
        taken = {
            rule for rule, text in patterns.items() if EventPattern.load(text).matches_event(event)
        }
        assert taken == concerned, event


def test_given_the_stack_when_deployed_then_its_functions_are_as_the_template_says(
    stack: Stack,
) -> None:
    function = client("lambda").get_function_configuration(
        FunctionName=stack.resources["ReviewWindowsFunction"].physical_id
    )

    assert function["Handler"] == "review_windows.handler"
    assert function["Role"] == stack.resources["ReviewWindowsRole"].arn
    assert (function["Runtime"], function["Architectures"]) == ("python3.13", ["arm64"])
    assert function["Environment"]["Variables"] == {
        "DOMAIN_NAME": "acme",
        "KMS_KEY_ARN": KEY,
        "MAX_CONCURRENCY": "5",
        "NOTIFICATIONS_TOPIC": "",
        "POWERTOOLS_LOG_LEVEL": "INFO",
        "POWERTOOLS_METRICS_NAMESPACE": "BulkIngestion",
        "POWERTOOLS_SERVICE_NAME": "bulk-ingestion",
        "RUNS_BUCKET": stack.runs_bucket,
        "STACK_NAME": "bulk-ingestion",
        "STATE_MACHINE_ARN": stack.state_machine_arn,
    }


def test_given_the_stack_when_deployed_then_the_bucket_is_private_encrypted_and_expires_runs(
    stack: Stack,
) -> None:
    s3, bucket = client("s3"), {"Bucket": stack.runs_bucket}

    assert all(s3.get_public_access_block(**bucket)["PublicAccessBlockConfiguration"].values())
    [encryption] = s3.get_bucket_encryption(**bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert encryption["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    rules = s3.get_bucket_lifecycle_configuration(**bucket)["Rules"]
    assert {rule["Filter"]["Prefix"]: rule["Expiration"]["Days"] for rule in rules} == {
        "runs/": 90,
        "checks/": 7,
        "told/": 7,
    }
    [statement] = json.loads(s3.get_bucket_policy(**bucket)["Policy"])["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Deny", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": False}}


def test_given_the_stack_when_deployed_then_the_schedule_sleeps_and_keeps_failed_starts(
    stack: Stack,
) -> None:
    schedule = client("scheduler").get_schedule(Name="bulk-ingestion")

    assert schedule["State"] == "DISABLED"
    assert schedule["Target"]["Arn"] == stack.state_machine_arn
    assert schedule["Target"]["RetryPolicy"]["MaximumRetryAttempts"] == 20
    queue = stack.resources["ScheduleDeadLetters"].arn
    assert schedule["Target"]["DeadLetterConfig"]["Arn"] == queue


def test_given_an_email_address_when_deployed_then_an_encrypted_topic_sends_there(
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
def test_given_an_alarm_topic_or_none_when_deployed_then_every_alarm_tells_it_or_nobody(
    aws: None, topic: str
) -> None:
    stack = deploy({**PARAMETERS, "AlarmTopicArn": topic})

    alarms = client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert [alarm["AlarmActions"] for alarm in alarms] == [[topic] if topic else []] * len(alarms)
    assert len(alarms) == len(stack_alarms(stack))


def stack_alarms(stack: Stack) -> list[str]:
    return [key for key, one in stack.resources.items() if one.type == "AWS::CloudWatch::Alarm"]


def test_given_two_stacks_when_deployed_to_one_account_then_neither_is_in_the_others_way(
    aws: None,
) -> None:
    one, other = deploy(PARAMETERS, name="one"), deploy(PARAMETERS, name="other")

    assert one.state_machine_arn != other.state_machine_arn
    assert one.runs_bucket != other.runs_bucket


def test_given_another_region_when_deployed_then_the_stack_is_there(aws: None) -> None:
    stack = deploy(PARAMETERS, region="eu-central-1")

    assert ":eu-central-1:" in stack.state_machine_arn


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({}, "KmsKeyArn needs a value"),
        ({"KmsKeyArn": "alias/domain"}, "KmsKeyArn cannot be"),
        ({"KmsKeyArn": KEY, "MaxConcurrency": "0"}, "MaxConcurrency cannot be"),
        ({"KmsKeyArn": KEY, "RunsRetentionDays": "14"}, "RunsRetentionDays cannot be"),
        ({"KmsKeyArn": KEY, "LogRetentionDays": "91"}, "LogRetentionDays cannot be"),
        ({"KmsKeyArn": KEY, "ScheduleState": "ON"}, "ScheduleState cannot be"),
    ],
)
def test_given_a_parameter_that_cannot_be_when_deployed_then_it_is_named(
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
def test_given_what_cannot_be_deployed_here_when_deployed_then_it_is_an_error(
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
def test_given_resources_with_conditions_when_deployed_then_only_those_that_are_wanted_exist(
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


def test_given_a_reference_to_what_is_not_wanted_when_deployed_then_it_is_an_error(
    aws: None, tmp_path: Path
) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(MORE.replace("    Condition: IsLoud\n", ""))

    with pytest.raises(ValueError, match="Topic is referred to"):
        deploy({}, path=template)
