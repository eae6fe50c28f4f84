"""Branches of a Parallel state and iterations of an inline Map, side by side."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_parallel.branches_decl import (
    BranchesDecl,
)
from moto.stepfunctions.parser.asl.eval.program_state import ProgramEnded, ProgramError

from local.interpreter.failures import failure, failure_details
from local.interpreter.states.frames import resume_at
from local.interpreter.timing import in_threads

if TYPE_CHECKING:
    from local.interpreter.patches import Patches


@dataclass
class Done:
    """A branch that has succeeded."""

    output: Any


class _Branches:
    """Branches or iterations, some of which may have run before a redrive."""

    def __init__(self, env: Any, programs: Sequence[Any]) -> None:
        before: list[Any] | None = env.resume_inner
        env.resume_inner = None
        self.env = env
        self.programs = programs
        self.outcomes: list[Any] = [None] * len(programs) if before is None else before
        """For each branch: Done, the state that it has Entered, or None before it starts."""
        self.errors: list[dict[str, Any]] = []
        self.to_do = [
            index
            for index in reversed(range(len(programs)))
            if not isinstance(self.outcomes[index], Done)
        ]
        self._frames: dict[int, Any] = {}
        self._lock = threading.Lock()

    def take(self) -> tuple[int, Any] | None:
        """Take the next branch to run, with its frame; None after a branch has failed."""
        with self._lock:
            if self.errors or not self.to_do or not self.env.is_running():
                return None
            index = self.to_do.pop()
            frame = self._frames[index] = self.env.open_inner_frame()
            return index, frame

    def give_back(self, index: int) -> str:
        """Record how a branch has ended. The first failure stops the others."""
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
            other.set_stop(stop_date=self.env.execution.clock.now(), cause=None, error=None)
        return "Failed"


def run_branches(
    env: Any,
    programs: Sequence[Any],
    input_of: Callable[[int, Any], Any],
    concurrency: int,
    report: Callable[[int, str], None] = lambda *_: None,
) -> list[Any]:
    """Run branches and return their outputs. The first error is the state's.

    ``input_of`` returns the input of a branch, given its index and its frame. ``report`` is
    called with the index and ``Started``, ``Succeeded``, ``Failed`` or ``Aborted``.
    """
    branches = _Branches(env, programs)
    env.entered.inner = branches.outcomes

    def work() -> None:
        while (taken := branches.take()) is not None:
            index, frame = taken
            report(index, "Started")
            _run_branch(frame, programs[index], index, input_of, branches.outcomes[index])
            report(index, branches.give_back(index))

    in_threads(env.execution.clock, "branch", min(concurrency, len(branches.to_do)), work)
    if branches.errors:
        raise failure(env, branches.errors[0].get("error"), branches.errors[0].get("cause"))
    return [outcome.output if isinstance(outcome, Done) else None for outcome in branches.outcomes]


def _run_branch(
    frame: Any, program: Any, index: int, input_of: Callable[[int, Any], Any], entered: Any
) -> None:
    try:
        if entered is None:
            frame.states.reset(input_value=input_of(index, frame))
        else:
            resume_at(frame, entered)
    except FailureEventException as failed:
        frame.set_error(error=failure_details(failed))
    program.eval(frame)


def run_parallel_states_on_the_clock(patches: Patches) -> None:
    """Wait for branches without holding up the clock, and end them all when one fails."""

    def eval_body(self: Any, env: Any) -> None:
        branches_input = env.stack.pop()
        env.stack.append(
            run_branches(
                env, self.programs, lambda *_: branches_input, concurrency=len(self.programs)
            )
        )

    patches.put(BranchesDecl, "_eval_body", eval_body)
