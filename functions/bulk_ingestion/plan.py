"""The plan of an execution: its windows as items of the Distributed Map, and what they share."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bulk_ingestion import flows
from bulk_ingestion.connectors import Connector
from bulk_ingestion.errors import InvalidInput
from bulk_ingestion.folder import Folder, round_file
from bulk_ingestion.request import Request
from bulk_ingestion.times import iso
from bulk_ingestion.windows import Window

RUN_DEADLINE_SECONDS = 24 * 3600  # AppFlow ends a run after 48 hours itself
_LARGEST_FLOW = 200_000  # bytes; a payload of Step Functions holds 256 KiB with all else in it


@dataclass(frozen=True)
class Execution:
    """An execution of the state machine, as the context object tells it."""

    arn: str
    name: str
    stack: str

    def flow_name(self, window_id: str, round_number: int) -> str:
        """Name the flow of one window in one round."""
        return flows.flow_name(self.name, self.arn, window_id, round_number)

    def flow_arn(self, flow_name: str) -> str:
        """Give a flow's ARN, which is its integration's URI as well (Customer Profiles API)."""
        _, partition, _, region, account, *_ = self.arn.split(":")
        return f"arn:{partition}:appflow:{region}:{account}:flow/{flow_name}"


def items(
    execution: Execution, windows: Iterable[Window], round_number: int, connector: Connector
) -> list[dict[str, Any]]:
    """Give what differs from window to window: the items of one round's Distributed Map."""
    return [_item(execution, window, round_number, connector) for window in windows]


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
class Plan:
    """What a request comes to."""

    request: dict[str, Any]
    """What the later functions need of the request: ``request.json``."""
    items: list[dict[str, Any]]
    """The first round's windows: ``plan.json``."""
    state: dict[str, Any]
    """What the machine's next states need: ``Ingestion``, which all windows share, ``Round``
    and ``DryRun``."""


def make(request: Request, execution: Execution, folder: Folder, redrives: int) -> Plan:
    """Plan a request. Raises InvalidInput for a FlowDefinition that no payload could carry."""
    source = flows.source_of(request.flow_definition)
    flow = flows.window_flow(request.flow_definition)
    if len(json.dumps(flow)) > _LARGEST_FLOW:
        raise InvalidInput(
            f"FlowDefinition: is larger than {_LARGEST_FLOW:,} bytes, which a Step Functions "
            "payload cannot carry to each window; map fewer fields."
        )
    shared = {
        "DomainName": request.domain,
        "ObjectTypeName": request.object_type,
        "Tags": flows.tags(request.tags, execution.stack, execution.name),
    }
    ordered = request.windows[::-1] if request.newest_first else request.windows
    first = items(execution, ordered, 1, source.connector)
    limit = source.connector.record_limit
    return Plan(
        request={
            **shared,
            "FlowDefinition": request.flow_definition,
            "HandOff": iso(request.hand_off),
            "Warnings": request.warnings,
        },
        items=first,
        state={
            "DryRun": request.dry_run,
            "Ingestion": {
                **shared,
                "Bucket": folder.bucket,
                "Folder": folder.path,
                "Flow": flow,
                "RunDeadlineSeconds": RUN_DEADLINE_SECONDS,
                **({"RecordLimit": limit} if limit else {}),
            },
            "Round": {
                "Number": 1,
                "Key": folder.key(round_file(1)),
                "Windows": len(first),
                "MaxConcurrency": request.max_concurrency,
                "RedrivesAnswered": redrives,
            },
        },
    )
