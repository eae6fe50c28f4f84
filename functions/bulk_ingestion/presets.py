"""Presets: the four-line form of an input, spelled out as a FlowDefinition.

What only AWS knows is left open: ``Tasks``, which follow from the source's fields, and ``KmsArn``,
which is the domain's key. :func:`tasks` and the preflight fill them in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from bulk_ingestion.api_model import Problem
from bulk_ingestion.connectors import APPLICATIONS, CONNECTORS, Connector

KEYS = ("Application", "Object", "ConnectorProfileName", "DatetimeTypeFieldName", "Schedule")
DEFAULT_SCHEDULE = "rate(1hours)"

WHERE = {
    "SourceFlowConfig.ConnectorProfileName": "ConnectorProfileName",
    "SourceFlowConfig.IncrementalPullConfig.DatetimeTypeFieldName": "DatetimeTypeFieldName",
    "TriggerConfig.TriggerProperties.Scheduled.ScheduleExpression": "Schedule",
}
"""Where a preset's key goes to in the FlowDefinition."""

_LONGEST_NAME = 200  # an integration's URI, the flow's ARN, has 255 characters at most
_ANY_KEY = "arn:aws:kms:us-east-1:123456789012:key/still-to-be-looked-up"


def spell_out(flat: dict[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """Turn the preset's keys into FlowDefinition and ObjectTypeName; what is given wins."""
    if "Application" not in flat:
        return flat, [
            Problem(key, "goes with Application, which is missing")
            for key in KEYS[1:]
            if key in flat
        ]
    if not all(isinstance(flat.get(key, ""), str) for key in KEYS):
        return flat, []
    connector = APPLICATIONS.get(flat["Application"].lower())
    if connector is None:
        names = ", ".join(known.properties for known in APPLICATIONS.values())
        return flat, [Problem("Application", f"is none of {names}")]
    preset = connector.presets.get(flat.get("Object", ""))
    field = flat.get("DatetimeTypeFieldName") or (preset.datetime_field if preset else None)
    if preset:
        flat = {"ObjectTypeName": preset.object_type, **flat}
    given = flat.get("FlowDefinition", {})
    if not isinstance(given, dict):
        return flat, []
    parts = ("Customer_Profiles", flat.get("DomainName"), connector.type, flat.get("Object"))
    name = re.sub(r"[^A-Za-z0-9_-]", "-", "_".join(map(str, parts)))[:_LONGEST_NAME]
    definition = {
        "FlowName": name,
        "SourceFlowConfig": {
            "ConnectorType": connector.type,
            "ConnectorProfileName": flat.get("ConnectorProfileName"),
            "IncrementalPullConfig": {"DatetimeTypeFieldName": field},
            "SourceConnectorProperties": {
                connector.properties: {connector.object_key: flat.get("Object")}
            },
        },
        "TriggerConfig": {
            "TriggerType": "Scheduled",
            "TriggerProperties": {
                "Scheduled": {
                    "ScheduleExpression": flat.get("Schedule", DEFAULT_SCHEDULE),
                    "DataPullMode": "Incremental",
                }
            },
        },
    }
    spelled = {**flat, "FlowDefinition": _merged(definition, given)}
    return spelled, list(_missing(flat, connector, field))


def closed(flow_definition: dict[str, Any]) -> dict[str, Any]:
    """Fill what is left open with something valid, so that the rest can be checked."""
    config = flow_definition["SourceFlowConfig"]
    connector = (
        CONNECTORS.get(str(config.get("ConnectorType"))) if isinstance(config, dict) else None
    )
    any_tasks = tasks(["any"], connector) if connector else []
    return {"KmsArn": _ANY_KEY, "Tasks": any_tasks, **flow_definition}


def tasks(fields: Iterable[str], connector: Connector) -> list[dict[str, Any]]:
    """Give the tasks that transfer fields as they are: the projection, then one Map for each."""
    names = list(fields)
    key = connector.properties
    projection = {
        "TaskType": "Filter",
        "SourceFields": names,
        "ConnectorOperator": {key: "PROJECTION"},
    }
    return [
        projection,
        *(
            {
                "TaskType": "Map",
                "SourceFields": [name],
                "DestinationField": name,
                "ConnectorOperator": {key: "NO_OP"},
                "TaskProperties": {},
            }
            for name in names
        ),
    ]


def _missing(flat: dict[str, Any], connector: Connector, field: Any) -> Iterator[Problem]:
    if "Object" not in flat:
        featured = ", ".join(connector.presets) or "the source's own name for it"
        yield Problem("Object", f"is missing; name one of the application's: {featured}")
    elif field is None:
        yield Problem(
            "DatetimeTypeFieldName",
            f"is missing; {flat['Object']} has no preset, so name the field that holds when a "
            "record last changed",
        )
        if "ObjectTypeName" not in flat:
            yield Problem("ObjectTypeName", "is missing; name the profile object type to fill")
    if "ConnectorProfileName" not in flat:
        yield Problem("ConnectorProfileName", "is missing; name the AppFlow connection to use")


def _merged(preset: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    both = {
        key: _merged(preset[key], given[key])
        for key in preset.keys() & given.keys()
        if isinstance(preset[key], dict) and isinstance(given[key], dict)
    }
    return {**preset, **given, **both}
