"""Faults on demand: data that says what fails, how and when; docs/faults.md describes it."""

from __future__ import annotations

import difflib
import json
import random
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from botocore.model import StructureShape
from moto.core.exceptions import ServiceException
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from bulk_ingestion import api_model
from bulk_ingestion.api_model import Problem
from bulk_ingestion.times import DURATION_FORMS, parse_duration
from local import disturbances, simulation
from local.appflow import models as appflow
from local.appflow.models import AppflowBackend
from local.customerprofiles.models import customerprofiles_backends
from local.simulation import Conduct, Happening, Record, RunOutcome

_EPOCH = datetime(2000, 1, 1)
_OTHER_RUNS = 100  # the most that one page of a flow's runs holds
_SHOWN = 80  # characters of a refused value that a message repeats
_DEFAULT_ERRORS = {
    "appflow": "InternalServerException",
    "customer-profiles": "InternalServerException",
    "s3": "InternalError",
    "lambda": "ServiceException",
    "stepfunctions": "InternalServerError",
    "sns": "InternalErrorException",
}
_SUBJECTS = (
    "flowName",
    "Uri",
    "Key",
    "FunctionName",
    "connectorEntityName",
    "ObjectTypeName",
    "DomainName",
)
"""Members of requests that tell what a call is about, the first one that is there."""
_LOST_AUTHENTICATION = {
    ("appflow", "CreateFlow"): "ConnectorAuthenticationException",
    ("appflow", "DescribeConnectorEntity"): "ConnectorAuthenticationException",
    ("customer-profiles", "PutIntegration"): "BadRequestException",
}
"""Operations that reach for a source, with what they answer when it does not let AppFlow in."""


class InvalidFaults(ValueError):  # noqa: N818
    """A spec cannot be used. Every problem has a line of its own."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = [str(problem) for problem in problems]


# ------------------------------------------------------------------------------ what is asked


def _duration(value: Any) -> timedelta:
    return _EPOCH + parse_duration(value) - _EPOCH


def _pattern(value: Any) -> re.Pattern[str]:
    if not isinstance(value, str):
        raise ValueError("must be a regular expression in a string")
    try:
        return re.compile(value)
    except re.error as wrong:
        raise ValueError(f"{value!r} is not a regular expression: {wrong}") from None


_Duration = Annotated[timedelta, BeforeValidator(_duration)]
_Pattern = Annotated[re.Pattern[str], BeforeValidator(_pattern)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, arbitrary_types_allowed=True)


class _Fault(_Strict):
    From: _Duration | None = Field(
        default=None, description=f"{DURATION_FORMS} after the faults were installed"
    )
    For: _Duration | None = Field(default=None, description=DURATION_FORMS)


class _Counted(_Fault):
    """A fault that can be told which of the things that it matches it strikes; all by default."""

    Nth: int | None = Field(default=None, ge=1, description="a whole number, 1 or more")
    Always: Literal[True] | None = Field(default=None, description="true, or leave it out")
    Probability: float | None = Field(
        default=None, gt=0, le=1, description="a number more than 0 and at most 1"
    )
    Times: int | None = Field(default=None, ge=1, description="a whole number, 1 or more")
    Each: bool = Field(default=False, description="true or false")

    @model_validator(mode="after")
    def _strikes_in_one_way(self) -> _Counted:
        if len({"Nth", "Always", "Probability"} & self.model_fields_set) > 1:
            raise ValueError("Nth, Always and Probability exclude each other; keep one")
        if self.Nth is not None and self.Times is not None:
            raise ValueError("Nth and Times exclude each other: the nth comes once")
        return self


class OperationFails(_Counted):
    """An operation that answers an error."""

    Operation: str = Field(description="service:Operation, such as appflow:StartFlow or s3:*")
    Moment: Literal["Before", "After"] = Field(
        default="Before", description="Before or After it took effect"
    )
    Error: str | None = Field(default=None, min_length=1, description="an error's code")
    Message: str | None = Field(default=None, min_length=1, description="a text")
    Match: dict[str, _Pattern] = Field(
        default_factory=dict, description="regular expressions by the request's members"
    )

    @field_validator("Operation")
    @classmethod
    def _exists(cls, value: str) -> str:
        service, _, name = value.partition(":")
        if service not in _DEFAULT_ERRORS:
            raise ValueError(
                f"{value!r} is of no service that can fail; known are {', '.join(_DEFAULT_ERRORS)}"
            )
        names = api_model.service_model(service).operation_names
        if name != "*" and name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            raise ValueError(
                f"{service} has no operation {name!r}"
                + (f"; did you mean {near[0]}?" if near else "; * stands for all")
            )
        return value

    @model_validator(mode="after")
    def _matches_members(self) -> OperationFails:
        known = sorted({name for found in _operations(self) for name in _members(*found)})
        unknown = [name for name in self.Match if name not in known]
        if unknown:
            raise ValueError(
                f"Match: {self.Operation} has no {', '.join(unknown)}; "
                f"known are {', '.join(known) or 'none'}"
            )
        return self

    @property
    def service(self) -> str:
        """The service, as botocore names it."""
        return self.Operation.partition(":")[0]

    def matches(
        self, service: str, operation: str, request: Mapping[str, Any], moment: str
    ) -> bool:
        """Tell whether a call is of those that it means."""
        return (
            self.Operation in (f"{service}:{operation}", f"{service}:*")
            and self.Moment.lower() == moment
            and all(
                pattern.search(_text(request.get(name, ""))) for name, pattern in self.Match.items()
            )
        )

    def error(self, operation: str) -> ServiceException:
        """Give the error that the caller gets."""
        told = "its answer was lost" if self.Moment == "After" else "it did nothing"
        return ServiceException(
            self.Error or _DEFAULT_ERRORS[self.service],
            self.Message or f"{operation} failed because a fault was asked for; {told}.",
        )


class RunMatch(_Strict):
    """Which runs a fault means."""

    Flow: _Pattern = Field(
        default=re.compile(""), description="a regular expression on the flow's name"
    )


class RunMisbehaves(_Counted):
    """A flow run that goes otherwise than well."""

    Run: RunMatch = Field(description='an object, {"Flow": "a regular expression"} or {}')
    Ends: Literal["Error", "Never"] | None = Field(default=None, description="Error or Never")
    Message: str | None = Field(default=None, min_length=1, description="a text")
    AppearsAfter: _Duration | None = Field(default=None, description=DURATION_FORMS)
    OnLaterPage: Literal[True] | None = Field(default=None, description="true, or leave it out")
    CutAt: int | None = Field(default=None, ge=0, description="a whole number, 0 or more")
    PutFailures: int | None = Field(default=None, ge=1, description="a whole number, 1 or more")
    Takes: _Duration | None = Field(default=None, description=DURATION_FORMS)

    EFFECTS: ClassVar = ("Ends", "AppearsAfter", "OnLaterPage", "CutAt", "PutFailures", "Takes")
    AFTER_AN_END: ClassVar = ("CutAt", "PutFailures", "Takes")

    @model_validator(mode="after")
    def _has_an_effect(self) -> RunMisbehaves:
        if not any(getattr(self, name) for name in self.EFFECTS) and self.CutAt is None:
            raise ValueError(f"says nothing of what happens; give one of {', '.join(self.EFFECTS)}")
        if self.Message is not None and self.Ends != "Error":
            raise ValueError("Message is for a run that Ends in Error")
        useless = [name for name in self.AFTER_AN_END if getattr(self, name) is not None]
        if self.Ends == "Never" and useless:
            raise ValueError(f"a run that Ends Never has no use for {', '.join(useless)}")
        return self

    @property
    def conduct(self) -> Conduct:
        """How the runs that it strikes go."""
        return Conduct(
            takes=self.Takes,
            ends=self.Ends != "Never",
            appears_after=self.AppearsAfter or timedelta(),
            listed_behind=_OTHER_RUNS if self.OnLaterPage else 0,
        )


class FlowChanges(_Fault):
    """A flow that AppFlow deactivates, or that somebody stops or deletes."""

    Flow: _Pattern = Field(description="a regular expression on the flow's name")
    Becomes: Literal["Deactivated", "Stopped", "Deleted", "Unregistered"] = Field(
        description="Deactivated, Stopped, Deleted or Unregistered"
    )
    Every: _Duration | None = Field(default=None, description=DURATION_FORMS)

    @model_validator(mode="after")
    def _goes_on(self) -> FlowChanges:
        if self.For is not None and self.Every is None:
            raise ValueError("For says until when it happens again; give Every as well")
        if self.Every is not None and self.Every <= timedelta():
            raise ValueError("Every must be longer than nothing")
        return self

    def strike(self, backend: AppflowBackend, at: datetime) -> int:
        """Change the scheduled flows that it means; tell how many there were."""
        return sum(
            _BECOMES[self.Becomes](backend, flow, at)
            for flow in list(backend.flows.values())
            if flow.trigger_type == "Scheduled" and self.Flow.search(flow.name)
        )


def _deactivated(backend: AppflowBackend, flow: appflow.Flow, at: datetime) -> bool:
    was_active = flow.status == "Active"
    backend.deactivate(flow, at)
    return was_active


def _stopped(backend: AppflowBackend, flow: appflow.Flow, at: datetime) -> bool:
    was_active = flow.status == "Active"
    if was_active:
        backend.stop_flow({"flowName": flow.name})
    return was_active


def _deleted(backend: AppflowBackend, flow: appflow.Flow, at: datetime) -> bool:
    backend.remove_flow(flow)
    return True


def _unregistered(backend: AppflowBackend, flow: appflow.Flow, at: datetime) -> bool:
    profiles = customerprofiles_backends[backend.account_id][backend.region_name]
    domain = str(flow.destination.get("domainName"))
    found = domain in profiles.domains and flow.arn in profiles.domains[domain].integrations
    if found:
        profiles.delete_integration({"DomainName": domain, "Uri": flow.arn})
    return found


_BECOMES: Mapping[str, Callable[[AppflowBackend, appflow.Flow, datetime], bool]] = {
    "Deactivated": _deactivated,
    "Stopped": _stopped,
    "Deleted": _deleted,
    "Unregistered": _unregistered,
}


class ConnectionGoes(_Fault):
    """A connector profile that somebody deletes, and makes again when ``For`` is over."""

    Connection: str = Field(min_length=1, description="a connector profile")
    Becomes: Literal["Deleted"] = Field(description="Deleted")

    def strike(self, backend: AppflowBackend, at: datetime) -> int:
        """Delete the profile; tell whether it was there."""
        profile = backend.connector_profiles.pop(self.Connection, None)
        if profile is None:
            return 0
        if self.For is not None:
            back = {self.Connection: profile}
            simulation.current.happen(
                Happening(at + self.For, lambda _: backend.connector_profiles.update(back))
            )
        return 1


class SourceFails(_Fault):
    """A source that is down, does not let AppFlow in, or has lost a field."""

    Source: str = Field(
        pattern=r"^[^/]+(/.+)?$", description="a connector profile, or profile/object"
    )
    Ends: Literal["Error"] | None = Field(default=None, description="Error")
    LosesAuthentication: Literal[True] | None = Field(
        default=None, description="true, or leave it out"
    )
    LosesField: str | None = Field(default=None, min_length=1, description="a field's name")
    Message: str | None = Field(default=None, min_length=1, description="a text")

    @model_validator(mode="after")
    def _has_an_effect(self) -> SourceFails:
        if sum(map(bool, (self.Ends, self.LosesAuthentication, self.LosesField))) != 1:
            raise ValueError("give one of Ends, LosesAuthentication and LosesField")
        return self

    def fails(self, flow: Mapping[str, Any]) -> bool:
        """Tell whether the runs of a flow that reads the source end in error."""
        needed = {name for task in flow["tasks"] for name in task["sourceFields"]}
        return self.LosesField is None or self.LosesField in needed

    def matches(self, source: tuple[str, str]) -> bool:
        """Tell whether it means a source, a pair of profile and object."""
        profile, _, name = self.Source.partition("/")
        return profile == source[0] and name in ("", source[1])

    @property
    def message(self) -> str:
        """What AppFlow says of it."""
        if self.Message:
            return self.Message
        if self.LosesField:
            return f"The field {self.LosesField} does not exist at {self.Source}."
        if self.LosesAuthentication:
            return f"Authentication failed: the credentials of {self.Source} are no longer valid."
        return f"The source {self.Source} could not be reached."


Fault = OperationFails | RunMisbehaves | FlowChanges | ConnectionGoes | SourceFails

_KINDS: Mapping[str, type[Fault]] = {
    "Operation": OperationFails,
    "Run": RunMisbehaves,
    "Flow": FlowChanges,
    "Connection": ConnectionGoes,
    "Source": SourceFails,
}
"""The kinds of fault, by the key that tells them apart."""


@dataclass(frozen=True)
class Spec:
    """What was asked for: ``given`` as it was written, and read."""

    given: Mapping[str, Any]
    faults: tuple[Fault, ...]

    @property
    def seed(self) -> int:
        """What all chance in it depends on."""
        return int(self.given.get("Seed", 1))


def read(path: Path) -> Spec:
    """Read a file of faults. Raises InvalidFaults, also for a file that cannot be read."""
    try:
        given = json.loads(path.read_text())
    except OSError as wrong:
        raise InvalidFaults([Problem("", f"It cannot be read: {wrong.strerror}.")]) from None
    except ValueError as wrong:
        raise InvalidFaults([Problem("", f"It is not JSON: {wrong}.")]) from None
    return parse(given)


def parse(given: Any) -> Spec:
    """Read what is asked for. Raises InvalidFaults with every problem."""
    if not isinstance(given, dict) or not isinstance(given.get("Faults"), list):
        raise InvalidFaults([Problem("", 'It must be an object such as {"Seed": 1, "Faults": []}')])
    problems = [
        Problem(key, "is unknown; known are Seed, Faults")
        for key in given
        if key not in ("Seed", "Faults")
    ]
    if type(given.get("Seed", 1)) is not int:
        problems.append(Problem("Seed", f"cannot be {given['Seed']!r}; give a whole number"))
    faults: list[Fault] = []
    for number, item in enumerate(given["Faults"]):
        try:
            faults.append(_kind(item).model_validate(item))
        except ValidationError as error:
            problems += _problems(error, f"Faults[{number}]", _kind(item))
        except ValueError as wrong:
            problems.append(Problem(f"Faults[{number}]", str(wrong)))
    if problems:
        raise InvalidFaults(problems)
    return Spec(given, tuple(faults))


def _kind(item: Any) -> type[Fault]:
    found = [key for key in _KINDS if isinstance(item, dict) and key in item]
    if len(found) != 1:
        raise ValueError(f"must be an object with exactly one of {', '.join(_KINDS)}")
    return _KINDS[found[0]]


def _problems(error: ValidationError, path: str, kind: type[BaseModel]) -> Iterator[Problem]:
    for found in error.errors():
        at, model, described = path, kind, ""
        for part in found["loc"]:
            at += f".{part}"
            known = model.model_fields.get(str(part))
            described = known.description or described if known else described
            model = RunMatch if part == "Run" else model
        message = found["msg"].removeprefix("Value error, ")
        if found["type"] == "extra_forbidden":
            key, names = str(found["loc"][-1]), list(model.model_fields)
            near = difflib.get_close_matches(key, names, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(names)}"
            message = f"is unknown; {hint}"
        elif found["type"] != "value_error":
            shown = json.dumps(found["input"], default=str)[:_SHOWN]
            message = f"cannot be {shown}; give {described}"
        yield Problem(at, message)


def _operations(fault: OperationFails) -> list[tuple[str, str]]:
    service, _, name = fault.Operation.partition(":")
    names = api_model.service_model(service).operation_names if name == "*" else [name]
    return [(service, name) for name in names]


def _members(service: str, operation: str) -> Sequence[str]:
    if service in disturbances.MEMBERS:
        return disturbances.MEMBERS[service]
    shape = api_model.service_model(service).operation_model(operation).input_shape
    return list(shape.members) if isinstance(shape, StructureShape) else []


# ---------------------------------------------------------------------------- what happens


@dataclass
class _Struck:
    """A fault at work: what it has matched and struck so far."""

    fault: Fault
    dice: str
    installed: datetime
    begins: datetime | None = None
    strikes: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    struck: Counter[str] = field(default_factory=Counter)

    def is_on(self, at: datetime) -> bool:
        """Tell whether it is its time. Without From, For counts from the first match."""
        if self.begins is None:
            delay = self.fault.From
            if delay is None and isinstance(self.fault, _Counted):
                self.begins = at
            else:
                self.begins = self.installed + (delay or timedelta())
        length = self.fault.For
        return self.begins <= at and (length is None or at < self.begins + length)

    def was_on(self, since: datetime, until: datetime) -> bool:
        """Tell whether it was its time at any moment of a stretch."""
        if self.is_on(since) or self.is_on(until):
            return True
        return self.begins is not None and since <= self.begins <= until

    def strikes_now(self, subject: str, at: datetime) -> bool:
        """Count one match, and tell whether it is struck."""
        fault = self.fault
        if not self.is_on(at) or not isinstance(fault, _Counted):
            return False
        group = subject if fault.Each else ""
        self.seen[subject] += 1
        number = self.seen[subject] if fault.Each else self.seen.total()
        if fault.Nth not in (None, number) or self.struck[group] == fault.Times:
            return False
        # What chance says of a subject's nth match does not depend on what others do meanwhile.
        dice = random.Random(f"{self.dice}/{subject}/{self.seen[subject]}")
        if fault.Probability is not None and dice.random() >= fault.Probability:
            return False
        self.struck[group] += 1
        self.strikes += 1
        return True


@dataclass(frozen=True)
class _StruckRun:
    started: datetime
    source: tuple[str, str]
    faults: tuple[RunMisbehaves, ...]


class Faults:
    """Faults at work in the simulation."""

    def __init__(self, spec: Spec) -> None:
        now = simulation.current.clock.now()
        self._spec = spec
        self._all = [
            _Struck(fault, f"{spec.seed}/{number}", now) for number, fault in enumerate(spec.faults)
        ]
        self._runs: dict[str, _StruckRun] = {}
        self._lock = threading.Lock()

    def happenings(self) -> list[Happening]:
        """List what happens by itself, each at its first time."""
        return [
            self._happening(struck, struck.installed + (struck.fault.From or timedelta()))
            for struck in self._all
            if isinstance(struck.fault, FlowChanges | ConnectionGoes)
        ]

    def _happening(self, struck: _Struck, at: datetime) -> Happening:
        def happens(backend: AppflowBackend) -> None:
            fault = struck.fault
            assert isinstance(fault, FlowChanges | ConnectionGoes)
            struck.strikes += fault.strike(backend, at)
            if isinstance(fault, FlowChanges) and fault.Every is not None:
                again = at + fault.Every
                first = struck.installed + (fault.From or timedelta())
                if fault.For is None or again < first + fault.For:
                    simulation.current.happen(self._happening(struck, again))

        return Happening(at, happens)

    def lost_fields(self, profile: str, name: str) -> set[str]:
        """Name the fields that an object does not have now."""
        now = simulation.current.clock.now()
        return {
            struck.fault.LosesField
            for struck in self._all
            if isinstance(struck.fault, SourceFails)
            and struck.fault.LosesField
            and struck.fault.matches((profile, name))
            and struck.is_on(now)
        }

    def told(self) -> dict[str, Any]:
        """Give the spec, each fault with how often it has ``Struck``."""
        given = self._spec.given["Faults"]
        return {
            "Seed": self._spec.seed,
            "Faults": [
                {**item, "Struck": struck.strikes}
                for item, struck in zip(given, self._all, strict=True)
            ],
        }

    def disturb(
        self,
        service: str,
        operation: str,
        request: Mapping[str, Any],
        moment: Literal["before", "after"],
    ) -> None:
        """Raise the error that a call is to fail with, if it is."""
        now = simulation.current.clock.now()
        with self._lock:
            if moment == "before":
                self._reach_for_source(service, operation, request, now)
            error = None
            subject = f"{operation} {_subject(request)}"
            for struck in self._all:
                fault = struck.fault
                if (
                    isinstance(fault, OperationFails)
                    and fault.matches(service, operation, request, moment)
                    and error is None
                    and struck.strikes_now(subject, now)
                ):
                    error = fault.error(operation)
        if error:
            raise error

    def _reach_for_source(
        self, service: str, operation: str, request: Mapping[str, Any], now: datetime
    ) -> None:
        code = _LOST_AUTHENTICATION.get((service, operation))
        if code is None:
            return
        source = _source(request)
        for struck in self._all:
            fault = struck.fault
            if (
                isinstance(fault, SourceFails)
                and fault.LosesAuthentication
                and fault.matches(source)
                and struck.is_on(now)
            ):
                struck.strikes += 1
                raise ServiceException(code, fault.message)

    def direct_run(self, flow: Mapping[str, Any], execution_id: str, at: datetime) -> Conduct:
        """Decide what a run that starts meets with, and tell how it goes."""
        name = flow["flowName"]
        with self._lock:
            faults = tuple(
                struck.fault
                for struck in self._all
                if isinstance(struck.fault, RunMisbehaves)
                and struck.fault.Run.Flow.search(name)
                and struck.strikes_now(name, at)
            )
            self._runs[execution_id] = _StruckRun(at, _source(flow), faults)
        conducts = [fault.conduct for fault in faults]
        return Conduct(
            takes=next((c.takes for c in conducts if c.takes is not None), None),
            ends=all(conduct.ends for conduct in conducts),
            appears_after=max((c.appears_after for c in conducts), default=timedelta()),
            listed_behind=max((c.listed_behind for c in conducts), default=0),
        )

    def judge_run(
        self,
        flow: Mapping[str, Any],
        execution_id: str,
        records: list[tuple[str, Record]],
        at: datetime,
    ) -> RunOutcome:
        """Tell how a run ends. One that started before the faults ends as if there were none."""
        run = self._runs.pop(execution_id, None)
        if run is None:
            return RunOutcome(records)
        down = self._down(run, flow, at)
        if down is not None:
            return RunOutcome([], "Error", down.message)
        cuts = [fault.CutAt for fault in run.faults if fault.CutAt is not None]
        failed = [fault for fault in run.faults if fault.Ends == "Error"]
        if failed:
            message = failed[0].Message or "The run failed because a fault was asked for."
            return RunOutcome(records[: min(cuts, default=0)], "Error", message)
        records = records[: min(cuts, default=None)]
        not_put = min(len(records), sum(fault.PutFailures or 0 for fault in run.faults))
        return RunOutcome(records[: len(records) - not_put], put_failures=not_put)

    def _down(self, run: _StruckRun, flow: Mapping[str, Any], at: datetime) -> SourceFails | None:
        with self._lock:
            for struck in self._all:
                fault = struck.fault
                if (
                    isinstance(fault, SourceFails)
                    and fault.matches(run.source)
                    and fault.fails(flow)
                    and struck.was_on(run.started, at)
                ):
                    struck.strikes += 1
                    return fault
        return None


def install(spec: Spec | Mapping[str, Any]) -> Faults:
    """Put faults to work in the running cloud, in place of any that were. Raises InvalidFaults."""
    faults = Faults(spec if isinstance(spec, Spec) else parse(spec))
    world = simulation.current
    with world.changing():
        world.disturb = faults.disturb
        world.direct_run = faults.direct_run
        world.judge_run = faults.judge_run
        world.lost_fields = faults.lost_fields
        world.happenings = []
    for happening in faults.happenings():
        world.happen(happening)
    return faults


def told() -> dict[str, Any]:
    """Give the faults at work, each with how often it has ``Struck``."""
    asked = getattr(simulation.current.disturb, "__self__", None)
    return asked.told() if isinstance(asked, Faults) else {"Seed": 1, "Faults": []}


def clear() -> None:
    """Take every fault away. A run that never ends goes on until it is cancelled."""
    with simulation.current.changing():
        simulation.current.let_be()


def _subject(request: Mapping[str, Any]) -> str:
    definition = request.get("FlowDefinition", {})
    return str(
        next(
            (request[name] for name in _SUBJECTS if name in request and not definition),
            definition.get("FlowName", ""),
        )
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _source(request: Mapping[str, Any]) -> tuple[str, str]:
    """Name the source, as profile and object, of a flow or of a request that is about one."""
    if "connectorEntityName" in request:
        return request.get("connectorProfileName", ""), request["connectorEntityName"]
    config = request.get("sourceFlowConfig") or request.get("FlowDefinition", {}).get(
        "SourceFlowConfig", {}
    )
    members = {name.lower(): value for name, value in config.items()}
    for properties in members.get("sourceconnectorproperties", {}).values():
        named = {name.lower(): value for name, value in properties.items()}
        name = named.get("object") or named.get("bucketname") or ""
        return members.get("connectorprofilename", members["connectortype"]), name
    return "", ""
