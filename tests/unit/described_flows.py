"""A continuous flow and its runs, as AppFlow describes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

NOW = datetime(2026, 11, 23, 22, tzinfo=UTC)
BEGINS = NOW - timedelta(days=20)
TAGS = {
    "awsOwningService": "customer-profiles-integration-workflow",
    "bulkIngestionStack": "stack",
}


def flow(status: str = "Active", every: str = "rate(1hours)", **scheduled: Any) -> dict[str, Any]:
    trigger = {"scheduleExpression": every, "firstExecutionFrom": BEGINS} | scheduled
    return {
        "flowName": "contacts",
        "flowStatus": status,
        "createdAt": BEGINS,
        "tags": TAGS,
        "triggerConfig": {
            "triggerType": "Scheduled",
            "triggerProperties": {"Scheduled": trigger},
        },
    }


def run(hours_ago: float, status: str = "Successful", message: str = "") -> dict[str, Any]:
    """Give a run that pulled the hour before it."""
    at = NOW - timedelta(hours=hours_ago)
    failed = {"errorInfo": {"executionMessage": message}} if message else {}
    return {
        "startedAt": at,
        "executionStatus": status,
        "executionResult": failed,
        "dataPullStartTime": at - timedelta(hours=1),
        "dataPullEndTime": at,
    }
