"""What an object type says of its objects: which keys they need, and how long they stay."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

from local.services.simulation import Record

_REFERENCE = re.compile(r"\{\{([^{}]*)\}\}")


@dataclass(frozen=True)
class Key:
    """One definition of a key: its values, joined, identify an object or a profile."""

    name: str
    sources: tuple[str, ...]
    """The sources of its fields: ``_source.Id``, or a template with ``{{_source.Id}}`` in it."""
    identifiers: frozenset[str]

    def value(self, record: Record) -> str:
        """Give a record's value; empty if every field of the key is empty."""
        values = [read(source, record) for source in self.sources]
        return "|".join(values) if any(values) else ""


@dataclass(frozen=True)
class ObjectType:
    """An object type, or the template in place of one that does not exist.

    ``details`` is what GetProfileObjectType gives, ``expiration_days`` is the domain's default.
    """

    name: str
    details: Mapping[str, Any]
    expiration_days: int

    @cached_property
    def unique(self) -> Key | None:
        """The key that identifies an object; None if the type has none."""
        return next((key for key in self.keys if "UNIQUE" in key.identifiers), None)

    @cached_property
    def profile_keys(self) -> tuple[Key, ...]:
        """The keys that find an object's profile, in the order in which they are tried."""
        found = [key for key in self.keys if "PROFILE" in key.identifiers]
        return tuple(sorted(found, key=lambda key: "SECONDARY" in key.identifiers))

    @property
    def creates_profiles(self) -> bool:
        """Whether an object that matches no profile gets one of its own."""
        return bool(self.details.get("AllowProfileCreation", False))

    @property
    def keeps(self) -> timedelta:
        """How long an object stays in the domain."""
        return timedelta(days=self.details.get("ExpirationDays", self.expiration_days))

    @property
    def limit(self) -> int | None:
        """How many of a profile's objects may be of this type before they are evicted first."""
        limit: int | None = self.details.get("MaxProfileObjectCount")
        return limit

    @cached_property
    def keys(self) -> tuple[Key, ...]:
        """Every definition of every key."""
        return tuple(keys(self.details.get("Keys", {}), self.details.get("Fields", {})))


def keys(defined: Mapping[str, Any], fields: Mapping[str, Any]) -> Iterator[Key]:
    """Read the keys of an object type; the sources of its fields take the place of their names."""
    for name, definitions in defined.items():
        for definition in definitions:
            sources = [fields.get(n, {}).get("Source", n) for n in definition["FieldNames"]]
            identifiers = frozenset(definition.get("StandardIdentifiers", []))
            yield Key(name, tuple(sources), identifiers)


def problem(defined: Mapping[str, Any], fields: Mapping[str, Any]) -> str | None:
    """Say which rule of Customer Profiles the keys of an object type break; None if none.

    https://docs.aws.amazon.com/connect/latest/adminguide/mapping-key-definitions.html
    """
    definitions = [definition for listed in defined.values() for definition in listed]
    unknown = {name for definition in definitions for name in definition["FieldNames"]} - set(
        fields
    )
    if unknown:
        return f"Keys refer to fields that are not defined: {', '.join(sorted(unknown))}."
    found = [key.identifiers for key in keys(defined, fields)]
    if sum("UNIQUE" in identifiers for identifiers in found) != 1:
        return "Exactly one key must have the standard identifier UNIQUE."
    if not any("PROFILE" in identifiers for identifiers in found):
        return "At least one key must have the standard identifier PROFILE."
    return None


def read(source: str, record: Record) -> str:
    """Read a field from a record by its source; empty if the record does not have it."""
    if "{{" in source:
        filled = _REFERENCE.sub(lambda found: read(found[1].strip(), record), source)
        return " ".join(filled.split())
    return _text(_look_up(record, source.removeprefix("_source.")))


def _look_up(record: Mapping[str, Any], path: str) -> Any:
    if path in record:
        return record[path]
    first, _, rest = path.partition(".")
    inner = record.get(first)
    return _look_up(inner, rest) if rest and isinstance(inner, Mapping) else None


def _text(value: Any) -> str:
    return "" if value is None else str(value)
