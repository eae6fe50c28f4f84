"""Customer Profiles in the embedded cloud, called as its clients call it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from bulk_ingestion.flow.connectors import CONNECTORS
from local import world
from local.services.entities import featured
from local.services.simulation import Knobs, current
from tests.local.services_cloud import (
    KEY,
    NOW,
    OBJECT_TYPE,
    Cloud,
    Request,
    contact,
    definition,
    flow,
    pascal,
    refused,
    tasks,
)


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with mock_aws():
        yield Cloud()


def integrate(cloud: Cloud, name: str = "continuous", **changes: Any) -> Request:
    request = {
        "DomainName": "acme",
        "ObjectTypeName": OBJECT_TYPE,
        "FlowDefinition": definition(name),
    }
    answer: Request = cloud.profiles.put_integration(**request | changes)
    return answer


def register(cloud: Cloud, name: str, **changes: Any) -> Request:
    arn = cloud.appflow.create_flow(**flow(name))["flowArn"]
    request = {"DomainName": "acme", "Uri": arn, "ObjectTypeName": OBJECT_TYPE}
    answer: Request = cloud.profiles.put_integration(**request | changes)
    return answer


def test_the_default_domain_has_a_key_and_object_types(
    cloud: Cloud,
) -> None:
    domain = cloud.profiles.get_domain(DomainName="acme")
    types = cloud.profiles.list_profile_object_types(DomainName="acme")["Items"]
    connections = cloud.appflow.describe_connector_profiles()["connectorProfileDetails"]

    assert domain["DefaultEncryptionKey"] == KEY
    assert domain["DeadLetterQueueUrl"].startswith("https://sqs.")
    assert {known["ObjectTypeName"] for known in types} > {*featured(), "Veeva-person"}
    assert {known["connectorType"] for known in connections} == set(CONNECTORS) - {"S3"}


def test_every_template_has_source_fields_and_a_unique_key(
    cloud: Cloud,
) -> None:
    listed = cloud.profiles.list_profile_object_type_templates()["Items"]
    template = cloud.profiles.get_profile_object_type_template(TemplateId="Servicenow-incident")

    assert sorted(item["TemplateId"] for item in listed) == sorted(featured())
    assert (template["SourceName"], template["SourceObject"]) == ("Servicenow", "incident")
    assert template["Fields"]["sys_id"]["Source"] == "_source.sys_id"
    (key,) = template["Keys"]["_serviceNowIncidentId"]
    assert key["FieldNames"] == ["sys_id"]
    assert "UNIQUE" in key["StandardIdentifiers"]
    with refused("ResourceNotFoundException", 404):
        cloud.profiles.get_profile_object_type_template(TemplateId="Nothing")


def test_a_domain_can_be_created_changed_and_deleted(cloud: Cloud) -> None:
    cloud.profiles.create_domain(DomainName="second", DefaultExpirationDays=10)
    with refused("BadRequestException", 400):
        cloud.profiles.create_domain(DomainName="second", DefaultExpirationDays=10)
    cloud.clock.advance(60)
    cloud.profiles.update_domain(DomainName="second", DefaultExpirationDays=20)
    changed = cloud.profiles.get_domain(DomainName="second")
    names = [item["DomainName"] for item in cloud.profiles.list_domains()["Items"]]
    cloud.profiles.delete_domain(DomainName="second")

    assert changed["DefaultExpirationDays"] == 20
    assert changed["LastUpdatedAt"] - changed["CreatedAt"] == timedelta(minutes=1)
    assert names == ["acme", "second"]
    with refused("ResourceNotFoundException", 404):
        cloud.profiles.get_domain(DomainName="second")


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"DomainName": "two words"}, 'DomainName: is "two words"'),
        ({"DefaultExpirationDays": 1099}, "DefaultExpirationDays: is 1099"),
        ({"Tags": {"aws:mine": "x"}}, "Tags.aws:mine"),
    ],
)
def test_a_wrong_domain_is_refused_with_the_key_named(
    cloud: Cloud, request_: Request, words: str
) -> None:
    right = {"DomainName": "second", "DefaultExpirationDays": 10}
    with refused("BadRequestException", 400) as refusal:
        cloud.profiles.create_domain(**right | request_)

    assert words in refusal.value.response["Message"]


def test_an_object_type_keeps_its_creation_time_until_it_is_deleted(
    cloud: Cloud,
) -> None:
    request = {
        "DomainName": "acme",
        "ObjectTypeName": "Orders",
        "Description": "orders",
        "Fields": {"number": {"Source": "_source.number"}},
        "Keys": {
            "_order": [{"StandardIdentifiers": ["UNIQUE", "PROFILE"], "FieldNames": ["number"]}]
        },
    }
    first = cloud.profiles.put_profile_object_type(**request)
    cloud.clock.advance(60)
    cloud.profiles.put_profile_object_type(**request | {"Description": "all orders"})
    described = cloud.profiles.get_profile_object_type(DomainName="acme", ObjectTypeName="Orders")
    cloud.profiles.delete_profile_object_type(DomainName="acme", ObjectTypeName="Orders")

    assert described["Description"] == "all orders"
    assert described["CreatedAt"] == first["CreatedAt"]
    with refused("ResourceNotFoundException", 404):
        cloud.profiles.get_profile_object_type(DomainName="acme", ObjectTypeName="Orders")


@pytest.mark.parametrize("wrong", [{"TemplateId": "Nothing"}, {}])
def test_an_object_type_needs_a_template_or_fields(cloud: Cloud, wrong: Request) -> None:
    with refused("BadRequestException", 400):
        cloud.profiles.put_profile_object_type(
            DomainName="acme", ObjectTypeName="Orders", Description="orders", **wrong
        )


def test_an_integration_with_a_definition_creates_a_flow_that_delivers_here(
    cloud: Cloud,
) -> None:
    answer = integrate(cloud, Tags={"run": "one"})

    described = cloud.appflow.describe_flow(flowName="continuous")
    properties = described["triggerConfig"]["triggerProperties"]["Scheduled"]
    assert answer["Uri"] == described["flowArn"]
    assert "FlowDefinition" not in answer
    assert described["flowStatus"] == "Draft"
    assert described["kmsArn"] == KEY
    assert described["tags"] == {"run": "one"}
    assert described["tasks"] == tasks(["Id", "LastName", "LastModifiedDate"])
    assert properties["scheduleStartTime"] == NOW + timedelta(minutes=5)
    assert described["destinationFlowConfigList"] == flow()["destinationFlowConfigList"]


def test_an_integration_is_described_without_its_definition(
    cloud: Cloud,
) -> None:
    uri = integrate(cloud)["Uri"]

    described = cloud.profiles.get_integration(DomainName="acme", Uri=uri)

    assert described["ObjectTypeName"] == OBJECT_TYPE
    assert described["IsUnstructured"] is False
    assert "FlowDefinition" not in described
    with refused("ResourceNotFoundException", 404):
        cloud.profiles.get_integration(DomainName="acme", Uri=uri + "x")


def test_a_flow_name_in_use_is_a_bad_request(
    cloud: Cloud,
) -> None:
    cloud.appflow.create_flow(**flow("continuous"))

    with refused("BadRequestException", 400) as refusal:
        integrate(cloud)

    assert refusal.value.response["Message"] == "Flow with name continuous already exists."


def test_what_appflow_refuses_is_a_bad_request_and_creates_nothing(
    cloud: Cloud,
) -> None:
    wrong = definition(Tasks=pascal(tasks(["Id"])[1:]))
    with refused("BadRequestException", 400) as refusal:
        integrate(cloud, FlowDefinition=wrong)

    assert "projection task" in refusal.value.response["Message"]
    assert cloud.appflow.list_flows()["flows"] == []
    assert cloud.profiles.list_integrations(DomainName="acme")["Items"] == []


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"DomainName": "nowhere"}, "ResourceNotFoundException", "Domain nowhere"),
        ({"ObjectTypeName": "Nothing"}, "ResourceNotFoundException", "Object type Nothing"),
        ({"FlowDefinition": {"FlowName": "x"}}, "BadRequestException", "FlowDefinition.KmsArn"),
        ({"Tags": {}}, "BadRequestException", "Tags: has 0 keys"),
        ({"Uri": "arn:aws:appflow:us-east-1:123456789012:flow/x"}, "BadRequestException", "one of"),
    ],
)
def test_a_wrong_integration_is_refused_with_the_real_error(
    cloud: Cloud, changes: Request, code: str, words: str
) -> None:
    careless: Any = boto3.client(
        "customer-profiles", region_name="us-east-1", config=Config(parameter_validation=False)
    )
    request = {
        "DomainName": "acme",
        "ObjectTypeName": OBJECT_TYPE,
        "FlowDefinition": definition(),
    }
    with refused(code) as refusal:
        careless.put_integration(**request | changes)

    assert words in refusal.value.response["Message"]
    assert cloud.appflow.list_flows()["flows"] == []


def test_a_flow_that_does_not_exist_cannot_be_registered(cloud: Cloud) -> None:
    with refused("ResourceNotFoundException", 404):
        cloud.profiles.put_integration(
            DomainName="acme",
            Uri="arn:aws:appflow:us-east-1:123456789012:flow/nothing",
            ObjectTypeName=OBJECT_TYPE,
        )


def test_registering_a_flow_again_updates_its_integration(cloud: Cloud) -> None:
    first = register(cloud, "window")
    cloud.clock.advance(60)
    again = cloud.profiles.put_integration(
        DomainName="acme", Uri=first["Uri"], ObjectTypeName=OBJECT_TYPE, Tags={"a": "1"}
    )

    assert first["IsUnstructured"] is True
    assert again["CreatedAt"] == first["CreatedAt"] < again["LastUpdatedAt"]
    assert len(cloud.profiles.list_integrations(DomainName="acme")["Items"]) == 1


def test_nothing_lands_through_an_integration_of_another_object_type(
    cloud: Cloud,
) -> None:
    cloud.source.load([contact("1", NOW)])
    register(cloud, "window", ObjectTypeName="Salesforce-Account")
    cloud.appflow.start_flow(flowName="window")
    cloud.clock.advance(600)

    assert cloud.landed() == []
    assert cloud.services.domain_objects("acme", "Salesforce-Account") == []


@pytest.mark.parametrize(
    ("reading", "left"),
    [
        ("if it made it", ["window"]),
        ("always", []),
        ("never", ["window", "continuous"]),
    ],
)
def test_deleting_an_integration_deletes_its_flow_if_the_reading_says_so(
    cloud: Cloud, reading: Any, left: list[str]
) -> None:
    current.knobs = replace(current.knobs, delete_flow_with_integration=reading)
    uris = [register(cloud, "window")["Uri"], integrate(cloud)["Uri"]]
    for uri in uris:
        cloud.profiles.delete_integration(DomainName="acme", Uri=uri)

    assert [listed["flowName"] for listed in cloud.appflow.list_flows()["flows"]] == left
    assert cloud.profiles.list_integrations(DomainName="acme")["Items"] == []
    with refused("ResourceNotFoundException", 404):
        cloud.profiles.delete_integration(DomainName="acme", Uri=uris[0])


def test_an_integration_whose_flow_is_gone_can_be_deleted(
    cloud: Cloud,
) -> None:
    uri = register(cloud, "window")["Uri"]
    cloud.appflow.delete_flow(flowName="window")

    cloud.profiles.delete_integration(DomainName="acme", Uri=uri)

    assert cloud.profiles.list_integrations(DomainName="acme")["Items"] == []


def test_a_full_domain_refuses_with_its_quota(cloud: Cloud) -> None:
    current.knobs = replace(current.knobs, integrations_per_domain=2)
    uri = register(cloud, "window-1")["Uri"]
    register(cloud, "window-2")

    with refused("BadRequestException", 400) as refusal:
        register(cloud, "window-3")
    cloud.profiles.put_integration(DomainName="acme", Uri=uri, ObjectTypeName=OBJECT_TYPE)

    assert "2 integrations" in refusal.value.response["Message"]


def test_integrations_are_listed_in_pages(cloud: Cloud) -> None:
    uris = [register(cloud, f"window-{number}")["Uri"] for number in range(3)]

    first = cloud.profiles.list_integrations(DomainName="acme", MaxResults=2)
    rest = cloud.profiles.list_integrations(DomainName="acme", NextToken=first["NextToken"])
    everywhere = cloud.profiles.list_account_integrations(Uri=uris[1])["Items"]

    assert [item["Uri"] for item in first["Items"] + rest["Items"]] == uris
    assert "NextToken" not in rest
    assert [item["DomainName"] for item in everywhere] == ["acme"]
    with refused("BadRequestException", 400):
        cloud.profiles.list_integrations(DomainName="acme", NextToken="!")


def test_every_kind_of_resource_has_its_own_tags(
    cloud: Cloud,
) -> None:
    prefix = "arn:aws:profile:us-east-1:123456789012:domains/acme"
    uri = register(cloud, "window", Tags={"a": "1"})["Uri"]
    arns = [prefix, f"{prefix}/object-types/{OBJECT_TYPE}", f"{prefix}/integrations/{uri}"]
    for number, arn in enumerate(arns):
        cloud.profiles.tag_resource(resourceArn=arn, tags={"b": str(number), "c": "x"})
        cloud.profiles.untag_resource(resourceArn=arn, tagKeys=["c"])

    tags = [cloud.profiles.list_tags_for_resource(resourceArn=arn)["tags"] for arn in arns]
    assert tags == [{"environment": "local", "b": "0"}, {"b": "1"}, {"a": "1", "b": "2"}]


def test_objects_are_keyed_by_the_unique_key_of_their_type(
    cloud: Cloud,
) -> None:
    cloud.profiles.put_profile_object_type(
        DomainName="acme",
        ObjectTypeName="Names",
        Description="by name",
        AllowProfileCreation=True,
        Fields={"name": {"Source": "_source.LastName"}},
        Keys={"_name": [{"StandardIdentifiers": ["UNIQUE", "PROFILE"], "FieldNames": ["name"]}]},
    )
    cloud.source.load(
        [
            {"Id": "1", "LastName": "Ada", "LastModifiedDate": "2026-01-01T00:00:00.000+0000"},
            {"Id": "2", "LastName": "Ada", "LastModifiedDate": "2026-01-02T00:00:00.000+0000"},
            {"Id": "3", "LastName": "", "LastModifiedDate": "2026-01-02T00:00:00.000+0000"},
        ]
    )
    destination = flow()["destinationFlowConfigList"]
    properties = destination[0]["destinationConnectorProperties"]["CustomerProfiles"]
    properties["objectTypeName"] = "Names"
    arn = cloud.appflow.create_flow(**flow("names", destinationFlowConfigList=destination))
    cloud.profiles.put_integration(DomainName="acme", Uri=arn["flowArn"], ObjectTypeName="Names")
    cloud.appflow.start_flow(flowName="names")
    cloud.clock.advance(600)

    assert [record["Id"] for record in cloud.services.domain_objects("acme", "Names")] == ["2"]
    assert cloud.services.deliveries("acme", "Names") == {"Ada": 2}
    assert cloud.services.lost("acme", "Names") == {"no unique key": 1}
    queue = cloud.profiles.get_domain(DomainName="acme")["DeadLetterQueueUrl"]
    sqs = cloud.client("sqs")
    [dead] = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    assert json.loads(dead["Body"])["Object"]["Id"] == "3"
    assert cloud.profiles.get_domain(DomainName="acme")["Stats"]["ObjectCount"] == 1


def test_changing_returned_objects_does_not_change_the_domain(cloud: Cloud) -> None:
    cloud.source.load([contact("1", NOW)])
    cloud.appflow.create_flow(**flow())
    cloud.run("contacts")

    cloud.services.domain_objects("acme", OBJECT_TYPE)[0]["Id"] = "changed"

    assert cloud.landed() == ["1"]


def test_both_services_are_empty_in_a_new_mock() -> None:
    with mock_aws():
        Cloud().appflow.create_flow(**flow())
    with mock_aws():
        again = Cloud()

        assert again.appflow.list_flows()["flows"] == []
        assert again.services.domain_objects("acme", OBJECT_TYPE) == []


def test_the_world_can_be_populated_again_after_a_reset(cloud: Cloud) -> None:
    cloud.appflow.create_flow(**flow())
    cloud.source.load([contact("1", NOW)])
    cloud.services.reset()
    world.populate(cloud.client)

    assert cloud.appflow.list_flows()["flows"] == []
    assert len(cloud.services.sources.get("acme-sf", "Contact").records()) == 20


def test_motos_server_dispatches_both_services() -> None:
    with mock_aws():
        cloud = Cloud(Knobs(made_up_records=5))
        server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app))
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            endpoint = f"http://127.0.0.1:{server.server_port}"
            session = boto3.Session("local", "local", region_name="us-east-1")
            appflow = session.client("appflow", endpoint_url=endpoint)
            profiles = session.client("customer-profiles", endpoint_url=endpoint)
            arn = appflow.create_flow(**flow())["flowArn"]
            profiles.put_integration(DomainName="acme", Uri=arn, ObjectTypeName=OBJECT_TYPE)
            appflow.tag_resource(resourceArn=arn, tags={"b": "2"})
            appflow.start_flow(flowName="contacts")
            cloud.clock.advance(600)
            (run,) = appflow.describe_flow_execution_records(flowName="contacts")["flowExecutions"]
            tags = appflow.list_tags_for_resource(resourceArn=arn)["tags"]
            listed = profiles.list_integrations(DomainName="acme", MaxResults=1)["Items"]
            with refused("ResourceNotFoundException", 404):
                profiles.get_integration(DomainName="acme", Uri="nothing")
        finally:
            server.shutdown()
            thread.join(timeout=10)

    assert run["executionStatus"] == "Successful"
    assert tags == {"b": "2"}
    assert [item["Uri"] for item in listed] == [arn]
