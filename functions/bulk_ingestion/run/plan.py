"""The plan of an execution: its windows as items of the Distributed Map, and what they share."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NotRequired, TypedDict

from bulk_ingestion.aws.folder import Folder
from bulk_ingestion.errors import InvalidInput
from bulk_ingestion.flow import definitions, failure_texts, names
from bulk_ingestion.flow.connectors import Connector
from bulk_ingestion.flow.windows import Window
from bulk_ingestion.run.job import Execution, Job
from bulk_ingestion.run.layout import round_file
from bulk_ingestion.times import iso

RUN_DEADLINE_SECONDS = 24 * 3600  # AppFlow itself ends a run after 48 hours
_LARGEST_FLOW = 180_000  # bytes; the whole payload of Step Functions may have 256 KiB


class Round(TypedDict):
    """One Distributed Map."""

    Number: int
    """Counted from 1."""
    Key: str
    """The file of its items, in the runs' bucket."""
    Windows: int
    """The number of its windows."""
    MaxConcurrency: int
    RedrivesAnswered: int
    """The number of redrives that have had their round."""


class Item(TypedDict):
    """One window of a round: an item of its Distributed Map."""

    WindowId: str
    FlowName: str
    FlowArn: str
    StartTime: str
    EndTime: str
    Bounds: dict[str, str]
    """The TaskProperties of its filter."""
    SplitByText: bool
    """Whether a message about size or time splits the window. If not, its run is repeated."""
    AttemptsBefore: int
    """The number of attempts in earlier rounds."""


class Ingestion(TypedDict):
    """What the states of the state machine need to know about the run."""

    Bucket: str
    Folder: str
    DomainName: str
    ObjectTypeName: str
    Tags: dict[str, str]
    """The tags of everything that the execution creates."""
    FlowPrefix: str
    """The prefix of the windows' flow names. No other flow name has it."""
    IntegrationQuota: int
    """The largest number of integrations that the domain may have."""
    RunDeadlineSeconds: int
    RecordLimit: NotRequired[int]
    """The largest number of records that the connector transfers in one run, if it has a limit."""


class Planned(TypedDict):
    """What PlanWindows gives the state machine, besides the first round."""

    Ingestion: Ingestion
    Flow: dict[str, Any]
    """What the flows of all windows have in common."""
    FailureTexts: dict[failure_texts.Kind, list[str]]
    """The phrases, in lower case, by which a window's states classify the message of a failure."""


def items(
    execution: Execution,
    windows: Iterable[Window],
    round_number: int,
    connector: Connector,
    attempts: Mapping[str, int] = MappingProxyType({}),
) -> list[Item]:
    """Give the items of one round's Distributed Map: what is different for each window.

    ``attempts`` is the number of attempts in earlier rounds, by window.
    """
    return [
        _item(execution, window, round_number, connector, attempts.get(window.id, 0))
        for window in windows
    ]


def _item(
    execution: Execution, window: Window, round_number: int, connector: Connector, attempts: int
) -> Item:
    name = execution.flow_name(window.id, round_number)
    bounds = definitions.bounds(window, connector)
    return {
        "WindowId": window.id,
        "FlowName": name,
        "FlowArn": execution.flow_arn(name),
        "StartTime": iso(window.start),
        "EndTime": iso(window.end),
        "Bounds": bounds,
        "SplitByText": "UPPER_BOUND" in bounds and window.is_split_by_text,
        "AttemptsBefore": attempts,
    }


def state(job: Job, integration_quota: int, execution: Execution, folder: Folder) -> Planned:
    """Give what the states of the state machine need.

    ``integration_quota`` is the largest number of integrations that the domain may have. Raises
    InvalidInput if the FlowDefinition is too large for a payload.
    """
    target = job.target
    flow = definitions.window_flow(target.flow_definition)
    if len(json.dumps(flow)) > _LARGEST_FLOW:
        raise InvalidInput(
            f"FlowDefinition: is larger than {_LARGEST_FLOW:,} bytes, which is too large for a "
            "Step Functions payload; map fewer fields."
        )
    ingestion: Ingestion = {
        "Bucket": folder.bucket,
        "Folder": folder.path,
        "DomainName": target.domain,
        "ObjectTypeName": target.object_type,
        "Tags": names.tags(target.tags, execution.stack, execution.name),
        "FlowPrefix": execution.flow_prefix,
        "IntegrationQuota": integration_quota,
        "RunDeadlineSeconds": RUN_DEADLINE_SECONDS,
    }
    if limit := target.source.connector.record_limit:
        ingestion["RecordLimit"] = limit
    return {"Ingestion": ingestion, "Flow": flow, "FailureTexts": failure_texts.phrases()}


def first_round(folder: Folder, windows: int, max_concurrency: int, redrives: int) -> Round:
    """Give the round that runs the plan."""
    return {
        "Number": 1,
        "Key": folder.key(round_file(1)),
        "Windows": windows,
        "MaxConcurrency": max_concurrency,
        "RedrivesAnswered": redrives,
    }
