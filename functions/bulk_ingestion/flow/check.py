"""Finds everything that is wrong with a FlowDefinition, without calling AWS."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from bulk_ingestion.flow import schedule
from bulk_ingestion.flow.api_model import (
    PASCAL_APPFLOW,
    Problem,
    member_names,
    problems,
)
from bulk_ingestion.flow.connectors import CONNECTORS, Connector
from bulk_ingestion.flow.definitions import (
    FlowDefinition,
    is_projection,
    to_customer_profiles,
)
from bulk_ingestion.flow.names import LONGEST_NAME, WINDOW_FLOW_BEGINS
from bulk_ingestion.flow.target import Target, integration_requests
from bulk_ingestion.wording import did_you_mean, shown

_KEY = re.compile(r"arn:aws:kms:[a-z0-9-]+:\d{12}:key/[\w-]+", re.ASCII)


def find_problems(flow_definition: Any, path: str, now: datetime) -> list[Problem]:
    """Find everything that is wrong with a FlowDefinition, for the API and for this state machine.

    The FlowDefinition of Customer Profiles has five connectors. With another connector, a
    FlowDefinition is a CreateFlow request of AppFlow without the destination.
    """
    found = [
        problem
        for problem in _check_model(flow_definition, path)
        if problem.path != f"{path}.KmsArn" or "KmsArn" not in flow_definition
    ]

    def sound(*parts: str) -> bool:
        sections = [path, *(f"{path}.{part}" for part in parts)]
        return not any(
            problem.path == path or problem.path.startswith(section)
            for problem in found
            for section in sections[1:]
        )

    checks: list[Problem] = []
    if isinstance(flow_definition, dict):
        checks += _check_name(flow_definition.get("FlowName"), f"{path}.FlowName")
        checks += _check_key(flow_definition.get("KmsArn"), f"{path}.KmsArn")
    if sound("SourceFlowConfig"):
        checks += _check_source(flow_definition["SourceFlowConfig"], f"{path}.SourceFlowConfig")
    if sound("SourceFlowConfig", "Tasks"):
        checks += _check_tasks(flow_definition, f"{path}.Tasks")
    if sound("TriggerConfig"):
        connector = (
            CONNECTORS[flow_definition["SourceFlowConfig"]["ConnectorType"]]
            if sound("SourceFlowConfig")
            else None
        )
        checks += _check_trigger(
            flow_definition["TriggerConfig"], connector, f"{path}.TriggerConfig", now
        )
    return found + checks


def find_request_problems(target: Target, tags: dict[str, str]) -> list[Problem]:
    """Find the problems that either service's model has with the requests for an integration.

    ``target`` has the definition of the continuous flow. ``tags`` are all tags of the integration.
    Each problem has the path of the input's key that it is about.
    """
    requests = integration_requests(target, tags)
    found = [
        *problems("customer-profiles", "PutIntegrationRequest", requests.put_integration),
        *problems(PASCAL_APPFLOW, "CreateFlowRequest", requests.create_flow, "FlowDefinition"),
    ]
    by_path = {problem.path.replace("FlowDefinition.Tags", "Tags"): problem for problem in found}
    return [Problem(path, problem.message) for path, problem in by_path.items()]


def _check_name(name: Any, path: str) -> Iterator[Problem]:
    if not isinstance(name, str):
        return
    if name.startswith(WINDOW_FLOW_BEGINS):
        yield Problem(
            path,
            f"is {shown(name)}; names that begin with {WINDOW_FLOW_BEGINS} are reserved for the "
            "flows of windows, which are deleted; use another name",
        )
    if len(name) > LONGEST_NAME:
        yield Problem(
            path,
            f"has {len(name)} characters; it must have at most {LONGEST_NAME}, because the flow's "
            "ARN, which identifies the integration, must have at most 255",
        )


def _check_key(key: Any, path: str) -> Iterator[Problem]:
    if key is not None and not (isinstance(key, str) and _KEY.fullmatch(key)):
        yield Problem(
            path,
            f"is {shown(key)}; it must be the ARN of the domain's KMS key, "
            "arn:aws:kms:REGION:ACCOUNT:key/ID. Remove it to use the domain's default key",
        )


def _check_model(flow_definition: Any, path: str) -> list[Problem]:
    own = problems("customer-profiles", "FlowDefinition", flow_definition, path)
    type_path = f"{path}.SourceFlowConfig.ConnectorType"
    if all(problem.path != type_path for problem in own):
        return own
    given = flow_definition["SourceFlowConfig"].get("ConnectorType")
    if not isinstance(given, str):
        return own
    if given not in CONNECTORS:
        others = [problem for problem in own if problem.path != type_path]
        return [
            *others,
            Problem(type_path, f"is {shown(given)}; {did_you_mean(given, CONNECTORS)}"),
        ]
    known = member_names("customer-profiles", "FlowDefinition")
    unknown = [f"{path}.{key}" for key in flow_definition if key not in known]
    fields = {key: flow_definition[key] for key in known if key in flow_definition}
    return [
        *(problem for problem in own if problem.path in (*unknown, f"{path}.KmsArn")),
        *problems(
            PASCAL_APPFLOW, "CreateFlowRequest", to_customer_profiles(fields, "any", "any"), path
        ),
    ]


def _check_source(config: dict[str, Any], path: str) -> Iterator[Problem]:
    connector = CONNECTORS[config["ConnectorType"]]
    given = list(config["SourceConnectorProperties"])
    if given != [connector.properties]:
        yield Problem(
            f"{path}.SourceConnectorProperties",
            f"has {' and '.join(given) or 'nothing'}; "
            f"with ConnectorType {connector.type}, it must have only {connector.properties}",
        )
    named = config["SourceConnectorProperties"].get(connector.properties, {})
    if (
        given == [connector.properties]
        and connector.object_key
        and not named.get(connector.object_key)
    ):
        yield Problem(
            f"{path}.SourceConnectorProperties.{connector.properties}.{connector.object_key}",
            "is missing; it must be the name of the object at the source",
        )
    if connector.reads_files:
        yield from _check_files(config, path)
        return
    if not config.get("ConnectorProfileName"):
        yield Problem(
            f"{path}.ConnectorProfileName",
            f"is missing; it must be the name of an AppFlow connection to {connector.type}",
        )
    if not config.get("IncrementalPullConfig", {}).get("DatetimeTypeFieldName"):
        yield Problem(
            f"{path}.IncrementalPullConfig.DatetimeTypeFieldName",
            "is missing; it must be the field that says when a record last changed",
        )


def _check_files(config: dict[str, Any], path: str) -> Iterator[Problem]:
    for key in ("ConnectorProfileName", "IncrementalPullConfig"):
        if key in config:
            yield Problem(
                f"{path}.{key}",
                "does not go with S3: AppFlow reads files without a connection, and pulls them by "
                "their own time; remove it",
            )


def _check_tasks(flow_definition: FlowDefinition, path: str) -> Iterator[Problem]:
    properties = CONNECTORS[flow_definition["SourceFlowConfig"]["ConnectorType"]].properties
    tasks = flow_definition["Tasks"]
    for index, task in enumerate(tasks):
        foreign = [key for key in task.get("ConnectorOperator", {}) if key != properties]
        if foreign:
            yield Problem(
                f"{path}[{index}].ConnectorOperator",
                f"has {' and '.join(foreign)}; this flow needs {properties} there",
            )
    if not any(is_projection(task) for task in tasks):
        yield Problem(
            path,
            "has no projection; AppFlow needs a task of TaskType Filter with "
            f'ConnectorOperator {{"{properties}": "PROJECTION"}} and all fields in SourceFields',
        )
    if not any(task["TaskType"] == "Map" for task in tasks):
        yield Problem(
            path, "has no task that maps a field; add a task of TaskType Map for each field"
        )


def _check_trigger(
    config: dict[str, Any], connector: Connector | None, path: str, now: datetime
) -> Iterator[Problem]:
    if config["TriggerType"] != "Scheduled":
        yield Problem(
            f"{path}.TriggerType",
            f"is {config['TriggerType']}; it must be Scheduled, for the continuous integration",
        )
        return
    path = f"{path}.TriggerProperties.Scheduled"
    scheduled = config.get("TriggerProperties", {}).get("Scheduled")
    if scheduled:
        yield from schedule.check(scheduled, connector, path, now)
    else:
        yield Problem(path, "is missing; it needs a ScheduleExpression, such as rate(1hours)")
