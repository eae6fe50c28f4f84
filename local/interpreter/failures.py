"""Errors of a state, in the form in which moto's interpreter carries them."""

from __future__ import annotations

from typing import Any

from moto.stepfunctions.parser.api import ExecutionFailedEventDetails, HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEvent,
    FailureEventException,
)
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails

QUERY_EVALUATION_ERROR = "States.QueryEvaluationError"
RUNTIME = "States.Runtime"
DATA_LIMIT_EXCEEDED = "States.DataLimitExceeded"
TIMEOUT = "States.Timeout"
HEARTBEAT_TIMEOUT = "States.HeartbeatTimeout"

_DETAILS = {
    HistoryEventType.EvaluationFailed: "evaluationFailedEventDetails",
    HistoryEventType.TaskFailed: "taskFailedEventDetails",
    HistoryEventType.MapRunFailed: "mapRunFailedEventDetails",
}
_DECORATION = "An error occurred while executing the state"


def failure(
    env: Any, error: str | None, cause: str | None, event_type: Any = None, **more: Any
) -> Exception:
    """Make the exception that makes a state fail with an error and a cause."""
    key = _DETAILS.get(event_type, "executionFailedEventDetails")
    details = {
        **({} if error is None else {"error": error}),
        **({} if cause is None else {"cause": cause}),
        **more,
    }
    if key == "executionFailedEventDetails":
        details = ExecutionFailedEventDetails(**details)
    exception: Exception = FailureEventException(
        FailureEvent(
            env=env,
            error_name=None if error is None else ErrorName(error),
            event_type=event_type or HistoryEventType.ExecutionFailed,
            event_details=EventDetails(**{key: details}),
        )
    )
    return exception


def failure_details(failed: Any) -> dict[str, Any]:
    """Return the ``error`` and the ``cause`` with which a program fails."""
    error, cause = failed.extract_error_cause_pair() or (None, None)
    details = {} if error is None else {"error": error}
    if cause:
        if error in (RUNTIME, QUERY_EVALUATION_ERROR) and not cause.startswith(_DECORATION):
            event = failed.failure_event
            cause = (
                f"{_DECORATION} '{event.state_name}' (entered at the event id "
                f"#{event.source_event_id}). {cause}"
            )
        details["cause"] = cause
    return details
