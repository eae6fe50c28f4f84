"""AppFlow in the embedded cloud, called as its clients call it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import boto3
import pytest
from botocore.config import Config
from hypothesis import given, settings
from hypothesis import strategies as st
from moto import mock_aws
from moto.core.exceptions import ServiceException

from local.services.appflow.schedules import next_pull
from local.services.simulation import RunOutcome, current
from tests.local.services_cloud import (
    FIELDS,
    NOW,
    OBJECT_TYPE,
    Cloud,
    Request,
    contact,
    destination,
    flow,
    milliseconds,
    refused,
    scheduled,
    tasks,
    window_filter,
)


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with mock_aws():
        yield Cloud()


def source_config(**changes: Any) -> Request:
    return dict(flow()["sourceFlowConfig"]) | changes


ZENDESK = {
    "connectorType": "Zendesk",
    "connectorProfileName": "acme-zd",
    "sourceConnectorProperties": {"Zendesk": {"object": "users"}},
}
BETWEEN = window_filter(NOW - timedelta(days=1), NOW)


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"flowName": "with space"}, "ValidationException", "flowName"),
        ({"kmsArn": "arn:aws:kms:nonsense-that-is-long"}, "ValidationException", "kmsArn"),
        (
            {"sourceFlowConfig": source_config(connectorProfileName="nobody")},
            "ResourceNotFoundException",
            "nobody",
        ),
        (
            {"sourceFlowConfig": source_config(connectorProfileName="acme-zd")},
            "ValidationException",
            "is of type Zendesk, not Salesforce",
        ),
        (
            {"destinationFlowConfigList": [destination("nowhere")]},
            "ResourceNotFoundException",
            "Domain nowhere",
        ),
        (
            {"destinationFlowConfigList": [destination("acme", "Nothing")]},
            "ResourceNotFoundException",
            "Object type Nothing",
        ),
        ({"destinationFlowConfigList": []}, "ValidationException", "exactly one destination"),
        ({"tasks": tasks(FIELDS)[1:]}, "ValidationException", "projection task or a MAP_ALL"),
        ({"tasks": tasks(FIELDS)[:1]}, "ValidationException", "Map task"),
        ({"tasks": tasks([*FIELDS, "Nickname"])}, "ValidationException", "Nickname does not"),
        ({"tasks": tasks([*FIELDS, "MailingAddress"])}, "ValidationException", "be retrieved"),
        ({"tasks": [*tasks(["Id"]), BETWEEN]}, "ValidationException", "missing in the projection"),
        (
            {"tasks": [*tasks(FIELDS), BETWEEN | {"taskProperties": {"DATA_TYPE": "datetime"}}]},
            "ValidationException",
            "LOWER_BOUND",
        ),
        (
            {
                "tasks": [
                    *tasks(FIELDS),
                    BETWEEN
                    | {"taskProperties": BETWEEN["taskProperties"] | {"UPPER_BOUND": "2026-01-01"}},
                ]
            },
            "ValidationException",
            "epoch milliseconds",
        ),
        (
            {
                "sourceFlowConfig": ZENDESK,
                "tasks": [
                    *tasks(["id", "updated_at"], "Zendesk"),
                    BETWEEN
                    | {"sourceFields": ["updated_at"], "connectorOperator": {"Zendesk": "BETWEEN"}},
                ],
            },
            "ValidationException",
            'connectorOperator.Zendesk: is "BETWEEN"',
        ),
        (
            {"sourceFlowConfig": ZENDESK, "tasks": tasks(["id"], "Salesforce")},
            "ValidationException",
            "the source is Zendesk",
        ),
        (
            {
                "sourceFlowConfig": source_config(
                    sourceConnectorProperties={"Zendesk": {"object": "users"}}
                )
            },
            "ValidationException",
            "exactly Salesforce",
        ),
        ({"triggerConfig": {"triggerType": "Scheduled"}}, "ValidationException", "Scheduled needs"),
        (scheduled("cron(banana)"), "ValidationException", "cron(0 2 * * ? *)"),
        (scheduled("rate(1 hour)"), "ValidationException", "rate(1hours)"),
        (
            scheduled(scheduleStartTime=NOW - timedelta(minutes=1)),
            "ValidationException",
            "in the past",
        ),
        (
            scheduled(firstExecutionFrom=NOW + timedelta(days=1)),
            "ValidationException",
            "in the future",
        ),
    ],
)
def test_a_wrong_flow_is_refused_with_the_real_error(
    cloud: Cloud, changes: Request, code: str, words: str
) -> None:
    with refused(code) as refusal:
        cloud.appflow.create_flow(**flow(**changes))

    assert words in str(refusal.value)
    assert cloud.appflow.list_flows()["flows"] == []


def test_an_unknown_member_is_refused_by_the_service_too(
    cloud: Cloud,
) -> None:
    client = boto3.client("appflow", region_name="us-east-1")
    client.meta.events.register(
        "before-call.appflow.ListFlows", lambda params, **_: params.update(body=b'{"Wrong": 1}')
    )
    with refused("ValidationException", 400) as refusal:
        client.list_flows()

    assert "Wrong: is unknown" in str(refusal.value)


def test_a_flow_is_described_with_its_tags(cloud: Cloud) -> None:
    answer = cloud.appflow.create_flow(**flow(description="all of them", tags={"run": "one"}))

    described = cloud.appflow.describe_flow(flowName="contacts")
    assert answer["flowArn"] == "arn:aws:appflow:us-east-1:123456789012:flow/contacts"
    assert answer["flowStatus"] == described["flowStatus"] == "Active"
    assert described["tasks"] == tasks(FIELDS)
    assert described["tags"] == {"run": "one"}
    assert "lastRunExecutionDetails" not in described


def test_a_name_in_use_is_a_conflict(cloud: Cloud) -> None:
    cloud.appflow.create_flow(**flow())

    with refused("ConflictException", 409):
        cloud.appflow.create_flow(**flow())


def test_a_repeated_client_token_repeats_the_answer_for_eight_hours(
    cloud: Cloud,
) -> None:
    first = cloud.appflow.create_flow(**flow(), clientToken="once")
    again = cloud.appflow.create_flow(**flow(), clientToken="once")
    with refused("ConflictException"):
        cloud.appflow.create_flow(**flow("another"), clientToken="once")
    cloud.clock.advance(8 * 3600 + 1)
    cloud.appflow.create_flow(**flow("another"), clientToken="once")

    assert again["flowArn"] == first["flowArn"]
    assert len(cloud.appflow.list_flows()["flows"]) == 2


def test_records_of_a_registered_flow_land_mapped_and_keyed(
    cloud: Cloud,
) -> None:
    cloud.source.load([contact("1", NOW - timedelta(days=9)), contact("2", NOW)])
    cloud.appflow.create_flow(**flow(tasks=tasks(["Id", "LastName"])))

    run = cloud.run("contacts")

    assert run["executionStatus"] == "Successful"
    assert run["executionResult"]["recordsProcessed"] == 2
    assert run["executionResult"]["bytesProcessed"] > 0
    assert {"dataPullStartTime", "dataPullEndTime", "startedAt", "lastUpdatedAt"} <= set(run)
    assert cloud.services.domain_objects("acme", OBJECT_TYPE) == [
        {"Id": "1", "LastName": "Name 1"},
        {"Id": "2", "LastName": "Name 2"},
    ]
    assert cloud.services.deliveries("acme", OBJECT_TYPE) == {"1": 1, "2": 1}


def test_a_run_of_an_unregistered_flow_succeeds_and_nothing_lands(
    cloud: Cloud,
) -> None:
    cloud.appflow.create_flow(**flow())

    cloud.appflow.start_flow(flowName="contacts")
    cloud.clock.advance(3600)

    assert cloud.last_run("contacts")["executionStatus"] == "Successful"
    assert cloud.landed() == []


def test_a_run_is_in_progress_until_its_time_has_passed(cloud: Cloud) -> None:
    cloud.appflow.create_flow(**flow())

    run = cloud.run("contacts", seconds=39)

    assert run["executionStatus"] == "InProgress"
    assert cloud.landed() == []
    assert cloud.services.next_due() == NOW + timedelta(seconds=40, milliseconds=2 * 20)


def test_a_run_reads_the_source_as_it_is_when_the_run_ends(
    cloud: Cloud,
) -> None:
    cloud.source.load([contact("1", NOW), contact("2", NOW)])
    cloud.appflow.create_flow(**flow())
    cloud.run("contacts", seconds=10)

    cloud.source.delete("1")
    cloud.source.put(contact("3", NOW))
    cloud.clock.advance(60)
    cloud.source.put(contact("4", NOW))

    assert cloud.landed() == ["2", "3"]


def test_starting_or_deleting_a_running_flow_is_a_conflict(cloud: Cloud) -> None:
    cloud.appflow.create_flow(**flow())
    cloud.appflow.start_flow(flowName="contacts")

    with refused("ConflictException", 409):
        cloud.appflow.start_flow(flowName="contacts")
    with refused("ConflictException", 409):
        cloud.appflow.delete_flow(flowName="contacts")
    cloud.appflow.delete_flow(flowName="contacts", forceDelete=True)

    with refused("ResourceNotFoundException", 404):
        cloud.appflow.describe_flow(flowName="contacts")


def test_a_repeated_start_token_starts_no_second_run(cloud: Cloud) -> None:
    cloud.appflow.create_flow(**flow())

    first = cloud.appflow.start_flow(flowName="contacts", clientToken="start")
    cloud.clock.advance(3600)
    again = cloud.appflow.start_flow(flowName="contacts", clientToken="start")
    other = cloud.appflow.start_flow(flowName="contacts", clientToken="again")

    assert again["executionId"] == first["executionId"] != other["executionId"]


def test_a_start_token_of_a_deleted_flow_starts_its_successor(cloud: Cloud) -> None:
    cloud.appflow.create_flow(**flow())
    first = cloud.appflow.start_flow(flowName="contacts", clientToken="start")
    cloud.appflow.delete_flow(flowName="contacts", forceDelete=True)
    cloud.appflow.create_flow(**flow())

    second = cloud.appflow.start_flow(flowName="contacts", clientToken="start")

    assert second["executionId"] != first["executionId"]


def test_stopping_an_on_demand_flow_is_unsupported(cloud: Cloud) -> None:
    cloud.appflow.create_flow(**flow())

    with refused("UnsupportedOperationException", 400):
        cloud.appflow.stop_flow(flowName="contacts")


def test_a_run_is_cancelled_in_two_steps_and_nothing_lands(
    cloud: Cloud,
) -> None:
    cloud.appflow.create_flow(**flow())
    run = cloud.run("contacts", seconds=1)

    answer = cloud.appflow.cancel_flow_executions(
        flowName="contacts", executionIds=[run["executionId"], "unknown"]
    )
    between = cloud.last_run("contacts")["executionStatus"]
    cloud.clock.advance(10)

    assert answer["invalidExecutions"] == ["unknown"]
    assert (between, cloud.last_run("contacts")["executionStatus"]) == ("CancelStarted", "Canceled")
    assert cloud.landed() == []


def test_runs_are_listed_in_pages_the_newest_first(
    cloud: Cloud,
) -> None:
    cloud.appflow.create_flow(**flow())
    started = []
    for _ in range(25):
        started.append(cloud.appflow.start_flow(flowName="contacts")["executionId"])
        cloud.clock.advance(600)

    first = cloud.appflow.describe_flow_execution_records(flowName="contacts")
    rest = cloud.appflow.describe_flow_execution_records(
        flowName="contacts", nextToken=first["nextToken"]
    )
    listed = [run["executionId"] for run in first["flowExecutions"] + rest["flowExecutions"]]

    assert len(first["flowExecutions"]) == 20
    assert listed == started[::-1]
    assert "nextToken" not in rest
    with refused("ValidationException"):
        cloud.appflow.describe_flow_execution_records(flowName="contacts", nextToken="!")


@pytest.mark.parametrize(
    ("operator", "properties", "expected"),
    [
        ("GREATER_THAN", {"VALUE": str(milliseconds(NOW))}, ["after"]),
        ("GREATER_THAN_OR_EQUAL_TO", {"VALUE": str(milliseconds(NOW))}, ["after", "now"]),
        ("LESS_THAN", {"VALUE": str(milliseconds(NOW))}, ["before"]),
        ("LESS_THAN_OR_EQUAL_TO", {"VALUE": str(milliseconds(NOW))}, ["before", "now"]),
        ("EQUAL_TO", {"VALUE": str(milliseconds(NOW))}, ["now"]),
        ("NOT_EQUAL_TO", {"VALUE": str(milliseconds(NOW))}, ["after", "before"]),
    ],
)
def test_a_run_evaluates_its_filter(
    cloud: Cloud, operator: str, properties: dict[str, str], expected: list[str]
) -> None:
    step = timedelta(milliseconds=1)
    cloud.source.load(
        [contact("before", NOW - step), contact("now", NOW), contact("after", NOW + step)]
    )
    chosen = BETWEEN | {
        "connectorOperator": {"Salesforce": operator},
        "taskProperties": {"DATA_TYPE": "datetime"} | properties,
    }
    cloud.appflow.create_flow(**flow(tasks=[*tasks(FIELDS), chosen]))

    cloud.run("contacts")

    assert cloud.landed() == expected


def test_a_record_must_pass_both_of_two_filters(cloud: Cloud) -> None:
    cloud.source.load([contact("1", NOW), contact("2", NOW), contact("3", NOW - timedelta(days=3))])
    named = {
        "taskType": "Filter",
        "sourceFields": ["LastName"],
        "connectorOperator": {"Salesforce": "CONTAINS"},
        "taskProperties": {"DATA_TYPE": "string", "VALUE": "2"},
    }
    window = window_filter(NOW - timedelta(days=1), NOW + timedelta(days=1))
    cloud.appflow.create_flow(**flow(tasks=[*tasks(FIELDS), window, named]))

    cloud.run("contacts")

    assert cloud.landed() == ["2"]


def test_all_records_of_a_window_land_under_both_readings(
    cloud: Cloud,
) -> None:
    start = NOW - timedelta(days=90)
    end = start + timedelta(days=60)
    edges = {start - timedelta(milliseconds=1), end}
    cloud.appflow.create_flow(**flow(tasks=[*tasks(FIELDS), window_filter(start, end)]))
    numbers = count()

    @settings(max_examples=100, deadline=None)
    @given(
        offsets=st.lists(
            st.integers(-3, 3) | st.integers(0, 5_184_000_000), min_size=1, max_size=8, unique=True
        ),
        edge=st.sampled_from([start, end]),
        inclusive=st.booleans(),
    )
    def all_in_it_land(offsets: list[int], edge: datetime, inclusive: bool) -> None:
        dates = {str(next(numbers)): edge + timedelta(milliseconds=n) for n in offsets}
        current.knobs = replace(current.knobs, inclusive_bounds=inclusive)
        cloud.source.load(contact(key, modified) for key, modified in dates.items())
        cloud.run("contacts")

        landed = dates.keys() & set(cloud.landed())
        within = {key for key, modified in dates.items() if start <= modified < end}
        assert within <= landed
        assert all(inclusive and dates[key] in edges for key in landed - within)

    all_in_it_land()


def test_a_scheduled_flow_is_a_draft_until_it_is_started(
    cloud: Cloud,
) -> None:
    created = cloud.appflow.create_flow(**scheduled())
    cloud.clock.advance(86400)
    before = cloud.appflow.describe_flow_execution_records(flowName="contacts")
    started = cloud.appflow.start_flow(flowName="contacts")

    assert (created["flowStatus"], started["flowStatus"]) == ("Draft", "Active")
    assert before["flowExecutions"] == []
    assert "executionId" not in started


def test_a_started_schedule_pulls_what_is_new_each_time(
    cloud: Cloud,
) -> None:
    cloud.source.load(
        [contact("old", NOW - timedelta(days=40)), contact("recent", NOW - timedelta(days=20))]
    )
    arn = cloud.appflow.create_flow(**scheduled())["flowArn"]
    cloud.profiles.put_integration(DomainName="acme", Uri=arn, ObjectTypeName=OBJECT_TYPE)
    cloud.appflow.start_flow(flowName="contacts")
    first_pull = NOW + timedelta(minutes=5)

    cloud.clock.advance(600)
    after_one = cloud.landed()
    cloud.source.put(contact("new", NOW + timedelta(minutes=30)))
    cloud.clock.advance(3600)

    runs = cloud.appflow.describe_flow_execution_records(flowName="contacts")["flowExecutions"]
    spans = [(run["dataPullStartTime"], run["dataPullEndTime"]) for run in runs[::-1]]
    assert after_one == ["recent"]
    assert cloud.landed() == ["new", "recent"]
    assert spans == [
        (first_pull - timedelta(days=30), first_pull),
        (first_pull, first_pull + timedelta(hours=1)),
    ]
    assert cloud.services.deliveries("acme", OBJECT_TYPE) == {"recent": 1, "new": 1}


@pytest.mark.parametrize(
    ("expression", "pulls"),
    [
        ("cron(0 2 * * ? *)", ["2026-11-24T02:00", "2026-11-25T02:00", "2026-11-26T02:00"]),
        ("rate(1weeks)", ["2026-11-23T10:05", "2026-11-30T10:05", "2026-12-07T10:05"]),
        ("rate(1months)", ["2026-11-23T10:05", "2026-12-23T10:05", "2027-01-23T10:05"]),
    ],
)
def test_a_schedule_pulls_at_the_times_of_its_expression(
    cloud: Cloud, expression: str, pulls: list[str]
) -> None:
    cloud.appflow.create_flow(**scheduled(expression))
    cloud.appflow.start_flow(flowName="contacts")
    cloud.clock.advance(100 * 86_400)

    runs = cloud.appflow.describe_flow_execution_records(flowName="contacts", maxResults=100)
    starts = [f"{run['startedAt']:%Y-%m-%dT%H:%M}" for run in runs["flowExecutions"][::-1]]
    assert starts[:3] == pulls


def test_a_rate_in_months_leaves_out_no_month_though_it_starts_late_in_one() -> None:
    start = datetime(2026, 1, 31, tzinfo=UTC)
    at, days = start, []
    for _ in range(4):
        found = next_pull("rate(1months)", start, at)
        assert found is not None
        at = found
        days.append(f"{at:%m-%d}")

    assert days == ["02-28", "03-31", "04-30", "05-31"]


def test_the_first_pull_reaches_back_to_first_execution_from(
    cloud: Cloud,
) -> None:
    since = NOW - timedelta(days=200) + timedelta(milliseconds=123)
    cloud.appflow.create_flow(**scheduled(firstExecutionFrom=since, scheduleOffset=600))
    cloud.appflow.start_flow(flowName="contacts")
    cloud.clock.advance(600)

    run = cloud.last_run("contacts")
    assert run["dataPullStartTime"] == since
    assert run["dataPullEndTime"] == NOW - timedelta(minutes=5)


def test_a_pull_after_a_failed_one_starts_where_the_last_good_one_ended(
    cloud: Cloud,
) -> None:
    cloud.source.load([contact("1", NOW - timedelta(days=1))])
    arn = cloud.appflow.create_flow(**scheduled())["flowArn"]
    cloud.profiles.put_integration(DomainName="acme", Uri=arn, ObjectTypeName=OBJECT_TYPE)
    cloud.appflow.start_flow(flowName="contacts")
    judge = current.end_run
    current.end_run = lambda *_: RunOutcome([], "Error", "the source is down")
    cloud.clock.advance(600)
    failed = cloud.last_run("contacts")
    current.end_run = judge
    cloud.clock.advance(3600)

    assert failed["executionStatus"] == "Error"
    assert failed["executionResult"]["errorInfo"]["executionMessage"] == "the source is down"
    assert cloud.last_run("contacts")["dataPullStartTime"] == failed["dataPullStartTime"]
    assert cloud.landed() == ["1"]


def test_failures_up_to_the_threshold_deactivate_the_flow(
    cloud: Cloud,
) -> None:
    events: list[Request] = []
    cloud.services.on_event(events.append)
    cloud.appflow.create_flow(**scheduled(flowErrorDeactivationThreshold=2))
    cloud.appflow.start_flow(flowName="contacts")
    current.end_run = lambda *_: RunOutcome([], "Error", "expired token")
    cloud.clock.advance(86400)

    described = cloud.appflow.describe_flow(flowName="contacts")
    assert described["flowStatus"] == "Suspended"
    assert described["lastRunExecutionDetails"]["mostRecentExecutionMessage"] == "expired token"
    assert [event["detail-type"] for event in events] == [
        "AppFlow Start Flow Run Report",
        "AppFlow End Flow Run Report",
        "AppFlow Start Flow Run Report",
        "AppFlow End Flow Run Report",
        "AppFlow Scheduled Flow Deactivated",
    ]
    assert events[1]["detail"]["status"] == "Execution Failed"
    assert events[1]["detail"]["start-time"] == "2026-11-23T10:05:00.000Z[UTC]"


def test_a_stopped_schedule_pulls_no_more(cloud: Cloud) -> None:
    cloud.appflow.create_flow(**scheduled())
    cloud.appflow.start_flow(flowName="contacts")
    cloud.clock.advance(600)
    cloud.appflow.stop_flow(flowName="contacts")
    cloud.clock.advance(86400)

    records = cloud.appflow.describe_flow_execution_records(flowName="contacts")
    assert len(records["flowExecutions"]) == 1


def test_the_event_of_an_on_demand_run_is_as_it_was_observed_on_aws(
    cloud: Cloud,
) -> None:
    events: list[Request] = []
    cloud.services.on_event(events.append)
    cloud.appflow.create_flow(**flow())
    run = cloud.run("contacts")

    detail = events[-1]["detail"]
    assert events[-1]["source"] == "aws.appflow"
    assert detail["flow-name"] == "contacts"
    assert detail["execution-id"] == run["executionId"]
    assert detail["num-of-records-processed"] == "20"
    assert detail["trigger-type"] == "ONDEMAND"
    assert detail["status"] == "Execution Successful"


def test_an_updated_flow_runs_its_new_definition(cloud: Cloud) -> None:
    cloud.appflow.create_flow(**flow())
    changed = flow(tasks=tasks(["Id"]))
    cloud.appflow.update_flow(**changed)
    cloud.run("contacts")

    assert all(set(o) == {"Id"} for o in cloud.services.domain_objects("acme", OBJECT_TYPE))


def test_tags_are_listed_as_they_were_added_and_removed(cloud: Cloud) -> None:
    arn = cloud.appflow.create_flow(**flow(tags={"a": "1"}))["flowArn"]
    cloud.appflow.tag_resource(resourceArn=arn, tags={"b": "2"})
    cloud.appflow.untag_resource(resourceArn=arn, tagKeys=["a"])

    assert cloud.appflow.list_tags_for_resource(resourceArn=arn)["tags"] == {"b": "2"}
    assert cloud.appflow.list_flows()["flows"][0]["tags"] == {"b": "2"}
    with refused("ResourceNotFoundException"):
        cloud.appflow.list_tags_for_resource(resourceArn=arn + "x")


def test_flows_are_listed_in_pages(cloud: Cloud) -> None:
    for number in range(3):
        cloud.appflow.create_flow(**flow(f"flow-{number}"))

    first = cloud.appflow.list_flows(maxResults=2)
    rest = cloud.appflow.list_flows(maxResults=2, nextToken=first["nextToken"])

    names = [listed["flowName"] for listed in first["flows"] + rest["flows"]]
    assert names == ["flow-0", "flow-1", "flow-2"]


def test_a_described_entity_lists_the_filters_that_its_fields_accept(
    cloud: Cloud,
) -> None:
    described = cloud.appflow.describe_connector_entity(
        connectorEntityName="users", connectorProfileName="acme-zd", connectorType="Zendesk"
    )

    fields = {known["identifier"]: known for known in described["connectorEntityFields"]}
    updated = fields["updated_at"]
    assert fields["id"]["isPrimaryKey"]
    assert updated["sourceProperties"]["isTimestampFieldForIncrementalQueries"]
    assert updated["supportedFieldTypeDetails"]["v1"]["filterOperators"] == ["GREATER_THAN"]
    with refused("ResourceNotFoundException"):
        cloud.appflow.describe_connector_entity(
            connectorEntityName="nothing", connectorProfileName="acme-zd"
        )


def test_the_objects_of_a_connection_are_listed(cloud: Cloud) -> None:
    cloud.services.sources.get("acme-snow", "cmdb_ci").load([{"sys_id": "1"}])

    listed = cloud.appflow.list_connector_entities(connectorProfileName="acme-snow")

    names = [entity["name"] for entity in listed["connectorEntityMap"]["Objects"]]
    assert names == ["cmdb_ci", "incident", "sys_user", "task"]


def test_deleting_a_connection_in_use_needs_force(cloud: Cloud) -> None:
    cloud.appflow.create_flow(**flow())

    with refused("ConflictException"):
        cloud.appflow.delete_connector_profile(connectorProfileName="acme-sf")
    cloud.appflow.delete_connector_profile(connectorProfileName="acme-sf", forceDelete=True)

    left = cloud.appflow.describe_connector_profiles(connectorProfileNames=["acme-sf", "acme-zd"])
    assert [p["connectorProfileName"] for p in left["connectorProfileDetails"]] == ["acme-zd"]


def test_a_caller_gets_the_error_of_an_interceptor(
    cloud: Cloud,
) -> None:
    def lose_the_answer(service: str, operation: str, request: Any, moment: str) -> None:
        if (operation, moment) == ("CreateFlow", "after"):
            raise ServiceException("InternalServerException", "lost")

    current.intercept = lose_the_answer
    once = boto3.client(
        "appflow", region_name="us-east-1", config=Config(retries={"total_max_attempts": 1})
    )
    with refused("InternalServerException", 500):
        once.create_flow(**flow())

    assert [f["flowName"] for f in cloud.appflow.list_flows()["flows"]] == ["contacts"]
