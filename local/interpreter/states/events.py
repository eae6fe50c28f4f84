"""Adding the events of states to an execution's history."""

from __future__ import annotations

from typing import Any

from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails

from local.interpreter.failures import failure_details


def details_key(kind: str) -> str:
    """Name the field that holds the details of a kind of event.

    ``mapRunStartedEventDetails`` for ``MapRunStarted``. All kinds of state share two fields, one
    for their ``Entered`` and one for their ``Exited`` events.
    """
    for ending in ("Entered", "Exited"):
        if kind.endswith(f"State{ending}"):
            kind = f"state{ending}"
    return f"{kind[0].lower()}{kind[1:]}EventDetails"


def add_event(env: Any, kind: Any, details: Any = None, **more: Any) -> None:
    """Add an event, given its kind (``MapRunStarted``) and its details."""
    event_type = HistoryEventType(kind)
    env.event_manager.add_event(
        context=env.event_history_context,
        event_type=event_type,
        event_details=None
        if details is None
        else EventDetails(**{details_key(event_type.value): details}),
        **more,
    )


def add_evaluation_failure(env: Any, failed: Any) -> None:
    """Add ``EvaluationFailed`` if that is why a state failed."""
    event = failed.failure_event
    if event.event_type == HistoryEventType.EvaluationFailed:
        add_event(env, event.event_type, {**failure_details(failed), "state": event.state_name})
