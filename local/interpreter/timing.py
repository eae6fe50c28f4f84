"""Waiting on the simulated clock, and threads that the clock takes into account."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from local.clock import Clock


class _Thread(threading.Thread):
    """A thread that this module has started."""


def iso(moment: datetime) -> str:
    """Write an instant as Step Functions does: ``2026-11-23T22:00:00.123Z``."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


class Signal:
    """Something a thread waits for, with or without a time limit on the clock.

    From the moment the signal is set until the waiting thread has woken, that thread counts as
    being at work. Otherwise, time could jump in between.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._event = threading.Event()

    def set(self) -> None:
        """Wake the thread that waits, or let it pass when it starts to wait."""
        self._event.set()
        self._clock.nudge()

    def is_set(self) -> bool:
        """Return whether the signal has been set."""
        return self._event.is_set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until the signal is set or the time is over; return whether it was set."""
        self._clock.sleep(seconds, self._event)
        return self._event.is_set()


def start_thread(clock: Clock, name: str, work: Callable[[], None]) -> threading.Thread:
    """Start a thread that counts as being at work from this moment on."""
    turn = clock.queue()

    def run() -> None:
        with clock.taking(turn):
            work()

    thread = _Thread(target=run, name=name, daemon=True)
    thread.start()
    return thread


def join_threads(seconds: float) -> None:
    """Wait, in real time, until the threads that were started have ended.

    A Task that timed out leaves one behind, whose function works on. It must not call the next
    embedded cloud of this process.
    """
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        threads = (thread for thread in threading.enumerate() if thread.is_alive())
        mine = (thread for thread in threads if isinstance(thread, _Thread))
        if (thread := next(mine, None)) is None:
            return
        thread.join(left)


def in_threads(clock: Clock, name: str, count: int, work: Callable[[], None]) -> None:
    """Do the same work in ``count`` threads, wait for all of them, and raise what one raised."""
    if count == 1:
        work()
        return
    all_done = Signal(clock)
    lock = threading.Lock()
    left = count
    raised: list[BaseException] = []

    def run() -> None:
        nonlocal left
        try:
            work()
        except BaseException as error:
            raised.append(error)
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
    if raised:
        raise raised[0]
