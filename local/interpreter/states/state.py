"""What all states have in common: entering, leaving, and assigning variables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.stepfunctions.parser.asl.component.common.assign.assign_decl import AssignDecl
from moto.stepfunctions.parser.asl.component.common.catch.catch_outcome import CatchOutcome
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.state.exec.execute_state import ExecutionState
from moto.stepfunctions.parser.asl.component.state.state import CommonStateField
from moto.stepfunctions.parser.asl.component.state.state_pass.state_pass import StatePass

from local.interpreter.states.events import add_evaluation_failure, add_event
from local.interpreter.states.frames import Entered
from local.interpreter.states.payload import check_size
from local.interpreter.timing import iso

if TYPE_CHECKING:
    from local.interpreter.patches import Patches


def enter_and_leave_as_aws_does(patches: Patches) -> None:
    """Remember where the execution is, check payload sizes, and assign when the state ends."""

    def eval_body(self: Any, env: Any) -> None:
        _enter(self, env)
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
                add_evaluation_failure(env, failed)
            raise
        _leave(self, env)

    patches.put(CommonStateField, "_eval_body", eval_body)


def _enter(state: Any, env: Any) -> None:
    variables = dict(env.variable_store._inner_scope)
    resume, env.resume = env.resume, None
    env.entered = Entered(state.name, env.states.get_input(), variables)
    env.resume_inner = resume.inner if resume is not None else None
    env.assigned = None
    details = state._get_state_entered_event_details(env=env)
    add_event(env, state.state_entered_event_type, details)
    env.states.context_object.context_object_data["State"] = {
        "EnteredTime": iso(env.execution.clock.now()),
        "Name": state.name,
        "RetryCount": 0,
    }


def _leave(state: Any, env: Any) -> None:
    for name, value in (env.assigned or {}).items():
        env.variable_store.set(variable_identifier=name, variable_value=value)
    if not (isinstance(state, ExecutionState) and was_caught(env)):
        state._set_next(env)
    if state.state_exited_event_type is not None:
        details = state._get_state_exited_event_details(env=env)
        add_event(env, state.state_exited_event_type, details)


def was_caught(env: Any) -> bool:
    """Return whether a Catch of the state took its error."""
    outcome = env.stack[-1] if env.stack else None
    return isinstance(outcome, CatchOutcome) and outcome == CatchOutcome.Caught


def assign_at_the_end(patches: Patches) -> None:
    """Let Assign take effect when the state ends; in moto at once, so that Output sees it."""

    def eval_body(self: Any, env: Any) -> None:
        values: dict[str, Any] = {}
        for binding in self.declaration_bindings:
            binding.eval(env=env)
            values.update(env.stack.pop())
        env.assigned = values

    patches.put(AssignDecl, "_eval_body", eval_body)


def pass_without_a_result(patches: Patches) -> None:
    """Leave ``$states.result`` undefined in a Pass state; in moto it is the input."""
    eval_state = StatePass._eval_state

    def eval_pass(self: Any, env: Any) -> None:
        if self._is_language_query_jsonpath():
            eval_state(self, env)
        elif self.assign_decl:
            self.assign_decl.eval(env=env)

    patches.put(StatePass, "_eval_state", eval_pass)
