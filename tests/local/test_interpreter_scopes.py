"""What AWS does not let a definition do with variables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.interpreter.definition import scopes
from tests.local.interpreter_cloud import PASS, cloud_as_on_aws, distributed_map

SHIPPED = sorted((Path(__file__).parents[2] / "statemachine").glob("*.asl.json"))


def assigning(name: str, **more: Any) -> dict[str, Any]:
    return {**PASS, "Assign": {name: 1}, **more}


def machine(*states: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """Chain states to a machine."""
    names = [name for name, _ in states]
    chained = {
        name: {**{k: v for k, v in state.items() if k != "End"}, "Next": following}
        for (name, state), following in zip(states, names[1:], strict=False)
    }
    return {"StartAt": names[0], "States": {**chained, names[-1]: states[-1][1]}}


def parallel(branch: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"Type": "Parallel", "Branches": [branch], "End": True, **more}


def inline_map(processor: dict[str, Any]) -> dict[str, Any]:
    return {"Type": "Map", "Items": [1], "ItemProcessor": processor, "End": True}


def found(definition: dict[str, Any]) -> list[str]:
    return [str(problem) for problem in scopes.problems(definition)]


def test_a_scope_inside_reads_outer_variables_and_assigns_names_of_its_own() -> None:
    branch = machine(("Inside", assigning("own", Output="{% $plan %}")))
    definition = machine(("Plan", assigning("plan")), ("Both", parallel(branch)))
    assert found(definition) == []


def test_scopes_side_by_side_may_use_the_same_name() -> None:
    branch = machine(("One", assigning("own")))
    other = machine(("Other", assigning("own")))
    definition = machine(("Both", {**parallel(branch), "Branches": [branch, other]}))
    assert found(definition) == []


@pytest.mark.parametrize(
    ("state", "inside"),
    [
        (parallel(machine(("Inside", assigning("plan")))), "Branches[0]"),
        (inline_map(machine(("Inside", assigning("plan")))), "ItemProcessor"),
        (distributed_map({"Inside": assigning("plan")}), "ItemProcessor"),
    ],
)
def test_an_inner_scope_may_not_assign_the_name_of_an_outer_variable(
    state: dict[str, Any], inside: str
) -> None:
    definition = machine(("Outside", state), ("Plan", assigning("plan")))
    assert found(definition) == [
        "Variable 'plan' has the name of a variable of an outer scope, assigned at "
        "/States/Plan/Assign: choose another name at "
        f"/States/Outside/{inside}/States/Inside/Assign"
    ]


def test_the_scope_may_be_any_number_of_levels_outside() -> None:
    innermost = parallel(machine(("Inside", assigning("plan"))))
    definition = machine(
        ("Plan", assigning("plan")), ("Windows", distributed_map({"Both": innermost}))
    )
    (problem,) = found(definition)
    assert "'plan'" in problem
    assert problem.endswith("/States/Inside/Assign")


@pytest.mark.parametrize(
    ("state", "where"),
    [
        ({"Choices": [{"Condition": True, "Assign": {"plan": 1}}]}, "Choices[0]/Assign"),
        ({"Catch": [{"ErrorEquals": ["E"], "Assign": {"plan": 1}}]}, "Catch[0]/Assign"),
    ],
)
def test_a_rule_assigns_as_its_state_does(state: dict[str, Any], where: str) -> None:
    branch = {"StartAt": "Inside", "States": {"Inside": state}}
    (problem,) = found(machine(("Plan", assigning("plan")), ("Both", parallel(branch))))
    assert problem.endswith(f"/States/Both/Branches[0]/States/Inside/{where}")


@pytest.mark.parametrize(
    "fields",
    [
        {"ItemReader": {"Arguments": {"Bucket": "{% $plan.Bucket %}"}}},
        {"Items": "{% $plan.Items %}"},
        {"ItemSelector": {"Plan": "{% $plan %}"}},
        {"MaxConcurrency": "{% $plan.MaxConcurrency %}"},
        {"ToleratedFailureCount": "{% $plan.Failures %}"},
        {"ToleratedFailurePercentage": "{% $plan.Failures %}"},
        {"ResultWriter": {"Arguments": {"Bucket": "{% $plan.Bucket %}"}}},
        {"Output": "{% $plan %}"},
        {"Assign": {"other": "{% [1, $plan] %}"}},
        {"Catch": [{"ErrorEquals": ["States.ALL"], "Output": "{% $plan %}", "Next": "Plan"}]},
        {"Output": "{% $map([1], function($x) { $x + $plan }) %}"},
        {"Output": "{% $exists($plan) ? 1 : 2 %}"},
    ],
)
def test_no_field_of_a_distributed_map_reads_an_outer_variable(fields: dict[str, Any]) -> None:
    definition = machine(
        ("Plan", assigning("plan")), ("Windows", distributed_map({"Inside": PASS}, **fields))
    )
    (problem,) = found(definition)
    assert "Variable 'plan', assigned at /States/Plan/Assign, is out of reach" in problem
    assert f" at /States/Windows/{next(iter(fields))}" in problem


def test_the_children_of_a_distributed_map_read_no_outer_variable() -> None:
    inside = parallel(machine(("Inside", {**PASS, "Output": "{% [$plan, $own] %}"})))
    child = machine(("Own", assigning("own")), ("Both", inside))
    windows = distributed_map(child["States"])
    (problem,) = found(machine(("Plan", assigning("plan")), ("Windows", windows)))
    assert "'plan'" in problem
    assert problem.endswith("/Branches[0]/States/Inside/Output")


def test_an_inline_map_reads_outer_variables() -> None:
    items = {**inline_map(machine(("Inside", {**PASS, "Output": "{% $plan %}"})))}
    items["Items"] = "{% $plan %}"
    assert found(machine(("Plan", assigning("plan")), ("Items", items))) == []


def test_what_an_expression_binds_itself_is_no_variable() -> None:
    windows = distributed_map({"Inside": PASS}, Output="{% ($plan := 1; $plan) %}")
    assert found(machine(("Plan", assigning("plan")), ("Windows", windows))) == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("round", "the name of a JSONata function"),
        ("partition", "the name of a JSONata function"),
        ("eval", "the name of a JSONata function"),
        ("states", "a reserved name"),
    ],
)
def test_a_variable_may_not_hide_a_function(name: str, reason: str) -> None:
    (problem,) = found(machine(("Plan", assigning(name))))
    assert problem == f"Variable '{name}' has {reason}: choose another name at /States/Plan/Assign"


BROKEN = machine(
    ("Plan", {**PASS, "Assign": {"plan": 1, "round": 2}}),
    ("Windows", distributed_map({"Inside": assigning("plan")}, Output="{% $plan %}")),
)


def test_every_problem_is_found_in_the_order_of_the_states() -> None:
    assert [problem.where for problem in scopes.problems(BROKEN)] == [
        "/States/Plan/Assign",
        "/States/Windows/Output",
        "/States/Windows/ItemProcessor/States/Inside/Assign",
    ]


def test_a_machine_is_neither_created_nor_updated_with_a_problem() -> None:
    definition = json.dumps({"QueryLanguage": "JSONata", **BROKEN})
    with cloud_as_on_aws() as cloud:
        arn = cloud.machine({"Pass": PASS})
        with pytest.raises(ClientError, match="'round' has the name of a JSON") as created:
            cloud.machine(BROKEN["States"], BROKEN["StartAt"])
        with pytest.raises(ClientError, match="'round' has the name of a JSON") as updated:
            cloud.sfn.update_state_machine(stateMachineArn=arn, definition=definition)
    for refused in (created, updated):
        assert refused.value.response["Error"]["Code"] == "InvalidDefinition"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_the_shipped_definitions_have_no_problem(path: Path) -> None:
    assert found(json.loads(path.read_text())) == []
