"""Flow definitions: the flow of one window and the continuous flow, from one FlowDefinition.

A FlowDefinition is the structure of Customer Profiles' PutIntegration. Through Step Functions,
AppFlow's CreateFlow has the same fields in the same PascalCase, and also the destination.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bulk_ingestion.flow import schedule
from bulk_ingestion.flow.connectors import CONNECTORS, Connector
from bulk_ingestion.flow.windows import Window
from bulk_ingestion.times import epoch_milliseconds, iso

FlowDefinition = dict[str, Any]
"""The API's structure. :mod:`bulk_ingestion.flow.check` checks it against the API's model."""


@dataclass(frozen=True)
class Source:
    """What a flow reads. Two flows with the same source read the same records."""

    connector: Connector
    profile: str | None
    object: str
    datetime_field: str | None
    """The field that says when a record last changed; None for files, which have their own time."""


def source_of(flow_definition: FlowDefinition) -> Source:
    """Read the source of a FlowDefinition that :mod:`bulk_ingestion.flow.check` has accepted."""
    config = flow_definition["SourceFlowConfig"]
    connector = CONNECTORS[config["ConnectorType"]]
    return Source(
        connector=connector,
        profile=config.get("ConnectorProfileName"),
        object=source_object(config["SourceConnectorProperties"][connector.properties]),
        datetime_field=config.get("IncrementalPullConfig", {}).get("DatetimeTypeFieldName"),
    )


def source_object(properties: dict[str, Any]) -> str:
    """Give the object's name in a connector's properties, which may have either API's casing."""
    named = {key.lower(): value for key, value in properties.items()}
    if "bucketname" in named:
        return f"{named['bucketname']}/{named.get('bucketprefix', '')}"
    return str(named.get("object") or named["objectpath"])


def to_customer_profiles(
    flow_definition: FlowDefinition, domain: str, object_type: str
) -> dict[str, Any]:
    """Add the destination to a FlowDefinition. The result is a request for AppFlow's CreateFlow."""
    destination = {"DomainName": domain, "ObjectTypeName": object_type}
    return {
        **flow_definition,
        "DestinationFlowConfigList": [
            {
                "ConnectorType": "CustomerProfiles",
                "DestinationConnectorProperties": {"CustomerProfiles": destination},
            }
        ],
    }


def transfer_tasks(fields: Iterable[str], connector: Connector) -> list[dict[str, Any]]:
    """Give the tasks that transfer fields unchanged: the projection, and a Map for each field."""
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


def destination_fields(tasks: Iterable[dict[str, Any]]) -> set[str] | None:
    """Name the fields that a flow's tasks give to each record; None if they map all there are."""
    fields = set()
    for task in tasks:
        if task["TaskType"] == "Map_all":
            return None
        if task.get("DestinationField"):
            fields.add(task["DestinationField"])
    return fields


def merged(definition: FlowDefinition, part: FlowDefinition) -> FlowDefinition:
    """Replace a part of a FlowDefinition. Lists are replaced as a whole."""
    both = {
        key: merged(definition[key], part[key])
        for key in definition.keys() & part.keys()
        if isinstance(definition[key], dict) and isinstance(part[key], dict)
    }
    return {**definition, **part, **both}


def is_projection(task: dict[str, Any]) -> bool:
    """Whether a task selects the fields that AppFlow fetches."""
    operators = task.get("ConnectorOperator", {})
    return task["TaskType"] == "Filter" and "PROJECTION" in operators.values()


def begins(flow: dict[str, Any]) -> datetime | None:
    """Give the instant from which a scheduled flow pulls (in DescribeFlow's answer), if any."""
    scheduled = flow["triggerConfig"]["triggerProperties"]["Scheduled"]
    first: datetime | None = scheduled.get("firstExecutionFrom")
    return first.astimezone(UTC) if first else None


def starts(flow: dict[str, Any]) -> datetime:
    """Give the earliest time of a scheduled flow's first pull (in DescribeFlow's answer)."""
    scheduled = flow["triggerConfig"]["triggerProperties"]["Scheduled"]
    start: datetime = scheduled.get("scheduleStartTime", flow["createdAt"])
    return start.astimezone(UTC)


def window_flow(flow_definition: FlowDefinition) -> dict[str, Any]:
    """Give what the flows of all windows have in common, as CreateFlow's fields in Step Functions.

    A filter replaces the incremental pull. The filter's field is added to the projection, as in
    AppFlow's console. Files are not filtered.
    """
    source = source_of(flow_definition)
    field, connector = source.datetime_field, source.connector
    config = {
        key: value
        for key, value in flow_definition["SourceFlowConfig"].items()
        if key != "IncrementalPullConfig"
    }
    config["SourceConnectorProperties"] = _sdk_named(config["SourceConnectorProperties"], connector)
    flow = {
        "KmsArn": flow_definition["KmsArn"],
        "SourceFlowConfig": config,
        "Tasks": [_window_task(task, field, connector) for task in flow_definition["Tasks"]],
    }
    if field is not None:
        flow["WindowFilter"] = {
            "TaskType": "Filter",
            "SourceFields": [field],
            "ConnectorOperator": {connector.sdk_name: connector.window_operator},
        }
    return flow


def _window_task(task: dict[str, Any], field: str | None, connector: Connector) -> dict[str, Any]:
    if field is not None and is_projection(task) and field not in task["SourceFields"]:
        task = {**task, "SourceFields": [*task["SourceFields"], field]}
    if "ConnectorOperator" in task:
        task = {**task, "ConnectorOperator": _sdk_named(task["ConnectorOperator"], connector)}
    return task


def _sdk_named(union: dict[str, Any], connector: Connector) -> dict[str, Any]:
    """Rename a connector's key in a union to its name in Step Functions."""
    names = {connector.properties: connector.sdk_name}
    return {names.get(key, key): value for key, value in union.items()}


def bounds(window: Window, connector: Connector) -> dict[str, str]:
    """Give the TaskProperties of a window's filter, in epoch milliseconds; empty for files.

    AppFlow was observed to exclude both bounds (Airflow's AppflowRunDailyOperator, on Salesforce).
    Then one millisecond before the start and the exact end are ``[start, end)``. If a connector
    includes the bounds, windows overlap by a millisecond, and the records there are put twice
    under the same key.
    """
    if connector.reads_files:
        return {}
    lower = str(epoch_milliseconds(window.start) - 1)
    if not connector.has_windows:
        return {"DATA_TYPE": "datetime", "VALUE": lower}
    upper = str(epoch_milliseconds(window.end))
    return {"DATA_TYPE": "datetime", "LOWER_BOUND": lower, "UPPER_BOUND": upper}


def continuous(
    flow_definition: FlowDefinition, pulls_from: datetime, overlap: timedelta, now: datetime
) -> FlowDefinition:
    """Give the FlowDefinition of the continuous integration, which pulls from ``pulls_from`` on.

    A record may become readable later than its timestamp, by an ``overlap`` at most. The first pull
    is the last one that reads what was stamped before ``now``, so it starts when all of that is
    readable.
    """
    trigger = flow_definition["TriggerConfig"]
    given = trigger["TriggerProperties"]["Scheduled"]
    scheduled = {
        **given,
        "DataPullMode": "Incremental",
        "FirstExecutionFrom": iso(pulls_from),
        "ScheduleStartTime": iso(schedule.start_time(given, now, overlap)),
    }
    return {
        **flow_definition,
        "TriggerConfig": {**trigger, "TriggerProperties": {"Scheduled": scheduled}},
    }
