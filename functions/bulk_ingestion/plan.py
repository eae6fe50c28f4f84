"""The plan of an execution: its windows as items of the Distributed Map, and what they share."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bulk_ingestion import flows
from bulk_ingestion.connectors import Connector
from bulk_ingestion.errors import InvalidInput
from bulk_ingestion.folder import Folder, round_file
from bulk_ingestion.times import iso
from bulk_ingestion.windows import Window

if TYPE_CHECKING:
    from bulk_ingestion.request import Request

RUN_DEADLINE_SECONDS = 24 * 3600  # AppFlow ends a run after 48 hours itself
JOB = "request.json"
_LARGEST_FLOW = 200_000  # bytes; a payload of Step Functions holds 256 KiB with all else in it


Round = dict[str, Any]
"""One Distributed Map: ``Number``, ``Key`` of its items, ``Windows`` (how many),
``MaxConcurrency``, and ``RedrivesAnswered`` (how many redrives had a round of their own)."""


@dataclass(frozen=True)
class Execution:
    """An execution of the state machine, as the context object tells it."""

    arn: str
    name: str
    stack: str

    @property
    def machine_arn(self) -> str:
        """The state machine that it is an execution of."""
        return self.arn.rpartition(":")[0].replace(":execution:", ":stateMachine:")

    @property
    def tags(self) -> dict[str, str]:
        """The tags that tell what this execution made from what others did."""
        made = flows.tags({}, self.stack, self.name)
        return {key: made[key] for key in (flows.STACK_TAG, flows.EXECUTION_TAG)}

    def flow_name(self, window_id: str, round_number: int) -> str:
        """Name the flow of one window in one round."""
        return flows.flow_name(self.name, self.arn, window_id, round_number)

    @property
    def flow_prefix(self) -> str:
        """What the names of its windows' flows begin with, and no others."""
        return self.flow_name("", round_number=1)

    def flow_arn(self, flow_name: str) -> str:
        """Give a flow's ARN, which is its integration's URI as well (Customer Profiles API)."""
        _, partition, _, region, account, *_ = self.arn.split(":")
        return f"arn:{partition}:appflow:{region}:{account}:flow/{flow_name}"


def items(
    execution: Execution,
    windows: Iterable[Window],
    round_number: int,
    connector: Connector,
    attempts: Mapping[str, int] = MappingProxyType({}),
) -> list[dict[str, Any]]:
    """Give what differs from window to window: the items of one round's Distributed Map.

    ``attempts`` are those of earlier rounds, by window.
    """
    return [
        _item(execution, window, round_number, connector)
        | {"AttemptsBefore": attempts.get(window.id, 0)}
        for window in windows
    ]


def _item(
    execution: Execution, window: Window, round_number: int, connector: Connector
) -> dict[str, Any]:
    name = execution.flow_name(window.id, round_number)
    return {
        "WindowId": window.id,
        "FlowName": name,
        "FlowArn": execution.flow_arn(name),
        "StartTime": iso(window.start),
        "EndTime": iso(window.end),
        "Bounds": flows.bounds(window, connector),
    }


@dataclass(frozen=True)
class Job:
    """What an execution is to do with windows, however they came about."""

    domain: str
    object_type: str
    flow_definition: flows.FlowDefinition
    hand_off: str
    """Where the continuous integration begins: an instant as ISO 8601."""
    tags: dict[str, str]
    """The user's own."""
    warnings: tuple[str, ...]

    @classmethod
    def of(cls, request: Request) -> Job:
        """Take from a request what windows do not say."""
        return cls(
            domain=request.domain,
            object_type=request.object_type,
            flow_definition=request.flow_definition,
            hand_off=iso(request.hand_off),
            tags=request.tags,
            warnings=request.warnings,
        )

    @classmethod
    def read(cls, folder: Folder) -> Job:
        """Read what :meth:`write` wrote."""
        written = folder.read(JOB)
        return cls(
            domain=written["DomainName"],
            object_type=written["ObjectTypeName"],
            flow_definition=written["FlowDefinition"],
            hand_off=written["HandOff"],
            tags=written["Tags"],
            warnings=tuple(written["Warnings"]),
        )

    def write(self, folder: Folder) -> None:
        """Keep it in the run's folder, for the later functions and for a resume."""
        folder.write(
            JOB,
            {
                "DomainName": self.domain,
                "ObjectTypeName": self.object_type,
                "FlowDefinition": self.flow_definition,
                "HandOff": self.hand_off,
                "Tags": self.tags,
                "Warnings": self.warnings,
            },
        )

    @property
    def source(self) -> flows.Source:
        """What the flows read."""
        return flows.source_of(self.flow_definition)


def state(job: Job, execution: Execution, folder: Folder) -> dict[str, Any]:
    """Give what the machine's states need: ``Ingestion``, and ``Flow`` for the windows alone.

    Raises InvalidInput for a FlowDefinition that no payload could carry.
    """
    flow = flows.window_flow(job.flow_definition)
    if len(json.dumps(flow)) > _LARGEST_FLOW:
        raise InvalidInput(
            f"FlowDefinition: is larger than {_LARGEST_FLOW:,} bytes, which a Step Functions "
            "payload cannot carry to each window; map fewer fields."
        )
    limit = job.source.connector.record_limit
    return {
        "Ingestion": {
            "Bucket": folder.bucket,
            "Folder": folder.path,
            "DomainName": job.domain,
            "ObjectTypeName": job.object_type,
            "Tags": flows.tags(job.tags, execution.stack, execution.name),
            "RunDeadlineSeconds": RUN_DEADLINE_SECONDS,
            **({"RecordLimit": limit} if limit else {}),
        },
        "Flow": flow,
    }


def first_round(folder: Folder, windows: int, max_concurrency: int, redrives: int) -> Round:
    """Give the round that runs the plan."""
    return {
        "Number": 1,
        "Key": folder.key(round_file(1)),
        "Windows": windows,
        "MaxConcurrency": max_concurrency,
        "RedrivesAnswered": redrives,
    }
