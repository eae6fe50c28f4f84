"""One attempt of a Task, Parallel or Map state, within its time limit."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.common.timeouts.timeout import EvalTimeoutError
from moto.stepfunctions.parser.asl.component.state.exec.state_map.state_map import StateMap
from moto.stepfunctions.parser.asl.component.state.exec.state_parallel.state_parallel import (
    StateParallel,
)

from local.interpreter.states.payload import check_size
from local.interpreter.states.tokens import token_of_attempt
from local.interpreter.states.waiting import require_running, wait_for
from local.interpreter.timing import Signal, start_thread

if TYPE_CHECKING:
    from local.clock import Clock


def attempts_of(state: Any) -> Callable[[Any, Any], None]:
    """Return what makes the attempts of a state that has been entered."""
    return _parallel_attempt() if isinstance(state, StateParallel) else attempt


def _parallel_attempt() -> Callable[[Any, Any], None]:
    """Give the branches the Arguments as first evaluated, also when the state is retried."""
    arguments: list[Any] = []

    def parallel_attempt(state: Any, env: Any) -> None:
        if not arguments:
            if state.parargs is not None:
                state.parargs.eval(env=env)
            arguments.append(env.stack.pop())
            check_size(env, state.name, arguments[0])
        env.stack.append(arguments[0])
        attempt(state, env)

    return parallel_attempt


def attempt(state: Any, env: Any) -> None:
    """Get the result of a state, then evaluate its Assign and Output."""
    result = _result(state, env)
    if isinstance(state, StateMap | StateParallel):
        check_size(env, state.name, result)
    state_input = env.states._states_data["input"]
    env.stack.append(result)
    if state._is_language_query_jsonpath():
        if state.assign_decl:
            state.assign_decl.eval(env=env)
        if state.result_selector:
            state.result_selector.eval(env=env)
        if state.result_path:
            state.result_path.eval(env)
        state.output_path.eval(env=env)
    else:
        env.states.set_result(result)
        if state.assign_decl:
            state.assign_decl.eval(env=env)
        if state.output:
            state.output.eval(env=env)
        else:
            env.states.reset(input_value=result)
    try:
        check_size(env, state.name, env.states._states_data["input"])
    except FailureEventException:
        env.states.reset(input_value=state_input)
        raise
    env.stack.clear()


def _result(state: Any, env: Any) -> Any:
    with token_of_attempt(state, env):
        return _result_of_frame(state, env)


def _result_of_frame(state: Any, env: Any) -> Any:
    state.timeout.eval(env=env)
    seconds = env.stack.pop()
    frame = env.open_frame()
    try:
        frame.states.reset(input_value=env.states.get_input())
        frame.stack = list(env.stack)
        frame.component = state
        frame.entered = env.entered
        frame.resume_inner, env.resume_inner = env.resume_inner, None
        # A wait for a task token checks the time limit itself.
        resource = getattr(state, "resource", None)
        if state.timeout.is_default_value() or getattr(resource, "condition", None):
            state._eval_execution(frame)
        else:
            _in_time(state, frame, seconds)
        require_running(env)
        return frame.stack[-1]
    finally:
        frame.set_ended()
        env.close_frame(frame)


def _in_time(state: Any, frame: Any, seconds: float) -> None:
    """Run a state in a thread. The thread goes on after the time limit; its result is dropped."""
    clock: Clock = frame.execution.clock
    done = Signal(clock)
    raised: list[Exception] = []
    finished: list[bool] = []

    def execute() -> None:
        try:
            state._eval_execution(frame)
        except Exception as wrong:
            raised.append(wrong)
        finally:
            finished.append(True)
            done.set()

    start_thread(clock, "task", execute)
    wait_for(frame, done, seconds)
    if raised:
        raise raised[0]
    if not finished:
        raise EvalTimeoutError
