"""Waiting on the simulated clock, and starting threads that count on it."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from local.clock import Clock


def iso(moment: datetime) -> str:
    """Write an instant as Step Functions does: ``2026-11-23T22:00:00.123Z``."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


class Signal:
    """Something a thread waits for, with or without a limit on the clock.

    From the moment it is set until the waiting thread has woken, that thread counts as being
    at work: otherwise time could jump in between.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._event = threading.Event()
        self._asleep = False
        self._woken: AbstractContextManager[None] | None = None

    def set(self) -> None:
        """Wake the thread that waits, or let it pass when it comes."""
        with self._lock:
            if self._event.is_set():
                return
            if self._asleep:
                self._woken = self._clock.at_work()
                self._woken.__enter__()
            self._event.set()
        self._clock.nudge()

    def is_set(self) -> bool:
        """Tell whether it has been set."""
        return self._event.is_set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait; returns whether the signal was set, rather than the time over."""
        with self._lock:
            if self._event.is_set():
                return True
            self._asleep = True
        if seconds is None:
            with self._clock.waiting():
                self._event.wait()
        else:
            self._clock.sleep(seconds, self._event)
        with self._lock:
            self._asleep = False
            if self._woken is not None:
                self._woken.__exit__(None, None, None)
                self._woken = None
            return self._event.is_set()


def start_thread(clock: Clock, name: str, work: Callable[[], None]) -> threading.Thread:
    """Start a thread that is at work from this moment on."""
    at_work = clock.at_work()
    at_work.__enter__()

    def run() -> None:
        try:
            work()
        finally:
            at_work.__exit__(None, None, None)

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    return thread
