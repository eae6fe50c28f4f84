"""What AppFlow, Customer Profiles and the sources share: the clock, the knobs and the seams.

moto makes its backends itself, so what they need from outside stands here, once a process.
"""

from __future__ import annotations

import threading
from bisect import insort
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from local.clock import Clock

Record = dict[str, Any]


@dataclass(frozen=True)
class Knobs:
    """How the simulation behaves where AWS leaves it open or where size is a matter of taste."""

    run_base: timedelta = timedelta(seconds=40)
    run_per_record: timedelta = timedelta(milliseconds=2)
    cancelling_takes: timedelta = timedelta(seconds=5)
    records_per_run: Mapping[str, int] = field(default_factory=lambda: {"Servicenow": 100_000})
    """The most that a run transfers, by connector type. Whether AppFlow says so when there are
    more is not documented; here it says nothing."""
    inclusive_bounds: bool = False
    """Whether BETWEEN includes its bounds: not observed so on Salesforce, unknown elsewhere."""
    delete_flow_with_integration: Literal["if it made it", "always", "never"] = "if it made it"
    """What DeleteIntegration does with the flow. CloudFormation's handler for integrations needs
    ``appflow:DeleteFlow`` to delete; the documentation does not say for which flows."""
    flows_per_account: int = 1000
    integrations_per_domain: int = 50
    client_token_lives: timedelta = timedelta(hours=8)
    first_pull_reaches_back: timedelta = timedelta(days=30)
    made_up_records: int = 3000
    made_up_years: float = 4
    seed: int = 20231123


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
    """How a run goes until its end."""

    takes: timedelta | None = None
    """None for as long as the knobs say."""
    ends: bool = True
    """Whether it ends by itself; if not, only cancelling ends it."""
    appears_after: timedelta = timedelta()
    """For how long the flow's execution records do not have it yet."""
    listed_behind: int = 0
    """How many other runs the flow's execution records have before it."""


Disturbance = Callable[[str, str, Mapping[str, Any], Literal["before", "after"]], None]
"""Called with service, operation, request and the moment, before and after every operation.
It may raise the ServiceException that the caller shall see."""

RunDirector = Callable[[Mapping[str, Any], str, datetime], Conduct]
"""Decides how a run goes, given its CreateFlow request, execution id and start."""

RunJudge = Callable[[Mapping[str, Any], str, list[tuple[str, Record]], datetime], RunOutcome]
"""Decides how a run ends, given its CreateFlow request, execution id, what it pulled, and when
it ends."""


def undisturbed(
    service: str,
    operation: str,
    request: Mapping[str, Any],
    moment: Literal["before", "after"],
) -> None:
    """Let every operation pass."""


def run_as_usual(flow: Mapping[str, Any], execution_id: str, at: datetime) -> Conduct:
    """Let every run go as the knobs say."""
    return Conduct()


def deliver_everything(
    flow: Mapping[str, Any], execution_id: str, records: list[tuple[str, Record]], at: datetime
) -> RunOutcome:
    """End every run well."""
    return RunOutcome(records)


@dataclass(frozen=True, order=True)
class Happening:
    """Something that happens by itself, at an instant: to flows, connections or sources."""

    at: datetime
    happens: Callable[[Any], None] = field(compare=False)
    """Called with the AppFlow backend, when its time has come."""


FieldLoss = Callable[[str, str], Collection[str]]
"""Names the fields that an object has lost, given its connector profile and its name."""


def keep_every_field(profile: str, name: str) -> Collection[str]:
    """Let objects have all their fields."""
    return ()


class Simulation:
    """The world's clock, knobs and seams, and the lock under which the world changes."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.knobs = Knobs()
        self.let_be()
        self.on_event: list[Callable[[dict[str, Any]], None]] = []
        self.on_due: list[Callable[[datetime], None]] = []
        self._events: deque[dict[str, Any]] = deque()
        self._lock = threading.RLock()
        self._depth = 0

    def let_be(self) -> None:
        """Take every fault away."""
        self.disturb: Disturbance = undisturbed
        self.direct_run: RunDirector = run_as_usual
        self.judge_run: RunJudge = deliver_everything
        self.lost_fields: FieldLoss = keep_every_field
        self.happenings: list[Happening] = []

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Have the world to oneself; events emitted meanwhile are delivered afterwards."""
        with self._lock:
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                outermost = self._depth == 0
        if outermost:
            self._deliver_events()

    def happen(self, happening: Happening) -> None:
        """Have something happen when its time has come."""
        with self.changing():
            insort(self.happenings, happening)
        self.comes_due(happening.at)

    def comes_due(self, at: datetime) -> None:
        """Tell the listeners in ``on_due`` that something is to happen at an instant."""
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
