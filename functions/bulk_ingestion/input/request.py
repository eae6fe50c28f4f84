"""Reads an execution's input, checks it as a whole, and converts it to one form."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from dateutil.relativedelta import relativedelta

from bulk_ingestion.errors import InvalidInput, invalid_input
from bulk_ingestion.flow import check, definitions
from bulk_ingestion.flow.api_model import Problem
from bulk_ingestion.flow.connectors import CONNECTORS, Connector
from bulk_ingestion.flow.schedule import expression_problem, pull_interval
from bulk_ingestion.flow.target import Target
from bulk_ingestion.flow.windows import BULK_BEGINS, Window
from bulk_ingestion.input import defaults, presets, tags
from bulk_ingestion.input.defaults import Defaults
from bulk_ingestion.input.model import ExecutionInput, ResumeInput, read_keys
from bulk_ingestion.input.past import Past, cut_past
from bulk_ingestion.report.estimate import Assumptions
from bulk_ingestion.run.job import Job
from bulk_ingestion.times import iso, length, parse_duration
from bulk_ingestion.wording import kind, shown

_NESTED = "IntegrationConfig.AppflowIntegration"
_OFFSET = "TriggerConfig.TriggerProperties.Scheduled.ScheduleOffset"
_NEEDED = ("DomainName", "ObjectTypeName", "ImportFrom", "FlowDefinition", *presets.KEYS[:3])
"""Keys that at least one form of an input requires."""

_CREATED = re.compile("creat", re.IGNORECASE)


@dataclass(frozen=True)
class ResumeRequest:
    """The input of an execution that completes an earlier one."""

    run: str
    """The earlier execution's name, or its ARN."""
    corrections: definitions.FlowDefinition
    """The parts of the FlowDefinition that replace the earlier execution's."""
    named: dict[str, str]
    """The keys of the input that set parts of the FlowDefinition, by the path of the part."""
    overlap: timedelta | None
    """None to use the earlier execution's."""
    max_concurrency: int | None
    """None to use the default."""
    dry_run: bool
    assumptions: Assumptions


@dataclass(frozen=True)
class Request:
    """The input of an execution, with all defaults filled in."""

    target: Target
    windows: tuple[Window, ...]
    """In order of time; empty if the continuous integration reaches back far enough."""
    hand_off: datetime
    """The end of the last window, where the continuous integration continues."""
    overlap: timedelta
    """How far before the hand-off the continuous integration starts."""
    continues: bool
    """Whether a continuous integration is created after the windows."""
    has_batches: bool
    """Whether the windows are the user's own, which may end before now."""
    batch_size: relativedelta
    """The length of the windows between the user's own windows and now."""
    max_concurrency: int
    newest_first: bool
    dry_run: bool
    assumptions: Assumptions
    """The assumptions of the estimate: the values of ``prices.json``, or the input's."""
    defaults: Defaults
    """The defaults of the keys that the input does not have."""
    warnings: tuple[str, ...]

    @property
    def ordered(self) -> tuple[Window, ...]:
        """The windows in the order in which they run."""
        return self.windows[::-1] if self.newest_first else self.windows

    @property
    def job(self) -> Job:
        """The request without its windows."""
        return Job(
            target=self.target,
            hand_off=iso(self.hand_off),
            overlap=self.overlap,
            continues=self.continues,
            warnings=self.warnings,
        )


def read(
    raw: Any, now: datetime, domain: str = "", max_concurrency: int = 5
) -> Request | ResumeRequest:
    """Read an execution's input.

    ``now`` is the execution's start. ``domain`` and ``max_concurrency`` are the stack's defaults.
    Raises InvalidInput with a line for each problem: the key, what is wrong, and what is right.
    """
    if not isinstance(raw, dict):
        raise InvalidInput(
            f"The input must be a JSON object, not {kind(raw)}; see events/ for examples."
        )
    now = now.replace(microsecond=0)
    flat, paths, found = _lay_flat({key: raw[key] for key in raw if key != "$schema"})
    flat, nulls = _without_nulls(flat)
    found += nulls
    if "Resume" in flat:
        return _read_resume(flat, paths, found, now)
    if domain:
        flat.setdefault("DomainName", domain)
    flat, of_preset = presets.spell_out(flat)
    given = read_keys(ExecutionInput, flat, now)
    found += [*of_preset, *given.problems, *tags.check(given.keys.Tags)]
    found += _check_flow(flat, {problem.path for problem in found}, now)
    connector = _connector(given.keys.FlowDefinition)
    standard = defaults.of(connector, _object(given.keys.FlowDefinition), max_concurrency)
    past = cut_past(given, connector, parse_duration(standard["BatchSize"].value), now)
    found += past.problems
    refused = {problem.path for problem in nulls}
    if found := [problem for problem in found if problem in nulls or problem.path not in refused]:
        raise refusal(found, paths)
    return _resolve(given.keys, past, standard, now)


def refusal(
    found: Iterable[Problem], paths: Mapping[str, str] = MappingProxyType({})
) -> InvalidInput:
    """Give the error that names every problem.

    ``paths`` gives the path in the user's input for each key that was nested.
    """
    return invalid_input(_line(problem, paths) for problem in found)


def _line(problem: Problem, paths: Mapping[str, str]) -> str:
    top = re.split(r"\W", problem.path, maxsplit=1)[0]
    path = f"{paths.get(top, top)}{problem.path.removeprefix(top)}"
    message = problem.message.rstrip(".")
    return f"{path}: {message}{'' if message.endswith('?') else '.'}"


def _read_resume(
    flat: dict[str, Any], paths: dict[str, str], found: list[Problem], now: datetime
) -> ResumeRequest:
    """Read the input of an execution that resumes another execution's run.

    Corrections are checked later, together with the whole FlowDefinition.
    """
    given = read_keys(ResumeInput, flat, now)
    keys, corrections = given.keys, given.keys.FlowDefinition
    found += given.problems
    named = {}
    for key in ("DatetimeTypeFieldName", "Schedule"):
        value, place = getattr(keys, key), presets.WHERE[key]
        if value is None:
            continue
        other = presets.found_at(corrections, place)
        if other not in (None, value):
            text = f"is {shown(value)}, but FlowDefinition.{place} is {shown(other)}; keep one"
            found.append(Problem(key, text))
        corrections = definitions.merged(corrections, presets.part(place, value))
        named[f"FlowDefinition.{place}"] = key
    if found:
        raise refusal(found, paths)
    return ResumeRequest(
        run=keys.Resume,
        corrections=corrections,
        named=named,
        overlap=keys.Overlap,
        max_concurrency=keys.MaxConcurrency,
        dry_run=keys.DryRun,
        assumptions=keys.Assumptions.as_record(),
    )


def _lay_flat(raw: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str], list[Problem]]:
    """Move the keys of CreateIntegrationWorkflow's IntegrationConfig to the top level.

    Gives the keys, the paths of those that were nested, and the problems with the nesting.
    """
    flat = {key: value for key, value in raw.items() if key != "IntegrationConfig"}
    if "IntegrationConfig" not in raw:
        return flat, {}, []
    inside, config = ("FlowDefinition", "Batches"), raw["IntegrationConfig"]
    paths = {key: f"{_NESTED}.{key}" for key in inside if key not in flat}
    nested = config.get("AppflowIntegration") if isinstance(config, dict) else None
    if not isinstance(nested, dict) or set(config) != {"AppflowIntegration"}:
        return flat, paths, [Problem("IntegrationConfig", "must contain only AppflowIntegration")]
    found = [
        Problem(f"{_NESTED}.{key}", f"is unknown; it can contain {' and '.join(inside)}")
        for key in sorted(set(nested) - set(inside))
    ]
    found += [
        Problem(key, f"is given twice, here and in {_NESTED}; keep one")
        for key in inside
        if key in nested and key in flat
    ]
    return {**{key: nested[key] for key in inside if key in nested}, **flat}, paths, found


def _without_nulls(flat: dict[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """Refuse keys that are null. In a FlowDefinition, null means absent, as for the API."""
    fields = {**ResumeInput.model_fields, **ExecutionInput.model_fields}
    nulls = [key for key in flat if flat[key] is None and key in fields]
    found = [
        Problem(
            key,
            f"is null; {'' if key in _NEEDED else 'remove it, or '}use {fields[key].description}",
        )
        for key in nulls
    ]
    rest = {key: value for key, value in flat.items() if key not in nulls}
    if "FlowDefinition" in rest:
        rest["FlowDefinition"] = _without_null_members(rest["FlowDefinition"])
    return rest, found


def _without_null_members(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _without_null_members(member)
            for key, member in value.items()
            if member is not None
        }
    return [_without_null_members(item) for item in value] if isinstance(value, list) else value


def _connector(flow_definition: Any) -> Connector | None:
    return CONNECTORS.get(str(presets.found_at(flow_definition, "SourceFlowConfig.ConnectorType")))


def _object(flow_definition: Any) -> str:
    connector = _connector(flow_definition)
    place = presets.where(connector)["Object"] if connector else ""
    return str(presets.found_at(flow_definition, place))


def _check_flow(flat: dict[str, Any], wrong_keys: set[str], now: datetime) -> list[Problem]:
    """Check the FlowDefinition, whether it is the user's or comes from a preset.

    Without a known application, only the schedule is checked. A problem with a part that a
    preset's key sets is named by that key.
    """
    definition, expression = flat.get("FlowDefinition"), flat.get("Schedule")
    if "Application" in wrong_keys or definition is None:
        wrong = isinstance(expression, str) and expression_problem(expression, None, now)
        return [Problem("Schedule", wrong)] if wrong else []
    if not isinstance(definition, dict):
        return []
    if "Application" not in flat:
        return check.find_problems(presets.with_any_key(definition), "FlowDefinition", now)
    connector = _connector(definition)
    places = presets.where(connector) if connector else presets.WHERE
    named = {f"FlowDefinition.{place}": key for key, place in places.items() if key in flat}
    problems = check.find_problems(presets.closed(definition), "FlowDefinition", now)
    return [Problem(named.get(problem.path, problem.path), problem.message) for problem in problems]


def _resolve(keys: ExecutionInput, past: Past, standard: Defaults, now: datetime) -> Request:
    """Fill in the defaults."""
    order = keys.Order or standard["Order"].value
    overlap = keys.Overlap
    if overlap is None:
        overlap = length(parse_duration(standard["Overlap"].value))
    return Request(
        target=Target(keys.DomainName, keys.ObjectTypeName, keys.FlowDefinition, keys.Tags),
        windows=tuple(past.windows),
        hand_off=past.hand_off,
        overlap=overlap,
        continues=keys.Continue,
        has_batches=bool(keys.Batches),
        batch_size=keys.BatchSize or parse_duration(standard["BatchSize"].value),
        max_concurrency=keys.MaxConcurrency or standard["MaxConcurrency"].value,
        newest_first=order == "NewestFirst",
        dry_run=keys.DryRun,
        assumptions=keys.Assumptions.as_record(),
        defaults={key: default for key, default in standard.items() if getattr(keys, key) is None},
        warnings=(
            *past.warnings,
            *_warn_of_a_late_end(past, keys, overlap, now),
            *_warnings(keys, standard),
        ),
    )


def _warn_of_a_late_end(
    past: Past, keys: ExecutionInput, overlap: timedelta, now: datetime
) -> Iterator[str]:
    """Warn if the source may show records of the last window after it has run, and none pulls."""
    readable = past.hand_off + overlap
    if past.windows and not keys.Continue and readable > now:
        yield (
            f"Continue is false, and the last window ends at {iso(past.hand_off)}. Records that "
            "become readable later than their timestamps may be missing. Import the time since "
            f"{iso(past.hand_off - overlap)} again after {iso(readable)}."
        )


def _warnings(keys: ExecutionInput, standard: Defaults) -> Iterator[str]:
    source = definitions.source_of(keys.FlowDefinition)
    if keys.RoleArn:
        yield "RoleArn is not used, because the stack's own roles make all calls."
    if _CREATED.search(source.datetime_field or ""):
        yield (
            f"DatetimeTypeFieldName: {source.datetime_field} stays the same when a record changes. "
            "Records are imported as they are now, and their later changes are never pulled. Use "
            "the field that says when a record last changed."
        )
    schedule = presets.found_at(keys.FlowDefinition, presets.WHERE["Schedule"])
    interval = pull_interval(schedule)
    if interval and interval > length(BULK_BEGINS):
        yield (
            f"Schedule: with {schedule}, each pull covers more than two months, which is more than "
            "a continuous flow should transfer at once. Use a shorter interval."
        )
    offset = presets.found_at(keys.FlowDefinition, _OFFSET) or 0
    if keys.Continue and keys.Overlap and keys.Overlap > timedelta(seconds=offset):
        yield (
            "Overlap: only the first pull waits for records that become readable late. Later pulls "
            f"fetch those that are at most {offset} seconds late. If yours "
            f"are later, set FlowDefinition.{_OFFSET} to that many seconds, at most 36000."
        )
    yield from _overridden(keys, source.connector, standard)


def _overridden(keys: ExecutionInput, connector: Connector, standard: Defaults) -> Iterator[str]:
    """Warn of values that are beyond the source's defaults, with the reason for the default."""
    size, concurrency, order = (standard[key] for key in ("BatchSize", "MaxConcurrency", "Order"))
    beyond = {
        "BatchSize": keys.BatchSize is not None
        and length(keys.BatchSize) > length(parse_duration(size.value)),
        "MaxConcurrency": (keys.MaxConcurrency or 0) > concurrency.value,
    }
    for key, default in connector.defaults.items():
        if beyond[key]:
            yield (
                f"{key} is more than {default.value}, the default for {connector.properties}. "
                f"{default.reason}"
            )
    if order.value == "OldestFirst" and keys.Order == "NewestFirst":
        yield f"Order is not OldestFirst, the default for these objects. {order.reason}"
