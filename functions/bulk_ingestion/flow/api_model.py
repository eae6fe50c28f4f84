"""Checks requests against botocore's models of AWS services."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StringShape, StructureShape

from bulk_ingestion.times import parse_instant
from bulk_ingestion.wording import did_you_mean, shown

PASCAL_APPFLOW = "AppFlow"
"""AppFlow's model in the PascalCase of FlowDefinitions and Step Functions (``FlowName``)."""

_KINDS = {
    "structure": "an object",
    "map": "an object",
    "list": "an array",
    "string": "a string",
    "integer": "a whole number",
    "long": "a whole number",
    "float": "a number",
    "double": "a number",
    "boolean": "true or false",
    "timestamp": "a time",
    "blob": "bytes",
}

_IN_WORDS = {
    r"[a-zA-Z0-9][\w!@#.-]+": (
        "at least 2 characters: a letter (A-Z, a-z) or a digit, then these and _ ! @ # . -"
    ),
    r"[\w!@#\-.?,\s]*": "letters (A-Z, a-z), digits, spaces and _ ! @ # - . ? ,",
    r"[\w/!@#+=.-]+": "letters (A-Z, a-z), digits and _ / ! @ # + = . -",
    r"\S+": "a text without spaces",
}
"""Descriptions of frequent patterns. Other patterns are shown as they are."""


@dataclass(frozen=True)
class Problem:
    """A problem with a value: where it is, what is wrong, and what is right.

    ``path`` looks like ``FlowDefinition.Tasks[2].TaskType``; it is empty for the value itself.
    """

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


def problems(service: str, shape_name: str, value: Any, path: str = "") -> list[Problem]:
    """List all problems of a value according to a service's model, in the order of the value.

    ``service`` is botocore's name (``appflow``, ``customer-profiles``), ``shape_name`` is the name
    of a shape in its model, and ``path`` is the path of the value in the caller's data. Null counts
    as absent. A timestamp may be epoch seconds, ISO 8601, or a datetime. Members are spelled as in
    the model, or in PascalCase if the service is ``PASCAL_APPFLOW``.
    """
    return list(_check(_shape(service, shape_name), value, path))


def enum_values(service: str, shape_name: str) -> list[str]:
    """Return the values that a service's model allows for a string shape; empty if any."""
    shape = _shape(service, shape_name)
    return list(shape.enum) if isinstance(shape, StringShape) else []


def member_names(service: str, shape_name: str) -> list[str]:
    """Return the names of the members of a structure in a service's model."""
    shape = _shape(service, shape_name)
    return list(shape.members) if isinstance(shape, StructureShape) else []


@lru_cache
def service_model(service: str) -> ServiceModel:
    """Load the newest model of a service that botocore ships."""
    if service == PASCAL_APPFLOW:
        return ServiceModel(_capitalized(Loader().load_service_model("appflow", "service-2")))
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def _capitalized(model: Any) -> dict[str, Any]:
    """Rename the members of all structures to PascalCase, as in Step Functions."""
    shapes = {
        name: {
            **shape,
            "members": {_capital(member): of for member, of in shape["members"].items()},
            "required": [_capital(member) for member in shape.get("required", [])],
        }
        if "members" in shape
        else shape
        for name, shape in model["shapes"].items()
    }
    return {**model, "shapes": shapes}


def _capital(name: str) -> str:
    return name[0].upper() + name[1:]


def respelled(service: str, shape_name: str, value: Any) -> Any:
    """Rename the members of a value to their names in a service's model: ``flowName``.

    Members that the model does not have keep their names.
    """
    return _respelled(_shape(service, shape_name), value)


def _respelled(shape: Shape | None, value: Any) -> Any:
    if isinstance(shape, StructureShape) and isinstance(value, Mapping):
        members: Mapping[str, Shape] = shape.members
        result = {}
        for name, member in value.items():
            key = name if name in members else name[:1].lower() + name[1:]
            result[key if key in members else name] = _respelled(members.get(key), member)
        return result
    if isinstance(shape, ListShape) and isinstance(value, (list, tuple)):
        return [_respelled(shape.member, element) for element in value]
    return value


@lru_cache
def _shape(service: str, shape_name: str) -> Shape:
    return service_model(service).shape_for(shape_name)


def _check(shape: Shape, value: Any, path: str) -> Iterator[Problem]:
    check = _CHECKS.get(shape.type_name)
    return check(shape, value, path) if check else iter(())


def _structure(shape: Shape, value: Any, path: str) -> Iterator[Problem]:
    assert isinstance(shape, StructureShape)
    if not isinstance(value, Mapping):
        yield _wrong_kind(shape, value, path)
        return
    members: Mapping[str, Shape] = shape.members
    given = {name: member for name, member in value.items() if member is not None}
    for name in shape.required_members:
        if name not in given:
            yield Problem(
                _below(path, name), f"is missing; it must be {_KINDS[members[name].type_name]}"
            )
    if getattr(shape, "is_tagged_union", False) and len(given) != 1:
        yield Problem(path, f"must have exactly one of {', '.join(members)}")
    for name, member in given.items():
        if name in members:
            yield from _check(members[name], member, _below(path, name))
        else:
            yield Problem(_below(path, name), f"is unknown; {did_you_mean(name, members)}")


def _list(shape: Shape, value: Any, path: str) -> Iterator[Problem]:
    assert isinstance(shape, ListShape)
    if not isinstance(value, (list, tuple)):
        yield _wrong_kind(shape, value, path)
        return
    yield from _size(shape, len(value), "elements", path)
    for index, element in enumerate(value):
        yield from _check(shape.member, element, f"{path}[{index}]")


def _map(shape: Shape, value: Any, path: str) -> Iterator[Problem]:
    assert isinstance(shape, MapShape)
    if not isinstance(value, Mapping):
        yield _wrong_kind(shape, value, path)
        return
    yield from _size(shape, len(value), "keys", path)
    for key, element in value.items():
        for problem in _check(shape.key, key, _below(path, str(key))):
            yield Problem(problem.path, f"as a key {problem.message}")
        yield from _check(shape.value, element, _below(path, str(key)))


def _string(shape: Shape, value: Any, path: str) -> Iterator[Problem]:
    assert isinstance(shape, StringShape)
    if not isinstance(value, str):
        yield _wrong_kind(shape, value, path)
        return
    if shape.enum:
        if value not in shape.enum:
            yield Problem(path, f"is {_shown(shape, value)}; {did_you_mean(value, shape.enum)}")
        return
    yield from _size(shape, len(value), "characters", path)
    pattern = shape.metadata.get("pattern")
    if pattern and not _matches(pattern, value):
        rule = _IN_WORDS.get(pattern, f"what matches {pattern}")
        yield Problem(path, f"is {_shown(shape, value)}; it must be {rule}")


def _integer(shape: Shape, value: Any, path: str) -> Iterator[Problem]:
    if isinstance(value, bool) or not isinstance(value, int):
        yield _wrong_kind(shape, value, path)
    else:
        yield from _range(shape, value, path)


def _number(shape: Shape, value: Any, path: str) -> Iterator[Problem]:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        yield _wrong_kind(shape, value, path)
    else:
        yield from _range(shape, value, path)


def _boolean(shape: Shape, value: Any, path: str) -> Iterator[Problem]:
    if not isinstance(value, bool):
        yield _wrong_kind(shape, value, path)


def _timestamp(shape: Shape, value: Any, path: str) -> Iterator[Problem]:
    try:
        parse_instant(value)
    except ValueError as error:
        yield Problem(path, str(error))


_CHECKS: Mapping[str, Callable[[Shape, Any, str], Iterator[Problem]]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    "integer": _integer,
    "long": _integer,
    "float": _number,
    "double": _number,
    "boolean": _boolean,
    "timestamp": _timestamp,
}


def _size(shape: Shape, size: int, unit: str, path: str) -> Iterator[Problem]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        yield Problem(path, f"has {size} {unit}; it must have at least {least}")
    if most is not None and size > most:
        yield Problem(path, f"has {size} {unit}; it must have at most {most}")


def _range(shape: Shape, number: float, path: str) -> Iterator[Problem]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and number < least:
        yield Problem(path, f"is {number}; it must be at least {least}")
    if most is not None and number > most:
        yield Problem(path, f"is {number}; it must be at most {most}")


@lru_cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    """Compile a model's pattern; None if it is not valid in Python.

    It is compiled as ASCII, because AWS's patterns allow only ASCII letters and digits.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return re.compile(pattern, re.ASCII)
        except re.error:
            return None


def _matches(pattern: str, value: str) -> bool:
    """Check whether a value matches its pattern.

    A pattern must match the whole value, unless it only has an anchor at the start (such as
    ``^arn:[a-z0-9]{1,10}:profile``, the model's pattern for whole ARNs).
    """
    compiled = _compiled(pattern)
    if compiled is None:
        return True
    only_beginning = pattern.startswith("^") and "$" not in pattern
    return bool(compiled.match(value) if only_beginning else compiled.fullmatch(value))


def _wrong_kind(shape: Shape, value: Any, path: str) -> Problem:
    return Problem(path, f"is {_shown(shape, value)}; it must be {_KINDS[shape.type_name]}")


def _shown(shape: Shape, value: Any) -> str:
    if shape.metadata.get("sensitive"):
        return "not shown, being sensitive"
    return shown(value)


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
