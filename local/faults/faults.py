"""Fault injection: makes the simulation fail as a spec says; docs/faults.md describes it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from moto.core.exceptions import ServiceException

from local.faults import runs
from local.faults.active import ActiveFault
from local.faults.calls import OperationFails, subject
from local.faults.changes import Change
from local.faults.fields import TimedFault
from local.faults.functions import FunctionFails
from local.faults.knobs import changed as changed_knobs
from local.faults.runs import RunMisbehaves
from local.faults.sources import SourceFails, source_of
from local.faults.spec import Fault, Spec, parse
from local.services import simulation
from local.services.simulation import (
    Conduct,
    Invocation,
    Knobs,
    Moment,
    Record,
    RunOutcome,
    ScheduledChange,
)

Kind = TypeVar("Kind", bound=TimedFault)


@dataclass(frozen=True)
class _StruckRun:
    started: datetime
    source: tuple[str, str]
    faults: tuple[RunMisbehaves, ...]


class Faults:
    """The installed faults."""

    def __init__(self, spec: Spec) -> None:
        now = simulation.current.clock.now()
        self._spec = spec
        self._active: list[ActiveFault[Fault]] = [
            ActiveFault(fault, f"{spec.seed}/{number}", now)
            for number, fault in enumerate(spec.faults)
        ]
        self._runs: dict[str, _StruckRun] = {}
        self._lock = threading.Lock()

    def _of(self, kind: type[Kind]) -> Iterator[ActiveFault[Kind]]:
        for active in self._active:
            if isinstance(active.fault, kind):
                yield active  # type: ignore[misc]

    def status(self) -> dict[str, Any]:
        """Give the spec, each fault with how often it has ``Struck``."""
        given = self._spec.given
        struck = [
            {**item, "Struck": active.strikes}
            for item, active in zip(given["Faults"], self._active, strict=True)
        ]
        return {"Seed": self._spec.seed, **given, "Faults": struck}

    def knobs(self, knobs: Knobs) -> Knobs:
        """Give the knobs as the spec sets them."""
        changed: Knobs = changed_knobs(knobs, self._spec.knobs)
        return changed

    # Changes that happen without a request

    def changes(self) -> Iterator[ScheduledChange]:
        """List the changes that happen without a request, each at its first time."""
        for active in self._of(Change):
            yield self._change(active, active.first)

    def _change(self, active: ActiveFault[Change], at: datetime) -> ScheduledChange:
        def apply() -> None:
            active.strikes += active.fault.strike(at)
            again = active.fault.again(at, active.first)
            if again is not None:
                simulation.current.schedule(self._change(active, again))

        return ScheduledChange(at, apply, is_fault=True)

    # Calls

    def intercept(
        self, service: str, operation: str, request: Mapping[str, Any], moment: Moment
    ) -> None:
        """Raise the error with which a call is to fail, if it is."""
        now = simulation.current.clock.now()
        with self._lock:
            if moment == "before":
                self._use_source(service, operation, request, now)
            about = f"{operation} {subject(request)}"
            for active in self._of(OperationFails):
                if active.fault.matches(service, operation, request, moment) and active.strikes_now(
                    about, now
                ):
                    raise active.fault.error(operation)

    def _use_source(
        self, service: str, operation: str, request: Mapping[str, Any], now: datetime
    ) -> None:
        for active in self._of(SourceFails):
            code = active.fault.refusal(service, operation)
            if code and active.fault.matches(source_of(request)) and active.applies(now):
                active.strikes += 1
                raise ServiceException(code, active.fault.message)

    # Functions

    def direct_invocation(self, function: str) -> Invocation:
        """Decide whether a fault strikes an invocation of a function."""
        now = simulation.current.clock.now()
        with self._lock:
            for active in self._of(FunctionFails):
                if active.fault.Function.search(function) and active.strikes_now(function, now):
                    return active.fault.invocation
        return Invocation()

    # Runs

    def direct_run(self, flow: Mapping[str, Any], execution_id: str, at: datetime) -> Conduct:
        """Decide which faults strike a run that starts, and how it behaves until its end."""
        name = flow["flowName"]
        with self._lock:
            struck = tuple(
                active.fault
                for active in self._of(RunMisbehaves)
                if active.fault.Run.Flow.search(name) and active.strikes_now(name, at)
            )
            self._runs[execution_id] = _StruckRun(at, source_of(flow), struck)
        return runs.conduct(struck)

    def end_run(
        self,
        flow: Mapping[str, Any],
        execution_id: str,
        records: list[tuple[str, Record]],
        at: datetime,
    ) -> RunOutcome:
        """Decide how a run ends. One that started before the faults ends without them."""
        run = self._runs.pop(execution_id, None)
        if run is None:
            return RunOutcome(records)
        failed = self._failed_source(run, flow, at)
        if failed is not None:
            return RunOutcome([], "Error", failed.message)
        return runs.outcome(run.faults, records)

    def _failed_source(
        self, run: _StruckRun, flow: Mapping[str, Any], at: datetime
    ) -> SourceFails | None:
        with self._lock:
            for active in self._of(SourceFails):
                fault = active.fault
                if (
                    fault.matches(run.source)
                    and fault.fails(flow)
                    and active.applied_between(run.started, at)
                ):
                    active.strikes += 1
                    return fault
        return None

    def visibility_lag(self, profile: str, name: str) -> timedelta:
        """Give how long after its stamp a record of an object becomes readable, at most."""
        now = simulation.current.clock.now()
        lags = [simulation.lag_of_the_knob(profile, name)]
        for active in self._of(SourceFails):
            lag = active.fault.ShowsLate
            if lag and active.fault.matches((profile, name)) and active.applies(now):
                active.strikes += 1
                lags.append(lag)
        return max(lags)

    def lost_fields(self, profile: str, name: str) -> set[str]:
        """Name the fields that an object does not have now."""
        now = simulation.current.clock.now()
        return {
            active.fault.LosesField
            for active in self._of(SourceFails)
            if active.fault.LosesField
            and active.fault.matches((profile, name))
            and active.applies(now)
        }


def install(spec: Spec | Mapping[str, Any]) -> Faults:
    """Install faults in the running cloud, in place of any others. Raises InvalidFaults."""
    faults = Faults(spec if isinstance(spec, Spec) else parse(spec))
    world = simulation.current
    with world.changing():
        world.remove_faults()
        world.intercept = faults.intercept
        world.direct_run = faults.direct_run
        world.end_run = faults.end_run
        world.direct_invocation = faults.direct_invocation
        world.lost_fields = faults.lost_fields
        world.visibility_lag = faults.visibility_lag
        world.knobs_of_faults = faults.knobs
    for change in faults.changes():
        world.schedule(change)
    return faults


def status() -> dict[str, Any]:
    """Give the installed faults, each with how often it has ``Struck``."""
    installed = getattr(simulation.current.intercept, "__self__", None)
    return installed.status() if isinstance(installed, Faults) else {"Seed": 1, "Faults": []}


def clear() -> None:
    """Remove every fault. A run that never ends goes on until it is cancelled."""
    with simulation.current.changing():
        simulation.current.remove_faults()
