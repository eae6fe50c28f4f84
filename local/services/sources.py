"""The applications that flows read from: dated records that may change while a run goes on."""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from local.services import simulation
from local.services.entities import Entity, derived_entity, epoch_milliseconds, known_entities
from local.services.generated import generate
from local.services.simulation import Record

FILE_TIME = ""
"""In place of a field's name: when the source stored a record, which is a file's own time."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, order=True)
class _Pending:
    """A record that can be read only from an instant on."""

    readable_at: datetime
    key: str = field(compare=False)
    record: Record = field(compare=False)


class Source:
    """One object of one application. Records go in and come out as copies.

    Unless it is loaded, its records are generated when they are first needed. ``settle`` completes
    the runs that are due, which have to read it as it was.
    """

    visibility_lag: timedelta | None = None
    """How long after its stamp a record becomes readable, at most: each draws its own. None for
    what the knob and the faults say."""

    def __init__(
        self,
        profile: str,
        name: str,
        known: Entity | None,
        generated: Callable[[], Iterable[tuple[Record, datetime]]],
        settle: Callable[[], None],
    ) -> None:
        self.known = known
        """The object, if it is one of the application's own."""
        self._profile = profile
        self._name = name
        self._generated: Callable[[], Iterable[tuple[Record, datetime]]] | None = generated
        self._settle = settle
        self._by_key: dict[str, Record] = {}
        self._stored: dict[str, int] = {}
        self._pending: list[_Pending] = []
        self._indexes: dict[str, list[tuple[int, str]]] = {}
        self._entity: Entity | None = None

    # For tests and commands

    def load(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Replace everything with these records.

        Raises ValueError, and changes nothing, if one of them has no key.
        """
        with self._changing():
            before = self._by_key, self._stored, self._pending, self._generated
            self._by_key, self._stored, self._pending, self._generated = {}, {}, [], None
            try:
                self._store([dict(record) for record in records])
            except ValueError:
                self._by_key, self._stored, self._pending, self._generated = before
                raise
            finally:
                self._forget()

    def put(self, *records: Mapping[str, Any], readable_at: datetime | None = None) -> None:
        """Add records, or replace those with the same key.

        They can be read from ``readable_at`` on, or else after the source's lag; until then, the
        records that they replace are read.
        """
        with self._changing():
            self._held()
            self._store([dict(record) for record in records], readable_at)

    def delete(self, *keys: str) -> None:
        """Remove records by their keys; an unknown key is no error."""
        with self._changing():
            for key in keys:
                self._held().pop(str(key), None)
            self._pending = [late for late in self._pending if late.key not in keys]
            self._forget()

    def records(self) -> list[Record]:
        """Give everything that can be read now, in the order in which it came."""
        with self._changing():
            return [dict(record) for record in self._held().values()]

    def count(
        self,
        field_name: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> int:
        """Count the records that can be read now, or those whose field lies in [start, end)."""
        with self._changing():
            if field_name is None:
                return len(self._held())
            low, high = _milliseconds(start), _milliseconds(end)
            moments = [moment for moment, _ in self._index(field_name)]
            first = 0 if low is None else bisect_left(moments, low)
            return (len(moments) if high is None else bisect_left(moments, high)) - first

    # For runs

    @property
    def entity(self) -> Entity:
        """The description of the object: what is known of it, and what the records have besides."""
        if self._entity is None:
            known, records = self.known, self._held().values()
            if known is None:
                self._entity = derived_entity(self._name, records)
            else:
                unknown = ({n: r[n] for n in r if n not in known.fields} for r in records)
                others = derived_entity(self._name, unknown).fields.values()
                extra = {f.name: replace(f, is_primary_key=False) for f in others}
                self._entity = replace(known, fields={**known.fields, **extra})
        return self._entity

    def as_of(self, at: datetime) -> Source:
        """Give the source as it can be read at an instant, which is not before the last one."""
        due = bisect_right(self._pending, at, key=lambda late: late.readable_at)
        for late in self._pending[:due]:
            self._hold(late.key, late.record, late.readable_at)
        del self._pending[:due]
        return self

    def between(self, field_name: str, low: int | None, high: int | None) -> list[Record]:
        """Give, not copied, the records whose field lies in [low, high] epoch milliseconds.

        ``field_name`` may be :data:`FILE_TIME`.
        """
        index = self._index(field_name)
        first = 0 if low is None else bisect_left(index, (low, ""))
        last = len(index) if high is None else bisect_right(index, high, key=lambda entry: entry[0])
        return [self._by_key[key] for _, key in index[first:last]]

    def everything(self) -> list[Record]:
        """Give, not copied, all records."""
        return list(self._held().values())

    # Inside

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with simulation.current.changing():
            self._settle()
            self.as_of(simulation.current.now())
            yield

    def _held(self) -> dict[str, Record]:
        if self._generated is not None:
            generated, self._generated = self._generated, None
            for record, changed in generated():
                self._store([record], stored_at=changed)
        return self._by_key

    def _store(
        self,
        records: Sequence[Record],
        readable_at: datetime | None = None,
        stored_at: datetime | None = None,
    ) -> None:
        if self.known:
            key = self.known.primary_key
        else:
            key = derived_entity(self._name, [*self._by_key.values(), *records]).primary_key
        now = simulation.current.now()
        for record in records:
            if record.get(key) in (None, ""):
                raise ValueError(f"A record of {self._name} has no {key}: {record!r:.200}")
            name = str(record[key])
            at = readable_at or self._readable_at(name, record)
            if at is None or at <= now:
                self._hold(name, record, stored_at or now)
            else:
                insort(self._pending, _Pending(at, name, record))

    def _hold(self, key: str, record: Record, at: datetime) -> None:
        self._by_key[key] = record
        self._stored[key] = (at - _EPOCH) // timedelta(milliseconds=1)
        self._forget()

    def _readable_at(self, key: str, record: Record) -> datetime | None:
        """Draw when a record becomes readable: the same each time; None if it is not dated."""
        lag = self.visibility_lag
        if lag is None:
            lag = simulation.current.visibility_lag(self._profile, self._name)
        if not lag:
            return None
        known = self.known.fields.values() if self.known else ()
        names = [field.name for field in known if field.is_timestamp] or list(record)
        stamps = (epoch_milliseconds(str(record.get(name) or "")) for name in names)
        stamp = max((stamp for stamp in stamps if stamp is not None), default=None)
        if stamp is None:
            return None
        seed = f"{simulation.current.knobs.seed}/{self._profile}/{self._name}/{key}/{stamp}"
        return _EPOCH + timedelta(milliseconds=stamp) + lag * random.Random(seed).random()

    def _forget(self) -> None:
        self._indexes = {}
        self._entity = None

    def _index(self, field_name: str) -> list[tuple[int, str]]:
        if field_name not in self._indexes:
            held = self._held()
            moments = (
                ((moment, key) for key, moment in self._stored.items() if key in held)
                if field_name == FILE_TIME
                else (
                    (moment, key)
                    for key, record in held.items()
                    if (moment := epoch_milliseconds(str(record.get(field_name) or ""))) is not None
                )
            )
            self._indexes[field_name] = sorted(moments)
        return self._indexes[field_name]


def _milliseconds(instant: datetime | None) -> int | None:
    return None if instant is None else epoch_milliseconds(instant.isoformat())


class Sources:
    """All sources of one account, by connector profile and object.

    ``connector_of`` gives the connector type of a profile, None for a profile that does not exist.
    """

    def __init__(
        self, connector_of: Callable[[str], str | None], settle: Callable[[], None]
    ) -> None:
        self.connector_of = connector_of
        self._settle = settle
        self._sources: dict[tuple[str, str], Source] = {}
        self._born = simulation.current.now()

    def get(self, profile: str, name: str) -> Source:
        """Find the source for an object of a connector profile; there always is one.

        A source without a profile has its connector type in place of it: ``get("S3",
        "bucket/prefix")``.
        """
        with simulation.current.changing():
            if (profile, name) not in self._sources:
                known = known_entities(self.connector_of(profile) or "").get(name)
                self._sources[profile, name] = self._source(profile, name, known)
            return self._sources[profile, name]

    def make_up(self, profile: str, entity: Entity) -> None:
        """Have an object's records generated from a description, in place of those it has."""
        with simulation.current.changing():
            self._sources[profile, entity.name] = self._source(profile, entity.name, entity)

    def _source(self, profile: str, name: str, known: Entity | None) -> Source:
        return Source(
            profile,
            name,
            known,
            lambda: generate(known, self._born, profile) if known else (),
            self._settle,
        )

    def describe(self, profile: str, name: str) -> Entity | None:
        """Describe an object; None for one that is neither featured nor loaded."""
        entity = self.get(profile, name).as_of(simulation.current.now()).entity
        if lost := simulation.current.lost_fields(profile, name):
            fields = {key: known for key, known in entity.fields.items() if key not in lost}
            entity = replace(entity, fields=fields)
        return entity if entity.fields else None

    def names(self, profile: str) -> list[str]:
        """List the objects that a connector profile offers."""
        loaded = {name for owner, name in self._sources if owner == profile}
        offered = sorted(loaded | set(known_entities(self.connector_of(profile) or "")))
        return [name for name in offered if self.describe(profile, name)]
