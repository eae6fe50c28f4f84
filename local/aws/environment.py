"""The environment variables of functions, which all run in one process here."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from local.interpreter.timing import Signal

if TYPE_CHECKING:
    from local.clock import Clock


class Environment:
    """The process's environment variables, as the running functions need them.

    Functions with the same variables run side by side; others take turns.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._set: dict[str, str] = {}
        self._before: dict[str, str | None] = {}
        self._waiting: list[Signal] = []

    @contextmanager
    def with_variables(self, variables: dict[str, str], clock: Clock) -> Iterator[None]:
        """Have these variables in ``os.environ``, and wait for functions with other ones."""
        while (others := self._enter(variables, clock)) is not None:
            others.wait()
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                waiting, self._waiting = self._waiting, []
            for signal in waiting:
                signal.set()

    def _enter(self, variables: dict[str, str], clock: Clock) -> Signal | None:
        """Set the variables, or give what to wait for while other ones are in use."""
        with self._lock:
            if self._users and variables != self._set:
                self._waiting.append(Signal(clock))
                return self._waiting[-1]
            if variables != self._set:
                self.restore()
                self._before = {name: os.environ.get(name) for name in variables}
                os.environ.update(variables)
                self._set = dict(variables)
            self._users += 1
            return None

    def restore(self) -> None:
        """Restore the environment as it was without functions."""
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        self._set, self._before = {}, {}
