"""What happens to a state's error: it is retried, caught, or fails the execution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.error_equals_decl import (
    ErrorEqualsDecl,
)
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.common.retry.retry_outcome import RetryOutcome
from moto.stepfunctions.parser.asl.component.state.exec.execute_state import ExecutionState
from moto.stepfunctions.parser.asl.component.state.exec.state_map.state_map import StateMap
from moto.stepfunctions.parser.asl.component.state.exec.state_parallel.state_parallel import (
    StateParallel,
)

from local.interpreter.failures import DATA_LIMIT_EXCEEDED, HEARTBEAT_TIMEOUT, RUNTIME, TIMEOUT
from local.interpreter.states.attempt import attempts_of
from local.interpreter.states.events import add_evaluation_failure, add_event
from local.interpreter.states.payload import check_size
from local.interpreter.states.state import was_caught

if TYPE_CHECKING:
    from local.interpreter.patches import Patches

_NOT_IN_ALL = {DATA_LIMIT_EXCEEDED, RUNTIME}


def retry_and_catch_as_aws_does(patches: Patches) -> None:
    """Retry and catch errors of Output and Assign as well, and count retries in the context."""

    def eval_state(self: Any, env: Any) -> None:
        attempt = attempts_of(self)
        while env.is_running():
            try:
                env.assigned = None
                attempt(self, env)
                return
            except Exception as wrong:
                if not env.is_running():
                    return
                if _handled(self, env, wrong):
                    return

    patches.put(ExecutionState, "_eval_state", eval_state)
    patches.put(StateParallel, "_eval_state", eval_state)
    patches.put(StateMap, "_eval_state", eval_state)


def _handled(state: Any, env: Any, wrong: Exception) -> bool:
    """Retry (return False), catch (return True) or fail (raise)."""
    event = state._from_error(env=env, ex=wrong)
    error, cause = _error_and_cause(event)
    _add_failure(state, env, event)
    output = {"Error": error or "", "Cause": cause or ""}
    env.states.set_error_output(output)
    env.states.set_result(output)
    env.assigned = None
    del env.stack[1:]
    if state.retry and state._handle_retry(env=env, failure_event=event) == RetryOutcome.CanRetry:
        env.states._states_data.pop("result", None)
        env.states._states_data.pop("errorOutput", None)
        return False
    if not env.is_running():
        return True
    if isinstance(state, StateMap | StateParallel):
        add_event(env, "MapStateFailed" if isinstance(state, StateMap) else "ParallelStateFailed")
    if state.catch:
        env.states._states_data.pop("result", None)
        state._handle_catch(env=env, failure_event=event)
        if was_caught(env):
            check_size(env, state.name, env.states._states_data["input"])
            return True
    raise FailureEventException(event)


def _error_and_cause(event: Any) -> tuple[str | None, str | None]:
    details = next(iter(event.event_details.values())) if event.event_details else {}
    return details.get("error"), details.get("cause")


def _add_failure(state: Any, env: Any, event: Any) -> None:
    if event.event_type == HistoryEventType.EvaluationFailed:
        add_evaluation_failure(env, FailureEventException(event))
    elif not isinstance(state, StateMap | StateParallel):
        env.event_manager.add_event(
            context=env.event_history_context,
            event_type=event.event_type,
            event_details=event.event_details,
        )


def match_errors_as_aws_does(patches: Patches) -> None:
    """Match errors with ErrorEquals.

    ``States.ALL`` matches neither DataLimitExceeded nor Runtime, ``States.TaskFailed`` neither
    these nor a timeout.
    """

    def eval_body(self: Any, env: Any) -> None:
        error = env.stack.pop()
        name = error.error_name if isinstance(error, ErrorName) else None
        env.stack.append(matches(name, [named.error_name for named in self.error_names]))

    patches.put(ErrorEqualsDecl, "_eval_body", eval_body)


def matches(name: str | None, names: Sequence[str | None]) -> bool:
    """Return whether ErrorEquals has the name of an error, or one that stands for it."""
    return (
        (name is not None and name in names)
        or (name == HEARTBEAT_TIMEOUT and TIMEOUT in names)
        or (name not in _NOT_IN_ALL and "States.ALL" in names)
        or (
            name not in _NOT_IN_ALL
            and name not in (TIMEOUT, HEARTBEAT_TIMEOUT)
            and "States.TaskFailed" in names
        )
    )
