"""State machine definitions: what AWS refuses when one is created, and what moto cannot parse."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from moto.core.exceptions import AWSError
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import (
    CustomErrorName,
)
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.models import StepFunctionsParserBackend

from local.interpreter import jsonata, sdk

if TYPE_CHECKING:
    from local.interpreter.patches import Patches

# Of these a Map's own code reads the values from the definition.
_NOT_FOR_MOTOS_PARSER = ("ToleratedFailurePercentage", "ToleratedFailureCount", "ResultWriter")

_COMMON = {"Type", "Comment", "QueryLanguage"}
_FLOW = {"Next", "End"}
_JSONPATH_IO = {"InputPath", "OutputPath"}
_JSONPATH_ONLY = {"InputPath", "OutputPath", "Parameters", "ResultPath", "ResultSelector", "Result"}
_ERRORS = {"Retry", "Catch"}
_RESULT = {"Parameters", "ResultPath", "ResultSelector"}
_FIELDS: dict[str, set[str]] = {
    "Pass": _FLOW | _JSONPATH_IO | {"Parameters", "Result", "ResultPath", "Output", "Assign"},
    "Task": _FLOW
    | _JSONPATH_IO
    | _RESULT
    | _ERRORS
    | {"Resource", "Arguments", "Output", "Assign", "Credentials"}
    | {"TimeoutSeconds", "TimeoutSecondsPath", "HeartbeatSeconds", "HeartbeatSecondsPath"},
    "Choice": _JSONPATH_IO | {"Choices", "Default", "Output", "Assign"},
    "Wait": _FLOW
    | _JSONPATH_IO
    | {"Seconds", "SecondsPath", "Timestamp", "TimestampPath", "Output", "Assign"},
    "Succeed": _JSONPATH_IO | {"Output"},
    "Fail": {"Error", "Cause", "ErrorPath", "CausePath"},
    "Parallel": _FLOW
    | _JSONPATH_IO
    | _RESULT
    | _ERRORS
    | {"Branches", "Arguments", "Output", "Assign"},
    "Map": _FLOW
    | _JSONPATH_IO
    | _RESULT
    | _ERRORS
    | {"Items", "ItemsPath", "ItemReader", "ItemSelector", "ItemBatcher", "ItemProcessor"}
    | {"Iterator", "MaxConcurrency", "MaxConcurrencyPath", "ResultWriter", "Label"}
    | {"ToleratedFailurePercentage", "ToleratedFailurePercentagePath"}
    | {"ToleratedFailureCount", "ToleratedFailureCountPath", "Output", "Assign"},
}


class InvalidDefinition(AWSError):  # type: ignore[misc]  # noqa: N818 - AWS's name
    """CreateStateMachine's refusal; moto's own arrives at the client without its code."""

    TYPE = "InvalidDefinition"
    STATUS = 400


class _Refused(Exception):  # noqa: N818
    """What is wrong with a definition, and where."""


def validate(definition: str) -> None:
    """Refuse a definition as CreateStateMachine does."""
    try:
        machine = json.loads(definition)
    except ValueError as wrong:
        raise InvalidDefinition(
            f"Invalid State Machine Definition: 'INVALID_JSON_DESCRIPTION: {wrong}'"
        ) from wrong
    try:
        if not isinstance(machine, dict):
            raise _Refused("SCHEMA_VALIDATION_FAILED: the definition must be an object")
        names: set[str] = set()
        _check_machine(machine, "", machine.get("QueryLanguage", "JSONPath"), names)
        parse(definition)
    except _Refused as refused:
        raise InvalidDefinition(f"Invalid State Machine Definition: '{refused}'") from None
    except Exception as wrong:
        raise InvalidDefinition(
            f"Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: {wrong!r}'"
        ) from wrong


def _check_machine(machine: dict[str, Any], at: str, language: str, names: set[str]) -> None:
    states = machine.get("States")
    if not isinstance(states, dict) or not states:
        raise _Refused(f"SCHEMA_VALIDATION_FAILED: States must be an object with states at {at}/")
    start = machine.get("StartAt")
    if not isinstance(start, str):
        raise _Refused(f"SCHEMA_VALIDATION_FAILED: The field 'StartAt' is required at {at}/")
    if start not in states:
        raise _Refused(
            f"MISSING_TRANSITION_TARGET: Missing 'StartAt' target: {start} at {at}/StartAt"
        )
    for name, state in states.items():
        where = f"{at}/States/{name}"
        if len(name) > 80:
            raise _Refused(f"SCHEMA_VALIDATION_FAILED: a state's name is too long at {where}")
        if name in names:
            raise _Refused(f"DUPLICATE_STATE_NAME: '{name}' is used more than once at {where}")
        names.add(name)
        _check_state(state, where, language, names)
    _check_transitions(states, start, at)


def _check_state(state: Any, where: str, language: str, names: set[str]) -> None:
    if not isinstance(state, dict) or state.get("Type") not in _FIELDS:
        raise _Refused(f"SCHEMA_VALIDATION_FAILED: unknown or missing Type at {where}")
    language = state.get("QueryLanguage", language)
    allowed = _COMMON | _FIELDS[state["Type"]]
    if language == "JSONata":
        allowed = allowed - _JSONPATH_ONLY
    for field in state:
        if field not in allowed:
            raise _Refused(
                f'SCHEMA_VALIDATION_FAILED: Field "{field}" is not supported at {where}/{field}'
            )
    if "Next" in _FIELDS[state["Type"]] and ("Next" in state) == (state.get("End") is True):
        raise _Refused(f"SCHEMA_VALIDATION_FAILED: one of Next and End is required at {where}")
    if language == "JSONata":
        _check_expressions(state, where)
    _check_retriers(state, where)
    if state["Type"] == "Task":
        for field in sdk.unsupported_fields(state):
            raise _Refused(
                f'SCHEMA_VALIDATION_FAILED: The field "{field}" is not supported by Step '
                f"Functions at {where}/Arguments"
            )
    for at, machine in _machines_inside(state):
        inner = machine.get("QueryLanguage", language)
        _check_machine(machine, f"{where}{at}", inner, names)


def _machines_inside(state: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for index, branch in enumerate(state.get("Branches", [])):
        yield f"/Branches[{index}]", branch
    for field in ("ItemProcessor", "Iterator"):
        if field in state:
            yield f"/{field}", state[field]


def _check_expressions(part: Any, where: str) -> None:
    if isinstance(part, str) and part.strip().startswith("{%"):
        if not (part.startswith("{%") and part.endswith("%}")):
            raise _Refused(
                f"SCHEMA_VALIDATION_FAILED: an expression starts with {{% and ends with %}} "
                f"at {where}"
            )
        try:
            jsonata.compiled(part[2:-2].strip())
        except Exception as wrong:
            raise _Refused(
                f"SCHEMA_VALIDATION_FAILED: invalid JSONata expression '{part}': {wrong} at {where}"
            ) from wrong
    elif isinstance(part, dict):
        for key, member in part.items():
            if key not in ("ItemProcessor", "Iterator", "Branches"):
                _check_expressions(member, f"{where}/{key}")
    elif isinstance(part, list):
        for index, member in enumerate(part):
            _check_expressions(member, f"{where}[{index}]")


def _check_retriers(state: dict[str, Any], where: str) -> None:
    for field in ("Retry", "Catch"):
        handlers = state.get(field, [])
        for index, handler in enumerate(handlers):
            errors = handler.get("ErrorEquals") or []
            if not errors:
                raise _Refused(f"SCHEMA_VALIDATION_FAILED: ErrorEquals is required at {where}")
            if "States.ALL" in errors and (len(errors) > 1 or index < len(handlers) - 1):
                raise _Refused(
                    f"SCHEMA_VALIDATION_FAILED: States.ALL must stand alone and last "
                    f"at {where}/{field}[{index}]"
                )


def _targets(state: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for field in ("Next", "Default"):
        if field in state:
            yield field, state[field]
    for field in ("Choices", "Catch"):
        for index, rule in enumerate(state.get(field, [])):
            yield f"{field}[{index}]/Next", rule.get("Next")


def _check_transitions(states: dict[str, Any], start: str, at: str) -> None:
    for name, state in states.items():
        for field, target in _targets(state):
            if target not in states:
                raise _Refused(
                    f"MISSING_TRANSITION_TARGET: Missing 'Next' target: {target} "
                    f"at {at}/States/{name}/{field}"
                )
    reached: set[str] = set()
    to_visit = [start]
    while to_visit:
        name = to_visit.pop()
        if name not in reached:
            reached.add(name)
            to_visit += [target for _, target in _targets(states[name])]
    for name in states:
        if name not in reached:
            raise _Refused(
                f'MISSING_TRANSITION_TARGET: State "{name}" is not reachable. at {at}/States/{name}'
            )


@lru_cache(maxsize=200)
def _parsed(definition: str) -> Any:
    machine = json.loads(definition)
    for_moto = json.loads(definition)
    _leave_out_what_moto_cannot_parse(for_moto)
    program, tree = _parse_with_moto(json.dumps(for_moto))
    _attach(program.states.states, machine)
    return program, tree


_parse_with_moto = AmazonStateLanguageParser.parse


def parse(definition: str) -> Any:
    """Parse a definition. A program keeps no state, so that one does for all executions."""
    return _parsed(definition)


def _leave_out_what_moto_cannot_parse(machine: dict[str, Any]) -> None:
    for state in machine["States"].values():
        if state["Type"] == "Map":
            for field in _NOT_FOR_MOTOS_PARSER:
                state.pop(field, None)
        for _, inner in _machines_inside(state):
            _leave_out_what_moto_cannot_parse(inner)


def _attach(components: dict[str, Any], machine: dict[str, Any]) -> None:
    for name, state in machine["States"].items():
        component = components[name]
        component.definition = state
        if state["Type"] == "Parallel":
            for program, branch in zip(component.branches.programs, state["Branches"], strict=True):
                _attach(program.states.states, branch)
        elif state["Type"] == "Map":
            processor = state.get("ItemProcessor") or state["Iterator"]
            _attach(component.iteration_component._states.states, processor)


def refuse_what_aws_refuses(patches: Patches) -> None:
    """CreateStateMachine refuses dangling transitions and bad JSONata; moto accepts them."""
    patches.put(StepFunctionsParserBackend, "_validate_definition", staticmethod(validate))


def parse_what_aws_accepts(patches: Patches) -> None:
    """AWS takes integers as percentages and ResultWriter's Arguments; moto's parser does not."""
    patches.put(AmazonStateLanguageParser, "parse", staticmethod(parse))


def name_any_error(patches: Patches) -> None:
    """On AWS an error may have any name; moto refuses to carry ``States.…`` out of a branch."""

    def init(self: Any, error_name: str | None) -> None:
        ErrorName.__init__(self, error_name=error_name)

    patches.put(CustomErrorName, "__init__", init)
