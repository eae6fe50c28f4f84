"""What is drawn: an application, the records at it, an input, faults, and changes meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from dateutil.relativedelta import relativedelta
from hypothesis import strategies as st

from local.sources import Entity, known_entities

EVENTS = Path(__file__).parents[2] / "events"
MILLISECOND = timedelta(milliseconds=1)
SECOND = timedelta(seconds=1)
_OFF = [timedelta(), -MILLISECOND, MILLISECOND, -SECOND, SECOND]
HOUR = timedelta(hours=1)
MOST_WINDOWS = 6
RETRIES = 3
RUN_DEADLINE = timedelta(minutes=30)
"""The deadline of a run in this suite: polls cost time, and a day has many."""

Fault = dict[str, Any]


@dataclass(frozen=True)
class Application:
    """An application, read off the example input that imports from it."""

    name: str
    event: str
    text_field: str
    """A field that tells one version of a record from the next."""

    @property
    def input(self) -> dict[str, Any]:
        given: dict[str, Any] = json.loads(_text(self.event))
        return given

    @property
    def _config(self) -> dict[str, Any]:
        config: dict[str, Any] = self.input["FlowDefinition"]["SourceFlowConfig"]
        return config

    @property
    def profile(self) -> str:
        return str(self._config["ConnectorProfileName"])

    @property
    def object(self) -> str:
        [properties] = self._config["SourceConnectorProperties"].values()
        return str(properties["Object"])

    @property
    def object_type(self) -> str:
        return str(self.input["ObjectTypeName"])

    @property
    def date_field(self) -> str:
        return str(self._config["IncrementalPullConfig"]["DatetimeTypeFieldName"])

    @property
    def created_field(self) -> str:
        return str(self.entity.template["created"])

    @property
    def key_field(self) -> str:
        return self.entity.primary_key

    @property
    def entity(self) -> Entity:
        return known_entities(self.name)[self.object]

    @property
    def has_windows(self) -> bool:
        return self.name != "Zendesk"

    def record(self, key: str, changed: datetime, text: str) -> dict[str, Any]:
        """Write a record as the application does; it was created long before."""
        return {
            self.key_field: key,
            self.date_field: self.entity.format(changed),
            self.created_field: self.entity.format(changed - timedelta(days=400)),
            self.text_field: text,
        }

    def changed(self, record: dict[str, Any]) -> datetime:
        """Read when a record last changed."""
        text = str(record[self.date_field]).replace("+0000", "Z")
        changed = datetime.fromisoformat(text)
        return changed if changed.tzinfo else changed.replace(tzinfo=UTC)


@lru_cache
def _text(event: str) -> str:
    return (EVENTS / f"{event}.json").read_text()


SALESFORCE = Application("Salesforce", "salesforce-contact", "FirstName")
SERVICENOW = Application("Servicenow", "servicenow-incident", "short_description")
MARKETO = Application("Marketo", "marketo-leads", "firstName")
ZENDESK = Application("Zendesk", "zendesk-tickets", "subject")


@dataclass(frozen=True)
class Change:
    """A change at the source, when so many runs of windows have started, or have ended."""

    runs: int
    moment: Literal["Start", "End"]
    key: str | None
    """The record that is changed; None for a new one."""


@dataclass(frozen=True)
class Disturbance:
    """A fault, and what it may cost."""

    asked: Fault
    failed_runs: int | None = 0
    """How many runs of one window it lets fail at most; None if it may fail a window."""
    splits: bool = False
    """Whether it has a window's halves take its place, where the window can be split."""
    hinders_removal: bool = False
    """Whether it may keep something from being removed before the execution ends."""


@dataclass(frozen=True)
class Example:
    """One drawn execution and all around it."""

    application: Application
    now: datetime
    asked: dict[str, Any]
    """The keys of the input that say what to import, and how."""
    intervals: tuple[tuple[datetime, datetime], ...]
    """What the windows have to cover, in the order of time."""
    hand_off: datetime
    """From where on the continuous integration has to pull."""
    records: tuple[tuple[str, datetime], ...]
    """Key and last change of each record at the source."""
    disturbances: tuple[Disturbance, ...] = ()
    seed: int = 1
    changes: tuple[Change, ...] = ()
    stopped_at: int | None = None
    """The run of a window at whose start somebody stops the execution."""
    patience: int = 0
    """How many redrives come before the faults are mended."""
    record_limit: int | None = None
    """How many records a run transfers at most."""

    @property
    def input(self) -> dict[str, Any]:
        given = self.application.input
        given.pop("ImportFrom", None)
        return given | self.asked

    @property
    def faults(self) -> dict[str, Any]:
        asked = [disturbance.asked for disturbance in self.disturbances]
        if self.record_limit is not None:
            asked.append({"Run": {"Flow": "^bulk-"}, "CutAt": self.record_limit})
        return {"Seed": self.seed, "Faults": asked}

    @property
    def is_bearable(self) -> bool:
        """Whether three retries have to be enough, so that the execution must not fail."""
        costs = [disturbance.failed_runs for disturbance in self.disturbances]
        splits = any(disturbance.splits for disturbance in self.disturbances)
        return (
            self.stopped_at is None
            and None not in costs
            and sum(cost or 0 for cost in costs) <= RETRIES
            and not (splits and any(end - start < 3 * HOUR for start, end in self.intervals))
        )

    @property
    def hinders_removal(self) -> bool:
        """Whether a fault may leave something to the daily sweep."""
        return any(disturbance.hinders_removal for disturbance in self.disturbances)

    def is_covered(self, moment: datetime) -> bool:
        """Whether the import, or the continuous integration, is to bring a record."""
        return moment >= self.hand_off or any(
            start <= moment < end for start, end in self.intervals
        )


# ------------------------------------------------------------------------------ instants

_ODD_INSTANTS = [
    datetime(2024, 2, 29, tzinfo=UTC),
    datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC),
    datetime(2024, 3, 1, tzinfo=UTC),
    datetime(2024, 3, 10, 7, tzinfo=UTC),  # summer time begins in New York,
    datetime(2024, 3, 31, 1, tzinfo=UTC),  # and in Europe;
    datetime(2024, 10, 27, 1, tzinfo=UTC),  # it ends in Europe,
    datetime(2024, 11, 3, 6, tzinfo=UTC),  # and in New York
    datetime(2024, 12, 31, 23, 59, 59, tzinfo=UTC),
    datetime(2025, 1, 31, tzinfo=UTC),
]

_NOWS = [
    datetime(2024, 12, 31, 23, 59, 59, tzinfo=UTC),
    datetime(2024, 10, 27, 1, tzinfo=UTC),
    datetime(2025, 3, 1, tzinfo=UTC),
    datetime(2026, 11, 23, 22, tzinfo=UTC),
]

_SIZES = {
    "P1M": relativedelta(months=1),
    "P2M": relativedelta(months=2),
    "P3M": relativedelta(months=3),
    "P20D": relativedelta(days=20),
    "P45D": relativedelta(days=45),
    "P4W": relativedelta(weeks=4),
    "P7W": relativedelta(weeks=7),
}

_ROUNDED: list[Callable[[datetime], datetime]] = [
    lambda start: start,
    lambda start: start.replace(hour=0, minute=0, second=0),
    lambda start: start.replace(day=1, hour=0, minute=0, second=0),
    lambda start: start + relativedelta(day=31),
    lambda start: start + relativedelta(months=-1, day=31, hour=12),
]


def _written(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")


def _middle(start: datetime, end: datetime) -> datetime:
    return (start + (end - start) / 2).replace(microsecond=0)


@dataclass
class _Import:
    """What is asked for, and what has to be covered by it."""

    asked: dict[str, Any]
    intervals: list[tuple[datetime, datetime]]
    hand_off: datetime
    edges: list[datetime] = field(default_factory=list)
    middles: list[datetime] = field(default_factory=list)
    """Where the windows are cut in two when they are too large."""

    def __post_init__(self) -> None:
        self.edges = sorted({edge for interval in self.intervals for edge in interval})
        self.edges = self.edges or [self.hand_off]
        self.middles = [_middle(start, end) for start, end in self.intervals]


@st.composite
def _import_from(draw: st.DrawFn, application: Application, now: datetime) -> _Import:
    whole = now.replace(microsecond=0)
    name = draw(st.sampled_from(sorted(_SIZES)))
    size = _SIZES[name]
    number = draw(st.sampled_from([2, 1, 3, 4, 5, MOST_WINDOWS]))
    start = min(draw(st.sampled_from(_ROUNDED))(whole - size * number), whole - HOUR)
    asked = {"ImportFrom": _written(start), "BatchSize": name}
    if start >= whole - relativedelta(months=2):
        return _Import(asked, [], start)
    if not application.has_windows:
        return _Import(asked, [(start, whole)], whole)
    edges = [start]
    while (following := start + size * len(edges)) < whole:
        edges.append(following)
    return _Import(asked, list(zip(edges, [*edges[1:], whole], strict=True)), whole)


@st.composite
def _batches(draw: st.DrawFn, now: datetime) -> _Import:
    instants = [instant for instant in _ODD_INSTANTS if instant <= now]
    edges = sorted(draw(st.sets(st.sampled_from(instants), min_size=3, max_size=5)))
    intervals = list(pairwise(edges))
    if len(intervals) > 2 and draw(st.booleans()):
        del intervals[1]  # a gap, which is not imported
    batches = [{"StartTime": _written(a), "EndTime": _written(b)} for a, b in intervals]
    return _Import({"Batches": batches}, intervals, edges[-1])


@st.composite
def _moment(draw: st.DrawFn, imported: _Import, now: datetime) -> datetime:
    """Draw when a record last changed: on an edge, at an odd instant, or anywhere."""
    kind = draw(st.sampled_from(["edge", "edge", "middle", "odd", "before", "anywhere"]))
    first = imported.edges[0]
    if kind == "edge" or (kind == "middle" and imported.middles):
        near = draw(st.sampled_from(imported.edges if kind == "edge" else imported.middles))
        return min(near + draw(st.sampled_from(_OFF)), now)
    odd = [instant for instant in _ODD_INSTANTS if first <= instant < now]
    if kind == "odd" and odd:
        return draw(st.sampled_from(odd)) + draw(st.sampled_from([timedelta(), -MILLISECOND]))
    if kind == "before":
        return first - timedelta(milliseconds=draw(st.integers(0, 90 * 86_400_000)))
    start, end = draw(st.sampled_from(imported.intervals or [(first, now)]))
    return start + timedelta(milliseconds=draw(st.integers(0, (end - start) // MILLISECOND - 1)))


@st.composite
def _crowd(draw: st.DrawFn, imported: _Import, now: datetime) -> list[datetime]:
    """Draw many moments at even distances in one window."""
    start, end = draw(st.sampled_from(imported.intervals or [(imported.hand_off, now)]))
    number = draw(st.integers(6, 16))
    return [start + (end - start) * n / number for n in range(number)]


@st.composite
def _records(draw: st.DrawFn, imported: _Import, now: datetime) -> list[tuple[str, datetime]]:
    """Draw records: alone, many at one instant, many in one window; much stays empty."""
    alone = st.lists(_moment(imported, now), min_size=2, max_size=4)
    burst = st.builds(lambda one, size: [one] * size, _moment(imported, now), st.integers(2, 6))
    groups = st.lists(st.one_of(alone, burst, _crowd(imported, now)), min_size=1, max_size=4)
    moments = [moment for group in draw(groups) for moment in group]
    return [(str(1001 + number), moment) for number, moment in enumerate(moments)]


# ------------------------------------------------------------------------------ faults

_TRANSIENT = {
    "appflow": ["InternalServerException", "ThrottlingException"],
    "customer-profiles": ["InternalServerException", "ThrottlingException"],
    "s3": ["InternalError", "SlowDown"],
    "lambda": ["ServiceException", "TooManyRequestsException"],
}
_REMOVING = (
    "appflow:ListFlows",
    "appflow:DescribeFlow",
    "appflow:CancelFlowExecutions",
    "appflow:DeleteFlow",
    "customer-profiles:DeleteIntegration",
)
_OF_WINDOWS = [
    "appflow:CreateFlow",
    "appflow:StartFlow",
    "appflow:DescribeFlowExecutionRecords",
    "customer-profiles:PutIntegration",
    "s3:PutObject",
]
_OTHERS = [
    "customer-profiles:GetIntegration",
    "s3:GetObject",
    "s3:ListObjectsV2",
    "lambda:Invoke",
    *_REMOVING,
]
_SERVICES = ["appflow:*", "customer-profiles:*", "s3:*", "lambda:*"]


@st.composite
def _call_fails(draw: st.DrawFn) -> Disturbance:
    """Draw a call that fails, or whose answer is lost, no longer than its retries go on."""
    operation = draw(st.sampled_from(_OF_WINDOWS) | st.sampled_from([*_OTHERS, *_SERVICES]))
    service = operation.partition(":")[0]
    how: Fault = draw(
        st.sampled_from(
            [
                {"Nth": 1},
                {"Nth": 2},
                {"Nth": 1, "Each": True},
                {"Times": 3},
                {"Times": 2, "Each": True},
                {"Probability": 0.15},
                {"Probability": 0.3},
                {"For": "PT1M"},
                {"For": "PT5M"},
            ]
        )
    )
    asked = {
        "Operation": operation,
        "Moment": draw(st.sampled_from(["Before", "After"])),
        "Error": draw(st.sampled_from(_TRANSIENT[service])),
        **how,
    }
    return Disturbance(asked, hinders_removal=operation in (*_REMOVING, *_SERVICES))


def _window_flow(number: int) -> str:
    return f"-{number:04}$"


_ANY_WINDOW = {"Flow": "^bulk-"}


@st.composite
def _runs_fail(draw: st.DrawFn) -> Disturbance:
    """Draw runs that fail, no more often than they are retried."""
    times = draw(st.sampled_from([3, 1, 2]))
    more: Fault = draw(st.sampled_from([{"Each": True}, {"Each": True, "CutAt": 2}, {"CutAt": 2}]))
    asked = {"Run": _ANY_WINDOW, "Ends": "Error", "Times": times, **more}
    return Disturbance(asked, failed_runs=times)


@st.composite
def _run_is_odd(draw: st.DrawFn, has_windows: bool) -> Disturbance:
    """Draw a run that takes patience, that cannot put its records, or needs a smaller window."""
    odd: list[Fault] = [
        {"AppearsAfter": "PT3M"},
        {"OnLaterPage": True},
        {"Takes": "PT17M", "Times": 3},
        {"PutFailures": 2, "Probability": 0.7},
    ]
    too_large: list[Fault] = [
        {"Ends": "Error", "Message": "The response is too large.", "CutAt": 1},
        {"Ends": "Never"},
        {"Takes": "PT2H"},
    ]
    if has_windows and draw(st.booleans()):
        run = {"Flow": _window_flow(draw(st.integers(1, 3)))}
        return Disturbance({"Run": run, **draw(st.sampled_from(too_large))}, splits=True)
    return Disturbance({"Run": _ANY_WINDOW, **draw(st.sampled_from(odd))})


@st.composite
def _source_is_down(draw: st.DrawFn, application: Application) -> Disturbance:
    source = f"{application.profile}/{application.object}"
    if draw(st.booleans()):
        return Disturbance({"Source": source, "For": "PT30S", "Ends": "Error"}, 1)
    begins, lasts = draw(st.sampled_from([("PT1S", "PT3H"), ("PT50S", "PT1H"), ("PT2M", "PT40M")]))
    what: Fault = draw(st.sampled_from([{"Ends": "Error"}, {"LosesAuthentication": True}]))
    return Disturbance({"Source": source, "From": begins, "For": lasts, **what}, None)


@st.composite
def _window_breaks(draw: st.DrawFn) -> Disturbance:
    """Draw what fails one window for good, or, being systemic, all that are left."""
    flow = _window_flow(draw(st.integers(1, 3)))
    create: Fault = {"Operation": "appflow:CreateFlow", "Match": {"flowName": flow}}
    start: Fault = {"Operation": "appflow:StartFlow", "Match": {"flowName": flow}}
    register: Fault = {"Operation": "customer-profiles:PutIntegration", "Match": {"Uri": flow}}
    run: Fault = {"Run": {"Flow": flow}, "Ends": "Error"}
    return Disturbance(
        draw(
            st.sampled_from(
                [
                    create,
                    {**create, "Error": "ConnectorAuthenticationException"},
                    {**create, "Error": "ValidationException"},
                    start,
                    {**start, "Error": "AccessDeniedException"},
                    {**start, "Moment": "After"},
                    register,
                    {**register, "Error": "AccessDeniedException"},
                    {**register, "Error": "BadRequestException", "Moment": "After"},
                    run,
                    {**run, "CutAt": 3},
                    {**run, "Message": "The refresh token has expired.", "Takes": "PT10S"},
                    {"Operation": "s3:PutObject", "Match": {"Key": "windows/0001"}},
                    {"Run": _ANY_WINDOW, "Ends": "Error", "Times": 9},
                ]
            )
        ),
        failed_runs=None,
    )


@st.composite
def _machine_breaks(draw: st.DrawFn) -> Disturbance:
    """Draw what fails the execution outside its windows."""
    functions = ["plan-windows", "review-windows", "create-integration"]
    invoke: Fault = {
        "Operation": "lambda:Invoke",
        "Match": {"FunctionName": draw(st.sampled_from(functions))},
    }
    integrate: Fault = {
        "Operation": "customer-profiles:PutIntegration",
        "Match": {"FlowDefinition": "acme"},
    }
    return Disturbance(
        draw(
            st.sampled_from(
                [
                    invoke,
                    {**invoke, "Moment": "After"},
                    integrate,
                    {**integrate, "Moment": "After", "Error": "AccessDeniedException"},
                    {"Operation": "customer-profiles:GetIntegration"},
                    {"Operation": "s3:PutObject", "Match": {"Key": "report"}},
                    {"Operation": "s3:PutObject", "Match": {"Key": "windows/"}, "Moment": "After"},
                    {"Operation": "s3:GetObject", "Match": {"Key": "plan.json"}},
                ]
            )
        ),
        failed_runs=None,
    )


@st.composite
def _disturbances(draw: st.DrawFn, application: Application) -> list[Disturbance]:
    """Draw faults that have to be borne, and now and then one that need not."""
    bearable = st.one_of(_call_fails(), _runs_fail(), _run_is_odd(application.has_windows))
    breaks = st.one_of(_source_is_down(application), _window_breaks(), _machine_breaks())
    number = draw(st.sampled_from([1, 2, 3, 0]))
    found = [draw(bearable) for _ in range(number)]
    return [*found, draw(breaks)] if draw(st.integers(0, 2)) == 2 else found


# ------------------------------------------------------------------------------ examples


def _most_in_a_smallest_window(moments: list[datetime]) -> int:
    """Count the records that a window which cannot be split any more may have to hold."""
    return max(sum(start <= other < start + 3 * HOUR for other in moments) for start in moments)


@st.composite
def examples(draw: st.DrawFn, application: Application) -> Example:
    """Draw an execution, with all that goes on around it."""
    now = draw(st.sampled_from(_NOWS)) + draw(st.integers(0, 999)) * MILLISECOND
    if application.has_windows and draw(st.integers(0, 3)) == 0:
        imported = draw(_batches(now))
    else:
        imported = draw(_import_from(application, now))
    records = draw(_records(imported, now))
    changes = draw(
        st.lists(
            st.builds(
                Change,
                st.integers(1, 6),
                st.sampled_from(["Start", "End"]),
                st.none() | st.sampled_from([key for key, _ in records]),
            ),
            max_size=4,
        )
    )
    limit = None
    if application.name == "Servicenow" and draw(st.booleans()):
        # A change at the very instant of the hand-off may be in the last window too.
        least = 1 + _most_in_a_smallest_window([moment for _, moment in records]) + len(changes)
        limit = least + draw(st.integers(0, 2))
    return Example(
        application,
        now,
        asked={
            **imported.asked,
            "MaxConcurrency": draw(st.integers(1, 5)),
            "Order": draw(st.sampled_from(["NewestFirst", "OldestFirst"])),
        },
        intervals=tuple(imported.intervals),
        hand_off=imported.hand_off,
        records=tuple(records),
        disturbances=tuple(draw(_disturbances(application))),
        seed=draw(st.integers(1, 1000)),
        changes=tuple(changes),
        stopped_at=draw(st.sampled_from([None] * 12 + [1, 2, 3])),
        patience=draw(st.integers(0, 1)),
        record_limit=limit,
    )
