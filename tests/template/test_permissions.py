"""The roles, held against the seed's policy and against what IAM knows of each action."""

from __future__ import annotations

import ast
import json
import re
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
import pytest
from botocore import xform_name
from policy_sentry.querying.actions import get_action_data, get_actions_for_service

from local.account import REGION
from tests.template.asl_checks import integrations
from tests.template.deployed import DEAD_LETTERS, DEFINITIONS, KEY, ROOT, Statement, as_list, roles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.stack.stack import Stack
    from tests.template.integrations import Integration

OWNER = "customer-profiles-integration-workflow"
REQUEST_TAG = {"StringEquals": {"aws:RequestTag/awsOwningService": OWNER}}
RESOURCE_TAG = {"StringEquals": {"aws:ResourceTag/awsOwningService": OWNER}}
EVERYWHERE = {
    "CreateFlows": "CreateFlow has no resource types",
    "DeliverLogs": "log delivery has no resource types",
    "ListFlows": "ListFlows names no flow",
    "ReadQuotas": "ListServiceQuotas has no resource types",
    "ReadTemplates": "templates belong to no domain",
    "SampleTraces": "X-Ray has no resource types for sampling",
    "SendTraces": "X-Ray has no resource types for sending",
    "WakeWindows": "a task token says what it is for",
}
"""The statements that may say Resource "*", and why."""
UNTAGGED = {
    "PutProfileObjectType": "that its request's tags can be a condition is not documented",
    "UseConnectorProfile": "connector profiles have no tags",
}
"""The actions that change or use something without a condition on tags, and why."""
DIFFERENT = {
    "InvokeFunctions": "each state machine has its own functions",
    "WriteLogs": "each function has its own log group",
}
"""The Sids that stand for a statement of its own in each role, and why."""
NEEDED_BY_CREATION = {"appflow:TagResource", "appflow:UseConnectorProfile", "profile:TagResource"}
"""What creating a flow and an integration with tags asks for beside its own action."""
FOLDERS = {
    "BulkIngestionRole": {"runs", "tokens"},
    "CheckIntegrationRole": {"integrations"},
    "CleanUpRole": {"integrations", "runs"},
    "CreateIntegrationRole": {"integrations", "runs"},
    "FindIntegrationsRole": {"checks", "integrations"},
    "MonitorIntegrationsRole": {"checks"},
    "PlanWindowsRole": {"integrations", "runs"},
    "RepairIntegrationRole": {"integrations"},
    "ReviewWindowsRole": {"runs"},
    "NotifyRole": {"runs", "sent"},
    "WakeWindowRole": {"tokens"},
}
"""What each role may see of the stack's bucket."""
KMS_AS_IN_THE_SEED = {
    "GrantKeyToAppFlow": {
        "Action": ["kms:CreateGrant", "kms:ListGrants"],
        "Resource": KEY,
        "Condition": {"StringEquals": {"kms:ViaService": ["appflow.us-east-1.amazonaws.com"]}},
        "Effect": "Allow",
    },
    "GrantKeyToCustomerProfiles": {
        "Action": "kms:CreateGrant",
        "Resource": KEY,
        "Condition": {
            "StringEquals": {"kms:ViaService": ["profile.us-east-1.amazonaws.com"]},
            "ForAllValues:StringEquals": {"kms:GrantOperations": ["Decrypt"]},
        },
        "Effect": "Allow",
    },
}


def statements(stack: Stack) -> Iterator[tuple[str, Statement]]:
    for role, listed in roles(stack):
        for statement in listed:
            yield f"{role} {statement['Sid']}", statement


def test_every_action_of_the_policies_exists_in_iam(
    stack: Stack,
) -> None:
    for where, statement in statements(stack):
        for action in as_list(statement["Action"]):
            service = action.split(":")[0]
            assert action in get_actions_for_service(service), f"{where}: {action}"


def test_the_resources_of_a_statement_fit_the_types_that_its_actions_take(
    stack: Stack,
) -> None:
    for where, statement in statements(stack):
        if statement["Resource"] == "*":
            continue
        resources = {kind(resource) for resource in as_list(statement["Resource"])}
        for action in as_list(statement["Action"]):
            kinds = resource_kinds(action)
            assert "*" in kinds or resources & kinds, f"{where}: {action} is for {kinds}"


def resource_kinds(action: str) -> set[str]:
    """The kinds of resources that an action is for; a star where the ARN names none (in S3)."""
    service, name = action.split(":")
    data: Any = get_action_data(service, name)
    arns = {row["resource_arn_format"] for row in data[service]} - {"*"}
    return {"*" if kind(arn).startswith("$") else kind(arn) for arn in arns}


def kind(arn: str) -> str:
    """Such as flow, stateMachine or log-group."""
    return re.split("[:/]", arn.split(":", 5)[5])[0] if arn.count(":") > 4 else arn


def test_every_statement_for_all_resources_has_a_reason(
    stack: Stack,
) -> None:
    wide = {s["Sid"] for _, s in statements(stack) if "*" in as_list(s["Resource"])}

    assert wide == set(EVERYWHERE)


def test_a_sid_names_the_same_statement_in_every_role(stack: Stack) -> None:
    named: dict[str, set[str]] = {}
    for _, statement in statements(stack):
        content = {key: value for key, value in statement.items() if key != "Sid"}
        named.setdefault(statement["Sid"], set()).add(json.dumps(content, sort_keys=True))

    assert {sid for sid, contents in named.items() if len(contents) > 1} == set(DIFFERENT)
    contents = [content for found in named.values() for content in found]
    assert len(contents) == len(set(contents))


def test_no_action_of_the_policies_has_a_wildcard(stack: Stack) -> None:
    for where, statement in statements(stack):
        assert statement["Effect"] == "Allow"
        assert "*" not in "".join(as_list(statement["Action"])), where


@pytest.mark.parametrize(
    "role", ["BulkIngestionRole", "CreateIntegrationRole", "RepairIntegrationRole"]
)
def test_a_role_may_use_the_domains_key_only_as_in_the_original(stack: Stack, role: str) -> None:
    of_kms = {
        statement.pop("Sid"): statement
        for statement in dict(roles(stack))[role]
        if "kms:" in str(statement["Action"])
    }

    assert of_kms == KMS_AS_IN_THE_SEED


def test_a_role_may_change_flows_and_integrations_only_with_the_tag(
    stack: Stack,
) -> None:
    wanted = {
        "appflow:CreateFlow": REQUEST_TAG,
        "appflow:TagResource": REQUEST_TAG,
        "profile:PutIntegration": REQUEST_TAG,
        "profile:TagResource": REQUEST_TAG,
        "appflow:CancelFlowExecutions": RESOURCE_TAG,
        "appflow:DeleteFlow": RESOURCE_TAG,
        "appflow:StartFlow": RESOURCE_TAG,
        "profile:DeleteIntegration": RESOURCE_TAG,
    }
    reading = ("Describe", "Get", "List")
    for where, statement in statements(stack):
        for action in as_list(statement["Action"]):
            if action.startswith(("appflow:", "profile:")) and action in wanted:
                assert statement["Condition"] == wanted[action], f"{where}: {action}"
            elif action.startswith(("appflow:", "profile:")):
                name = action.split(":")[1]
                assert name.startswith(reading) or name in UNTAGGED, action


def test_a_role_may_use_only_its_own_folders_of_the_bucket(
    stack: Stack,
) -> None:
    bucket = f"arn:aws:s3:::{stack.runs_bucket}"
    found: dict[str, set[str]] = {}
    for role, listed in roles(stack):
        for statement in listed:
            if statement["Action"] == "s3:ListBucket":
                assert statement["Resource"] == bucket
                paths = as_list(statement["Condition"]["StringLike"]["s3:prefix"])
            elif "s3:" in str(statement["Action"]):
                paths = [arn.removeprefix(f"{bucket}/") for arn in as_list(statement["Resource"])]
            else:
                continue
            found.setdefault(role, set()).update(path.split("/")[0] for path in paths)

    assert found == FOLDERS


def test_a_role_may_use_what_has_the_name_of_its_stack_and_of_no_other(
    stack: Stack,
) -> None:
    named = [
        (where, arn)
        for where, statement in statements(stack)
        for arn in as_list(statement["Resource"])
        if arn.split(":")[2:3] in (["lambda"], ["logs"], ["sns"], ["sqs"], ["states"])
    ]

    assert named
    for where, arn in named:
        if where.endswith("CountDeadLetters"):
            assert arn == DEAD_LETTERS
            continue
        assert re.search(f"[:/]{stack.name}(-[a-zA-Z-]+)?([:/]|$)", arn), f"{where}: {arn}"


def test_only_the_connector_profiles_that_a_parameter_names_may_be_used(
    stack: Stack,
) -> None:
    named = [
        statement["Resource"]
        for _, statement in statements(stack)
        if "appflow:UseConnectorProfile" in as_list(statement["Action"])
    ]

    profile = "arn:aws:appflow:*:*:connectorprofile/"
    assert named == [[f"{profile}sales", f"{profile}support"]] * 3


@pytest.mark.parametrize(
    ("machine", "beside"), [("BulkIngestion", NEEDED_BY_CREATION), ("MonitorIntegrations", set())]
)
def test_the_role_of_a_machine_may_make_the_calls_of_its_definition_and_no_others(
    stack: Stack, machine: str, beside: set[str]
) -> None:
    role = f"{machine}Role"
    allowed = {action for s in dict(roles(stack))[role] for action in as_list(s["Action"])}

    called = {
        iam_action(call)
        for state in DEFINITIONS[machine]["States"].values()
        for call in integrations(state)
    }

    around = ("kms:", "logs:", "states:", "xray:")  # what the calls and the machine itself need
    assert called | beside == {a for a in allowed if not a.startswith(around)}


def test_the_roles_of_the_functions_may_make_the_calls_of_their_code_and_no_others(
    stack: Stack,
) -> None:
    allowed = {
        action
        for role, listed in roles(stack)
        if role not in ("BulkIngestionRole", "MonitorIntegrationsRole")
        for statement in listed
        for action in as_list(statement["Action"])
    }
    methods = {
        node.attr
        for path in (ROOT / "functions").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
    }

    called = {
        f"{prefix}:{operation}"
        for service, prefix in {"appflow": "appflow", "customer-profiles": "profile"}.items()
        for operation in botocore.session.get_session().get_service_model(service).operation_names
        if xform_name(operation) in methods
    }

    of_both = {a for a in allowed if a.startswith(("appflow:", "profile:"))}
    assert called | NEEDED_BY_CREATION | {"appflow:CreateFlow"} == of_both


def iam_action(call: Integration) -> str:
    service = {"customer-profiles": "profile"}.get(
        call.service.service_name, call.service.service_name
    )
    operation = {"Invoke": "InvokeFunction"}.get(call.operation.name, call.operation.name)
    return f"{service}:{operation}"


@pytest.mark.parametrize(
    ("machine", "what", "redrives"),
    [
        ("BulkIngestion", "Windows", {"states:RedriveExecution"}),
        ("MonitorIntegrations", "Checks", set()),
    ],
)
def test_the_role_of_a_machine_may_start_and_redrive_its_distributed_map(
    stack: Stack, machine: str, what: str, redrives: set[str]
) -> None:
    by_sid = {s["Sid"]: s for s in dict(roles(stack))[f"{machine}Role"]}
    arn = stack.resources[f"{machine}StateMachine"].arn
    children = arn.replace(":stateMachine:", ":execution:")

    assert by_sid[f"Start{machine}"]["Resource"] == arn
    assert set(by_sid[f"Follow{what}"]["Action"]) == {
        "states:DescribeExecution",
        "states:StopExecution",
        *redrives,
    }
    assert by_sid[f"Follow{what}"]["Resource"] == [f"{children}:*", f"{children}/*"]


def test_only_its_service_may_assume_a_role(
    stack: Stack,
) -> None:
    iam = boto3.client("iam", region_name=REGION)
    trusted = {}
    for logical_id, resource in stack.resources.items():
        if resource.type == "AWS::IAM::Role":
            role: Any = iam.get_role(RoleName=resource.physical_id)["Role"]
            [statement] = role["AssumeRolePolicyDocument"]["Statement"]
            trusted[logical_id] = statement["Principal"]["Service"]

    assert trusted == {
        "BulkIngestionRole": "states.amazonaws.com",
        "CheckIntegrationRole": "lambda.amazonaws.com",
        "CleanUpRole": "lambda.amazonaws.com",
        "CreateIntegrationRole": "lambda.amazonaws.com",
        "FindIntegrationsRole": "lambda.amazonaws.com",
        "IntegrationFailedRole": "events.amazonaws.com",
        "MonitorIntegrationsRole": "states.amazonaws.com",
        "PlanWindowsRole": "lambda.amazonaws.com",
        "RepairIntegrationRole": "lambda.amazonaws.com",
        "ReviewWindowsRole": "lambda.amazonaws.com",
        "ScheduleRole": "scheduler.amazonaws.com",
        "NotifyRole": "lambda.amazonaws.com",
        "WakeWindowRole": "lambda.amazonaws.com",
    }
