"""The keys of an execution's input, with their types and rules.

docs/input.schema.json is generated from these models. Messages quote their descriptions: "it must
be ...".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Annotated, Any, Generic, Literal, TypeVar

from dateutil.relativedelta import relativedelta
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from bulk_ingestion.flow.api_model import Problem
from bulk_ingestion.flow.connectors import APPLICATIONS
from bulk_ingestion.flow.windows import OVERLAPS, WINDOWS
from bulk_ingestion.report.estimate import Assumptions, prices
from bulk_ingestion.times import (
    DURATION_FORMS,
    INSTANT_FORMS,
    Lengths,
    iso,
    length,
    parse_duration,
    parse_start,
)
from bulk_ingestion.wording import did_you_mean, shown

RUNS = Lengths(
    timedelta(seconds=1),
    timedelta(hours=48),  # AppFlow itself ends a run after that (service quotas)
    "an ISO 8601 duration of 48 hours at most (PT10M, PT24H)",
)
MOST_ASSUMED = 1_000_000
MOST_CONCURRENCY = 40  # a domain has 50 integrations by default, and each window needs one

_AT_ONCE = "PT0S"
_BATCH_TIMES = f"{INSTANT_FORMS}, or {DURATION_FORMS} back from the execution's start ({_AT_ONCE})"
_FLOW_DEFINITION = (
    "an object: the continuous flow as in Customer Profiles' PutIntegration, or any part of it "
    "beside Application or Resume"
)

Instant = Annotated[datetime, WithJsonSchema({"type": ["string", "number"]})]
Duration = Annotated[relativedelta, WithJsonSchema({"type": "string", "examples": ["P2M", "P30D"]})]
OverlapLength = Annotated[
    timedelta, WithJsonSchema({"type": "string", "examples": ["PT1H", "P1D"]})
]
AnyTags = Annotated[
    dict[str, Any],
    WithJsonSchema({"type": "object", "additionalProperties": {"type": "string"}}),
]


class Batch(BaseModel):
    """One window of the user's own, as CreateIntegrationWorkflow has it."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    StartTime: Instant = Field(description=_BATCH_TIMES)
    EndTime: Instant = Field(description=_BATCH_TIMES)

    @field_validator("StartTime", "EndTime", mode="before")
    @classmethod
    def _read(cls, value: Any, info: ValidationInfo) -> datetime:
        if value == _AT_ONCE:
            return _now(info)
        return _not_in_future(parse_start(value, _now(info)), info)

    @field_validator("EndTime")
    @classmethod
    def _ends_after_start(cls, end: datetime, info: ValidationInfo) -> datetime:
        start = info.data.get("StartTime")
        if start is not None and end <= start:
            raise ValueError(f"{iso(end)} is not after StartTime {iso(start)}")
        return end


def _assumed(key: str, rule: str, **limits: Any) -> Any:
    row = prices()[key]
    return Field(default=row["Value"], description=f"{rule}. {row['Note']}", **limits)


def _assumed_number(key: str) -> Any:
    return _assumed(key, f"a number from 0 to {MOST_ASSUMED:,}", ge=0, le=MOST_ASSUMED)


class EstimateAssumptions(BaseModel):
    """The assumptions of an estimate: prices, and what one window needs."""

    model_config = ConfigDict(extra="forbid", strict=True)

    RunDuration: str = _assumed("RunDuration", RUNS.forms)
    GigabytesPerWindow: float = _assumed_number("GigabytesPerWindow")
    UsdPerFlowRun: float = _assumed_number("UsdPerFlowRun")
    UsdPerGigabyte: float = _assumed_number("UsdPerGigabyte")
    UsdPer1000Transitions: float = _assumed_number("UsdPer1000Transitions")
    UsdPer1000Puts: float = _assumed_number("UsdPer1000Puts")
    UsdPer1000Gets: float = _assumed_number("UsdPer1000Gets")
    UsdPer1000Invocations: float = _assumed_number("UsdPer1000Invocations")

    @field_validator("RunDuration")
    @classmethod
    def _fits_a_run(cls, duration: str) -> str:
        parse_duration(duration, RUNS)
        return duration

    def as_record(self) -> Assumptions:
        """Give the assumptions as the estimate needs them."""
        return {
            "RunDuration": self.RunDuration,
            "GigabytesPerWindow": self.GigabytesPerWindow,
            "UsdPerFlowRun": self.UsdPerFlowRun,
            "UsdPerGigabyte": self.UsdPerGigabyte,
            "UsdPer1000Transitions": self.UsdPer1000Transitions,
            "UsdPer1000Puts": self.UsdPer1000Puts,
            "UsdPer1000Gets": self.UsdPer1000Gets,
            "UsdPer1000Invocations": self.UsdPer1000Invocations,
        }


class CommonInput(BaseModel):
    """The keys that a new import and a resumed one have in common."""

    model_config = ConfigDict(extra="forbid", strict=True, arbitrary_types_allowed=True)

    FlowDefinition: dict[str, Any] = Field(default_factory=dict, description=_FLOW_DEFINITION)
    DatetimeTypeFieldName: str | None = Field(
        default=None,
        min_length=1,
        description="the name of the field that says when a record last changed",
    )
    Schedule: str | None = Field(
        default=None,
        min_length=1,
        description="how often the continuous flow pulls, such as rate(1hours) or "
        "cron(0 2 * * ? *)",
    )
    Overlap: OverlapLength | None = Field(
        default=None,
        description=f"{OVERLAPS.forms}, how far before the hand-off the continuous flow starts",
    )
    MaxConcurrency: int | None = Field(
        default=None,
        ge=1,
        le=MOST_CONCURRENCY,
        description=f"a whole number from 1 to {MOST_CONCURRENCY}, the windows at the same time",
    )
    DryRun: bool = Field(
        default=False, description="true to plan and check only, or false to run the import"
    )
    Assumptions: EstimateAssumptions = Field(
        default_factory=EstimateAssumptions,
        description="an object, prices and assumptions of the estimate: "
        + ", ".join(EstimateAssumptions.model_fields),
    )

    @field_validator("Overlap", mode="before")
    @classmethod
    def _read_overlap(cls, value: Any) -> timedelta:
        return length(parse_duration(value, OVERLAPS))


class ResumeInput(CommonInput):
    """The keys of an input that resumes another execution's run."""

    Resume: str = Field(
        min_length=1,
        max_length=500,
        pattern=r"^[^\s/]+$",
        description="the name or the ARN of the execution to resume",
    )


class ExecutionInput(CommonInput):
    """The keys of an execution's input, in its flat form."""

    DomainName: str = Field(
        min_length=1,
        max_length=64,
        pattern=r"^[a-zA-Z0-9_-]+$",
        description="the name of the Customer Profiles domain, 1 to 64 letters (A-Z, a-z), digits, "
        "- and _",
    )
    ObjectTypeName: str = Field(
        min_length=1,
        max_length=255,
        pattern=r"^[a-zA-Z_][a-zA-Z_0-9-]*$",
        description="the name of the profile object type, 1 to 255 letters (A-Z, a-z), digits, - "
        "and _, first a letter or _",
    )
    FlowDefinition: dict[str, Any] = Field(description=_FLOW_DEFINITION)
    Application: str | None = Field(
        default=None,
        min_length=1,
        description="one of " + ", ".join(known.properties for known in APPLICATIONS.values()),
    )
    Object: str | None = Field(
        default=None, min_length=1, description="the name of the object at the source"
    )
    ConnectorProfileName: str | None = Field(
        default=None, min_length=1, description="the name of the AppFlow connection"
    )
    ImportFrom: Instant | None = Field(
        default=None, description=f"{INSTANT_FORMS}, or {DURATION_FORMS} back from now"
    )
    BatchSize: Duration | None = Field(
        default=None,
        description=f"{WINDOWS.forms}, the length of one window",
    )
    Batches: list[Batch] | None = Field(
        default=None,
        min_length=1,
        description="an array of objects with StartTime and EndTime, your own windows",
    )
    Order: Literal["NewestFirst", "OldestFirst"] | None = Field(
        default=None, description="NewestFirst or OldestFirst"
    )
    Continue: bool = Field(
        default=True,
        description="true, or false to run the windows without a continuous integration",
    )
    Tags: AnyTags = Field(
        default_factory=dict,
        description="an object of strings, the tags of everything that is created",
    )
    WorkflowType: Literal["APPFLOW_INTEGRATION"] | None = Field(
        default=None, description="APPFLOW_INTEGRATION"
    )
    RoleArn: str | None = Field(default=None, description="an ARN, which is not used")

    @field_validator("ImportFrom", mode="before")
    @classmethod
    def _read_start(cls, value: Any, info: ValidationInfo) -> datetime:
        return _not_in_future(parse_start(value, _now(info)), info)

    @field_validator("BatchSize", mode="before")
    @classmethod
    def _read_size(cls, value: Any) -> relativedelta:
        return parse_duration(value, WINDOWS)

    @field_validator("Batches")
    @classmethod
    def _in_order(cls, batches: list[Batch] | None) -> list[Batch] | None:
        batches = sorted(batches or [], key=lambda batch: batch.StartTime)
        for earlier, later in pairwise(batches):
            if later.StartTime < earlier.EndTime:
                raise ValueError(
                    f"the batch from {iso(later.StartTime)} starts before "
                    f"the batch from {iso(earlier.StartTime)} ends ({iso(earlier.EndTime)})"
                )
        return batches or None


_INNER: dict[str, type[BaseModel]] = {"Batches": Batch, "Assumptions": EstimateAssumptions}
_STAND_INS = {"DomainName": "any", "ObjectTypeName": "any", "FlowDefinition": {}, "Resume": "any"}
"""Valid values for required keys that are missing or wrong, so that the others can be read."""

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Given(Generic[Model]):
    """The keys of an input that could be read, and the problems of the others."""

    keys: Model
    """The valid keys. All others have their defaults or stand-ins."""
    wrong: frozenset[str]
    """The keys that are not valid or are missing."""
    problems: list[Problem]


def read_keys(model: type[Model], keys: Mapping[str, Any], now: datetime) -> Given[Model]:
    """Read each key of an input. ``now`` is the execution's start."""
    context = {"now": now}
    try:
        return Given(model.model_validate(dict(keys), context=context), frozenset(), [])
    except ValidationError as error:
        errors: list[Any] = error.errors()
    wrong = frozenset(str(item["loc"][0]) for item in errors)
    valid = {key: value for key, value in keys.items() if key not in wrong}
    required = {key: value for key, value in _STAND_INS.items() if key in model.model_fields}
    return Given(
        model.model_validate({**required, **valid}, context=context),
        wrong,
        [_problem(item, model) for item in errors],
    )


def _problem(error: Any, model: type[BaseModel]) -> Problem:
    top, *inner = error["loc"]
    path = str(top)
    for part in inner:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    owner = _INNER.get(top, model) if inner and isinstance(inner[-1], str) else model
    if error["type"] == "extra_forbidden":
        return Problem(path, _unknown(error["loc"][-1], list(owner.model_fields), model))
    if error["type"] == "value_error":
        return Problem(path, str(error["msg"]).removeprefix("Value error, "))
    given = "is missing" if error["type"] == "missing" else f"is {shown(error['input'])}"
    return Problem(path, f"{given}; it must be {_rule(owner, error['loc'])}")


def _rule(owner: type[BaseModel], place: tuple[str | int, ...]) -> str:
    """Give what a key's value must be: the first sentence of its description."""
    if isinstance(place[-1], int):
        return "an object with StartTime and EndTime"
    field = owner.model_fields.get(str(place[-1])) or owner.model_fields[str(place[0])]
    return str(field.description).partition(". ")[0]


def _unknown(key: str, known: list[str], model: type[BaseModel]) -> str:
    if model is ResumeInput and key in ExecutionInput.model_fields:
        return (
            "can't be used with Resume, because it is taken from the resumed run; remove it, or "
            "start a new import"
        )
    return f"is unknown; {did_you_mean(key, known)}"


def _not_in_future(instant: datetime, info: ValidationInfo) -> datetime:
    now = _now(info)
    if instant > now:
        raise ValueError(f"{iso(instant)} is in the future; now is {iso(now)}")
    return instant


def _now(info: ValidationInfo) -> datetime:
    now: datetime = info.context["now"]  # type: ignore[index]
    return now
