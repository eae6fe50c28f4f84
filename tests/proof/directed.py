"""Small executions and single tests, each aimed at one kind of defect."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from dateutil.relativedelta import relativedelta

from local.faults import faults
from local.stack import template
from tests.machine.keeper import Keeper
from tests.machine.machine import NOW, Machine
from tests.machine.runs import Runs
from tests.machine.watched import Watched
from tests.proof.applications import SALESFORCE, Application
from tests.proof.claims import Laboratory, nothing_is_lost
from tests.proof.disturbances import Disturbance
from tests.proof.examples import MILLISECOND, Example
from tests.template.deployed import PARAMETERS
from tests.unit.stored_state import stored_in

_MONTHS = 2
_HALF_WAY = timedelta(days=20)


def small(
    *disturbances: Disturbance,
    windows: int = 2,
    application: Application = SALESFORCE,
    **changes: Any,
) -> Example:
    """Give an execution of a few windows, with records on the edges of each, and between."""
    edges = [NOW - relativedelta(months=_MONTHS * n) for n in range(windows, -1, -1)]
    middles = [start + (end - start) / 2 for start, end in pairwise(edges)]
    middles += [middle - timedelta(minutes=30) for middle in middles]
    moments = [
        *edges,
        *(edge - MILLISECOND for edge in edges[1:]),
        *(edge - timedelta(minutes=90) for edge in edges[1:]),
        *(edge + _HALF_WAY for edge in edges[:-1]),
        *middles,
        edges[0] - timedelta(days=1),
    ]
    whole = {
        "application": application,
        "now": NOW,
        "asked": {
            "ImportFrom": f"{edges[0]:%Y-%m-%dT%H:%M:%SZ}",
            "BatchSize": f"P{_MONTHS}M",
            "MaxConcurrency": 2,
            "Order": "OldestFirst",
        },
        "intervals": tuple(pairwise(edges)),
        "hand_off": NOW,
        "records": tuple((str(1001 + n), moment) for n, moment in enumerate(moments)),
        "disturbances": disturbances,
    }
    return Example(**{**whole, **changes})


@dataclass(frozen=True)
class Run:
    """An execution that keeps every claim, unless there is a defect."""

    example: Example
    breaks: str = "lost"
    """The claim that the defect breaks: the beginning of the message, a pattern."""
    inclusive: bool = False

    def __call__(self, laboratory: Laboratory) -> None:
        laboratory.inclusive = self.inclusive
        nothing_is_lost(laboratory, self.example)


@dataclass(frozen=True)
class Held:
    """A test of another suite, which is responsible for a kind of defect."""

    test: str
    """Its module and name: ``unit/test_times.py::test_a_date``."""
    given: dict[str, Any] = field(default_factory=dict)
    """Its parameters, besides fixtures of the machine suite and of pytest."""
    breaks: str = ""

    def __call__(self, laboratory: Laboratory) -> None:
        path, *names = self.test.split("::")
        found: Any = importlib.import_module(f"tests.{path.removesuffix('.py').replace('/', '.')}")
        for name in names:
            found = getattr(found() if isinstance(found, type) else found, name)
        wanted = inspect.signature(found).parameters.keys() - self.given.keys()
        if not wanted:
            found(**self.given)
            return
        with pytest.MonkeyPatch.context() as monkeypatch, laboratory.as_new(NOW):
            fixtures: dict[str, Callable[[], Any]] = {
                "machine": lambda: Machine(laboratory.cloud),
                "watched": lambda: Watched(Machine(laboratory.cloud)),
                "keeper": lambda: Keeper(Machine(laboratory.cloud)),
                "runs": Runs,
                "files": lambda: stored_in(monkeypatch),
                "expanded": lambda: template.expand(parameters=PARAMETERS),
                "monkeypatch": lambda: monkeypatch,
            }
            try:
                found(
                    **{key: make() for key, make in fixtures.items() if key in wanted}, **self.given
                )
            finally:
                faults.clear()
