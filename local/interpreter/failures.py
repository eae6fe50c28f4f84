"""Errors of a state, in the form that moto's interpreter carries them."""

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
NOT_CAUGHT_BY_ALL = {DATA_LIMIT_EXCEEDED, RUNTIME}

_DETAILS = {
    HistoryEventType.EvaluationFailed: "evaluationFailedEventDetails",
    HistoryEventType.TaskFailed: "taskFailedEventDetails",
    HistoryEventType.MapRunFailed: "mapRunFailedEventDetails",
}


def failure(
    env: Any, error: str | None, cause: str | None, event_type: Any = None, **more: Any
) -> Exception:
    """Make the exception that makes a state fail with an error and its cause."""
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


def too_large(env: Any, what: str) -> Exception:
    """Make the error of a payload beyond 256 KiB."""
    return failure(
        env,
        DATA_LIMIT_EXCEEDED,
        f"The state/task '{what}' returned a result with a size exceeding the maximum number of "
        "bytes service limit.",
        HistoryEventType.TaskFailed,
    )
