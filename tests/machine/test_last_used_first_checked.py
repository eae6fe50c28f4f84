"""What the last state sends is checked by the first one, and what is right there works."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.machine.contacts import contact
from tests.machine.machine import Machine, event

ANOTHER_KEY = "arn:aws:kms:us-east-1:123456789012:key/another"


def four(**changes: Any) -> dict[str, Any]:
    return {
        "DomainName": "acme",
        "Application": "Salesforce",
        "Object": "Contact",
        "ConnectorProfileName": "acme-sf",
        "ImportFrom": "P1M",
        **changes,
    }


def scheduled(**properties: Any) -> dict[str, Any]:
    trigger = {"TriggerConfig": {"TriggerProperties": {"Scheduled": properties}}}
    return four(FlowDefinition=trigger)


@pytest.mark.parametrize(
    ("schedule", "days"),
    [("cron(0 2 * * ? *)", 1), ("rate(1weeks)", 7), ("rate(2days)", 2), ("rate(1months)", 30)],
)
def test_a_schedule_that_appflow_accepts_pulls_when_it_says(
    machine: Machine, schedule: str, days: int
) -> None:
    machine.load()
    for dry in (True, False):
        ended = machine.wait(machine.start(four(Schedule=schedule, DryRun=dry), f"dry-{dry}"))
        assert ended.status == "SUCCEEDED", ended.message
    clock, services = machine.cloud.clock, machine.cloud.services
    clock.advance(3600)  # a rate pulls at its start, five minutes from the request
    services.settle()
    machine.load(contact("later", clock.now() - timedelta(minutes=1)))
    clock.advance((days * 24 - 2) * 3600 if "rate" in schedule else 60)
    services.settle()
    assert "later" not in machine.landed()
    clock.advance(24 * 3600)
    services.settle()
    assert "later" in machine.landed()


@pytest.mark.parametrize(
    ("given", "key"),
    [
        (four(Schedule="cron(banana)"), "Schedule"),
        (four(Schedule="cron(0 2 * * *)"), "Schedule"),
        (scheduled(Timezone="Europe/Wien"), "Timezone"),
        (scheduled(ScheduleEndTime="2026-11-01"), "ScheduleEndTime"),
        (scheduled(ScheduleStartTime="2026-12-02", ScheduleEndTime="2026-12-01"), "EndTime"),
        (scheduled(ScheduleStartTime="2026-12-01T02:00:00"), "ScheduleStartTime"),
        (four(Tags={"team": "M\u00fcnchen"}), "Tags"),
        (four(FlowDefinition={"FlowName": "bulk-acme-contacts"}), "FlowName"),
        (four(FlowDefinition={"FlowName": "x"}), "FlowName"),
        (four(FlowDefinition={"Description": "Since 12:00"}), "Description"),
    ],
)
@pytest.mark.parametrize("dry", [True, False])
def test_what_would_fail_last_is_refused_first(
    machine: Machine, given: dict[str, Any], key: str, dry: bool
) -> None:
    ended = machine.wait(machine.start({**given, "ImportFrom": "P1Y", "DryRun": dry}))
    assert (ended.status, ended.error) == ("FAILED", "InvalidInput")
    [problem] = ended.message.splitlines()[1:]
    assert key in problem.partition(": ")[0]
    assert machine.flows() == machine.integrations() == []


def test_two_connections_have_two_integrations(machine: Machine) -> None:
    appflow = machine.cloud.client("appflow")
    appflow.create_connector_profile(
        connectorProfileName="acme-sf-us",
        connectorType="Salesforce",
        connectionMode="Public",
        connectorProfileConfig={
            "connectorProfileProperties": {"Salesforce": {"instanceUrl": "https://us.example"}},
            "connectorProfileCredentials": {
                "Salesforce": {"accessToken": "local", "refreshToken": "local"}
            },
        },
    )
    machine.cloud.services.sources.get("acme-sf-us", "Contact").load([])
    for profile in ("acme-sf", "acme-sf-us"):
        given = four(ConnectorProfileName=profile, ImportFrom="P3M")
        ended = machine.wait(machine.start(given, profile))
        assert ended.status == "SUCCEEDED", ended.message
    assert sorted(machine.flows()) == [
        "Customer_Profiles_acme_Salesforce_acme-sf-us_Contact",
        "Customer_Profiles_acme_Salesforce_acme-sf_Contact",
    ]


def test_the_key_may_be_left_out_and_is_then_the_domains(machine: Machine) -> None:
    ended = machine.run(FlowDefinition=without_key(), ImportFrom="P3M")
    assert ended.status == "SUCCEEDED", ended.message
    flow = machine.cloud.client("appflow").describe_flow(flowName="acme-salesforce-contact")
    domain = machine.cloud.client("customer-profiles").get_domain(DomainName="acme")
    assert flow["kmsArn"] == domain["DefaultEncryptionKey"]


def test_a_key_that_the_stack_may_not_use_is_refused_before_the_first_window(
    machine: Machine,
) -> None:
    profiles = machine.cloud.client("customer-profiles")
    profiles.update_domain(DomainName="acme", DefaultEncryptionKey=ANOTHER_KEY)
    ended = machine.run(FlowDefinition=without_key(), ImportFrom="P3M")
    assert (ended.status, ended.error) == ("FAILED", "PreflightFailed")
    assert f"is {ANOTHER_KEY}, but this stack may use only arn:" in ended.message
    assert "Deploy the stack with the parameter KmsKeyArn" in ended.message
    assert machine.flows() == []


def without_key() -> dict[str, Any]:
    definition = event()["FlowDefinition"]
    return {key: value for key, value in definition.items() if key != "KmsArn"}


def test_a_dry_run_shows_what_the_input_leaves_to_defaults_and_why(machine: Machine) -> None:
    marketo = {"Application": "Marketo", "Object": "leads", "ConnectorProfileName": "acme-mkto"}
    given = four(**marketo, ImportFrom="P1Y", DryRun=True, Overlap="P1D")
    ended = machine.wait(machine.start(given))
    assert ended.status == "SUCCEEDED", ended.message
    shown = ended.report["Defaults"]
    assert {key: default["Value"] for key, default in shown.items()} == {
        "BatchSize": "P30D",
        "MaxConcurrency": 1,
        "Order": "NewestFirst",
    }
    assert "31 days" in shown["BatchSize"]["Reason"]
    page = machine.cloud.client("s3").get_object(
        Bucket=machine.cloud.stack.runs_bucket, Key=f"runs/{ended.name}/report.html"
    )
    assert "A bulk extract of Marketo covers at most 31 days" in page["Body"].read().decode()
    assert ended.output["Metrics"]["TotalSteps"] == 13
