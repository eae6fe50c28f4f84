"""A domain and everything in it: object types, integrations, and the objects that have landed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local.services.age import Age
from local.services.knobs import Knobs
from local.services.simulation import Record

from .object_types import ObjectType
from .objects import ObjectStore, Reason
from .templates import template

Answer = dict[str, Any]


@dataclass
class Integration:
    """A data source of a domain. ``owns_flow``: PutIntegration created the flow."""

    details: Answer
    age: Age
    owns_flow: bool = False

    def is_hidden(self, knobs: Knobs) -> bool:
        """Whether ListIntegrations gives it only with IncludeHidden."""
        reading = knobs.hidden_integrations
        return reading == "all" or (reading == "registered" and not self.owns_flow)


@dataclass
class Domain:
    """A domain; ``details`` is what GetDomain gives, without its statistics."""

    details: Answer
    object_types: dict[str, Answer] = field(default_factory=dict)
    integrations: dict[str, Integration] = field(default_factory=dict)
    objects: ObjectStore = field(default_factory=ObjectStore)

    def statistics(self) -> Answer:
        """Give the counts that GetDomain has."""
        counted = self.objects.statistics()
        return {
            "ObjectCount": counted.objects,
            "ProfileCount": counted.profiles,
            "MeteringProfileCount": counted.profiles,
            "TotalSize": counted.size,
        }

    def put_objects(
        self, object_type: str, records: Iterable[tuple[str, Record]], at: datetime
    ) -> list[tuple[Record, Reason]]:
        """Store records as objects of a type; gives those that are rejected, each with the reason.

        ``records`` are pairs of the record's key at the source, which serves where the object type
        has no unique key, and the record.
        """
        rules = self._object_type(object_type)
        put = ((record, self.objects.put(rules, key, record, at)) for key, record in records)
        return [(record, reason) for record, reason in put if reason]

    def _object_type(self, name: str) -> ObjectType:
        details = self.object_types.get(name) or template(name) or {}
        return ObjectType(name, details, self.details["DefaultExpirationDays"])
