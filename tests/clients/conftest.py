"""The server, as a process of its own, and what the clients need to find it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

ROOT = Path(__file__).parents[2]
REGION = "us-east-1"
AN_HOUR_A_SECOND = "3600"


@dataclass(frozen=True)
class Server:
    """A running ``bulk serve``."""

    endpoint: str
    machine: str

    def client(self, service: str) -> Any:
        return boto3.client(service, endpoint_url=self.endpoint)  # type: ignore[call-overload]

    @property
    def bucket(self) -> str:
        [stack] = self.client("cloudformation").describe_stacks()["Stacks"]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        return str(outputs["RunsBucketName"])


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    command = [ROOT / ".venv/bin/bulk", "serve", "--port", "0", "--speed", AN_HOUR_A_SECOND]
    with subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        facts = json.loads(process.stdout.readline())
        yield Server(facts["Endpoint"], facts["StateMachineArn"])
        process.terminate()


@pytest.fixture(autouse=True)
def environment(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Point every client at the server, and keep it from any configuration of this machine."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_PAGER", "")


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
