"""Requests, held against the APIs' own models before AWS sees them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from bulk_ingestion.flow.api_model import Problem, enum_values, problems

PROJECTION = {
    "SourceFields": ["Id"],
    "TaskType": "Filter",
    "ConnectorOperator": {"Salesforce": "PROJECTION"},
}


def flow_definition(**changes: Any) -> dict[str, Any]:
    definition: dict[str, Any] = {
        "FlowName": "contacts",
        "KmsArn": "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555",
        "SourceFlowConfig": {
            "ConnectorType": "Salesforce",
            "ConnectorProfileName": "acme-sf",
            "SourceConnectorProperties": {"Salesforce": {"Object": "Contact"}},
        },
        "Tasks": [PROJECTION],
        "TriggerConfig": {"TriggerType": "OnDemand"},
    }
    return definition | changes


def found(definition: Any) -> list[str]:
    return [
        str(problem)
        for problem in problems("customer-profiles", "FlowDefinition", definition, "FlowDefinition")
    ]


def test_a_right_flow_definition_has_no_problems() -> None:
    assert found(flow_definition()) == []


def test_every_mistake_is_named_with_its_place() -> None:
    definition = flow_definition(
        FlowName="a flow",
        Tasks=[PROJECTION, {"SourceFields": "Id", "TaskType": "Filtre"}],
        TrigerConfig={},
    )
    del definition["KmsArn"]

    assert found(definition) == [
        "FlowDefinition.KmsArn: is missing; it must be a string",
        'FlowDefinition.FlowName: is "a flow"; it must be at least 2 characters: a letter '
        "(A-Z, a-z) or a digit, then these and _ ! @ # . -",
        'FlowDefinition.Tasks[1].SourceFields: is "Id"; it must be an array',
        'FlowDefinition.Tasks[1].TaskType: is "Filtre"; did you mean Filter?',
        "FlowDefinition.TrigerConfig: is unknown; did you mean TriggerConfig?",
    ]


@pytest.mark.parametrize(
    ("operator", "allowed"),
    [({"Zendesk": "GREATER_THAN"}, True), ({"Zendesk": "BETWEEN"}, False)],
)
def test_the_model_decides_which_operators_a_connector_has(
    operator: dict[str, str], allowed: bool
) -> None:
    task = {"SourceFields": ["updated_at"], "TaskType": "Filter", "ConnectorOperator": operator}

    assert (found(flow_definition(Tasks=[task])) == []) is allowed


def test_a_description_with_a_colon_is_refused_by_its_pattern() -> None:
    assert found(flow_definition(Description="from 10:00"))
    assert not found(flow_definition(Description="from 10.00"))


def test_a_name_with_a_letter_outside_ascii_is_refused() -> None:
    assert found(flow_definition(FlowName="flöw"))


def test_the_length_of_a_name_that_is_too_long_is_reported() -> None:
    assert found(flow_definition(FlowName="a" * 257)) == [
        "FlowDefinition.FlowName: has 257 characters; it must have at most 256"
    ]


def test_an_empty_task_property_is_refused() -> None:
    task = PROJECTION | {"TaskProperties": {"VALUE": "", "VALEUR": "x"}}

    assert [message.split(":")[0] for message in found(flow_definition(Tasks=[task]))] == [
        "FlowDefinition.Tasks[0].TaskProperties.VALUE",
        "FlowDefinition.Tasks[0].TaskProperties.VALEUR",
    ]


@pytest.mark.parametrize(
    "value",
    [
        1700000000,
        1700000000.25,
        "2026-01-31T00:00:00Z",
        "2026-01-31",
        datetime(2026, 1, 31, tzinfo=UTC),
    ],
)
def test_a_time_is_accepted_in_any_form(value: Any) -> None:
    trigger = {"ScheduleExpression": "rate(1hours)", "FirstExecutionFrom": value}

    assert problems("customer-profiles", "ScheduledTriggerProperties", trigger) == []


@pytest.mark.parametrize("value", ["yesterday", True, [], 10**30, "2026-12-01T02:00:00"])
def test_what_is_no_time_is_refused_with_what_a_time_is(value: Any) -> None:
    trigger = {"ScheduleExpression": "rate(1hours)", "FirstExecutionFrom": value}

    (problem,) = problems("customer-profiles", "ScheduledTriggerProperties", trigger)
    assert problem.path == "FirstExecutionFrom"
    assert "2023-01-31T08:00:00Z" in problem.message or "02:00:00Z" in problem.message


@pytest.mark.parametrize(
    ("offset", "count"), [(36000, 0), (36001, 1), (-1, 1), ("60", 1), (1.5, 1)]
)
def test_a_number_is_held_to_its_kind_and_range(offset: Any, count: int) -> None:
    trigger = {"ScheduleExpression": "rate(1hours)", "ScheduleOffset": offset}

    assert len(problems("customer-profiles", "ScheduledTriggerProperties", trigger)) == count


def test_null_counts_as_absent() -> None:
    assert found(flow_definition(Description=None)) == []
    assert found(flow_definition(Tasks=None)) == [
        "FlowDefinition.Tasks: is missing; it must be an array"
    ]


def test_arns_pass_a_pattern_that_is_anchored_only_at_its_start() -> None:
    arn = "arn:aws:profile:us-east-1:123456789012:domains/acme"

    assert problems("customer-profiles", "TagArn", arn) == []
    assert problems("customer-profiles", "TagArn", "x" + arn) != []


def test_a_pattern_that_python_cannot_read_is_skipped() -> None:
    assert problems("appflow", "GlueDataCatalogTablePrefix", "any value") == []


def test_the_value_of_a_sensitive_string_is_not_repeated() -> None:
    (problem,) = problems("appflow", "ClientSecret", "secret\nwith a line break")

    assert "secret" not in problem.message


def test_the_path_of_a_wrong_value_may_be_empty() -> None:
    assert problems("appflow", "FlowName", 1) == [Problem("", "is 1; it must be a string")]


def test_the_values_of_an_enum_can_be_listed() -> None:
    assert "BETWEEN" in enum_values("appflow", "SalesforceConnectorOperator")
