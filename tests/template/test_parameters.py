"""The template's parameters: what each admits, and what follows from its value."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st
from samcli.cli.types import CfnParameterOverridesType

from local.stack.stack import Stack, deploy
from local.stack.template import expand
from tests.template.deployed import DEAD_LETTERS, DEFINITIONS, KEY, PARAMETERS, client

ROOT = Path(__file__).parents[2]
DECLARED: dict[str, dict[str, Any]] = expand()["Parameters"]
CUT = {
    "ConnectorProfileNames": "sales, support",
    "CheckExpression": "cron(0 * * * ? *)",
    "NotifyEmail": "somebody <ops@example.com>",
    "ScheduleExpression": "rate(30 days)",
    "ScheduleInput": '{"ImportFrom": "P90D"}',
}
"""Values that the sam command cuts where they are not quoted."""
WHOLE = {
    "AlarmTopicArn": "arn:aws:sns:us-east-1:123456789012:on-call",
    "DeadLetterQueueArn": DEAD_LETTERS,
    "DomainName": "acme",
    "KmsKeyArn": KEY,
    "RunsBucketName": "bulk-ingestion-runsbucket-1abcdefghijk",
    "ScheduleTimezone": "Europe/Vienna",
}
"""Values of the other parameters that are free text: they have no space or quote."""
DAYS_TO_REDRIVE = 14


def matches(parameter: str, value: str) -> bool:
    return bool(re.fullmatch(DECLARED[parameter]["AllowedPattern"], value))


def as_sam_passes(parameter: str, value: str) -> str:
    """What becomes of a value on the command line of `sam deploy`."""
    passed = CfnParameterOverridesType().convert((f"{parameter}={value}",), None, None)
    return str(passed[parameter])


def test_every_parameter_that_is_free_text_has_a_pattern_and_says_what_it_wants() -> None:
    free = {
        name
        for name, declared in DECLARED.items()
        if declared["Type"] != "Number" and "AllowedValues" not in declared
    }

    assert free == CUT.keys() | WHOLE.keys()
    for name in free:
        assert DECLARED[name]["ConstraintDescription"].startswith("must be "), name


@pytest.mark.parametrize("parameter", CUT)
def test_what_sam_cuts_is_refused_and_what_is_quoted_arrives(aws: None, parameter: str) -> None:
    value = CUT[parameter]
    as_in_the_readme = '"' + value.replace('"', '\\"') + '"'

    assert as_sam_passes(parameter, value) != value
    with pytest.raises(ValueError, match=f"{parameter} cannot be"):
        deploy({**PARAMETERS, parameter: as_sam_passes(parameter, value)})
    assert as_sam_passes(parameter, as_in_the_readme) == value


def test_what_the_readme_passes_on_the_command_line_arrives_and_is_admitted() -> None:
    readme = (ROOT / "README.md").read_text()
    [shown] = re.findall(r"`--parameter-overrides '(.+?)'`", readme)
    [(parameter, value)] = CfnParameterOverridesType().convert((shown,), None, None).items()
    assert value in readme.replace(shown, "")
    assert matches(parameter, value)


@pytest.mark.parametrize("parameter", WHOLE)
def test_what_has_no_space_arrives_unquoted(parameter: str) -> None:
    assert as_sam_passes(parameter, WHOLE[parameter]) == WHOLE[parameter]
    assert matches(parameter, WHOLE[parameter])


@pytest.mark.parametrize(
    ("parameter", "value", "allowed"),
    [
        ("ScheduleExpression", "rate(1 hour)", True),
        ("ScheduleExpression", "rate(30 days)", True),
        ("ScheduleExpression", "rate(30days)", False),
        ("ScheduleExpression", "rate(0 days)", False),
        ("ScheduleExpression", "cron(0 2 1 * ? *)", True),
        ("ScheduleExpression", "cron(0/15 8-18 ? JAN,FEB MON-FRI 2027)", True),
        ("ScheduleExpression", "cron(0 2 1 * ?)", False),
        ("ScheduleExpression", "at(2026-12-01T02:00:00)", True),
        ("ScheduleExpression", "at(2026-12-01)", False),
        ("ScheduleExpression", "", False),
        ("ScheduleInput", "{}", True),
        ("ScheduleInput", '{"ImportFrom": "P90D"}', True),
        ("ScheduleInput", '{\n  "ImportFrom": "P90D",\n  "Tags": {}\n}\n', True),
        ("ScheduleInput", "{ImportFrom:P90D}", False),  # the shell has taken the quotes
        ("ScheduleInput", "[]", False),
        ("ScheduleTimezone", "America/Argentina/Buenos_Aires", True),
        ("ScheduleTimezone", "Etc/GMT+5", True),
        ("ScheduleTimezone", "", False),
        ("ConnectorProfileNames", "*", True),
        ("ConnectorProfileNames", "acme-sf", True),
        ("ConnectorProfileNames", "", False),
        ("NotifyEmail", "", True),
        ("NotifyEmail", "ops@example.com", True),
        ("NotifyEmail", "ops", False),
        ("RunsBucketName", "", True),
        ("RunsBucketName", "Runs", False),
        ("KmsKeyArn", "arn:aws:kms:us-east-1:123456789012:key/mrk-1234abcd12ab34cd", True),
        ("KmsKeyArn", "arn:aws:kms:us-east-1:123456789012:alias/domain", False),
        ("KmsKeyArn", "arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/1234abcd", False),
    ],
)
def test_a_parameter_admits_what_can_work(parameter: str, value: str, allowed: bool) -> None:
    assert matches(parameter, value) is allowed


@given(st.from_regex(DECLARED["KmsKeyArn"]["AllowedPattern"], fullmatch=True))
def test_a_key_that_the_parameter_admits_may_stand_in_a_flow_definition(key: str) -> None:
    shape = (
        botocore.session.get_session().get_service_model("customer-profiles").shape_for("KmsArn")
    )

    assert re.fullmatch(shape.metadata["pattern"], key)


def test_a_run_is_kept_until_it_can_neither_run_nor_be_redriven() -> None:
    days = DEFINITIONS["BulkIngestion"]["TimeoutSeconds"] / 86400
    retention = DECLARED["RunsRetentionDays"]

    assert days == 30
    assert retention["MinValue"] > days + DAYS_TO_REDRIVE + days
    assert retention["Default"] >= retention["MinValue"]


# The bucket --------------------------------------------------------------------------------------


def test_the_bucket_outlives_the_stack_but_not_a_first_creation_that_fails(
    expanded: dict[str, Any],
) -> None:
    bucket = expanded["Resources"]["RunsBucket"]

    assert bucket["DeletionPolicy"] == "RetainExceptOnCreate"
    assert bucket["UpdateReplacePolicy"] == "Retain"


def test_only_the_bucket_is_left_when_the_stack_is_deleted(expanded: dict[str, Any]) -> None:
    """Logs and queue state it, since CloudFormation's checkers ask for it; the others go too."""
    stated = {
        logical_id: (declared["DeletionPolicy"], declared["UpdateReplacePolicy"])
        for logical_id, declared in expanded["Resources"].items()
        if "DeletionPolicy" in declared or "UpdateReplacePolicy" in declared
    }
    del stated["RunsBucket"]

    assert set(stated.values()) == {("Delete", "Delete")}
    assert stated.keys() == {
        logical_id
        for logical_id, declared in expanded["Resources"].items()
        if declared["Type"] in ("AWS::Logs::LogGroup", "AWS::SQS::Queue")
    }


def test_a_stack_continues_with_the_bucket_of_an_earlier_deployment(aws: None) -> None:
    client("s3").create_bucket(Bucket="left-behind")

    stack = deploy({**PARAMETERS, "RunsBucketName": "left-behind"})

    assert "RunsBucket" not in stack.resources
    assert stack.runs_bucket == "left-behind"
    assert client("s3").get_bucket_policy(Bucket="left-behind")["Policy"]
    function = client("lambda").get_function_configuration(
        FunctionName=stack.resources["ReviewWindowsFunction"].physical_id
    )
    assert function["Environment"]["Variables"]["RUNS_BUCKET"] == "left-behind"


# The stack's name --------------------------------------------------------------------------------

LONGEST_NAME = 45
LIMITS = {
    "AWS::CloudWatch::Dashboard": ("DashboardName", 255),
    "AWS::Lambda::Function": ("FunctionName", 64),
    "AWS::Logs::LogGroup": ("LogGroupName", 512),
    "AWS::SNS::Topic": ("TopicName", 256),
    "AWS::Scheduler::Schedule": ("Name", 64),
    "AWS::StepFunctions::StateMachine": ("StateMachineName", 80),
}
"""The property that names a resource, and how many characters AWS lets it have.

Sources: the CreateFunction, CreateLogGroup, CreateSchedule, CreateStateMachine, CreateTopic and
PutDashboard pages of the API references."""


def names(stack: Stack, expanded: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """The length of each resource's name that the template sets, and its limit."""
    found = {}
    for logical_id, resource in stack.resources.items():
        named, limit = LIMITS.get(resource.type, ("", 0))
        if named in expanded["Resources"][logical_id]["Properties"]:
            name = resource.physical_id.rpartition(":")[2]
            found[logical_id] = (len(name), limit)
    return found


def test_the_template_names_no_other_kind_of_resource(expanded: dict[str, Any]) -> None:
    named = {
        declared["Type"]
        for declared in expanded["Resources"].values()
        if any("AWS::StackName" in str(value) for value in name_properties(declared))
    }

    assert named == LIMITS.keys()


def name_properties(declared: dict[str, Any]) -> list[Any]:
    """What is set for the properties that end in Name and do not refer to another resource."""
    references = ("MetricName", "PolicyName", "FunctionName")
    own = LIMITS.get(declared["Type"], ("", 0))[0]
    return [
        value
        for key, value in declared["Properties"].items()
        if key == own or (key.endswith("Name") and key not in references)
    ]


def test_the_longest_name_of_a_stack_gives_every_resource_a_name_that_aws_takes(
    aws: None, expanded: dict[str, Any]
) -> None:
    lengths = names(deploy(PARAMETERS, name="x" * LONGEST_NAME), expanded)

    assert len(lengths) > 20
    assert {key: found for key, found in lengths.items() if found[0] > found[1]} == {}
    assert any(length == limit for length, limit in lengths.values())


def test_a_longer_name_of_a_stack_is_refused_by_a_resource_that_says_so(
    aws: None, expanded: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="StackNameHas45CharactersAtMost"):
        deploy(PARAMETERS, name="x" * (LONGEST_NAME + 1))

    assert "DependsOn" not in expanded["Resources"]["StackNameHas45CharactersAtMost"]
    assert f"{LONGEST_NAME} characters" in expanded["Description"]
