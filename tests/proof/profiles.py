"""How many examples are drawn, and from where."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from hypothesis import HealthCheck, seed, settings

from tests.soak import SOAK

LOT = 10
"""Examples that are drawn in one go. Of the later ones of a longer go, Hypothesis makes most by
repeating parts of earlier ones; where each costs so much, new ones find more."""

Test = TypeVar("Test", bound=Callable[[], None])


def lots(number: int, name: str) -> Iterator[Callable[[Test], Test]]:
    """Draw so many examples, in lots: give what decorates the test of each lot.

    They are the same ones every time for a name, or with SOAK others, and more.
    """
    drawn = settings(
        max_examples=LOT,
        database=None,
        derandomize=False,  # the seed below says which examples
        report_multiple_bugs=False,
        print_blob=bool(SOAK),
        deadline=None,  # an example takes as long as its execution
        suppress_health_check=[
            HealthCheck.too_slow,  # an example is a structure of many parts
            HealthCheck.data_too_large,
        ],
    )
    for lot in range(number // LOT * max(1, SOAK)):
        of_lot = f"{name} {lot}"

        def decorate(test: Test, of_lot: str = of_lot) -> Test:
            return drawn(test if SOAK else seed(of_lot)(test))

        yield decorate
