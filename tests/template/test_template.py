from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cfnlint.api import lint_file

from local.template import REGION, expand
from tests.template.conftest import PARAMETERS, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

SAM = Path(sys.executable).parent / "sam"
ENVIRONMENT = {**os.environ, "SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": REGION}
EXPRESSIONS_REFUSED = ("MaxConcurrency", "TimeoutSeconds", "ToleratedFailure")
"""Fields of which cfn-lint does not know that they take JSONata."""


def lint(template: dict[str, Any], folder: Path) -> list[str]:
    """What cfn-lint says of an expanded template with the definition inlined."""
    for resource in template["Resources"].values():
        properties = resource["Properties"]
        for name in properties.pop("DefinitionSubstitutions", {}):
            arn = f"arn:aws:lambda:{REGION}:123456789012:function:{name}"
            properties["DefinitionString"] = properties["DefinitionString"].replace(
                f"${{{name}}}", arn
            )
    path = folder / "expanded.json"
    path.write_text(json.dumps(template))
    return [f"{match.rule.id} {match.message}" for match in lint_file(path)]


def is_false_refusal(message: str) -> bool:
    return (
        message.startswith("E3601")
        and "{%" in message
        and any(name in message for name in EXPRESSIONS_REFUSED)
    )


def test_given_the_template_when_sam_validates_it_then_it_passes() -> None:
    validated = subprocess.run(
        [SAM, "validate", "--lint"], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True
    )

    assert validated.returncode == 0, validated.stdout + validated.stderr


def test_given_the_expanded_template_when_linted_then_only_jsonata_in_numbers_is_refused(
    tmp_path: Path,
) -> None:
    messages = lint(expand(parameters=PARAMETERS), tmp_path)

    assert [message for message in messages if not is_false_refusal(message)] == []


@pytest.mark.parametrize(
    ("logical_id", "change"),
    [
        ("PlanWindowsFunction", {"Runtime": "python3.99"}),
        ("PlanWindowsFunction", {"Handlr": "plan_windows.handler"}),
        ("BulkIngestionStateMachine", {"DefinitionString": '{"StartAt": "Nowhere"}'}),
        ("BulkIngestionLogs", {"RetentionInDays": 91}),
    ],
)
def test_given_a_wrong_property_when_the_expanded_template_is_linted_then_it_is_found(
    logical_id: str, change: dict[str, Any], tmp_path: Path
) -> None:
    template = expand(parameters=PARAMETERS)
    template["Resources"][logical_id]["Properties"].update(change)

    messages = lint(template, tmp_path)

    assert [message for message in messages if not is_false_refusal(message)] != []


def test_given_the_template_when_parameters_are_read_then_each_is_explained_in_a_sentence(
    expanded: dict[str, Any],
) -> None:
    for name, parameter in expanded["Parameters"].items():
        assert parameter.get("Description", "").endswith("."), name
    without_default = [
        name for name, parameter in expand()["Parameters"].items() if "Default" not in parameter
    ]
    assert without_default == ["KmsKeyArn"]


def test_given_the_template_when_expanded_with_an_unknown_parameter_then_it_is_refused() -> None:
    with pytest.raises(ValueError, match="KmsKeyAm"):
        expand(parameters={"KmsKeyAm": "x"})


def state_machine_logging(expanded: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for resource in expanded["Resources"].values():
        if resource["Type"] == "AWS::StepFunctions::StateMachine":
            yield resource["Properties"]["LoggingConfiguration"]


def test_given_the_machine_when_it_logs_then_no_flow_definition_gets_into_the_logs(
    expanded: dict[str, Any],
) -> None:
    assert [log["IncludeExecutionData"] for log in state_machine_logging(expanded)] == [False] * 2
