"""What the objects of the applications look like: their fields, and how they write times."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from bulk_ingestion.flow import api_model

_DATA = Path(__file__).with_name("entities.json")
_KEY_NAMES = ("id", "sys_id")
_COMPARISONS = (
    "LESS_THAN",
    "LESS_THAN_OR_EQUAL_TO",
    "GREATER_THAN",
    "GREATER_THAN_OR_EQUAL_TO",
    "BETWEEN",
    "EQUAL_TO",
)
_TEXT_COMPARISONS = ("EQUAL_TO", "NOT_EQUAL_TO", "CONTAINS")


@dataclass(frozen=True)
class Field:
    """A field of an entity, as DescribeConnectorEntity describes it."""

    name: str
    type: str
    is_primary_key: bool = False
    is_timestamp: bool = False
    is_retrievable: bool = True
    is_nullable: bool = True
    """Whether a record may lack it."""
    fake: str | tuple[str, ...] | None = None
    target: str | None = None
    content: str | None = None


@dataclass(frozen=True, eq=False)
class Entity:
    """An object of an application: its fields, and how its records are generated."""

    name: str
    primary_key: str
    fields: Mapping[str, Field]
    timestamp_format: str = "%Y-%m-%dT%H:%M:%S.%LZ"
    template_id: str | None = None
    template: Mapping[str, Any] = field(default_factory=dict)

    def format(self, instant: datetime) -> str:
        """Write an instant as the application does; what is finer than its grain is cut off."""
        milliseconds = f"{instant.microsecond // 1000:03d}"
        return instant.strftime(self.timestamp_format.replace("%L", milliseconds))


@lru_cache
def known_entities(connector_type: str) -> Mapping[str, Entity]:
    """Read the objects of an application that are known here, by name; none for any other."""
    application = json.loads(_DATA.read_text()).get(connector_type, {"entities": {}})
    return {
        name: _entity(name, data, application["timestampFormat"])
        for name, data in application["entities"].items()
    }


@lru_cache
def featured() -> Mapping[str, tuple[str, Entity]]:
    """List the featured objects: template id to application (``Servicenow``) and entity."""
    return {
        str(entity.template_id): (connector_type, entity)
        for connector_type in json.loads(_DATA.read_text())
        for entity in known_entities(connector_type).values()
        if entity.template_id
    }


def _entity(name: str, data: Mapping[str, Any], timestamp_format: str) -> Entity:
    fields = {}
    for field_name, spec in data["fields"].items():
        fake = spec.get("fake")
        fields[field_name] = Field(
            field_name,
            spec["type"],
            is_primary_key=field_name == data["primaryKey"],
            is_timestamp=spec["type"] == "datetime",
            is_retrievable=spec.get("isRetrievable", True),
            is_nullable=field_name not in (data["primaryKey"], data["created"], *data["modified"]),
            fake=tuple(fake) if isinstance(fake, list) else fake,
            target=spec.get("target"),
            content=spec.get("content"),
        )
    return Entity(name, data["primaryKey"], fields, timestamp_format, data.get("templateId"), data)


def derived_entity(name: str, records: Iterable[Mapping[str, Any]]) -> Entity:
    """Derive an entity from its records.

    Its key is the field called Id, id or sys_id, or else the first one. A field whose every
    value is a date and time is a timestamp.
    """
    values: dict[str, list[Any]] = {}
    listed = list(records)
    for record in listed:
        for field_name, value in record.items():
            values.setdefault(field_name, []).append(value)
    key = next((n for n in values if n.lower() in _KEY_NAMES), next(iter(values), "Id"))
    fields = {}
    for field_name, given in values.items():
        dated = field_name != key and all(
            isinstance(value, str) and epoch_milliseconds(value) is not None for value in given
        )
        fields[field_name] = Field(
            field_name,
            "datetime" if dated else "string",
            is_primary_key=field_name == key,
            is_timestamp=dated,
            is_nullable=len(given) < len(listed),
        )
    return Entity(name, key, fields)


@lru_cache(maxsize=500_000)
def epoch_milliseconds(text: str) -> int | None:
    """Read a date and time in any of the applications' formats; None for what is none.

    A time without an offset is UTC. What is finer than a millisecond is cut off.
    """
    if len(text) < len("2024-03-01"):
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    instant = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def filter_operators(connector_type: str, field_type: str) -> list[str]:
    """List the filter operators of a connector that make sense for a type of field."""
    shape = f"{union_key(connector_type)}ConnectorOperator"
    wanted = _COMPARISONS if field_type in ("datetime", "date") else _TEXT_COMPARISONS
    return [name for name in api_model.enum_values("appflow", shape) if name in wanted]


@lru_cache
def union_key(connector_type: str) -> str:
    """Spell a connector type as AppFlow's unions do: ``Servicenow`` is ``ServiceNow`` there."""
    members = api_model.member_names("appflow", "SourceConnectorProperties")
    by_lower_case: dict[str, str] = {name.lower(): name for name in members}
    return by_lower_case.get(connector_type.lower(), connector_type)
