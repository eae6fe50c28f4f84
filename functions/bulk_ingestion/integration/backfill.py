"""Backfills: bulk ingestions that import what a continuous integration has missed.

One pull of a continuous flow is limited in its period and its number of records. If more is
missing, an execution imports everything from where the integration stopped, and recreates the
integration at its end.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from datetime import datetime
from typing import Any

from bulk_ingestion.aws import clients
from bulk_ingestion.aws.gone import unless_gone
from bulk_ingestion.flow import names
from bulk_ingestion.flow.windows import BULK_BEGINS
from bulk_ingestion.integration.state import Checkpoint
from bulk_ingestion.times import iso, iso_duration


def is_needed(since: datetime, now: datetime) -> bool:
    """Whether ``since`` is longer ago than one pull can reach back."""
    return since < now - BULK_BEGINS


def start(
    machine: str, flow_name: str, checkpoint: Checkpoint, since: datetime, now: datetime
) -> str:
    """Start the backfill of an integration, if it is not started yet, and give its ARN.

    ``machine`` is the ARN of the state machine for bulk ingestion. It imports from ``since`` on.
    """
    arn = _arn(machine, flow_name, checkpoint)
    execution_input = {
        **checkpoint.target.to_json(),
        "Overlap": iso_duration(checkpoint.overlap),
        # A more recent ImportFrom would get no windows.
        **(
            {"ImportFrom": iso(since)}
            if is_needed(since, now)
            else {"Batches": [{"StartTime": iso(since), "EndTime": "PT0S"}]}
        ),
    }
    client = clients.step_functions()
    with suppress(client.exceptions.ExecutionAlreadyExists):
        client.start_execution(
            stateMachineArn=machine,
            name=arn.rpartition(":")[2],
            input=json.dumps(execution_input),
        )
    return arn


def describe(machine: str, flow_name: str, checkpoint: Checkpoint) -> dict[str, Any] | None:
    """Describe the backfill of an integration; None if it is not started."""
    operation = clients.step_functions().describe_execution
    arn = _arn(machine, flow_name, checkpoint)
    execution: dict[str, Any] | None = unless_gone(
        operation, gone=("ExecutionDoesNotExist",), executionArn=arn
    )
    return execution


def _arn(machine: str, flow_name: str, checkpoint: Checkpoint) -> str:
    """Give the ARN of the backfill from the last pull. It is the same for the same pull."""
    digest = hashlib.sha256(flow_name.encode()).hexdigest()[:8]
    name = f"{names.plain(flow_name)[:50]}-{digest}-{checkpoint.pulled_until:%Y%m%d-%H%M%S}"
    return f"{machine.replace(':stateMachine:', ':execution:')}:{name}"
