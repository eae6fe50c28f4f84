"""The server that the clients use, and a flow of their own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Server:
    """A running ``bulk serve``."""

    endpoint: str
    machine: str

    def client(self, service: str) -> Any:
        return boto3.client(service, endpoint_url=self.endpoint)  # type: ignore[call-overload]


def salesforce_flow(name: str, **changes: Any) -> dict[str, Any]:
    """Give a CreateFlow request that brings contacts to Customer Profiles."""
    fields = ["Id", "LastName", "Email", "LastModifiedDate"]
    projection = {
        "taskType": "Filter",
        "sourceFields": fields,
        "connectorOperator": {"Salesforce": "PROJECTION"},
    }
    maps = [
        {
            "taskType": "Map",
            "sourceFields": [field],
            "destinationField": field,
            "connectorOperator": {"Salesforce": "NO_OP"},
            "taskProperties": {},
        }
        for field in fields
    ]
    profiles = {"domainName": "acme", "objectTypeName": "Salesforce-Contact"}
    return {
        "flowName": name,
        "triggerConfig": {"triggerType": "OnDemand"},
        "sourceFlowConfig": {
            "connectorType": "Salesforce",
            "connectorProfileName": "acme-sf",
            "sourceConnectorProperties": {"Salesforce": {"object": "Contact"}},
        },
        "destinationFlowConfigList": [
            {
                "connectorType": "CustomerProfiles",
                "destinationConnectorProperties": {"CustomerProfiles": profiles},
            }
        ],
        "tasks": [projection, *maps],
        **changes,
    }


def registered(server: Server, name: str) -> str:
    """Create such a flow as an integration of the domain, and give its ARN."""
    arn = server.client("appflow").create_flow(**salesforce_flow(name))["flowArn"]
    server.client("customer-profiles").put_integration(
        DomainName="acme", Uri=arn, ObjectTypeName="Salesforce-Contact"
    )
    return str(arn)
