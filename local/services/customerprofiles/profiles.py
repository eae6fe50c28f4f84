"""What a profile says of a customer: the fields of its objects, by the fields' targets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from local.services.simulation import Record

from .object_types import ObjectType, read

Answer = dict[str, Any]

_PREFIX = "_profile."
_OF_ANY_TYPE = {
    "_account": ("AccountNumber",),
    "_phone": ("PhoneNumber", "MobilePhoneNumber", "HomePhoneNumber", "BusinessPhoneNumber"),
    "_email": ("EmailAddress", "PersonalEmailAddress", "BusinessEmailAddress"),
}
"""Predefined keys that every profile has, with the members that they search.

https://docs.aws.amazon.com/customerprofiles/latest/APIReference/API_SearchProfiles.html
"""
PREDEFINED = frozenset({*_OF_ANY_TYPE, "_fullName", "_profileId"})
"""The names of the keys that need no object type."""


def described(profile_id: str, objects: Iterable[tuple[ObjectType, Record]]) -> Answer:
    """Give a profile as SearchProfiles and BatchGetProfile do.

    ``objects`` are the profile's, the oldest first: where several have a field, the latest counts.
    """
    answer: Answer = {"ProfileId": profile_id}
    for object_type, record in objects:
        for field in object_type.details.get("Fields", {}).values():
            target = field.get("Target", "")
            if target.startswith(_PREFIX) and (value := read(field["Source"], record)):
                *path, last = target.removeprefix(_PREFIX).split(".")
                inner = answer
                for part in path:
                    inner = inner.setdefault(part, {})
                inner[last] = value
    return answer


def predefined(name: str, profile: Mapping[str, Any]) -> set[str]:
    """Give the values by which a profile is found under a predefined key."""
    if name == "_profileId":
        return {profile["ProfileId"]}
    if name == "_fullName":
        parts = [profile.get(f"{part}Name", "") for part in ("First", "Middle", "Last")]
        return {" ".join(filter(None, parts))}
    return {profile[member] for member in _OF_ANY_TYPE[name] if member in profile}
