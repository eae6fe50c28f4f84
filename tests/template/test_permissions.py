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

from local.template import REGION
from tests.template.asl_checks import integrations
from tests.template.conftest import DEFINITIONS, KEY, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.stack import Stack
    from tests.template.integrations import Integration

OWNER = "customer-profiles-integration-workflow"
REQUEST_TAG = {"StringEquals": {"aws:RequestTag/awsOwningService": OWNER}}
RESOURCE_TAG = {"StringEquals": {"aws:ResourceTag/awsOwningService": OWNER}}
EVERYWHERE = {
    "CreateFlows": "CreateFlow has no resource types",
    "DeliverLogs": "log delivery has no resource types",
    "FindFlows": "ListFlows names no flow",
    "LookAround": "ListFlows names no flow, and templates are nobody's",
    "SendTraces": "X-Ray has no resource types for sending",
}
"""The statements that may say Resource "*", and why."""
NEEDED_BY_CREATION = {"appflow:TagResource", "appflow:UseConnectorProfile", "profile:TagResource"}
"""What creating a flow and an integration with tags asks for beside its own action."""
FOLDERS = {
    "BulkIngestionRole": {"runs"},
    "CheckIntegrationRole": {"integrations"},
    "CleanUpRole": {"runs"},
    "CreateIntegrationRole": {"integrations", "runs"},
    "FindIntegrationsRole": {"checks", "integrations"},
    "KeepIntegrationsRole": {"checks"},
    "PlanWindowsRole": {"runs"},
    "RepairIntegrationRole": {"integrations"},
    "ReviewWindowsRole": {"runs"},
    "TellPeopleRole": {"told"},
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

Statement = dict[str, Any]


def as_list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def roles(stack: Stack) -> Iterator[tuple[str, list[Statement]]]:
    """Every role's logical id and its statements, as deployed."""
    iam = boto3.client("iam", region_name=REGION)
    for logical_id, resource in stack.resources.items():
        if resource.type == "AWS::IAM::Role":
            role = resource.physical_id
            assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []
            [policy] = iam.list_role_policies(RoleName=role)["PolicyNames"]
            document: Any = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
            document = json.loads(document) if isinstance(document, str) else document
            yield logical_id, document["Statement"]


def statements(stack: Stack) -> Iterator[tuple[str, Statement]]:
    for role, listed in roles(stack):
        for statement in listed:
            yield f"{role} {statement['Sid']}", statement


def test_given_the_policies_when_their_actions_are_looked_up_then_iam_has_each(
    stack: Stack,
) -> None:
    for where, statement in statements(stack):
        for action in as_list(statement["Action"]):
            service = action.split(":")[0]
            assert action in get_actions_for_service(service), f"{where}: {action}"


def test_given_an_action_with_resource_types_when_a_statement_names_resources_then_they_fit(
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


def test_given_the_policies_when_they_say_everywhere_then_the_reason_is_known(
    stack: Stack,
) -> None:
    wide = {s["Sid"] for _, s in statements(stack) if "*" in as_list(s["Resource"])}

    assert wide == set(EVERYWHERE)


def test_given_the_policies_when_they_allow_then_no_action_has_a_wildcard(stack: Stack) -> None:
    for where, statement in statements(stack):
        assert statement["Effect"] == "Allow"
        assert "*" not in "".join(as_list(statement["Action"])), where


@pytest.mark.parametrize(
    "role", ["BulkIngestionRole", "CreateIntegrationRole", "RepairIntegrationRole"]
)
def test_given_the_domains_key_when_a_role_may_use_it_then_only_as_in_the_seed(
    stack: Stack, role: str
) -> None:
    of_kms = {
        statement.pop("Sid"): statement
        for statement in dict(roles(stack))[role]
        if "kms:" in str(statement["Action"])
    }

    assert of_kms == KMS_AS_IN_THE_SEED


def test_given_flows_and_integrations_when_a_role_may_change_them_then_only_with_the_tag(
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
                assert name.startswith(reading) or name == "UseConnectorProfile", action


def test_given_the_stacks_bucket_when_a_role_may_use_it_then_only_its_own_folders(
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


def test_given_what_has_the_stacks_name_when_a_role_may_use_it_then_no_other_stacks(
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
        assert re.search(f"[:/]{stack.name}(-[a-zA-Z-]+)?([:/]|$)", arn), f"{where}: {arn}"


def test_given_connector_profiles_when_a_parameter_names_them_then_only_they_may_be_used(
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
    ("machine", "beside"), [("BulkIngestion", NEEDED_BY_CREATION), ("KeepIntegrations", set())]
)
def test_given_the_definition_when_it_calls_a_service_then_its_role_may_and_nothing_more(
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


def test_given_the_functions_when_they_call_a_service_then_a_role_may_and_nothing_more(
    stack: Stack,
) -> None:
    allowed = {
        action
        for role, listed in roles(stack)
        if role not in ("BulkIngestionRole", "KeepIntegrationsRole")
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
        ("KeepIntegrations", "Checks", set()),
    ],
)
def test_given_a_distributed_map_when_it_starts_and_redrives_then_its_role_may(
    stack: Stack, machine: str, what: str, redrives: set[str]
) -> None:
    by_sid = {s["Sid"]: s for s in dict(roles(stack))[f"{machine}Role"]}
    arn = stack.resources[f"{machine}StateMachine"].arn
    children = arn.replace(":stateMachine:", ":execution:")

    assert by_sid[f"Start{what}"]["Resource"] == arn
    assert set(by_sid[f"Follow{what}"]["Action"]) == {
        "states:DescribeExecution",
        "states:StopExecution",
        *redrives,
    }
    assert by_sid[f"Follow{what}"]["Resource"] == [f"{children}:*", f"{children}/*"]


def test_given_the_roles_when_somebody_assumes_them_then_it_is_their_service(
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
        "IntegrationInTroubleRole": "events.amazonaws.com",
        "KeepIntegrationsRole": "states.amazonaws.com",
        "PlanWindowsRole": "lambda.amazonaws.com",
        "RepairIntegrationRole": "lambda.amazonaws.com",
        "ReviewWindowsRole": "lambda.amazonaws.com",
        "ScheduleRole": "scheduler.amazonaws.com",
        "TellPeopleRole": "lambda.amazonaws.com",
    }
