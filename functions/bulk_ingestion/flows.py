"""Flows: the flow of one window and the continuous flow, both from one FlowDefinition.

A FlowDefinition is Customer Profiles' (as in PutIntegration). AppFlow's CreateFlow takes the same
fields through Step Functions, in the same PascalCase, and adds the destination.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bulk_ingestion.api_model import PASCAL_APPFLOW, Problem, member_names, problems, suggestion
from bulk_ingestion.connectors import CONNECTORS, Connector
from bulk_ingestion.times import epoch_milliseconds, iso, parse_instant
from bulk_ingestion.windows import Window

FlowDefinition = dict[str, Any]

OWNER_TAG = ("awsOwningService", "customer-profiles-integration-workflow")
"""The tag that AWS's own least-privilege policy for the workflow keys on."""

STACK_TAG = "bulkIngestionStack"
EXECUTION_TAG = "bulkIngestionExecution"
OUR_TAGS = (OWNER_TAG[0], STACK_TAG, EXECUTION_TAG)

_UNITS = {
    "minutes": timedelta(minutes=1),
    "hours": timedelta(hours=1),
    "days": timedelta(days=1),
    "weeks": timedelta(weeks=1),
    "months": timedelta(days=31),
    "years": timedelta(days=366),
}
_RATE = re.compile(rf"rate\(([1-9]\d{{0,3}})({'|'.join(_UNITS)})\)", re.ASCII)
_CRON = re.compile(r"cron\(.+\)")
_START_DELAY = timedelta(minutes=5)  # AppFlow asks for a start that is yet to come


@dataclass(frozen=True)
class Source:
    """What a flow reads: two flows with the same source read the same records."""

    connector: Connector
    profile: str | None
    object: str
    datetime_field: str


def source_of(flow_definition: FlowDefinition) -> Source:
    """Read the source off a FlowDefinition that :func:`check` found nothing wrong with."""
    config = flow_definition["SourceFlowConfig"]
    connector = CONNECTORS[config["ConnectorType"]]
    return Source(
        connector=connector,
        profile=config.get("ConnectorProfileName"),
        object=source_object(config["SourceConnectorProperties"][connector.properties]),
        datetime_field=config["IncrementalPullConfig"]["DatetimeTypeFieldName"],
    )


def source_object(properties: dict[str, Any]) -> str:
    """Name the object in a connector's properties, in the casing of either API."""
    named = {key.lower(): value for key, value in properties.items()}
    if "bucketname" in named:
        return f"{named['bucketname']}/{named.get('bucketprefix', '')}"
    return str(named.get("object") or named["objectpath"])


def check(flow_definition: Any, path: str, now: datetime) -> list[Problem]:
    """Find everything wrong with a FlowDefinition, for the API and for this machine.

    Customer Profiles' FlowDefinition has five connectors; one with another is AppFlow's CreateFlow
    without the destination.
    """
    found = _check_model(flow_definition, path)

    def sound(*parts: str) -> bool:
        sections = [path, *(f"{path}.{part}" for part in parts)]
        return not any(
            problem.path == path or problem.path.startswith(section)
            for problem in found
            for section in sections[1:]
        )

    checks: list[Problem] = []
    if sound("SourceFlowConfig"):
        checks += _check_source(flow_definition["SourceFlowConfig"], f"{path}.SourceFlowConfig")
    if sound("SourceFlowConfig", "Tasks"):
        checks += _check_tasks(flow_definition, f"{path}.Tasks")
    if sound("TriggerConfig"):
        checks += _check_trigger(flow_definition["TriggerConfig"], f"{path}.TriggerConfig", now)
    if not checks and sound("SourceFlowConfig", "TriggerConfig"):
        checks += _check_pace(flow_definition, path)
    return found + checks


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
        return [*others, Problem(type_path, f"is {given!r}; {suggestion(given, CONNECTORS)}")]
    known = member_names("customer-profiles", "FlowDefinition")
    unknown = [f"{path}.{key}" for key in flow_definition if key not in known]
    asked = {key: flow_definition[key] for key in known if key in flow_definition}
    return [
        *(problem for problem in own if problem.path in (*unknown, f"{path}.KmsArn")),
        *problems(
            PASCAL_APPFLOW, "CreateFlowRequest", to_customer_profiles(asked, "any", "any"), path
        ),
    ]


def to_customer_profiles(
    flow_definition: FlowDefinition, domain: str, object_type: str
) -> dict[str, Any]:
    """Add the destination to a FlowDefinition, which makes it a request of AppFlow's CreateFlow."""
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


def _check_source(config: dict[str, Any], path: str) -> Iterator[Problem]:
    connector = CONNECTORS[config["ConnectorType"]]
    given = list(config["SourceConnectorProperties"])
    if given != [connector.properties]:
        yield Problem(
            f"{path}.SourceConnectorProperties",
            f"has {' and '.join(given) or 'nothing'}; "
            f"ConnectorType {connector.type} needs {connector.properties} alone",
        )
    named = config["SourceConnectorProperties"].get(connector.properties, {})
    if (
        given == [connector.properties]
        and connector.object_key
        and not named.get(connector.object_key)
    ):
        yield Problem(
            f"{path}.SourceConnectorProperties.{connector.properties}.{connector.object_key}",
            "is missing; name the source's object",
        )
    if connector.object_key and not config.get("ConnectorProfileName"):
        yield Problem(
            f"{path}.ConnectorProfileName", f"is missing; name the AppFlow {connector.type} profile"
        )
    if not config.get("IncrementalPullConfig", {}).get("DatetimeTypeFieldName"):
        yield Problem(
            f"{path}.IncrementalPullConfig.DatetimeTypeFieldName",
            "is missing; name the field that holds when a record last changed",
        )


def _check_tasks(flow_definition: FlowDefinition, path: str) -> Iterator[Problem]:
    properties = CONNECTORS[flow_definition["SourceFlowConfig"]["ConnectorType"]].properties
    tasks = flow_definition["Tasks"]
    for index, task in enumerate(tasks):
        foreign = [key for key in task.get("ConnectorOperator", {}) if key != properties]
        if foreign:
            yield Problem(
                f"{path}[{index}].ConnectorOperator",
                f"has {' and '.join(foreign)}; this flow's operators go under {properties}",
            )
    if not any(_is_projection(task) for task in tasks):
        yield Problem(
            path,
            "has no projection; AppFlow needs a task of TaskType Filter with "
            f'ConnectorOperator {{"{properties}": "PROJECTION"}} and all fields in SourceFields',
        )
    if not any(task["TaskType"] == "Map" for task in tasks):
        yield Problem(path, "maps no field; add a task of TaskType Map for each field")


def _check_trigger(config: dict[str, Any], path: str, now: datetime) -> Iterator[Problem]:
    if config["TriggerType"] != "Scheduled":
        yield Problem(
            f"{path}.TriggerType",
            f"is {config['TriggerType']}; the continuous integration needs Scheduled",
        )
        return
    path = f"{path}.TriggerProperties.Scheduled"
    schedule = config.get("TriggerProperties", {}).get("Scheduled")
    if not schedule:
        yield Problem(path, "is missing; give it a ScheduleExpression, such as rate(1hours)")
        return
    if not any(form.fullmatch(schedule["ScheduleExpression"]) for form in (_RATE, _CRON)):
        yield Problem(
            f"{path}.ScheduleExpression",
            f"is {schedule['ScheduleExpression']!r}; AppFlow takes rate(15minutes), rate(1hours), "
            "rate(1days), in the plural and without a space, or cron(...)",
        )
    if schedule.get("DataPullMode", "Incremental") != "Incremental":
        yield Problem(
            f"{path}.DataPullMode",
            f"is {schedule['DataPullMode']}; what follows the import needs Incremental",
        )
    end = schedule.get("ScheduleEndTime")
    if end is not None and parse_instant(end) <= now:
        yield Problem(f"{path}.ScheduleEndTime", f"is {end}, which has passed")


def _check_pace(flow_definition: FlowDefinition, path: str) -> Iterator[Problem]:
    connector = source_of(flow_definition).connector
    given = flow_definition["TriggerConfig"]["TriggerProperties"]["Scheduled"]["ScheduleExpression"]
    interval, least = pull_interval(given), connector.minutes_between_runs
    if interval is not None and interval < timedelta(minutes=least):
        yield Problem(
            f"{path}.TriggerConfig.TriggerProperties.Scheduled.ScheduleExpression",
            f"is {given!r}; AppFlow runs one from {connector.type} every {least} minutes at most",
        )


def _is_projection(task: dict[str, Any]) -> bool:
    operators = task.get("ConnectorOperator", {})
    return task["TaskType"] == "Filter" and "PROJECTION" in operators.values()


def flow_name(execution_name: str, execution_arn: str, window_id: str, round_number: int) -> str:
    """Name the flow of one window in one round: the same each time, and nobody else's.

    At most 150 characters of AppFlow's pattern; the digest keeps executions of other machines
    with the same name apart.
    """
    digest = hashlib.sha256(execution_arn.encode()).hexdigest()[:8]
    suffix = f"-r{round_number}" if round_number > 1 else ""
    return f"bulk-{plain(execution_name)}-{digest}-{window_id}{suffix}"


def is_window(flow: str, execution: str) -> bool:
    """Whether a flow's name is one of a window of an execution, given the execution's tag."""
    return flow.startswith(f"bulk-{execution}-")


def plain(name: str) -> str:
    """Keep of an execution's name what flow names and tag values may hold."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", name)[:80]


def tags(user_tags: dict[str, str], stack: str, execution_name: str) -> dict[str, str]:
    """Tag everything that an execution creates: the owner, the stack, the execution."""
    return {
        **user_tags,
        OWNER_TAG[0]: OWNER_TAG[1],
        STACK_TAG: stack,
        EXECUTION_TAG: plain(execution_name),
    }


def is_of_stack(carried: dict[str, str], stack: str) -> bool:
    """Whether something with these tags was made by an execution of the stack."""
    return carried.get(OWNER_TAG[0]) == OWNER_TAG[1] and carried.get(STACK_TAG) == stack


def begins(flow: dict[str, Any]) -> datetime | None:
    """Tell from when on a scheduled flow pulls, given DescribeFlow's answer; None if unsaid."""
    scheduled = flow["triggerConfig"]["triggerProperties"]["Scheduled"]
    first: datetime | None = scheduled.get("firstExecutionFrom")
    return first.astimezone(UTC) if first else None


def pull_interval(schedule_expression: str) -> timedelta | None:
    """Tell how often a ``rate(...)`` pulls, at the least; None for a ``cron(...)``."""
    rate = _RATE.fullmatch(schedule_expression)
    return int(rate[1]) * _UNITS[rate[2]] if rate else None


def window_flow(flow_definition: FlowDefinition) -> dict[str, Any]:
    """Give what the flows of all windows have in common, as CreateFlow's fields.

    The pull by time goes, since the filter takes its place; the filter's field joins the
    projection, as AppFlow's console has it.
    """
    source = source_of(flow_definition)
    config = {
        key: value
        for key, value in flow_definition["SourceFlowConfig"].items()
        if key != "IncrementalPullConfig"
    }
    return {
        "KmsArn": flow_definition["KmsArn"],
        "SourceFlowConfig": config,
        "Tasks": [_with_field(task, source.datetime_field) for task in flow_definition["Tasks"]],
        "WindowFilter": {
            "TaskType": "Filter",
            "SourceFields": [source.datetime_field],
            "ConnectorOperator": {source.connector.properties: source.connector.window_operator},
        },
    }


def _with_field(task: dict[str, Any], field: str) -> dict[str, Any]:
    if not _is_projection(task) or field in task["SourceFields"]:
        return task
    return {**task, "SourceFields": [*task["SourceFields"], field]}


def bounds(window: Window, connector: Connector) -> dict[str, str]:
    """Give the TaskProperties of a window's filter, in epoch milliseconds.

    AppFlow was seen to exclude both bounds (Airflow's AppflowRunDailyOperator, on Salesforce):
    one millisecond before the start and the very end are then exactly ``[start, end)``. Where a
    connector includes them, windows overlap by an edge, and an overlap is put twice under one key.
    """
    lower = str(epoch_milliseconds(window.start) - 1)
    if not connector.has_windows:
        return {"DATA_TYPE": "datetime", "VALUE": lower}
    upper = str(epoch_milliseconds(window.end))
    return {"DATA_TYPE": "datetime", "LOWER_BOUND": lower, "UPPER_BOUND": upper}


def continuous(
    flow_definition: FlowDefinition, hand_off: datetime, now: datetime
) -> FlowDefinition:
    """Give the FlowDefinition of the continuous integration, which pulls from ``hand_off`` on.

    A start that has passed meanwhile becomes five minutes from now.
    """
    trigger = flow_definition["TriggerConfig"]
    schedule = trigger["TriggerProperties"]["Scheduled"]
    earliest = now + _START_DELAY
    start = schedule.get("ScheduleStartTime")
    start = max(parse_instant(start), earliest) if start is not None else earliest
    scheduled = {
        **schedule,
        "DataPullMode": "Incremental",
        "FirstExecutionFrom": iso(hand_off),
        "ScheduleStartTime": iso(start.replace(microsecond=0)),
    }
    return {
        **flow_definition,
        "TriggerConfig": {**trigger, "TriggerProperties": {"Scheduled": scheduled}},
    }
