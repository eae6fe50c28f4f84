"""What is deployed, and its roles as IAM has them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from local import clients
from local.account import REGION
from local.stack.stack import Stack
from local.stack.template import TEMPLATE

ROOT = TEMPLATE.parent
FILES = {
    "BulkIngestion": ROOT / "statemachine" / "bulk_ingestion.asl.json",
    "MonitorIntegrations": ROOT / "statemachine" / "monitor_integrations.asl.json",
}
DEFINITIONS: dict[str, dict[str, Any]] = {
    machine: json.loads(path.read_text()) for machine, path in FILES.items()
}
KEY = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
DEAD_LETTERS = "arn:aws:sqs:us-east-1:123456789012:profiles-dead-letters"
PARAMETERS = {
    "KmsKeyArn": KEY,
    "DomainName": "acme",
    "DeadLetterQueueArn": DEAD_LETTERS,
    "ConnectorProfileNames": "sales,support",
}

Statement = dict[str, Any]


def client(service: str) -> Any:
    """Give a client of the account that the stack is in."""
    return clients.client(service, REGION)


def as_list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def roles(stack: Stack) -> Iterator[tuple[str, list[Statement]]]:
    """Every role's logical id and its statements, as deployed."""
    iam = client("iam")
    for logical_id, resource in stack.resources.items():
        if resource.type == "AWS::IAM::Role":
            role = resource.physical_id
            assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []
            [policy] = iam.list_role_policies(RoleName=role)["PolicyNames"]
            document: Any = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
            document = json.loads(document) if isinstance(document, str) else document
            yield logical_id, document["Statement"]
