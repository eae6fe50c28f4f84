"""JSON as RFC 8259 defines it, for what comes from outside: Python's own reader takes more."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

DEEPEST = 200
"""Arrays and objects inside each other. What reads the value later recurses into it."""


def loads(text: str | bytes, finite: bool = True) -> Any:
    """Read a JSON text.

    Raises ValueError also for NaN and Infinity, for bytes that are not UTF-8, for values nested
    deeper than ``DEEPEST``, and if ``finite``, for numbers that no double can hold.
    """
    try:
        value = json.loads(text, parse_constant=_refuse, parse_float=_finite if finite else float)
    except RecursionError:
        raise _too_deep() from None
    _check_depth(value)
    return value


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {text:.40} is too large")
    return number


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return
    if any(isinstance(value, dict | list) for value in level):
        raise _too_deep()


def _too_deep() -> ValueError:
    return ValueError(f"it is nested more than {DEEPEST} levels deep")
