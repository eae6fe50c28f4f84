"""The execution's input: every form it may have, and everything that can be wrong with it."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_ingestion.errors import InvalidInput
from bulk_ingestion.flow import names
from bulk_ingestion.flow.check import find_request_problems
from bulk_ingestion.input import request
from bulk_ingestion.input.model import ExecutionInput
from bulk_ingestion.input.request import Request
from bulk_ingestion.times import iso

EVENTS = Path(__file__).parents[2] / "events"
NOW = datetime(2026, 11, 23, 22, 0, 0, 123000, tzinfo=UTC)


def event(name: str = "salesforce-contact") -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return loaded


def read(raw: Any, now: datetime, **defaults: Any) -> Request:
    found = request.read(raw, now, **defaults)
    assert isinstance(found, Request)
    return found


def ask(**changes: Any) -> Request:
    return read({**event(), **changes}, NOW)


def without(key: str, **changes: Any) -> dict[str, Any]:
    return {name: value for name, value in {**event(), **changes}.items() if name != key}


def changed_flow(path: str, value: Any) -> dict[str, Any]:
    """Give the example with one place of its FlowDefinition changed; None removes it."""
    whole = event()
    at: Any = whole["FlowDefinition"]
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    for part in parents:
        at = at[part]
    if value is None:
        del at[last]
    else:
        at[last] = value
    return whole


def problems(raw: Any) -> list[str]:
    with pytest.raises(InvalidInput) as refused:
        read(raw, NOW)
    return str(refused.value).splitlines()[1:]


@pytest.mark.parametrize("path", sorted(EVENTS.glob("*.json")), ids=lambda path: path.stem)
def test_every_example_is_valid(path: Path) -> None:
    read(json.loads(path.read_text()), NOW)


def test_three_years_of_contacts_are_eighteen_windows_up_to_now() -> None:
    asked = ask(ImportFrom="P3Y")
    assert len(asked.windows) == 18
    assert iso(asked.windows[0].start) == "2023-11-23T22:00:00Z"
    assert iso(asked.hand_off) == iso(asked.windows[-1].end) == "2026-11-23T22:00:00Z"


def test_the_body_of_create_integration_workflow_is_a_valid_input_unchanged() -> None:
    asked = read(event("create-integration-workflow"), NOW)
    assert [(iso(w.start), iso(w.end)) for w in asked.windows] == [
        ("2023-01-01T00:00:00Z", "2023-07-01T00:00:00Z"),
        ("2023-07-01T00:00:00Z", "2024-01-01T00:00:00Z"),
        ("2024-01-01T00:00:00Z", "2024-07-01T00:00:00Z"),
    ]
    assert iso(asked.hand_off) == "2024-07-01T00:00:00Z"
    assert asked.target.tags == {"team": "crm"}
    assert asked.warnings == ("RoleArn is not used, because the stack's own roles make all calls.",)


def test_without_batches_the_trigger_says_from_when_to_import() -> None:
    body = event("create-integration-workflow")
    del body["IntegrationConfig"]["AppflowIntegration"]["Batches"]
    asked = read(body, NOW)
    assert iso(asked.windows[0].start) == "2023-01-01T00:00:00Z"
    assert len(asked.windows) == 24


def test_the_nested_body_may_be_mixed_with_the_extras() -> None:
    body = {**event("create-integration-workflow"), "Order": "OldestFirst", "MaxConcurrency": 2}
    asked = read(body, NOW)
    assert (asked.newest_first, asked.max_concurrency) == (False, 2)


@pytest.mark.parametrize(
    ("begins", "windows"),
    [("P2M", 0), ("2026-09-23T22:00:00Z", 0), ("2026-09-23T21:59:59Z", 2), ("P1D", 0), ("P61D", 0)],
)
def test_two_months_or_less_need_no_windows(begins: str, windows: int) -> None:
    asked = ask(ImportFrom=begins)
    assert len(asked.windows) == windows
    if not windows:
        assert asked.hand_off == read({**event(), "ImportFrom": begins}, NOW).hand_off < NOW


def test_without_windows_the_hand_off_is_the_start_of_the_import() -> None:
    assert iso(ask(ImportFrom="2026-10-01").hand_off) == "2026-10-01T00:00:00Z"


def test_two_months_before_the_thirtieth_of_april_is_the_end_of_february() -> None:
    now = datetime(2026, 4, 30, tzinfo=UTC)
    assert read({**event(), "ImportFrom": "P2M"}, now).windows == ()


def test_batches_are_put_in_order_and_gaps_between_them_are_reported() -> None:
    batches = [
        {"StartTime": "2024-03-01", "EndTime": "2024-04-01"},
        {"StartTime": "2024-01-01", "EndTime": "2024-02-01"},
    ]
    asked = read(without("ImportFrom", Batches=batches), NOW)
    assert [iso(w.start) for w in asked.windows] == [
        "2024-01-01T00:00:00Z",
        "2024-03-01T00:00:00Z",
    ]
    assert asked.warnings == (
        "No batch covers 2024-02-01T00:00:00Z to 2024-03-01T00:00:00Z. "
        "Records that last changed in this period are not imported.",
    )


@pytest.mark.parametrize(
    ("changes", "warning"),
    [
        ({}, "BatchSize is used only for the time between Batches and now"),
        ({"Continue": False}, "BatchSize is not used"),
        ({"Batches": [{"StartTime": "2024-01-01", "EndTime": "PT0S"}]}, "BatchSize is not used"),
    ],
)
def test_a_batch_size_beside_batches_is_reported(changes: dict[str, Any], warning: str) -> None:
    given_ = {"Batches": [{"StartTime": "2024-01-01", "EndTime": "2024-02-01"}], "BatchSize": "P1M"}
    [told] = read(without("ImportFrom", **{**given_, **changes}), NOW).warnings
    assert told.startswith(warning)


def test_a_batch_size_where_there_are_no_windows_is_reported() -> None:
    assert ask(ImportFrom="P1M", BatchSize="P1M").warnings == (
        "BatchSize is not used, because there are no windows.",
    )
    assert ask(ImportFrom="P1M", BatchSize="P1M", Continue=False, Overlap="PT0S").warnings == ()
    zendesk = read({**event("zendesk-tickets"), "BatchSize": "P1M"}, NOW).warnings
    assert "BatchSize is not used, because there is only one window." in zendesk


@pytest.mark.parametrize(
    ("end", "changes", "warned"),
    [
        ("PT0S", {"Continue": False}, True),
        ("PT59M", {"Continue": False}, True),
        ("PT1H", {"Continue": False}, False),
        ("PT1H", {"Continue": False, "Overlap": "PT2H"}, True),
        ("PT0S", {"Continue": False, "Overlap": "PT0S"}, False),
        ("PT0S", {}, False),
    ],
)
def test_an_end_that_late_records_may_miss_is_reported(
    end: str, changes: dict[str, Any], warned: bool
) -> None:
    batches = [{"StartTime": "2026-10-01", "EndTime": end}]
    warnings = read(without("ImportFrom", Batches=batches, **changes), NOW).warnings
    assert [text.startswith("Continue is false") for text in warnings] == [True] * warned


def test_a_period_to_import_again_is_named_for_late_records() -> None:
    [warning] = ask(ImportFrom="P1M", Continue=False, Overlap="P1D").warnings
    assert warning.endswith(
        "Import the time since 2026-11-22T22:00:00Z again after 2026-11-24T22:00:00Z."
    )


@pytest.mark.parametrize(
    ("begins", "warned"), [("2020-01-01", True), ("2023-11-23T22:00:00Z", False), (None, False)]
)
def test_another_start_in_the_trigger_is_reported(begins: str | None, warned: bool) -> None:
    place = "TriggerConfig.TriggerProperties.Scheduled.FirstExecutionFrom"
    raw = changed_flow(place, begins) if begins else event()
    warnings = read({**raw, "ImportFrom": "P3Y"}, NOW).warnings
    assert any("FirstExecutionFrom is not used" in text for text in warnings) is warned


@pytest.mark.parametrize(
    ("begins", "warned"),
    [(-5, True), ("1900-01-01", True), (20230101, True), ("1990-01-01", False), ("P3Y", False)],
)
def test_a_start_before_any_record_is_reported(begins: Any, warned: bool) -> None:
    warnings = ask(ImportFrom=begins, BatchSize="P1Y").warnings
    assert any("is before 1990" in text for text in warnings) is warned


@pytest.mark.parametrize(("field", "warned"), [("CreatedDate", True), ("SystemModstamp", False)])
def test_a_field_that_changes_do_not_move_is_reported(field: str, warned: bool) -> None:
    place = "SourceFlowConfig.IncrementalPullConfig.DatetimeTypeFieldName"
    warnings = read(changed_flow(place, field), NOW).warnings
    assert any("stays the same when a record changes" in text for text in warnings) is warned


@pytest.mark.parametrize(
    ("overlap", "offset", "warned"),
    [
        (None, None, False),
        ("PT0S", None, False),
        ("PT5M", 300, False),
        ("PT25M", 300, True),
        ("PT25M", None, True),
        ("PT25M", 1500, False),
    ],
)
def test_an_overlap_that_later_pulls_do_not_have_is_reported(
    overlap: str | None, offset: int | None, warned: bool
) -> None:
    place = "TriggerConfig.TriggerProperties.Scheduled.ScheduleOffset"
    raw = changed_flow(place, offset) if offset is not None else event()
    given_ = {**raw, "Overlap": overlap} if overlap else raw
    for continues in (True, False):
        warnings = read({**given_, "Continue": continues}, NOW).warnings
        found = [text for text in warnings if text.startswith("Overlap: only the first pull")]
        assert bool(found) is (warned and continues)


def test_a_schema_may_be_named() -> None:
    assert read({"$schema": "./input.schema.json", **event()}, NOW) == read(event(), NOW)


def test_the_requests_of_the_last_state_are_checked_whole() -> None:
    target = ask().target
    assert find_request_problems(target, names.tags(target.tags, "stack", "run")) == []
    found = find_request_problems(target, {"team": "M\u00fcnchen", "aws:x": "y"})
    assert {problem.path for problem in found} == {"Tags.team", "Tags.aws:x"}


def test_zendesk_gets_one_open_ended_window() -> None:
    asked = read(event("zendesk-tickets"), NOW)
    assert [(iso(w.start), iso(w.end)) for w in asked.windows] == [
        ("2025-11-23T22:00:00Z", "2026-11-23T22:00:00Z")
    ]
    assert "no upper bound" in asked.warnings[0]


def test_zendesk_cannot_take_batches() -> None:
    raw = event("zendesk-tickets")
    del raw["ImportFrom"]
    raw["Batches"] = [{"StartTime": "2024-01-01", "EndTime": "2024-02-01"}]
    assert problems(raw) == [
        "Batches: can't be used with Zendesk, because its filters have no upper bound; "
        "use ImportFrom."
    ]


def test_concurrency_comes_from_the_input_then_the_connector_then_the_stack() -> None:
    marketo = event("marketo-leads")
    assert read({**marketo, "MaxConcurrency": 2}, NOW).max_concurrency == 2
    assert read(marketo, NOW).max_concurrency == 1
    assert read(event(), NOW, max_concurrency=7).max_concurrency == 7


def test_the_domain_may_come_from_the_stack() -> None:
    assert read(without("DomainName"), NOW, domain="stack-domain").target.domain == "stack-domain"
    assert read(event(), NOW, domain="stack-domain").target.domain == "acme"


@given(days=st.integers(1, 4000), size=st.integers(1, 800))
def test_the_hand_off_is_where_the_last_window_ends(days: int, size: int) -> None:
    begins = (NOW - timedelta(days=days)).date().isoformat()
    asked = ask(ImportFrom=begins, BatchSize=f"P{size}D")
    assert asked.hand_off == (asked.windows[-1].end if asked.windows else asked.hand_off)
    assert asked.windows == () or asked.hand_off == NOW.replace(microsecond=0)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (without("ImportFrom"), "ImportFrom: is missing"),
        (without("ObjectTypeName"), "ObjectTypeName: is missing"),
        (without("DomainName"), "DomainName: is missing"),
        (without("FlowDefinition"), "FlowDefinition: is missing"),
        ({**event(), "DomainName": 5}, "DomainName: is 5; it must be the name"),
        (
            {**event(), "DomainName": "a b"},
            'DomainName: is "a b"; it must be the name of the Customer Profiles domain, 1 to 64',
        ),
        ({**event(), "Importfrom": "P2Y"}, "Importfrom: is unknown; did you mean ImportFrom?"),
        ({**event(), "ImportFrom": "soon"}, 'ImportFrom: "soon" is not a point in time'),
        ({**event(), "ImportFrom": "2027-01-01"}, "ImportFrom: 2027-01-01T00:00:00Z is in the"),
        ({**event(), "ImportFrom": "2023-01-01T00:00:00"}, "has no offset from UTC"),
        (
            {**event(), "BatchSize": "2 months"},
            'BatchSize: "2 months" is not a duration; did you mean P2M?',
        ),
        (
            {**event(), "BatchSize": "PT5M"},
            'BatchSize: "PT5M" is too short; use an ISO 8601 duration of an hour',
        ),
        ({**event(), "BatchSize": "PT1H", "ImportFrom": "P20Y"}, "BatchSize: makes more than"),
        ({**event(), "MaxConcurrency": 0}, "MaxConcurrency: is 0; it must be a whole number"),
        ({**event(), "MaxConcurrency": 41}, "a whole number from 1 to 40"),
        ({**event(), "MaxConcurrency": True}, "MaxConcurrency: is true"),
        ({**event(), "Order": "Newest"}, 'Order: is "Newest"; it must be NewestFirst or'),
        ({**event(), "DryRun": "yes"}, 'DryRun: is "yes"'),
        ({**event(), "Tags": {"aws:x": "1"}}, 'Tags: "aws:x" begins with'),
        ({**event(), "Tags": {"bulkIngestionStack": "x"}}, "is a tag that this stack sets"),
        ({**event(), "Tags": {"a": "b" * 257}}, 'Tags: "a" has a value of 257'),
        ({**event(), "Tags": {str(n): "" for n in range(48)}}, "Tags: has 48 tags"),
        (
            {**event(), "WorkflowType": "OTHER"},
            'WorkflowType: is "OTHER"; it must be APPFLOW_INTEGRATION',
        ),
        ({**event(), "Batches": []}, "Batches: is []; it must be an array"),
        (
            {**event(), "Batches": [{"StartTime": "2024-01-01", "EndTime": "2024-02-01"}]},
            "ImportFrom: can't be used together with Batches",
        ),
        (
            without("ImportFrom", Batches=[{"StartTime": "2024-02-01", "EndTime": "2024-01-01"}]),
            "Batches[0].EndTime: 2024-01-01T00:00:00Z is not after",
        ),
        (
            without(
                "ImportFrom",
                Batches=[
                    {"StartTime": "2024-01-01", "EndTime": "2024-03-01"},
                    {"StartTime": "2024-02-01", "EndTime": "2024-04-01"},
                ],
            ),
            "Batches: the batch from 2024-02-01T00:00:00Z starts before",
        ),
        (
            without("ImportFrom", Batches=[{"StartTime": "2024-01-01", "EndTime": "2027-01-01"}]),
            "Batches[0].EndTime: 2027-01-01T00:00:00Z is in the future",
        ),
        (changed_flow("FlowName", "a/b"), "FlowDefinition.FlowName: "),
        ({**event(), "FlowDefinition": {}}, "FlowDefinition.FlowName: is missing"),
        (changed_flow("Tasks.1.TaskType", "Copy"), "FlowDefinition.Tasks[1].TaskType: "),
        (changed_flow("Surprise", 1), "FlowDefinition.Surprise: "),
        (changed_flow("Tasks.0", None), "FlowDefinition.Tasks: has no projection"),
        (changed_flow("TriggerConfig.TriggerType", "OnDemand"), "TriggerType: is OnDemand"),
        (
            changed_flow(
                "TriggerConfig.TriggerProperties.Scheduled.ScheduleExpression", "rate(1 hour)"
            ),
            'ScheduleExpression: "rate(1 hour)" is not a schedule that AppFlow accepts',
        ),
        (
            changed_flow("TriggerConfig.TriggerProperties.Scheduled.DataPullMode", "Complete"),
            "DataPullMode: is Complete",
        ),
        (
            changed_flow(
                "TriggerConfig.TriggerProperties.Scheduled.ScheduleEndTime", "2026-01-01T00:00:00Z"
            ),
            "ScheduleEndTime: is 2026-01-01T00:00:00Z, which has passed",
        ),
        (
            changed_flow("SourceFlowConfig.IncrementalPullConfig", None),
            "IncrementalPullConfig.DatetimeTypeFieldName: is missing",
        ),
        (changed_flow("SourceFlowConfig.ConnectorProfileName", None), "ConnectorProfileName: is"),
        (
            changed_flow(
                "SourceFlowConfig.SourceConnectorProperties", {"Marketo": {"Object": "x"}}
            ),
            "SourceConnectorProperties: has Marketo; with ConnectorType Salesforce",
        ),
        (
            changed_flow("Tasks.1.ConnectorOperator", {"Marketo": "NO_OP"}),
            "FlowDefinition.Tasks[1].ConnectorOperator: has Marketo",
        ),
        (
            {**event(), "IntegrationConfig": {"AppflowIntegration": {"FlowDefinition": {}}}},
            "FlowDefinition: is given twice",
        ),
        ({**event(), "IntegrationConfig": {"Other": {}}}, "IntegrationConfig: must contain only"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_what_is_wrong_is_named_with_its_key(raw: Any, expected: str) -> None:
    assert sum(expected in line for line in problems(raw)) == 1, problems(raw)


def test_all_problems_are_named_at_once() -> None:
    raw = changed_flow("Tasks.0", None)
    raw |= {"BatchSize": "2M", "ImportFrom": "2030-01-01", "Extra": 1, "Tags": {"a": 1, "b!": ""}}
    raw |= {"Order": None, "MaxConcurrency": 0}
    assert [line.split(":")[0] for line in problems(raw)] == [
        "BatchSize",
        "Extra",
        "FlowDefinition.Tasks",
        "ImportFrom",
        "MaxConcurrency",
        "Order",
        "Tags",
        "Tags",
    ]


def test_a_start_with_too_many_windows_is_named_beside_everything_else() -> None:
    raw = {**event(), "ImportFrom": "0001-01-01", "MaxConcurrency": 0}
    assert [line.split(":")[0] for line in problems(raw)] == ["ImportFrom", "MaxConcurrency"]


def test_a_problem_in_the_nested_body_is_named_where_the_user_wrote_it() -> None:
    body = event("create-integration-workflow")
    nested = body["IntegrationConfig"]["AppflowIntegration"]
    nested["Batches"][1]["EndTime"] = "never"
    nested["FlowDefinition"]["KmsArn"] = "alias/domain"
    at = "IntegrationConfig.AppflowIntegration"
    assert [line.split(": ")[0] for line in problems(body)] == [
        f"{at}.Batches[1].EndTime",
        f"{at}.FlowDefinition.KmsArn",
    ]


@pytest.mark.parametrize("raw", [None, [], "P2Y", 5])
def test_an_input_that_is_no_object_is_refused(raw: Any) -> None:
    with pytest.raises(InvalidInput, match="must be a JSON object"):
        read(raw, NOW)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [*event(), "Batches", "StartTime", "AppflowIntegration", "Tasks", "x"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_whatever_is_given_is_read_or_refused_as_invalid_input(raw: Any) -> None:
    given_ = copy.deepcopy({**event(), **raw} if isinstance(raw, dict) else raw)
    try:
        read(given_, NOW)
    except InvalidInput as refused:
        assert str(refused)  # noqa: PT017


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Give the place of everything in a JSON value."""
    if at:
        yield at
    if isinstance(value, dict | list):
        for key, member in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(member, (*at, key))


EXAMPLES = [json.loads(path.read_text()) for path in sorted(EVENTS.glob("*.json"))]
ODD: list[Any] = [
    *(None, True, 0, -1, 1.5, float("inf"), 10**30, [], [None], [{}], {}, {"a": None}, {"": ""}),
    *("", "x", "a b", "\ud800", "P1Y", "rate(1 hour)", "cron(0)", "2023-01-01", "1" * 300),
]


@given(st.sampled_from(EXAMPLES), st.randoms(use_true_random=False))
def test_an_example_with_odd_places_is_read_or_refused_as_invalid_input(
    example: dict[str, Any], dice: random.Random
) -> None:
    raw = copy.deepcopy(example)
    for _ in range(dice.randint(1, 3)):
        *parents, last = dice.choice([*places(raw), ("x",)])
        at: Any = raw
        for key in parents:
            at = at[key]
        if dice.random() < 0.5 or last == "x":
            at[last] = copy.deepcopy(dice.choice(ODD))
        else:
            del at[last]
    raw[dice.choice([*ExecutionInput.model_fields, "Resume", "$schema"])] = dice.choice(ODD)
    try:
        request.read(raw, NOW)
    except InvalidInput as refused:
        assert str(refused).encode()  # noqa: PT017
