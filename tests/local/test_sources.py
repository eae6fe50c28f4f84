from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from moto import mock_aws

from local import services, world
from local.clock import Clock
from local.simulation import Knobs, current
from local.sources import Source, Sources, derived_entity, epoch_milliseconds, featured
from tests.local.test_appflow import NOW, Cloud, contact, shared_client

MADE_UP = 60
YEARS = 4


@pytest.fixture
def sources() -> Iterator[Sources]:
    with mock_aws():
        knobs = Knobs(made_up_records=MADE_UP, made_up_years=YEARS)
        installed = services.install(Clock(speed=1e-9, start=NOW), knobs)
        world.populate(shared_client)
        yield installed.sources


@pytest.fixture
def contacts(sources: Sources) -> Source:
    return sources.get("acme-sf", "Contact")


PROFILES = {
    "Salesforce": "acme-sf",
    "Marketo": "acme-mkto",
    "Servicenow": "acme-snow",
    "Zendesk": "acme-zd",
}


@pytest.mark.parametrize("template_id", sorted(featured()))
def test_given_a_featured_object_when_not_loaded_then_it_makes_up_dated_keyed_records(
    sources: Sources, template_id: str
) -> None:
    connector_type, entity = featured()[template_id]
    records = sources.get(PROFILES[connector_type], entity.name).records()
    (modified, *_) = entity.template["modified"]
    dates = [epoch_milliseconds(record[modified]) for record in records]
    latest = NOW.timestamp() * 1000
    earliest = latest - timedelta(days=366 * YEARS).total_seconds() * 1000

    assert len({record[entity.primary_key] for record in records}) == MADE_UP
    assert all(date is not None and earliest <= date < latest for date in dates)
    assert all(set(record) <= set(entity.fields) for record in records)
    assert all(isinstance(value, str) for record in records for value in record.values())


def test_given_the_same_seed_when_made_up_twice_then_the_records_are_the_same() -> None:
    made = []
    for _ in range(2):
        with mock_aws():
            made.append(Cloud(Knobs(made_up_records=MADE_UP)).source.records())

    assert made[0] == made[1]


def test_given_time_has_passed_when_first_looked_at_then_the_records_are_of_before_the_start(
    contacts: Source,
) -> None:
    current.clock.advance(30 * 86400)

    assert contacts.count("LastModifiedDate", end=NOW) == MADE_UP


@pytest.mark.parametrize(
    ("template_id", "written"),
    [
        ("Salesforce-Contact", "2024-03-01T10:20:30.456+0000"),
        ("Servicenow-incident", "2024-03-01 10:20:30"),
        ("Zendesk-users", "2024-03-01T10:20:30Z"),
        ("Marketo-leads", "2024-03-01T10:20:30Z"),
    ],
)
def test_given_an_application_when_it_writes_an_instant_then_in_its_own_format_and_grain(
    template_id: str, written: str
) -> None:
    _, entity = featured()[template_id]
    instant = datetime(2024, 3, 1, 10, 20, 30, 456789, UTC)

    assert entity.format(instant) == written
    read = epoch_milliseconds(written)
    assert read is not None
    assert 0 <= instant.timestamp() * 1000 - read < 1000


def test_given_a_source_when_loaded_put_and_deleted_then_it_holds_what_is_left(
    contacts: Source,
) -> None:
    contacts.load([contact("1", NOW), contact("2", NOW)])
    contacts.put(contact("3", NOW), contact("2", NOW + timedelta(days=1)))
    contacts.delete("1", "unknown")

    assert contacts.records() == [contact("2", NOW + timedelta(days=1)), contact("3", NOW)]
    assert contacts.count() == 2


def test_given_made_up_records_when_one_is_put_then_the_others_stay(contacts: Source) -> None:
    contacts.put(contact("mine", NOW))

    assert contacts.count() == MADE_UP + 1


def test_given_records_when_changed_outside_then_the_source_is_not(contacts: Source) -> None:
    given = contact("1", NOW)
    contacts.load([given])
    given["LastName"] = "changed before"
    contacts.records()[0]["LastName"] = "changed after"

    assert contacts.records() == [contact("1", NOW)]


def test_given_a_record_without_key_when_loaded_then_it_is_told(contacts: Source) -> None:
    with pytest.raises(ValueError, match="has no Id"):
        contacts.load([{"LastName": "Nobody"}])


def test_given_dates_when_counted_then_the_end_is_not_part_of_the_stretch(
    contacts: Source,
) -> None:
    day = timedelta(days=1)
    contacts.load(contact(str(n), NOW + n * day) for n in range(5))
    contacts.put({"Id": "undated", "LastName": "x"})

    assert contacts.count("LastModifiedDate", NOW + day, NOW + 3 * day) == 2
    assert contacts.count("LastModifiedDate", end=NOW + day) == 1
    assert contacts.count("LastModifiedDate") == 5


def test_given_an_unknown_object_when_loaded_then_its_records_tell_its_fields(
    sources: Sources,
) -> None:
    source = sources.get("acme-snow", "cmdb_ci")
    assert sources.describe("acme-snow", "cmdb_ci") is None
    source.load(
        [
            {"name": "one", "sys_id": "1", "changed": "2024-03-01 10:20:30", "note": "2024-03-01"},
            {"name": "two", "sys_id": "2", "changed": "2024-03-02 10:20:30", "note": "none"},
        ]
    )

    entity = sources.describe("acme-snow", "cmdb_ci")
    assert entity is not None
    assert entity.primary_key == "sys_id"
    assert [known.name for known in entity.fields.values() if known.is_timestamp] == ["changed"]


def test_given_a_featured_object_when_loaded_with_fields_of_its_own_then_it_has_both(
    sources: Sources, contacts: Source
) -> None:
    contacts.load([contact("1", NOW) | {"Loyalty__c": "gold", "Seen__c": "2024-03-01T00:00:00Z"}])

    entity = sources.describe("acme-sf", "Contact")
    assert entity is not None
    assert not entity.fields["Loyalty__c"].is_timestamp
    assert entity.fields["Seen__c"].is_timestamp
    assert "Email" in entity.fields
    assert [known.name for known in entity.fields.values() if known.is_primary_key] == ["Id"]


def test_given_records_without_id_when_described_then_the_first_field_is_the_key() -> None:
    assert derived_entity("things", [{"number": "1", "name": "x"}]).primary_key == "number"


@pytest.mark.parametrize("text", ["", "none", "20240301", "2024-13-01", "12"])
def test_given_no_date_when_read_then_there_is_none(text: str) -> None:
    assert epoch_milliseconds(text) is None
