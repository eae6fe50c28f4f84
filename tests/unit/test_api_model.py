from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from bulk_ingestion.api_model import Problem, enum_values, problems, to_datetime

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


def test_given_a_right_flow_definition_when_checked_then_nothing_is_wrong() -> None:
    assert found(flow_definition()) == []


def test_given_several_mistakes_when_checked_then_each_is_named_with_its_place() -> None:
    definition = flow_definition(
        FlowName="a flow",
        Tasks=[PROJECTION, {"SourceFields": "Id", "TaskType": "Filtre"}],
        TrigerConfig={},
    )
    del definition["KmsArn"]

    assert found(definition) == [
        "FlowDefinition.KmsArn: is missing; it must be a string",
        "FlowDefinition.FlowName: is 'a flow'; it must match the pattern [a-zA-Z0-9][\\w!@#.-]+",
        "FlowDefinition.Tasks[1].SourceFields: is 'Id'; it must be an array",
        "FlowDefinition.Tasks[1].TaskType: is 'Filtre'; did you mean Filter? it must be one of "
        "Arithmetic, Filter, Map, Mask, Merge, Truncate, Validate",
        "FlowDefinition.TrigerConfig: is not known here; did you mean TriggerConfig? it must be "
        "one of Description, FlowName, KmsArn, SourceFlowConfig, Tasks, TriggerConfig",
    ]


@pytest.mark.parametrize(
    ("operator", "allowed"),
    [({"Zendesk": "GREATER_THAN"}, True), ({"Zendesk": "BETWEEN"}, False)],
)
def test_given_an_operator_when_its_connector_has_it_or_not_then_the_model_decides(
    operator: dict[str, str], allowed: bool
) -> None:
    task = {"SourceFields": ["updated_at"], "TaskType": "Filter", "ConnectorOperator": operator}

    assert (found(flow_definition(Tasks=[task])) == []) is allowed


def test_given_a_description_with_a_colon_when_checked_then_the_pattern_refuses_it() -> None:
    assert found(flow_definition(Description="from 10:00"))
    assert not found(flow_definition(Description="from 10.00"))


def test_given_a_letter_outside_ascii_when_checked_then_the_name_is_refused() -> None:
    assert found(flow_definition(FlowName="flöw"))


def test_given_a_name_of_257_characters_when_checked_then_its_length_is_told() -> None:
    assert found(flow_definition(FlowName="a" * 257)) == [
        "FlowDefinition.FlowName: has 257 characters; it must have at most 256"
    ]


def test_given_an_empty_task_property_when_checked_then_it_is_refused() -> None:
    task = PROJECTION | {"TaskProperties": {"VALUE": "", "VALEUR": "x"}}

    assert [message.split(":")[0] for message in found(flow_definition(Tasks=[task]))] == [
        "FlowDefinition.Tasks[0].TaskProperties.VALUE",
        "FlowDefinition.Tasks[0].TaskProperties.VALEUR",
    ]


@pytest.mark.parametrize(
    "value",
    [1700000000, 1700000000.25, "2026-01-31T00:00:00Z", "2026-01-31", datetime(2026, 1, 31)],
)
def test_given_a_time_in_any_form_when_checked_then_it_is_accepted(value: Any) -> None:
    trigger = {"ScheduleExpression": "rate(1hours)", "FirstExecutionFrom": value}

    assert problems("customer-profiles", "ScheduledTriggerProperties", trigger) == []


@pytest.mark.parametrize("value", ["yesterday", True, [], 1e30])
def test_given_no_time_when_checked_then_it_says_what_a_time_is(value: Any) -> None:
    trigger = {"ScheduleExpression": "rate(1hours)", "FirstExecutionFrom": value}

    (problem,) = problems("customer-profiles", "ScheduledTriggerProperties", trigger)
    assert problem.path == "FirstExecutionFrom"
    assert "ISO 8601" in problem.message


@pytest.mark.parametrize(
    ("offset", "count"), [(36000, 0), (36001, 1), (-1, 1), ("60", 1), (1.5, 1)]
)
def test_given_a_number_when_checked_then_kind_and_range_count(offset: Any, count: int) -> None:
    trigger = {"ScheduleExpression": "rate(1hours)", "ScheduleOffset": offset}

    assert len(problems("customer-profiles", "ScheduledTriggerProperties", trigger)) == count


def test_given_null_when_checked_then_it_counts_as_absent() -> None:
    assert found(flow_definition(Description=None)) == []
    assert found(flow_definition(Tasks=None)) == [
        "FlowDefinition.Tasks: is missing; it must be an array"
    ]


def test_given_an_arn_pattern_that_fastens_only_the_beginning_when_checked_then_arns_pass() -> None:
    arn = "arn:aws:profile:us-east-1:123456789012:domains/acme"

    assert problems("customer-profiles", "TagArn", arn) == []
    assert problems("customer-profiles", "TagArn", "x" + arn) != []


def test_given_a_pattern_that_python_cannot_read_when_checked_then_it_is_passed_over() -> None:
    assert problems("appflow", "GlueDataCatalogTablePrefix", "any value") == []


def test_given_a_sensitive_string_when_refused_then_its_value_is_not_repeated() -> None:
    (problem,) = problems("appflow", "ClientSecret", "secret\nwith a line break")

    assert "secret" not in problem.message


def test_given_the_value_itself_is_wrong_when_checked_then_the_path_may_be_empty() -> None:
    assert problems("appflow", "FlowName", 1) == [Problem("", "is 1; it must be a string")]


def test_given_an_enum_when_asked_then_its_values_are_told() -> None:
    assert "BETWEEN" in enum_values("appflow", "SalesforceConnectorOperator")


def test_given_times_when_converted_then_all_are_utc() -> None:
    expected = datetime(2026, 1, 31, 12, tzinfo=UTC)

    assert to_datetime("2026-01-31T13:00:00+01:00") == expected
    assert to_datetime(expected.timestamp()) == expected
    assert to_datetime(datetime(2026, 1, 31, 12)) == expected
