"""Each connector of the functions' table: its records come from the source to the domain."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from moto import mock_aws

from bulk_ingestion.flow.connectors import CONNECTORS
from local import caller, iam
from local.services.entities import known_entities, union_key
from local.services.simulation import Knobs
from local.services.sources import Source
from tests.local.services_cloud import (
    NOW,
    Cloud,
    Request,
    destination,
    milliseconds,
    refused,
    role,
    tasks,
)

SOURCES = {
    "Salesforce": ("acme-sf", "Contact", "Salesforce-Contact"),
    "Marketo": ("acme-mkto", "leads", "Marketo-leads"),
    "Servicenow": ("acme-snow", "incident", "Servicenow-incident"),
    "Zendesk": ("acme-zd", "users", "Zendesk-users"),
    "S3": ("S3", "acme-exports/customers", "Exported-customers"),
    "Datadog": ("acme-dd", "users", "Datadog-users"),
    "Dynatrace": ("acme-dt", "users", "Dynatrace-users"),
    "Infornexus": ("acme-nexus", "contacts", "Infornexus-contacts"),
    "SAPOData": ("acme-sap", "API_BUSINESS_PARTNER/A_BusinessPartner", "SAP-BusinessPartner"),
    "Slack": ("acme-slack", "users", "Slack-users"),
    "Veeva": ("acme-vault", "person__sys", "Veeva-person"),
}
BUCKET, PREFIX = "acme-exports", "customers"


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with mock_aws():
        yield Cloud(Knobs(made_up_records=50, run_base=timedelta(seconds=40)))


class Importing:
    """One connector's flows, and what they bring."""

    def __init__(self, cloud: Cloud, connector: str) -> None:
        self.cloud = cloud
        self.connector = connector
        self.profile, self.object, self.object_type = SOURCES[connector]
        self.entity = known_entities(connector)[self.object]
        [*_, self.field] = [None, *(f.name for f in self.entity.fields.values() if f.is_timestamp)]

    @property
    def source(self) -> Source:
        return self.cloud.services.sources.get(self.profile, self.object)

    def run(self, name: str, **changes: Any) -> None:
        """Create a flow, register and start it."""
        fields = [f.name for f in self.entity.fields.values() if f.is_retrievable]
        request = {
            "flowName": name,
            "triggerConfig": {"triggerType": "OnDemand"},
            "sourceFlowConfig": self._source(),
            "destinationFlowConfigList": [destination(object_type=self.object_type)],
            "tasks": tasks(fields, union_key(self.connector)),
        } | changes
        arn = self.cloud.appflow.create_flow(**request)["flowArn"]
        self.cloud.profiles.put_integration(
            DomainName="acme", Uri=arn, ObjectTypeName=self.object_type
        )
        self.cloud.appflow.start_flow(flowName=name)

    def _source(self) -> Request:
        properties = {CONNECTORS[self.connector].object_key or "": self.object}
        spelled: Request = {
            name[:1].lower() + name[1:]: value for name, value in properties.items()
        }
        if self.connector == "S3":
            spelled = {"bucketName": BUCKET, "bucketPrefix": PREFIX}
        config: Request = {
            "connectorType": self.connector,
            "sourceConnectorProperties": {union_key(self.connector): spelled},
        }
        if self.connector != "S3":
            config["connectorProfileName"] = self.profile
        if self.field:
            config["incrementalPullConfig"] = {"datetimeTypeFieldName": self.field}
        return config

    def landed(self) -> set[str]:
        objects = self.cloud.services.domain_objects("acme", self.object_type)
        return {record[self.entity.primary_key] for record in objects}

    def keys(self) -> set[str]:
        return {record[self.entity.primary_key] for record in self.source.records()}


@pytest.mark.parametrize("connector", CONNECTORS)
def test_everything_lands_in_one_run(cloud: Cloud, connector: str) -> None:
    importing = Importing(cloud, connector)
    importing.run("all")
    cloud.clock.advance(600)

    assert importing.landed() == importing.keys()
    assert len(importing.keys()) == 50


@pytest.mark.parametrize("connector", CONNECTORS)
def test_a_continuous_flow_brings_what_changes(cloud: Cloud, connector: str) -> None:
    importing = Importing(cloud, connector)
    schedule = {
        "scheduleExpression": "rate(1hours)",
        "dataPullMode": "Incremental",
        "scheduleStartTime": NOW + timedelta(minutes=5),
        "firstExecutionFrom": NOW,
    }
    importing.run(
        "continuous",
        triggerConfig={
            "triggerType": "Scheduled",
            "triggerProperties": {"Scheduled": schedule},
        },
    )
    [first, *_] = importing.source.records()
    cloud.clock.advance(600)
    before = importing.landed()
    dated = {
        name: importing.entity.format(NOW + timedelta(minutes=10))
        for name in importing.entity.template["modified"]
        if name in importing.entity.fields
    }
    importing.source.put(first | dated)
    cloud.clock.advance(3600)

    assert (before, importing.landed()) == (set(), {first[importing.entity.primary_key]})


@pytest.mark.parametrize("connector", [c.type for c in CONNECTORS.values() if c.window_operator])
def test_a_window_brings_what_is_in_it(cloud: Cloud, connector: str) -> None:
    importing = Importing(cloud, connector)
    start = NOW - timedelta(days=365)
    operator = str(CONNECTORS[connector].window_operator)
    bounds = {
        "BETWEEN": {"LOWER_BOUND": milliseconds(start) - 1, "UPPER_BOUND": milliseconds(NOW)},
        "GREATER_THAN": {"VALUE": milliseconds(start) - 1},
    }[operator]
    window = {
        "taskType": "Filter",
        "sourceFields": [importing.field],
        "connectorOperator": {union_key(connector): operator},
        "taskProperties": {"DATA_TYPE": "datetime"} | {k: str(v) for k, v in bounds.items()},
    }
    fields = [f.name for f in importing.entity.fields.values() if f.is_retrievable]
    importing.run("window", tasks=[*tasks(fields, union_key(connector)), window])
    cloud.clock.advance(600)

    assert importing.field is not None
    assert len(importing.landed()) == importing.source.count(importing.field, start, NOW)
    assert 0 < len(importing.landed()) < 50


def test_files_are_pulled_by_their_own_time_and_filtered_by_their_columns(cloud: Cloud) -> None:
    importing = Importing(cloud, "S3")
    [old, *_] = importing.source.records()
    segment = {
        "taskType": "Filter",
        "sourceFields": ["segment"],
        "connectorOperator": {"S3": "EQUAL_TO"},
        "taskProperties": {"DATA_TYPE": "string", "VALUE": old["segment"]},
    }
    importing.run("filtered", tasks=[*tasks(list(importing.entity.fields), "S3"), segment])
    cloud.clock.advance(600)

    of_it = {r["customer_id"] for r in importing.source.records() if r["segment"] == old["segment"]}
    assert importing.landed() == of_it


def test_files_are_described_without_a_connector_profile(cloud: Cloud) -> None:
    described = cloud.appflow.describe_connector_entity(
        connectorType="S3", connectorEntityName=f"{BUCKET}/{PREFIX}"
    )
    fields = [field["identifier"] for field in described["connectorEntityFields"]]
    assert fields == list(known_entities("S3")[f"{BUCKET}/{PREFIX}"].fields)
    with refused("ResourceNotFoundException"):
        cloud.appflow.describe_connector_entity(
            connectorType="S3", connectorEntityName="other/files"
        )


@pytest.mark.parametrize("resource", ["*", "arn:aws:appflow:*:*:connectorprofile/*"])
def test_describing_files_takes_a_permission_on_everything(cloud: Cloud, resource: str) -> None:
    arn = role(cloud, Action="appflow:DescribeConnectorEntity", Resource=resource)
    with iam.enforced(), caller.acting_as(arn):
        described = {"connectorType": "S3", "connectorEntityName": f"{BUCKET}/{PREFIX}"}
        if resource == "*":
            assert cloud.appflow.describe_connector_entity(**described)["connectorEntityFields"]
        else:
            with refused("AccessDeniedException", 403):
                cloud.appflow.describe_connector_entity(**described)
