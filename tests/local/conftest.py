"""Runs tests a second time without a replacement of the interpreter, and expects them to fail.

A test that passes without one says that moto has closed the gap: the replacement can go.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor

from local import interpreter
from local.interpreter.definition import parsing, validation
from tests.local.replacements import names


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    needed = [str(mark.args[0]) for mark in metafunc.definition.iter_markers("needs")]
    if needed:
        failing = pytest.mark.xfail(reason="moto needs the replacement", strict=True)
        runs = [None, *(pytest.param(name, marks=failing) for name in needed)]
        ids = ["replaced", *(f"without {name}" for name in needed)]
        metafunc.parametrize("without", runs, indirect=True, ids=ids)


@pytest.fixture(autouse=True)
def without(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave out the replacement that the test's parameter names, if it has one."""
    name = getattr(request, "param", None)
    if name is None:
        yield
        return
    replacements = names(interpreter.REPLACEMENTS)
    del replacements[name]
    monkeypatch.setattr(interpreter, "REPLACEMENTS", tuple(replacements.values()))
    _forget_definitions()
    yield
    _forget_definitions()


def _forget_definitions() -> None:
    """Have each definition parsed and validated anew: what is cached depends on replacements.

    In moto, all parses share a list of what they have not finished.
    """
    parsing._parsed.cache_clear()
    validation.refusal_of.cache_clear()
    Preprocessor._query_language_per_scope.clear()
