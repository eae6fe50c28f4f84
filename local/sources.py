"""The applications that flows read from: dated records that may change while a run goes on."""

from __future__ import annotations

import json
import random
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from bulk_ingestion import api_model
from local import simulation
from local.simulation import Record

_DATA = Path(__file__).with_name("entities.json")
_KEY_NAMES = ("id", "sys_id")
_POOL = 200  # different values that a made-up field takes
_BURSTS = 5  # moments at which many records changed at once
_IN_BURSTS = 0.2  # the share of the records that did
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
    """A field of an entity, as DescribeConnectorEntity tells it."""

    name: str
    type: str
    is_primary_key: bool = False
    is_timestamp: bool = False
    is_retrievable: bool = True
    fake: str | tuple[str, ...] | None = None
    target: str | None = None
    content: str | None = None


@dataclass(frozen=True)
class Entity:
    """An object of an application: its fields, and how records of it are made up."""

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
            fake=tuple(fake) if isinstance(fake, list) else fake,
            target=spec.get("target"),
            content=spec.get("content"),
        )
    return Entity(name, data["primaryKey"], fields, timestamp_format, data.get("templateId"), data)


def derived_entity(name: str, records: Iterable[Mapping[str, Any]]) -> Entity:
    """Tell an entity from its records.

    Its key is the field called Id, id or sys_id, or else the first one. A field whose every
    value is a date and time is a timestamp.
    """
    values: dict[str, list[Any]] = {}
    for record in records:
        for field_name, value in record.items():
            values.setdefault(field_name, []).append(value)
    key = next((n for n in values if n.lower() in _KEY_NAMES), next(iter(values), "Id"))
    fields = {}
    for field_name, given in values.items():
        dated = field_name != key and all(
            isinstance(value, str) and epoch_milliseconds(value) is not None for value in given
        )
        fields[field_name] = Field(
            field_name, "datetime" if dated else "string", field_name == key, dated
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
        instant = api_model.to_datetime(text)
    except ValueError:
        return None
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


class Source:
    """One object of one application. Records go in and come out as copies.

    Unless it is loaded, its records are made up when they are first needed.
    """

    def __init__(
        self,
        known: Entity | None,
        name: str,
        make_up: Callable[[], list[Record]],
        settle: Callable[[], None],
    ) -> None:
        self._known = known
        self._settle = settle
        self._name = name
        self._make_up: Callable[[], list[Record]] | None = make_up
        self._by_key: dict[str, Record] = {}
        self._indexes: dict[str, list[tuple[int, str]]] = {}
        self._entity: Entity | None = None

    @property
    def entity(self) -> Entity:
        """The description of the object: what is known of it, and what the records have besides."""
        if self._entity is None:
            known, records = self._known, self._held().values()
            if known is None:
                self._entity = derived_entity(self._name, records)
            else:
                unknown = ({n: r[n] for n in r if n not in known.fields} for r in records)
                others = derived_entity(self._name, unknown).fields.values()
                extra = {f.name: replace(f, is_primary_key=False) for f in others}
                self._entity = replace(known, fields={**known.fields, **extra})
        return self._entity

    def load(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Replace everything with these records.

        Raises ValueError, and changes nothing, when one of them has no key.
        """
        with self._changing():
            held, self._by_key = self._by_key, {}
            try:
                self._store([dict(record) for record in records])
            except ValueError:
                self._by_key = held
                raise
            self._make_up = None

    def put(self, *records: Mapping[str, Any]) -> None:
        """Add records, or replace those with the same key."""
        with self._changing():
            self._held()
            self._store([dict(record) for record in records])

    def delete(self, *keys: str) -> None:
        """Remove records by their keys; an unknown key is no error."""
        with self._changing():
            for key in keys:
                self._held().pop(str(key), None)
            self._forget()

    def records(self) -> list[Record]:
        """Give everything, in the order in which it came."""
        with self._changing():
            return [dict(record) for record in self._held().values()]

    def count(
        self,
        field_name: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> int:
        """Count the records, or those whose field lies in [start, end)."""
        with self._changing():
            if field_name is None:
                return len(self._held())
            low, high = _bound(start), _bound(end)
            moments = [moment for moment, _ in self._index(field_name)]
            first = 0 if low is None else bisect_left(moments, low)
            return (len(moments) if high is None else bisect_left(moments, high)) - first

    def between(self, field_name: str, low: int | None, high: int | None) -> list[Record]:
        """Give, not copied, the records whose field lies in [low, high] epoch milliseconds."""
        index = self._index(field_name)
        first = 0 if low is None else bisect_left(index, (low, ""))
        last = len(index) if high is None else bisect_right(index, high, key=lambda entry: entry[0])
        return [self._by_key[key] for _, key in index[first:last]]

    def everything(self) -> list[Record]:
        """Give, not copied, all records."""
        return list(self._held().values())

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with simulation.current.changing():
            self._settle()
            yield

    def _held(self) -> dict[str, Record]:
        if self._make_up is not None:
            make_up, self._make_up = self._make_up, None
            self._store(make_up())
        return self._by_key

    def _store(self, records: Sequence[Record]) -> None:
        if self._known:
            key = self._known.primary_key
        else:
            key = derived_entity(self._name, [*self._by_key.values(), *records]).primary_key
        for record in records:
            if record.get(key) in (None, ""):
                raise ValueError(f"A record of {self._name} has no {key}: {record!r:.200}")
            self._by_key[str(record[key])] = record
        self._forget()

    def _forget(self) -> None:
        self._indexes = {}
        self._entity = None

    def _index(self, field_name: str) -> list[tuple[int, str]]:
        if field_name not in self._indexes:
            moments = (
                (epoch_milliseconds(str(record.get(field_name) or "")), key)
                for key, record in self._held().items()
            )
            self._indexes[field_name] = sorted(
                (moment, key) for moment, key in moments if moment is not None
            )
        return self._indexes[field_name]


def _bound(instant: datetime | None) -> int | None:
    return None if instant is None else epoch_milliseconds(instant.isoformat())


class Sources:
    """All sources of one account, by connector profile and object.

    ``connector_of`` tells the connector type of a profile, None for a profile that there is not.
    ``settle`` completes the runs that are due, which have to see a source as it was.
    """

    def __init__(
        self, connector_of: Callable[[str], str | None], settle: Callable[[], None]
    ) -> None:
        self._connector_of = connector_of
        self._settle = settle
        self._sources: dict[tuple[str, str], Source] = {}
        self._born = simulation.current.clock.now()

    def get(self, profile: str, name: str) -> Source:
        """Find the source for an object of a connector profile; there always is one."""
        with simulation.current.changing():
            if (profile, name) not in self._sources:
                known = known_entities(self._connector_of(profile) or "").get(name)
                self._sources[profile, name] = Source(
                    known,
                    name,
                    lambda: made_up(known, self._born, profile) if known else [],
                    self._settle,
                )
            return self._sources[profile, name]

    def describe(self, profile: str, name: str) -> Entity | None:
        """Describe an object; None for one that is neither featured nor loaded."""
        entity = self.get(profile, name).entity
        if lost := simulation.current.lost_fields(profile, name):
            fields = {key: known for key, known in entity.fields.items() if key not in lost}
            entity = replace(entity, fields=fields)
        return entity if entity.fields else None

    def names(self, profile: str) -> list[str]:
        """List the objects that a connector profile offers."""
        loaded = {name for owner, name in self._sources if owner == profile}
        offered = sorted(loaded | set(known_entities(self._connector_of(profile) or "")))
        return [name for name in offered if self.describe(profile, name)]


def made_up(entity: Entity, until: datetime, salt: str) -> list[Record]:
    """Make up records that changed in the years before an instant: the same ones every time."""
    from faker import Faker  # it takes long to import, and a loaded source does without

    knobs = simulation.current.knobs
    seed = f"{knobs.seed}/{salt}/{entity.name}"
    dice = random.Random(seed)
    faker = Faker()
    faker.seed_instance(seed)
    pools = {
        name: list(fake)
        if isinstance(fake, tuple)
        else [str(getattr(faker, fake)()) for _ in range(_POOL)]
        for name, fake in ((field.name, field.fake) for field in entity.fields.values())
        if fake
    }
    span = timedelta(days=365.25 * knobs.made_up_years)
    bursts = [dice.random() for _ in range(_BURSTS)]
    records = []
    for number in range(knobs.made_up_records):
        age = dice.random()
        if dice.random() < _IN_BURSTS:
            age = min(0.999999, dice.choice(bursts) + dice.random() * 1e-5)
        modified = until - timedelta(milliseconds=1) - span * age
        created = modified - timedelta(days=400) * dice.random()
        record: Record = {name: dice.choice(pool) for name, pool in pools.items()}
        record[entity.primary_key] = entity.template["key"].format(1001 + number)
        record[entity.template["created"]] = entity.format(created)
        for name in entity.template["modified"]:
            record[name] = entity.format(modified)
        records.append({name: record[name] for name in entity.fields if name in record})
    return records
