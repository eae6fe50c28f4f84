"""The template, as SAM and cfn-lint judge it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from cfnlint.api import lint_file
from cfnlint.config import ManualArgs
from samtranslator.yaml_helper import yaml_parse

from local.account import REGION
from local.stack.template import TEMPLATE, expand
from tests.template.deployed import PARAMETERS, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

SAM = Path(sys.executable).parent / "sam"
ENVIRONMENT = {**os.environ, "SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": REGION}
_TIMEOUT = re.compile(r'("TimeoutSeconds":) *"\{%.*?%\}"')
"""An expression at which cfn-lint breaks off, because it is inside a Parallel's branch: it joins
the parts of the path to it, and the number of the branch is no string."""
EXPRESSIONS_REFUSED = ("MaxConcurrency", "TimeoutSeconds", "ToleratedFailure")
"""Fields of which cfn-lint does not know that they take JSONata."""
RULES = ManualArgs(append_rules=["cfn_lint_serverless.rules"])
"""AWS's serverless rules, beside cfn-lint's own; the template excuses what is a false alarm."""


def lint(template: dict[str, Any], folder: Path) -> list[tuple[str, str]]:
    """What cfn-lint says of an expanded template with the definition inlined, by resource."""
    for resource in template["Resources"].values():
        properties = resource["Properties"]
        for name in properties.pop("DefinitionSubstitutions", {}):
            arn = f"arn:aws:lambda:{REGION}:123456789012:function:{name}"
            properties["DefinitionString"] = properties["DefinitionString"].replace(
                f"${{{name}}}", arn
            )
        if "DefinitionString" in properties:
            properties["DefinitionString"] = _TIMEOUT.sub("\\1 60", properties["DefinitionString"])
    path = folder / "expanded.json"
    path.write_text(json.dumps(template))
    return [(str(m.path[1]), f"{m.rule.id} {m.message}") for m in lint_file(path, RULES)]


def is_false_refusal(message: str) -> bool:
    return (
        message.startswith("E3601")
        and "{%" in message
        and any(name in message for name in EXPRESSIONS_REFUSED)
    )


def test_sam_validates_the_template() -> None:
    validated = subprocess.run(
        [SAM, "validate", "--lint"], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True
    )

    assert validated.returncode == 0, validated.stdout + validated.stderr


def test_the_linter_finds_nothing_in_the_template_itself() -> None:
    assert [str(match) for match in lint_file(TEMPLATE, RULES)] == []


def test_the_template_excuses_two_rules_alone() -> None:
    template = yaml_parse(TEMPLATE.read_text())
    excused = {
        place: declared["Metadata"]["cfn-lint"]["config"]["ignore_checks"]
        for place, declared in (("template", template), *template["Resources"].items())
        if "cfn-lint" in declared.get("Metadata", {})
    }

    assert excused == {"template": ["WS1004"], "DeadLetters": ["ES6000"]}


def test_the_linter_refuses_only_jsonata_in_numbers(
    tmp_path: Path,
) -> None:
    found = lint(expand(parameters=PARAMETERS), tmp_path)

    assert [message for _, message in found if not is_false_refusal(message)] == []


def test_the_linter_finds_every_wrong_property(
    tmp_path: Path,
) -> None:
    template = expand(parameters=PARAMETERS)
    wrong = {
        "PlanWindowsFunction": {"Runtime": "python3.99"},
        "ReviewWindowsFunction": {"Handlr": "review_windows.handler"},
        "BulkIngestionStateMachine": {"DefinitionString": '{"StartAt": "Nowhere"}'},
        "BulkIngestionLogs": {"RetentionInDays": 91},
        "FindIntegrationsFunction": {"TracingConfig": {"Mode": "PassThrough"}},
        "IntegrationFailed": {"Targets": [{"Id": "x", "Arn": "x"}]},
    }
    for logical_id, change in wrong.items():
        template["Resources"][logical_id]["Properties"].update(change)

    found = lint(template, tmp_path)

    assert {where for where, message in found if not is_false_refusal(message)} == wrong.keys()


def test_every_parameter_is_explained_in_a_sentence(
    expanded: dict[str, Any],
) -> None:
    for name, parameter in expanded["Parameters"].items():
        assert parameter.get("Description", "").endswith("."), name
    without_default = [
        name for name, parameter in expand()["Parameters"].items() if "Default" not in parameter
    ]
    assert without_default == ["KmsKeyArn"]


def test_an_unknown_parameter_is_refused() -> None:
    with pytest.raises(ValueError, match="KmsKeyAm"):
        expand(parameters={"KmsKeyAm": "x"})


def state_machine_logging(expanded: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for resource in expanded["Resources"].values():
        if resource["Type"] == "AWS::StepFunctions::StateMachine":
            yield resource["Properties"]["LoggingConfiguration"]


def test_no_flow_definition_gets_into_the_logs(
    expanded: dict[str, Any],
) -> None:
    assert [log["IncludeExecutionData"] for log in state_machine_logging(expanded)] == [False] * 2


LARGEST_REPETITION = 2
"""How many values may stand together in two places; more are written once, with a YAML anchor."""


def composed(text: str) -> yaml.Node:
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    assert node is not None
    return node


def canonical(node: yaml.Node) -> Any:
    """A value that is equal for two nodes that say the same, whatever their order of keys."""
    if isinstance(node, yaml.MappingNode):
        return node.tag, frozenset((canonical(key), canonical(value)) for key, value in node.value)
    if isinstance(node, yaml.SequenceNode):
        return node.tag, tuple(canonical(item) for item in node.value)
    return node.tag, node.value


def values_in(node: yaml.Node) -> int:
    if isinstance(node, yaml.MappingNode):
        return sum(values_in(value) for _, value in node.value)
    return sum(map(values_in, node.value)) if isinstance(node, yaml.SequenceNode) else 1


def collections_in(node: yaml.Node) -> Iterator[yaml.CollectionNode]:
    """Each mapping and list as often as it is written: an alias is the node of its anchor."""
    found: dict[int, yaml.CollectionNode] = {}
    open_nodes = [node]
    while open_nodes:
        node = open_nodes.pop()
        if isinstance(node, yaml.CollectionNode) and id(node) not in found:
            found[id(node)] = node
            open_nodes += [part for item in node.value for part in as_tuple(item)]
    yield from found.values()


def as_tuple(item: yaml.Node | tuple[yaml.Node, yaml.Node]) -> tuple[yaml.Node, ...]:
    return item if isinstance(item, tuple) else (item,)


def repetitions(text: str) -> list[list[int]]:
    """The lines at which the same collection of values is written, where these are several."""
    lines: dict[Any, list[int]] = {}
    for node in collections_in(composed(text)):
        if values_in(node) > LARGEST_REPETITION:
            lines.setdefault(canonical(node), []).append(node.start_mark.line + 1)
    return [sorted(found) for found in lines.values() if len(found) > 1]


def test_the_template_writes_each_statement_and_each_other_collection_once() -> None:
    assert repetitions(TEMPLATE.read_text()) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("- {a: 1, b: 2, c: 3}\n- {c: 3, b: 2, a: 1}", [[1, 2]]),
        ("- &x {a: 1, b: 2, c: 3}\n- *x", []),
        ("- {a: 1, b: 2}\n- {a: 1, b: 2}", []),
        ("- {a: [1, 2, 3]}\n- {b: [1, 2, 3]}", [[1, 2]]),
    ],
)
def test_what_is_written_twice_is_found_unless_it_is_small_or_an_alias(
    text: str, found: list[list[int]]
) -> None:
    assert repetitions(text) == found


def test_the_template_merges_no_mappings() -> None:
    keys = [
        key.value
        for node in collections_in(composed(TEMPLATE.read_text()))
        if isinstance(node, yaml.MappingNode)
        for key, _ in node.value
    ]

    assert "Sid" in keys
    assert "<<" not in keys
