"""IAM policy documents: parsed strictly, evaluated as AWS does.

Only what this project's policies use is known. Anything else in a document raises
:class:`UnsupportedPolicy`: a condition that is not understood must not count as met.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

_VERSION = "2012-10-17"
_ELEMENTS = {"Sid", "Effect", "Action", "Resource", "Condition"}
_TRUST_ELEMENTS = {"Sid", "Effect", "Action", "Principal", "Condition"}
_KEYS = re.compile(
    "aws:requesttag/.+|aws:resourcetag/.+|kms:grantoperations|kms:viaservice|s3:prefix"
)
_TRUST_KEYS = re.compile("aws:sourceaccount")
_MANY_VALUED = {"kms:grantoperations"}


class UnsupportedPolicy(Exception):  # noqa: N818
    """A policy says something that is not understood here."""


@dataclass(frozen=True)
class Ask:
    """One question to a role's policies."""

    action: str
    resource: str
    keys: Mapping[str, tuple[str, ...]]
    """The values of the condition keys, by their names in lower case; absent ones are left out."""


@dataclass(frozen=True)
class Condition:
    """One key of one operator: ``ForAllValues:StringEquals`` of ``kms:GrantOperations``."""

    quantifier: str
    operator: str
    key: str
    wanted: tuple[str, ...]

    def is_met(self, ask: Ask) -> bool:
        """Whether the question's values are as wanted; an absent key has none."""
        matches = _OPERATORS[self.operator]
        found = ask.keys.get(self.key, ())
        each = [any(matches(wanted, value) for wanted in self.wanted) for value in found]
        return _QUANTIFIERS[self.quantifier](each)


@dataclass(frozen=True)
class Statement:
    """A statement of a policy; ``resources`` of a trust policy's are the services it trusts."""

    sid: str
    effect: Literal["Allow", "Deny"]
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: tuple[Condition, ...]

    def applies(self, ask: Ask) -> bool:
        """Whether the statement speaks of what is asked."""
        return (
            any(_like(action.lower(), ask.action.lower()) for action in self.actions)
            and any(_like(resource, ask.resource) for resource in self.resources)
            and all(condition.is_met(ask) for condition in self.conditions)
        )


@dataclass(frozen=True)
class Evaluation:
    """Whether the policies allow a request, and the statement that decides it, if one does."""

    allowed: bool
    statement: Statement | None


def decide(statements: Iterable[Statement], ask: Ask) -> Evaluation:
    """Evaluate a request: an explicit deny wins, and what no statement allows is denied."""
    applying = [statement for statement in statements if statement.applies(ask)]
    for statement in applying:
        if statement.effect == "Deny":
            return Evaluation(False, statement)
    return Evaluation(bool(applying), applying[0] if applying else None)


def _like(pattern: str, text: str) -> bool:
    return _compiled(pattern).fullmatch(text) is not None


@lru_cache
def _compiled(pattern: str) -> re.Pattern[str]:
    wildcards = {"*": ".*", "?": "."}
    return re.compile("".join(wildcards.get(c) or re.escape(c) for c in pattern), re.DOTALL)


_OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda wanted, value: wanted == value,
    "StringLike": _like,
}
_QUANTIFIERS: Mapping[str, Callable[[list[bool]], bool]] = {
    "": lambda each: bool(each) and all(each),
    "ForAllValues": all,  # true of a key that is absent
    "ForAnyValue": any,
}


# Reading documents -------------------------------------------------------------------------------


@lru_cache
def statements(document: str) -> tuple[Statement, ...]:
    """Read an identity policy. Raises UnsupportedPolicy, which names what is not understood."""
    return tuple(_statement(raw, raw.get("Resource"), _KEYS) for raw in _read(document, _ELEMENTS))


@lru_cache
def trust(document: str) -> tuple[Statement, ...]:
    """Read a role's trust policy; its services stand where a statement has resources."""
    return tuple(
        _statement(raw, _services(raw.get("Principal")), _TRUST_KEYS)
        for raw in _read(document, _TRUST_ELEMENTS)
    )


def _read(document: str, elements: set[str]) -> list[dict[str, Any]]:
    policy = json.loads(document)
    if not isinstance(policy, dict) or policy.keys() != {"Version", "Statement"}:
        raise UnsupportedPolicy(f"A policy must be Version and Statement: {document}")
    if policy["Version"] != _VERSION:
        raise UnsupportedPolicy(f"Version {policy['Version']}")
    listed = policy["Statement"]
    raw_statements: list[dict[str, Any]] = listed if isinstance(listed, list) else [listed]
    for raw in raw_statements:
        if unknown := raw.keys() - elements:
            raise UnsupportedPolicy(f"{_name(raw)}: {', '.join(sorted(unknown))}")
    return raw_statements


def _statement(raw: dict[str, Any], resources: Any, known_keys: re.Pattern[str]) -> Statement:
    if raw.get("Effect") not in ("Allow", "Deny"):
        raise UnsupportedPolicy(f"{_name(raw)}: Effect {raw.get('Effect')}")
    conditions = raw.get("Condition", {})
    return Statement(
        sid=raw.get("Sid", ""),
        effect=raw["Effect"],
        actions=_texts(raw, raw.get("Action")),
        resources=_texts(raw, resources),
        conditions=tuple(
            _condition(raw, operator, key, wanted, known_keys)
            for operator, keys in conditions.items()
            for key, wanted in keys.items()
        ),
    )


def _condition(
    raw: dict[str, Any], full_operator: str, key: str, wanted: Any, known_keys: re.Pattern[str]
) -> Condition:
    quantifier, _, operator = full_operator.rpartition(":")
    if quantifier not in _QUANTIFIERS or operator not in _OPERATORS:
        raise UnsupportedPolicy(f"{_name(raw)}: the condition operator {full_operator}")
    if not known_keys.fullmatch(key.lower()):
        raise UnsupportedPolicy(f"{_name(raw)}: the condition key {key}")
    if key.lower() in _MANY_VALUED and not quantifier:
        raise UnsupportedPolicy(f"{_name(raw)}: {key} has many values, {operator} is for one")
    return Condition(quantifier, operator, key.lower(), _texts(raw, wanted))


def _services(principal: Any) -> Any:
    if not isinstance(principal, dict) or principal.keys() != {"Service"}:
        raise UnsupportedPolicy(f"the Principal {principal}")
    return principal["Service"]


def _texts(raw: dict[str, Any], value: Any) -> tuple[str, ...]:
    texts = tuple(value) if isinstance(value, list) else (value,)
    for text in texts:
        if not isinstance(text, str) or "${" in text:
            raise UnsupportedPolicy(f"{_name(raw)}: the value {text}")
    return texts


def _name(raw: dict[str, Any]) -> str:
    return f"Statement {raw.get('Sid', '(no Sid)')}"
