"""Presets: convert the short form of an input into a FlowDefinition.

The preflight fills in what only AWS knows: ``Tasks``, which follow from the source's fields, and
``KmsArn``, which is the domain's key.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bulk_ingestion.flow import names
from bulk_ingestion.flow.api_model import Problem
from bulk_ingestion.flow.connectors import APPLICATIONS, CONNECTORS, Connector
from bulk_ingestion.flow.definitions import merged, transfer_tasks
from bulk_ingestion.wording import did_you_mean, nearest, shown

KEYS = ("Application", "Object", "ConnectorProfileName", "DatetimeTypeFieldName", "Schedule")
SCHEDULE_OFFSET = 300
"""Seconds between the end of a pulled period and the pull, for records that become readable later
than their timestamps (AppFlow user guide, flow triggers)."""

DEFAULT_SCHEDULE = "rate(1hours)"

WHERE = {
    "ConnectorProfileName": "SourceFlowConfig.ConnectorProfileName",
    "DatetimeTypeFieldName": "SourceFlowConfig.IncrementalPullConfig.DatetimeTypeFieldName",
    "Schedule": "TriggerConfig.TriggerProperties.Scheduled.ScheduleExpression",
}
"""The paths in the FlowDefinition that an input's keys set."""

_ANY = "any"
_ANY_KEY = "arn:aws:kms:us-east-1:123456789012:key/still-to-be-looked-up"


def spell_out(flat: dict[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """Convert the preset's keys to FlowDefinition and ObjectTypeName. The input's own values win.

    Missing keys are problems, and have stand-ins in the result, so that the rest can be checked.
    Values that are not strings are left to the model.
    """
    if "Application" not in flat:
        return _without_application(flat)
    given = flat.get("FlowDefinition", {})
    keys = {key: value for key in KEYS if isinstance(value := flat.get(key), str) and value}
    if "Application" not in keys or not isinstance(given, dict):
        return _without_presets(flat), []
    connector = APPLICATIONS.get(keys["Application"].lower())
    if connector is None:
        known = [known.properties for known in APPLICATIONS.values()]
        message = f"is {shown(keys['Application'])}; {did_you_mean(keys['Application'], known)}"
        return _without_presets(flat), [Problem("Application", message)]
    found = list(_contradictions(keys, connector, given))
    places = where(connector)
    named = {key: value for key in places if isinstance(value := found_at(given, places[key]), str)}
    keys = {**named, **keys}
    found += _missing({**named, **flat}, keys, connector)
    preset = connector.presets.get(keys.get("Object", ""))
    definition = _definition(keys, connector, str(flat.get("DomainName")))
    if not any(problem.path == "Application" for problem in found):
        definition = merged(definition, given)
    object_type = preset.object_type if preset else _ANY
    return {"ObjectTypeName": object_type, **flat, "FlowDefinition": definition}, found


def where(connector: Connector) -> dict[str, str]:
    """Give the paths that an input's keys set in a FlowDefinition with this connector."""
    properties = f"SourceFlowConfig.SourceConnectorProperties.{connector.properties}"
    return {**WHERE, "Object": f"{properties}.{connector.object_key}"}


def part(path: str, value: Any) -> dict[str, Any]:
    """Give a part of a FlowDefinition: a value at a path such as ``TriggerConfig.TriggerType``."""
    for key in reversed(path.split(".")):
        value = {key: value}
    return dict(value)


def found_at(flow_definition: Any, path: str) -> Any:
    """Give the value at a path of a FlowDefinition; None if there is none."""
    for key in path.split("."):
        flow_definition = flow_definition.get(key) if isinstance(flow_definition, dict) else None
    return flow_definition


def closed(flow_definition: dict[str, Any]) -> dict[str, Any]:
    """Fill in valid values for what the preflight adds, so that the rest can be checked."""
    connector = CONNECTORS.get(str(found_at(flow_definition, "SourceFlowConfig.ConnectorType")))
    any_tasks = transfer_tasks([_ANY], connector) if connector else []
    return with_any_key({"Tasks": any_tasks, **flow_definition})


def with_any_key(flow_definition: dict[str, Any]) -> dict[str, Any]:
    """Fill in a KMS key if there is none. The preflight uses the domain's."""
    return {"KmsArn": _ANY_KEY, **flow_definition}


def _without_application(flat: dict[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    alone = [key for key in KEYS[1:] if key in flat]
    if not alone:
        return flat, []
    if "FlowDefinition" in flat:
        text = "needs Application; put it into FlowDefinition instead, or add Application"
        return flat, [Problem(key, text) for key in alone]
    known = ", ".join(known.properties for known in APPLICATIONS.values())
    text = f"is missing, but {' and '.join(alone)} need it; it must be one of {known}"
    return _without_presets(flat), [Problem("Application", text)]


def _without_presets(flat: dict[str, Any]) -> dict[str, Any]:
    return {"ObjectTypeName": _ANY, "FlowDefinition": {}, **flat}


def _definition(keys: dict[str, str], connector: Connector, domain: str) -> dict[str, Any]:
    profile = keys.get("ConnectorProfileName", _ANY)
    object_name = keys.get("Object", _ANY)
    preset = connector.presets.get(object_name)
    field = keys.get("DatetimeTypeFieldName") or (preset.datetime_field if preset else _ANY)
    return {
        "FlowName": names.integration_name(domain, connector.type, profile, object_name),
        "SourceFlowConfig": {
            "ConnectorType": connector.type,
            "ConnectorProfileName": profile,
            "IncrementalPullConfig": {"DatetimeTypeFieldName": field},
            "SourceConnectorProperties": {
                connector.properties: {connector.object_key: object_name}
            },
        },
        "TriggerConfig": {
            "TriggerType": "Scheduled",
            "TriggerProperties": {
                "Scheduled": {
                    "ScheduleExpression": keys.get("Schedule", DEFAULT_SCHEDULE),
                    "DataPullMode": "Incremental",
                    "ScheduleOffset": SCHEDULE_OFFSET,
                }
            },
        },
    }


def _missing(flat: dict[str, Any], keys: dict[str, str], connector: Connector) -> Iterator[Problem]:
    if "Object" not in flat:
        presets = f", such as {' or '.join(connector.presets)}" if connector.presets else ""
        yield Problem(
            "Object", f"is missing; it must be the name of the object at the source{presets}"
        )
    elif "Object" in keys and keys["Object"] not in connector.presets:
        more = [key for key in ("DatetimeTypeFieldName", "ObjectTypeName") if key not in flat]
        if more:
            yield Problem("Object", _no_preset(keys["Object"], list(connector.presets), more))
    if "ConnectorProfileName" not in flat:
        yield Problem(
            "ConnectorProfileName", "is missing; it must be the name of the AppFlow connection"
        )


def _no_preset(object_name: str, presets: list[str], more: list[str]) -> str:
    near = nearest(object_name, presets)
    known = f"did you mean {near}?" if near else f"there are presets for {', '.join(presets)}."
    add = f"add {' and '.join(more)}"
    rest = f"{known} For another object, {add}" if presets else add
    return f"{shown(object_name)} has no preset; {rest}"


def _contradictions(
    keys: dict[str, str], connector: Connector, given: dict[str, Any]
) -> Iterator[Problem]:
    places = {"Application": "SourceFlowConfig.ConnectorType", **where(connector)}
    for key, value in {**keys, "Application": connector.type}.items():
        other = found_at(given, places[key])
        if other is not None and other != value:
            yield Problem(
                key,
                f"is {shown(value)}, but FlowDefinition.{places[key]} is {shown(other)}; keep one",
            )
