"""What AppFlow writes to S3, what it says of itself, and what becomes of an updated flow."""

from __future__ import annotations

import csv
import io
import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from moto import mock_aws

from local.services.simulation import Knobs, current
from tests.local.services_cloud import (
    FIELDS,
    NOW,
    Cloud,
    Request,
    contact,
    flow,
    refused,
    tasks,
)

BUCKET = "acme-exports"
PREFIXED = {"prefixType": "PATH_AND_FILENAME", "prefixFormat": "DAY"}
WHOLE = {"prefixType": "PATH", "pathPrefixHierarchy": ["SCHEMA_VERSION", "EXECUTION_ID"]}


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """A source with two contacts, and a bucket."""
    with mock_aws():
        cloud = Cloud(Knobs(update_takes=timedelta(seconds=30)))
        cloud.source.load([contact(key, NOW - timedelta(days=1)) for key in ("a", "b")])
        cloud.client("s3").create_bucket(Bucket=BUCKET)
        yield cloud


def to_s3(prefix: str = "", **output: Any) -> list[Request]:
    properties: Request = {"bucketName": BUCKET, "s3OutputFormatConfig": output}
    properties |= {"bucketPrefix": prefix} if prefix else {}
    return [{"connectorType": "S3", "destinationConnectorProperties": {"S3": properties}}]


def ran(cloud: Cloud, name: str, destination: list[Request], **changes: Any) -> Request:
    cloud.appflow.create_flow(**flow(name, destinationFlowConfigList=destination, **changes))
    cloud.appflow.start_flow(flowName=name)
    cloud.clock.advance(3600)
    return cloud.last_run(name)


def files(cloud: Cloud) -> dict[str, str]:
    s3 = cloud.client("s3")
    listed = s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
    keys = [content["Key"] for content in listed]
    bodies = [s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode() for key in keys]
    return dict(zip(keys, bodies, strict=True))


def test_records_are_written_as_json_lines(cloud: Cloud) -> None:
    run = ran(cloud, "contacts", to_s3(fileType="JSON"))
    [(key, content)] = files(cloud).items()
    assert key == f"contacts/{run['executionId']}"
    assert [json.loads(line)["Id"] for line in content.splitlines()] == ["a", "b"]
    assert run["executionResult"]["recordsProcessed"] == 2


def test_records_are_written_as_csv_with_their_fields(cloud: Cloud) -> None:
    cloud.source.put(contact("c", NOW) | {"LastName": 'O"Brien,\nAda'})
    ran(cloud, "contacts", to_s3(fileType="CSV"))
    [content] = files(cloud).values()
    rows = list(csv.DictReader(io.StringIO(content)))
    assert list(rows[0]) == FIELDS
    assert rows[2]["LastName"] == 'O"Brien,\nAda'


@pytest.mark.parametrize(
    ("prefix", "config", "key"),
    [
        ("", {}, "contacts/{run}"),
        ("raw/", {}, "raw/contacts/{run}"),
        ("raw", PREFIXED, "raw/contacts/2026/11/23/{run}-2026-11-23"),
        ("", WHOLE, "contacts/2026/11/23/1/{run}/{run}"),
        (
            "",
            {"prefixType": "FILENAME", "prefixFormat": "MINUTE"},
            "contacts/{run}-2026-11-23-10-00",
        ),
    ],
)
def test_a_file_is_named_as_asked(cloud: Cloud, prefix: str, config: Request, key: str) -> None:
    run = ran(cloud, "contacts", to_s3(prefix, prefixConfig=config))
    assert list(files(cloud)) == [key.format(run=run["executionId"])]


@pytest.mark.parametrize(("aggregation", "count"), [("None", 3), ("SingleFile", 1)])
def test_files_have_the_size_that_was_asked_for(cloud: Cloud, aggregation: str, count: int) -> None:
    # Given three records of six tenths of a megabyte
    large = [contact(key, NOW) | {"LastName": "x" * 600_000} for key in ("a", "b", "c")]
    cloud.source.load(large)
    # When they are written to files of one megabyte, or to a single file
    config = {"aggregationType": aggregation, "targetFileSize": 1}
    ran(cloud, "contacts", to_s3(aggregationConfig=config))
    # Then no file holds two of them, or all are in one
    assert len(files(cloud)) == count
    assert sum(len(content.splitlines()) for content in files(cloud).values()) == 3


def test_a_run_without_records_writes_no_file(cloud: Cloud) -> None:
    cloud.source.load([])
    assert ran(cloud, "contacts", to_s3())["executionStatus"] == "Successful"
    assert files(cloud) == {}


def test_a_missing_bucket_is_refused_and_fails_a_run_that_finds_it_gone(cloud: Cloud) -> None:
    absent = to_s3()
    absent[0]["destinationConnectorProperties"]["S3"]["bucketName"] = "absent"
    with refused("ValidationException"):
        cloud.appflow.create_flow(**flow(destinationFlowConfigList=absent))

    cloud.appflow.create_flow(**flow(destinationFlowConfigList=to_s3()))
    cloud.client("s3").delete_bucket(Bucket=BUCKET)
    cloud.appflow.start_flow(flowName="contacts")
    cloud.clock.advance(3600)
    run = cloud.last_run("contacts")
    assert run["executionStatus"] == "Error"
    message = run["executionResult"]["errorInfo"]["executionMessage"]
    assert message == f"The bucket {BUCKET} does not exist."


def test_a_file_type_that_is_not_simulated_says_so(cloud: Cloud) -> None:
    with pytest.raises(NotImplementedError, match=r"PARQUET files of AppFlow\. Use JSON"):
        cloud.appflow.create_flow(**flow(destinationFlowConfigList=to_s3(fileType="PARQUET")))


def test_events_name_the_destination(cloud: Cloud) -> None:
    heard: list[Request] = []
    current.on_event.append(heard.append)
    ran(cloud, "contacts", to_s3())
    details = [event["detail"] for event in heard]
    assert {(d["destination"], d["destination-object"]) for d in details} == {("S3", BUCKET)}


def test_a_flow_that_delivers_nothing_says_why(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "local"):
        ran(cloud, "contacts", flow()["destinationFlowConfigList"])
        slack = {"Redshift": {"object": "t", "intermediateBucketName": BUCKET}}
        elsewhere = [{"connectorType": "Redshift", "destinationConnectorProperties": slack}]
        ran(cloud, "tables", elsewhere)
    assert caplog.messages == [
        "Flow contacts delivers nothing: it is no integration of the domain acme.",
        "Flow tables delivers nothing: the destination Redshift is not simulated.",
    ]


def test_a_run_soon_after_an_update_has_the_old_definition(cloud: Cloud) -> None:
    # Given a flow that is updated to transfer fewer fields
    cloud.appflow.create_flow(**flow(destinationFlowConfigList=to_s3()))
    fewer = flow(destinationFlowConfigList=to_s3(), tasks=tasks(FIELDS[:1]))
    cloud.appflow.update_flow(**fewer)
    described = cloud.appflow.describe_flow(flowName="contacts")
    assert described["tasks"] == fewer["tasks"]

    # When it runs at once, and again later
    for _ in range(2):
        cloud.appflow.start_flow(flowName="contacts")
        cloud.clock.advance(3600)
        assert cloud.last_run("contacts")["executionStatus"] == "Successful"

    # Then only the second run has the new definition
    contents = [json.loads(content.splitlines()[0]) for content in files(cloud).values()]
    assert sorted(len(record) for record in contents) == [1, len(FIELDS)]


def test_a_flow_on_demand_is_described_with_empty_trigger_properties(cloud: Cloud) -> None:
    cloud.appflow.create_flow(**flow())
    described = cloud.appflow.describe_flow(flowName="contacts")
    assert described["triggerConfig"] == {"triggerType": "OnDemand", "triggerProperties": {}}


def test_connectors_are_described_and_listed(cloud: Cloud) -> None:
    salesforce = cloud.appflow.describe_connector(connectorType="Salesforce")
    assert salesforce["connectorConfiguration"]["canUseAsSource"] is True
    assert salesforce["connectorConfiguration"]["canUseAsDestination"] is False
    marketo = cloud.appflow.describe_connector(connectorType="Marketo")["connectorConfiguration"]
    assert "BYMINUTE" not in marketo["supportedSchedulingFrequencies"]
    with refused("ResourceNotFoundException"):
        cloud.appflow.describe_connector(connectorType="Honeycode")

    first = cloud.appflow.list_connectors(maxResults=2)
    assert len(first["connectors"]) == 2
    rest = cloud.appflow.list_connectors(nextToken=first["nextToken"])["connectors"]
    named = {connector["connectorType"] for connector in first["connectors"] + rest}
    assert named == set(cloud.appflow.describe_connectors()["connectorConfigurations"])
    only = cloud.appflow.describe_connectors(connectorTypes=["Slack"])["connectorConfigurations"]
    assert list(only) == ["Slack"]


def test_a_connector_profile_is_updated_but_keeps_its_type(cloud: Cloud) -> None:
    def update(**properties: Any) -> None:
        cloud.appflow.update_connector_profile(
            connectorProfileName="acme-sf",
            connectionMode="Private",
            connectorProfileConfig={"connectorProfileProperties": properties},
        )

    update(Salesforce={"instanceUrl": "https://new.my.salesforce.com"})
    [profile] = cloud.appflow.describe_connector_profiles(connectorProfileNames=["acme-sf"])[
        "connectorProfileDetails"
    ]
    assert profile["connectionMode"] == "Private"
    assert profile["connectorType"] == "Salesforce"
    assert list(profile["connectorProfileProperties"]) == ["Salesforce"]
    with refused("ValidationException"):
        update(Zendesk={"instanceUrl": "https://acme.zendesk.com"})


def test_objects_are_listed_by_their_path(cloud: Cloud) -> None:
    for name in ("Orders", "Orders/Items"):
        cloud.services.sources.get("acme-sap", name).load([{"Id": "1"}])
    asked = {"connectorProfileName": "acme-sap"}
    [orders] = [
        entity
        for entity in cloud.appflow.list_connector_entities(**asked)["connectorEntityMap"][
            "Objects"
        ]
        if entity["name"] == "Orders"
    ]
    assert orders["hasNestedEntities"] is True
    below = cloud.appflow.list_connector_entities(**asked, entitiesPath="Orders")
    [items] = below["connectorEntityMap"]["Objects"]
    assert (items["name"], items["hasNestedEntities"]) == ("Orders/Items", False)
    with refused("ResourceNotFoundException"):
        cloud.appflow.list_connector_entities(**asked, entitiesPath="Nowhere")
