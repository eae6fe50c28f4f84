"""Wait states."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.state.wait.wait_function import (
    seconds as wait_seconds,
)
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.timestamp import Timestamp
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import (
    WaitFunction,
)

from local.interpreter.failures import QUERY_EVALUATION_ERROR, failure
from local.interpreter.states.waiting import pause

if TYPE_CHECKING:
    from local.interpreter.patches import Patches


def wait_on_the_clock(patches: Patches) -> None:
    """Wait in simulated time, and for whole seconds only; moto waits in real time."""

    def wait_interval(self: Any, env: Any, wait_seconds: float) -> None:
        pause(env, wait_seconds)

    patches.put(WaitFunction, "_wait_interval", wait_interval)
    patches.put(Timestamp, "_get_wait_seconds", _seconds_until)
    patches.put(wait_seconds.SecondsJSONata, "_get_wait_seconds", _whole_seconds)


def _seconds_until(self: Any, env: Any) -> float:
    self.string.eval(env=env)
    text = env.stack.pop()
    try:
        moment = datetime.datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise FailureEventException(self._create_failure_event(env, text)) from None
    return max(0.0, float((moment - env.execution.clock.now()).total_seconds()))


def _whole_seconds(self: Any, env: Any) -> int:
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
