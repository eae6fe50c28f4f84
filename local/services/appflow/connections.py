"""Connector profiles, and the objects that their applications offer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from local.services.entities import Entity, filter_operators, union_key
from local.services.sources import Source, Sources

from .definitions import WITHOUT_PROFILE, Definition, connector_profile, object_name, reads_files
from .exceptions import ConflictException, ResourceNotFoundException, ValidationException

Request = dict[str, Any]
Answer = dict[str, Any]


class Connections:
    """The connector profiles of one account and Region, and the sources behind them.

    ``arn`` makes the ARN of a service's resource. ``settle`` completes the runs that are due,
    which must read a source before it changes.
    """

    def __init__(self, arn: Callable[[str, str], str], settle: Callable[[], None]) -> None:
        self.profiles: dict[str, Answer] = {}
        self.sources = Sources(self._connector_type, settle)
        self._arn = arn

    def create(self, request: Request, now: datetime) -> Answer:
        """Create a connector profile; its credentials are thrown away."""
        name, connector_type = request["connectorProfileName"], request["connectorType"]
        if name in self.profiles:
            raise ConflictException(f"Connector profile with name {name} already exists.")
        self.profiles[name] = {
            "connectorProfileArn": self._arn("appflow", f"connectorprofile/{name}"),
            "connectorProfileName": name,
            "connectorType": connector_type,
            "credentialsArn": self._arn("secretsmanager", f"secret:appflow!{name}"),
            "createdAt": now,
            **_changeable(request, connector_type, now),
        }
        return self.profiles[name]

    def update(self, request: Request, now: datetime) -> Answer:
        """Replace how a connector profile connects; its type stays."""
        profile = self.get(request["connectorProfileName"], None)
        profile |= _changeable(request, profile["connectorType"], now)
        return profile

    def find(self, names: list[str] | None, connector_type: str | None) -> list[Answer]:
        """List connector profiles by name and type; unknown names are passed over."""
        return [
            profile
            for name, profile in self.profiles.items()
            if (not names or name in names) and connector_type in (None, profile["connectorType"])
        ]

    def get(self, name: str, connector_type: str | None) -> Answer:
        """Give a connector profile; raises an error if it does not exist or has another type."""
        if name not in self.profiles:
            raise ResourceNotFoundException(f"Connector profile {name} does not exist.")
        profile = self.profiles[name]
        actual = profile["connectorType"]
        if connector_type not in (None, actual):
            raise ValidationException(
                f"Connector profile {name} is of type {actual}, not {connector_type}."
            )
        return profile

    def is_usable(self, profile: str, connector_type: str) -> bool:
        """Whether a flow can use a profile: it exists, or the type needs none."""
        return profile in (*self.profiles, connector_type)

    def describe_entity(self, request: Request) -> Answer:
        """Describe the fields of an object of a connector profile."""
        name, connector_type = self._named(request)
        entity_name = request["connectorEntityName"]
        entity = self.sources.describe(name, entity_name)
        if entity is None:
            raise ResourceNotFoundException(f"The object {entity_name} does not exist at {name}.")
        return {"connectorEntityFields": _fields(entity, connector_type)}

    def list_entities(self, request: Request) -> Answer:
        """List the objects of a connector profile, or those below one by its path."""
        profile, _ = self._named(request)
        names, path = list(self.sources.names(profile)), request.get("entitiesPath")
        if path is not None and path not in names:
            raise ResourceNotFoundException(f"The object {path} does not exist at {profile}.")
        entities = [
            {
                "name": name,
                "label": name,
                "hasNestedEntities": any(_parent(other) == name for other in names),
            }
            for name in names
            if path is None or _parent(name) == path
        ]
        return {"connectorEntityMap": {"Objects": entities}}

    def _named(self, request: Request) -> tuple[str, str]:
        """Give the connector profile and type that a request about entities names."""
        name, connector_type = request.get("connectorProfileName"), request.get("connectorType")
        if name is None and connector_type in WITHOUT_PROFILE:
            return str(connector_type), str(connector_type)
        return name or "", str(self.get(name or "", connector_type)["connectorType"])

    def entity_of(self, definition: Definition) -> Entity | None:
        """Describe the object that a flow reads.

        Raises an error if the connector profile is missing or has another type.
        """
        config = definition["sourceFlowConfig"]
        connector_type, name = config["connectorType"], config.get("connectorProfileName")
        if name is not None:
            self.get(name, connector_type)
        elif not reads_files(definition):
            raise ValidationException("sourceFlowConfig.connectorProfileName is missing")
        return self.sources.describe(connector_profile(definition), object_name(definition))

    def source_of(self, definition: Definition) -> Source:
        """Give the source that a flow reads."""
        return self.sources.get(connector_profile(definition), object_name(definition))

    def _connector_type(self, profile: str) -> str | None:
        if profile in WITHOUT_PROFILE:
            return profile
        connector_type: str | None = self.profiles.get(profile, {}).get("connectorType")
        return connector_type


def _changeable(request: Request, connector_type: str, now: datetime) -> Answer:
    """Give what an update may change; raises an error for properties of another type."""
    properties = request["connectorProfileConfig"]["connectorProfileProperties"]
    if list(properties) != [union_key(connector_type)]:
        raise ValidationException(
            "connectorProfileConfig.connectorProfileProperties must have exactly "
            f"{union_key(connector_type)} for the connector type {connector_type}"
        )
    return {
        "connectionMode": request["connectionMode"],
        "connectorProfileProperties": properties,
        "lastUpdatedAt": now,
    }


def _parent(name: str) -> str:
    """Give the path of the object that an object is below; empty if it is below none."""
    return name.rpartition("/")[0]


def _fields(entity: Entity, connector_type: str) -> list[Answer]:
    return [
        {
            "identifier": known.name,
            "label": known.name,
            "isPrimaryKey": known.is_primary_key,
            "isDeprecated": False,
            "supportedFieldTypeDetails": {
                "v1": {
                    "fieldType": known.type,
                    "filterOperators": filter_operators(connector_type, known.type),
                }
            },
            "sourceProperties": {
                "isRetrievable": known.is_retrievable,
                "isQueryable": known.is_retrievable,
                "isTimestampFieldForIncrementalQueries": known.is_timestamp,
            },
            "destinationProperties": {"isNullable": known.is_nullable},
        }
        for known in entity.fields.values()
    ]
