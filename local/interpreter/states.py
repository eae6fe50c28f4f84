"""States and their programs: time, retries, variables, branches, where a redrive goes on."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.assign.assign_decl import AssignDecl
from moto.stepfunctions.parser.asl.component.common.catch.catch_outcome import CatchOutcome
from moto.stepfunctions.parser.asl.component.common.error_name.error_equals_decl import (
    ErrorEqualsDecl,
)
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.common.retry.retry_outcome import RetryOutcome
from moto.stepfunctions.parser.asl.component.common.timeouts.timeout import EvalTimeoutError
from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent
from moto.stepfunctions.parser.asl.component.program.program import Program
from moto.stepfunctions.parser.asl.component.state.choice.comparison.comparison import (
    ConditionStringJSONata,
)
from moto.stepfunctions.parser.asl.component.state.choice.state_choice import StateChoice
from moto.stepfunctions.parser.asl.component.state.exec.execute_state import ExecutionState
from moto.stepfunctions.parser.asl.component.state.exec.state_map.state_map import StateMap
from moto.stepfunctions.parser.asl.component.state.exec.state_parallel.branches_decl import (
    BranchesDecl,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_parallel.state_parallel import (
    StateParallel,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback import (  # noqa: E501
    StateTaskServiceCallback,
)
from moto.stepfunctions.parser.asl.component.state.state import CommonStateField
from moto.stepfunctions.parser.asl.component.state.state_pass.state_pass import StatePass
from moto.stepfunctions.parser.asl.component.state.wait.wait_function import (
    seconds as wait_seconds,
)
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.timestamp import Timestamp
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import (
    WaitFunction,
)
from moto.stepfunctions.parser.asl.eval.callback.callback import (
    CallbackEndpoint,
    CallbackOutcomeTimedOut,
    HeartbeatEndpoint,
    HeartbeatTimedOut,
)
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.eval.program_state import ProgramEnded, ProgramError
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str

from local.interpreter.failures import (
    HEARTBEAT_TIMEOUT,
    NOT_CAUGHT_BY_ALL,
    QUERY_EVALUATION_ERROR,
    RUNTIME,
    TIMEOUT,
    failure,
    too_large,
)
from local.interpreter.timing import Signal, iso, start_thread

if TYPE_CHECKING:
    from local.clock import Clock
    from local.interpreter.patches import Patches

MOST_BYTES = 256 * 1024
_DECORATION = "An error occurred while executing the state"


@dataclass
class Entered:
    """A state as it was entered: where a redrive goes on."""

    state: str
    input: Any
    variables: dict[str, Any]
    inner: Any = None
    """What the state had begun: a list of branches or iterations, or a Map Run."""


@dataclass
class Done:
    """A branch or an iteration that has ended well."""

    output: Any


# --------------------------------------------------------------------------- environments


def carry_the_run(patches: Patches) -> None:
    """Frames know their execution, its Map's item, what they wait for and what they entered."""
    init = Environment.__init__
    as_inner_frame_of = Environment.__dict__["as_inner_frame_of"].__func__

    def init_with_more(self: Any, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        self.run = None  # the Run
        self.wake = None  # the Signal its thread waits for
        self.entered = None  # the Entered state
        self.resume = None  # the Entered state to go on from
        self.resume_inner = None  # what that state had begun
        self.assigned = None  # variables to set when the state ends
        self.component = None  # the state that runs in this frame
        self.map_run = None  # the distributed Map's run in this frame

    def as_inner_frame(cls: Any, env: Any, *args: Any, **kwargs: Any) -> Any:
        frame = as_inner_frame_of(cls, env, *args, **kwargs)
        frame.run = env.run
        context = env.states.context_object.context_object_data
        if "Map" in context:
            frame.states.context_object.context_object_data["Map"] = context["Map"]
        return frame

    patches.put(Environment, "__init__", init_with_more)
    patches.put(Environment, "as_inner_frame_of", classmethod(as_inner_frame))


def stop_at_once(patches: Patches) -> None:
    """On AWS whatever stops an execution ends its waits and its Map Runs; in moto they go on."""

    def and_wake(method: Callable[..., None]) -> Callable[..., None]:
        def wrapped(self: Any, *args: Any, **kwargs: Any) -> None:
            method(self, *args, **kwargs)
            wake = self.wake
            if wake is not None:
                wake.set()
            if self.map_run is not None:
                self.map_run.abort()

        return wrapped

    for name in ("set_stop", "set_error", "set_timed_out"):
        patches.put(Environment, name, and_wake(getattr(Environment, name)))


def wait_for(env: Any, signal: Signal, seconds: float | None) -> None:
    """Wait until the signal, the time, the execution's deadline or its being stopped."""
    left = env.run.seconds_left()
    env.wake = signal
    try:
        if env.is_running():
            limits = [limit for limit in (seconds, left) if limit is not None]
            signal.wait(max(0.0, min(limits)) if limits else None)
    finally:
        env.wake = None
    env.run.keep_deadline()


def pause(env: Any, seconds: float) -> None:
    """Let simulated time pass, unless the execution ends meanwhile."""
    clock: Clock = env.run.clock
    until = clock.now() + datetime.timedelta(seconds=seconds)
    while env.is_running() and (left := (until - clock.now()).total_seconds()) > 0:
        wait_for(env, Signal(clock), left)


def in_threads(clock: Clock, name: str, count: int, work: Callable[[], None]) -> None:
    """Do the same work in so many threads, and wait for all of them."""
    if count == 1:
        work()
        return
    all_done = Signal(clock)
    lock = threading.Lock()
    left = count

    def run() -> None:
        nonlocal left
        try:
            work()
        finally:
            with lock:
                left -= 1
                last = left == 0
            if last:
                all_done.set()

    for _ in range(count):
        start_thread(clock, name, run)
    if count:
        all_done.wait()


# -------------------------------------------------------------------------------- programs


def run_in_this_thread(patches: Patches) -> None:
    """Run a program where it is called, from its start or its resume point; moto adds a thread."""

    def run(self: Any, env: Any) -> None:
        resume = env.resume
        try:
            if not env.is_running() and env._program_state is not None:
                return
            env.next_state_name = self.start_at.start_at_name if resume is None else resume.state
            while env.is_running():
                self._get_state(env.next_state_name).eval(env)
                env.stack.clear()
                env.heap.clear()
                env.run.keep_deadline()
        except FailureEventException as failed:
            if env.is_running():
                env.set_error(error=failure_details(failed))
        except Exception as wrong:
            if env.is_running():
                env.set_error(error={"error": RUNTIME, "cause": f"{type(wrong).__name__}: {wrong}"})

    patches.put(Program, "eval", run)


def failure_details(failed: Any) -> dict[str, Any]:
    """Return the error and the cause with which a program fails."""
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


def keep_quiet(patches: Patches) -> None:
    """Moto logs every failure with the text of every component around it."""
    patches.put(EvalComponent, "_log_failure_event_exception", lambda *_, **__: None)
    patches.put(EvalComponent, "_log_exception", lambda *_, **__: None)


# ---------------------------------------------------------------------------------- states


def enter_and_leave_as_aws_does(patches: Patches) -> None:
    """``EnteredTime`` as AWS writes it, limits on input and output, Assign when the state ends."""

    def eval_body(self: Any, env: Any) -> None:
        state_input = env.states.get_input()
        variables = dict(env.variable_store._inner_scope)
        resume, env.resume = env.resume, None
        env.entered = Entered(self.name, state_input, variables)
        env.resume_inner = resume.inner if resume is not None else None
        env.assigned = None
        _add_event(
            env,
            self.state_entered_event_type,
            stateEnteredEventDetails=self._get_state_entered_event_details(env=env),
        )
        env.states.context_object.context_object_data["State"] = {
            "EnteredTime": iso(env.run.clock.now()),
            "Name": self.name,
            "RetryCount": 0,
        }
        try:
            self._eval_state_input(env=env)
            self._eval_state(env)
            if not env.is_running():
                return
            if not isinstance(self, ExecutionState):
                self._eval_state_output(env=env)
                check_size(env, self.name, env.states._states_data["input"])
        except FailureEventException as failed:
            if not isinstance(self, ExecutionState):
                _record_evaluation_failure(env, failed)
            raise
        for name, value in (env.assigned or {}).items():
            env.variable_store.set(variable_identifier=name, variable_value=value)
        if not (isinstance(self, ExecutionState) and env.stack and _caught(env)):
            self._set_next(env)
        if self.state_exited_event_type is not None:
            _add_event(
                env,
                self.state_exited_event_type,
                stateExitedEventDetails=self._get_state_exited_event_details(env=env),
            )

    patches.put(CommonStateField, "_eval_body", eval_body)


def assign_at_the_end(patches: Patches) -> None:
    """Assign takes effect when the state ends; in moto at once, so that Output sees it."""

    def eval_body(self: Any, env: Any) -> None:
        values: dict[str, Any] = {}
        for binding in self.declaration_bindings:
            binding.eval(env=env)
            values.update(env.stack.pop())
        env.assigned = values

    patches.put(AssignDecl, "_eval_body", eval_body)


def _caught(env: Any) -> bool:
    return isinstance(env.stack[-1], CatchOutcome) and env.stack[-1] == CatchOutcome.Caught


def _add_event(env: Any, event_type: Any, **details: Any) -> None:
    env.event_manager.add_event(
        context=env.event_history_context,
        event_type=event_type,
        event_details=EventDetails(**details) if details else None,
    )


def _record_evaluation_failure(env: Any, failed: Any) -> None:
    if failed.failure_event.event_type == HistoryEventType.EvaluationFailed:
        details = {**failure_details(failed), "state": failed.failure_event.state_name}
        _add_event(env, HistoryEventType.EvaluationFailed, evaluationFailedEventDetails=details)


def check_size(env: Any, name: str, value: Any) -> None:
    """Fail the state if a payload is larger than 256 KiB."""
    if len(to_json_str(value, separators=(",", ":")).encode()) > MOST_BYTES:
        raise too_large(env, name)


# ------------------------------------------------------- tasks, parallels and maps: retries


def retry_and_catch_as_aws_does(patches: Patches) -> None:
    """RetryCount, errors in Output and Assign, Task timeouts on the clock, no thread a Task."""

    def eval_state(self: Any, env: Any) -> None:
        attempt = _parallel_attempt() if isinstance(self, StateParallel) else _attempt
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
    """Retry (False: once more), catch (True) or give up (raise)."""
    event = state._from_error(env=env, ex=wrong)
    error, cause = _error_and_cause(event)
    _record_failure(state, env, event)
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
        kind = "MapStateFailed" if isinstance(state, StateMap) else "ParallelStateFailed"
        _add_event(env, HistoryEventType(kind))
    if state.catch:
        env.states._states_data.pop("result", None)
        state._handle_catch(env=env, failure_event=event)
        if _caught(env):
            check_size(env, state.name, env.states._states_data["input"])
            return True
    raise FailureEventException(event)


def _error_and_cause(event: Any) -> tuple[str | None, str | None]:
    details = next(iter(event.event_details.values())) if event.event_details else {}
    return details.get("error"), details.get("cause")


def _record_failure(state: Any, env: Any, event: Any) -> None:
    if event.event_type == HistoryEventType.EvaluationFailed:
        _record_evaluation_failure(env, FailureEventException(event))
    elif not isinstance(state, StateMap | StateParallel):
        env.event_manager.add_event(
            context=env.event_history_context,
            event_type=event.event_type,
            event_details=event.event_details,
        )


def _parallel_attempt() -> Callable[[Any, Any], None]:
    """Branches get the Arguments as they were at first, also when the state is retried."""
    arguments: list[Any] = []

    def attempt(state: Any, env: Any) -> None:
        if not arguments:
            if state.parargs is not None:
                state.parargs.eval(env=env)
            arguments.append(env.stack.pop())
            check_size(env, state.name, arguments[0])
        env.stack.append(arguments[0])
        _attempt(state, env)

    return attempt


def _attempt(state: Any, env: Any) -> None:
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
    state.timeout.eval(env=env)
    seconds = env.stack.pop()
    frame = env.open_frame()
    try:
        frame.states.reset(input_value=env.states.get_input())
        frame.stack = list(env.stack)
        frame.component = state
        frame.entered = env.entered
        frame.resume_inner, env.resume_inner = env.resume_inner, None
        # A wait for a token keeps its own time.
        resource = getattr(state, "resource", None)
        if state.timeout.is_default_value() or getattr(resource, "condition", None):
            state._eval_execution(frame)
        else:
            _in_time(state, frame, seconds)
        if not env.is_running():
            raise RuntimeError("stopped")
        return frame.stack[-1]
    finally:
        frame.set_ended()
        env.close_frame(frame)


def _in_time(state: Any, frame: Any, seconds: float) -> None:
    clock: Clock = frame.run.clock
    done = Signal(clock)
    raised: list[Exception] = []

    def execute() -> None:
        try:
            state._eval_execution(frame)
        except Exception as wrong:
            raised.append(wrong)
        finally:
            finished.append(True)
            done.set()

    finished: list[bool] = []
    start_thread(clock, "task", execute)
    wait_for(frame, done, seconds)
    if raised:
        raise raised[0]
    if not finished:
        raise EvalTimeoutError


def wait_on_the_clock(patches: Patches) -> None:
    """Wait and Retry take simulated time; in moto real time."""

    def wait_interval(self: Any, env: Any, wait_seconds: float) -> None:
        pause(env, wait_seconds)

    def seconds_until(self: Any, env: Any) -> float:
        self.string.eval(env=env)
        text = env.stack.pop()
        try:
            moment = datetime.datetime.fromisoformat(text)
        except (TypeError, ValueError):
            raise FailureEventException(self._create_failure_event(env, text)) from None
        return max(0.0, float((moment - env.run.clock.now()).total_seconds()))

    def whole_seconds(self: Any, env: Any) -> int:
        self.string_jsonata.eval(env=env)
        seconds = env.stack.pop()
        if isinstance(seconds, bool) or not isinstance(seconds, int) or seconds < 0:
            raise failure(
                env,
                QUERY_EVALUATION_ERROR,
                f"The JSONata expression '{self.string_jsonata.expression}' specified for the "
                f"field 'Seconds' returned {seconds!r}, not a whole number of seconds.",
                HistoryEventType.EvaluationFailed,
            )
        return seconds

    patches.put(WaitFunction, "_wait_interval", wait_interval)
    patches.put(Timestamp, "_get_wait_seconds", seconds_until)
    patches.put(wait_seconds.SecondsJSONata, "_get_wait_seconds", whole_seconds)


def count_attempts_of_threads_apart(patches: Patches) -> None:
    """No attempt goes uncounted; moto names a Retry's counter when it is first asked for.

    Children that fail at the same time may each name it, and lose the count under the other name.
    """
    patches.put(EvalComponent, "heap_key", property(lambda self: f"component-{id(self)}"))


def back_off_on_the_clock(patches: Patches) -> None:
    """Back off in simulated time, and no longer than the execution lives."""

    def eval_body(self: Any, env: Any) -> None:
        self.error_equals.eval(env)
        if not env.stack.pop():
            env.stack.append(retrier_decl.RetrierOutcome.Skipped)
            return
        self.max_attempts.eval(env=env)
        if env.stack.pop() == retrier_decl.MaxAttemptsOutcome.EXHAUSTED:
            env.stack.append(retrier_decl.RetrierOutcome.Failed)
            return
        for part in ("interval_seconds", "backoff_rate", "max_delay_seconds", "jitter_strategy"):
            getattr(self, part).eval(env=env)
        pause(env, env.stack.pop())
        env.stack.append(retrier_decl.RetrierOutcome.Executed)

    patches.put(retrier_decl.RetrierDecl, "_eval_body", eval_body)


def match_errors_as_aws_does(patches: Patches) -> None:
    """``States.ALL`` takes neither DataLimitExceeded nor Runtime, ``TaskFailed`` no Timeout."""

    def eval_body(self: Any, env: Any) -> None:
        error = env.stack.pop()
        name = error.error_name if isinstance(error, ErrorName) else None
        names = [named.error_name for named in self.error_names]
        env.stack.append(
            (name is not None and name in names)
            or (name == HEARTBEAT_TIMEOUT and TIMEOUT in names)
            or (name not in NOT_CAUGHT_BY_ALL and "States.ALL" in names)
            or (
                name not in NOT_CAUGHT_BY_ALL
                and name not in (TIMEOUT, HEARTBEAT_TIMEOUT)
                and "States.TaskFailed" in names
            )
        )

    patches.put(ErrorEqualsDecl, "_eval_body", eval_body)


def choose_as_aws_does(patches: Patches) -> None:
    """Tell a rule that leads where Default leads from Default, and name the errors of a Choice."""

    def eval_choice(self: Any, env: Any) -> None:
        for rule in self.choices_decl.rules:
            rule.eval(env)
            if env.stack.pop() is True:
                env.stack.append((rule.next_stmt.name, False))
                return
        if self.default_state is None:
            raise failure(env, "States.NoChoiceMatched", "No matching choice rule and no default.")
        env.stack.append((self.default_state.state_name, True))

    def eval_output(self: Any, env: Any) -> None:
        next_state, by_default = env.stack.pop()
        if by_default:
            if self.assign_decl:
                self.assign_decl.eval(env=env)
            if self.output:
                self.output.eval(env=env)
        if self._is_language_query_jsonpath():
            self.output_path.eval(env=env)
        env.next_state_name = next_state

    patches.put(StateChoice, "_eval_state", eval_choice)
    patches.put(StateChoice, "_eval_state_output", eval_output)


def insist_on_boolean_conditions(patches: Patches) -> None:
    """Fail with an evaluation error where a Condition is no boolean; moto fails otherwise."""

    def eval_condition(self: Any, env: Any) -> None:
        self.string_jsonata.eval(env=env)
        if not isinstance(env.stack[-1], bool):
            raise failure(
                env,
                QUERY_EVALUATION_ERROR,
                f"The JSONata expression '{self.string_jsonata.expression}' specified for the "
                f"field 'Condition' returned {env.stack[-1]!r}, not a boolean.",
                HistoryEventType.EvaluationFailed,
            )

    patches.put(ConditionStringJSONata, "_eval_body", eval_condition)


def pass_without_a_result(patches: Patches) -> None:
    """Leave ``$states.result`` undefined in a Pass state; in moto it is the input."""
    eval_state = StatePass._eval_state

    def eval_pass(self: Any, env: Any) -> None:
        if self._is_language_query_jsonpath():
            eval_state(self, env)
        elif self.assign_decl:
            self.assign_decl.eval(env=env)

    patches.put(StatePass, "_eval_state", eval_pass)


# ---------------------------------------------------------------- branches and iterations


class _Parts:
    """Branches or iterations, some of which may have begun before a redrive."""

    def __init__(self, env: Any, programs: Sequence[Any]) -> None:
        before: list[Any] | None = env.resume_inner
        env.resume_inner = None
        self.env = env
        self.programs = programs
        self.outcomes: list[Any] = [None] * len(programs) if before is None else before
        self.errors: list[dict[str, Any]] = []
        self.to_do = [
            index
            for index in reversed(range(len(programs)))
            if not isinstance(self.outcomes[index], Done)
        ]
        self._frames: dict[int, Any] = {}
        self._lock = threading.Lock()

    def take(self) -> tuple[int, Any] | None:
        """Take the next to run, with its frame; none when one has failed."""
        with self._lock:
            if self.errors or not self.to_do or not self.env.is_running():
                return None
            index = self.to_do.pop()
            frame = self._frames[index] = self.env.open_inner_frame()
            return index, frame

    def give_back(self, index: int) -> str:
        """Note how one has ended. The first failure stops the others."""
        with self._lock:
            frame = self._frames.pop(index)
            self.env.close_frame(frame)
            self.outcomes[index] = frame.entered or self.outcomes[index]
            state = frame._program_state
            if isinstance(state, ProgramEnded):
                self.outcomes[index] = Done(frame.states.get_input())
                return "Succeeded"
            if not isinstance(state, ProgramError):
                return "Aborted"
            self.errors.append(dict(state.error or {}))
            others = list(self._frames.values())
        for other in others:
            other.set_stop(stop_date=self.env.run.clock.now(), cause=None, error=None)
        return "Failed"


def run_parts(
    env: Any,
    programs: Sequence[Any],
    input_of: Callable[[int, Any], Any],
    concurrency: int,
    report: Callable[[int, str], None] = lambda *_: None,
) -> list[Any]:
    """Run branches or iterations to their outputs; the first error is the state's."""
    parts = _Parts(env, programs)
    env.entered.inner = parts.outcomes

    def work() -> None:
        while (taken := parts.take()) is not None:
            index, frame = taken
            report(index, "Started")
            _run_part(frame, programs[index], index, input_of, parts.outcomes[index])
            report(index, parts.give_back(index))

    in_threads(env.run.clock, "part", min(concurrency, len(parts.to_do)), work)
    if parts.errors:
        raise failure(env, parts.errors[0].get("error"), parts.errors[0].get("cause"))
    return [outcome.output if isinstance(outcome, Done) else None for outcome in parts.outcomes]


def _run_part(
    frame: Any, program: Any, index: int, input_of: Callable[[int, Any], Any], begun: Any
) -> None:
    try:
        if begun is None:
            frame.states.reset(input_value=input_of(index, frame))
        else:
            go_on_from(frame, begun)
    except FailureEventException as failed:
        frame.set_error(error=failure_details(failed))
    program.eval(frame)


def go_on_from(env: Any, entered: Entered) -> None:
    """Put an environment where it was when it entered a state."""
    env.resume = entered
    env.variable_store._inner_scope.clear()
    env.variable_store._inner_scope.update(entered.variables)
    env.states.reset(input_value=entered.input)


def branch_on_the_clock(patches: Patches) -> None:
    """Wait for branches without holding the clock up, and end them all when one fails."""

    def eval_body(self: Any, env: Any) -> None:
        branches_input = env.stack.pop()
        env.stack.append(
            run_parts(env, self.programs, lambda *_: branches_input, concurrency=len(self.programs))
        )

    patches.put(BranchesDecl, "_eval_body", eval_body)


# -------------------------------------------------------------------------------- callbacks


def _and_set_signal(method: Callable[..., Any]) -> Callable[..., Any]:
    def notify(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = method(self, *args, **kwargs)
        signal = getattr(self, "signal", None)
        if signal is not None:
            signal.set()
        return result

    return notify


def wait_for_tokens_on_the_clock(patches: Patches) -> None:
    """Wait for a task token, with its timeout and heartbeat, in simulated time."""

    def wait_for_token(
        self: Any,
        env: Any,
        timeout_seconds: float,
        callback_endpoint: Any,
        heartbeat_endpoint: Any,
    ) -> Any:
        clock: Clock = env.run.clock
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

    for endpoint in (CallbackEndpoint, HeartbeatEndpoint):
        patches.put(endpoint, "notify", _and_set_signal(endpoint.notify))
    patches.put(StateTaskServiceCallback, "_eval_wait_for_task_token", wait_for_token)
