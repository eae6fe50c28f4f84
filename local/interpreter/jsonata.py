"""JSONata for moto: the evaluator it lacks, with values bound instead of pasted."""

from __future__ import annotations

import hashlib
import json
import math
import random
import threading
import uuid
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from jsonata import Functions, Jsonata, Utils
from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.string.string_expression import (
    StringJSONata,
    StringVariableSample,
)
from moto.stepfunctions.parser.asl.eval.states import States

from local.interpreter.failures import QUERY_EVALUATION_ERROR, failure

if TYPE_CHECKING:
    from local.clock import Clock
    from local.interpreter.patches import Patches

# The evaluator keeps state per thread and per parsed expression. It nearly always holds Python's
# global lock, so that evaluating one expression at a time costs nothing.
_one_at_a_time = threading.RLock()

FUNCTIONS = frozenset(Jsonata("1").static_frame.bindings) | {
    *("hash", "parse", "partition", "range", "uuid")
}
"""The names of JSONata's functions, and of those that Step Functions adds."""


class Undefined(Exception):  # noqa: N818 - JSONata's word for it
    """An expression has no value."""


class Unsupported(Exception):  # noqa: N818
    """An expression has a value that is not JSON."""


@lru_cache(maxsize=10_000)
def compiled(expression: str) -> Any:
    """Parse an expression. Raises JException, which says what is wrong with it."""
    with _one_at_a_time:
        parsed = Jsonata(expression)
    if parsed.errors:
        raise parsed.errors[0]
    parsed.set_validate_input(False)
    parsed.set_output_convert_nulls(False)
    return parsed


def variables_in(text: str) -> set[str]:
    """Return the variables that an expression reads and does not bind itself, ``states`` aside.

    ``text`` has its delimiters, ``{%`` and ``%}``. A name that is bound anywhere in the expression
    counts as bound everywhere in it. Functions that are called are not variables.
    """
    read, bound = set(), {"", "$", "states"}
    for node in nodes(compiled(text[2:-2].strip()).ast):
        kind = getattr(node, "type", None)
        if kind == "variable":
            read.add(node.value)
        elif kind == "bind":
            bound.add(node.lhs.value)
        elif kind == "lambda":
            bound.update(argument.value for argument in node.arguments)
        for binding in ("focus", "index"):
            if isinstance(name := getattr(node, binding, None), str):
                bound.add(name)
    return read - bound - FUNCTIONS


def nodes(tree: Any) -> Iterator[Any]:
    """Yield every node of an expression's syntax tree, parents first.

    The name of a function that is called is no node.
    """
    if isinstance(tree, list | tuple):
        for item in tree:
            yield from nodes(item)
    elif type(tree).__qualname__.startswith("Parser."):
        yield tree
        for name, child in vars(tree).items():
            is_call = getattr(tree, "type", None) in ("function", "partial") and name == "procedure"
            if name not in ("_outer_instance", "ancestor") and not (
                is_call and child.type == "variable"
            ):
                yield from nodes(child)


def evaluate(expression: str, bindings: dict[str, Any]) -> Any:
    """Return the JSON value of an expression. Raises Undefined when there is none."""
    bound = {name: Utils.NULL_VALUE if v is None else v for name, v in bindings.items()}
    with _one_at_a_time:
        parsed = compiled(expression)
        Jsonata.CURRENT.jsonata = parsed
        result = parsed.evaluate(None, bound)
        if result is None:
            raise Undefined(f"The JSONata expression '{expression}' returned nothing (undefined).")
        return _plain(result, expression)


def _plain(value: Any, expression: str) -> Any:
    if value is None or value is Utils.NULL_VALUE:
        return None
    if isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):  # 1e400 is JSON; the reference reads Infinity, writes null
            return None
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if isinstance(value, dict):
        return {key: _plain(member, expression) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(member, expression) for member in value]
    raise Unsupported(f"The JSONata expression '{expression}' returned an unsupported result type.")


def provided_functions(clock: Clock) -> dict[str, Any]:
    """Bind the functions that Step Functions adds to JSONata, and the clock's time."""
    functions: dict[str, Callable[..., Any]] = {
        "partition": _partition,
        "range": _range,
        "hash": _hash,
        "random": _random,
        "uuid": lambda: str(uuid.uuid4()),
        "parse": _parse,
    }
    provided = {name: Jsonata.JLambda(_nothing_from_nothing(f)) for name, f in functions.items()}
    provided["millis"] = Jsonata.JLambda(lambda: _milliseconds(clock))
    provided["now"] = Jsonata.JLambda(
        lambda picture=None, zone=None: Functions.datetime_from_millis(
            _milliseconds(clock), picture, zone
        )
    )
    return provided


def _milliseconds(clock: Clock) -> int:
    return int(clock.now().timestamp() * 1000)


def _nothing_from_nothing(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        if arguments and arguments[0] is None:
            return None
        return function(*arguments)

    return call


def _partition(array: Any, size: int) -> list[Any]:
    if size <= 0:
        raise ValueError("$partition: the chunk size must be a positive integer")
    whole = array if isinstance(array, list) else [array]
    return [list(whole[at : at + int(size)]) for at in range(0, len(whole), int(size))]


def _range(first: float, last: float, step: float) -> list[float]:
    if step == 0:
        raise ValueError("$range: the step must not be 0")
    count = math.floor((last - first) / step) + 1
    return [first + at * step for at in range(max(0, count))]


def _hash(data: str, algorithm: str) -> str:
    name = {"SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}.get(
        algorithm, "md5" if algorithm == "MD5" else ""
    )
    if not name:
        raise ValueError(f"$hash: unknown algorithm {algorithm}")
    return hashlib.new(name, data.encode(), usedforsecurity=False).hexdigest()


def _random(seed: Any = None) -> float:
    return random.random() if seed is None else random.Random(seed).random()


def _parse(text: str) -> Any:
    value = json.loads(text)
    return Utils.NULL_VALUE if value is None else value


def bindings_of(env: Any) -> dict[str, Any]:
    """Bind what an expression of a state sees: its variables and ``$states``."""
    variables = env.variable_store
    return {
        **env.execution.functions,
        **variables._outer_scope,
        **variables._inner_scope,
        "states": env.states._states_data,
    }


def value_of(env: Any, expression: str) -> Any:
    """Return the value of a state's expression; the state fails when there is none."""
    try:
        return evaluate(expression, bindings_of(env))
    except (Undefined, Unsupported) as nothing:
        cause = str(nothing)
    except Exception as wrong:  # any error of the evaluator is the expression's
        reason = getattr(wrong, "error", None)
        cause = (
            f"The JSONata expression '{expression}' threw an error during evaluation. "
            f"{reason or type(wrong).__name__}: {wrong}"
        )
    raise failure(env, QUERY_EVALUATION_ERROR, cause, HistoryEventType.EvaluationFailed)


def template_value(env: Any, template: Any) -> Any:
    """Evaluate the expressions in a piece of a definition."""
    if isinstance(template, str) and template.startswith("{%") and template.endswith("%}"):
        return value_of(env, template[2:-2].strip())
    if isinstance(template, dict):
        return {key: template_value(env, member) for key, member in template.items()}
    if isinstance(template, list):
        return [template_value(env, member) for member in template]
    return template


def bind_values(patches: Patches) -> None:
    """AWS binds ``$states`` and the variables; moto pastes them into the expression's text."""

    def eval_body(self: Any, env: Any) -> None:
        env.stack.append(value_of(env, self.expression))

    patches.put(StringJSONata, "_eval_body", eval_body)
    patches.put(StringVariableSample, "_eval_body", eval_body)


def keep_absent_results_absent(patches: Patches) -> None:
    """On AWS ``$states.result`` is undefined where there is none; in moto it is null."""
    reset = States.reset

    def reset_without_nulls(self: Any, input_value: Any) -> None:
        reset(self, input_value)
        self._states_data.pop("result", None)
        self._states_data.pop("errorOutput", None)

    patches.put(States, "reset", reset_without_nulls)
