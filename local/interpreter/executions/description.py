"""Executions as the API and EventBridge describe them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local.interpreter.executions.record import ExecutionRecord

REDRIVABLE = ("FAILED", "ABORTED", "TIMED_OUT")


def describe(execution: ExecutionRecord) -> dict[str, Any]:
    """Return the response of DescribeExecution."""
    redrive_status, reason = redrive_status_of(execution)
    description: dict[str, Any] = {
        "executionArn": execution.exec_arn,
        "stateMachineArn": execution.state_machine.arn,
        "name": execution.name,
        "status": execution.status,
        "startDate": execution.start_date,
        "input": execution.execution_input,
        "inputDetails": {"included": True},
        "redriveCount": execution.redrive_count,
        "redriveStatus": redrive_status,
    }
    optional = {
        "stopDate": execution.stop_date,
        "error": execution.error,
        "cause": execution.cause,
        "redriveDate": execution.redrive_date,
        "redriveStatusReason": reason,
        "mapRunArn": execution.map_run.map_run_arn if execution.map_run else None,
    }
    if execution.status == "SUCCEEDED":
        optional["output"] = json.dumps(execution.output, separators=(",", ":"))
        optional["outputDetails"] = {"included": True}
    return description | {k: v for k, v in optional.items() if v is not None}


def redrive_status_of(execution: ExecutionRecord) -> tuple[str, str | None]:
    """Return whether the execution can be redriven, and if not, why."""
    if execution.status not in REDRIVABLE:
        return "NOT_REDRIVABLE", f"Execution is {execution.status} and cannot be redriven"
    if execution.history.is_full:
        return "NOT_REDRIVABLE", "Execution history event limit exceeded"
    return ("REDRIVABLE" if execution.map_run is None else "REDRIVABLE_BY_MAP_RUN"), None


def list_item(execution: ExecutionRecord) -> dict[str, Any]:
    """Return one item of ListExecutions."""
    keys = ("executionArn", "stateMachineArn", "name", "status", "startDate", "stopDate")
    more = ("mapRunArn", "redriveCount", "redriveDate")
    description = describe(execution)
    return {key: description[key] for key in keys + more if key in description}


def status_change(execution: ExecutionRecord) -> dict[str, Any]:
    """Return the detail of a Step Functions Execution Status Change event."""
    optional = ("stopDate", "output", "outputDetails", "error", "cause", "redriveDate")
    detail: dict[str, Any] = dict.fromkeys((*optional, "redriveStatusReason"))
    detail |= describe(execution)
    for key in ("startDate", "stopDate", "redriveDate"):
        if detail[key] is not None:
            detail[key] = int(detail[key].timestamp() * 1000)
    return detail
