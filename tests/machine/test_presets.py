"""Four lines are enough, and AWS is asked before anything is created."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from bulk_ingestion.flow.connectors import CONNECTORS
from local.caller import acting_as
from local.services import simulation
from local.services.simulation import Record, RunOutcome
from tests.machine.machine import Machine, event

PROFILES = {
    "Salesforce": "acme-sf",
    "Marketo": "acme-mkto",
    "Servicenow": "acme-snow",
    "Zendesk": "acme-zd",
}
FEATURED = [
    (connector.properties, PROFILES[connector.type], name, preset.object_type)
    for connector in CONNECTORS.values()
    for name, preset in connector.presets.items()
]


def four_lines(**changes: Any) -> dict[str, Any]:
    given = {
        "Application": "Salesforce",
        "Object": "Contact",
        "ConnectorProfileName": "acme-sf",
        "ImportFrom": "P7M",
        **changes,
    }
    return {key: value for key, value in given.items() if value is not None}


def test_there_are_nine_featured_objects() -> None:
    assert len(FEATURED) == 9


@pytest.mark.parametrize(
    ("application", "profile", "name", "object_type"), FEATURED, ids=[f[3] for f in FEATURED]
)
def test_four_lines_import_a_featured_object(
    machine: Machine, application: str, profile: str, name: str, object_type: str
) -> None:
    given = four_lines(Application=application, Object=name, ConnectorProfileName=profile)
    # When it is run dry
    dry = machine.wait(machine.start({**given, "DryRun": True}, "dry"))
    # Then the plan is there, and nothing else
    assert dry.output["Status"] == "NOT_STARTED"
    assert dry.report["FlowDefinition"]["Tasks"]
    assert machine.flows() == machine.integrations() == []
    # And when it is run in earnest, it is what was planned
    ended = machine.wait(machine.start(given))
    assert ended.status == "SUCCEEDED", ended.message
    assert dry.output["Estimate"]["FlowRuns"] == ended.report["Cost"]["FlowRuns"]
    assert dry.output["Metrics"]["TotalSteps"] == ended.output["Metrics"]["StepsCompleted"]
    landed = machine.landed(object_type)
    assert len(landed) == ended.output["Metrics"]["RecordsProcessed"] > 100
    # Every field that the source lets be read has come along
    [flow] = machine.cloud.client("appflow").list_flows()["flows"]
    described = machine.cloud.client("appflow").describe_connector_entity(
        connectorEntityName=name, connectorProfileName=profile
    )
    readable = {
        field["identifier"]
        for field in described["connectorEntityFields"]
        if field["sourceProperties"]["isRetrievable"]
    }
    assert {key for record in landed.values() for key in record} <= readable
    assert flow["flowName"].startswith("Customer_Profiles_acme_")
    whole = machine.cloud.client("appflow").describe_flow(flowName=flow["flowName"])
    scheduled = whole["triggerConfig"]["triggerProperties"]["Scheduled"]
    assert scheduled["scheduleExpression"] == "rate(1hours)"
    assert (
        whole["tasks"][0]["sourceFields"] == list(readable)
        or set(whole["tasks"][0]["sourceFields"]) == readable
    )


def test_what_is_given_wins_over_the_preset(machine: Machine) -> None:
    tasks = event()["FlowDefinition"]["Tasks"]
    given = four_lines(
        Schedule="rate(30minutes)",
        FlowDefinition={"FlowName": "mine", "Description": "My own", "Tasks": tasks},
    )
    ended = machine.wait(machine.start(given))
    assert ended.status == "SUCCEEDED", ended.message
    flow = machine.cloud.client("appflow").describe_flow(flowName="mine")
    assert flow["description"] == "My own"
    assert len(flow["tasks"]) == len(tasks)
    scheduled = flow["triggerConfig"]["triggerProperties"]["Scheduled"]
    assert scheduled["scheduleExpression"] == "rate(30minutes)"


def test_an_object_without_preset_needs_its_datetime_field_and_type(machine: Machine) -> None:
    records = [{"Id": "1", "ChangedAt": "2026-06-01T00:00:00.000+0000", "Name": "x"}]
    machine.cloud.services.sources.get("acme-sf", "Custom__c").load(records)
    machine.cloud.client("customer-profiles").put_profile_object_type(
        DomainName="acme",
        ObjectTypeName="Custom",
        Description="Mine",
        AllowProfileCreation=True,
        Fields={"Id": {"Source": "_source.Id"}},
        Keys={"_id": [{"StandardIdentifiers": ["UNIQUE", "PROFILE"], "FieldNames": ["Id"]}]},
    )
    given = four_lines(
        Object="Custom__c", ObjectTypeName="Custom", DatetimeTypeFieldName="ChangedAt"
    )
    ended = machine.wait(machine.start(given))
    assert ended.status == "SUCCEEDED", ended.message
    assert machine.landed("Custom") == {"1": records[0]}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"DomainName": "nowhere"}, "DomainName: there is no domain nowhere"),
        ({"ObjectTypeName": "Nothing"}, "ObjectTypeName: domain acme has no object type Nothing"),
        ({"ConnectorProfileName": "nobody"}, "AppFlow has no Salesforce connection nobody"),
        ({"ConnectorProfileName": "acme-zd"}, "AppFlow has no Salesforce connection acme-zd"),
        (
            {"Object": "Nix", "ObjectTypeName": "Salesforce-Contact", "DatetimeTypeFieldName": "x"},
            "with an object Nix",
        ),
        (
            {"DatetimeTypeFieldName": "Nope"},
            "DatetimeTypeFieldName: Contact has no Nope; use CreatedDate or",
        ),
        (
            {"DatetimeTypeFieldName": "Email"},
            "AppFlow can't pull by Email; use CreatedDate or LastModifiedDate or",
        ),
        (
            {"FlowDefinition": {"KmsArn": "arn:aws:kms:us-east-1:123456789012:key/another"}},
            "KmsArn: is arn:aws:kms:us-east-1:123456789012:key/another; use the domain's",
        ),
    ],
)
def test_the_preflight_names_what_aws_lacks_and_nothing_is_created(
    machine: Machine, changes: dict[str, Any], expected: str
) -> None:
    ended = machine.wait(machine.start(four_lines(**changes)))
    assert (ended.status, ended.error) == ("FAILED", "PreflightFailed")
    assert expected in ended.message
    assert machine.flows() == machine.integrations() == []


def test_the_preflight_names_all_findings_at_once(machine: Machine) -> None:
    given = four_lines(ObjectTypeName="Nothing", DatetimeTypeFieldName="Email")
    ended = machine.wait(machine.start(given))
    assert ended.message.splitlines()[0] == "2 findings. Nothing was created."
    assert len(ended.message.splitlines()) == 3


def test_a_redrive_after_a_fix_goes_on(machine: Machine) -> None:
    ended = machine.wait(machine.start(four_lines(ObjectTypeName="Mine")))
    assert ended.error == "PreflightFailed"
    machine.cloud.client("customer-profiles").put_profile_object_type(
        DomainName="acme",
        ObjectTypeName="Mine",
        Description="Contact",
        TemplateId="Salesforce-Contact",
    )
    again = ended.redrive()
    assert again.status == "SUCCEEDED", again.message
    processed = again.output["Metrics"]["RecordsProcessed"]
    assert len(machine.landed("Mine")) == processed > 0


def test_a_domain_without_dead_letter_queue_is_warned_of(machine: Machine) -> None:
    profiles = machine.cloud.client("customer-profiles")
    profiles.update_domain(DomainName="acme", DeadLetterQueueUrl="")
    ended = machine.wait(machine.start(four_lines(ImportFrom="P1M")))
    assert ended.status == "SUCCEEDED"
    assert "has no dead-letter queue" in " ".join(ended.report["Warnings"])


def test_another_execution_that_imports_the_same_is_warned_of(machine: Machine) -> None:
    # Given an execution, and a second one that starts when the first's runs end
    started: list[str] = []

    def start_another(
        flow: Any, execution_id: str, records: list[tuple[str, Record]], at: datetime
    ) -> RunOutcome:
        simulation.current.remove_faults()
        with acting_as(None):
            started.append(machine.start(four_lines(), "two"))
        return RunOutcome(records)

    simulation.current.end_run = start_another
    one = machine.wait(machine.start(four_lines(MaxConcurrency=1), "one"))
    two = machine.wait(started[0])
    # Then the second one says so, and both bring everything
    assert "Execution one imports the same object" in " ".join(two.report["Warnings"])
    assert (one.status, two.status) == ("SUCCEEDED", "SUCCEEDED")
    processed = one.output["Metrics"]["RecordsProcessed"]
    assert len(machine.landed()) == two.output["Metrics"]["RecordsProcessed"] == processed > 0
    assert set(machine.puts().values()) == {2}


@pytest.mark.parametrize("spelled", ["ServiceNow", "Servicenow", "servicenow"])
def test_an_application_may_be_spelled_either_way(machine: Machine, spelled: str) -> None:
    given = four_lines(
        Application=spelled, Object="task", ConnectorProfileName="acme-snow", ImportFrom="P3M"
    )
    ended = machine.wait(machine.start(given))
    assert ended.status == "SUCCEEDED", ended.message
    processed = ended.output["Metrics"]["RecordsProcessed"]
    assert len(machine.landed("Servicenow-task")) == processed > 0


@pytest.mark.parametrize(
    "path",
    [
        "SourceFlowConfig",
        "SourceFlowConfig.IncrementalPullConfig",
        "SourceFlowConfig.SourceConnectorProperties.Salesforce",
        "TriggerConfig.TriggerProperties",
        "TriggerConfig.TriggerProperties.Scheduled",
        "Tasks",
    ],
)
def test_null_within_a_flow_definition_is_as_good_as_nothing(machine: Machine, path: str) -> None:
    given: Any = None
    for key in reversed(path.split(".")):
        given = {key: given}
    ended = machine.wait(machine.start(four_lines(FlowDefinition=given)))
    assert ended.status == "SUCCEEDED", ended.message
    assert "None" not in str(ended.read("request.json")["FlowDefinition"])
    assert len(machine.landed()) == ended.output["Metrics"]["RecordsProcessed"] > 0
