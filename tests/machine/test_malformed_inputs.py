"""Inputs that people get wrong: each is refused with every problem named, nothing is made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from local.clock import Clock
from local.cloud import embedded_cloud
from tests.machine.machine import NOW, Machine, event

SCHEDULED = "TriggerConfig.TriggerProperties.Scheduled"
NESTED = "IntegrationConfig.AppflowIntegration"


def four(**changes: Any) -> dict[str, Any]:
    """Give the four lines with some keys changed; ``...`` takes one away."""
    given = {
        "DomainName": "acme",
        "Application": "Salesforce",
        "Object": "Contact",
        "ConnectorProfileName": "acme-sf",
        "ImportFrom": "P7M",
        **changes,
    }
    return {key: value for key, value in given.items() if value is not ...}


def flow(path: str, value: Any, **changes: Any) -> dict[str, Any]:
    """Give an example with one place of its FlowDefinition changed."""
    whole = event(**changes)
    at: Any = whole["FlowDefinition"]
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    for part in parents:
        at = at[part]
    at[last] = value
    return whole


def part(path: str, value: Any) -> dict[str, Any]:
    """Give a part of a FlowDefinition."""
    for key in reversed(path.split(".")):
        value = {key: value}
    return {"FlowDefinition": value}


def batches(*given: Any) -> dict[str, Any]:
    return four(ImportFrom=..., Batches=list(given))


INVALID: list[tuple[dict[str, Any], str]] = [
    ({}, "FlowDefinition ImportFrom ObjectTypeName"),
    # The four lines
    (four(Application="Salesfroce"), "Application"),
    (four(Application="Pardot"), "Application"),
    (four(Application="S3"), "Application"),
    (four(Application=""), "Application"),
    (four(Application=["Salesforce"]), "Application"),
    (four(Application=5), "Application"),
    (four(Application=None), "Application"),
    (four(Application=...), "Application"),
    (four(Object=...), "Object"),
    (four(Object=None, ConnectorProfileName=...), "ConnectorProfileName Object"),
    (four(Object="contact"), "Object"),
    (four(Application="Marketo", Object="Leads"), "Object"),
    (four(Object="my object", DatetimeTypeFieldName="x", ObjectTypeName="y"), "Object"),
    (four(Object=["Contact"]), "Object"),
    (four(Object="Kontakt"), "Object"),
    (four(ConnectorProfileName=7), "ConnectorProfileName"),
    (four(ConnectorProfileName=""), "ConnectorProfileName"),
    (four(ConnectorProfileName="acme sf"), "ConnectorProfileName"),
    (four(DatetimeTypeFieldName=["x"]), "DatetimeTypeFieldName"),
    (four(DatetimeTypeFieldName=""), "DatetimeTypeFieldName"),
    (four(Schedule="rate(1 hour)"), "Schedule"),
    (four(Schedule="rate(0hours)"), "Schedule"),
    (four(Schedule="cron()"), "Schedule"),
    (four(Schedule=60), "Schedule"),
    (four(Schedule="cron(banana)"), "Schedule"),
    (four(Schedule="cron(0 2 * * *)"), "Schedule"),
    (four(Application="Salesfroce", Schedule="rate(1 hour)"), "Application Schedule"),
    (
        four(
            Application="Marketo",
            Object="leads",
            ConnectorProfileName="acme-mkto",
            Schedule="rate(30minutes)",
        ),
        "Schedule",
    ),
    # Their FlowDefinition
    (four(FlowDefinition="x"), "FlowDefinition"),
    (four(FlowDefinition=[1]), "FlowDefinition"),
    (four(**part("SourceFlowConfig", [])), "FlowDefinition.SourceFlowConfig"),
    (four(**part("Tasks", [])), "FlowDefinition.Tasks"),
    (four(**part("Tasks", [None])), "FlowDefinition.Tasks[0]"),
    (four(**part("FlowName", "a/b")), "FlowDefinition.FlowName"),
    (four(**part("SourceFlowConfig.ConnectorType", "Slack")), "Application"),
    # A FlowDefinition of one's own
    (
        flow("SourceFlowConfig.ConnectorType", "ServiceNow"),
        "FlowDefinition.SourceFlowConfig.ConnectorType",
    ),
    (flow("SourceFlowConfig.ConnectorType", 5), "FlowDefinition.SourceFlowConfig.ConnectorType"),
    (flow("Tasks.0.SourceFields", "Id"), "FlowDefinition.Tasks[0].SourceFields"),
    (flow("KmsArn", "alias/foo"), "FlowDefinition.KmsArn"),
    (flow("FlowName", "x"), "FlowDefinition.FlowName"),
    (flow("FlowName", "x" * 201), "FlowDefinition.FlowName"),
    (flow("FlowName", "bulk-acme-contacts"), "FlowDefinition.FlowName"),
    (four(**part("FlowName", "bulk-acme-contacts")), "FlowDefinition.FlowName"),
    (flow("KmsArn", "arn:aws-cn:kms:x:1:key/a"), "FlowDefinition.KmsArn"),
    (flow("Description", "Since 12:00"), "FlowDefinition.Description"),
    (flow(f"{SCHEDULED}.Timezone", "Europe/Wien"), f"FlowDefinition.{SCHEDULED}.Timezone"),
    (
        flow(f"{SCHEDULED}.ScheduleStartTime", "2026-12-01T02:00:00"),
        f"FlowDefinition.{SCHEDULED}.ScheduleStartTime",
    ),
    (
        flow(f"{SCHEDULED}.ScheduleEndTime", "2026-11-01"),
        f"FlowDefinition.{SCHEDULED}.ScheduleEndTime",
    ),
    (
        four(**part(SCHEDULED, {"ScheduleStartTime": 1796083200, "ScheduleEndTime": 1796083199})),
        f"FlowDefinition.{SCHEDULED}.ScheduleEndTime",
    ),
    (flow(f"{SCHEDULED}.ScheduleOffset", 10**9), f"FlowDefinition.{SCHEDULED}.ScheduleOffset"),
    (
        flow(f"{SCHEDULED}.ScheduleStartTime", 1e30),
        f"FlowDefinition.{SCHEDULED}.ScheduleStartTime",
    ),
    (
        flow(f"{SCHEDULED}.FirstExecutionFrom", "2030-01-01T00:00:00Z", ImportFrom=None),
        f"FlowDefinition.{SCHEDULED}.FirstExecutionFrom",
    ),
    (
        flow(f"{SCHEDULED}.ScheduleExpression", None),
        f"FlowDefinition.{SCHEDULED}.ScheduleExpression",
    ),
    # From when on, and in which windows
    (four(ImportFrom=...), "ImportFrom"),
    (four(ImportFrom=10**30), "ImportFrom"),
    (four(ImportFrom=-(10**30)), "ImportFrom"),
    (four(ImportFrom=1672531200000), "ImportFrom"),
    (four(ImportFrom="P"), "ImportFrom"),
    (four(ImportFrom="P9999999999Y"), "ImportFrom"),
    (four(ImportFrom=["P1Y"]), "ImportFrom"),
    (four(ImportFrom=True), "ImportFrom"),
    (four(ImportFrom="\uff12\uff10\uff12\uff13-01-01"), "ImportFrom"),
    (four(ImportFrom="2030-01-01"), "ImportFrom"),
    (four(ImportFrom="20230101"), "ImportFrom"),
    (four(ImportFrom="2023-W05-1"), "ImportFrom"),
    (four(ImportFrom="0001-01-01"), "ImportFrom"),
    (four(ImportFrom="0001-01-01T00:00:00+14:00"), "ImportFrom"),
    (four(ImportFrom="0001-01-01", MaxConcurrency=0), "ImportFrom MaxConcurrency"),
    (four(BatchSize="P200Y"), "BatchSize"),
    (four(BatchSize="PT59M"), "BatchSize"),
    (four(BatchSize="PT1H", ImportFrom="P10Y"), "BatchSize"),
    (batches(None), "Batches[0]"),
    (batches("2023"), "Batches[0]"),
    (batches({"Start": 1}), "Batches[0].EndTime Batches[0].Start Batches[0].StartTime"),
    (batches({"StartTime": 2, "EndTime": 1}), "Batches[0].EndTime"),
    (four(Batches=[{"StartTime": 1, "EndTime": 20000}]), "ImportFrom"),
    # How
    (four(MaxConcurrency=10**30), "MaxConcurrency"),
    (four(MaxConcurrency=2.5), "MaxConcurrency"),
    (four(MaxConcurrency="5"), "MaxConcurrency"),
    (four(Order="newestfirst"), "Order"),
    (four(DryRun="true"), "DryRun"),
    (four(Tags=["a"]), "Tags"),
    (four(Tags={"a": 1}), "Tags"),
    (four(Tags={"\u2603": "x"}), "Tags"),
    (four(Tags={"team": "M\u00fcnchen"}), "Tags"),
    (four(Overlap="P8D"), "Overlap"),
    (four(Overlap="1h"), "Overlap"),
    (four(Overlap=60), "Overlap"),
    (four(Continue="no"), "Continue"),
    (four(DryRun=None, Resume=None, Order=None), "DryRun Order Resume"),
    (four(Assumptions=[]), "Assumptions"),
    (four(Assumptions={"UsdPerFlowRun": -1}), "Assumptions.UsdPerFlowRun"),
    (four(Assumptions={"UsdPerRun": 1}), "Assumptions.UsdPerRun"),
    (four(Assumptions={"RunDuration": "PT49H"}), "Assumptions.RunDuration"),
    # Into what
    (four(DomainName="a b"), "DomainName"),
    (four(DomainName="a" * 65), "DomainName"),
    (four(DomainName=["acme"]), "DomainName"),
    (four(ObjectTypeName="9x"), "ObjectTypeName"),
    # Other forms
    (
        {"IntegrationConfig": []},
        f"ImportFrom IntegrationConfig {NESTED}.FlowDefinition ObjectTypeName",
    ),
    ({"Resume": 5}, "Resume"),
    ({"Resume": "../other"}, "Resume"),
    ({"Resume": "arn:aws:states:us-east-1:123456789012:execution:another:run"}, "Resume"),
    ({"Resume": "x", "Schedule": 5, "Overlap": "P1M"}, "Overlap Schedule"),
    ({"Resume": "nobody"}, "Resume"),
    ({"Resume": "x", "ImportFrom": "P1Y"}, "ImportFrom"),
    # Contradictions
    (four(**{**event(), "ImportFrom": "P7M", "Application": "Marketo"}), "Application"),
    (four(Schedule="rate(1hours)", **part(SCHEDULED, {"ScheduleExpression": "x"})), "Schedule"),
    (
        four(
            **part("FlowName", "mine"),
            IntegrationConfig={"AppflowIntegration": part("FlowName", "mine")},
        ),
        "FlowDefinition",
    ),
    # All at once
    (
        four(Importfrom="P2Y", Order=1, BatchSize="2M", MaxConcurrency=0, Schedule="rate(1 hour)"),
        "BatchSize Importfrom MaxConcurrency Order Schedule",
    ),
]

LACKING: list[tuple[dict[str, Any], str]] = [
    (four(DomainName="nowhere"), "there is no domain nowhere"),
    (four(ObjectTypeName="Nothing"), "has no object type Nothing"),
    (four(ConnectorProfileName="nobody"), "AppFlow has no Salesforce connection nobody"),
    (four(ConnectorProfileName="acme-zd"), "AppFlow has no Salesforce connection acme-zd"),
    (four(DatetimeTypeFieldName="Email"), "AppFlow can't pull by Email"),
    (
        four(DatetimeTypeFieldName="LastModified"),
        "DatetimeTypeFieldName: Contact has no LastModified; did you mean LastModifiedDate?",
    ),
    (four(ObjectTypeName="Marketo-leads"), "Marketo-leads is for leads records from Marketo"),
    (
        four(ObjectTypeName="Salesforce-Account"),
        "Salesforce-Account is for Account records from Salesforce",
    ),
    (
        flow("Tasks.1.SourceFields", ["Titel"]),
        "FlowDefinition.Tasks: Contact has no Titel; did you mean Title?",
    ),
    (
        four(
            Object="contact",
            ObjectTypeName="Salesforce-Contact",
            DatetimeTypeFieldName="LastModifiedDate",
        ),
        "Did you mean Contact?",
    ),
    (four(DatetimeTypeFieldName="Changed"), "Contact has no Changed"),
    (
        four(
            Object="Contact\u2603",
            ObjectTypeName="Salesforce-Contact",
            DatetimeTypeFieldName="LastModifiedDate",
        ),
        "with an object Contact\u2603",
    ),
]


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with embedded_cloud(Clock(start=NOW), {"LogLevel": "ERROR"}) as cloud:
        yield Machine(cloud)


def nothing_was_made(machine: Machine) -> bool:
    bucket = machine.cloud.stack.runs_bucket
    listed = machine.cloud.client("s3").list_objects_v2(Bucket=bucket, Prefix="runs/")
    return not (listed["KeyCount"] or machine.flows() or machine.integrations())


def test_there_are_more_than_fifty() -> None:
    assert len(INVALID) > 50


@pytest.mark.parametrize(
    ("given", "named"), INVALID, ids=[f"{n}-{named[:40]}" for n, (_, named) in enumerate(INVALID)]
)
def test_an_invalid_input_is_refused_with_each_problem_named_and_no_other(
    machine: Machine, request: pytest.FixtureRequest, given: dict[str, Any], named: str
) -> None:
    name = f"invalid-{request.node.callspec.indices['given']}"
    ended = machine.wait(machine.start(given, name))
    assert (ended.status, ended.error) == ("FAILED", "InvalidInput")
    lines = ended.message.splitlines()
    told = {line.partition(": ")[0] for line in (lines[1:] if len(lines) > 1 else lines)}
    assert told == set(named.split()), ended.message
    assert nothing_was_made(machine)


@pytest.mark.parametrize(("given", "told"), LACKING, ids=[told for _, told in LACKING])
def test_what_aws_lacks_is_named(
    machine: Machine, request: pytest.FixtureRequest, given: dict[str, Any], told: str
) -> None:
    name = f"lacking-{request.node.callspec.indices['given']}"
    ended = machine.wait(machine.start(given, name))
    assert (ended.status, ended.error) == ("FAILED", "PreflightFailed")
    assert told in ended.message
    assert nothing_was_made(machine)


def test_a_number_that_no_computer_has_is_refused_as_what_it_is(machine: Machine) -> None:
    started = machine.cloud.client("stepfunctions").start_execution(
        stateMachineArn=machine.cloud.stack.state_machine_arn,
        input=json.dumps(four()).replace('"P7M"', "1e400"),
    )
    ended = machine.wait(started["executionArn"])
    assert (ended.status, ended.error) == ("FAILED", "InvalidInput")
    assert ended.message.splitlines()[1].startswith("ImportFrom: is null; use a date")
    assert nothing_was_made(machine)


@pytest.mark.parametrize("given", ["null", "[]", '"x"', "5", "true"])
def test_an_input_that_is_no_object_is_refused(machine: Machine, given: str) -> None:
    started = machine.cloud.client("stepfunctions").start_execution(
        stateMachineArn=machine.cloud.stack.state_machine_arn, input=given
    )
    ended = machine.wait(started["executionArn"])
    assert (ended.status, ended.error) == ("FAILED", "InvalidInput")
    assert "must be a JSON object" in ended.message
    assert nothing_was_made(machine)
