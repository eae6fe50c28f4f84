"""The embedded cloud's time: a clock that can run faster than the wall's."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

_STALLED_AFTER = 2.0  # seconds of real time


class Clock:
    """Simulated time, shared by every thread of the embedded cloud.

    With a number for ``speed``, one second of real time is that many simulated seconds.
    Without one, time stands still while any thread is at work, and jumps to the next wake-up
    as soon as all of them wait: as fast as the machine can go, whatever the waits.

    A thread is at work inside :meth:`at_work`, and not while it sleeps here or is inside
    :meth:`waiting` (for another thread).
    """

    def __init__(self, speed: float | None = None, start: datetime | None = None) -> None:
        if speed is not None and speed <= 0:
            raise ValueError(f"The clock's speed must be more than 0, not {speed:g}.")
        self.speed = speed
        self._base = start or datetime.now(UTC)
        self._started = time.monotonic()
        self._skipped = timedelta()
        self._busy = 0
        self._wake_ups: list[datetime] = []
        self._changed = threading.Condition()

    def now(self) -> datetime:
        """Tell the simulated instant, in UTC."""
        elapsed = (time.monotonic() - self._started) * (self.speed or 0)
        return self._base + self._skipped + timedelta(seconds=elapsed)

    def advance(self, seconds: float) -> datetime:
        """Skip simulated seconds; sleepers whose time has come wake up. Returns the new instant."""
        with self._changed:
            self._skipped += timedelta(seconds=seconds)
            self._changed.notify_all()
        return self.now()

    def turn_to(self, instant: datetime) -> None:
        """Be at an instant, an earlier one even. Nobody may be asleep meanwhile."""
        with self._changed:
            if self._wake_ups:
                raise RuntimeError(f"{len(self._wake_ups)} threads wait for the clock.")
            self._base, self._started, self._skipped = instant, time.monotonic(), timedelta()

    def run_at(self, speed: float | None) -> None:
        """Go on from now at another speed."""
        with self._changed:
            self._base, self._started, self._skipped = self.now(), time.monotonic(), timedelta()
            self.speed = speed
            self._changed.notify_all()

    def sleep(self, seconds: float, interrupted: threading.Event | None = None) -> bool:
        """Wait for simulated seconds. Returns False when ``interrupted`` was set meanwhile.

        Whoever sets ``interrupted`` calls :meth:`nudge` afterwards.
        """
        wake_up = self.now() + timedelta(seconds=seconds)
        with self._changed:
            self._wake_ups.append(wake_up)
            self._busy -= 1
            self._changed.notify_all()
            try:
                while (left := (wake_up - self.now()).total_seconds()) > 0:
                    if interrupted is not None and interrupted.is_set():
                        return False
                    self._wait(left)
            finally:
                self._busy += 1
                self._wake_ups.remove(wake_up)
                self._changed.notify_all()
        return True

    def nudge(self) -> None:
        """Make every sleeper look whether it was interrupted."""
        with self._changed:
            self._changed.notify_all()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Count the calling thread as one that time has to wait for."""
        self._count(+1)
        try:
            yield
        finally:
            self._count(-1)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Do not count the calling thread while it waits for another one."""
        self._count(-1)
        try:
            yield
        finally:
            self._count(+1)

    def _count(self, change: int) -> None:
        with self._changed:
            self._busy += change
            self._changed.notify_all()

    def _wait(self, left: float) -> None:
        if self.speed is not None:
            self._changed.wait(left / self.speed)
            return
        to_skip = min(self._wake_ups) - self.now()
        if to_skip <= timedelta():  # somebody's time has come: let them go first
            self._changed.wait()
        elif self._busy <= 0 or not self._changed.wait(_STALLED_AFTER):
            # Everybody waits, or somebody at work does so for longer than any call here takes.
            self._skipped += max(timedelta(), min(self._wake_ups) - self.now())
            self._changed.notify_all()
