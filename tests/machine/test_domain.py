"""What an import does to the domain: what it refuses, warns of, creates and counts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from local.clock import Clock
from local.cloud import embedded_cloud
from local.faults import faults
from local.services.simulation import current
from tests.machine.contacts import contact, spread
from tests.machine.machine import NOW, Ended, Machine, event
from tests.machine.pages import Page

OTHER = {
    "DomainName": "acme",
    "ObjectTypeName": "Notes",
    "Description": "notes of contacts",
    "Fields": {"Id": {"Source": "_source.Id"}, "of": {"Source": "_source.FirstName"}},
    "Keys": {
        "note": [{"StandardIdentifiers": ["UNIQUE"], "FieldNames": ["Id"]}],
        "_salesforceContactId": [{"StandardIdentifiers": ["PROFILE"], "FieldNames": ["of"]}],
    },
}
"""An object type that hangs on contacts and creates no profiles."""


def without(field: str) -> dict[str, Any]:
    """Give the example's FlowDefinition without the Map task of a field."""
    definition: dict[str, Any] = event()["FlowDefinition"]
    tasks = [task for task in definition["Tasks"] if task.get("DestinationField") != field]
    assert len(tasks) == len(definition["Tasks"]) - 1
    return {**definition, "Tasks": tasks}


def counts(ended: Ended) -> dict[str, list[int]]:
    """Give what the report says of the domain, before and after."""
    domain = ended.report["Domain"]
    moments = [domain["Before"], domain["After"]]
    return {key: [at[key] for at in moments] for key in ("Objects", "DeadLetters")}


# ------------------------------------------------------------------------ what is refused


def test_a_mapping_without_the_key_is_refused_before_the_first_window(machine: Machine) -> None:
    ended = machine.run(FlowDefinition=without("Id"))

    assert (ended.status, ended.error) == ("FAILED", "PreflightFailed")
    assert "no task maps Id: Customer Profiles would store none" in ended.message
    assert machine.flows() == machine.integrations() == []


def test_the_key_of_an_object_type_made_from_a_template_is_known(machine: Machine) -> None:
    machine.cloud.client("customer-profiles").put_profile_object_type(
        DomainName="acme",
        ObjectTypeName="Mine",
        Description="mine",
        TemplateId="Salesforce-Contact",
    )
    ended = machine.run(FlowDefinition=without("Id"), ObjectTypeName="Mine")

    assert ended.error == "PreflightFailed"
    assert "Mine identifies its objects by _salesforceContactId" in ended.message


@pytest.mark.parametrize("name", ["Marketo-leads", "Salesforce-Account"])
def test_an_object_type_of_another_source_is_refused(machine: Machine, name: str) -> None:
    ended = machine.run(ObjectTypeName=name)

    assert ended.error == "PreflightFailed"
    assert f"ObjectTypeName: {name} is for " in ended.message


# ------------------------------------------------------------------------- what is warned of


def test_what_vanishes_without_an_error_is_warned_of_with_what_to_do(machine: Machine) -> None:
    definition = event()["FlowDefinition"]
    definition["SourceFlowConfig"]["SourceConnectorProperties"]["Salesforce"] |= {
        "IncludeDeletedRecords": True
    }
    profiles = machine.cloud.client("customer-profiles")
    profiles.put_profile_object_type(**OTHER, ExpirationDays=30)
    profiles.update_domain(DomainName="acme", DeadLetterQueueUrl="")
    ended = machine.run(
        ObjectTypeName="Notes", FlowDefinition=definition, ImportFrom="P50D", DryRun=True
    )

    queue, creation, expiry, deleted = ended.report["Warnings"]
    assert "has no dead-letter queue" in queue
    assert "Notes creates no profiles" in creation
    assert creation.endswith(
        "Import the object types whose objects have the key _salesforceContactId first."
    )
    assert "Notes: objects expire 30 days after they were put" in expiry
    assert "reaches back 50 days" in expiry
    assert deleted.startswith("IncludeDeletedRecords is true: ")


def test_a_field_to_pull_by_that_can_be_empty_is_warned_of(machine: Machine) -> None:
    records = [{"Id": "1", "ChangedAt": "2026-06-01T00:00:00.000+0000"}, {"Id": "2", "Name": "x"}]
    machine.load(*records, of="Custom__c")
    profiles = machine.cloud.client("customer-profiles")
    keys = {"id": [{"StandardIdentifiers": ["UNIQUE", "PROFILE"], "FieldNames": ["Id"]}]}
    profiles.put_profile_object_type(**OTHER | {"AllowProfileCreation": True, "Keys": keys})
    given = {
        "DomainName": "acme",
        "Application": "Salesforce",
        "Object": "Custom__c",
        "ConnectorProfileName": "acme-sf",
        "ObjectTypeName": "Notes",
        "DatetimeTypeFieldName": "ChangedAt",
        "ImportFrom": "P7M",
    }
    ended = machine.wait(machine.start(given))

    assert ended.status == "SUCCEEDED", ended.message
    assert machine.landed("Notes").keys() == {"1"}
    [warning] = ended.report["Warnings"]
    assert "ChangedAt can be empty. Records without it are in no window" in warning
    assert ended.report["DatetimeTypeFieldName"] == "ChangedAt"
    assert "ChangedAt. Records without a value in this field are in no window" in Page(ended).text


# --------------------------------------------------------------------------- what is counted


def test_the_report_sets_the_domains_counts_beside_what_was_transferred(machine: Machine) -> None:
    machine.load(*spread(30))
    first = machine.run("first", ImportFrom="P200D", BatchSize="P50D")
    assert counts(first) == {"Objects": [0, 30], "DeadLetters": [0, 0]}
    again = machine.run("again", ImportFrom="P200D", BatchSize="P50D")
    assert counts(again) == {"Objects": [30, 30], "DeadLetters": [0, 0]}

    page = Page(first).text
    assert "30 records of Salesforce-Contact were transferred to the domain" in page
    assert "0 objects before the import, 30 after it" in page
    assert "0 messages before the import, 0 after it" in page
    assert first.report["Warnings"] == []


def test_a_queue_that_has_grown_is_a_warning_with_the_number(machine: Machine) -> None:
    machine.cloud.client("customer-profiles").put_profile_object_type(**OTHER)
    machine.load(*(contact(f"{n}", "2026-10-01T00:00:00.000+0000", FirstName="x") for n in "123"))
    ended = machine.run(ObjectTypeName="Notes", ImportFrom="P100D")

    assert ended.status == "SUCCEEDED", ended.message
    assert counts(ended) == {"Objects": [0, 0], "DeadLetters": [0, 3]}
    *_, queue, objects = ended.report["Warnings"]
    assert "has 3 more messages than before the import (3 instead of 0)" in queue
    assert "AppFlow transferred 3 records, and domain acme has 0 objects" in objects
    assert "See the warnings" in Page(ended).text


def test_without_the_queues_arn_the_stack_counts_objects_alone() -> None:
    parameters = {"LogLevel": "ERROR", "DeadLetterQueueArn": ""}
    with embedded_cloud(Clock(start=NOW), parameters) as cloud:
        machine = Machine(cloud)
        machine.load(*spread(4))
        ended = machine.run(ImportFrom="P200D", BatchSize="P100D")
        report = ended.report

    assert ended.status == "SUCCEEDED", ended.message
    assert report["Domain"]["After"]["Objects"] == 4
    assert "DeadLetters" not in report["Domain"]["Before"] | report["Domain"]["After"]
    assert report["Warnings"] == []


def test_counts_that_aws_does_not_give_are_left_out(machine: Machine) -> None:
    machine.load(*spread(4))
    url = machine.cloud.client("customer-profiles").get_domain(DomainName="acme")
    machine.cloud.client("sqs").delete_queue(QueueUrl=url["DeadLetterQueueUrl"])
    ended = machine.run(ImportFrom="P200D", BatchSize="P100D")

    assert ended.status == "SUCCEEDED", ended.message
    assert "could not check the dead-letter queue" in " ".join(ended.report["Warnings"])
    assert ended.report["Domain"]["After"]["Objects"] == 4
    assert "DeadLetters" not in ended.report["Domain"]["After"]


def test_a_queue_that_is_not_the_domains_is_not_counted(machine: Machine) -> None:
    sqs, profiles = (machine.cloud.client(name) for name in ("sqs", "customer-profiles"))
    other = sqs.create_queue(QueueName="another")["QueueUrl"]
    profiles.update_domain(DomainName="acme", DeadLetterQueueUrl=other)
    machine.load(*spread(4))
    ended = machine.run(ImportFrom="P200D", BatchSize="P100D")

    [warning] = ended.report["Warnings"]
    assert f"The dead-letter queue of domain acme is {other}, and this stack may only" in warning
    assert "DeadLetterQueueArn" in warning
    assert "DeadLetters" not in ended.report["Domain"]["Before"]
    assert "Not counted. Deploy the stack with DeadLetterQueueArn" in Page(ended).text


# -------------------------------------------------------------------- what is created beforehand


def only_a_template(machine: Machine, name: str = "Salesforce-Contact") -> None:
    machine.cloud.client("customer-profiles").delete_profile_object_type(
        DomainName="acme", ObjectTypeName=name
    )


@pytest.mark.parametrize("reading", ["lands", "nothing lands", "refused"])
def test_an_object_type_that_is_only_a_template_is_created_first(
    machine: Machine, reading: Any
) -> None:
    current.knobs = replace(current.knobs, template_only=reading)
    only_a_template(machine)
    machine.load(*spread(20))
    ended = machine.run(ImportFrom="P200D", BatchSize="P50D")

    assert ended.status == "SUCCEEDED", ended.message
    assert machine.landed().keys() == machine.source().keys()
    [warning] = ended.report["Warnings"]
    assert "has no object type Salesforce-Contact. It is created from the template" in warning
    profiles = machine.cloud.client("customer-profiles")
    made = profiles.get_profile_object_type(DomainName="acme", ObjectTypeName="Salesforce-Contact")
    assert made["TemplateId"] == "Salesforce-Contact"
    domain = profiles.get_domain(DomainName="acme")
    assert made["EncryptionKey"] == domain["DefaultEncryptionKey"]
    assert made["Tags"]["bulkIngestionExecution"] == "run"


def test_a_dry_run_says_that_the_object_type_would_be_created_and_creates_none(
    machine: Machine,
) -> None:
    only_a_template(machine)
    ended = machine.run(DryRun=True, ImportFrom="P1M")

    [warning] = ended.report["Warnings"]
    assert "is created from the template" in warning
    assert "A dry run does not create it" in warning
    types = machine.cloud.client("customer-profiles").list_profile_object_types(
        DomainName="acme", MaxResults=100
    )
    assert "Salesforce-Contact" not in [known["ObjectTypeName"] for known in types["Items"]]


def test_an_object_type_is_created_for_the_integration_alone_as_well(machine: Machine) -> None:
    current.knobs = replace(current.knobs, template_only="refused")
    only_a_template(machine)
    ended = machine.run(ImportFrom="P1M")

    assert ended.status == "SUCCEEDED", ended.message


def test_an_object_type_that_cannot_be_created_is_named_with_what_to_do(machine: Machine) -> None:
    only_a_template(machine)
    denied = {
        "Operation": "customer-profiles:PutProfileObjectType",
        "Error": "AccessDeniedException",
        "Message": "No.",
    }
    faults.install({"Faults": [denied]})
    ended = machine.run(ImportFrom="P1M")

    assert ended.error == "PreflightFailed"
    assert "could not be created from its template: AccessDeniedException: No." in ended.message
    assert "Create it with PutProfileObjectType" in ended.message


def test_an_object_type_that_exists_is_left_as_it_is(machine: Machine) -> None:
    profiles = machine.cloud.client("customer-profiles")
    name = {"DomainName": "acme", "ObjectTypeName": "Salesforce-Contact"}
    before = profiles.get_profile_object_type(**name)
    machine.load(*spread(4))
    assert machine.run(ImportFrom="P100D").status == "SUCCEEDED"

    assert profiles.get_profile_object_type(**name)["LastUpdatedAt"] == before["LastUpdatedAt"]
