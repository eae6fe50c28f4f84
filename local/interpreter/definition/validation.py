"""What CreateStateMachine refuses: dangling transitions, unknown fields, bad expressions ..."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult
from moto.stepfunctions.parser.models import StepFunctionsParserBackend
from moto.stepfunctions.responses import StepFunctionResponse

from local.interpreter import jsonata
from local.interpreter.definition import fields, parsing, scopes
from local.interpreter.definition.refusal import (
    InvalidDefinition,
    Refused,
    schema_problem,
    transition_problem,
)
from local.interpreter.definition.structure import check_transitions, expressions, machines_inside
from local.interpreter.integrations.casing import unsupported_fields

if TYPE_CHECKING:
    from local.interpreter.patches import Patches

_LONGEST_NAME = 80


def refuse_what_aws_refuses(patches: Patches) -> None:
    """Refuse dangling transitions and bad JSONata when a machine is created; moto accepts them."""
    patches.put(StepFunctionsParserBackend, "_validate_definition", staticmethod(validate))


def validate(definition: str) -> None:
    """Raise InvalidDefinition for a definition that CreateStateMachine refuses."""
    if refused := refusal_of(definition):
        raise InvalidDefinition(f"Invalid State Machine Definition: '{refused}'")


@lru_cache(maxsize=200)
def refusal_of(definition: str) -> Refused | None:
    """Give the first thing for which CreateStateMachine refuses a definition; None if nothing."""
    try:
        machine = json.loads(definition)
    except ValueError as wrong:
        return Refused("INVALID_JSON_DESCRIPTION", str(wrong))
    try:
        if not isinstance(machine, dict):
            raise schema_problem("the definition must be an object")
        _check_machine(machine, "", machine.get("QueryLanguage", "JSONPath"), set())
        _check_scopes(machine)
        parsing.parse(definition)
    except Refused as refused:
        return refused.with_traceback(None)  # it is cached, and the frames need not be
    except Exception as wrong:
        return schema_problem(repr(wrong))
    return None


def _check_machine(machine: dict[str, Any], at: str, language: str, names: set[str]) -> None:
    states = machine.get("States")
    if not isinstance(states, dict) or not states:
        raise schema_problem("States must be an object with states", f"{at}/")
    start = machine.get("StartAt")
    if not isinstance(start, str):
        raise schema_problem("The field 'StartAt' is required", f"{at}/")
    if start not in states:
        raise transition_problem(f"Missing 'StartAt' target: {start}", f"{at}/StartAt")
    for name, state in states.items():
        where = f"{at}/States/{name}"
        if len(name) > _LONGEST_NAME:
            raise schema_problem("a state's name is too long", where)
        if name in names:
            raise Refused("DUPLICATE_STATE_NAME", f"'{name}' is used more than once", where)
        names.add(name)
        _check_state(state, where, language, names)
    check_transitions(states, start, at)


def _check_state(state: Any, where: str, language: str, names: set[str]) -> None:
    if not isinstance(state, dict) or not fields.is_type(state.get("Type")):
        raise schema_problem("unknown or missing Type", where)
    language = state.get("QueryLanguage", language)
    for field in state:
        if field not in fields.allowed(state["Type"], language):
            raise schema_problem(f'Field "{field}" is not supported', f"{where}/{field}")
    if fields.has_next(state["Type"]) and ("Next" in state) == (state.get("End") is True):
        raise schema_problem("one of Next and End is required", where)
    if language == "JSONata":
        _check_expressions(state, where)
    _check_error_handlers(state, where)
    if state["Type"] == "Task":
        for field in unsupported_fields(state):
            raise schema_problem(
                f'The field "{field}" is not supported by Step Functions', f"{where}/Arguments"
            )
    for at, machine in machines_inside(state):
        inner = machine.get("QueryLanguage", language)
        _check_machine(machine, f"{where}{at}", inner, names)


def _check_expressions(state: dict[str, Any], where: str) -> None:
    for at, text in expressions(state, where):
        if not (text.startswith("{%") and text.endswith("%}")):
            raise schema_problem("an expression starts with {% and ends with %}", at)
        try:
            jsonata.compiled(text[2:-2].strip())
        except Exception as wrong:
            raise schema_problem(f"invalid JSONata expression '{text}': {wrong}", at) from wrong


def _check_scopes(machine: dict[str, Any]) -> None:
    problems = scopes.problems(machine)
    if problems:
        raise schema_problem(", ".join(str(found) for found in problems))


def _check_error_handlers(state: dict[str, Any], where: str) -> None:
    for field in ("Retry", "Catch"):
        handlers = state.get(field, [])
        for index, handler in enumerate(handlers):
            errors = handler.get("ErrorEquals") or []
            if not errors:
                raise schema_problem("ErrorEquals is required", where)
            if "States.ALL" in errors and (len(errors) > 1 or index < len(handlers) - 1):
                raise schema_problem(
                    "States.ALL must stand alone and last", f"{where}/{field}[{index}]"
                )


def answer_validations(patches: Patches) -> None:
    """Answer ValidateStateMachineDefinition, which moto does not have.

    AWS lists everything that is wrong; here, the first thing is a definition's only diagnostic.
    """

    def validate_state_machine_definition(self: Any) -> Any:
        refused = refusal_of(self._get_param("definition"))
        if refused is None:
            return ActionResult({"result": "OK", "diagnostics": [], "truncated": False})
        diagnostic = {"severity": "ERROR", "code": refused.code, "message": refused.what}
        if refused.where:
            diagnostic["location"] = refused.where
        return ActionResult({"result": "FAIL", "diagnostics": [diagnostic], "truncated": False})

    patches.put(
        StepFunctionResponse,
        "validate_state_machine_definition",
        validate_state_machine_definition,
    )
