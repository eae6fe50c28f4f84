"""Checks that AWS has what a flow needs: domain, key, object type, connection, and fields."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bulk_ingestion.aws import clients
from bulk_ingestion.aws.gone import unless_gone
from bulk_ingestion.flow import object_types
from bulk_ingestion.flow.definitions import FlowDefinition, Source, transfer_tasks
from bulk_ingestion.flow.findings import UNANSWERED, Finding, ask
from bulk_ingestion.flow.object_types import ObjectType
from bulk_ingestion.flow.target import Target
from bulk_ingestion.wording import nearest

_SECOND_LOOK_SECONDS = 10
_NO_ENTITY = ("ResourceNotFoundException", "ValidationException")


@dataclass(frozen=True)
class Checked:
    """A target, as AWS has what it needs."""

    definition: FlowDefinition
    """With what was open filled in."""
    found: list[Finding]
    domain: dict[str, Any] | None
    """GetDomain's answer; None if there is no such domain, or AWS did not answer."""
    object_type: ObjectType | None
    """None if there is neither a type nor a template of the name, or AWS did not answer."""


def check(target: Target, stack_key: str, windowed: bool) -> Checked:
    """Check a target against what AWS has.

    ``stack_key`` is the only KMS key that the stack's roles may use. ``windowed`` says whether
    there are windows, whose flows filter by the datetime field. What is fatal is checked a second
    time: a source may refuse one call, and what was just created may not be visible yet.
    """
    checked = _check(target, stack_key, windowed)
    if any(finding.fatal for finding in checked.found):
        time.sleep(_SECOND_LOOK_SECONDS)
        checked = _check(target, stack_key, windowed)
    return checked


def _check(target: Target, stack_key: str, windowed: bool) -> Checked:
    found: list[Finding] = []
    definition = {**target.flow_definition}
    domain_name, object_type = target.domain, target.object_type
    domain = ask(found, "the domain", _domain, domain_name)
    if domain is not UNANSWERED:
        found += _check_domain(domain_name, domain)
        definition.setdefault("KmsArn", (domain or {}).get("DefaultEncryptionKey", ""))
        found += _check_key(definition["KmsArn"], domain or {}, stack_key)
    known: ObjectType | None = None
    if domain:
        answer = ask(found, "the object type", object_types.find, domain_name, object_type)
        known = answer if isinstance(answer, ObjectType) else None
        found += [_no_object_type(target)] if answer is None else []
    source = target.source
    if source.connector.reads_files:
        fields: Any = UNANSWERED  # AppFlow checks the columns when it creates the flow
    else:
        fields = ask(found, "the source's object", _fields, source)
    if isinstance(fields, dict):
        definition.setdefault("Tasks", transfer_tasks(_retrievable(fields), source.connector))
        found += _check_fields(definition, source, fields, windowed)
    elif fields is None:
        near = nearest(source.object, source.connector.presets)
        found.append(
            Finding(
                f"ConnectorProfileName, Object: AppFlow has no {source.connector.type} connection "
                f"{source.profile} with an object {source.object} in this Region. "
                + (f"Did you mean {near}? " if near and near != source.object else "")
                + "The AppFlow console lists all connections and their objects."
            )
        )
    if known:
        found += object_types.check(known, target, definition.get("Tasks"))
    found += [
        Finding(f"FlowDefinition.{key}: could not be looked up. Add it to the input.")
        for key in ("KmsArn", "Tasks")
        if key not in definition and fields is not None
    ]
    return Checked(definition, found, domain if isinstance(domain, dict) else None, known)


def _domain(name: str) -> Any:
    return unless_gone(
        clients.customer_profiles().get_domain, gone=object_types.MISSING, DomainName=name
    )


def _check_domain(name: str, domain: dict[str, Any] | None) -> Iterator[Finding]:
    if domain is None:
        yield Finding(
            f"DomainName: there is no domain {name} in this Region. Create it, or use another."
        )
    elif not domain.get("DeadLetterQueueUrl"):
        yield Finding(
            f"Domain {name} has no dead-letter queue, so you can't see which objects it fails to "
            "store. Add a queue with UpdateDomain.",
            fatal=False,
        )


def _check_key(key: str, domain: dict[str, Any], stack_key: str) -> Iterator[Finding]:
    own = domain.get("DefaultEncryptionKey")
    if not domain:
        return
    if not key:
        yield Finding(
            "FlowDefinition.KmsArn: is missing, and the domain has no default key. Add the ARN of "
            "a KMS key to the input."
        )
    elif own and key != own:
        yield Finding(f"FlowDefinition.KmsArn: is {key}; use the domain's default key, {own}.")
    elif key != stack_key:
        yield Finding(
            f"FlowDefinition.KmsArn: is {key}, but this stack may use only {stack_key}. Deploy "
            "the stack with the parameter KmsKeyArn set to the domain's key."
        )


def _no_object_type(target: Target) -> Finding:
    preset = target.source.connector.presets.get(target.source.object)
    other = f", or use {preset.object_type}" if preset else ""
    return Finding(
        f"ObjectTypeName: domain {target.domain} has no object type {target.object_type}, and "
        f"no template has that name. Create it with PutProfileObjectType{other}."
    )


def _fields(source: Source) -> Any:
    """Give the fields of the source's object, by name; None if the object does not exist."""
    answer = unless_gone(
        clients.appflow().describe_connector_entity,
        gone=_NO_ENTITY,
        connectorEntityName=source.object,
        connectorType=source.connector.type,
        connectorProfileName=source.profile,
    )
    if answer is None:
        return None
    return {field["identifier"]: field for field in answer["connectorEntityFields"]}


def _retrievable(fields: dict[str, dict[str, Any]]) -> list[str]:
    return [
        name
        for name, field in fields.items()
        if field.get("sourceProperties", {}).get("isRetrievable", True)
    ]


def _check_fields(
    definition: dict[str, Any], source: Source, fields: dict[str, Any], windowed: bool
) -> Iterator[Finding]:
    used = {name for task in definition["Tasks"] for name in task["SourceFields"]}
    unknown = sorted(used - fields.keys())
    for name in unknown:
        near = nearest(name, fields)
        yield Finding(
            f"FlowDefinition.Tasks: {source.object} has no {name}"
            + (f"; did you mean {near}?" if near else ".")
        )
    if any(nearest(name, fields) is None for name in unknown):
        yield Finding(f"FlowDefinition.Tasks: {source.object} has {', '.join(fields)}.")
    yield from _check_datetime_field(source, fields, windowed)


def _check_datetime_field(
    source: Source, fields: dict[str, Any], windowed: bool
) -> Iterator[Finding]:
    name = source.datetime_field
    dated = [
        other
        for other, field in fields.items()
        if field.get("sourceProperties", {}).get("isTimestampFieldForIncrementalQueries")
    ]
    if name not in fields or (dated and name not in dated):
        wrong = (
            f"AppFlow can't pull by {name}" if name in fields else f"{source.object} has no {name}"
        )
        near = nearest(name, dated)
        right = f"did you mean {near}?" if near else f"use {' or '.join(dated or fields)}."
        yield Finding(f"DatetimeTypeFieldName: {wrong}; {right}")
        return
    preset = source.connector.presets.get(source.object)
    is_own = preset is None or name != preset.datetime_field
    if is_own and fields[name].get("destinationProperties", {}).get("isNullable"):
        yield Finding(
            f"DatetimeTypeFieldName: {name} can be empty. Records without it are in no window, and "
            "no pull of the continuous integration fetches them. Use a field that every record "
            "has, or import these records in another way, for example from files in S3.",
            fatal=False,
        )
    operators = (
        fields[name].get("supportedFieldTypeDetails", {}).get("v1", {}).get("filterOperators", [])
    )
    operator = source.connector.window_operator
    if windowed and operators and operator not in operators:
        yield Finding(
            f"DatetimeTypeFieldName: {name} does not support the filter {operator}, which the "
            "windows need. Use another datetime field."
        )
