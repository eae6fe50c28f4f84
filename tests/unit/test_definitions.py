"""The flow of a window and the continuous flow, from one FlowDefinition."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bulk_ingestion.flow import definitions
from bulk_ingestion.flow.connectors import CONNECTORS
from bulk_ingestion.flow.windows import Window

EVENTS = Path(__file__).parents[2] / "events"


def definition(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())["FlowDefinition"]
    return found


def test_a_window_is_filtered_from_a_millisecond_before_its_start_to_its_end() -> None:
    # The bounds that Airflow's AppflowRunDailyOperator uses for the same day.
    window = Window("0001", datetime(2022, 5, 26, tzinfo=UTC), datetime(2022, 5, 27, tzinfo=UTC))
    assert definitions.bounds(window, CONNECTORS["Salesforce"]) == {
        "DATA_TYPE": "datetime",
        "LOWER_BOUND": "1653523199999",
        "UPPER_BOUND": "1653609600000",
    }


def test_a_connector_without_between_is_filtered_from_the_start_alone() -> None:
    window = Window("0001", datetime(2022, 5, 26, tzinfo=UTC), datetime(2022, 5, 27, tzinfo=UTC))
    assert definitions.bounds(window, CONNECTORS["Zendesk"]) == {
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
    assert definitions.window_flow(given_)["WindowFilter"] == {
        "TaskType": "Filter",
        "SourceFields": [field],
        "ConnectorOperator": {key: operator},
    }


def test_a_window_pulls_by_its_filter_and_not_by_time() -> None:
    flow = definitions.window_flow(definition("salesforce-contact"))
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
    flow = definitions.window_flow(given_)
    assert flow["Tasks"][0]["SourceFields"][-1] == "LastModifiedDate"
    assert flow["Tasks"][1:] == given_["Tasks"][1:]
    assert json.dumps(given_) == before


@pytest.mark.parametrize(
    ("given_start", "expected"),
    [
        (None, "2026-11-23T23:00:00Z"),
        ("2026-11-23T21:00:00Z", "2026-11-23T23:00:00Z"),
        (1763900000, "2026-11-23T23:00:00Z"),
        ("2026-12-01T00:00:00Z", "2026-12-01T00:00:00Z"),
    ],
)
def test_a_schedule_that_has_passed_starts_an_overlap_from_now(
    given_start: Any, expected: str
) -> None:
    given_ = definition("salesforce-contact")
    schedule = given_["TriggerConfig"]["TriggerProperties"]["Scheduled"]
    if given_start is not None:
        schedule["ScheduleStartTime"] = given_start
    now = datetime(2026, 11, 23, 22, tzinfo=UTC)
    continues_from = datetime(2026, 11, 23, 21, tzinfo=UTC)
    hour = timedelta(hours=1)
    made = definitions.continuous(given_, continues_from - hour, hour, now)
    assert made["TriggerConfig"]["TriggerProperties"]["Scheduled"] == {
        "ScheduleExpression": "rate(1hours)",
        "DataPullMode": "Incremental",
        "FirstExecutionFrom": "2026-11-23T20:00:00Z",
        "ScheduleStartTime": expected,
    }
    assert {**made, "TriggerConfig": 0} == {**given_, "TriggerConfig": 0}


@pytest.mark.parametrize(
    ("overlap", "begins", "starts"),
    [
        (timedelta(0), "2026-11-23T22:00:00Z", "2026-11-23T22:05:00Z"),
        (timedelta(minutes=20), "2026-11-23T21:40:00Z", "2026-11-23T22:20:00Z"),
        (timedelta(days=2), "2026-11-21T22:00:00Z", "2026-11-25T22:00:00Z"),
    ],
)
def test_the_first_pull_begins_when_what_was_stamped_before_it_was_created_can_be_read(
    overlap: timedelta, begins: str, starts: str
) -> None:
    now = datetime(2026, 11, 23, 22, tzinfo=UTC)
    made = definitions.continuous(definition("salesforce-contact"), now - overlap, overlap, now)
    scheduled = made["TriggerConfig"]["TriggerProperties"]["Scheduled"]
    assert (scheduled["FirstExecutionFrom"], scheduled["ScheduleStartTime"]) == (begins, starts)
