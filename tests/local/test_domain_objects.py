"""Which objects a domain stores, for whom and for how long, under each reading."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from moto import mock_aws

from local.clock import Clock
from local.services.customerprofiles.object_types import ObjectType
from local.services.customerprofiles.objects import ObjectStore
from local.services.simulation import Knobs, current
from tests.local.services_cloud import (
    NOW,
    OBJECT_TYPE,
    Cloud,
    Request,
    contact,
    destination,
    flow,
    refused,
)

DAY = timedelta(days=1)
CONTACT = {"_contact": [{"StandardIdentifiers": ["UNIQUE", "PROFILE"], "FieldNames": ["Id"]}]}
TICKET = {
    "_ticket": [{"StandardIdentifiers": ["UNIQUE"], "FieldNames": ["Id"]}],
    "_contact": [{"StandardIdentifiers": ["PROFILE"], "FieldNames": ["of"]}],
}


def object_type(name: str, keys: Request, **details: Any) -> ObjectType:
    names = {n for listed in keys.values() for key in listed for n in key["FieldNames"]}
    fields = {n: {"Source": f"_source.{n}"} for n in names} | details.pop("Fields", {})
    given = {"Keys": keys, "Fields": fields, "AllowProfileCreation": True, **details}
    return ObjectType(name, given, expiration_days=366)


CONTACTS = object_type("Contacts", CONTACT)
TICKETS = object_type("Tickets", TICKET, AllowProfileCreation=False)


@pytest.fixture
def store() -> Iterator[ObjectStore]:
    current.reset(Clock(speed=1e-9, start=NOW), Knobs())
    yield ObjectStore()
    current.reset(Clock(), Knobs())


def turn(**knobs: Any) -> None:
    current.knobs = replace(current.knobs, **knobs)


def put(store: ObjectStore, of: ObjectType, at: datetime = NOW, /, **record: Any) -> str | None:
    return store.put(of, "source key", record, at)


def held(store: ObjectStore, of: ObjectType) -> list[str]:
    return list(store.of_type(of.name).stored)


def test_an_object_without_its_unique_key_is_rejected(store: ObjectStore) -> None:
    assert put(store, CONTACTS, Id="", Name="Ada") == "no unique key"
    assert put(store, CONTACTS, Name="Ada") == "no unique key"
    assert store.of_type("Contacts").rejected == {"no unique key": 2}
    assert held(store, CONTACTS) == []


def test_a_key_of_several_fields_is_missing_when_all_are_empty(store: ObjectStore) -> None:
    both = [{"StandardIdentifiers": ["UNIQUE", "PROFILE"], "FieldNames": ["Id", "region"]}]
    regional = object_type("Regional", {"_both": both})

    assert put(store, regional, Id="1", region="") is None
    assert put(store, regional, Id="1", region="eu") is None
    assert put(store, regional, Id="", region=None) == "no unique key"
    assert held(store, regional) == ["1|", "1|eu"]


def test_an_object_without_any_profile_key_is_rejected(store: ObjectStore) -> None:
    assert put(store, TICKETS, Id="t1") == "no profile key"


def test_an_object_needs_a_profile_where_its_type_creates_none(store: ObjectStore) -> None:
    assert put(store, TICKETS, Id="t1", of="1") == "no profile"
    put(store, CONTACTS, Id="1")
    assert put(store, TICKETS, Id="t1", of="1") is None
    assert (store.statistics().objects, store.statistics().profiles) == (2, 1)


def test_an_object_that_matches_no_profile_gets_one_of_its_own(store: ObjectStore) -> None:
    creating = object_type("Tickets", TICKET)
    put(store, creating, Id="t1", of="1")
    put(store, creating, Id="t2", of="1")
    put(store, CONTACTS, Id="1")
    put(store, CONTACTS, Id="2")

    assert (store.statistics().objects, store.statistics().profiles) == (4, 2)


def test_a_key_that_several_profiles_have_is_not_used(store: ObjectStore) -> None:
    keys = {
        **CONTACT,
        "_email": [{"StandardIdentifiers": ["PROFILE", "SECONDARY"], "FieldNames": ["email"]}],
    }
    people = object_type("People", keys)
    put(store, people, Id="1", email="shared")
    put(store, people, Id="2", email="shared")  # matches the first, by its secondary key
    put(store, object_type("Others", CONTACT), Id="3")
    assert store.statistics().profiles == 2

    by_email = object_type("Notes", {"_email": keys["_email"], "_note": TICKET["_ticket"]})
    put(store, people, Id="3", email="shared")
    put(store, by_email, Id="n1", email="shared")
    assert store.statistics().profiles == 3  # the note matches two, so it gets one of its own


def test_keys_that_are_only_for_looking_up_find_no_profile_later(store: ObjectStore) -> None:
    def people(identifier: str) -> ObjectType:
        identifiers = ["PROFILE", identifier]
        email = {"_email": [{"StandardIdentifiers": identifiers, "FieldNames": ["email"]}]}
        return object_type(identifier, {**CONTACT, **email})

    put(store, people("LOOKUP_ONLY"), Id="1", email="a")
    put(store, people("LOOKUP_ONLY"), Id="2", email="a")
    assert store.statistics().profiles == 2

    put(store, CONTACTS, Id="3")
    put(store, people("NEW_ONLY"), Id="3", email="b")  # its profile is there already
    put(store, people("NEW_ONLY"), Id="4", email="b")
    assert store.statistics().profiles == 4
    put(store, people("NEW_ONLY"), Id="5", email="b")  # the fourth was created with its e-mail
    assert store.statistics().profiles == 4


def test_an_object_is_replaced_by_one_with_the_same_unique_key(store: ObjectStore) -> None:
    put(store, CONTACTS, Id="1", Name="Ada")
    put(store, CONTACTS, Id="1", Name="Grace!")

    [stored] = store.of_type("Contacts").stored.values()
    assert stored.record == {"Id": "1", "Name": "Grace!"}
    counted = store.statistics()
    assert (counted.objects, counted.profiles, counted.size) == (1, 1, len("1Grace!"))


@pytest.mark.parametrize(
    ("reading", "left"),
    [("by arrival", ["t2", "t3", "t4"]), ("by its own date", ["t1", "t3", "t4"])],
)
def test_a_full_profile_evicts_the_oldest_object_of_the_type(
    store: ObjectStore, reading: Any, left: list[str]
) -> None:
    turn(objects_per_profile=4, oldest_object=reading)
    put(store, CONTACTS, Id="1")
    for key, day in (("t1", "03"), ("t2", "01"), ("t3", "02"), ("t4", "04")):
        put(store, TICKETS, Id=key, of="1", changed=f"2026-01-{day}T00:00:00Z")

    assert held(store, TICKETS) == left
    assert held(store, CONTACTS) == ["1"]
    assert store.of_type("Tickets").evicted == 1


def test_an_object_that_is_put_again_arrives_again(store: ObjectStore) -> None:
    turn(objects_per_profile=3)
    put(store, CONTACTS, Id="1")
    for key in ("t1", "t2", "t1", "t3"):
        put(store, TICKETS, Id=key, of="1")

    assert held(store, TICKETS) == ["t1", "t3"]


def test_a_full_profile_first_evicts_from_the_type_that_is_furthest_over_its_limit(
    store: ObjectStore,
) -> None:
    turn(objects_per_profile=4)
    clicks = object_type("Clicks", TICKET, MaxProfileObjectCount=1)
    put(store, CONTACTS, Id="1")
    for key in ("c1", "c2", "c3"):
        put(store, clicks, Id=key, of="1")
    for key in ("t1", "t2", "t3"):
        put(store, TICKETS, Id=key, of="1")

    assert held(store, clicks) == ["c3"]
    assert held(store, TICKETS) == ["t2", "t3"]


def test_a_profile_keeps_a_thousand_objects_as_aws_documents(store: ObjectStore) -> None:
    put(store, CONTACTS, Id="1")
    for number in range(1001):
        put(store, TICKETS, Id=f"{number}", of="1")

    assert store.statistics().objects == 1000
    assert "1" not in held(store, TICKETS)
    assert "2" in held(store, TICKETS)


@pytest.mark.parametrize(("reading", "left"), [("last put", ["1"]), ("first put", [])])
def test_an_object_expires_so_many_days_after_it_was_put(
    store: ObjectStore, reading: Any, left: list[str]
) -> None:
    turn(expiration_counts_from=reading)
    short = object_type("Contacts", CONTACT, ExpirationDays=10)
    put(store, short, Id="1")
    put(store, short, Id="2")
    put(store, short, NOW + 9 * DAY, Id="1")

    current.clock.advance((10 * DAY).total_seconds())
    assert held(store, short) == left
    current.clock.advance((9 * DAY).total_seconds())
    assert held(store, short) == []
    assert store.of_type("Contacts").expired == 2
    assert store.statistics().profiles == 0


def test_a_type_without_expiration_has_the_domains(store: ObjectStore) -> None:
    put(store, CONTACTS, Id="1")

    current.clock.advance((366 * DAY).total_seconds() - 1)
    assert held(store, CONTACTS) == ["1"]
    current.clock.advance(1)
    assert held(store, CONTACTS) == []


def test_the_counts_can_lag(store: ObjectStore) -> None:
    turn(statistics_lag=timedelta(hours=1))
    put(store, CONTACTS, Id="1")
    current.clock.advance(1800)
    put(store, CONTACTS, current.clock.now(), Id="2")

    assert store.statistics().objects == 0
    current.clock.advance(1800)
    assert store.statistics().objects == 1
    current.clock.advance(1800)
    assert store.statistics().objects == 2


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("_source.name", "Ada"),
        ("_source.address.zip", "1010"),
        ("_source.caller_id.link", "u1"),
        ("{{_source.name}} {{_source.last}} of {{_source.address.zip}}", "Ada of 1010"),
        ("_source.last", ""),
        ("_source.name.first", ""),
    ],
)
def test_a_fields_source_is_read_as_customer_profiles_reads_it(source: str, found: str) -> None:
    known = object_type("Any", CONTACT, Fields={"Id": {"Source": source}})
    record = {"name": "Ada", "address": {"zip": 1010}, "caller_id.link": "u1", "last": None}

    assert known.unique
    assert known.unique.value(record) == found


# ------------------------------------------------------------------------- through the services


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with mock_aws():
        yield Cloud()


def deliver(cloud: Cloud, name: str, of: str) -> None:
    """Run a flow of the contacts into an object type."""
    request = flow(name, destinationFlowConfigList=[destination(object_type=of)])
    arn = cloud.appflow.create_flow(**request)["flowArn"]
    cloud.profiles.put_integration(DomainName="acme", Uri=arn, ObjectTypeName=of)
    cloud.appflow.start_flow(flowName=name)
    cloud.clock.advance(600)


def orders(**changes: Any) -> Request:
    """Give an object type whose objects hang on contacts."""
    keys = {
        "order": [{"StandardIdentifiers": ["UNIQUE"], "FieldNames": ["Id"]}],
        "_salesforceContactId": [{"StandardIdentifiers": ["PROFILE"], "FieldNames": ["name"]}],
    }
    fields = {"Id": {"Source": "_source.Id"}, "name": {"Source": "_source.LastName"}}
    request = {"DomainName": "acme", "ObjectTypeName": "Orders", "Description": "orders"}
    return {**request, "Fields": fields, "Keys": keys, **changes}


def depth(cloud: Cloud) -> int:
    url = cloud.profiles.get_domain(DomainName="acme")["DeadLetterQueueUrl"]
    answer = cloud.client("sqs").get_queue_attributes(
        QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


@pytest.mark.parametrize(("reading", "queued"), [("dead-letter queue", 2), ("lost", 0)])
def test_what_matches_no_profile_goes_to_the_dead_letter_queue(
    cloud: Cloud, reading: Any, queued: int
) -> None:
    turn(rejected_objects=reading)
    cloud.profiles.put_profile_object_type(**orders())
    cloud.source.load([contact("1", NOW - DAY), contact("2", NOW - DAY)])
    deliver(cloud, "orders", "Orders")

    assert cloud.services.domain_objects("acme", "Orders") == []
    assert cloud.services.lost("acme", "Orders") == {"no profile": 2}
    assert depth(cloud) == queued
    assert cloud.profiles.get_domain(DomainName="acme")["Stats"]["ObjectCount"] == 0


def test_a_dead_letter_says_what_it_is(cloud: Cloud) -> None:
    cloud.profiles.put_profile_object_type(**orders())
    cloud.source.load([contact("1", NOW - DAY)])
    deliver(cloud, "orders", "Orders")
    url = cloud.profiles.get_domain(DomainName="acme")["DeadLetterQueueUrl"]

    [message] = cloud.client("sqs").receive_message(QueueUrl=url)["Messages"]
    letter = json.loads(message["Body"])
    assert (letter["ObjectTypeName"], letter["Reason"]) == ("Orders", "no profile")
    assert letter["Object"]["Id"] == "1"


@pytest.mark.parametrize(
    ("reading", "counts"),
    [("create profiles", {}), ("need profiles", {"no profile": 20})],
)
def test_assets_may_need_the_profiles_of_contacts(
    cloud: Cloud, reading: Any, counts: Request
) -> None:
    turn(dependent_templates=reading)
    cloud.profiles.put_profile_object_type(
        DomainName="acme", ObjectTypeName="Assets", TemplateId="Salesforce-Asset", Description="a"
    )
    made = cloud.profiles.get_profile_object_type(DomainName="acme", ObjectTypeName="Assets")
    assert made["AllowProfileCreation"] == (reading == "create profiles")
    request = flow("assets", destinationFlowConfigList=[destination(object_type="Assets")])
    request["sourceFlowConfig"]["sourceConnectorProperties"] = {"Salesforce": {"object": "Asset"}}
    [projection, task] = request["tasks"][:2]
    request["tasks"] = [
        {**projection, "sourceFields": ["Id", "ContactId"]},
        task,
        {**task, "sourceFields": ["ContactId"], "destinationField": "ContactId"},
    ]
    arn = cloud.appflow.create_flow(**request)["flowArn"]
    cloud.profiles.put_integration(DomainName="acme", Uri=arn, ObjectTypeName="Assets")
    cloud.appflow.start_flow(flowName="assets")
    cloud.clock.advance(600)

    assert cloud.services.lost("acme", "Assets") == counts


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"Keys": {}}, "Exactly one key"),
        ({"Keys": {"a": [{"StandardIdentifiers": ["PROFILE"], "FieldNames": ["Id"]}]}}, "one key"),
        ({"Keys": {"a": [{"StandardIdentifiers": ["UNIQUE"], "FieldNames": ["Id"]}]}}, "PROFILE"),
        ({"Keys": {"a": [{"FieldNames": ["nothing"]}]}}, "not defined: nothing"),
    ],
)
def test_an_object_type_with_wrong_keys_is_refused(
    cloud: Cloud, changes: Request, words: str
) -> None:
    with refused("BadRequestException", 400) as refusal:
        cloud.profiles.put_profile_object_type(**orders(**changes))

    assert words in str(refusal.value)


def test_objects_expire_in_the_domain(cloud: Cloud) -> None:
    cloud.source.load([contact("1", NOW - DAY)])
    deliver(cloud, "contacts", OBJECT_TYPE)
    assert cloud.landed() == ["1"]

    cloud.clock.advance((366 * DAY).total_seconds())
    assert cloud.landed() == []
    assert cloud.profiles.get_domain(DomainName="acme")["Stats"]["ObjectCount"] == 0
