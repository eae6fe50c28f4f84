"""The preflight: what AWS has is held against what a request needs, before anything is created."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from bulk_ingestion import aws, presets
from bulk_ingestion.errors import PreflightFailed
from bulk_ingestion.flows import FlowDefinition, Source, source_of
from bulk_ingestion.folder import Folder
from bulk_ingestion.plan import JOB, Execution, Job
from bulk_ingestion.sweep import all_flows

if TYPE_CHECKING:
    from bulk_ingestion.request import Request

INTEGRATIONS_PER_DOMAIN = 50
FLOWS_PER_ACCOUNT = 1000
"""Default quotas. AWS raises them on request, so that a lack of room is a warning."""

_MISSING = ("ResourceNotFoundException", "BadRequestException", "ValidationException")


@dataclass(frozen=True)
class Finding:
    """Something that a person should know before the import runs."""

    text: str
    fatal: bool = True
    error: str = ""
    """The name of AWS's error, if it is one."""


class _Unanswered:
    """What a question has for an answer that AWS did not give."""


UNANSWERED = _Unanswered()


def complete(request: Request, execution: Execution, folder: Folder, stack_key: str) -> Request:
    """Check a request against AWS; give it with what was left open filled in, and its warnings.

    ``stack_key`` is the only KMS key that the stack's roles may use. Raises PreflightFailed with
    every fatal finding, each with what to do.
    """
    definition = {**request.flow_definition}
    found = check(
        definition, request.domain, request.object_type, stack_key, windowed=bool(request.windows)
    )
    _ask(found, "the quotas", _check_quotas, request, found)
    _ask(found, "other executions", _check_others, request, execution, folder, found)
    fatal = [finding.text for finding in found if finding.fatal]
    if fatal:
        heading = "One finding" if len(fatal) == 1 else f"{len(fatal)} findings"
        raise PreflightFailed("\n".join([f"{heading}; nothing was created.", *fatal]))
    warnings = tuple(finding.text for finding in found)
    return replace(request, flow_definition=definition, warnings=request.warnings + warnings)


def check(
    definition: FlowDefinition, domain_name: str, object_type: str, stack_key: str, windowed: bool
) -> list[Finding]:
    """Hold a FlowDefinition against what AWS has, and fill in what it leaves open.

    ``windowed`` tells whether its filter will be asked for windows.
    """
    found: list[Finding] = []
    domain = _ask(found, "the domain", _domain, domain_name)
    if domain is not UNANSWERED:
        found += _check_domain(domain_name, domain)
        definition.setdefault("KmsArn", (domain or {}).get("DefaultEncryptionKey", ""))
        found += _check_key(definition["KmsArn"], domain or {}, stack_key)
    if domain and _ask(found, "the object type", _object_type, domain_name, object_type) is None:
        found.append(
            Finding(
                f"ObjectTypeName: domain {domain_name} has no object type {object_type}, and there "
                "is no template of that name; create it with PutProfileObjectType."
            )
        )
    source = source_of(definition)
    fields = _ask(found, "the source's object", _fields, source)
    if isinstance(fields, dict):
        definition.setdefault("Tasks", presets.tasks(_retrievable(fields), source.connector))
        found += _check_fields(definition, source, fields, windowed)
    elif fields is None:
        found.append(
            Finding(
                f"ConnectorProfileName, Object: {source.profile} is no connection to "
                f"{source.connector.type} with an object {source.object}. AppFlow's console lists "
                "the connections of this Region, and each connection's objects."
            )
        )
    found += [
        Finding(f"FlowDefinition.{key}: could not be looked up; give it.")
        for key in ("KmsArn", "Tasks")
        if key not in definition and fields is not None
    ]
    return found


def _ask(found: list[Finding], what: str, question: Callable[..., Any], *about: Any) -> Any:
    """Ask AWS; what cannot be asked is a warning, and for the run itself to show."""
    try:
        return question(*about)
    except ClientError as error:
        problem = error.response["Error"]
        if problem["Code"] == "ConnectorAuthenticationException":
            text = f"The source refuses the connection: {problem['Message']} Reconnect it."
            found.append(Finding(text, error=problem["Code"]))
        else:
            text = f"The preflight could not check {what}: {problem['Code']}: {problem['Message']}"
            found.append(Finding(text, fatal=False))
        return UNANSWERED


def _unless_missing(operation: Callable[..., Any], **request: Any) -> Any:
    try:
        return operation(**request)
    except ClientError as error:
        if error.response["Error"]["Code"] in _MISSING:
            return None
        raise


def _domain(name: str) -> Any:
    return _unless_missing(aws.customer_profiles().get_domain, DomainName=name)


def _object_type(domain: str, name: str) -> Any:
    client = aws.customer_profiles()
    return _unless_missing(
        client.get_profile_object_type, DomainName=domain, ObjectTypeName=name
    ) or _unless_missing(client.get_profile_object_type_template, TemplateId=name)


def _check_domain(name: str, domain: dict[str, Any] | None) -> Iterator[Finding]:
    if domain is None:
        yield Finding(f"DomainName: there is no domain {name} in this Region.")
    elif not domain.get("DeadLetterQueueUrl"):
        yield Finding(
            f"Domain {name} has no dead-letter queue: objects that it cannot map vanish "
            "without a trace. Give it one with UpdateDomain.",
            fatal=False,
        )


def _check_key(key: str, domain: dict[str, Any], stack_key: str) -> Iterator[Finding]:
    own = domain.get("DefaultEncryptionKey")
    if not domain:
        return
    if not key:
        yield Finding("FlowDefinition.KmsArn: is missing, and the domain has no key of its own.")
    elif own and key != own:
        yield Finding(f"FlowDefinition.KmsArn: is {key}; the domain's key is {own}. Use that.")
    elif key != stack_key:
        yield Finding(
            f"FlowDefinition.KmsArn: is {key}, but this stack may only use {stack_key}; deploy "
            "it with the parameter KmsKeyArn set to the domain's key."
        )


def _fields(source: Source) -> Any:
    """Describe the fields of the source's object, by name; None when there is no such thing."""
    answer = _unless_missing(
        aws.appflow().describe_connector_entity,
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
    wanted = {name for task in definition["Tasks"] for name in task["SourceFields"]}
    unknown = sorted((wanted | {source.datetime_field}) - fields.keys())
    if unknown:
        yield Finding(
            f"FlowDefinition: {source.object} has no {', '.join(unknown)}; it has "
            f"{', '.join(fields)}."
        )
        return
    field = fields[source.datetime_field]
    dated = [
        name
        for name, other in fields.items()
        if other.get("sourceProperties", {}).get("isTimestampFieldForIncrementalQueries")
    ]
    if dated and source.datetime_field not in dated:
        yield Finding(
            f"DatetimeTypeFieldName: {source.datetime_field} cannot be pulled by; "
            f"{source.object} can be by {', '.join(dated)}."
        )
        return
    operators = field.get("supportedFieldTypeDetails", {}).get("v1", {}).get("filterOperators", [])
    operator = source.connector.window_operator
    if windowed and operators and operator not in operators:
        yield Finding(f"DatetimeTypeFieldName: {source.datetime_field} has no filter {operator}.")


def _check_quotas(request: Request, found: list[Finding]) -> None:
    """Warn where the default quotas leave no room for the windows and the integration."""
    needed = min(request.max_concurrency, len(request.windows)) + 1
    flows = list(all_flows())
    to_profiles = [
        flow for flow in flows if flow.get("destinationConnectorType") == "CustomerProfiles"
    ]
    for used, quota, what in (
        (len(flows), FLOWS_PER_ACCOUNT, "AppFlow flows in this account and Region"),
        (len(to_profiles), INTEGRATIONS_PER_DOMAIN, "flows that are integrations of a domain"),
    ):
        if used + needed > quota:
            text = (
                f"There are {used} {what}, and this import needs {needed} more at a time; the "
                f"default quota is {quota}. Lower MaxConcurrency, or have the quota raised."
            )
            found.append(Finding(text, fatal=False))


def _check_others(
    request: Request, execution: Execution, folder: Folder, found: list[Finding]
) -> None:
    """Warn of other executions that fill the same object type from the same source."""
    pages = aws.step_functions().get_paginator("list_executions")
    mine = (request.domain, request.object_type, source_of(request.flow_definition))
    for page in pages.paginate(stateMachineArn=execution.machine_arn, statusFilter="RUNNING"):
        for other in page["executions"]:
            theirs = Folder.of(folder.bucket, other["name"])
            if other["name"] == execution.name or not theirs.has(JOB):
                continue
            job = Job.read(theirs)
            if (job.domain, job.object_type, job.source) == mine:
                text = (
                    f"Execution {other['name']} is importing the same object at the same time: "
                    "nothing is lost, but its records are fetched twice."
                )
                found.append(Finding(text, fatal=False))
