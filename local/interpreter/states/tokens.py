"""Tasks that wait for a callback with a task token, and the calls that answer them."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from moto.core.exceptions import AWSError
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback import (  # noqa: E501
    StateTaskServiceCallback,
)
from moto.stepfunctions.parser.asl.eval.callback.callback import (
    CallbackEndpoint,
    CallbackOutcomeFailure,
    CallbackOutcomeSuccess,
    CallbackOutcomeTimedOut,
    CallbackPoolManager,
    HeartbeatEndpoint,
    HeartbeatTimedOut,
)
from moto.stepfunctions.parser.models import StepFunctionsParserBackend

from local.interpreter.states.waiting import wait_for
from local.interpreter.timing import Signal

if TYPE_CHECKING:
    from local.clock import Clock
    from local.interpreter.patches import Patches


class InvalidToken(AWSError):  # type: ignore[misc]  # noqa: N818 - AWS's name
    """The error for a token that no task ever had."""

    TYPE = "InvalidToken"
    STATUS = 400


class TaskTimedOut(AWSError):  # type: ignore[misc]  # noqa: N818 - AWS's name
    """The error for the token of a task that does not wait any longer, whatever ended its wait."""

    TYPE = "TaskTimedOut"
    STATUS = 400


@contextmanager
def token_of_attempt(state: Any, env: Any) -> Iterator[None]:
    """Give an attempt of a state a task token of its own, if it waits for one.

    Moto uses one token for all attempts of a state.
    """
    if not getattr(getattr(state, "resource", None), "condition", None):
        yield
        return
    endpoint = env.callback_pool_manager.add(env.states.context_object.update_task_token())
    try:
        yield
    finally:
        endpoint.closed = True


def answer_as_aws_does(patches: Patches) -> None:
    """Tell a token whose task has timed out or ended from one that never existed.

    In moto both are invalid, and each call looks through all executions for its token.
    """
    endpoints: WeakValueDictionary[str, Any] = WeakValueDictionary()
    known: set[str] = set()
    add = CallbackPoolManager.add

    def add_and_remember(self: Any, callback_id: str) -> Any:
        endpoint = endpoints[callback_id] = add(self, callback_id)
        endpoint.closed = False
        known.add(callback_id)
        return endpoint

    def waiting(token: str) -> Any:
        if token not in known:
            raise InvalidToken("Invalid Token: 'Invalid token'")
        endpoint = endpoints.get(token)
        if endpoint is None or endpoint.closed or endpoint.get_outcome() is not None:
            raise TaskTimedOut("Task Timed Out: 'Provided task does not exist anymore'")
        return endpoint

    def send_task_success(self: Any, task_token: str, outcome: str) -> None:
        waiting(task_token).notify(CallbackOutcomeSuccess(task_token, outcome))

    def send_task_failure(
        self: Any, task_token: str, error: str | None = None, cause: str | None = None
    ) -> None:
        waiting(task_token).notify(CallbackOutcomeFailure(task_token, error, cause))

    def send_task_heartbeat(self: Any, task_token: str) -> None:
        waiting(task_token).notify_heartbeat()

    patches.put(CallbackPoolManager, "add", add_and_remember)
    for method in (send_task_success, send_task_failure, send_task_heartbeat):
        patches.put(StepFunctionsParserBackend, method.__name__, method)


def wait_for_tokens_on_the_clock(patches: Patches) -> None:
    """Wait for a task token, with its timeout and heartbeat, in simulated time."""
    for endpoint in (CallbackEndpoint, HeartbeatEndpoint):
        patches.put(endpoint, "notify", _and_set_signal(endpoint.notify))
    patches.put(StateTaskServiceCallback, "_eval_wait_for_task_token", _wait_for_token)


def _and_set_signal(method: Callable[..., Any]) -> Callable[..., Any]:
    def notify(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = method(self, *args, **kwargs)
        signal = getattr(self, "signal", None)
        if signal is not None:
            signal.set()
        return result

    return notify


def _wait_for_token(
    self: Any, env: Any, timeout_seconds: float, callback_endpoint: Any, heartbeat_endpoint: Any
) -> Any:
    clock: Clock = env.execution.clock
    until = clock.now() + datetime.timedelta(seconds=timeout_seconds)
    beat = heartbeat_endpoint._heartbeat_seconds if heartbeat_endpoint else timeout_seconds
    while env.is_running() and callback_endpoint.get_outcome() is None:
        signal = callback_endpoint.signal = Signal(clock)
        if heartbeat_endpoint is not None:
            heartbeat_endpoint.signal = signal
        if callback_endpoint.get_outcome() is None:
            wait_for(env, signal, min((until - clock.now()).total_seconds(), beat))
        if callback_endpoint.get_outcome() is None and env.is_running():
            if clock.now() >= until:
                return CallbackOutcomeTimedOut(callback_id=callback_endpoint.callback_id)
            if not signal.is_set():
                return HeartbeatTimedOut()
    return callback_endpoint.get_outcome()
