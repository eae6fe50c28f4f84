from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st
from moto import mock_aws
from moto.core.exceptions import ServiceException

from local import services, world
from local.clock import Clock
from local.services import Services
from local.simulation import Knobs, RunOutcome, current
from local.sources import known_entities

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
FIELDS = ["Id", "LastName", "LastModifiedDate"]
OBJECT_TYPE = "Salesforce-Contact"
Request = dict[str, Any]


@cache
def shared_client(service: str) -> Any:
    """Make a client once for all tests: making one takes longer than most tests do."""
    session = boto3.Session("local", "local", region_name="us-east-1")
    return session.client(service)  # type: ignore[call-overload]


class Cloud:
    """Both clients, the services' insides and the clock."""

    def __init__(self, knobs: Knobs | None = None) -> None:
        self.clock = Clock(speed=1e-9, start=NOW)
        self.services: Services = services.install(
            self.clock, knobs or Knobs(made_up_records=20, run_base=timedelta(seconds=40))
        )
        world.populate(self.client)
        self.appflow = self.client("appflow")
        self.profiles = self.client("customer-profiles")
        self.source = self.services.sources.get("acme-sf", "Contact")

    def client(self, service: str) -> Any:
        return shared_client(service)

    def run(self, name: str, seconds: float = 3600) -> Request:
        """Register a flow, run it and let time pass; the run as it ended."""
        arn = self.appflow.describe_flow(flowName=name)["flowArn"]
        self.profiles.put_integration(DomainName="acme", Uri=arn, ObjectTypeName=OBJECT_TYPE)
        self.appflow.start_flow(flowName=name)
        self.clock.advance(seconds)
        return self.last_run(name)

    def last_run(self, name: str) -> Request:
        records = self.appflow.describe_flow_execution_records(flowName=name)
        run: Request = records["flowExecutions"][0]
        return run

    def landed(self) -> list[str]:
        objects = self.services.domain_objects("acme", OBJECT_TYPE)
        return sorted(record["Id"] for record in objects)


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with mock_aws():
        yield Cloud()


def milliseconds(instant: datetime) -> int:
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def contact(key: str, modified: datetime) -> Request:
    entity = known_entities("Salesforce")["Contact"]
    return {"Id": key, "LastName": f"Name {key}", "LastModifiedDate": entity.format(modified)}


def window_filter(start: datetime, end: datetime) -> Request:
    return {
        "taskType": "Filter",
        "sourceFields": ["LastModifiedDate"],
        "connectorOperator": {"Salesforce": "BETWEEN"},
        "taskProperties": {
            "DATA_TYPE": "datetime",
            "LOWER_BOUND": str(milliseconds(start) - 1),
            "UPPER_BOUND": str(milliseconds(end)),
        },
    }


def tasks(fields: list[str], connector: str = "Salesforce") -> list[Request]:
    projection = {
        "taskType": "Filter",
        "sourceFields": fields,
        "connectorOperator": {connector: "PROJECTION"},
    }
    maps = [
        {
            "taskType": "Map",
            "sourceFields": [name],
            "destinationField": name,
            "connectorOperator": {connector: "NO_OP"},
            "taskProperties": {},
        }
        for name in fields
    ]
    return [projection, *maps]


def flow(name: str = "contacts", **changes: Any) -> Request:
    request: Request = {
        "flowName": name,
        "triggerConfig": {"triggerType": "OnDemand"},
        "sourceFlowConfig": {
            "connectorType": "Salesforce",
            "connectorProfileName": "acme-sf",
            "sourceConnectorProperties": {"Salesforce": {"object": "Contact"}},
        },
        "destinationFlowConfigList": [destination()],
        "tasks": tasks(FIELDS),
    }
    return request | changes


def destination(domain: str = "acme", object_type: str = OBJECT_TYPE) -> Request:
    return {
        "connectorType": "CustomerProfiles",
        "destinationConnectorProperties": {
            "CustomerProfiles": {"domainName": domain, "objectTypeName": object_type}
        },
    }


def scheduled(expression: str = "rate(1hours)", **changes: Any) -> Request:
    properties = {
        "scheduleExpression": expression,
        "dataPullMode": "Incremental",
        "scheduleStartTime": NOW + timedelta(minutes=5),
    }
    source = flow()["sourceFlowConfig"] | {
        "incrementalPullConfig": {"datetimeTypeFieldName": "LastModifiedDate"}
    }
    trigger = {
        "triggerType": "Scheduled",
        "triggerProperties": {"Scheduled": properties | changes},
    }
    return flow(triggerConfig=trigger, sourceFlowConfig=source)


def refused(code: str, status: int | None = None) -> Any:
    class Refusal:
        def __enter__(self) -> Any:
            self.raises = pytest.raises(ClientError)
            self.caught = self.raises.__enter__()
            return self.caught

        def __exit__(self, *details: Any) -> bool:
            suppressed = bool(self.raises.__exit__(*details))
            response = self.caught.value.response
            assert response["Error"]["Code"] == code
            if status:
                assert response["ResponseMetadata"]["HTTPStatusCode"] == status
            return suppressed

    return Refusal()


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
            "connectorOperator.Zendesk: is 'BETWEEN'",
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
        (scheduled("cron(0 3 * * ? *)"), "ValidationException", "cron"),
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
def test_given_a_wrong_flow_when_created_then_it_is_refused_with_the_real_error(
    cloud: Cloud, changes: Request, code: str, words: str
) -> None:
    with refused(code) as refusal:
        cloud.appflow.create_flow(**flow(**changes))

    assert words in str(refusal.value)
    assert cloud.appflow.list_flows()["flows"] == []


def test_given_an_unknown_member_when_sent_past_the_client_then_it_is_refused(
    cloud: Cloud,
) -> None:
    client = boto3.client("appflow", region_name="us-east-1")
    client.meta.events.register(
        "before-call.appflow.ListFlows", lambda params, **_: params.update(body=b'{"Wrong": 1}')
    )
    with refused("ValidationException", 400) as refusal:
        client.list_flows()

    assert "Wrong: is not known here" in str(refusal.value)


def test_given_a_flow_when_created_then_it_can_be_described_with_its_tags(cloud: Cloud) -> None:
    answer = cloud.appflow.create_flow(**flow(description="all of them", tags={"run": "one"}))

    described = cloud.appflow.describe_flow(flowName="contacts")
    assert answer["flowArn"] == "arn:aws:appflow:us-east-1:123456789012:flow/contacts"
    assert answer["flowStatus"] == described["flowStatus"] == "Active"
    assert described["tasks"] == tasks(FIELDS)
    assert described["tags"] == {"run": "one"}
    assert "lastRunExecutionDetails" not in described


def test_given_a_name_in_use_when_created_then_it_is_a_conflict(cloud: Cloud) -> None:
    cloud.appflow.create_flow(**flow())

    with refused("ConflictException", 409):
        cloud.appflow.create_flow(**flow())


def test_given_a_client_token_when_repeated_then_the_answer_is_repeated_for_eight_hours(
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


def test_given_a_registered_flow_when_run_then_its_records_land_mapped_and_keyed(
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


def test_given_an_unregistered_flow_when_run_then_it_succeeds_and_nothing_lands(
    cloud: Cloud,
) -> None:
    cloud.appflow.create_flow(**flow())

    cloud.appflow.start_flow(flowName="contacts")
    cloud.clock.advance(3600)

    assert cloud.last_run("contacts")["executionStatus"] == "Successful"
    assert cloud.landed() == []


def test_given_a_run_when_its_time_has_not_come_then_it_is_in_progress(cloud: Cloud) -> None:
    cloud.appflow.create_flow(**flow())

    run = cloud.run("contacts", seconds=39)

    assert run["executionStatus"] == "InProgress"
    assert cloud.landed() == []
    assert cloud.services.next_due() == NOW + timedelta(seconds=40, milliseconds=2 * 20)


def test_given_a_source_that_changes_when_a_run_ends_then_it_has_read_it_as_it_is_then(
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


def test_given_a_running_flow_when_started_or_deleted_then_it_is_a_conflict(cloud: Cloud) -> None:
    cloud.appflow.create_flow(**flow())
    cloud.appflow.start_flow(flowName="contacts")

    with refused("ConflictException", 409):
        cloud.appflow.start_flow(flowName="contacts")
    with refused("ConflictException", 409):
        cloud.appflow.delete_flow(flowName="contacts")
    cloud.appflow.delete_flow(flowName="contacts", forceDelete=True)

    with refused("ResourceNotFoundException", 404):
        cloud.appflow.describe_flow(flowName="contacts")


def test_given_a_start_token_when_repeated_then_no_second_run_starts(cloud: Cloud) -> None:
    cloud.appflow.create_flow(**flow())

    first = cloud.appflow.start_flow(flowName="contacts", clientToken="start")
    cloud.clock.advance(3600)
    again = cloud.appflow.start_flow(flowName="contacts", clientToken="start")
    other = cloud.appflow.start_flow(flowName="contacts", clientToken="again")

    assert again["executionId"] == first["executionId"] != other["executionId"]


def test_given_a_start_token_when_its_flow_was_deleted_then_a_new_flow_runs(cloud: Cloud) -> None:
    cloud.appflow.create_flow(**flow())
    first = cloud.appflow.start_flow(flowName="contacts", clientToken="start")
    cloud.appflow.delete_flow(flowName="contacts", forceDelete=True)
    cloud.appflow.create_flow(**flow())

    second = cloud.appflow.start_flow(flowName="contacts", clientToken="start")

    assert second["executionId"] != first["executionId"]


def test_given_an_on_demand_flow_when_stopped_then_it_is_unsupported(cloud: Cloud) -> None:
    cloud.appflow.create_flow(**flow())

    with refused("UnsupportedOperationException", 400):
        cloud.appflow.stop_flow(flowName="contacts")


def test_given_a_run_when_cancelled_then_it_is_first_started_then_done_and_nothing_lands(
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


def test_given_many_runs_when_listed_then_they_come_in_pages_the_newest_first(
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
def test_given_a_filter_when_run_then_it_is_evaluated(
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


def test_given_two_filters_when_run_then_both_must_pass(cloud: Cloud) -> None:
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


def test_given_any_dates_when_a_window_runs_then_all_in_it_land_under_both_readings(
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


def test_given_a_scheduled_flow_when_created_then_it_is_a_draft_until_it_is_started(
    cloud: Cloud,
) -> None:
    created = cloud.appflow.create_flow(**scheduled())
    cloud.clock.advance(86400)
    before = cloud.appflow.describe_flow_execution_records(flowName="contacts")
    started = cloud.appflow.start_flow(flowName="contacts")

    assert (created["flowStatus"], started["flowStatus"]) == ("Draft", "Active")
    assert before["flowExecutions"] == []
    assert "executionId" not in started


def test_given_a_started_schedule_when_time_passes_then_it_pulls_what_is_new_each_time(
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


def test_given_first_execution_from_when_pulled_first_then_it_reaches_back_to_it(
    cloud: Cloud,
) -> None:
    since = NOW - timedelta(days=200) + timedelta(milliseconds=123)
    cloud.appflow.create_flow(**scheduled(firstExecutionFrom=since, scheduleOffset=600))
    cloud.appflow.start_flow(flowName="contacts")
    cloud.clock.advance(600)

    run = cloud.last_run("contacts")
    assert run["dataPullStartTime"] == since
    assert run["dataPullEndTime"] == NOW - timedelta(minutes=5)


def test_given_a_failed_pull_when_the_next_one_runs_then_it_starts_where_the_last_good_one_ended(
    cloud: Cloud,
) -> None:
    cloud.source.load([contact("1", NOW - timedelta(days=1))])
    arn = cloud.appflow.create_flow(**scheduled())["flowArn"]
    cloud.profiles.put_integration(DomainName="acme", Uri=arn, ObjectTypeName=OBJECT_TYPE)
    cloud.appflow.start_flow(flowName="contacts")
    judge = current.judge_run
    current.judge_run = lambda *_: RunOutcome([], "Error", "the source is down")
    cloud.clock.advance(600)
    failed = cloud.last_run("contacts")
    current.judge_run = judge
    cloud.clock.advance(3600)

    assert failed["executionStatus"] == "Error"
    assert failed["executionResult"]["errorInfo"]["executionMessage"] == "the source is down"
    assert cloud.last_run("contacts")["dataPullStartTime"] == failed["dataPullStartTime"]
    assert cloud.landed() == ["1"]


def test_given_failures_up_to_the_threshold_when_pulled_then_the_flow_is_deactivated(
    cloud: Cloud,
) -> None:
    events: list[Request] = []
    cloud.services.on_event(events.append)
    cloud.appflow.create_flow(**scheduled(flowErrorDeactivationThreshold=2))
    cloud.appflow.start_flow(flowName="contacts")
    current.judge_run = lambda *_: RunOutcome([], "Error", "expired token")
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


def test_given_a_schedule_when_stopped_then_it_pulls_no_more(cloud: Cloud) -> None:
    cloud.appflow.create_flow(**scheduled())
    cloud.appflow.start_flow(flowName="contacts")
    cloud.clock.advance(600)
    cloud.appflow.stop_flow(flowName="contacts")
    cloud.clock.advance(86400)

    records = cloud.appflow.describe_flow_execution_records(flowName="contacts")
    assert len(records["flowExecutions"]) == 1


def test_given_an_on_demand_run_when_it_ends_then_its_event_is_as_people_have_seen_it(
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


def test_given_a_flow_when_updated_then_the_new_definition_runs(cloud: Cloud) -> None:
    cloud.appflow.create_flow(**flow())
    changed = flow(tasks=tasks(["Id"]))
    cloud.appflow.update_flow(**changed)
    cloud.run("contacts")

    assert all(set(o) == {"Id"} for o in cloud.services.domain_objects("acme", OBJECT_TYPE))


def test_given_tags_when_added_and_removed_then_they_are_listed(cloud: Cloud) -> None:
    arn = cloud.appflow.create_flow(**flow(tags={"a": "1"}))["flowArn"]
    cloud.appflow.tag_resource(resourceArn=arn, tags={"b": "2"})
    cloud.appflow.untag_resource(resourceArn=arn, tagKeys=["a"])

    assert cloud.appflow.list_tags_for_resource(resourceArn=arn)["tags"] == {"b": "2"}
    assert cloud.appflow.list_flows()["flows"][0]["tags"] == {"b": "2"}
    with refused("ResourceNotFoundException"):
        cloud.appflow.list_tags_for_resource(resourceArn=arn + "x")


def test_given_many_flows_when_listed_then_they_come_in_pages(cloud: Cloud) -> None:
    for number in range(3):
        cloud.appflow.create_flow(**flow(f"flow-{number}"))

    first = cloud.appflow.list_flows(maxResults=2)
    rest = cloud.appflow.list_flows(maxResults=2, nextToken=first["nextToken"])

    names = [listed["flowName"] for listed in first["flows"] + rest["flows"]]
    assert names == ["flow-0", "flow-1", "flow-2"]


def test_given_an_entity_when_described_then_its_fields_tell_what_filters_they_take(
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


def test_given_a_connection_when_asked_then_its_objects_are_listed(cloud: Cloud) -> None:
    cloud.services.sources.get("acme-snow", "cmdb_ci").load([{"sys_id": "1"}])

    listed = cloud.appflow.list_connector_entities(connectorProfileName="acme-snow")

    names = [entity["name"] for entity in listed["connectorEntityMap"]["Objects"]]
    assert names == ["cmdb_ci", "incident", "sys_user", "task"]


def test_given_a_connection_in_use_when_deleted_then_it_needs_force(cloud: Cloud) -> None:
    cloud.appflow.create_flow(**flow())

    with refused("ConflictException"):
        cloud.appflow.delete_connector_profile(connectorProfileName="acme-sf")
    cloud.appflow.delete_connector_profile(connectorProfileName="acme-sf", forceDelete=True)

    left = cloud.appflow.describe_connector_profiles(connectorProfileNames=["acme-sf", "acme-zd"])
    assert [p["connectorProfileName"] for p in left["connectorProfileDetails"]] == ["acme-zd"]


def test_given_a_disturbance_when_an_operation_is_called_then_the_caller_sees_its_error(
    cloud: Cloud,
) -> None:
    def lose_the_answer(service: str, operation: str, request: Any, moment: str) -> None:
        if (operation, moment) == ("CreateFlow", "after"):
            raise ServiceException("InternalServerException", "lost")

    current.disturb = lose_the_answer
    once = boto3.client(
        "appflow", region_name="us-east-1", config=Config(retries={"total_max_attempts": 1})
    )
    with refused("InternalServerException", 500):
        once.create_flow(**flow())

    assert [f["flowName"] for f in cloud.appflow.list_flows()["flows"]] == ["contacts"]
