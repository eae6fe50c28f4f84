"""The sources of the embedded cloud: what they hold, and what of it a flow reads."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from moto import mock_aws

from local.faults import faults
from local.services.entities import derived_entity, epoch_milliseconds, featured
from local.services.simulation import Knobs, current
from local.services.sources import Source, Sources
from tests.local.services_cloud import NOW, Cloud, contact, flow, scheduled

MINUTE = timedelta(minutes=1)
MADE_UP = 60
YEARS = 4


@pytest.fixture
def sources() -> Iterator[Sources]:
    with mock_aws():
        knobs = Knobs(made_up_records=MADE_UP, made_up_years=YEARS)
        yield Cloud(knobs).services.sources


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with mock_aws():
        yield Cloud()


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
def test_a_featured_object_has_made_up_dated_keyed_records(
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


def test_the_same_seed_makes_up_the_same_records() -> None:
    made = []
    for _ in range(2):
        with mock_aws():
            made.append(Cloud(Knobs(made_up_records=MADE_UP)).source.records())

    assert made[0] == made[1]


def test_made_up_records_are_older_than_the_start_of_the_cloud(
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
def test_every_application_writes_instants_in_its_own_format_and_grain(
    template_id: str, written: str
) -> None:
    _, entity = featured()[template_id]
    instant = datetime(2024, 3, 1, 10, 20, 30, 456789, UTC)

    assert entity.format(instant) == written
    read = epoch_milliseconds(written)
    assert read is not None
    assert 0 <= instant.timestamp() * 1000 - read < 1000


def test_a_source_holds_what_was_loaded_and_put_and_not_deleted(
    contacts: Source,
) -> None:
    contacts.load([contact("1", NOW), contact("2", NOW)])
    contacts.put(contact("3", NOW), contact("2", NOW + timedelta(days=1)))
    contacts.delete("1", "unknown")

    assert contacts.records() == [contact("2", NOW + timedelta(days=1)), contact("3", NOW)]
    assert contacts.count() == 2


def test_putting_a_record_keeps_the_made_up_ones(contacts: Source) -> None:
    contacts.put(contact("mine", NOW))

    assert contacts.count() == MADE_UP + 1


def test_changing_returned_records_does_not_change_the_source(contacts: Source) -> None:
    given = contact("1", NOW)
    contacts.load([given])
    given["LastName"] = "changed before"
    contacts.records()[0]["LastName"] = "changed after"

    assert contacts.records() == [contact("1", NOW)]


def test_a_record_without_a_key_is_refused(contacts: Source) -> None:
    with pytest.raises(ValueError, match="has no Id"):
        contacts.load([{"LastName": "Nobody"}])


def test_records_are_counted_up_to_the_end_without_it(
    contacts: Source,
) -> None:
    day = timedelta(days=1)
    contacts.load(contact(str(n), NOW + n * day) for n in range(5))
    contacts.put({"Id": "undated", "LastName": "x"})

    assert contacts.count("LastModifiedDate", NOW + day, NOW + 3 * day) == 2
    assert contacts.count("LastModifiedDate", end=NOW + day) == 1
    assert contacts.count("LastModifiedDate") == 5


def test_the_fields_of_an_unknown_object_are_those_of_its_records(
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


def test_a_featured_object_has_the_fields_of_its_records_too(
    sources: Sources, contacts: Source
) -> None:
    contacts.load([contact("1", NOW) | {"Loyalty__c": "gold", "Seen__c": "2024-03-01T00:00:00Z"}])

    entity = sources.describe("acme-sf", "Contact")
    assert entity is not None
    assert not entity.fields["Loyalty__c"].is_timestamp
    assert entity.fields["Seen__c"].is_timestamp
    assert "Email" in entity.fields
    assert [known.name for known in entity.fields.values() if known.is_primary_key] == ["Id"]


def test_the_first_field_is_the_key_of_records_without_an_id() -> None:
    assert derived_entity("things", [{"number": "1", "name": "x"}]).primary_key == "number"


@pytest.mark.parametrize("text", ["", "none", "20240301", "2024-13-01", "12"])
def test_what_is_no_date_is_read_as_none(text: str) -> None:
    assert epoch_milliseconds(text) is None


# ------------------------------------------------------- records that can be read only later


def test_no_run_reads_a_record_that_is_not_readable_yet(cloud: Cloud) -> None:
    cloud.source.load([contact("old", NOW - timedelta(days=1))])
    cloud.source.put(contact("late", NOW - timedelta(seconds=30)), readable_at=NOW + MINUTE * 25)
    cloud.source.put(contact("old", NOW), readable_at=NOW + MINUTE * 25)
    cloud.appflow.create_flow(**flow())

    cloud.run("contacts", seconds=MINUTE.total_seconds() * 24)
    before = cloud.source.records(), cloud.landed()
    cloud.clock.advance(60)
    cloud.run("contacts")

    assert before == ([contact("old", NOW - timedelta(days=1))], ["old"])
    assert cloud.landed() == ["late", "old"]
    assert cloud.services.deliveries("acme", "Salesforce-Contact") == {"old": 2, "late": 1}


def test_what_is_loaded_replaces_everything_though_nothing_of_it_can_be_read_yet(
    cloud: Cloud,
) -> None:
    cloud.source.load([contact("1", NOW - MINUTE)])
    assert cloud.source.count("LastModifiedDate") == 1
    current.knobs = Knobs(visibility_lag=timedelta(hours=1))
    cloud.source.load([contact("2", NOW)])
    assert cloud.source.count("LastModifiedDate") == len(cloud.source.records()) == 0


def test_a_run_reads_only_what_was_readable_at_its_end(
    cloud: Cloud,
) -> None:
    cloud.source.load([contact("old", NOW)])
    cloud.source.put(contact("late", NOW), readable_at=NOW + MINUTE)
    cloud.appflow.create_flow(**flow())

    cloud.run("contacts")

    assert cloud.landed() == ["old"]
    assert cloud.source.count() == 2


def test_each_record_draws_its_own_lag_up_to_the_sources(cloud: Cloud) -> None:
    cloud.source.visibility_lag = MINUTE
    cloud.source.load([contact(str(n), NOW) for n in range(200)])

    seen = []
    for _ in range(7):
        seen.append(cloud.source.count())
        cloud.clock.advance(10)

    assert seen[0] == 0
    assert seen == sorted(seen)
    assert len(set(seen)) == 7
    assert seen[-1] == 200


@pytest.mark.parametrize("how", ["knob", "fault"])
def test_a_knob_or_a_fault_makes_records_readable_late(cloud: Cloud, how: str) -> None:
    lag = {"Knobs": {"VisibilityLag": "PT25M"}, "Faults": []}
    fault = {"Faults": [{"Source": "acme-sf/Contact", "ShowsLate": "PT25M", "For": "PT1H"}]}
    cloud.source.load([contact("old", NOW - MINUTE * 26)])
    faults.install(lag if how == "knob" else fault)
    cloud.source.put(*(contact(str(n), NOW) for n in range(50)))

    assert 1 <= cloud.source.count() < 10
    cloud.clock.advance(25 * 60)
    assert cloud.source.count() == 51
    cloud.clock.advance(3600)
    cloud.source.put(contact("new", NOW + MINUTE * 85))
    assert cloud.source.count() == (52 if how == "fault" else 51)


def test_a_record_that_is_deleted_before_it_is_readable_never_is(
    cloud: Cloud,
) -> None:
    cloud.source.load([])
    cloud.source.put(contact("1", NOW), contact("2", NOW), readable_at=NOW + MINUTE)
    cloud.source.delete("1")
    cloud.clock.advance(60)

    assert cloud.source.records() == [contact("2", NOW)]


@pytest.mark.parametrize(("offset", "landed"), [(0, []), (600, ["late"])])
def test_a_schedule_offset_waits_for_records_that_are_readable_late(
    cloud: Cloud, offset: int, landed: list[str]
) -> None:
    first_pull = NOW + MINUTE * 5
    cloud.source.load([])
    arn = cloud.appflow.create_flow(**scheduled(scheduleOffset=offset))["flowArn"]
    cloud.profiles.put_integration(DomainName="acme", Uri=arn, ObjectTypeName="Salesforce-Contact")
    cloud.appflow.start_flow(flowName="contacts")
    cloud.source.put(contact("late", first_pull - MINUTE * 2), readable_at=first_pull + MINUTE * 3)
    cloud.clock.advance(2 * 3600)

    runs = cloud.appflow.describe_flow_execution_records(flowName="contacts")["flowExecutions"]
    [*_, second, first] = [(run["dataPullStartTime"], run["dataPullEndTime"]) for run in runs]
    assert cloud.landed() == landed
    assert first[1] == second[0] == first_pull - timedelta(seconds=offset)
    assert second[1] == first[1] + timedelta(hours=1)
