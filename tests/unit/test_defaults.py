"""What an execution does where its input says nothing, by connector and object, and why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bulk_ingestion.flow.connectors import CONNECTORS
from bulk_ingestion.input import defaults, request
from bulk_ingestion.input.request import Request
from bulk_ingestion.times import iso

NOW = datetime(2026, 11, 23, 22, tzinfo=UTC)


def ask(application: str = "Salesforce", of: str = "Contact", **changes: Any) -> Request:
    found = request.read(
        {
            "DomainName": "acme",
            "Application": application,
            "Object": of,
            "ConnectorProfileName": "acme",
            "ImportFrom": "P1Y",
            **changes,
        },
        NOW,
    )
    assert isinstance(found, Request)
    return found


@pytest.mark.parametrize(
    ("application", "of", "size", "windows"),
    [
        ("Salesforce", "Contact", "P2M", 6),
        ("Marketo", "leads", "P30D", 13),
        ("ServiceNow", "sys_user", "P1M", 12),
    ],
)
def test_windows_are_as_long_as_the_connector_can_take(
    application: str, of: str, size: str, windows: int
) -> None:
    asked = ask(application, of)
    assert asked.defaults["BatchSize"].value == size
    assert len(asked.windows) == windows
    assert len(ask(application, of, BatchSize="P3M").windows) == 4


@pytest.mark.parametrize(
    ("application", "of", "newest_first"),
    [
        ("Salesforce", "Account", True),
        ("Salesforce", "Contact", True),
        ("Salesforce", "Asset", False),
        ("Marketo", "leads", True),
        ("ServiceNow", "sys_user", True),
        ("ServiceNow", "task", False),
        ("ServiceNow", "incident", False),
        ("Zendesk", "users", True),
        ("Zendesk", "tickets", False),
    ],
)
def test_objects_of_which_a_profile_has_many_come_oldest_first(
    application: str, of: str, newest_first: bool
) -> None:
    assert ask(application, of).newest_first is newest_first
    for order in ("NewestFirst", "OldestFirst"):
        assert ask(application, of, Order=order).newest_first is (order == "NewestFirst")


def test_a_flow_definition_of_ones_own_has_the_same_defaults() -> None:
    definition = ask("Salesforce", "Asset").target.flow_definition
    tasks = [
        {"TaskType": kind, "SourceFields": ["Id"], "ConnectorOperator": {"Salesforce": operator}}
        for kind, operator in (("Filter", "PROJECTION"), ("Map", "NO_OP"))
    ]
    raw = {
        "DomainName": "acme",
        "ObjectTypeName": "Assets",
        "FlowDefinition": {**definition, "Tasks": tasks},
        "ImportFrom": "P1Y",
    }
    found = request.read(raw, NOW)
    assert isinstance(found, Request)
    assert not found.newest_first


def test_every_default_has_a_reason_and_is_shown_unless_the_input_says_otherwise() -> None:
    for connector in CONNECTORS.values():
        for of in [*connector.presets, "another"]:
            known = defaults.of(connector, of, 5)
            assert known.keys() == {"BatchSize", "Order", "Overlap", "MaxConcurrency"}
            assert all(default.reason.endswith(".") for default in known.values())
    assert ask().defaults.keys() == {"BatchSize", "Order", "Overlap", "MaxConcurrency"}
    given: dict[str, Any] = {
        "BatchSize": "P1M",
        "Order": "OldestFirst",
        "Overlap": "PT0S",
        "MaxConcurrency": 1,
    }
    assert ask(**given).defaults == {}


@pytest.mark.parametrize(
    ("given", "overlap"),
    [({}, "PT1H"), ({"Overlap": "PT0S"}, "PT0S"), ({"Overlap": "P7D"}, "P7D")],
)
def test_the_overlap_is_an_hour_unless_the_input_says_otherwise(
    given: dict[str, Any], overlap: str
) -> None:
    hours = {"PT1H": 1, "PT0S": 0, "P7D": 7 * 24}
    assert ask(**given).overlap == ask(**given).job.overlap == timedelta(hours=hours[overlap])


def test_windows_are_all_there_is_without_a_continuous_integration() -> None:
    assert ask().continues
    asked = ask(Continue=False, ImportFrom="P1M")
    assert not asked.job.continues
    assert [(iso(window.start), iso(window.end)) for window in asked.windows] == [
        ("2026-10-23T22:00:00Z", "2026-11-23T22:00:00Z")
    ]
    assert ask(ImportFrom="P1M").windows == ()


@pytest.mark.parametrize(
    ("given", "warning"),
    [
        ({"MaxConcurrency": 10}, "MaxConcurrency is more than 1, the default for Marketo. Marketo"),
        ({"BatchSize": "P31D"}, "BatchSize is more than P30D, the default for Marketo. A bulk"),
        ({"MaxConcurrency": 1, "BatchSize": "P30D"}, ""),
        ({"BatchSize": "P1D"}, ""),
    ],
)
def test_more_than_a_source_takes_is_warned_of(given: dict[str, Any], warning: str) -> None:
    warnings = ask("Marketo", "leads", **given).warnings
    assert [text[: len(warning)] for text in warnings] == ([warning] if warning else [])


def test_an_order_in_which_the_newest_objects_could_go_is_warned_of() -> None:
    assert ask("ServiceNow", "task", Order="OldestFirst").warnings == ()
    [warning] = ask("ServiceNow", "task", Order="NewestFirst").warnings
    assert warning.startswith("Order is not OldestFirst, the default for these objects.")


def test_pulls_of_more_than_two_months_are_warned_of() -> None:
    assert ask(Schedule="rate(1months)").warnings == ask(Schedule="cron(0 2 1 * ? *)").warnings
    [warning] = ask(Schedule="rate(1years)").warnings
    assert warning.startswith("Schedule: with rate(1years), each pull covers more than two months")


def test_only_the_stack_limits_what_runs_at_a_time_where_the_source_does_not() -> None:
    assert ask(MaxConcurrency=40).warnings == ()
    assert ask(BatchSize="P1Y").warnings == ()
