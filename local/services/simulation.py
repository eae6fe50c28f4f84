"""What the simulated services share: the clock, the knobs, and the hooks for faults and tests.

moto creates its backends itself, so what they need from outside is kept here, once per process.
"""

from __future__ import annotations

import threading
from bisect import insort
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

from local.clock import Clock
from local.services.knobs import Knobs as Knobs
from local.services.knobs import Young as Young

Record = dict[str, Any]
Moment = Literal["before", "after"]


class Destination(Protocol):
    """Where flows deliver records: Customer Profiles, in the flow's account and Region."""

    def missing(self, domain: str, object_type: str | None) -> str | None:
        """Say which of a domain and an object type does not exist; None if both exist."""

    def deliver(
        self,
        flow_arn: str,
        properties: Mapping[str, Any],
        records: Iterable[tuple[str, Record]],
        at: datetime,
    ) -> None:
        """Take what a run of a flow transferred, which ended at an instant.

        ``properties`` are the flow's destination properties (``domainName``, ``objectTypeName``),
        ``records`` pairs of the record's key at the source and the record as mapped.
        """


@dataclass(frozen=True)
class RunOutcome:
    """How a flow run ended, and which of the records that it pulled it delivers."""

    records: list[tuple[str, Record]]
    """Pairs of the record's key at the source and the record as mapped."""
    status: Literal["Successful", "Error"] = "Successful"
    message: str = ""
    put_failures: int = 0


@dataclass(frozen=True)
class Conduct:
    """How a run behaves until its end."""

    takes: timedelta | None = None
    """None for as long as the knobs say."""
    ends: bool = True
    """Whether it ends by itself; if not, only cancelling ends it."""
    appears_after: timedelta = timedelta()
    """How long it is missing from the flow's execution records."""
    listed_behind: int = 0
    """How many other runs the flow's execution records list before it."""


Interceptor = Callable[[str, str, Mapping[str, Any], Moment], None]
"""Called with service, operation, request and moment, before and after every operation.
To fail the call, it raises the ServiceException that the caller gets, or an error of botocore's
transport, which the caller's client raises in place of an answer."""

RunDirector = Callable[[Mapping[str, Any], str, datetime], Conduct]
"""Decides how a run behaves, given its CreateFlow request, execution ID and start."""

RunEnding = Callable[[Mapping[str, Any], str, list[tuple[str, Record]], datetime], RunOutcome]
"""Decides how a run ends, given its CreateFlow request, execution ID, the records that it pulled,
and the time at which it ends."""


@dataclass(frozen=True)
class Invocation:
    """How an invocation of a Lambda function goes."""

    ends: Literal["TimedOut", "OutOfMemory", "Exited", "Unknown", "ClientTimeout"] | None = None
    """How it fails; None if its handler decides."""
    takes: timedelta = timedelta()
    """How much longer Lambda takes to answer."""
    moment: Moment = "before"
    """Whether both happen before the handler has done anything, or after it has done everything."""


InvocationDirector = Callable[[str], Invocation]
"""Decides how an invocation goes, given the function's name."""

FieldLoss = Callable[[str, str], Collection[str]]
"""Names the fields that an object has lost, given its connector profile and its name."""


def pass_every_call(
    service: str, operation: str, request: Mapping[str, Any], moment: Moment
) -> None:
    """Let every operation pass."""


def run_as_usual(flow: Mapping[str, Any], execution_id: str, at: datetime) -> Conduct:
    """Let every run take as long as the knobs say."""
    return Conduct()


def deliver_everything(
    flow: Mapping[str, Any], execution_id: str, records: list[tuple[str, Record]], at: datetime
) -> RunOutcome:
    """End every run successfully."""
    return RunOutcome(records)


VisibilityLag = Callable[[str, str], timedelta]
"""Gives how long after its stamp a record of an object becomes readable, at most, given its
connector profile and its name."""


def lag_of_the_knob(profile: str, name: str) -> timedelta:
    """Let the records of every object lag as the knob says."""
    return current.knobs.visibility_lag


def invoke_as_usual(function: str) -> Invocation:
    """Let every handler decide how its invocation ends."""
    return Invocation()


def keep_every_field(profile: str, name: str) -> Collection[str]:
    """Leave every object all its fields."""
    return ()


KnobChange = Callable[[Knobs], Knobs]
"""Changes the knobs as the faults want them."""


def leave_knobs(knobs: Knobs) -> Knobs:
    """Leave the knobs as they are."""
    return knobs


@dataclass(frozen=True, order=True)
class ScheduledChange:
    """Something that happens at an instant without a request: to flows, connections or sources."""

    at: datetime
    apply: Callable[[], None] = field(compare=False)
    is_fault: bool = field(default=False, compare=False)
    """Whether it goes away with the faults."""


_instant: ContextVar[datetime | None] = ContextVar("instant", default=None)


class Simulation:
    """The simulation's clock, knobs and hooks, and the lock under which its state changes."""

    def __init__(self) -> None:
        self.clock = Clock()
        self._knobs = self._effective_knobs = Knobs()
        self.destination: Callable[[str, str], Destination]
        """Gives what flows deliver to, by account and Region."""
        self.changes: list[ScheduledChange] = []
        """What is scheduled, the earliest first."""
        self.remove_faults()
        self.on_event: list[Callable[[dict[str, Any]], None]] = []
        self.on_due: list[Callable[[datetime], None]] = []
        self._events: deque[dict[str, Any]] = deque()
        self._lock = threading.RLock()
        self._depth = 0

    def reset(self, clock: Clock, knobs: Knobs) -> None:
        """Start over with a clock and knobs: no faults, no scheduled changes, no listeners."""
        self.clock = clock
        self.knobs = knobs
        self.remove_faults()
        self.changes.clear()
        self.on_event.clear()
        self.on_due.clear()

    def remove_faults(self) -> None:
        """Set every hook back to what happens without faults."""
        self.intercept: Interceptor = pass_every_call
        self.direct_run: RunDirector = run_as_usual
        self.end_run: RunEnding = deliver_everything
        self.direct_invocation: InvocationDirector = invoke_as_usual
        self.lost_fields: FieldLoss = keep_every_field
        self.visibility_lag: VisibilityLag = lag_of_the_knob
        self.knobs_of_faults = leave_knobs
        self.changes[:] = [change for change in self.changes if not change.is_fault]

    def now(self) -> datetime:
        """Give the time: that of the clock, or of the change that is being applied."""
        return _instant.get() or self.clock.now()

    @contextmanager
    def at(self, instant: datetime) -> Iterator[None]:
        """Apply a change that was due at an instant which may have passed."""
        token = _instant.set(instant)
        try:
            yield
        finally:
            _instant.reset(token)

    @property
    def knobs(self) -> Knobs:
        """How the services behave: as a test has set it, changed by the installed faults."""
        return self._effective_knobs

    @knobs.setter
    def knobs(self, knobs: Knobs) -> None:
        self._knobs = knobs
        self._effective_knobs = self._knobs_of_faults(knobs)

    @property
    def knobs_of_faults(self) -> KnobChange:
        """How the installed faults change the knobs."""
        return self._knobs_of_faults

    @knobs_of_faults.setter
    def knobs_of_faults(self, change: KnobChange) -> None:
        self._knobs_of_faults = change
        self._effective_knobs = change(self._knobs)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Hold the lock; events emitted meanwhile are delivered afterwards."""
        with self._lock:
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                outermost = self._depth == 0
        if outermost:
            self._deliver_events()

    def schedule(self, change: ScheduledChange) -> None:
        """Apply a change when its time has come."""
        with self.changing():
            insort(self.changes, change)
        self.comes_due(change.at)

    def comes_due(self, at: datetime) -> None:
        """Notify the listeners in ``on_due`` that something will happen at an instant."""
        for callback in list(self.on_due):
            callback(at)

    def emit(self, event: dict[str, Any]) -> None:
        """Queue an EventBridge event for the listeners in ``on_event``."""
        if self.on_event:
            self._events.append(event)

    def _deliver_events(self) -> None:
        while True:
            try:
                event = self._events.popleft()
            except IndexError:  # none left: other threads take them out as well
                return
            for callback in self.on_event:
                callback(event)


current = Simulation()
