"""How many examples are drawn, and from where."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

from hypothesis import HealthCheck, seed, settings

SOAK = int(os.environ.get("SOAK", "0"))
"""How many times as many examples as in ``make test``; 0 for the same ones every time."""

Test = TypeVar("Test", bound=Callable[[], None])


def proof(number: int, name: str) -> Callable[[Test], Test]:
    """Draw so many examples: the same ones every time by that name, or with SOAK others, more."""
    drawn = settings(
        max_examples=number * max(1, SOAK),
        database=None,
        print_blob=bool(SOAK),
        deadline=None,  # an example takes as long as its execution
        suppress_health_check=[
            HealthCheck.too_slow,  # an example is a structure of many parts
            HealthCheck.data_too_large,
        ],
    )
    return lambda test: drawn(test if SOAK else seed(name)(test))
