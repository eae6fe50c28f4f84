"""What AppFlow refuses in a flow beyond what its model says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from local.services.entities import Entity, union_key
from local.services.tasks import is_projection, operator, projected

from .definitions import datetime_field, is_incremental, object_name, reads_files, schedule
from .schedules import InvalidSchedule, interval

_DATES = ("datetime", "date", "timestamp")
_FASTEST = {"Marketo": timedelta(hours=1)}
_FASTEST_OTHERWISE = timedelta(minutes=1)

Request = Mapping[str, Any]


@dataclass(frozen=True)
class Surroundings:
    """What a flow is checked against."""

    entity: Entity | None
    now: datetime


def refusals(flow: Request, around: Surroundings) -> Iterator[str]:
    """Yield everything that is wrong with a CreateFlow or UpdateFlow request."""
    yield from _source(flow, around)
    yield from _destination(flow)
    yield from _tasks(flow, around)
    yield from _trigger(flow, around)


def _source(flow: Request, around: Surroundings) -> Iterator[str]:
    config = flow["sourceFlowConfig"]
    expected = union_key(config["connectorType"])
    if list(config["sourceConnectorProperties"]) != [expected]:
        yield (
            f"sourceFlowConfig.sourceConnectorProperties must have exactly {expected} for the "
            f"connector type {config['connectorType']}"
        )
    elif around.entity is None:
        yield f"The object {object_name(flow)} does not exist at the source"


def _destination(flow: Request) -> Iterator[str]:
    configs = flow["destinationFlowConfigList"]
    if len(configs) != 1:
        yield "destinationFlowConfigList must have exactly one destination"
    for config in configs:
        name = config["connectorType"]
        if name == "CustomerProfiles" and name not in config["destinationConnectorProperties"]:
            yield "destinationConnectorProperties.CustomerProfiles is missing"


def _tasks(flow: Request, around: Surroundings) -> Iterator[str]:
    tasks = flow["tasks"]
    kinds = {task["taskType"] for task in tasks}
    wanted = projected(tasks)
    if wanted is None and "Map_all" not in kinds:
        yield "You must specify a projection task or a MAP_ALL task"
    if not kinds & {"Map", "Map_all"}:
        yield "You must specify a Map task for each field to transfer, or a MAP_ALL task"
    key = union_key(flow["sourceFlowConfig"]["connectorType"])
    for number, task in enumerate(tasks):
        for refusal in _task(task, key, wanted, around):
            yield f"tasks[{number}]: {refusal}"


def _task(task: Request, key: str, wanted: set[str] | None, around: Surroundings) -> Iterator[str]:
    given = list(task.get("connectorOperator", {}))
    if given and given != [key]:
        yield f"the connector operator is for {', '.join(given)} but the source is {key}"
    if task["taskType"] == "Map" and not task.get("destinationField"):
        yield "a Map task needs a destinationField"
    for name in task["sourceFields"]:
        yield from _field(name, task, wanted, around)
    if task["taskType"] == "Filter" and not is_projection(task):
        yield from _filter(task)


def _field(
    name: str, task: Request, wanted: set[str] | None, around: Surroundings
) -> Iterator[str]:
    if around.entity is not None:
        known = around.entity.fields.get(name)
        if known is None:
            yield f"the source field {name} does not exist on {around.entity.name}"
        elif is_projection(task) and not known.is_retrievable:
            yield f"the source field {name} cannot be retrieved"
    if wanted is not None and name not in wanted:
        yield f"the source field {name} is missing in the projection task"


def _filter(task: Request) -> Iterator[str]:
    name, properties = operator(task), task.get("taskProperties", {})
    if len(task["sourceFields"]) != 1:
        yield "a filter needs exactly one source field"
    if "connectorOperator" not in task:
        yield "a filter needs a connectorOperator"
    if "DATA_TYPE" not in properties:
        yield "a filter needs the task property DATA_TYPE"
    needed = ["LOWER_BOUND", "UPPER_BOUND"] if name == "BETWEEN" else ["VALUE"]
    for key in needed:
        value = properties.get(key)
        if value is None and not (key == "VALUE" and "VALUES" in properties):
            yield f"the filter {name} needs the task property {key}"
        elif properties.get("DATA_TYPE") in _DATES and value and not _is_integer(value):
            yield f"the task property {key} must be epoch milliseconds, not {value!r}"


def _is_integer(text: str) -> bool:
    return bool(re.fullmatch(r"-?\d+", text))


def _trigger(flow: Request, around: Surroundings) -> Iterator[str]:
    trigger = flow["triggerConfig"]
    given = list(trigger.get("triggerProperties", {}))
    if trigger["triggerType"] != "Scheduled":
        if given:
            yield f"a trigger of type {trigger['triggerType']} takes no triggerProperties"
        return
    if given != ["Scheduled"]:
        yield "a trigger of type Scheduled needs triggerProperties.Scheduled"
        return
    yield from _schedule(schedule(flow), flow["sourceFlowConfig"]["connectorType"], around)
    if is_incremental(flow):
        yield from _incremental(flow, around)


def _schedule(properties: Request, connector_type: str, around: Surroundings) -> Iterator[str]:
    expression = properties["scheduleExpression"]
    fastest = _FASTEST.get(connector_type, _FASTEST_OTHERWISE)
    try:
        every = interval(expression)
    except InvalidSchedule as wrong:
        yield (
            "scheduleExpression must be like rate(15minutes), rate(1hours) or cron(0 2 * * ? *), "
            f"not {expression}: {wrong}"
        )
    else:
        if every is not None and every < fastest:
            yield f"a flow from {connector_type} runs every {fastest} at most, not {expression}"
    start, end = properties.get("scheduleStartTime"), properties.get("scheduleEndTime")
    if start and start < around.now:
        yield f"scheduleStartTime must not be in the past, but is {start.isoformat()}"
    if end and end <= (start or around.now):
        yield f"scheduleEndTime must be after the start, but is {end.isoformat()}"
    first = properties.get("firstExecutionFrom")
    if first and first > around.now:
        yield f"firstExecutionFrom must not be in the future, but is {first.isoformat()}"


def _incremental(flow: Request, around: Surroundings) -> Iterator[str]:
    name = datetime_field(flow)
    if name is None and reads_files(flow):
        return
    if name is None:
        yield "an incremental pull needs incrementalPullConfig.datetimeTypeFieldName"
    elif around.entity is not None:
        known = around.entity.fields.get(name)
        if known is None or not known.is_timestamp:
            yield f"{name} is no timestamp field of {around.entity.name} for incremental pulls"
