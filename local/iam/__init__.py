"""Least privilege, enforced: every call of a role is held against the policies it has.

A call carries a role while :data:`local.caller.role` is set; a client outside may do anything.
Identity policies alone are evaluated: no resource policies, boundaries or organizations.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any
from unittest.mock import patch

from botocore.client import BaseClient
from moto.iam.models import Role, iam_backends
from moto.s3.models import s3_backends

from local import caller
from local.iam import policies
from local.iam.operations import NEEDS, TRUSTS, Facts, Need, Trust
from local.iam.policies import Ask, Evaluation, UnsupportedPolicy
from local.services import simulation
from local.services.age import Age
from local.services.appflow.models import appflow_backends
from local.services.customerprofiles.models import (
    CustomerProfilesBackend,
    customerprofiles_backends,
)

__all__ = ["Decision", "UnsupportedPolicy", "enforced", "listeners", "refusal", "trusts"]

_enforcing = False
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Decision:
    """A request for permission, and how a role's policies evaluate it."""

    role: str
    ask: Ask
    evaluation: Evaluation


listeners: list[Callable[[Decision], None]] = []
"""Called with every decision."""


@contextmanager
def enforced() -> Iterator[None]:
    """Check every boto3 call of this process that a role makes; afterwards forget listeners."""
    global _enforcing
    convert = vars(BaseClient)["_convert_to_request_dict"]

    # Here a call's parameters have been validated, and nothing has been sent.
    def convert_what_is_allowed(
        self: Any, api_params: Any, operation_model: Any, *args: Any, **kwargs: Any
    ) -> Any:
        converted = convert(self, api_params, operation_model, *args, **kwargs)
        _check(self, operation_model.name, api_params)
        return converted

    with patch.object(BaseClient, "_convert_to_request_dict", convert_what_is_allowed):
        _enforcing = True
        try:
            yield
        finally:
            _enforcing = False
            listeners.clear()


def refusal(role_arn: str, action: str, resource: str) -> str | None:
    """Ask a role's policies about one action; give AWS's message if they refuse it."""
    if not _enforcing:
        return None
    return _refusal(role_arn, Ask(action, resource, _resource_tags(resource, action)))


def _check(client: Any, operation: str, parameters: Mapping[str, Any]) -> None:
    """Raise the service's error for a call that is not allowed."""
    service = client.meta.service_model.service_name
    trust = TRUSTS.get((service, operation))
    if trust is not None:
        _check_trust(client, operation, parameters, trust)
    role_arn = caller.role.get()
    if role_arn is None:
        return
    if service not in NEEDS:
        _say_unchecked(service)
        return
    needs = NEEDS[service].get(operation, ())
    with simulation.current.changing():
        asks = list(_asks(needs, _facts(role_arn, client.meta.region_name, parameters)))
    if not asks:
        raise NotImplementedError(
            f"{role_arn} calls {operation} of {service}, and the embedded cloud does not know "
            "which permissions it needs. Add it to NEEDS in local/iam/operations.py."
        )
    for ask in asks:
        message = _refusal(role_arn, ask)
        if message:
            code = "AccessDenied" if service == "s3" else "AccessDeniedException"
            raise _error(client, operation, 403, code, message)


@cache
def _say_unchecked(service: str) -> None:
    _log.warning(
        "Calls of %s are allowed to every role: the embedded cloud does not know which permissions "
        "they need. AWS checks them.",
        service,
    )


def _error(client: Any, operation: str, status: int, code: str, message: str) -> Exception:
    response = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {
            "HTTPStatusCode": status,
            "RequestId": str(uuid.uuid4()),
            "HTTPHeaders": {},
            "RetryAttempts": 0,
        },
        "message": message,
    }
    error: Exception = client.exceptions.from_code(code)(response, operation)
    return error


# What a call asks ------------------------------------------------------------------------------


def _asks(needs: tuple[Need, ...], facts: Facts) -> Iterator[Ask]:
    for need in needs:
        resource = _filled(need.resource, facts)
        if resource is None or not need.given(facts):
            continue
        keys = _resource_tags(resource, need.action)
        if need.request_tags:
            keys |= _tags("aws:requesttag", facts.get("tags") or facts.get("Tags") or {})
        for key, templates in need.keys.items():
            values = [_filled(template, facts) for template in templates]
            keys[key] = tuple(value for value in values if value is not None)
        yield Ask(need.action, resource, keys)


def _filled(template: str, facts: Facts) -> str | None:
    """Fill a template in; None when the facts lack a part of it."""
    try:
        return template.format_map(facts)
    except KeyError:
        return None


def _facts(role_arn: str, region: str, parameters: Mapping[str, Any]) -> Facts:
    _, partition, _, _, account, _ = role_arn.split(":", 5)
    prefix = f"arn:{partition}:{{}}:{region}:{account}:"
    facts = {**parameters, "partition": partition, "region": region, "account": account}
    if "FunctionName" in parameters:
        name = parameters["FunctionName"]
        is_arn = name.startswith("arn:")
        facts["function"] = name if is_arn else prefix.format("lambda") + f"function:{name}"
    if "QueueUrl" in parameters:
        facts["queue"] = prefix.format("sqs") + parameters["QueueUrl"].rpartition("/")[2]
    if "Bucket" in parameters and "Key" in parameters:
        bucket = s3_backends[account][partition].buckets.get(parameters["Bucket"])
        facts["object_missing"] = bucket is not None and parameters["Key"] not in bucket.keys
    profiles = _profiles(account, region)
    name = parameters.get("DomainName")
    if name in profiles.domains:
        if "Uri" in parameters:
            facts["removes_flow"] = profiles.flow_removed_with(name, parameters["Uri"])
        if key := profiles.domains[name].details.get("DefaultEncryptionKey"):
            facts["domain_key"] = key
    return facts


def _resource_tags(arn: str, action: str) -> dict[str, tuple[str, ...]]:
    """Give the tags of a flow or an integration, as far as IAM sees them for an action.

    What does not exist has none, and neither has what is too young (a knob of the simulation).
    """
    parts = arn.split(":", 5)
    tags: Mapping[str, str] = {}
    age: Age | None = None
    if len(parts) == 6 and parts[2] == "appflow":
        flow = appflow_backends[parts[4]][parts[3]].flow_at(arn)
        tags, age = (flow.tags, flow.age) if flow else ({}, None)
    elif len(parts) == 6 and parts[2] == "profile":
        profiles = _profiles(parts[4], parts[3])
        tags, age = profiles.tags_at(arn), profiles.age_of(arn)
    if age is not None and age.is_young(simulation.current.knobs.young_tags, action):
        return {}
    return _tags("aws:resourcetag", tags)


def _tags(prefix: str, tags: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    return {f"{prefix}/{key.lower()}": (value,) for key, value in tags.items()}


def _profiles(account: str, region: str) -> CustomerProfilesBackend:
    backend: CustomerProfilesBackend = customerprofiles_backends[account][region]
    return backend


# What a role's policies answer -----------------------------------------------------------------


def _refusal(role_arn: str, ask: Ask) -> str | None:
    role = _role(role_arn)
    if role is not None and (role.managed_policies or role.permissions_boundary):
        raise UnsupportedPolicy(f"{role_arn} has managed policies or a permissions boundary.")
    documents = role.policies.values() if role else ()
    evaluation = policies.decide(
        (statement for document in documents for statement in policies.statements(document)), ask
    )
    decision = Decision(role_arn, ask, evaluation)
    for listener in list(listeners):
        listener(decision)
    if evaluation.allowed:
        return None
    return caller.denial(role_arn, ask.action, ask.resource, evaluation.statement is not None)


def _role(arn: str) -> Role | None:
    if arn.count(":") < 5:
        return None
    _, partition, _, _, account, _ = arn.split(":", 5)
    roles = iam_backends[account][partition].roles.values()
    return next((role for role in roles if role.arn == arn), None)


def _check_trust(client: Any, operation: str, parameters: Mapping[str, Any], needed: Trust) -> None:
    if not trusts(needed.role.format_map(parameters), needed.service, needed.tells_account):
        raise _error(client, operation, needed.status, needed.code, needed.message)


def trusts(role_arn: str, service: str, tells_account: bool = True) -> bool:
    """Whether a service can assume a role; it cannot assume one that does not exist.

    ``tells_account``: the service says for which account it acts (``aws:SourceAccount``).
    """
    role = _role(role_arn)
    if role is None:
        return False
    document = role.assume_role_policy_document
    statements = policies.trust(document if isinstance(document, str) else json.dumps(document))
    account = {"aws:sourceaccount": (role_arn.split(":")[4],)} if tells_account else {}
    return policies.decide(statements, Ask("sts:AssumeRole", service, account)).allowed
