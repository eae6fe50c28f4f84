"""The objects of a domain: which profile each belongs to, and how long it stays.

How objects find their profiles and which are evicted is documented in
https://docs.aws.amazon.com/connect/latest/adminguide/profile-matching.html and
https://docs.aws.amazon.com/connect/latest/adminguide/customer-profiles-data-limits.html.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Literal

from local.services import simulation
from local.services.entities import epoch_milliseconds
from local.services.simulation import Record

from .object_types import ObjectType

Reason = Literal["no unique key", "no profile key", "no profile"]
"""Why an object is not stored: all fields of the key are empty, or no profile matches and the
object type creates none."""

_Place = tuple[str, str]
"""Where an object is: its type and its unique key."""

_Values = Mapping[tuple[str, str], frozenset[str]]
"""The identifiers of profile keys, by the key's name and an object's value of it."""


@dataclass
class Profile:
    """A profile: the values by which objects find it, and its objects in the order they came."""

    id: str
    keys: set[tuple[str, str]] = field(default_factory=set)
    places: dict[_Place, None] = field(default_factory=dict)


@dataclass
class _Stored:
    record: Record
    profile: Profile
    expires_at: datetime
    first_put_at: datetime


@dataclass
class Objects:
    """What has become of the objects of one type that were put, by unique key."""

    stored: dict[str, _Stored] = field(default_factory=dict)
    puts: Counter[str] = field(default_factory=Counter)
    rejected: Counter[Reason] = field(default_factory=Counter)
    evicted: int = 0
    expired: int = 0


@dataclass(frozen=True)
class Statistics:
    """A domain's counts, as GetDomain has them."""

    objects: int
    profiles: int
    size: int
    """Bytes, about."""


class ObjectStore:
    """All objects of a domain."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._types: dict[str, Objects] = defaultdict(Objects)
        self._limits: dict[str, int] = {}
        self._by_key: dict[tuple[str, str], dict[str, Profile]] = defaultdict(dict)
        self._expirations: list[tuple[datetime, int, _Place]] = []
        self._numbers = count()
        self._profiles: dict[str, Profile] = {}
        self._profile_numbers = count(1)
        self._objects = 0
        self._size = 0
        self._earlier: list[tuple[datetime, Statistics]] = [(_EVER, Statistics(0, 0, 0))]

    def of_type(self, name: str) -> Objects:
        """Give the objects of a type, without those that have expired."""
        self._expire(simulation.current.now())
        return self._types[name]

    def profiles(self) -> Mapping[str, Profile]:
        """Give the profiles by ID, without those whose objects have all expired."""
        self._expire(simulation.current.now())
        return self._profiles

    def of_profile(self, profile: Profile) -> list[tuple[str, str, Record]]:
        """Give a profile's objects, the oldest first: type, unique key and record of each."""
        return [(name, key, self._types[name].stored[key].record) for name, key in profile.places]

    def delete(self, name: str, key: str) -> None:
        """Delete an object, which must exist, by its type and its unique key."""
        self._remove((name, key))
        self._note(simulation.current.now())

    def statistics(self) -> Statistics:
        """Count the objects, as they were a lag ago that a knob sets."""
        now = simulation.current.now()
        self._expire(now)
        known_until = now - simulation.current.knobs.statistics_lag
        known = [statistics for at, statistics in self._earlier if at <= known_until]
        return known[-1]

    def put(
        self, object_type: ObjectType, source_key: str, record: Record, at: datetime
    ) -> Reason | None:
        """Store an object, in place of the one with the same unique key.

        Gives the reason if it is not stored. ``source_key`` identifies it where its type has no
        unique key.
        """
        self._expire(at)
        objects = self._types[object_type.name]
        key = object_type.unique.value(record) if object_type.unique else source_key
        values = _profile_values(object_type, record)
        profile = self._match(values)
        if reason := _refusal(object_type, key, values, profile):
            objects.rejected[reason] += 1
            return reason
        profile = self._found_by(values, profile)
        self._store(objects, object_type, key, record, profile, at)
        self._evict(profile, object_type.name)
        self._note(at)
        return None

    def _match(self, values: _Values) -> Profile | None:
        """Find the profile that an object belongs to, by the first key that only one has."""
        matches = (self._by_key[value] for value in values if value in self._by_key)
        return next((next(iter(match.values())) for match in matches if len(match) == 1), None)

    def _found_by(self, values: _Values, profile: Profile | None) -> Profile:
        """Have a profile, or a new one, found by the keys of an object."""
        found = profile or Profile(f"{next(self._profile_numbers):032x}")
        self._profiles[found.id] = found
        for value, identifiers in values.items():
            is_kept = profile is None or "NEW_ONLY" not in identifiers
            if is_kept and "LOOKUP_ONLY" not in identifiers:
                found.keys.add(value)
                self._by_key[value][found.id] = found
        return found

    def _store(
        self,
        objects: Objects,
        object_type: ObjectType,
        key: str,
        record: Record,
        profile: Profile,
        at: datetime,
    ) -> None:
        place = (object_type.name, key)
        before = objects.stored.get(key)
        first_put_at = before.first_put_at if before else at
        if before:
            self._remove(place, keeping=profile)
        renews = simulation.current.knobs.expiration_counts_from == "last put"
        expires_at = (at if renews else first_put_at) + object_type.keeps
        objects.stored[key] = _Stored(dict(record), profile, expires_at, first_put_at)
        objects.puts[key] += 1
        profile.places[place] = None
        self._objects += 1
        self._size += _size(record)
        heapq.heappush(self._expirations, (expires_at, next(self._numbers), place))
        if object_type.limit is not None:
            self._limits[object_type.name] = object_type.limit

    def _evict(self, profile: Profile, incoming: str) -> None:
        """Make room in a profile that has more objects than it may have.

        The oldest object goes of the type that is furthest over its own limit, or else of the type
        that came in.
        """
        while len(profile.places) > simulation.current.knobs.objects_per_profile:
            counted = Counter(name for name, _ in profile.places)
            over = {
                name: counted[name] - self._limits[name]
                for name in counted
                if counted[name] > self._limits.get(name, counted[name])
            }
            name = max(over, key=lambda found: over[found]) if over else incoming
            of_type = [place for place in profile.places if place[0] == name]
            if simulation.current.knobs.oldest_object == "by its own date":
                of_type.sort(key=lambda place: _dated(self._types[name].stored[place[1]].record))
            self._remove(of_type[0])
            self._types[name].evicted += 1

    def _expire(self, now: datetime) -> None:
        while self._expirations and self._expirations[0][0] <= now:
            expired_at, _, place = heapq.heappop(self._expirations)
            name, key = place
            stored = self._types[name].stored.get(key)
            if stored and stored.expires_at == expired_at:
                self._remove(place)
                self._types[name].expired += 1
                self._note(expired_at)

    def _remove(self, place: _Place, keeping: Profile | None = None) -> None:
        """Remove an object, and its profile with its last object, unless that is to be kept."""
        name, key = place
        stored = self._types[name].stored.pop(key)
        profile = stored.profile
        del profile.places[place]
        self._objects -= 1
        self._size -= _size(stored.record)
        if not profile.places and profile is not keeping:
            del self._profiles[profile.id]
            for found in profile.keys:
                del self._by_key[found][profile.id]
                if not self._by_key[found]:
                    del self._by_key[found]

    def _note(self, at: datetime) -> None:
        statistics = Statistics(self._objects, len(self._profiles), self._size)
        if simulation.current.knobs.statistics_lag:
            self._earlier.append((at, statistics))
        else:
            self._earlier = [(_EVER, statistics)]


def _profile_values(object_type: ObjectType, record: Record) -> _Values:
    """Give the values of an object's profile keys, without those that are empty."""
    return {
        (key.name, value): key.identifiers
        for key in object_type.profile_keys
        if (value := key.value(record))
    }


def _refusal(
    object_type: ObjectType, key: str, values: _Values, profile: Profile | None
) -> Reason | None:
    if not key:
        return "no unique key"
    if not values:
        return "no profile key"
    return "no profile" if profile is None and not object_type.creates_profiles else None


_EVER = datetime.fromisoformat("0001-01-02T00:00:00+00:00")


def _size(record: Mapping[str, object]) -> int:
    return sum(len(str(value)) for value in record.values())


def _dated(record: Mapping[str, object]) -> int:
    """Give the latest date and time in a record, in epoch milliseconds; 0 if it has none."""
    moments = (epoch_milliseconds(str(value)) for value in record.values())
    return max((moment for moment in moments if moment is not None), default=0)
