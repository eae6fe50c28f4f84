"""The execution's input: read, checked as a whole, and brought into one form."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Annotated, Any, Literal

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

from bulk_ingestion import flows, presets
from bulk_ingestion.api_model import Problem
from bulk_ingestion.connectors import APPLICATIONS
from bulk_ingestion.errors import InvalidInput
from bulk_ingestion.estimate import prices
from bulk_ingestion.times import (
    DURATION_FORMS,
    INSTANT_FORMS,
    iso,
    parse_duration,
    parse_instant,
    parse_start,
    seconds_of,
)
from bulk_ingestion.windows import BULK_BEGINS, SMALLEST, Window, cut, number

TAG_KEY = re.compile(r"(?!aws:)[a-zA-Z0-9+\-=._:/]{1,128}")
TAG_VALUE = re.compile(r"[\w\s+\-=.:/@]{0,256}")
MOST_TAGS = 50
LONGEST_RUN_SECONDS = 48 * 3600  # AppFlow ends a run then (its service quotas)
MOST_ASSUMED = 1_000_000
MOST_CONCURRENCY = 40  # a domain has 50 integrations by default, and each window needs one

_AT_ONCE = "PT0S"
_BATCH_TIMES = (
    f"{INSTANT_FORMS}, or {DURATION_FORMS} back from the execution's start, {_AT_ONCE} for it"
)
_SHOWN = 80  # characters of a refused value that a message repeats
_NESTED = "IntegrationConfig.AppflowIntegration"


Instant = Annotated[datetime, WithJsonSchema({"type": ["string", "number"]})]
Duration = Annotated[relativedelta, WithJsonSchema({"type": "string", "examples": ["P2M", "P30D"]})]


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


def _assumed(key: str, **limits: Any) -> Any:
    row = prices()[key]
    return Field(default=row["Value"], description=row["Note"], **limits)


class EstimateAssumptions(BaseModel):
    """What an estimate goes by: prices, and what one window takes."""

    model_config = ConfigDict(extra="forbid", strict=True)

    RunDuration: str = _assumed("RunDuration")
    GigabytesPerWindow: float = _assumed("GigabytesPerWindow", ge=0, le=MOST_ASSUMED)
    UsdPerFlowRun: float = _assumed("UsdPerFlowRun", ge=0, le=MOST_ASSUMED)
    UsdPerGigabyte: float = _assumed("UsdPerGigabyte", ge=0, le=MOST_ASSUMED)
    UsdPer1000Transitions: float = _assumed("UsdPer1000Transitions", ge=0, le=MOST_ASSUMED)

    @field_validator("RunDuration")
    @classmethod
    def _fits_a_run(cls, duration: str) -> str:
        if seconds_of(duration) > LONGEST_RUN_SECONDS:
            raise ValueError(f"{duration!r} is longer than AppFlow lets a run last, 48 hours")
        return duration


class Extras(BaseModel):
    """The keys that every execution's input may have."""

    model_config = ConfigDict(extra="forbid", strict=True, arbitrary_types_allowed=True)

    MaxConcurrency: int | None = Field(
        default=None,
        ge=1,
        le=MOST_CONCURRENCY,
        description=f"windows at a time, a whole number from 1 to {MOST_CONCURRENCY}",
    )
    DryRun: bool = Field(default=False, description="true to plan and check alone, or false")
    Assumptions: EstimateAssumptions = Field(
        default_factory=EstimateAssumptions,
        description="prices and assumptions of the estimate, an object of "
        + ", ".join(EstimateAssumptions.model_fields),
    )


class ResumeInput(Extras):
    """The keys of the input of an execution that resumes another one's run."""

    Resume: str = Field(
        max_length=80, pattern=r"^[^\s/]+$", description="the name of the execution to resume"
    )


class ExecutionInput(Extras):
    """The keys of an execution's input, after the nested form was laid flat."""

    DomainName: str = Field(
        min_length=1,
        max_length=64,
        pattern=r"^[a-zA-Z0-9_-]+$",
        description="the name of the Customer Profiles domain",
    )
    ObjectTypeName: str = Field(
        min_length=1,
        max_length=255,
        pattern=r"^[a-zA-Z_][a-zA-Z_0-9-]*$",
        description="the name of the profile object type, such as Salesforce-Contact",
    )
    FlowDefinition: dict[str, Any] = Field(
        description="the continuous flow, an object as in Customer Profiles' PutIntegration; "
        "or Application, Object and ConnectorProfileName"
    )
    Application: str | None = Field(
        default=None,
        min_length=1,
        description=", ".join(known.properties for known in APPLICATIONS.values()),
    )
    Object: str | None = Field(
        default=None, min_length=1, description="the source's name of the object, such as Contact"
    )
    ConnectorProfileName: str | None = Field(
        default=None, min_length=1, description="the name of the AppFlow connection"
    )
    DatetimeTypeFieldName: str | None = Field(
        default=None, min_length=1, description="the field that holds when a record last changed"
    )
    Schedule: str | None = Field(
        default=None,
        min_length=1,
        description="how often the continuous flow pulls, such as rate(1hours)",
    )
    ImportFrom: Instant | None = Field(
        default=None, description=f"{INSTANT_FORMS}, or {DURATION_FORMS} back from now"
    )
    BatchSize: Duration = Field(
        default_factory=lambda: relativedelta(months=2),
        description=f"the length of one window, {DURATION_FORMS}, an hour at least",
    )
    Batches: list[Batch] | None = Field(
        default=None,
        min_length=1,
        description="your own windows, an array of objects with StartTime and EndTime",
    )
    Order: Literal["NewestFirst", "OldestFirst"] = Field(
        default="NewestFirst", description="NewestFirst or OldestFirst"
    )
    Tags: dict[str, str] = Field(
        default_factory=dict, description="tags for all that is created, an object of strings"
    )
    WorkflowType: Literal["APPFLOW_INTEGRATION"] | None = Field(
        default=None, description="APPFLOW_INTEGRATION"
    )
    RoleArn: str | None = Field(default=None, description="an ARN, which is not needed here")

    @field_validator("ImportFrom", mode="before")
    @classmethod
    def _read_start(cls, value: Any, info: ValidationInfo) -> datetime:
        return _not_in_future(parse_start(value, _now(info)), info)

    @field_validator("BatchSize", mode="before")
    @classmethod
    def _read_size(cls, value: Any, info: ValidationInfo) -> relativedelta:
        size = parse_duration(value)
        if _now(info) + size < _now(info) + SMALLEST:
            raise ValueError(f"{value!r} is shorter than an hour, the smallest window")
        return size

    @field_validator("Batches")
    @classmethod
    def _in_order(cls, batches: list[Batch] | None) -> list[Batch] | None:
        batches = sorted(batches or [], key=lambda batch: batch.StartTime)
        for earlier, later in pairwise(batches):
            if later.StartTime < earlier.EndTime:
                raise ValueError(
                    f"the one from {iso(later.StartTime)} begins before "
                    f"the one from {iso(earlier.StartTime)} ends ({iso(earlier.EndTime)})"
                )
        return batches or None

    @field_validator("Tags")
    @classmethod
    def _are_tags(cls, tags: dict[str, str]) -> dict[str, str]:
        room = MOST_TAGS - len(flows.OUR_TAGS)
        if len(tags) > room:
            raise ValueError(f"are {len(tags)}; AWS takes 50, and this stack adds its own: {room}")
        for key, value in tags.items():
            if key in flows.OUR_TAGS:
                raise ValueError(f"{key!r} is set by this stack; leave it out")
            if not TAG_KEY.fullmatch(key):
                raise ValueError(f"{key!r} is no tag key; use letters, digits and + - = . _ : /")
            if not TAG_VALUE.fullmatch(value):
                raise ValueError(f"{key!r} has a value with characters that a tag cannot hold")
        return tags


@dataclass(frozen=True)
class ResumeRequest:
    """An execution that is to complete what an earlier one left."""

    run: str
    """The earlier execution's name."""
    max_concurrency: int
    dry_run: bool
    assumptions: dict[str, Any]


@dataclass(frozen=True)
class Request:
    """What an execution is asked to do, with every default filled in."""

    domain: str
    object_type: str
    flow_definition: flows.FlowDefinition
    windows: tuple[Window, ...]
    """In the order of time; empty where the continuous integration alone can reach back."""
    hand_off: datetime
    """Where the last window ends and the continuous integration begins."""
    max_concurrency: int
    newest_first: bool
    dry_run: bool
    assumptions: dict[str, Any]
    """Those of the estimate: the values of ``prices.json``, or the input's."""
    tags: dict[str, str]
    warnings: tuple[str, ...]

    @property
    def ordered(self) -> tuple[Window, ...]:
        """The windows in the order in which they are to run."""
        return self.windows[::-1] if self.newest_first else self.windows


def read(
    raw: Any, now: datetime, domain: str = "", max_concurrency: int = 5
) -> Request | ResumeRequest:
    """Read an execution's input.

    ``now`` is the execution's start; ``domain`` and ``max_concurrency`` are the stack's defaults.
    Raises InvalidInput with a line for every problem: the key, what is wrong, what would be right.
    """
    if not isinstance(raw, dict):
        raise InvalidInput(
            f"The input must be a JSON object, not {type(raw).__name__}; see events/ for examples."
        )
    if "Resume" in raw:
        return _resume(raw, max_concurrency)
    now = now.replace(microsecond=0)
    flat, found = _lay_flat(raw)
    if domain:
        flat.setdefault("DomainName", domain)
    flat, more = presets.spell_out(flat)
    found += more
    given, more = _validate(flat, now)
    if any(problem.path in presets.KEYS for problem in found + more):
        more = [problem for problem in more if not _follows(problem, flat)]
    found += more
    paths = {"FlowDefinition": "FlowDefinition", "Batches": "Batches"}
    if "IntegrationConfig" in raw:
        paths = {key: f"{_NESTED}.{key}" for key in paths}
    if not any(problem.path in presets.KEYS for problem in found):
        found += _check_flow(flat, paths["FlowDefinition"], now)
    found += _check_start(flat, now, paths["FlowDefinition"])
    if not found and given is not None:
        return _resolve(given, now, max_concurrency, paths)
    raise _refusal(found, paths)


def _resume(raw: dict[str, Any], max_concurrency: int) -> ResumeRequest:
    try:
        given = ResumeInput.model_validate(raw)
    except ValidationError as error:
        found = [_problem(dict(item), ResumeInput) for item in error.errors()]
        raise _refusal(found, {}) from None
    concurrency = given.MaxConcurrency or max_concurrency
    return ResumeRequest(given.Resume, concurrency, given.DryRun, given.Assumptions.model_dump())


def _lay_flat(raw: dict[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """Bring CreateIntegrationWorkflow's nested IntegrationConfig up to the top; null is absent."""
    flat: dict[str, Any] = _without_nulls(raw)
    config = flat.pop("IntegrationConfig", None)
    if config is None:
        return flat, []
    nested = config.get("AppflowIntegration") if isinstance(config, dict) else None
    if not isinstance(nested, dict) or set(config) != {"AppflowIntegration"}:
        return flat, [Problem("IntegrationConfig", "must hold AppflowIntegration alone")]
    found = [
        Problem(f"{_NESTED}.{key}", "is unknown; it holds FlowDefinition and Batches")
        for key in sorted(set(nested) - {"FlowDefinition", "Batches"})
    ]
    for key in ("FlowDefinition", "Batches"):
        if key in nested and key in flat:
            found.append(Problem(key, f"is given twice, here and in {_NESTED}; keep one"))
        elif key in nested:
            flat[key] = nested[key]
    return flat, found


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _validate(flat: dict[str, Any], now: datetime) -> tuple[ExecutionInput | None, list[Problem]]:
    try:
        return ExecutionInput.model_validate(flat, context={"now": now}), []
    except ValidationError as error:
        return None, [_problem(dict(item)) for item in error.errors()]


_INNER: dict[str, type[BaseModel]] = {"Batches": Batch, "Assumptions": EstimateAssumptions}


def _problem(error: dict[str, Any], model: type[BaseModel] = ExecutionInput) -> Problem:
    path = ""
    for part in error["loc"]:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    if error["type"] == "extra_forbidden" and model is ResumeInput:
        return Problem(path, "is not for a resume, which takes it from the run that it resumes")
    if error["type"] == "extra_forbidden":
        parent = re.split(r"\W", path)[0] if "." in path else ""
        known = list(_INNER.get(parent, ExecutionInput).model_fields)
        near = difflib.get_close_matches(path.rpartition(".")[2], known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
        return Problem(path, f"is unknown; {hint}")
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "missing":
        message = "is missing"
    elif error["type"] != "value_error":
        message = f"cannot be {json.dumps(error['input'], default=str)[:_SHOWN]}"
    field = model.model_fields.get(re.split(r"\W", path)[0])
    if error["type"] == "value_error" or field is None:
        return Problem(path, message)
    return Problem(path, f"{message}; give {field.description}")


def _follows(problem: Problem, flat: dict[str, Any]) -> bool:
    """Whether a problem only follows from the preset's own: what it would have filled in."""
    return problem.path in ("FlowDefinition", "ObjectTypeName") and problem.path not in flat


def _check_flow(flat: dict[str, Any], path: str, now: datetime) -> list[Problem]:
    definition = flat.get("FlowDefinition")
    if not isinstance(definition, dict):
        return []
    if "Application" not in flat:
        return flows.check(definition, path, now)
    named = {f"{path}.{at}": key for at, key in presets.WHERE.items() if key in flat}
    return [
        Problem(named.get(problem.path, problem.path), problem.message)
        for problem in flows.check(presets.closed(definition), path, now)
    ]


def _check_start(flat: dict[str, Any], now: datetime, path: str) -> list[Problem]:
    has_start = flat.get("ImportFrom") is not None
    has_batches = flat.get("Batches") is not None
    if has_start and has_batches:
        return [Problem("ImportFrom", "is given beside Batches, which say it too; keep one")]
    if has_start or has_batches:
        return []
    begins = _trigger_start(flat.get("FlowDefinition"))
    if begins is None:
        return [
            Problem(
                "ImportFrom",
                "is missing; give a date (2023-01-31), a timestamp with an offset, or a duration "
                "back from now (P2Y); or give Batches",
            )
        ]
    try:
        if parse_instant(begins) > now:
            raise ValueError(f"{begins!r} is in the future; now is {iso(now)}")
    except ValueError as error:
        at = f"{path}.TriggerConfig.TriggerProperties.Scheduled.FirstExecutionFrom"
        return [Problem(at, str(error))]
    return []


def _trigger_start(flow_definition: Any) -> Any:
    value = flow_definition
    for key in ("TriggerConfig", "TriggerProperties", "Scheduled", "FirstExecutionFrom"):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _resolve(
    given: ExecutionInput, now: datetime, max_concurrency: int, paths: dict[str, str]
) -> Request:
    connector = flows.source_of(given.FlowDefinition).connector
    warnings: list[str] = []
    if given.RoleArn:
        warnings.append("RoleArn is not needed: the stack's own roles make every call.")
    start = given.ImportFrom or parse_instant(_trigger_start(given.FlowDefinition) or 0)
    if given.Batches:
        if not connector.has_windows:
            problem = Problem(
                "Batches",
                f"cannot be: {connector.type}'s filters have no upper bound; give ImportFrom",
            )
            raise _refusal([problem], paths)
        windows = number([(batch.StartTime, batch.EndTime) for batch in given.Batches])
        warnings += _gaps(windows)
    elif start >= now - BULK_BEGINS:
        windows = []
    elif connector.has_windows:
        try:
            windows = cut(start, now, given.BatchSize)
        except ValueError as error:
            raise _refusal([Problem("BatchSize", str(error))], paths) from None
    else:
        windows = number([(start, now)])
        warnings.append(
            f"{connector.type} cannot be cut into windows, since its filters have no upper "
            "bound; one flow run fetches everything."
        )
    return Request(
        domain=given.DomainName,
        object_type=given.ObjectTypeName,
        flow_definition=given.FlowDefinition,
        windows=tuple(windows),
        hand_off=windows[-1].end if windows else start,
        max_concurrency=given.MaxConcurrency or connector.max_concurrency or max_concurrency,
        newest_first=given.Order == "NewestFirst",
        dry_run=given.DryRun,
        assumptions=given.Assumptions.model_dump(),
        tags=given.Tags,
        warnings=tuple(warnings),
    )


def _gaps(windows: list[Window]) -> list[str]:
    return [
        f"No batch covers {iso(earlier.end)} to {iso(later.start)}: "
        "records that last changed then are not imported."
        for earlier, later in pairwise(windows)
        if earlier.end < later.start
    ]


def _not_in_future(instant: datetime, info: ValidationInfo) -> datetime:
    now = _now(info)
    if instant > now:
        raise ValueError(f"{iso(instant)} is in the future; now is {iso(now)}")
    return instant


def _now(info: ValidationInfo) -> datetime:
    now: datetime = info.context["now"]  # type: ignore[index]
    return now


def _refusal(found: list[Problem], paths: dict[str, str]) -> InvalidInput:
    lines = []
    for problem in found:
        top, rest = re.match(r"(\w*)(.*)", problem.path, re.DOTALL).groups()  # type: ignore[union-attr]
        lines.append(
            f"{paths.get(top, top)}{rest}: {problem.message}".rstrip(".")
            + ("" if problem.message.endswith("?") else ".")
        )
    count = "One problem" if len(lines) == 1 else f"{len(lines)} problems"
    heading = f"{count} in the execution's input; nothing was created."
    return InvalidInput("\n".join([heading, *sorted(set(lines))]))
