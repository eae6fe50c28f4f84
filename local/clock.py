"""The embedded cloud's time: a clock that can run faster than the wall's."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

_STALLED_AFTER = 60.0  # seconds of real time, which no call takes, even on a busy machine


@dataclass(eq=False)
class Turn:
    """What a thread is at work with, together with those that it shares its context with."""

    takes_turns: bool
    """Whether it works while no other thread does, as long as time stands still."""
    asleep: int = 0
    """How many of its threads are asleep: while one is, the turn is over."""
    is_on: bool = False
    go: threading.Event = field(default_factory=threading.Event)


@dataclass(eq=False)
class _Sleeper:
    wake_up: datetime | None
    """None for a sleep without an end, which can only be interrupted."""
    interrupted: threading.Event | None
    turn: Turn | None
    """None for a thread that time does not wait for."""
    is_awake: bool = False

    def __post_init__(self) -> None:
        self.go = threading.Event() if self.turn is None else self.turn.go

    @property
    def may_go(self) -> bool:
        return self.is_awake and (self.turn is None or self.turn.is_on)

    @property
    def is_interrupted(self) -> bool:
        return self.interrupted is not None and self.interrupted.is_set()

    def is_due(self, now: datetime) -> bool:
        return self.wake_up is not None and self.wake_up <= now


_mine: ContextVar[Turn | None] = ContextVar("turn", default=None)


class Clock:
    """Simulated time, shared by every thread of the embedded cloud.

    With a number for ``speed``, one second of real time is that many simulated seconds.
    Without one, time stands still while any thread is at work, and jumps to the next wake-up
    as soon as all of them wait: as fast as the machine can go, whatever the waits.

    A thread is at work inside :meth:`at_work` or :meth:`taking`, and not while it sleeps here or is
    inside :meth:`waiting` (for another thread). Without a speed, threads that are ``taking`` a turn
    work one at a time, each until it waits, in the order in which they had no more to wait for. So
    what happens does not depend on the machine. With ``dice``, they are drawn instead.
    """

    def __init__(self, speed: float | None = None, start: datetime | None = None) -> None:
        if speed is not None and speed <= 0:
            raise ValueError(f"The clock's speed must be more than 0, not {speed:g}.")
        self.speed = speed
        self.dice: random.Random | None = None
        self._base = start or datetime.now(UTC)
        self._started = time.monotonic()
        self._skipped = timedelta()
        self._at_work = 0
        self._in_turn = 0
        self._ready: list[Turn] = []
        self._sleepers: list[_Sleeper] = []
        self._changes = 0
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Give the simulated time, in UTC."""
        elapsed = (time.monotonic() - self._started) * (self.speed or 0)
        return self._base + self._skipped + timedelta(seconds=elapsed)

    def advance(self, seconds: float) -> datetime:
        """Skip simulated seconds; sleepers whose time has come wake up. Returns the new instant."""
        with self._lock:
            self._skipped += timedelta(seconds=seconds)
            self._wake_those_due()
            self._go_on()
        return self.now()

    def turn_to(self, instant: datetime) -> None:
        """Be at an instant, an earlier one even. Nobody may be asleep meanwhile."""
        with self._lock:
            if self._sleepers:
                raise RuntimeError(f"{len(self._sleepers)} threads wait for the clock.")
            self._base, self._started, self._skipped = instant, time.monotonic(), timedelta()

    def run_at(self, speed: float | None) -> None:
        """Go on from now at another speed."""
        with self._lock:
            self._base, self._started, self._skipped = self.now(), time.monotonic(), timedelta()
            self.speed = speed
            for sleeper in self._sleepers:
                sleeper.go.set()  # to look how long it has to wait now
            self._go_on()

    def sleep(self, seconds: float | None, interrupted: threading.Event | None = None) -> bool:
        """Wait for simulated seconds. Returns False when ``interrupted`` was set meanwhile.

        After you set ``interrupted``, call :meth:`nudge`. Without ``seconds``, only that ends it.
        """
        with self._lock:
            wake_up = None if seconds is None else self.now() + timedelta(seconds=seconds)
            sleeper = _Sleeper(wake_up, interrupted, _mine.get())
            if sleeper.is_interrupted:
                return False
            self._sleepers.append(sleeper)
            self._leave(sleeper.turn)
            self._go_on()
        self._sleep(sleeper)
        return not sleeper.is_interrupted or sleeper.is_due(self.now())

    def nudge(self) -> None:
        """Make every sleeper look whether it was interrupted."""
        with self._lock:
            for sleeper in [sleeper for sleeper in self._sleepers if sleeper.is_interrupted]:
                self._wake(sleeper)
            self._go_on()

    def counts_this_thread(self) -> bool:
        """Whether time has to wait for the calling thread."""
        return _mine.get() is not None

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Count the calling thread as one that time has to wait for."""
        with self.taking(self._new_turn(takes_turns=False)):
            yield

    def queue(self) -> Turn:
        """Have time wait for a thread that is about to be started: it is ``taking`` this turn."""
        return self._new_turn(takes_turns=True)

    @contextmanager
    def taking(self, turn: Turn) -> Iterator[None]:
        """Wait for a turn of :meth:`queue`, and give it back."""
        before = _mine.set(turn)
        self._wait_for(turn)
        try:
            yield
        finally:
            _mine.reset(before)
            with self._lock:
                self._leave(turn)
                self._go_on()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Do not count the calling thread while it waits for another one."""
        turn = _mine.get()
        with self._lock:
            self._leave(turn)
            self._go_on()
        try:
            yield
        finally:
            with self._lock:
                self._enter(turn)
                self._go_on()
            if turn is not None:
                self._wait_for(turn)

    def give_way(self) -> None:
        """Let others that are ready take their turns, if they are drawn."""
        turn = _mine.get()
        if self.dice is None or self.speed is not None or turn is None or not turn.takes_turns:
            return
        with self._lock:
            if not self._ready:
                return
            self._leave(turn)
            self._enter(turn)
            self._go_on()
        self._wait_for(turn)

    def _new_turn(self, takes_turns: bool) -> Turn:
        turn = Turn(takes_turns)
        with self._lock:
            turn.asleep = 1
            self._enter(turn)
            self._go_on()
        return turn

    # The rest is for those who hold the lock, save the waits.

    def _leave(self, turn: Turn | None) -> None:
        """Count a thread as asleep."""
        if turn is None:
            return
        turn.asleep += 1
        if turn.asleep == 1:
            turn.is_on = False
            turn.go.clear()
            self._at_work -= 1
            self._in_turn -= turn.takes_turns

    def _enter(self, turn: Turn | None) -> None:
        """Count a thread as awake."""
        if turn is None:
            return
        turn.asleep -= 1
        if turn.asleep == 0:
            if turn.takes_turns:
                self._ready.append(turn)
            else:
                self._start(turn)

    def _start(self, turn: Turn) -> None:
        self._changes += 1
        self._at_work += 1
        self._in_turn += turn.takes_turns
        turn.is_on = True
        turn.go.set()

    def _go_on(self) -> None:
        """Let the next thread work, and time go on to the next wake-up if there is none."""
        if self.speed is not None:
            while self._ready:
                self._start(self._ready.pop(0))
            return
        while not self._in_turn:
            if self._ready:
                number = len(self._ready)
                self._start(self._ready.pop(self.dice.randrange(number) if self.dice else 0))
            elif self._at_work or not self._skip():
                return

    def _skip(self) -> bool:
        """Skip the time to the next wake-up; give whether there is one."""
        wake_ups = [sleeper.wake_up for sleeper in self._sleepers if sleeper.wake_up is not None]
        if not wake_ups:
            return False
        self._skipped += max(timedelta(), min(wake_ups) - self.now())
        self._wake_those_due()
        return True

    def _wake_those_due(self) -> None:
        now = self.now()
        due = [sleeper for sleeper in self._sleepers if sleeper.is_due(now)]
        for sleeper in sorted(due, key=lambda sleeper: sleeper.wake_up or now):
            self._wake(sleeper)

    def _wake(self, sleeper: _Sleeper) -> None:
        self._changes += 1
        self._sleepers.remove(sleeper)
        sleeper.is_awake = True
        self._enter(sleeper.turn)
        if sleeper.turn is None:
            sleeper.go.set()

    def _sleep(self, sleeper: _Sleeper) -> None:
        while True:
            with self._lock:
                speed, changes = self.speed, self._changes
                left = None
                if speed is not None and sleeper.wake_up is not None:
                    left = max(0.0, (sleeper.wake_up - self.now()).total_seconds() / speed)
                    if left == 0 and not sleeper.is_awake:
                        self._wake(sleeper)
                        self._go_on()
                if sleeper.may_go:
                    return
                sleeper.go.clear()
            if not sleeper.go.wait(_STALLED_AFTER if speed is None else left):
                self._unless_stalled(changes)

    def _wait_for(self, turn: Turn) -> None:
        while True:
            changes = self._changes
            if turn.go.wait(_STALLED_AFTER):
                return
            self._unless_stalled(changes)

    def _unless_stalled(self, changes: int) -> None:
        """Let others go on if a thread at work waits for longer than any call here takes."""
        with self._lock:
            if self.speed is None and self._changes == changes:
                at_work, in_turn = self._at_work, self._in_turn
                self._at_work = self._in_turn = 0
                self._go_on()
                self._at_work += at_work
                self._in_turn += in_turn
