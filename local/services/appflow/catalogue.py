"""The connectors that AppFlow has, as DescribeConnector and ListConnectors give them.

Sources are those of the project's own table, destinations those that the simulation delivers to.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bulk_ingestion.flow import api_model
from bulk_ingestion.flow.connectors import CONNECTORS

from .exceptions import ResourceNotFoundException

Answer = dict[str, Any]

DESTINATIONS = ("CustomerProfiles", "S3")
"""The connector types that a flow can deliver to here."""


def connectors(names: list[str] | None = None) -> Iterator[Answer]:
    """Give ConnectorConfigurations by type; those of types that are not here are left out."""
    frequencies = api_model.enum_values("appflow", "ScheduleFrequencyType")
    for name in names or sorted({*CONNECTORS, *DESTINATIONS}):
        source = CONNECTORS.get(name)
        if source is None and name not in DESTINATIONS:
            continue
        every_minute = source is not None and source.minutes_between_runs == 1
        yield {
            "connectorType": name,
            "connectorLabel": name,
            "connectorName": source.properties if source else name,
            "connectorOwner": "AWS",
            "connectorVersion": "1.0",
            "connectorModes": ["SOURCE"] * bool(source) + ["DESTINATION"] * (name in DESTINATIONS),
            "canUseAsSource": source is not None,
            "canUseAsDestination": name in DESTINATIONS,
            "supportedDestinationConnectors": list(DESTINATIONS) if source else [],
            "supportedTriggerTypes": ["Scheduled", "OnDemand"] if source else [],
            "supportedSchedulingFrequencies": [
                frequency for frequency in frequencies if every_minute or frequency != "BYMINUTE"
            ]
            if source
            else [],
            "isPrivateLinkEnabled": False,
        }


def connector(name: str) -> Answer:
    """Give one ConnectorConfiguration; raises an error if the type is not here."""
    found = next(connectors([name]), None)
    if found is None:
        raise ResourceNotFoundException(f"The connector {name} does not exist.")
    return found


def listed(found: Answer) -> Answer:
    """Give the element of ListConnectors' ``connectors``."""
    members = api_model.member_names("appflow", "ConnectorDetail")
    return {key: value for key, value in found.items() if key in members}
