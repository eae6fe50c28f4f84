"""Parsing definitions into moto's programs, including what moto's parser cannot read."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import (
    CustomErrorName,
)
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor

from local.interpreter.definition.structure import machines_inside

if TYPE_CHECKING:
    from local.interpreter.patches import Patches

_UNREADABLE = ("ToleratedFailurePercentage", "ToleratedFailureCount", "ResultWriter")
"""Fields of a Map that moto's parser cannot read: Maps read them from the definition."""

_parse_with_moto = AmazonStateLanguageParser.parse


@lru_cache(maxsize=200)
def _parsed(definition: str) -> Any:
    machine = json.loads(definition)
    for_moto = json.loads(definition)
    _remove_unreadable(for_moto)
    program, tree = _parse_with_moto(json.dumps(for_moto))
    _attach(program.states.states, machine)
    return program, tree


def parse(definition: str) -> Any:
    """Parse a definition into a program and a syntax tree.

    A program keeps no state, so that all executions can use the same one.
    """
    return _parsed(definition)


def _remove_unreadable(machine: dict[str, Any]) -> None:
    for state in machine["States"].values():
        if state["Type"] == "Map":
            for field in _UNREADABLE:
                state.pop(field, None)
        for _, inner in machines_inside(state):
            _remove_unreadable(inner)


def _attach(components: dict[str, Any], machine: dict[str, Any]) -> None:
    """Give each component of a program its part of the definition."""
    for name, state in machine["States"].items():
        component = components[name]
        component.definition = state
        if state["Type"] == "Parallel":
            for program, branch in zip(component.branches.programs, state["Branches"], strict=True):
                _attach(program.states.states, branch)
        elif state["Type"] == "Map":
            processor = state.get("ItemProcessor") or state["Iterator"]
            _attach(component.iteration_component._states.states, processor)


def accept_any_error_name(patches: Patches) -> None:
    """Let errors have any name; moto refuses to pass ``States.…`` out of a branch."""

    def init(self: Any, error_name: str | None) -> None:
        ErrorName.__init__(self, error_name=error_name)

    patches.put(CustomErrorName, "__init__", init)


def forget_what_was_refused(patches: Patches) -> None:
    """Give each parse its own scopes of query languages.

    In moto, all parses share a list, in which a definition that is refused leaves its scopes: the
    next one, in JSONPath, is then refused for not being JSONata, or accepted for being it.
    """

    def init(self: Any) -> None:
        self._query_language_per_scope = []

    patches.put(Preprocessor, "__init__", init)
