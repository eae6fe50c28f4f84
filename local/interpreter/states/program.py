"""Programs: the states of a machine, branch or iteration, one after another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent
from moto.stepfunctions.parser.asl.component.program.program import Program

from local.interpreter.failures import RUNTIME, failure_details

if TYPE_CHECKING:
    from local.interpreter.patches import Patches


def run_in_the_callers_thread(patches: Patches) -> None:
    """Run a program in the thread that calls it, from its start or from where it resumes.

    Moto starts a thread for each program.
    """

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
                env.execution.check_deadline()
        except FailureEventException as failed:
            if env.is_running():
                env.set_error(error=failure_details(failed))
        except Exception as wrong:
            if env.is_running():
                env.set_error(error={"error": RUNTIME, "cause": f"{type(wrong).__name__}: {wrong}"})

    patches.put(Program, "eval", run)


def log_no_failures(patches: Patches) -> None:
    """Log no failures of states; moto logs each one with the text of all components around it."""
    patches.put(EvalComponent, "_log_failure_event_exception", lambda *_, **__: None)
    patches.put(EvalComponent, "_log_exception", lambda *_, **__: None)
