"""Waiting inside an execution: until something happens, or until the execution ends."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from moto.stepfunctions.parser.asl.eval.environment import Environment

from local.interpreter.timing import Signal

if TYPE_CHECKING:
    from local.clock import Clock
    from local.interpreter.patches import Patches


def stop_at_once(patches: Patches) -> None:
    """End all waits and Map Runs of an execution that ends; in moto they go on."""

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
    """Wait for the signal, the time limit or the end of the execution, whichever comes first."""
    left = env.execution.seconds_left()
    env.wake = signal
    try:
        if env.is_running():
            limits = [limit for limit in (seconds, left) if limit is not None]
            signal.wait(max(0.0, min(limits)) if limits else None)
    finally:
        env.wake = None
    env.execution.check_deadline()


def pause(env: Any, seconds: float) -> None:
    """Let simulated time pass, unless the execution ends first."""
    clock: Clock = env.execution.clock
    until = clock.now() + datetime.timedelta(seconds=seconds)
    while env.is_running() and (left := (until - clock.now()).total_seconds()) > 0:
        wait_for(env, Signal(clock), left)


def require_running(env: Any) -> None:
    """Raise if the execution has ended: it must make no more calls."""
    if not env.is_running():
        raise RuntimeError("The execution has ended.")
