"""Which mappings an object type stores, and what is worth a warning."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bulk_ingestion.flow import object_types
from bulk_ingestion.flow.connectors import CONNECTORS
from bulk_ingestion.flow.definitions import Source, transfer_tasks
from bulk_ingestion.flow.object_types import ObjectType
from bulk_ingestion.flow.target import Target

Tasks = list[dict[str, Any]]
DOMAIN = {"DefaultExpirationDays": 366}


def key(*fields: str, of: str = "UNIQUE PROFILE") -> list[dict[str, Any]]:
    return [{"StandardIdentifiers": of.split(), "FieldNames": list(fields)}]


def object_type(
    keys: dict[str, Any], name: str = "Mine", exists: bool = True, **details: Any
) -> ObjectType:
    """Give an object type whose fields have their own names at the source, unless given."""
    names = {n for listed in keys.values() for one in listed for n in one["FieldNames"]}
    fields = {n: {"Source": f"_source.{n}"} for n in names} | details.pop("Fields", {})
    given = {"Keys": keys, "Fields": fields, "AllowProfileCreation": True, **details}
    return ObjectType(name, given, exists)


def target(connector: str = "Salesforce", of: str = "Contact", into: str = "Mine") -> Target:
    known = CONNECTORS[connector]
    definition = {
        "SourceFlowConfig": {
            "ConnectorType": connector,
            "ConnectorProfileName": "connection",
            "IncrementalPullConfig": {"DatetimeTypeFieldName": "changed"},
            "SourceConnectorProperties": {known.properties: {known.object_key: of}},
        }
    }
    return Target("acme", into, definition, {})


def found(known: ObjectType, *mapped: str, tasks: Tasks | None = None) -> list[tuple[bool, str]]:
    """Check a mapping of these fields; give whether each finding is fatal, and its text."""
    given = transfer_tasks(mapped, CONNECTORS["Salesforce"]) if tasks is None else tasks
    findings = object_types.check(known, target(), given)
    return [(finding.fatal, finding.text) for finding in findings]


# ----------------------------------------------------------------------------------------- keys


def test_a_mapping_of_the_key_is_stored() -> None:
    assert found(object_type({"_id": key("Id")}), "Id", "Name") == []


def test_a_mapping_without_the_unique_key_is_refused_with_the_field_to_map() -> None:
    keys = {"_id": key("Id", of="UNIQUE"), "_contact": key("of", of="PROFILE")}
    [(fatal, text)] = found(object_type(keys), "of")

    assert fatal
    assert text == (
        "FlowDefinition.Tasks: Mine identifies its objects by _id, and no task maps Id: Customer "
        "Profiles would store none of the records. Add Id to the projection's SourceFields, and a "
        "Map task with the DestinationField Id."
    )


def test_a_mapping_without_any_profile_key_is_refused() -> None:
    keys = {
        "_ticket": key("Id", of="UNIQUE"),
        "_email": key("mail", of="PROFILE"),
        "_phone": key("tel", of="PROFILE SECONDARY"),
    }
    [(fatal, text)] = found(object_type(keys), "Id")

    assert fatal
    assert "Mine finds their profiles by _email or _phone, and no task maps mail or tel" in text
    assert found(object_type(keys), "Id", "tel") == []


def test_each_missing_field_is_named_once() -> None:
    keys = {"_id": key("Id", of="UNIQUE"), "_contact": key("of", of="PROFILE")}

    assert [fatal for fatal, _ in found(object_type(keys), "Name")] == [True, True]
    assert [fatal for fatal, _ in found(object_type({"_id": key("Id")}), "Name")] == [True]


def test_half_of_a_unique_key_is_warned_of() -> None:
    [(fatal, text)] = found(object_type({"_both": key("Id", "region")}), "Id")

    assert not fatal
    assert "no task maps region: records that differ in nothing else replace each other" in text


@pytest.mark.parametrize(
    ("source", "mapped"),
    [
        ("_source.account", "account"),
        ("_source.caller_id.link", "caller_id.link"),
        ("_source.address.zip", "address"),
        ("_source.address", "address.zip"),
        ("{{_source.first}} {{_source.last}}", "last"),
        ("{{#removeExtraSpace}}{{_source.first}}{{/removeExtraSpace}}", "first"),
        ("{{something else}}", "Name"),
    ],
)
def test_a_field_is_read_from_its_source(source: str, mapped: str) -> None:
    known = object_type({"_id": key("Id")}, Fields={"Id": {"Source": source}})

    assert found(known, mapped) == []
    if "_source" in source:
        assert found(known, "Id") != []


def test_a_field_without_a_source_is_named_like_the_records() -> None:
    assert found(object_type({"_id": key("Id")}, Fields={"Id": {}}), "Id") == []


def test_map_all_maps_the_key() -> None:
    tasks = [{"TaskType": "Map_all", "SourceFields": []}]
    assert found(object_type({"_id": key("Id")}), tasks=tasks) == []


def test_any_task_with_a_destination_maps_a_field() -> None:
    merge = {"TaskType": "Merge", "SourceFields": ["a", "b"], "DestinationField": "Id"}
    assert found(object_type({"_id": key("Id")}), tasks=[merge]) == []


def test_a_renamed_field_is_known_by_its_new_name() -> None:
    renamed = {"TaskType": "Map", "SourceFields": ["Id"], "DestinationField": "Key"}
    assert found(object_type({"_id": key("Id")}), tasks=[renamed]) != []
    assert found(object_type({"_key": key("Key")}), tasks=[renamed]) == []


def test_nothing_is_said_about_tasks_that_are_not_known() -> None:
    assert list(object_types.check(object_type({"_id": key("Id")}), target(), None)) == []


def test_an_object_type_without_keys_is_left_to_aws() -> None:
    assert found(object_type({}), "Name") == []


# -------------------------------------------------------------------------------------- sources


@pytest.mark.parametrize(
    ("connector", "of", "name", "details", "refused"),
    [
        ("Salesforce", "Contact", "Salesforce-Contact", {}, ""),
        ("Salesforce", "Contact", "Marketo-leads", {}, "leads records from Marketo"),
        ("Salesforce", "Contact", "Salesforce-Account", {}, "Account records from Salesforce"),
        ("Salesforce", "Custom__c", "Salesforce-Account", {}, ""),
        (
            "Salesforce",
            "Contact",
            "Mine",
            {"TemplateId": "Marketo-leads"},
            "leads records from Marketo",
        ),
        (
            "Salesforce",
            "Contact",
            "Mine",
            {"TemplateId": "Shopify-customers"},
            "records from Shopify",
        ),
        ("Salesforce", "Contact", "Mine", {"TemplateId": "Salesforce-Lead"}, ""),
        ("Servicenow", "sys_user", "Mine", {"TemplateId": "Servicenow-other"}, ""),
        ("Salesforce", "Contact", "Shopify-customers", {}, ""),
    ],
)
def test_an_object_type_for_another_source_is_refused(
    connector: str, of: str, name: str, details: dict[str, Any], refused: str
) -> None:
    asked = target(connector, of, into=name)
    known = object_type({"_id": key("Id")}, name, **details)
    texts = [f.text for f in object_types.check(known, asked, None) if f.fatal]

    assert len(texts) == bool(refused)
    assert all(text.startswith(f"ObjectTypeName: {name} is for {refused}, but") for text in texts)


# ------------------------------------------------------------------------------------- warnings


def warnings(
    known: ObjectType, connector: str = "Salesforce", of: str = "Contact", days: int = 100
) -> list[str]:
    source: Source = target(connector, of).source
    return list(object_types.warnings(known, DOMAIN, source, timedelta(days=days)))


def test_an_ordinary_object_type_is_not_warned_of() -> None:
    assert warnings(object_type({"_id": key("Id")})) == []


@pytest.mark.parametrize(
    ("connector", "of", "first"),
    [
        ("Salesforce", "Asset", "Salesforce-Contact and Salesforce-Account"),
        ("Servicenow", "incident", "Servicenow-sys_user"),
        ("Servicenow", "task", "Servicenow-sys_user"),
        ("Zendesk", "tickets", "Zendesk-users"),
        ("Salesforce", "Custom__c", "the object types whose objects have the key _email or _phone"),
    ],
)
def test_what_makes_the_profiles_is_named(connector: str, of: str, first: str) -> None:
    keys = {
        "_id": key("Id", of="UNIQUE"),
        "_email": key("mail", of="PROFILE"),
        "_phone": key("tel", of="PROFILE"),
    }
    text, *_ = warnings(object_type(keys, AllowProfileCreation=False), connector, of)

    assert text.startswith("Mine creates no profiles (AllowProfileCreation is off): ")
    assert text.endswith(f"Import {first} first.")


@pytest.mark.parametrize(
    ("of_type", "days", "expected"),
    [
        ({}, 366, ""),
        ({}, 367, "Mine: objects expire 366 days after they were put, and the import reaches back"),
        ({"ExpirationDays": 100}, 101, "Mine: objects expire 100 days after"),
        ({"ExpirationDays": 500}, 400, ""),
        ({"ExpirationDays": 1098}, 2000, "Customer Profiles allows no more days"),
    ],
)
def test_objects_that_expire_too_soon_are_warned_of(
    of_type: dict[str, Any], days: int, expected: str
) -> None:
    found = warnings(object_type({"_id": key("Id")}, **of_type), days=days)

    assert len(found) == bool(expected)
    assert all(expected in text for text in found)
    assert all(("ExpirationDays before the import" in text) == (days < 1098) for text in found)


def test_objects_of_which_a_profile_has_many_are_warned_of() -> None:
    [text] = warnings(object_type({"_id": key("Id")}), "Zendesk", "tickets")

    assert "a profile can have more than 1,000 of these objects" in text
    assert 'request a higher quota "Objects per profile"' in text
