"""The flow of a window and the continuous flow, from one FlowDefinition."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_ingestion import flows
from bulk_ingestion.connectors import CONNECTORS
from bulk_ingestion.windows import Window

EVENTS = Path(__file__).parents[2] / "events"
ARN = "arn:aws:states:us-east-1:123456789012:execution:machine:"


def definition(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())["FlowDefinition"]
    return found


def test_a_window_is_filtered_from_a_millisecond_before_its_start_to_its_end() -> None:
    # The bounds that Airflow's AppflowRunDailyOperator uses for the same day.
    window = Window("0001", datetime(2022, 5, 26, tzinfo=UTC), datetime(2022, 5, 27, tzinfo=UTC))
    assert flows.bounds(window, CONNECTORS["Salesforce"]) == {
        "DATA_TYPE": "datetime",
        "LOWER_BOUND": "1653523199999",
        "UPPER_BOUND": "1653609600000",
    }


def test_a_connector_without_between_is_filtered_from_the_start_alone() -> None:
    window = Window("0001", datetime(2022, 5, 26, tzinfo=UTC), datetime(2022, 5, 27, tzinfo=UTC))
    assert flows.bounds(window, CONNECTORS["Zendesk"]) == {
        "DATA_TYPE": "datetime",
        "VALUE": "1653523199999",
    }


@pytest.mark.parametrize(
    ("example", "key", "operator"),
    [
        ("salesforce-contact", "Salesforce", "BETWEEN"),
        ("marketo-leads", "Marketo", "BETWEEN"),
        ("servicenow-incident", "ServiceNow", "BETWEEN"),
        ("zendesk-tickets", "Zendesk", "GREATER_THAN"),
    ],
)
def test_the_filter_is_on_the_field_that_the_continuous_flow_pulls_by(
    example: str, key: str, operator: str
) -> None:
    given_ = definition(example)
    field = given_["SourceFlowConfig"]["IncrementalPullConfig"]["DatetimeTypeFieldName"]
    assert flows.window_flow(given_)["WindowFilter"] == {
        "TaskType": "Filter",
        "SourceFields": [field],
        "ConnectorOperator": {key: operator},
    }


def test_a_window_pulls_by_its_filter_and_not_by_time() -> None:
    flow = flows.window_flow(definition("salesforce-contact"))
    assert "IncrementalPullConfig" not in flow["SourceFlowConfig"]
    assert set(flow["SourceFlowConfig"]) == {
        "ConnectorType",
        "ConnectorProfileName",
        "SourceConnectorProperties",
    }


def test_the_filters_field_joins_the_projection_and_the_definition_stays_as_it_was() -> None:
    given_ = definition("salesforce-contact")
    given_["Tasks"][0]["SourceFields"].remove("LastModifiedDate")
    before = json.dumps(given_)
    flow = flows.window_flow(given_)
    assert flow["Tasks"][0]["SourceFields"][-1] == "LastModifiedDate"
    assert flow["Tasks"][1:] == given_["Tasks"][1:]
    assert json.dumps(given_) == before


@given(
    name=st.text(min_size=1, max_size=80),
    window=st.from_regex(r"[0-9]{4}(-[12]){0,8}", fullmatch=True),
    number=st.integers(1, 99),
)
def test_a_flow_name_is_one_that_appflow_takes(name: str, window: str, number: int) -> None:
    made = flows.flow_name(name, ARN + name, window, number)
    assert re.fullmatch(r"[a-zA-Z0-9][\w-]+", made, re.ASCII)
    assert len(made) <= 150


def test_flow_names_differ_by_execution_machine_window_and_round() -> None:
    names = {
        flows.flow_name(name, arn + name, window, number)
        for name in ("a", "b", "a.", "a!")
        for arn in (ARN, ARN.replace("machine", "other"))
        for window in ("0001", "0001-1", "0002")
        for number in (1, 2)
    }
    assert len(names) == 4 * 2 * 3 * 2


def test_everything_carries_the_owner_the_stack_and_the_execution() -> None:
    assert flows.tags({"team": "crm"}, "my-stack", "nightly run") == {
        "team": "crm",
        "awsOwningService": "customer-profiles-integration-workflow",
        "bulkIngestionStack": "my-stack",
        "bulkIngestionExecution": "nightly-run",
    }


@pytest.mark.parametrize(
    ("given_start", "expected"),
    [
        (None, "2026-11-23T22:05:00Z"),
        ("2026-11-23T21:00:00Z", "2026-11-23T22:05:00Z"),
        (1763900000, "2026-11-23T22:05:00Z"),
        ("2026-12-01T00:00:00Z", "2026-12-01T00:00:00Z"),
    ],
)
def test_a_schedule_that_has_passed_starts_five_minutes_from_now(
    given_start: Any, expected: str
) -> None:
    given_ = definition("salesforce-contact")
    schedule = given_["TriggerConfig"]["TriggerProperties"]["Scheduled"]
    if given_start is not None:
        schedule["ScheduleStartTime"] = given_start
    now = datetime(2026, 11, 23, 22, 0, 0, 900000, tzinfo=UTC)
    made = flows.continuous(given_, datetime(2026, 11, 23, 21, tzinfo=UTC), now)
    assert made["TriggerConfig"]["TriggerProperties"]["Scheduled"] == {
        "ScheduleExpression": "rate(1hours)",
        "DataPullMode": "Incremental",
        "FirstExecutionFrom": "2026-11-23T21:00:00Z",
        "ScheduleStartTime": expected,
    }
    assert {**made, "TriggerConfig": 0} == {**given_, "TriggerConfig": 0}
