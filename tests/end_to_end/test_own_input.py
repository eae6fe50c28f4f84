"""One's own input in the embedded cloud: one's own records, and what is made up without them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from cli.own_input import InvalidSource, prepare
from tests.end_to_end.commands import ROOT
from tests.local.services_cloud import Cloud

FIELDS = {
    "Loyalty__c": "string",
    "Points__c": "number",
    "LastVisitAt": "datetime",
    "IsVip": "boolean",
    "Backup_Email": "email",
}
STAMPED = "2026-10-01T10:00:00Z"


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with mock_aws():
        yield Cloud()


def asks(source_object: str = "Contact", **fields: str) -> dict[str, Any]:
    """Give the example with more fields, whose type is declared unless it is empty."""
    given: dict[str, Any] = json.loads((ROOT / "events" / "salesforce-contact.json").read_text())
    definition = given["FlowDefinition"]
    definition["SourceFlowConfig"]["SourceConnectorProperties"]["Salesforce"] = {
        "Object": source_object
    }
    definition["Tasks"][0]["SourceFields"] += fields
    for name, declared in fields.items():
        definition["Tasks"].append(
            {
                "TaskType": "Map",
                "SourceFields": [name],
                "DestinationField": name,
                "ConnectorOperator": {"Salesforce": "NO_OP"},
                "TaskProperties": {"SOURCE_DATA_TYPE": declared} if declared else {},
            }
        )
    return given


def prepared(cloud: Any, given: dict[str, Any], file: Path | None = None) -> list[str]:
    return prepare(cloud, json.dumps(given), file)


def test_fields_are_made_up_by_their_names_and_said_to_be(cloud: Cloud) -> None:
    told = prepared(cloud, asks("Lead", **dict.fromkeys(FIELDS, "")))
    assert told == ["The simulated source had no object Lead; it has now."]
    source = cloud.services.sources.get("acme-sf", "Lead")
    assert {name: source.entity.fields[name].type for name in FIELDS} == FIELDS
    record = source.records()[0]
    assert datetime.fromisoformat(record["LastVisitAt"])
    assert int(record["Points__c"]) >= 0
    assert record["IsVip"] in ("true", "false")
    assert "@" in record["Backup_Email"]


def test_a_declared_type_counts_more_than_the_name(cloud: Cloud) -> None:
    told = prepared(cloud, asks(Loyalty__c="datetime", Points__c="string"))
    assert told == ["The simulated source had no Loyalty__c, Points__c; it has now."]
    fields = cloud.services.sources.get("acme-sf", "Contact").entity.fields
    assert (fields["Loyalty__c"].type, fields["Points__c"].type) == ("datetime", "string")
    assert prepared(cloud, asks(Loyalty__c="datetime")) == []


def test_records_are_dated_by_the_field_that_the_input_pulls_by(cloud: Cloud) -> None:
    given = asks("Account", Synced__c="")
    config = given["FlowDefinition"]["SourceFlowConfig"]
    config["IncrementalPullConfig"] = {"DatetimeTypeFieldName": "Synced__c"}
    prepared(cloud, given)
    record = cloud.services.sources.get("acme-sf", "Account").records()[0]
    assert record["Synced__c"] == record["LastModifiedDate"]


def test_an_object_type_is_made_up(cloud: Cloud) -> None:
    given = {**asks("Visit__c"), "ObjectTypeName": "Visits"}
    assert prepared(cloud, given) == [
        "The simulated source had no object Visit__c; it has now.",
        "The simulated domain acme had no object type Visits; it has now.",
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"ImportFrom": "2030-01-01"},
        {"DomainName": "another"},
        {"FlowDefinition": asks()["FlowDefinition"] | {"Tasks": []}},
    ],
)
def test_an_input_that_asks_for_nothing_new_makes_nothing_up(
    cloud: Cloud, changes: dict[str, Any]
) -> None:
    assert prepared(cloud, {**asks(), "ObjectTypeName": "Salesforce-Contact", **changes}) == []


@pytest.mark.parametrize("name", ["contacts.csv", "contacts.json"])
def test_own_records_take_the_place_of_the_generated_ones(
    cloud: Cloud, tmp_path: Path, name: str
) -> None:
    fields = asks()["FlowDefinition"]["Tasks"][0]["SourceFields"]
    values = {**dict.fromkeys(fields, ""), "Id": "1", "LastModifiedDate": STAMPED}
    record = {**values, "LastName": "O'Brien, Ada", "Loyalty__c": "Gold"}
    file = tmp_path / name
    if name.endswith("csv"):
        quoted = ",".join(f'"{value}"' for value in record.values())
        file.write_text(f"\ufeff{','.join(record)}\r\n{quoted}\r\n", encoding="utf-8")
    else:
        file.write_text(json.dumps({"Contact": [record], "Account": [{"Id": "2"}]}))
    assert prepared(cloud, asks(Loyalty__c=""), file) == []
    assert cloud.services.sources.get("acme-sf", "Contact").records() == [record]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.json", "{", "is not JSON"),
        ("x.json", "[]", "must be a JSON object of records by object"),
        ("x.json", '{"Contact": {"Id": "1"}}', "Contact is no list of records"),
        ("x.json", '{"Lead": []}', "no records of Contact, which the input reads. It has: Lead"),
        ("x.json", '{"Contact": [{"LastName": "No"}]}', "Each record needs its key"),
        ("x.csv", "", "is empty"),
        ("x.csv", "Id,Id\n1,2\n", "the field 'Id' twice"),
        ("x.csv", "Id,LastModifiedDate\n1,2,3\n", "record 1 has 3 values"),
        ("x.csv", 'Id\n"1', "line 2"),
        ("x.csv", "Id,LastModifiedDate\n1,yesterday\n", "record 1 of Contact has"),
        ("x.csv", f"Id,LastModifiedDate\n1,{STAMPED}\n", "has Plan__c, which the input's Tasks"),
    ],
)
def test_a_file_that_cannot_be_the_source_is_refused(
    cloud: Cloud, tmp_path: Path, name: str, content: str, message: str
) -> None:
    file = tmp_path / name
    file.write_text(content)
    given = asks(Plan__c="") if "Plan__c" in message else asks()
    with pytest.raises(InvalidSource, match=message.replace("'", ".")) as refusal:
        prepared(cloud, given, file)
    assert str(file) in str(refusal.value)
