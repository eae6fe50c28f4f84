"""Generated records: what a source holds unless it is loaded."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache

from local.services import simulation
from local.services.entities import Entity
from local.services.simulation import Record

_POOL = 200  # different values that a generated field takes
_BURSTS = 5  # moments at which many records changed at once
_IN_BURSTS = 0.2  # the share of the records that did


def generate(entity: Entity, until: datetime, salt: str) -> list[tuple[Record, datetime]]:
    """Generate records that changed in the years before an instant: the same ones every time.

    Gives pairs of a record and when it changed last.
    """
    knobs = simulation.current.knobs
    seed = f"{knobs.seed}/{salt}/{entity.name}"
    same = _generated(entity, until, seed, knobs.made_up_years, knobs.made_up_records)
    return [(dict(record), changed) for record, changed in same]


@lru_cache(maxsize=8)
def _generated(
    entity: Entity, until: datetime, seed: str, years: float, number_of_records: int
) -> list[tuple[Record, datetime]]:
    dice = random.Random(seed)
    pools = _pools(seed, tuple((f.name, f.fake) for f in entity.fields.values() if f.fake))
    span = timedelta(days=365.25 * years)
    bursts = [dice.random() for _ in range(_BURSTS)]
    records = []
    for number in range(number_of_records):
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
        records.append(({name: record[name] for name in entity.fields if name in record}, modified))
    return records


@lru_cache
def _pools(
    seed: str, fields: tuple[tuple[str, str | tuple[str, ...]], ...]
) -> dict[str, Sequence[str]]:
    """Give the values that each field takes: those that it names, or some that Faker makes."""
    from faker import Faker  # it takes long to import, and a loaded source does without

    faker = Faker()
    faker.seed_instance(seed)
    return {
        name: fake
        if isinstance(fake, tuple)
        else [str(getattr(faker, fake)()) for _ in range(_POOL)]
        for name, fake in fields
    }
