"""What each API call asks of its caller's policies, as data.

The actions, the resources and the condition keys are those of AWS's service authorization
reference. Where that leaves something open, a comment says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Facts = Mapping[str, Any]
"""A call's parameters, with ``partition``, ``region`` and ``account`` and what is looked up for
the call: ``domain_key``, ``function``, ``queue``, ``removes_flow`` and ``object_missing``."""


@dataclass(frozen=True)
class Need:
    """One action that a call needs.

    ``resource`` and the values of ``keys`` are filled in from the call's facts. A need of which
    the resource has a part that the call lacks is none (no ``kmsArn``, no grant).
    """

    action: str
    resource: str
    request_tags: bool = False
    """Whether the condition key ``aws:RequestTag`` has the tags in the call."""
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    given: Callable[[Facts], Any] = lambda facts: True
    """Whether the call needs it at all."""


def _given(name: str) -> Callable[[Facts], Any]:
    return lambda facts: facts.get(name)


def _absent(name: str) -> Callable[[Facts], Any]:
    return lambda facts: not facts.get(name)


_ANY = "*"
_APPFLOW = "arn:{partition}:appflow:{region}:{account}:"
_FLOW = _APPFLOW + "flow/{flowName}"
_DOMAIN = "arn:{partition}:profile:{region}:{account}:domains/{DomainName}"
_INTEGRATION = _DOMAIN + "/integrations/{Uri}"
_OBJECT_TYPE = _DOMAIN + "/object-types/{ObjectTypeName}"
_BUCKET = "arn:{partition}:s3:::{Bucket}"
_OBJECT = _BUCKET + "/{Key}"

_VIA_APPFLOW = {"kms:viaservice": ("appflow.{region}.amazonaws.com",)}
_VIA_PROFILES = {
    "kms:viaservice": ("profile.{region}.amazonaws.com",),
    "kms:grantoperations": ("Decrypt",),
}


def _create_flow(request: str, name: str, tags: str, profile: str, key: str) -> tuple[Need, ...]:
    """Say what creating a flow needs, given where a call has its parts.

    The reference has no resource types for CreateFlow. What AppFlow's grants allow is not
    documented, so ``kms:GrantOperations`` is left absent.
    """
    return (
        Need("appflow:CreateFlow", _ANY, request_tags=True, given=_given(request)),
        Need(
            "appflow:TagResource",
            f"{_APPFLOW}flow/{{{name}}}",
            request_tags=True,
            given=_given(tags),
        ),
        Need("appflow:UseConnectorProfile", f"{_APPFLOW}connectorprofile/{{{profile}}}"),
        Need("kms:CreateGrant", f"{{{key}}}", keys=_VIA_APPFLOW),
        Need("kms:ListGrants", f"{{{key}}}", keys=_VIA_APPFLOW),
    )


_SOURCE = "sourceFlowConfig[connectorProfileName]"
_DEFINED_INTEGRATION = f"{_DOMAIN}/integrations/{_APPFLOW}flow/{{FlowDefinition[FlowName]}}"
_REGISTER = {"profile:PutIntegration": "DomainName", "profile:TagResource": "Tags"}

NEEDS: Mapping[str, Mapping[str, tuple[Need, ...]]] = {
    "appflow": {
        "CreateFlow": _create_flow("flowName", "flowName", "tags", _SOURCE, "kmsArn"),
        "UpdateFlow": (
            Need("appflow:UpdateFlow", _FLOW),
            Need("appflow:UseConnectorProfile", f"{_APPFLOW}connectorprofile/{{{_SOURCE}}}"),
        ),
        # The reference has no condition on the profile's name that would make a list narrower.
        "DescribeConnectorProfiles": (Need("appflow:DescribeConnectorProfiles", _ANY),),
        "DescribeConnectorEntity": (
            Need(
                "appflow:DescribeConnectorEntity",
                _APPFLOW + "connectorprofile/{connectorProfileName}",
            ),
            # The reference names no resource for a source without a profile: only "*" is safe.
            Need("appflow:DescribeConnectorEntity", _ANY, given=_absent("connectorProfileName")),
        ),
        # The reference names the flow as ListFlows' resource, which names none: only "*" is safe.
        "ListFlows": (Need("appflow:ListFlows", _ANY),),
        **{
            operation: (Need(f"appflow:{operation}", _FLOW),)
            for operation in (
                "CancelFlowExecutions",
                "DeleteFlow",
                "DescribeFlow",
                "DescribeFlowExecutionRecords",
                "StartFlow",
                "StopFlow",
            )
        },
    },
    "customer-profiles": {
        # The reference lists app-integrations actions for PutIntegration too: those are for sources
        # other than flows, and AWS's own policy for the managed feature has none.
        "PutIntegration": (
            Need("profile:PutIntegration", _DOMAIN, request_tags=True),
            *(
                Need(action, integration, request_tags=True, given=_given(needs))
                for integration in (_INTEGRATION, _DEFINED_INTEGRATION)
                for action, needs in _REGISTER.items()
            ),
            Need("kms:CreateGrant", "{domain_key}", keys=_VIA_PROFILES),
            *_create_flow(
                "FlowDefinition",
                "FlowDefinition[FlowName]",
                "Tags",
                "FlowDefinition[SourceFlowConfig][ConnectorProfileName]",
                "FlowDefinition[KmsArn]",
            ),
        ),
        # AWS's own policy has DeleteIntegration under a condition on the resource's tag, and a
        # domain has no such tag: it is the integration that is asked about, not the domain.
        "DeleteIntegration": (
            Need("profile:DeleteIntegration", _INTEGRATION),
            Need("appflow:DeleteFlow", "{Uri}", given=_given("removes_flow")),
        ),
        "GetIntegration": (
            Need("profile:GetIntegration", _DOMAIN),
            Need("profile:GetIntegration", _INTEGRATION),
        ),
        "ListIntegrations": (Need("profile:ListIntegrations", _DOMAIN),),
        "ListAccountIntegrations": (Need("profile:ListAccountIntegrations", _ANY),),
        # The reference has no condition on the request's tags for PutProfileObjectType. Whether it
        # needs a grant as PutIntegration does is not documented.
        "PutProfileObjectType": (
            Need("profile:PutProfileObjectType", _DOMAIN),
            Need("profile:PutProfileObjectType", _OBJECT_TYPE),
            Need("profile:TagResource", _OBJECT_TYPE, request_tags=True, given=_given("Tags")),
            Need("kms:CreateGrant", "{EncryptionKey}", keys=_VIA_PROFILES),
        ),
        "ListDomains": (Need("profile:ListDomains", _ANY),),
        "GetProfileObjectTypeTemplate": (Need("profile:GetProfileObjectTypeTemplate", _ANY),),
        "GetDomain": (Need("profile:GetDomain", _DOMAIN),),
        "GetProfileObjectType": (
            Need("profile:GetProfileObjectType", _DOMAIN),
            Need("profile:GetProfileObjectType", _OBJECT_TYPE),
        ),
    },
    "lambda": {
        "GetFunctionConfiguration": (Need("lambda:GetFunctionConfiguration", "{function}"),),
        "Invoke": (Need("lambda:InvokeFunction", "{function}"),),
    },
    "s3": {
        # Without permission to list the bucket, S3 does not say that an object is missing.
        "GetObject": (
            Need("s3:GetObject", _OBJECT),
            Need("s3:ListBucket", _BUCKET, given=_given("object_missing")),
        ),
        "HeadObject": (
            Need("s3:GetObject", _OBJECT),
            Need("s3:ListBucket", _BUCKET, given=_given("object_missing")),
        ),
        "DeleteObject": (Need("s3:DeleteObject", _OBJECT),),
        "ListObjectsV2": (Need("s3:ListBucket", _BUCKET, keys={"s3:prefix": ("{Prefix}",)}),),
        # S3's guide to conditional writes: If-Match needs to read as well, If-None-Match does not.
        "PutObject": (
            Need("s3:PutObject", _OBJECT),
            Need("s3:GetObject", _OBJECT, given=_given("IfMatch")),
        ),
    },
    "service-quotas": {
        "GetServiceQuota": (
            Need(
                "servicequotas:GetServiceQuota",
                "arn:{partition}:servicequotas:{region}:{account}:{ServiceCode}/{QuotaCode}",
            ),
        ),
        "ListServiceQuotas": (Need("servicequotas:ListServiceQuotas", _ANY),),
    },
    "sns": {"Publish": (Need("sns:Publish", "{TopicArn}"),)},
    "sqs": {
        "GetQueueAttributes": (Need("sqs:GetQueueAttributes", "{queue}"),),
        "SendMessage": (Need("sqs:SendMessage", "{queue}"),),
    },
    "stepfunctions": {
        "DescribeExecution": (Need("states:DescribeExecution", "{executionArn}"),),
        "ListExecutions": (
            Need("states:ListExecutions", "{mapRunArn}"),
            Need("states:ListExecutions", "{stateMachineArn}"),
        ),
        "ListMapRuns": (Need("states:ListMapRuns", "{executionArn}"),),
        "RedriveExecution": (Need("states:RedriveExecution", "{executionArn}"),),
        # The reference has no resource types for it.
        "SendTaskSuccess": (Need("states:SendTaskSuccess", _ANY),),
        "StartExecution": (Need("states:StartExecution", "{stateMachineArn}"),),
        "StopExecution": (Need("states:StopExecution", "{executionArn}"),),
    },
}
"""By botocore's name of the service, then by operation."""


@dataclass(frozen=True)
class Trust:
    """A call that gives a service a role to act as: the role must trust the service."""

    role: str
    service: str
    tells_account: bool
    """Whether the service says for which account it acts (``aws:SourceAccount``)."""
    status: int
    code: str
    message: str


TRUSTS: Mapping[tuple[str, str], Trust] = {
    ("lambda", "CreateFunction"): Trust(
        "{Role}",
        "lambda.amazonaws.com",
        False,
        400,
        "InvalidParameterValueException",
        "The role defined for the function cannot be assumed by Lambda.",
    ),
    ("scheduler", "CreateSchedule"): Trust(
        "{Target[RoleArn]}",
        "scheduler.amazonaws.com",
        True,
        400,
        "ValidationException",
        "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.",
    ),
    ("stepfunctions", "CreateStateMachine"): Trust(
        "{roleArn}",
        "states.amazonaws.com",
        True,
        400,
        "AccessDeniedException",
        "Neither the global service principal states.amazonaws.com, nor the regional one is "
        "authorized to assume the provided role.",
    ),
}
