"""A domain and everything in it: object types, integrations, and the objects that have landed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local.services.age import Age
from local.services.entities import featured
from local.services.knobs import Knobs
from local.services.simulation import Record

from .object_types import ObjectType
from .objects import ObjectStore, Reason
from .profiles import PREDEFINED, described, predefined
from .templates import template

Answer = dict[str, Any]

_NOT_SAVED = {"PROFILE", "LOOKUP_ONLY"}
"""Identifiers of keys whose values only the profile has, or nothing."""


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
        rules = self.object_type(object_type)
        put = ((record, self.objects.put(rules, key, record, at)) for key, record in records)
        return [(record, reason) for record, reason in put if reason]

    def profile(self, profile_id: str) -> Answer | None:
        """Give a profile as its objects describe it; None if there is none of that ID."""
        found = self.objects.profiles().get(profile_id)
        if found is None:
            return None
        objects = self.objects.of_profile(found)
        return described(profile_id, [(self.object_type(name), put) for name, _, put in objects])

    def search(self, key: str, values: Iterable[str]) -> set[str] | None:
        """Give the IDs of the profiles that any value of a key finds; None for an unknown key."""
        profiles, asked = self.objects.profiles(), set(values)
        if key in PREDEFINED:
            answers = {name: self.profile(name) or {} for name in profiles}
            return {name for name, answer in answers.items() if predefined(key, answer) & asked}
        types = {name: self.object_type(name) for name in {*self.object_types, *featured()}}
        if not any(key == defined.name for kind in types.values() for defined in kind.keys):
            return None
        return {
            name
            for name, profile in profiles.items()
            if any((key, value) in profile.keys for value in asked)
            or any(
                defined.value(record) in asked
                for of_type, _, record in self.objects.of_profile(profile)
                for defined in types[of_type].keys
                if defined.name == key and not _NOT_SAVED & defined.identifiers
            )
        }

    def object_type(self, name: str) -> ObjectType:
        """Give what an object type says of its objects, or the template in its place."""
        details = self.object_types.get(name) or template(name) or {}
        return ObjectType(name, details, self.details["DefaultExpirationDays"])
