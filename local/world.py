"""The default world: the domain acme, its object types, and a connection to each application."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

_DATA = Path(__file__).with_name("world.json")


def populate(client: Callable[[str], Any]) -> None:
    """Create everything in ``world.json`` through the public APIs.

    ``client`` makes a boto3 client for a service name. The world must be empty.
    """
    clients: dict[str, Any] = {}
    for call in json.loads(_DATA.read_text()):
        service = call["service"]
        if service not in clients:
            clients[service] = client(service)
        getattr(clients[service], call["operation"])(**call["request"])


def parameters() -> dict[str, str]:
    """Give the template's parameters that this world has a value for."""
    calls = json.loads(_DATA.read_text())
    domain = next(call["request"] for call in calls if call["operation"] == "create_domain")
    return {
        "KmsKeyArn": domain["DefaultEncryptionKey"],
        "DomainName": domain["DomainName"],
        "NotifyEmail": "somebody@example.com",
    }
