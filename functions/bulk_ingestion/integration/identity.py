"""The identity of a continuous integration: compares desired and observed integrations.

An integration is identified by the name of its flow. It is unchanged if each of its parts is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from bulk_ingestion.aws.observed import Flow, profiles_destination
from bulk_ingestion.flow import definitions, names, schedule
from bulk_ingestion.flow.connectors import CONNECTORS
from bulk_ingestion.flow.target import Target
from bulk_ingestion.times import iso, parse_instant

_DIGEST_LENGTH = 16  # characters of a SHA-256 in hexadecimal


def digest(target: Target) -> str:
    """Identify what a target imports. Two targets with the same digest import the same.

    The digest is of the source, the datetime field, the tasks (fields, mappings, and filters) in
    any order, and the object type, but not of the schedule, the key, or the tags.
    """
    source = target.source
    imported = [
        target.domain,
        target.object_type,
        source.connector.type,
        source.profile,
        source.object,
        source.datetime_field,
        sorted(map(_canonical, target.flow_definition["Tasks"])),
    ]
    return hashlib.sha256(json.dumps(imported).encode()).hexdigest()[:_DIGEST_LENGTH]


def pulls_the_same(one: Target, other: Target) -> bool:
    """Whether two targets import the same records into the same object type.

    Their mapped fields may differ. If their filters differ, they import different records.
    """
    tasks, others = one.flow_definition["Tasks"], other.flow_definition["Tasks"]
    return one.is_same(other) and _others(tasks) == _others(others)


def differences(flow: Flow, target: Target) -> list[str]:
    """Describe the differences between a flow (DescribeFlow's answer) and its target, in words.

    The list is empty if there are none. Tasks are compared by what they do, because AppFlow may
    return them in another order, and with additional properties.
    """
    return [
        *_source_differences(flow, target),
        *_task_differences(flow["tasks"], target.flow_definition["Tasks"]),
        *_schedule_differences(flow, target),
        *_tag_differences(flow.get("tags", {}), target.tags),
    ]


def _source_differences(flow: Flow, target: Target) -> Iterator[str]:
    config, source = flow["sourceFlowConfig"], target.source
    properties = config["sourceConnectorProperties"].get(
        CONNECTORS[config["connectorType"]].properties, {}
    )
    destination = profiles_destination(flow)
    yield from _replaced("from", config["connectorType"], source.connector.type)
    yield from _replaced(
        "through the connection", config.get("connectorProfileName"), source.profile
    )
    yield from _replaced("from the object", definitions.source_object(properties), source.object)
    yield from _replaced(
        "pulled by",
        config.get("incrementalPullConfig", {}).get("datetimeTypeFieldName"),
        source.datetime_field,
    )
    yield from _replaced("into the domain", destination.get("domainName"), target.domain)
    yield from _replaced(
        "into the object type", destination.get("objectTypeName"), target.object_type
    )
    yield from _replaced("under the key", flow.get("kmsArn"), target.flow_definition.get("KmsArn"))


def _schedule_differences(flow: Flow, target: Target) -> Iterator[str]:
    observed = flow["triggerConfig"].get("triggerProperties", {}).get("Scheduled", {})
    desired = target.flow_definition["TriggerConfig"]["TriggerProperties"]["Scheduled"]
    yield from _replaced(
        "",
        schedule.in_words(observed.get("scheduleExpression", "")),
        schedule.in_words(desired["ScheduleExpression"]),
    )
    yield from _replaced(
        "with a ScheduleOffset of",
        observed.get("scheduleOffset", 0),
        desired.get("ScheduleOffset", 0),
    )
    yield from _replaced(
        "in the time zone", observed.get("timezone", "UTC"), desired.get("Timezone", "UTC")
    )
    yield from _replaced(
        "ends", _instant(observed.get("scheduleEndTime")), _instant(desired.get("ScheduleEndTime"))
    )


def _instant(given: Any) -> str:
    return iso(parse_instant(given)) if given is not None else "never"


def _replaced(what: str, observed: Any, desired: Any) -> Iterator[str]:
    if observed != desired:
        yield f"{what} {desired} instead of {observed}".strip()


def _task_differences(
    observed: list[dict[str, Any]], desired: list[dict[str, Any]]
) -> Iterator[str]:
    before, after = _mappings(observed), _mappings(desired)
    yield from (f"{field} is new" for field in after if field not in before)
    yield from (f"{field} is no longer imported" for field in before if field not in after)
    yield from (
        f"{field} is mapped differently"
        for field in after
        if field in before and before[field] != after[field]
    )
    old, new = _others(observed), _others(desired)
    yield from (f"new task: {task}" for task in sorted(new - old))
    yield from (f"task removed: {task}" for task in sorted(old - new))


def _mappings(tasks: list[dict[str, Any]]) -> dict[str, str]:
    """Give the Map tasks, by their destination field."""
    mappings = {}
    for task in tasks:
        if _get(task, "TaskType") == "Map":
            field = _get(task, "DestinationField") or ", ".join(_get(task, "SourceFields"))
            mappings[field] = _canonical(task)
    return mappings


def _others(tasks: list[dict[str, Any]]) -> set[str]:
    """Give the tasks other than mappings and the projection, which follows from the mappings."""
    return {
        _canonical(task)
        for task in tasks
        if _get(task, "TaskType") != "Map"
        and "PROJECTION" not in (_get(task, "ConnectorOperator") or {}).values()
    }


def _canonical(task: Mapping[str, Any]) -> str:
    """Format what a task does, independent of the casing and order of either API."""
    properties = _get(task, "TaskProperties") or {}
    does = {
        "TaskType": _get(task, "TaskType"),
        "SourceFields": sorted(_get(task, "SourceFields")),
        "Operator": sorted((_get(task, "ConnectorOperator") or {}).values()),
        "DestinationField": _get(task, "DestinationField"),
        "TaskProperties": {key: value for key, value in properties.items() if value},
    }
    return json.dumps({key: value for key, value in does.items() if value}, sort_keys=True)


def _get(task: Mapping[str, Any], key: str) -> Any:
    return task.get(key, task.get(key[0].lower() + key[1:]))


def _tag_differences(observed: Mapping[str, str], desired: Mapping[str, str]) -> Iterator[str]:
    users = {key: value for key, value in observed.items() if key not in names.OUR_TAGS}
    for key in sorted(users.keys() | desired.keys()):
        if key not in users:
            yield f"tag {key} is new"
        elif key not in desired:
            yield f"tag {key} is no longer set"
        elif users[key] != desired[key]:
            yield f"tag {key} is {desired[key]} instead of {users[key]}"
