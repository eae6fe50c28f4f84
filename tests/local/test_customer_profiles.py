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

from local import world
from local.simulation import Knobs, current
from local.sources import featured
from tests.local.test_appflow import (
    NOW,
    OBJECT_TYPE,
    Cloud,
    Request,
    contact,
    flow,
    refused,
    scheduled,
    tasks,
)

KEY = "arn:aws:kms:us-east-1:123456789012:key/0c2b6d6c-1f4e-4f5d-9c64-2b1a7e9d3a10"


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with mock_aws():
        yield Cloud()


def pascal(value: Any) -> Any:
    """Spell the members of a CreateFlow request as Customer Profiles does."""
    if isinstance(value, dict):
        return {
            key if key.isupper() else key[0].upper() + key[1:]: pascal(member)
            for key, member in value.items()
        }
    return [pascal(element) for element in value] if isinstance(value, list) else value


def definition(name: str = "continuous", **changes: Any) -> Request:
    request = scheduled()
    del request["destinationFlowConfigList"]
    spelled: Request = pascal(request | {"flowName": name, "kmsArn": KEY})
    return spelled | changes


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


def test_given_the_world_when_populated_then_its_domain_has_a_key_and_its_object_types(
    cloud: Cloud,
) -> None:
    domain = cloud.profiles.get_domain(DomainName="acme")
    types = cloud.profiles.list_profile_object_types(DomainName="acme")["Items"]
    connections = cloud.appflow.describe_connector_profiles()["connectorProfileDetails"]

    assert domain["DefaultEncryptionKey"] == KEY
    assert domain["DeadLetterQueueUrl"].startswith("https://sqs.")
    assert {known["ObjectTypeName"] for known in types} == {*featured(), "Veeva-person"}
    assert {known["connectorProfileName"]: known["connectorType"] for known in connections} == {
        "acme-sf": "Salesforce",
        "acme-mkto": "Marketo",
        "acme-snow": "Servicenow",
        "acme-zd": "Zendesk",
        "acme-vault": "Veeva",
    }


def test_given_templates_when_listed_then_each_has_its_source_fields_and_unique_key(
    cloud: Cloud,
) -> None:
    listed = cloud.profiles.list_profile_object_type_templates()["Items"]
    template = cloud.profiles.get_profile_object_type_template(TemplateId="Servicenow-incident")

    assert sorted(item["TemplateId"] for item in listed) == sorted(featured())
    assert (template["SourceName"], template["SourceObject"]) == ("Servicenow", "incident")
    assert template["Fields"]["sys_id"]["Source"] == "_source.sys_id"
    (key,) = template["Keys"]["_servicenowIncidentId"]
    assert key["FieldNames"] == ["sys_id"]
    assert "UNIQUE" in key["StandardIdentifiers"]
    with refused("ResourceNotFoundException", 404):
        cloud.profiles.get_profile_object_type_template(TemplateId="Nothing")


def test_given_a_domain_when_created_changed_and_deleted_then_each_shows(cloud: Cloud) -> None:
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
        ({"DomainName": "two words"}, "DomainName: is 'two words'"),
        ({"DefaultExpirationDays": 1099}, "DefaultExpirationDays: is 1099"),
        ({"Tags": {"aws:mine": "x"}}, "Tags.aws:mine"),
    ],
)
def test_given_a_wrong_domain_when_created_then_the_message_names_the_key(
    cloud: Cloud, request_: Request, words: str
) -> None:
    right = {"DomainName": "second", "DefaultExpirationDays": 10}
    with refused("BadRequestException", 400) as refusal:
        cloud.profiles.create_domain(**right | request_)

    assert words in refusal.value.response["Message"]


def test_given_an_object_type_when_put_described_and_deleted_then_it_keeps_its_creation_time(
    cloud: Cloud,
) -> None:
    request = {
        "DomainName": "acme",
        "ObjectTypeName": "Orders",
        "Description": "orders",
        "Fields": {"number": {"Source": "_source.number"}},
        "Keys": {
            "_order": [{"StandardIdentifiers": ["UNIQUE", "ORDER"], "FieldNames": ["number"]}]
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
def test_given_an_object_type_without_template_or_fields_when_put_then_it_is_refused(
    cloud: Cloud, wrong: Request
) -> None:
    with refused("BadRequestException", 400):
        cloud.profiles.put_profile_object_type(
            DomainName="acme", ObjectTypeName="Orders", Description="orders", **wrong
        )


def test_given_a_flow_definition_when_integrated_then_the_flow_exists_and_delivers_here(
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


def test_given_an_integration_when_described_then_its_definition_is_kept_back(
    cloud: Cloud,
) -> None:
    uri = integrate(cloud)["Uri"]

    described = cloud.profiles.get_integration(DomainName="acme", Uri=uri)

    assert described["ObjectTypeName"] == OBJECT_TYPE
    assert described["IsUnstructured"] is False
    assert "FlowDefinition" not in described
    with refused("ResourceNotFoundException", 404):
        cloud.profiles.get_integration(DomainName="acme", Uri=uri + "x")


def test_given_a_flow_of_that_name_when_integrated_then_the_clash_is_a_bad_request(
    cloud: Cloud,
) -> None:
    cloud.appflow.create_flow(**flow("continuous"))

    with refused("BadRequestException", 400) as refusal:
        integrate(cloud)

    assert refusal.value.response["Message"] == "Flow with name continuous already exists."


def test_given_what_appflow_refuses_when_integrated_then_it_is_a_bad_request_and_nothing_is_made(
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
def test_given_a_wrong_integration_when_put_then_it_is_refused_with_the_real_error(
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


def test_given_no_such_flow_when_registered_then_it_is_not_found(cloud: Cloud) -> None:
    with refused("ResourceNotFoundException", 404):
        cloud.profiles.put_integration(
            DomainName="acme",
            Uri="arn:aws:appflow:us-east-1:123456789012:flow/nothing",
            ObjectTypeName=OBJECT_TYPE,
        )


def test_given_a_registered_flow_when_registered_again_then_it_is_updated(cloud: Cloud) -> None:
    first = register(cloud, "window")
    cloud.clock.advance(60)
    again = cloud.profiles.put_integration(
        DomainName="acme", Uri=first["Uri"], ObjectTypeName=OBJECT_TYPE, Tags={"a": "1"}
    )

    assert first["IsUnstructured"] is True
    assert again["CreatedAt"] == first["CreatedAt"] < again["LastUpdatedAt"]
    assert len(cloud.profiles.list_integrations(DomainName="acme")["Items"]) == 1


def test_given_an_integration_for_another_object_type_when_run_then_nothing_lands(
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
def test_given_an_integration_when_deleted_then_its_flow_goes_as_the_reading_says(
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


def test_given_a_flow_that_is_gone_when_its_integration_is_deleted_then_that_is_no_error(
    cloud: Cloud,
) -> None:
    uri = register(cloud, "window")["Uri"]
    cloud.appflow.delete_flow(flowName="window")

    cloud.profiles.delete_integration(DomainName="acme", Uri=uri)

    assert cloud.profiles.list_integrations(DomainName="acme")["Items"] == []


def test_given_a_full_domain_when_integrated_then_the_quota_is_told(cloud: Cloud) -> None:
    current.knobs = replace(current.knobs, integrations_per_domain=2)
    uri = register(cloud, "window-1")["Uri"]
    register(cloud, "window-2")

    with refused("BadRequestException", 400) as refusal:
        register(cloud, "window-3")
    cloud.profiles.put_integration(DomainName="acme", Uri=uri, ObjectTypeName=OBJECT_TYPE)

    assert "2 integrations" in refusal.value.response["Message"]


def test_given_many_integrations_when_listed_then_they_come_in_pages(cloud: Cloud) -> None:
    uris = [register(cloud, f"window-{number}")["Uri"] for number in range(3)]

    first = cloud.profiles.list_integrations(DomainName="acme", MaxResults=2)
    rest = cloud.profiles.list_integrations(DomainName="acme", NextToken=first["NextToken"])
    everywhere = cloud.profiles.list_account_integrations(Uri=uris[1])["Items"]

    assert [item["Uri"] for item in first["Items"] + rest["Items"]] == uris
    assert "NextToken" not in rest
    assert [item["DomainName"] for item in everywhere] == ["acme"]
    with refused("BadRequestException", 400):
        cloud.profiles.list_integrations(DomainName="acme", NextToken="!")


def test_given_tags_when_added_and_removed_then_every_kind_of_resource_has_its_own(
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


def test_given_an_object_type_of_ones_own_when_records_land_then_its_unique_key_decides(
    cloud: Cloud,
) -> None:
    cloud.profiles.put_profile_object_type(
        DomainName="acme",
        ObjectTypeName="Names",
        Description="by name",
        Fields={"name": {"Source": "_source.LastName"}},
        Keys={"_name": [{"StandardIdentifiers": ["UNIQUE"], "FieldNames": ["name"]}]},
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
    assert cloud.services.rejected("acme", "Names") == 1
    queue = cloud.profiles.get_domain(DomainName="acme")["DeadLetterQueueUrl"]
    sqs = boto3.client("sqs", region_name="us-east-1")
    [dead] = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    assert json.loads(dead["Body"])["Id"] == "3"
    assert cloud.profiles.get_domain(DomainName="acme")["Stats"]["ObjectCount"] == 1


def test_given_objects_handed_out_when_changed_then_the_domain_is_not(cloud: Cloud) -> None:
    cloud.source.load([contact("1", NOW)])
    cloud.appflow.create_flow(**flow())
    cloud.run("contacts")

    cloud.services.domain_objects("acme", OBJECT_TYPE)[0]["Id"] = "changed"

    assert cloud.landed() == ["1"]


def test_given_a_new_mock_when_entered_then_both_services_are_empty() -> None:
    with mock_aws():
        Cloud().appflow.create_flow(**flow())
    with mock_aws():
        again = Cloud()

        assert again.appflow.list_flows()["flows"] == []
        assert again.services.domain_objects("acme", OBJECT_TYPE) == []


def test_given_a_reset_when_done_then_the_world_can_be_made_again(cloud: Cloud) -> None:
    cloud.appflow.create_flow(**flow())
    cloud.source.load([contact("1", NOW)])
    cloud.services.reset()
    world.populate(cloud.client)

    assert cloud.appflow.list_flows()["flows"] == []
    assert len(cloud.services.sources.get("acme-sf", "Contact").records()) == 20


def test_given_motos_server_when_called_over_http_then_both_services_are_dispatched() -> None:
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
