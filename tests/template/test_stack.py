"""What is there once the template is deployed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from moto.events.models import EventPattern

from local.stack.stack import Stack
from tests.template.deployed import DEAD_LETTERS, KEY, client

if TYPE_CHECKING:
    from collections.abc import Callable


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
    "AWS::SSM::Parameter": lambda name: client("ssm").get_parameter(Name=name),
    "AWS::SQS::QueuePolicy": lambda name: name,  # looked at in the template, below
    "AWS::SQS::Queue": lambda url: client("sqs").get_queue_attributes(QueueUrl=url),
    "AWS::Scheduler::Schedule": lambda name: client("scheduler").get_schedule(Name=name),
    "AWS::StepFunctions::StateMachine": lambda arn: client("stepfunctions").describe_state_machine(
        stateMachineArn=arn
    ),
}


def test_every_resource_of_the_template_exists(stack: Stack, expanded: dict[str, Any]) -> None:
    assert stack.resources.keys() == expanded["Resources"].keys() - {"NotificationsTopic"}
    for logical_id, resource in stack.resources.items():
        assert resource.type == expanded["Resources"][logical_id]["Type"]
        assert LOOK_UP[resource.type](resource.physical_id), logical_id


def test_the_definition_names_the_functions_of_the_stack(
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


def test_the_rule_for_stopped_executions_invokes_the_clean_up(stack: Stack) -> None:
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
TOLD, SWEPT = "NotifyFunctionExecutionFailed", "CleanUpFunctionExecutionStopped"
WOKEN = "WakeWindowFunctionRunEnded"
EXECUTION = "Step Functions Execution Status Change"


def a_run(status: str, trigger: str = "SCHEDULED", flow: str = "f") -> dict[str, str]:
    return {"flow-name": flow, "status": f"Execution {status}", "trigger-type": trigger}


def an_execution(machine: str, status: str) -> dict[str, str]:
    arn = f"arn:aws:states:us-east-1:123456789012:stateMachine:{machine}"
    return {"stateMachineArn": arn, "status": status}


def test_an_event_is_taken_only_by_the_rules_that_it_concerns(
    stack: Stack,
) -> None:
    keeping = "bulk-ingestion-monitor-integrations"
    events: list[tuple[str, dict[str, str], set[str]]] = [
        (DEACTIVATED, {"flow-name": "f"}, {"IntegrationFailed"}),
        (RUN_ENDED, a_run("Failed"), {"IntegrationFailed"}),
        (RUN_ENDED, a_run("Partially Successful"), {"IntegrationFailed"}),
        (RUN_ENDED, a_run("Successful"), set()),
        (RUN_ENDED, a_run("Failed", "ONDEMAND"), set()),
        (RUN_ENDED, a_run("Failed", "ONDEMAND", "bulk-a-window"), {WOKEN}),
        (RUN_ENDED, a_run("Successful", "ONDEMAND", "bulk-a-window"), {WOKEN}),
        (RUN_ENDED, a_run("Successful", "ONDEMAND", "not-bulk-"), set()),
        ("AppFlow Start Flow Run Report", a_run("Failed"), set()),
        ("AppFlow Start Flow Run Report", a_run("", "ONDEMAND", "bulk-a-window"), set()),
        (EXECUTION, an_execution("bulk-ingestion", "FAILED"), {TOLD}),
        (EXECUTION, an_execution("bulk-ingestion", "TIMED_OUT"), {TOLD, SWEPT}),
        (EXECUTION, an_execution("bulk-ingestion", "ABORTED"), {SWEPT}),
        (EXECUTION, an_execution("bulk-ingestion", "SUCCEEDED"), {"NotifyFunctionImportSucceeded"}),
        (EXECUTION, an_execution("bulk-ingestion/Windows", "SUCCEEDED"), set()),
        (EXECUTION, an_execution(keeping, "SUCCEEDED"), set()),
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


def test_the_functions_are_as_the_template_says(
    stack: Stack,
) -> None:
    function = client("lambda").get_function_configuration(
        FunctionName=stack.resources["ReviewWindowsFunction"].physical_id
    )

    assert function["Handler"] == "review_windows.handler"
    assert function["Role"] == stack.resources["ReviewWindowsRole"].arn
    assert (function["Runtime"], function["Architectures"]) == ("python3.13", ["arm64"])
    assert function["Environment"]["Variables"] == {
        "DEAD_LETTER_QUEUE_ARN": DEAD_LETTERS,
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


def test_the_bucket_is_private_and_encrypted_and_expires_runs(
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
        "sent/": 7,
        "tokens/": 7,
    }
    [statement] = json.loads(s3.get_bucket_policy(**bucket)["Policy"])["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Deny", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": False}}


def test_the_schedule_is_disabled_and_keeps_failed_starts(
    stack: Stack,
) -> None:
    schedule = client("scheduler").get_schedule(Name="bulk-ingestion")

    assert schedule["State"] == "DISABLED"
    assert schedule["Target"]["Arn"] == stack.state_machine_arn
    assert schedule["Target"]["RetryPolicy"]["MaximumRetryAttempts"] == 20
    queue = stack.resources["DeadLetters"].arn
    assert schedule["Target"]["DeadLetterConfig"]["Arn"] == queue


def targets(expanded: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What rules and schedules start, by the rule's or schedule's logical id."""
    found = {}
    for logical_id, declared in expanded["Resources"].items():
        if declared["Type"] == "AWS::Events::Rule":
            [found[logical_id]] = declared["Properties"]["Targets"]
        elif declared["Type"] == "AWS::Scheduler::Schedule":
            found[logical_id] = declared["Properties"]["Target"]
    return found


def is_function(reference: Any, expanded: dict[str, Any]) -> bool:
    logical_id = reference.get("Fn::GetAtt", [reference.get("Ref")])[0]
    return bool(expanded["Resources"][logical_id]["Type"] == "AWS::Lambda::Function")


def test_what_no_rule_schedule_or_function_could_process_is_kept_and_raises_an_alarm(
    expanded: dict[str, Any],
) -> None:
    arn = {"Fn::GetAtt": ["DeadLetters", "Arn"]}
    resources = expanded["Resources"]

    # Every rule and every schedule has the queue
    assert {key: target["DeadLetterConfig"] for key, target in targets(expanded).items()} == {
        key: {"Arn": arn}
        for key in (
            "BulkIngestionStateMachineSchedule",
            "CleanUpFunctionDaily",
            "CleanUpFunctionExecutionStopped",
            "IntegrationFailed",
            "MonitorIntegrationsStateMachineSchedule",
            "NotifyFunctionExecutionFailed",
            "NotifyFunctionImportSucceeded",
            "WakeWindowFunctionRunEnded",
        )
    }
    # Every rule may send to it
    [statement] = resources["DeadLettersPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    rules = [key for key, declared in resources.items() if declared["Type"] == "AWS::Events::Rule"]
    assert statement["Resource"] == arn
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Condition"] == {
        "ArnEquals": {"aws:SourceArn": [{"Fn::GetAtt": [rule, "Arn"]} for rule in sorted(rules)]}
    }
    # Every function that events invoke has it as its destination
    invoked = {
        str(target["Arn"]["Fn::GetAtt"][0])
        for target in targets(expanded).values()
        if is_function(target["Arn"], expanded)
    }
    destinations = {
        declared["Properties"]["FunctionName"]["Ref"]: declared["Properties"]["DestinationConfig"]
        for declared in resources.values()
        if declared["Type"] == "AWS::Lambda::EventInvokeConfig"
    }
    assert destinations == {key: {"OnFailure": {"Destination": arn}} for key in invoked}
    # And an alarm watches it
    alarm = resources["DeadLettersAlarm"]["Properties"]
    assert alarm["Dimensions"] == [
        {"Name": "QueueName", "Value": {"Fn::GetAtt": ["DeadLetters", "QueueName"]}}
    ]
    assert (alarm["MetricName"], alarm["Threshold"], alarm["ComparisonOperator"]) == (
        "ApproximateNumberOfMessagesVisible",
        1,
        "GreaterThanOrEqualToThreshold",
    )
