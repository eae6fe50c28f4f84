"""The managed workflow in the embedded cloud, called as its clients call it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from moto import mock_aws

from local.services.knobs import Knobs, ManagedWorkflow
from local.services.simulation import Conduct, RunOutcome, current
from tests.local.services_cloud import (
    NOW,
    OBJECT_TYPE,
    Cloud,
    Request,
    contact,
    definition,
    refused,
    role,
)

SINCE = datetime(2026, 5, 23, 10, tzinfo=UTC)
MIDDLE, TWO_MONTHS_LATER = datetime(2026, 6, 23, tzinfo=UTC), datetime(2026, 7, 23, 10, tzinfo=UTC)


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with mock_aws():
        cloud = Cloud(Knobs(made_up_records=0))
        role(cloud, Action="*")
        yield cloud


def body(**changes: Any) -> Request:
    flow = definition()
    flow["TriggerConfig"]["TriggerProperties"]["Scheduled"] |= {"FirstExecutionFrom": SINCE}
    return {
        "DomainName": "acme",
        "WorkflowType": "APPFLOW_INTEGRATION",
        "ObjectTypeName": OBJECT_TYPE,
        "RoleArn": "arn:aws:iam::123456789012:role/machine",
        "IntegrationConfig": {"AppflowIntegration": {"FlowDefinition": flow}},
        **changes,
    }


def with_batches(*bounds: datetime) -> Request:
    batches = [{"StartTime": start, "EndTime": end} for start, end in pairwise(bounds)]
    config = {"FlowDefinition": definition(), "Batches": batches}
    return body(IntegrationConfig={"AppflowIntegration": config})


class Managed:
    """A workflow, and what its clients see of it."""

    def __init__(self, cloud: Cloud, request: Request | None = None) -> None:
        self.cloud = cloud
        created = cloud.profiles.create_integration_workflow(**(request or body()))
        self.about = {"DomainName": "acme", "WorkflowId": created["WorkflowId"]}

    def described(self) -> Request:
        described: Request = self.cloud.profiles.get_workflow(**self.about)
        return described

    def steps(self) -> list[Request]:
        steps = self.cloud.profiles.get_workflow_steps(**self.about)["Items"]
        return [step["AppflowIntegration"] for step in steps]

    def statuses(self) -> list[str]:
        return [step["Status"] for step in self.steps()]

    def ended(self, **days: int) -> Request:
        self.cloud.clock.advance(timedelta(**(days or {"days": 1})).total_seconds())
        return self.described()


def turn(**readings: Any) -> None:
    current.knobs = replace(current.knobs, managed_workflow=ManagedWorkflow(**readings))


def fail(times: int, message: str = "The source is busy.") -> list[str]:
    """Have the first batch's runs end in Error, and give the flows of all runs that ended."""
    ended: list[str] = []

    def end(flow: Any, run: str, records: Any, at: datetime) -> RunOutcome:
        ended.append(flow["flowName"])
        is_failed = flow["flowName"] == ended[0] and ended.count(ended[0]) <= times
        return RunOutcome([], "Error", message) if is_failed else RunOutcome(records)

    current.end_run = end
    return ended


def test_batches_of_two_months_are_imported_and_then_the_integration_pulls(cloud: Cloud) -> None:
    # Given records in the past, and one that is changed after the workflow
    cloud.source.put(contact("first", SINCE), contact("last", NOW - timedelta(seconds=1)))
    workflow = Managed(cloud)
    started = workflow.described()
    batches = [
        (step["BatchRecordsStartTime"], step["BatchRecordsEndTime"]) for step in workflow.steps()
    ]
    # When it ends, and the continuous integration pulls
    ended = workflow.ended(hours=1)
    cloud.source.put(contact("later", cloud.clock.now()))
    cloud.clock.advance(3 * 3600)
    # Then all records are in the domain
    assert (started["Status"], ended["Status"]) == ("IN_PROGRESS", "COMPLETE")
    assert batches == [
        ("2026-05-23T10:00:00+00:00", "2026-07-23T10:00:00+00:00"),
        ("2026-07-23T10:00:00+00:00", "2026-09-23T10:00:00+00:00"),
        ("2026-09-23T10:00:00+00:00", "2026-11-23T10:00:00+00:00"),
    ]
    assert ended["Metrics"]["AppflowIntegration"] == {
        "RecordsProcessed": 2,
        "StepsCompleted": 3,
        "TotalSteps": 3,
    }
    assert ended["Attributes"]["AppflowIntegration"] == {
        "SourceConnectorType": "Salesforce",
        "ConnectorProfileName": "acme-sf",
        "RoleArn": "arn:aws:iam::123456789012:role/machine",
    }
    assert cloud.landed() == ["first", "last", "later"]


def test_the_integration_is_tagged_and_names_its_workflow(cloud: Cloud) -> None:
    workflow = Managed(cloud, body(Tags={"team": "crm"}))
    workflow.ended()
    [integration] = cloud.profiles.list_integrations(DomainName="acme")["Items"]
    flow = cloud.appflow.describe_flow(flowName="continuous")
    scheduled = flow["triggerConfig"]["triggerProperties"]["Scheduled"]

    assert integration["WorkflowId"] == workflow.about["WorkflowId"]
    assert flow["flowStatus"] == "Active"
    assert scheduled["firstExecutionFrom"] == NOW
    assert flow["tags"] == {
        "team": "crm",
        "awsOwningService": "customer-profiles-integration-workflow",
    }


def test_only_as_many_batches_run_at_a_time_as_the_knob_says(cloud: Cloud) -> None:
    turn(concurrency=2)
    workflow = Managed(cloud)
    first = workflow.statuses()
    cloud.clock.advance(60)

    assert first == ["IN_PROGRESS", "IN_PROGRESS", "NOT_STARTED"]
    assert workflow.statuses() == ["COMPLETE", "COMPLETE", "IN_PROGRESS"]


def test_a_batch_is_retried_three_times_a_minute_apart(cloud: Cloud) -> None:
    runs = fail(3)
    workflow = Managed(cloud, with_batches(SINCE, TWO_MONTHS_LATER))
    cloud.clock.advance(45)
    [waiting] = workflow.steps()
    ended = workflow.ended()

    assert (waiting["Status"], waiting["ExecutionMessage"]) == ("RETRY", "The source is busy.")
    assert ended["Status"] == "COMPLETE"
    assert len({name for name in runs if name != "continuous"}) == 1
    assert runs.index("continuous") == 4


def test_a_batch_that_fails_four_times_fails_the_workflow_and_nothing_continues(
    cloud: Cloud,
) -> None:
    fail(4)
    turn(concurrency=1)
    workflow = Managed(cloud)
    ended = workflow.ended()

    assert workflow.statuses() == ["FAILED", "COMPLETE", "COMPLETE"]
    assert (ended["Status"], ended["ErrorDescription"]) == ("FAILED", "The source is busy.")
    assert cloud.appflow.list_flows()["flows"] == []


@pytest.mark.parametrize(("splits", "statuses"), [("messages", ["SPLIT"]), ("never", ["FAILED"])])
def test_a_message_about_size_splits_a_batch_as_the_knob_says(
    cloud: Cloud, splits: str, statuses: list[str]
) -> None:
    fail(1 if splits == "messages" else 4, "The response is too large.")
    turn(splits=splits)
    cloud.source.put(contact("1", SINCE), contact("2", TWO_MONTHS_LATER - timedelta(days=1)))
    workflow = Managed(cloud, with_batches(SINCE, TWO_MONTHS_LATER))
    workflow.ended()

    assert workflow.statuses()[:1] == statuses
    assert cloud.landed() == (["1", "2"] if splits == "messages" else [])


@pytest.mark.parametrize("splits", ["limit and messages", "messages"])
def test_what_is_beyond_the_connectors_limit_is_lost_unless_batches_are_split_for_it(
    cloud: Cloud, splits: str
) -> None:
    current.knobs = replace(current.knobs, records_per_run={"Salesforce": 2})
    turn(splits=splits)
    days = [SINCE + timedelta(days=10 * number) for number in range(6)]
    cloud.source.put(*(contact(str(number), day) for number, day in enumerate(days)))
    workflow = Managed(cloud, with_batches(SINCE, TWO_MONTHS_LATER))

    assert workflow.ended()["Status"] == "COMPLETE"
    assert len(cloud.landed()) == (6 if splits == "limit and messages" else 2)


@pytest.mark.parametrize(("bounds", "landed"), [("half-open", ["edge", "start"]), ("as given", [])])
def test_records_on_bounds_are_lost_if_the_filters_exclude_them(
    cloud: Cloud, bounds: str, landed: list[str]
) -> None:
    turn(bounds=bounds)
    cloud.source.put(contact("start", SINCE), contact("edge", MIDDLE))
    Managed(cloud, with_batches(SINCE, MIDDLE, TWO_MONTHS_LATER)).ended()
    assert cloud.landed() == landed


@pytest.mark.parametrize(
    ("continues_from", "landed"), [("last batch", ["between"]), ("its own end", [])]
)
def test_what_changes_during_the_workflow_is_lost_if_the_integration_starts_at_its_end(
    cloud: Cloud, continues_from: str, landed: list[str]
) -> None:
    turn(continues_from=continues_from)
    Managed(cloud)
    cloud.clock.advance(20)
    cloud.source.put(contact("between", cloud.clock.now()))
    cloud.clock.advance(3 * 3600)
    assert cloud.landed() == landed


@pytest.mark.parametrize(("flows", "left"), [("deleted", 1), ("kept", 4)])
def test_the_flows_of_batches_are_kept_as_the_knob_says_until_the_workflow_is_deleted(
    cloud: Cloud, flows: str, left: int
) -> None:
    turn(flows=flows)
    workflow = Managed(cloud)
    workflow.ended()
    before = cloud.appflow.list_flows()["flows"]
    cloud.profiles.delete_workflow(**workflow.about)

    assert len(before) == left
    assert cloud.appflow.list_flows()["flows"] == []
    assert cloud.profiles.list_integrations(DomainName="acme")["Items"] == []
    with refused("ResourceNotFoundException", 404):
        workflow.described()


def test_a_workflow_is_deleted_while_its_batches_run(cloud: Cloud) -> None:
    cloud.source.put(contact("1", SINCE))
    workflow = Managed(cloud)
    cloud.profiles.delete_workflow(**workflow.about)
    cloud.clock.advance(86_400)

    assert cloud.appflow.list_flows()["flows"] == []
    assert cloud.landed() == []


def test_a_run_that_is_canceled_or_whose_flow_is_gone_fails_the_workflow(cloud: Cloud) -> None:
    current.direct_run = lambda flow, run, at: Conduct(ends=False)
    workflow = Managed(cloud)
    canceled, deleted, _ = (step["FlowName"] for step in workflow.steps())
    cloud.appflow.cancel_flow_executions(flowName=canceled)
    cloud.appflow.delete_flow(flowName=deleted, forceDelete=True)
    hanging = workflow.ended(days=3)

    assert hanging["Status"] == "IN_PROGRESS"
    assert workflow.statuses() == ["CANCELLED", "IN_PROGRESS", "IN_PROGRESS"]


def test_steps_come_in_pages_and_workflows_can_be_searched(cloud: Cloud) -> None:
    first = Managed(cloud)
    first.ended()
    second = Managed(cloud, with_batches(SINCE, MIDDLE))
    page = cloud.profiles.get_workflow_steps(**first.about, MaxResults=2)
    rest = cloud.profiles.get_workflow_steps(**first.about, NextToken=page["NextToken"])

    def found(**asked: Any) -> list[str]:
        listed = cloud.profiles.list_workflows(DomainName="acme", **asked)["Items"]
        return [item["WorkflowId"] for item in listed]

    assert (len(page["Items"]), len(rest["Items"])) == (2, 1)
    ids = [workflow.about["WorkflowId"] for workflow in (first, second)]
    assert found() == ids
    assert found(Status="COMPLETE") == ids[:1]
    assert found(QueryStartDate=NOW + timedelta(hours=1)) == ids[1:]
    assert found(QueryEndDate=NOW) == ids[:1]


@pytest.mark.parametrize(
    ("request_", "code", "words"),
    [
        (body(DomainName="nothing"), "ResourceNotFoundException", "Domain nothing"),
        (body(ObjectTypeName="Nothing"), "ResourceNotFoundException", "Object type Nothing"),
        (body(RoleArn="arn:aws:iam::123456789012:role/no"), "BadRequestException", "does not ex"),
        (body(IntegrationConfig={}), "BadRequestException", "AppflowIntegration is missing"),
        (with_batches(MIDDLE, SINCE), "BadRequestException", "end after its start"),
        (with_batches(), "BadRequestException", "Batches, or a FirstExecutionFrom"),
    ],
    ids=["domain", "object type", "role", "nothing", "batch", "no start"],
)
def test_a_request_that_cannot_work_is_refused(
    cloud: Cloud, request_: Request, code: str, words: str
) -> None:
    with refused(code) as caught:
        cloud.profiles.create_integration_workflow(**request_)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ConnectorType": "Zendesk"}, "Zendesk is not supported"),
        ({"IncrementalPullConfig": None}, "IncrementalPullConfig is missing"),
    ],
    ids=["connector", "no field"],
)
def test_a_source_that_the_workflow_does_not_support_is_refused(
    cloud: Cloud, change: Request, words: str
) -> None:
    request = body()
    source = request["IntegrationConfig"]["AppflowIntegration"]["FlowDefinition"]
    merged = {**source["SourceFlowConfig"], **change}
    source["SourceFlowConfig"] = {key: value for key, value in merged.items() if value is not None}
    with refused("BadRequestException", 400) as caught:
        cloud.profiles.create_integration_workflow(**request)
    assert words in str(caught.value)
