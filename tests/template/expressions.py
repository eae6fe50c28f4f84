"""What can be read from a JSONata expression without evaluating it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from jsonata import Jsonata
from jsonata.jexception import JException

from local.interpreter import jsonata

FUNCTIONS = jsonata.FUNCTIONS - {"eval"}
"""The functions that Step Functions knows: all but $eval."""


class UnreadableError(ValueError):
    """A string that is no JSONata expression as Step Functions wants it."""


@dataclass(frozen=True)
class Unknown:
    """A value that only running would tell."""


@dataclass(frozen=True)
class Either:
    """One of several values."""

    options: tuple[Any, ...]


@dataclass
class Fields:
    """An object; not complete if it may have more fields than could be read."""

    values: dict[str, Any]
    complete: bool = True


@dataclass
class Expression:
    """The names that one expression uses, and the value that it builds."""

    variables: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)
    states: set[tuple[str, ...]] = field(default_factory=set)
    value: Any = Unknown()


def is_expression(text: str) -> bool:
    """Whether Step Functions takes the string for an expression."""
    return text.startswith("{%") and text.endswith("%}")


def read(text: str) -> Expression:
    """Parse one `{% ... %}` string."""
    if not is_expression(text):
        raise UnreadableError("an expression begins with {% and ends with %}")
    try:
        tree = Jsonata(text[2:-2]).ast
    except JException as error:
        raise UnreadableError(str(error)) from error
    expression = Expression(value=_value(tree))
    bound: set[str] = set()
    for node in jsonata.nodes(tree):
        _note(node, expression, bound)
    guarded = _guarded(tree)
    expression.variables -= bound | FUNCTIONS | guarded
    expression.functions -= bound
    return expression


def _note(node: Any, expression: Expression, bound: set[str]) -> None:
    kind = getattr(node, "type", None)
    if kind == "bind":
        bound.add(node.lhs.value)
    elif kind == "lambda":
        bound.update(argument.value for argument in node.arguments)
    elif kind in ("function", "partial") and node.procedure.type == "variable":
        expression.functions.add(node.procedure.value)
        expression.variables.discard(node.procedure.value)
    elif kind == "path" and node.steps[0].type == "variable" and node.steps[0].value == "states":
        expression.states.add(_names(node.steps[1:]))
    elif kind == "variable" and node.value not in ("", "$", "states"):
        expression.variables.add(node.value)
    for binding in ("focus", "index"):
        if isinstance(name := getattr(node, binding, None), str):
            bound.add(name)


def _guarded(tree: Any) -> set[str]:
    """Variables that are asked for with $exists first."""
    return {
        argument.value
        for node in jsonata.nodes(tree)
        if getattr(node, "type", None) == "function" and node.procedure.value == "exists"
        for argument in node.arguments
        if argument.type == "variable"
    }


def _names(steps: list[Any]) -> tuple[str, ...]:
    names = []
    for step in steps:
        if step.type != "name":
            break
        names.append(str(step.value))
    return tuple(names)


def _value(node: Any) -> Any:
    kind = getattr(node, "type", None)
    if kind in ("string", "number", "value"):
        return node.value
    if kind == "block":
        return _value(node.expressions[-1]) if node.expressions else Unknown()
    if kind == "condition":
        otherwise = getattr(node, "_else", None)
        options = (_value(node.then), _value(otherwise) if otherwise else Unknown())
        return Either(options)
    if kind == "unary" and node.value == "{":
        return _object(node.lhs_object)
    if kind == "unary" and node.value == "[":
        return [_value(item) for item in node.expressions]
    if kind == "function" and node.procedure.value == "merge":
        return _merged(_value(node.arguments[0]))
    return Unknown()


def _object(pairs: list[tuple[Any, Any]]) -> Fields:
    fields = Fields({})
    for key, value in pairs:
        if key.type == "string":
            fields.values[key.value] = _value(value)
        else:
            fields.complete = False
    return fields


def _merged(parts: Any) -> Any:
    merged = Fields({}, complete=isinstance(parts, list))
    for part in parts if isinstance(parts, list) else []:
        if isinstance(part, Fields):
            merged.values |= part.values
            merged.complete &= part.complete
        else:
            merged.complete = False
    return merged
