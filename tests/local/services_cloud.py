"""AppFlow and Customer Profiles alone, without a stack, and short ways to use them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local import clients, world
from local.account import REGION
from local.clock import Clock
from local.services import installation
from local.services.access import Services
from local.services.entities import known_entities
from local.services.simulation import Knobs

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
FIELDS = ["Id", "LastName", "LastModifiedDate"]
OBJECT_TYPE = "Salesforce-Contact"
KEY = "arn:aws:kms:us-east-1:123456789012:key/0c2b6d6c-1f4e-4f5d-9c64-2b1a7e9d3a10"
Request = dict[str, Any]


class Cloud:
    """Both clients, the services' insides and the clock."""

    def __init__(self, knobs: Knobs | None = None) -> None:
        self.clock = Clock(speed=1e-9, start=NOW)
        self.services: Services = installation.install(
            self.clock, knobs or Knobs(made_up_records=20, run_base=timedelta(seconds=40))
        )
        world.populate(self.client)
        self.appflow = self.client("appflow")
        self.profiles = self.client("customer-profiles")
        self.source = self.services.sources.get("acme-sf", "Contact")

    def client(self, service: str) -> Any:
        return clients.client(service, REGION)

    def run(self, name: str, seconds: float = 3600) -> Request:
        """Register a flow, run it and let time pass; the run as it ended."""
        arn = self.appflow.describe_flow(flowName=name)["flowArn"]
        self.profiles.put_integration(DomainName="acme", Uri=arn, ObjectTypeName=OBJECT_TYPE)
        self.appflow.start_flow(flowName=name)
        self.clock.advance(seconds)
        return self.last_run(name)

    def last_run(self, name: str) -> Request:
        records = self.appflow.describe_flow_execution_records(flowName=name)
        run: Request = records["flowExecutions"][0]
        return run

    def landed(self) -> list[str]:
        objects = self.services.domain_objects("acme", OBJECT_TYPE)
        return sorted(record["Id"] for record in objects)


def milliseconds(instant: datetime) -> int:
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def contact(key: str, modified: datetime) -> Request:
    entity = known_entities("Salesforce")["Contact"]
    return {"Id": key, "LastName": f"Name {key}", "LastModifiedDate": entity.format(modified)}


def window_filter(start: datetime, end: datetime) -> Request:
    return {
        "taskType": "Filter",
        "sourceFields": ["LastModifiedDate"],
        "connectorOperator": {"Salesforce": "BETWEEN"},
        "taskProperties": {
            "DATA_TYPE": "datetime",
            "LOWER_BOUND": str(milliseconds(start) - 1),
            "UPPER_BOUND": str(milliseconds(end)),
        },
    }


def tasks(fields: list[str], connector: str = "Salesforce") -> list[Request]:
    projection = {
        "taskType": "Filter",
        "sourceFields": fields,
        "connectorOperator": {connector: "PROJECTION"},
    }
    maps = [
        {
            "taskType": "Map",
            "sourceFields": [name],
            "destinationField": name,
            "connectorOperator": {connector: "NO_OP"},
            "taskProperties": {},
        }
        for name in fields
    ]
    return [projection, *maps]


def flow(name: str = "contacts", **changes: Any) -> Request:
    request: Request = {
        "flowName": name,
        "triggerConfig": {"triggerType": "OnDemand"},
        "sourceFlowConfig": {
            "connectorType": "Salesforce",
            "connectorProfileName": "acme-sf",
            "sourceConnectorProperties": {"Salesforce": {"object": "Contact"}},
        },
        "destinationFlowConfigList": [destination()],
        "tasks": tasks(FIELDS),
    }
    return request | changes


def destination(domain: str = "acme", object_type: str = OBJECT_TYPE) -> Request:
    return {
        "connectorType": "CustomerProfiles",
        "destinationConnectorProperties": {
            "CustomerProfiles": {"domainName": domain, "objectTypeName": object_type}
        },
    }


def scheduled(expression: str = "rate(1hours)", **changes: Any) -> Request:
    properties = {
        "scheduleExpression": expression,
        "dataPullMode": "Incremental",
        "scheduleStartTime": NOW + timedelta(minutes=5),
    }
    source = flow()["sourceFlowConfig"] | {
        "incrementalPullConfig": {"datetimeTypeFieldName": "LastModifiedDate"}
    }
    trigger = {
        "triggerType": "Scheduled",
        "triggerProperties": {"Scheduled": properties | changes},
    }
    return flow(triggerConfig=trigger, sourceFlowConfig=source)


def definition(name: str = "continuous", **changes: Any) -> Request:
    """Give a FlowDefinition as Customer Profiles spells it."""
    request = scheduled()
    del request["destinationFlowConfigList"]
    spelled: Request = pascal(request | {"flowName": name, "kmsArn": KEY})
    return spelled | changes


def pascal(value: Any) -> Any:
    """Spell the members of a CreateFlow request as Customer Profiles does."""
    if isinstance(value, dict):
        return {
            key if key.isupper() else key[0].upper() + key[1:]: pascal(member)
            for key, member in value.items()
        }
    return [pascal(element) for element in value] if isinstance(value, list) else value


def refused(code: str, status: int | None = None) -> Any:
    class Refusal:
        def __enter__(self) -> Any:
            self.raises = pytest.raises(ClientError)
            self.caught = self.raises.__enter__()
            return self.caught

        def __exit__(self, *details: Any) -> bool:
            suppressed = bool(self.raises.__exit__(*details))
            response = self.caught.value.response
            assert response["Error"]["Code"] == code
            if status:
                assert response["ResponseMetadata"]["HTTPStatusCode"] == status
            return suppressed

    return Refusal()


def role(cloud: Cloud, **statement: Any) -> str:
    """Create a role with a policy of one statement, which allows it on every resource."""
    allow = {"Effect": "Allow", "Resource": "*"} | statement
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    client = cloud.client("iam")
    created = client.create_role(RoleName="machine", AssumeRolePolicyDocument="{}")["Role"]
    client.put_role_policy(RoleName="machine", PolicyName="policy", PolicyDocument=policy)
    return str(created["Arn"])
