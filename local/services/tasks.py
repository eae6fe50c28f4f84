"""What a flow's tasks do to records: Filter tasks select, Map tasks copy.

Arithmetic, Mask, Merge, Truncate and Validate tasks are accepted and change nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.services.entities import epoch_milliseconds
from local.services.simulation import Record
from local.services.sources import Source

_DATES = ("datetime", "date", "timestamp")
Comparable = int | float | str


@dataclass(frozen=True)
class Span:
    """The half-open period [start, end) of a datetime field, in epoch milliseconds."""

    field: str
    start: int
    end: int


def operator(task: Mapping[str, Any]) -> str:
    """Give a task's operator, for whichever connector; NO_OP if it has none."""
    return next(iter(task.get("connectorOperator", {}).values()), "NO_OP")


def is_projection(task: Mapping[str, Any]) -> bool:
    """Whether a task lists the fields to transfer."""
    return task["taskType"] == "Filter" and operator(task) == "PROJECTION"


def projected(tasks: Sequence[Mapping[str, Any]]) -> set[str] | None:
    """Collect the fields that the projection tasks name; None without such a task."""
    projections = [task for task in tasks if is_projection(task)]
    if not projections:
        return None
    return {name for task in projections for name in task["sourceFields"]}


def pull(
    source: Source, tasks: Sequence[Mapping[str, Any]], span: Span | None, inclusive: bool
) -> list[tuple[str, Record]]:
    """Choose and map a source's records: pairs of the source's key and the mapped record.

    Several filters are ANDed; a record without a filter's field is left out. ``inclusive`` is
    the reading of BETWEEN's bounds.
    """
    filters = [task for task in tasks if task["taskType"] == "Filter" and not is_projection(task)]
    key = source.entity.primary_key
    return [
        (str(record[key]), mapped(record, tasks))
        for record in _candidates(source, filters, span)
        if all(passes(record, task, inclusive) for task in filters)
    ]


def _candidates(
    source: Source, filters: Sequence[Mapping[str, Any]], span: Span | None
) -> list[Record]:
    """Narrow the source down by one date range; what it leaves in may still not pass."""
    if span:
        return source.between(span.field, span.start, span.end - 1)
    for task in filters:
        properties = task.get("taskProperties", {})
        if operator(task) == "BETWEEN" and properties.get("DATA_TYPE") in _DATES:
            low, high = int(properties["LOWER_BOUND"]), int(properties["UPPER_BOUND"])
            return source.between(task["sourceFields"][0], low, high)
    return source.everything()


def passes(record: Mapping[str, Any], task: Mapping[str, Any], inclusive: bool) -> bool:
    """Whether a record passes a Filter task."""
    properties = task.get("taskProperties", {})
    read = _reader(properties.get("DATA_TYPE", "string"))
    value = read(str(record.get(task["sourceFields"][0], "")))
    if value is None:
        return False
    name = operator(task)
    if name == "BETWEEN":
        low, high = read(properties["LOWER_BOUND"]), read(properties["UPPER_BOUND"])
        if low is None or high is None:
            return False
        return low <= value <= high if inclusive else low < value < high  # type: ignore[operator]
    return any(_COMPARE[name](value, read(wanted)) for wanted in _wanted(properties))


def _wanted(properties: Mapping[str, str]) -> Iterator[str]:
    if "VALUE" in properties:
        yield properties["VALUE"]
    yield from (value for value in properties.get("VALUES", "").split(",") if value)


_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "GREATER_THAN": lambda value, wanted: wanted is not None and value > wanted,
    "GREATER_THAN_OR_EQUAL_TO": lambda value, wanted: wanted is not None and value >= wanted,
    "LESS_THAN": lambda value, wanted: wanted is not None and value < wanted,
    "LESS_THAN_OR_EQUAL_TO": lambda value, wanted: wanted is not None and value <= wanted,
    "EQUAL_TO": lambda value, wanted: value == wanted,
    "NOT_EQUAL_TO": lambda value, wanted: value != wanted,
    "CONTAINS": lambda value, wanted: str(wanted) in str(value),
}


def _reader(data_type: str) -> Callable[[str], Comparable | None]:
    if data_type in _DATES:
        return _instant
    if data_type in ("integer", "long", "double", "float", "number", "currency", "decimal"):
        return _number
    return str


def _instant(text: str) -> int | None:
    if text.lstrip("-").isdigit() and len(text) != len("20240301"):
        return int(text)
    return epoch_milliseconds(text)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def mapped(record: Mapping[str, Any], tasks: Sequence[Mapping[str, Any]]) -> Record:
    """Build the destination's record: the Map tasks' fields, or with Map_all everything."""
    wanted = projected(tasks)
    result: Record = {}
    for task in tasks:
        if task["taskType"] == "Map_all":
            result |= {n: v for n, v in record.items() if wanted is None or n in wanted}
        elif task["taskType"] == "Map":
            values = [record[n] for n in task["sourceFields"] if record.get(n) is not None]
            if values:
                result[task["destinationField"]] = values[0]
    return result
