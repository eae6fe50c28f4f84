"""Retriers: how often a state is tried again, and how long to wait before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent

from local.interpreter.states.waiting import pause

if TYPE_CHECKING:
    from local.interpreter.patches import Patches


def count_attempts_in_one_place(patches: Patches) -> None:
    """Count every attempt. Moto names a retrier's counter when it is first used.

    Children that fail at the same time may each name it, and lose what was counted under the
    other name.
    """
    patches.put(EvalComponent, "heap_key", property(lambda self: f"component-{id(self)}"))


def back_off_on_the_clock(patches: Patches) -> None:
    """Back off in simulated time, and no longer than the execution lasts."""

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
