"""What has landed in the embedded cloud, as Customer Profiles' own API shows it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from moto import mock_aws

from tests.local.services_cloud import NOW, OBJECT_TYPE, Cloud, Request, contact, flow, refused

KEY = "_salesforceContactId"
ASSET = {
    "TemplateId": "Salesforce-Asset",
    "ObjectTypeName": "Salesforce-Asset",
    "DomainName": "acme",
    "Description": "Assets",
}


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    """Three contacts that a flow has brought."""
    with mock_aws():
        cloud = Cloud()
        cloud.source.load([contact(key, NOW - timedelta(days=1)) for key in ("a", "b", "c")])
        cloud.appflow.create_flow(**flow())
        cloud.run("contacts")
        yield cloud


def search(cloud: Cloud, key: str, *values: str, **more: object) -> list[Request]:
    asked = {"DomainName": "acme", "KeyName": key, "Values": list(values)}
    items: list[Request] = cloud.profiles.search_profiles(**asked, **more)["Items"]
    return items


def names(found: list[Request]) -> list[str]:
    return sorted(profile["LastName"] for profile in found)


@pytest.mark.parametrize(
    ("key", "values", "found"),
    [
        (KEY, ["a"], ["Name a"]),
        (KEY, ["a", "c"], ["Name a", "Name c"]),
        (KEY, ["A"], []),
        ("_fullName", ["Name b"], ["Name b"]),
        ("_email", ["nobody@acme.example"], []),
    ],
)
def test_profiles_are_found_by_their_keys(
    cloud: Cloud, key: str, values: list[str], found: list[str]
) -> None:
    assert names(search(cloud, key, *values)) == found


def test_several_keys_must_all_match_or_any(cloud: Cloud) -> None:
    also = [{"KeyName": "_fullName", "Values": ["Name b"]}]
    both: dict[str, object] = {"AdditionalSearchKeys": also, "LogicalOperator": "AND"}
    assert search(cloud, KEY, "a", **both) == []
    found = search(cloud, KEY, "a", **{**both, "LogicalOperator": "OR"})
    assert [item["FoundByItems"] for item in found] == [
        [{"KeyName": KEY, "Values": ["a"]}],
        also,
    ]


def test_a_search_comes_in_pages(cloud: Cloud) -> None:
    asked = {"DomainName": "acme", "KeyName": KEY, "Values": ["a", "b", "c"], "MaxResults": 2}
    first = cloud.profiles.search_profiles(**asked)
    last = cloud.profiles.search_profiles(**asked, NextToken=first["NextToken"])
    assert names(first["Items"] + last["Items"]) == ["Name a", "Name b", "Name c"]
    assert "NextToken" not in last


def test_an_unknown_key_is_refused(cloud: Cloud) -> None:
    with refused("BadRequestException") as refusal:
        search(cloud, "_ticket", "1")
    assert "No object type has a key _ticket" in str(refusal.value)


def test_a_profile_is_described_by_its_id(cloud: Cloud) -> None:
    [found] = search(cloud, KEY, "a")
    known, unknown = found["ProfileId"], "f" * 32
    assert search(cloud, "_profileId", known)[0]["ProfileId"] == known
    answer = cloud.profiles.batch_get_profile(DomainName="acme", ProfileIds=[known, unknown])
    assert names(answer["Profiles"]) == ["Name a"]
    assert [error["ProfileId"] for error in answer["Errors"]] == [unknown]


def test_objects_of_several_types_make_one_profile(cloud: Cloud) -> None:
    # Given a contact's profile, and an asset that names the contact
    [profile] = search(cloud, KEY, "b")
    cloud.profiles.put_profile_object_type(**ASSET)
    asset = {"Id": "asset-1", "ContactId": "b", "Name": "Router"}
    put = {"DomainName": "acme", "ObjectTypeName": "Salesforce-Asset"}
    key = cloud.profiles.put_profile_object(**put, Object=json.dumps(asset))
    assert key["ProfileObjectUniqueKey"] == "asset-1"

    # Then both are in one profile, which either key finds
    assert [item["ProfileId"] for item in search(cloud, "_salesforceAssetId", "asset-1")] == [
        profile["ProfileId"]
    ]
    asked = {"DomainName": "acme", "ProfileId": profile["ProfileId"]}
    of_type = {**asked, "ObjectTypeName": OBJECT_TYPE}
    [contact_object] = cloud.profiles.list_profile_objects(**of_type)["Items"]
    assert json.loads(contact_object["Object"])["Id"] == "b"
    of_type = {**asked, "ObjectTypeName": "Salesforce-Asset"}
    [asset_object] = cloud.profiles.list_profile_objects(**of_type)["Items"]
    assert json.loads(asset_object["Object"]) == asset
    by_key = {"KeyName": "_salesforceAssetId", "Values": ["asset-2"]}
    assert cloud.profiles.list_profile_objects(**of_type, ObjectFilter=by_key)["Items"] == []

    # And the profile stays as long as one of them
    del_asset = {**of_type, "ProfileObjectUniqueKey": "asset-1"}
    cloud.profiles.delete_profile_object(**del_asset)
    assert cloud.profiles.list_profile_objects(**of_type)["Items"] == []
    cloud.profiles.delete_profile(**asked)
    assert search(cloud, KEY, "b") == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "Object is not JSON"),
        ("[]", "must be a JSON object"),
        ('{"LastName": "No"}', "no unique key"),
    ],
)
def test_an_object_that_cannot_be_stored_is_refused(
    cloud: Cloud, content: str, message: str
) -> None:
    with refused("BadRequestException") as refusal:
        cloud.profiles.put_profile_object(
            DomainName="acme", ObjectTypeName=OBJECT_TYPE, Object=content
        )
    assert message in str(refusal.value)
