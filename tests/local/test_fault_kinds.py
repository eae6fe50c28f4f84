"""Faults on demand: what a spec may say, and that each kind does what it says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st
from moto import mock_aws
from werkzeug.test import Client

from bulk_ingestion.times import iso
from cli.main import main
from local import caller
from local.cloud import Cloud as WholeCloud
from local.faults import faults, interception, spec
from local.local_api import local_api
from local.services.simulation import Knobs
from tests.local.services_cloud import NOW, Cloud, contact, flow, scheduled

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "docs" / "faults").glob("*.json"))
ROLE = "arn:aws:iam::123456789012:role/machine"
Fault = dict[str, Any]


class Failing(Cloud):
    """A cloud whose clients make each call once, with eight records at the source."""

    def __init__(self) -> None:
        super().__init__(Knobs(run_base=timedelta(seconds=40)))
        self.source.load(contact(str(n), NOW - timedelta(days=n + 1)) for n in range(8))

    def ask(self, *asked: Fault, seed: int = 1) -> faults.Faults:
        return faults.install({"Seed": seed, "Faults": list(asked)})

    def outcomes(self, calls: int, name: str = "describe_flow", **request: Any) -> str:
        """Make a call again and again; an x for each that failed, a dot for the others."""
        seen = ""
        for _ in range(calls):
            try:
                getattr(self.appflow, name)(**request or {"flowName": "contacts"})
                seen += "."
            except ClientError:
                seen += "x"
        return seen

    def start(self, name: str = "contacts") -> None:
        arn = self.appflow.create_flow(**flow(name))["flowArn"]
        self.profiles.put_integration(
            DomainName="acme", Uri=arn, ObjectTypeName="Salesforce-Contact"
        )
        self.appflow.start_flow(flowName=name)

    def runs(self, name: str = "contacts", **page: Any) -> list[dict[str, Any]]:
        found = self.appflow.describe_flow_execution_records(flowName=name, **page)
        runs: list[dict[str, Any]] = found["flowExecutions"]
        return runs


@pytest.fixture
def cloud() -> Iterator[Failing]:
    with mock_aws():
        cloud = Failing()
        with interception.possible(cloud.clock):
            yield cloud


def error_of(call: Any, **request: Any) -> tuple[str, int, str]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    response = caught.value.response
    status = response["ResponseMetadata"]["HTTPStatusCode"]
    return response["Error"]["Code"], status, response["Error"]["Message"]


# ----------------------------------------------------------------------------- the spec


def problems(given: Any) -> list[str]:
    with pytest.raises(spec.InvalidFaults) as caught:
        spec.parse(given)
    return caught.value.problems


def test_every_problem_is_named_at_once() -> None:
    asked = [
        {"Operation": "appflow:StartFlw", "Nth": 0, "Tmes": 1, "Moment": "Later"},
        {"Operation": "dynamodb:GetItem"},
        {"Operation": "s3:PutObject", "Match": {"flowName": "x"}},
        {"Operation": "appflow:StartFlow", "Match": {"flowName": "("}},
        {"Operation": "appflow:StartFlow", "Nth": 1, "Always": True},
        {"Operation": "appflow:StartFlow", "Nth": 1, "Times": 2},
        {"Operation": "appflow:StartFlow", "Probability": 1.5, "For": "5M"},
        {"Run": {"Flwo": "x"}, "Ends": "Error"},
        {"Run": {}},
        {"Run": {}, "Takes": "PT1H", "Message": "x"},
        {"Run": {}, "Ends": "Never", "CutAt": 3},
        {"Source": "acme-sf/Contact", "For": "PT1M"},
        {"Source": "acme-sf/Contact", "Ends": "Error", "Nth": 1},
        {"Operation": "appflow:StartFlow", "Run": {}},
        "StartFlow",
        {"Flow": "x", "Becomes": "Tired", "Nth": 1},
        {"Flow": "(", "Becomes": "Stopped"},
        {"Flow": "x", "Becomes": "Stopped", "For": "P1D"},
        {"Connection": "acme-sf"},
        {"Source": "acme-sf/Contact", "LosesField": "Phone", "Ends": "Error"},
    ]
    assert problems({"Seed": "1", "Faults": asked, "Sead": 2}) == [
        "Sead: is unknown; known are Seed, Faults, Knobs",
        "Seed: cannot be '1'; give a whole number",
        "Faults[0].Nth: cannot be 0; give a whole number, 1 or more",
        "Faults[0].Operation: appflow has no operation 'StartFlw'; did you mean StartFlow?",
        'Faults[0].Moment: cannot be "Later"; give Before or After it took effect',
        "Faults[0].Tmes: is unknown; did you mean Times?",
        "Faults[1].Operation: 'dynamodb:GetItem' is of no service that can fail; "
        "known are appflow, customer-profiles, s3, lambda, stepfunctions, sns, service-quotas",
        "Faults[2]: Match: s3:PutObject has no flowName; known are Bucket, Key",
        "Faults[3].Match.flowName: '(' is not a regular expression: "
        "missing ), unterminated subpattern at position 0",
        "Faults[4]: Nth, Always and Probability exclude each other; keep one",
        "Faults[5]: Nth and Times exclude each other: the nth comes once",
        'Faults[6].For: "5M" is not a duration; did you mean P5M?',
        "Faults[6].Probability: cannot be 1.5; give a number more than 0 and at most 1",
        "Faults[7].Run.Flwo: is unknown; did you mean Flow?",
        "Faults[8]: says nothing of what happens; give one of "
        "Ends, AppearsAfter, OnLaterPage, CutAt, PutFailures, Takes",
        "Faults[9]: Message is for a run that Ends in Error",
        "Faults[10]: a run that Ends Never has no use for CutAt",
        "Faults[11]: give one of Ends, LosesAuthentication, LosesField, ShowsLate",
        "Faults[12].Nth: is unknown; known are From, For, Source, Ends, LosesAuthentication, "
        "LosesField, ShowsLate, Message",
        *(
            f"Faults[{n}]: must be an object with exactly one of "
            "Operation, Function, Run, Flow, Connection, Source, Others"
            for n in (13, 14)
        ),
        'Faults[15].Becomes: cannot be "Tired"; give Deactivated, Stopped, Deleted or Unregistered',
        "Faults[15].Nth: is unknown; known are From, For, Flow, Becomes, Every",
        "Faults[16].Flow: '(' is not a regular expression: "
        "missing ), unterminated subpattern at position 0",
        "Faults[17]: For says until when it happens again; give Every as well",
        'Faults[18].Becomes: cannot be {"Connection": "acme-sf"}; give Deleted',
        "Faults[19]: give one of Ends, LosesAuthentication, LosesField, ShowsLate",
    ]


@pytest.mark.parametrize("given", [None, [], {}, {"Faults": {}}, {"Seed": 1}])
def test_what_is_no_spec_is_refused(given: Any) -> None:
    assert problems(given) == ['It must be an object such as {"Seed": 1, "Faults": []}']


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=4,
)
KEYS = sorted(
    {key for kind in spec.KINDS.values() for key in kind.model_fields}
)  # fmt: skip


@settings(deadline=None, max_examples=40)
@given(st.lists(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=5), max_size=3))
def test_nothing_but_invalid_faults_comes_of_nonsense(asked: list[Any]) -> None:
    refused: list[str] = []
    try:
        spec.parse({"Faults": asked})
    except spec.InvalidFaults as wrong:
        refused = wrong.problems
    assert all(re.match(r"Faults\[\d+\]", problem) for problem in refused)


# --------------------------------------------------------------------- operations that fail


@pytest.mark.parametrize(
    ("when", "seen"),
    [
        ({}, "xxxxxx"),
        ({"Always": True}, "xxxxxx"),
        ({"Nth": 2}, ".x...."),
        ({"Times": 3}, "xxx..."),
        ({"Probability": 1.0, "Times": 1}, "x....."),
    ],
    ids=str,
)
def test_an_operation_fails_as_often_as_asked(cloud: Failing, when: Fault, seen: str) -> None:
    cloud.appflow.create_flow(**flow())
    asked = cloud.ask({"Operation": "appflow:DescribeFlow", **when})
    assert cloud.outcomes(6) == seen
    assert asked.status()["Faults"][0]["Struck"] == seen.count("x")


def test_chance_is_the_same_each_time_whatever_others_do(cloud: Failing) -> None:
    cloud.appflow.create_flow(**flow())
    cloud.appflow.create_flow(**flow("others"))
    fault = {"Operation": "appflow:DescribeFlow", "Probability": 0.5}
    cloud.ask(fault)
    alone = cloud.outcomes(40)
    cloud.ask(fault)
    together = ""
    for _ in range(40):
        cloud.outcomes(1, flowName="others")
        together += cloud.outcomes(1)
    cloud.ask(fault, seed=2)
    assert alone == together != cloud.outcomes(40)
    assert 5 < alone.count("x") < 35


def test_a_storm_lasts_from_its_first_match_or_from_its_given_start(cloud: Failing) -> None:
    cloud.appflow.create_flow(**flow())
    cloud.ask({"Operation": "appflow:DescribeFlow", "For": "PT5M"})
    cloud.clock.advance(3600)
    assert cloud.outcomes(2) == "xx"
    cloud.clock.advance(299)
    assert cloud.outcomes(1) == "x"
    cloud.clock.advance(2)
    assert cloud.outcomes(2) == ".."
    cloud.ask({"Operation": "appflow:DescribeFlow", "From": "PT1M", "For": "PT5M"})
    assert cloud.outcomes(1) == "."
    cloud.clock.advance(61)
    assert cloud.outcomes(1) == "x"
    cloud.clock.advance(300)
    assert cloud.outcomes(1) == "."


def test_each_flow_can_be_counted_by_itself_and_some_be_meant_alone(cloud: Failing) -> None:
    for name in ("one", "two", "three"):
        cloud.appflow.create_flow(**flow(name))
    cloud.ask(
        {"Operation": "appflow:*", "Nth": 2, "Each": True, "Match": {"flowName": "^(one|two)$"}}
    )
    assert cloud.outcomes(3, flowName="one") == ".x."
    assert cloud.outcomes(3, flowName="two") == ".x."
    assert cloud.outcomes(3, flowName="three") == "..."
    assert cloud.outcomes(2, "describe_flow_execution_records", flowName="one") == ".x"


@pytest.mark.parametrize(("moment", "made"), [("Before", []), ("After", ["contacts"])])
def test_a_lost_answer_is_of_a_call_that_took_effect(
    cloud: Failing, moment: str, made: list[str]
) -> None:
    cloud.ask({"Operation": "appflow:CreateFlow", "Moment": moment})
    code, status, _ = error_of(cloud.appflow.create_flow, **flow())
    assert (code, status) == ("InternalServerException", 500)
    assert [f["flowName"] for f in cloud.appflow.list_flows()["flows"]] == made


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ("ThrottlingException", 429),
        ("ServiceQuotaExceededException", 402),
        ("ConnectorServerException", 400),
        ("SomethingElse", 400),
    ],
)
def test_errors_come_with_their_status_whether_modelled_or_not(
    cloud: Failing, error: str, status: int
) -> None:
    cloud.ask({"Operation": "appflow:StartFlow", "Error": error, "Message": "No."})
    assert error_of(cloud.appflow.start_flow, flowName="contacts") == (error, status, "No.")


def test_the_first_of_several_matching_faults_applies(cloud: Failing) -> None:
    asked = cloud.ask(
        {"Operation": "customer-profiles:GetDomain", "Times": 1, "Message": "First."},
        {"Operation": "customer-profiles:*", "Times": 1, "Message": "Second."},
    )
    calls = [error_of(cloud.profiles.get_domain, DomainName="acme")[2] for _ in range(2)]
    assert calls == ["First.", "Second."]
    assert cloud.profiles.get_domain(DomainName="acme")["DomainName"] == "acme"
    assert [fault["Struck"] for fault in asked.status()["Faults"]] == [1, 1]


@pytest.mark.parametrize(
    ("error", "status"), [(None, 500), ("SlowDown", 503), ("AccessDenied", 403)]
)
def test_s3_fails_for_roles_alone(cloud: Failing, error: str | None, status: int) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="bucket")
    cloud.ask(
        {
            "Operation": "s3:PutObject",
            "Match": {"Key": r"^a/b\.json$", "Bucket": "^bucket$"},
            **({"Error": error} if error else {}),
        }
    )
    put = {"Bucket": "bucket", "Key": "a/b.json", "Body": b"1"}
    with caller.acting_as(ROLE):
        assert error_of(s3.put_object, **put)[:2] == (error or "InternalError", status)
        s3.put_object(**{**put, "Key": "a/c.json"})
    s3.put_object(**put)


def test_s3_loses_an_answer(cloud: Failing) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="bucket")
    cloud.ask(
        {"Operation": "s3:PutObject", "Moment": "After", "Nth": 1, "Message": "Lost & <gone>"}
    )
    with caller.acting_as(ROLE):
        told = error_of(s3.put_object, Bucket="bucket", Key="key", Body=b"1")
        assert told == ("InternalError", 500, "Lost & <gone>")
        assert s3.get_object(Bucket="bucket", Key="key")["Body"].read() == b"1"


def test_a_function_backs_off_on_the_clock(cloud: Failing) -> None:
    s3 = boto3.client(
        "s3", region_name="us-east-1", config=Config(retries={"total_max_attempts": 9})
    )
    s3.create_bucket(Bucket="bucket")
    cloud.ask({"Operation": "s3:ListObjectsV2", "Times": 8, "Error": "SlowDown"})
    before = cloud.clock.now()
    with cloud.clock.at_work(), caller.acting_as(ROLE):
        cloud.clock.speed = None
        assert s3.list_objects_v2(Bucket="bucket")["KeyCount"] == 0
    assert cloud.clock.now() > before


# ------------------------------------------------------------------------ runs that misbehave


def test_a_run_ends_in_error_and_delivers_nothing(cloud: Failing) -> None:
    cloud.ask({"Run": {"Flow": "^contacts$"}, "Ends": "Error", "Message": "Broke.", "Nth": 1})
    cloud.start()
    cloud.clock.advance(60)
    [run] = cloud.runs()
    assert run["executionStatus"] == "Error"
    assert run["executionResult"]["errorInfo"]["executionMessage"] == "Broke."
    assert cloud.landed() == []
    cloud.appflow.start_flow(flowName="contacts")
    cloud.clock.advance(60)
    assert [run["executionStatus"] for run in cloud.runs()] == ["Successful", "Error"]
    assert len(cloud.landed()) == 8


def test_a_run_never_ends_until_it_is_cancelled(cloud: Failing) -> None:
    cloud.ask({"Run": {}, "Ends": "Never"})
    cloud.start()
    cloud.clock.advance(400 * 86400)
    assert cloud.runs()[0]["executionStatus"] == "InProgress"
    assert cloud.services.next_due() is None
    cloud.appflow.cancel_flow_executions(flowName="contacts")
    cloud.clock.advance(10)
    assert cloud.runs()[0]["executionStatus"] == "Canceled"


def test_a_run_appears_late(cloud: Failing) -> None:
    cloud.ask({"Run": {}, "AppearsAfter": "PT30S"})
    cloud.start()
    assert cloud.runs() == []
    cloud.clock.advance(31)
    assert cloud.runs()[0]["executionStatus"] == "InProgress"


def test_a_run_is_on_a_later_page(cloud: Failing) -> None:
    cloud.ask({"Run": {}, "OnLaterPage": True})
    cloud.appflow.create_flow(**flow())
    started = cloud.appflow.start_flow(flowName="contacts")["executionId"]
    first = cloud.appflow.describe_flow_execution_records(flowName="contacts", maxResults=100)
    ids = [run["executionId"] for run in first["flowExecutions"]]
    assert len(set(ids)) == 100
    assert started not in ids
    [run] = cloud.runs(maxResults=100, nextToken=first["nextToken"])
    assert run["executionId"] == started


def test_a_run_is_cut(cloud: Failing) -> None:
    cloud.ask({"Run": {}, "CutAt": 3})
    cloud.start()
    cloud.clock.advance(60)
    [run] = cloud.runs()
    assert run["executionStatus"] == "Successful"
    assert run["executionResult"]["recordsProcessed"] == 3
    assert len(cloud.landed()) == 3


def test_records_cannot_be_put(cloud: Failing) -> None:
    cloud.ask({"Run": {}, "PutFailures": 2})
    cloud.start()
    cloud.clock.advance(60)
    [run] = cloud.runs()
    assert run["executionStatus"] == "Successful"
    assert run["executionResult"]["recordsProcessed"] == 6
    assert run["executionResult"]["errorInfo"]["putFailuresCount"] == 2
    assert len(cloud.landed()) == 6


def test_a_run_takes_its_time(cloud: Failing) -> None:
    cloud.ask({"Run": {}, "Takes": "PT10H"})
    cloud.start()
    cloud.clock.advance(36_000 - 1)
    assert cloud.runs()[0]["executionStatus"] == "InProgress"
    cloud.clock.advance(1)
    assert cloud.runs()[0]["executionStatus"] == "Successful"


def test_what_faults_do_to_one_run_adds_up(cloud: Failing) -> None:
    cloud.ask(
        {"Run": {}, "Takes": "PT1H"},
        {"Run": {}, "CutAt": 5},
        {"Run": {}, "PutFailures": 9},
    )
    cloud.start()
    cloud.clock.advance(3600)
    [run] = cloud.runs()
    assert run["executionResult"]["errorInfo"]["putFailuresCount"] == 5
    assert cloud.landed() == []


def test_servicenow_is_cut_without_being_asked() -> None:
    assert Knobs().records_per_run == {"Servicenow": 100_000}
    with mock_aws():
        cloud = Cloud(Knobs(records_per_run={"Salesforce": 2}))
        cloud.source.load(contact(str(n), NOW - timedelta(days=n + 1)) for n in range(8))
        cloud.appflow.create_flow(**flow())
        run = cloud.run("contacts")
        assert run["executionStatus"] == "Successful"
        assert run["executionResult"]["recordsProcessed"] == len(cloud.landed()) == 2


# -------------------------------------------------------------------------- sources that fail


@pytest.mark.parametrize("source", ["acme-sf", "acme-sf/Contact"])
def test_runs_under_way_while_a_source_is_down_end_in_error(cloud: Failing, source: str) -> None:
    cloud.ask({"Source": source, "From": "PT1M", "For": "PT10M", "Ends": "Error"})
    seen = []
    cloud.start()
    for _ in range(20):
        cloud.clock.advance(60)
        seen.append(cloud.runs()[0]["executionStatus"])
        cloud.appflow.start_flow(flowName="contacts")
    assert seen[0] == "Successful"
    assert set(seen[1:11]) == {"Error"}
    assert set(seen[11:]) == {"Successful"}


def test_another_source_is_not_down(cloud: Failing) -> None:
    cloud.ask({"Source": "acme-sf/Account", "Ends": "Error"}, {"Source": "acme", "Ends": "Error"})
    cloud.start()
    cloud.clock.advance(60)
    assert cloud.runs()[0]["executionStatus"] == "Successful"


def test_a_source_loses_its_authentication(cloud: Failing) -> None:
    cloud.start()
    cloud.ask({"Source": "acme-sf/Contact", "LosesAuthentication": True})
    refusal = "ConnectorAuthenticationException", 401
    assert error_of(cloud.appflow.create_flow, **flow("another"))[:2] == refusal
    described = {"connectorProfileName": "acme-sf", "connectorEntityName": "Contact"}
    assert error_of(cloud.appflow.describe_connector_entity, **described)[:2] == refusal
    event = json.loads((ROOT / "events" / "salesforce-contact.json").read_text())
    put = {key: event[key] for key in ("DomainName", "ObjectTypeName", "FlowDefinition")}
    assert error_of(cloud.profiles.put_integration, **put)[0] == "BadRequestException"
    cloud.clock.advance(60)
    cloud.appflow.start_flow(flowName="contacts")
    cloud.clock.advance(60)
    [last, first] = cloud.runs()
    assert first["executionStatus"] == "Successful"
    assert "Authentication failed" in last["executionResult"]["errorInfo"]["executionMessage"]


def test_a_source_loses_a_field_for_a_while(cloud: Failing) -> None:
    cloud.ask({"Source": "acme-sf/Contact", "LosesField": "LastName", "For": "PT1H"})
    described = {"connectorProfileName": "acme-sf", "connectorEntityName": "Contact"}

    def fields() -> set[str]:
        listed = cloud.appflow.describe_connector_entity(**described)["connectorEntityFields"]
        return {field["identifier"] for field in listed}

    assert "LastName" not in fields()
    refusal = error_of(cloud.appflow.create_flow, **flow("another"))
    assert refusal[0] == "ValidationException"
    cloud.clock.advance(3601)
    assert "LastName" in fields()
    cloud.start()
    cloud.clock.advance(60)
    # When it is lost again while flows use it, or do not
    cloud.ask(
        {"Source": "acme-sf/Contact", "LosesField": "LastName"},
        {"Source": "acme-sf/Contact", "LosesField": "AssistantName"},
    )
    cloud.appflow.start_flow(flowName="contacts")
    cloud.clock.advance(60)
    [last, first] = cloud.runs()
    assert first["executionStatus"] == "Successful"
    assert last["executionResult"]["errorInfo"]["executionMessage"] == (
        "The field LastName does not exist at acme-sf/Contact."
    )


# ------------------------------------------------------------ what happens to scheduled flows


@pytest.fixture
def hourly(cloud: Failing) -> Failing:
    """A flow that pulls every hour, and is an integration."""
    cloud.appflow.create_flow(**scheduled())
    arn = cloud.appflow.describe_flow(flowName="contacts")["flowArn"]
    cloud.profiles.put_integration(DomainName="acme", Uri=arn, ObjectTypeName="Salesforce-Contact")
    cloud.appflow.start_flow(flowName="contacts")
    return cloud


@pytest.mark.parametrize(
    ("becomes", "told"),
    [("Deactivated", ["AppFlow Scheduled Flow Deactivated"]), ("Stopped", [])],
)
def test_a_flow_is_deactivated_or_stopped_when_its_time_has_come(
    hourly: Failing, becomes: str, told: list[str]
) -> None:
    events: list[dict[str, Any]] = []
    hourly.services.on_event(events.append)
    asked = hourly.ask(
        {"Flow": "^cont", "Becomes": becomes, "From": "PT2H"}, {"Flow": "x", "Becomes": becomes}
    )
    hourly.clock.advance(2 * 3600 - 1)
    assert hourly.appflow.describe_flow(flowName="contacts")["flowStatus"] == "Active"
    hourly.clock.advance(86_400)
    assert hourly.appflow.describe_flow(flowName="contacts")["flowStatus"] == "Suspended"
    assert len(hourly.runs()) == 2
    deactivations = [event for event in events if "Flow Run Report" not in event["detail-type"]]
    assert [event["detail-type"] for event in deactivations] == told
    for event in deactivations:
        assert event["time"] == iso(NOW + timedelta(hours=2))
        assert event["detail"]["status"] == "Execution Failed"
        assert event["detail"]["trigger-type"] == "SCHEDULED"
    assert [fault["Struck"] for fault in asked.status()["Faults"]] == [1, 0]
    # And who starts it again has it for good
    hourly.appflow.start_flow(flowName="contacts")
    hourly.clock.advance(86_400)
    assert hourly.appflow.describe_flow(flowName="contacts")["flowStatus"] == "Active"


def test_a_flow_is_deactivated_again_and_again(hourly: Failing) -> None:
    every = {"From": "PT1H", "Every": "PT2H", "For": "PT6H"}
    asked = hourly.ask({"Flow": "", "Becomes": "Deactivated", **every})
    for _ in range(10):
        hourly.clock.advance(3600)
        hourly.appflow.start_flow(flowName="contacts")
    assert asked.status()["Faults"][0]["Struck"] == 3


def test_a_flow_is_deleted_or_its_integration_is(hourly: Failing) -> None:
    hourly.ask({"Flow": "", "Becomes": "Unregistered", "From": "PT1H"})
    hourly.clock.advance(3600)
    assert hourly.appflow.list_flows()["flows"]
    assert hourly.profiles.list_integrations(DomainName="acme")["Items"] == []
    hourly.ask({"Flow": "", "Becomes": "Deleted", "From": "PT1H"})
    hourly.clock.advance(3600)
    assert hourly.appflow.list_flows()["flows"] == []


def test_a_connection_is_deleted_and_made_again(hourly: Failing) -> None:
    hourly.ask({"Connection": "acme-sf", "Becomes": "Deleted", "From": "PT1H", "For": "PT2H"})
    profiles = hourly.appflow.describe_connector_profiles
    hourly.clock.advance(3601)
    assert profiles(connectorProfileNames=["acme-sf"])["connectorProfileDetails"] == []
    hourly.clock.advance(3 * 3600)
    statuses = [run["executionStatus"] for run in hourly.runs()]
    assert statuses == ["Successful", "Error", "Error", "Successful"]
    message = hourly.runs()[1]["executionResult"]["errorInfo"]["executionMessage"]
    assert message == "The connector profile acme-sf does not exist."
    assert profiles(connectorProfileNames=["acme-sf"])["connectorProfileDetails"]


# ----------------------------------------------------------------- calls of moto's own services


@pytest.mark.parametrize(
    ("operation", "call"),
    [
        ("stepfunctions:StartExecution", {"stateMachineArn": "machine-7"}),
        ("sns:Publish", {"TopicArn": "machine-7", "Message": "x"}),
    ],
)
def test_other_services_fail_for_roles_by_what_the_call_is_about(
    cloud: Failing, operation: str, call: dict[str, str]
) -> None:
    service, _, name = operation.partition(":")
    [member] = [key for key in call if key.endswith("Arn")]
    prefix = f"arn:aws:{'states' if service == 'stepfunctions' else 'sns'}:us-east-1:123456789012"
    arn = f"{prefix}:{'stateMachine:' if service == 'stepfunctions' else ''}m7"
    asked = call | {member: arn}
    cloud.ask({"Operation": operation, "Error": "ThrottlingException", "Match": {member: "m7$"}})
    attempt = getattr(cloud.client(service), xform_name(name))
    with caller.acting_as(ROLE):
        assert error_of(attempt, **asked)[:2] == ("ThrottlingException", 429)
        other = asked | {member: f"{arn}8"}
        assert error_of(attempt, **other)[0] != "ThrottlingException"
    assert error_of(attempt, **asked)[0] != "ThrottlingException"


# -------------------------------------------------------------- asking for them, and the page


def test_cleared_faults_are_gone(cloud: Failing) -> None:
    cloud.appflow.create_flow(**flow())
    cloud.ask({"Operation": "appflow:*"}, {"Run": {}, "Ends": "Error"})
    faults.clear()
    assert cloud.outcomes(2) == ".."
    assert faults.status() == {"Seed": 1, "Faults": []}


def test_the_server_takes_shows_and_clears_them(cloud: Failing) -> None:
    whole = WholeCloud.__new__(WholeCloud)
    client = Client(local_api(whole))
    fault = {"Operation": "appflow:ListFlows", "Times": 1}
    taken = client.put("/faults", json={"Seed": 3, "Faults": [fault]})
    assert taken.status_code == 200
    assert cloud.outcomes(2, "list_flows", maxResults=1) == "x."
    assert client.get("/faults").json == {"Seed": 3, "Faults": [{**fault, "Struck": 1}]}
    refused = client.put("/faults", json={"Faults": [{"Runn": {}}, {"Source": "a"}]})
    assert refused.status_code == 400
    assert refused.json is not None
    assert len(refused.json["Problems"]) == 2
    assert client.put("/faults", data="{").status_code == 400
    assert client.put("/faults", json={"Faults": []}).status_code == 200
    assert client.get("/faults").json == {"Seed": 1, "Faults": []}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "It cannot be read: No such file or directory."),
        ("{", "It is not JSON: "),
        ('{"Faults": [{"Run": {}}]}', "Faults[0]: says nothing of what happens"),
    ],
    ids=["missing", "not JSON", "wrong"],
)
def test_a_file_that_cannot_be_used_ends_the_command_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, told: str
) -> None:
    file = tmp_path / "faults.json"
    if content is not None:
        file.write_text(content)
    given = str(ROOT / "events" / "salesforce-contact.json")
    assert main(["run", given, "--faults", str(file)]) == 2
    assert f"{file} is not valid.\n{told}" in capsys.readouterr().err


PAGE = (ROOT / "docs" / "faults.md").read_text()


def test_the_page_names_every_key_and_every_example() -> None:
    assert all(f"`{key}`" in PAGE for key in KEYS)
    assert set(re.findall(r"\(faults/(.+?\.json)\)", PAGE)) == {path.name for path in EXAMPLES}


def test_every_test_that_the_page_names_exists() -> None:
    named = re.findall(r"`(?:(tests/[\w/]+\.py)::)?(?:(Test\w+)::)?(test_\w+)`", PAGE)
    assert len(named) == len(re.findall(r"^\| .*::test_", PAGE, re.MULTILINE)) > 0
    for file, group, test in named:
        text = (ROOT / (file or "tests/machine/test_faults.py")).read_text()
        if group:
            _, _, rest = text.partition(f"\nclass {group}:\n")
            text = re.split(r"\n(?=\S)", rest, maxsplit=1)[0]
        assert f"def {test}(" in text, test
