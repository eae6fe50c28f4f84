"""The default world: the domain acme, its object types, and a connection to each application."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from local.account import ACCOUNT, REGION
from local.services.entities import union_key

_DATA = Path(__file__).with_name("world.json")


@cache
def _world() -> dict[str, Any]:
    text = _DATA.read_text()
    for pseudo_parameter, value in (("AccountId", ACCOUNT), ("Region", REGION)):
        text = text.replace(f"${{AWS::{pseudo_parameter}}}", value)
    world: dict[str, Any] = json.loads(text)
    return world


def populate(client: Callable[[str], Any]) -> None:
    """Create everything in ``world.json`` through the public APIs.

    ``client`` makes a boto3 client for a service name. The world must be empty. Each template of
    Customer Profiles has an object type of its name.
    """
    world = _world()
    client("sqs").create_queue(QueueName=world["DeadLetterQueue"])
    client("customer-profiles").create_domain(**world["Domain"])
    _create_object_types(client("customer-profiles"), world)
    _create_connections(client("appflow"), world["Connections"])


def _create_object_types(profiles: Any, world: dict[str, Any]) -> None:
    domain = world["Domain"]["DomainName"]
    for template in profiles.list_profile_object_type_templates()["Items"]:
        profiles.put_profile_object_type(
            DomainName=domain,
            ObjectTypeName=template["TemplateId"],
            TemplateId=template["TemplateId"],
            Description=f"{template['SourceObject']} from {template['SourceName']}",
        )
    for name, own in world["ObjectTypes"].items():
        email = {"Target": "_profile.EmailAddress", "ContentType": "EMAIL_ADDRESS"}
        profiles.put_profile_object_type(
            DomainName=domain,
            ObjectTypeName=name,
            Description=own["Source"],
            AllowProfileCreation=True,
            Fields={
                "id": {"Source": f"_source.{own['Key']}"},
                "email": {"Source": f"_source.{own['Email']}", **email},
            },
            Keys={"_key": [{"StandardIdentifiers": ["UNIQUE", "PROFILE"], "FieldNames": ["id"]}]},
        )


def _create_connections(appflow: Any, connections: dict[str, dict[str, Any]]) -> None:
    for name, connection in connections.items():
        key = union_key(connection["Type"])
        appflow.create_connector_profile(
            connectorProfileName=name,
            connectorType=connection["Type"],
            connectionMode="Public",
            connectorProfileConfig={
                "connectorProfileProperties": {key: connection["Properties"]},
                "connectorProfileCredentials": {key: connection["Credentials"]},
            },
        )


def parameters() -> dict[str, str]:
    """Give the template's parameters that this world has a value for."""
    domain = _world()["Domain"]
    return {
        "KmsKeyArn": domain["DefaultEncryptionKey"],
        "DomainName": domain["DomainName"],
        "DeadLetterQueueArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{_world()['DeadLetterQueue']}",
        "NotifyEmail": "somebody@example.com",
    }
