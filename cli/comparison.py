"""The source of an import, compared with the embedded domain: what is missing, and why."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.text import Text

from bulk_ingestion.flow import api_model, definitions
from bulk_ingestion.flow.windows import OVERLAPS
from bulk_ingestion.times import epoch_milliseconds as milliseconds
from bulk_ingestion.times import length, parse_duration, parse_instant
from local.services.entities import epoch_milliseconds
from local.services.simulation import Record
from local.services.tasks import mapped


@dataclass(frozen=True)
class Asked:
    """What an execution was asked to import, by the files of its run."""

    windows: tuple[tuple[int, int], ...]
    """The periods of its windows, half-open, in epoch milliseconds."""
    pulled_from: int | None
    """From when on the continuous integration pulls; None if there is none."""
    next_pull_from: int | None
    """From when on its next pull brings what has changed."""
    field: str | None
    """The field that they go by; None for files, which are all imported."""
    tasks: Sequence[Mapping[str, Any]]

    @classmethod
    def by(
        cls,
        request: Mapping[str, Any],
        items: Iterable[Mapping[str, Any]],
        next_pull_from: datetime | None = None,
    ) -> Asked:
        """Read ``request.json`` and ``plan.json``.

        ``next_pull_from`` is None if the continuous integration has not pulled yet.
        """
        definition = request["FlowDefinition"]
        overlap = length(parse_duration(request["Overlap"], OVERLAPS))
        begins = parse_instant(request["HandOff"]) - overlap
        pulled_from = milliseconds(begins) if request["Continue"] else None
        return cls(
            windows=tuple(
                (_instant(item["StartTime"]), _instant(item["EndTime"])) for item in items
            ),
            pulled_from=pulled_from,
            next_pull_from=milliseconds(next_pull_from) if next_pull_from else pulled_from,
            field=definitions.source_of(definition).datetime_field,
            tasks=api_model.respelled("appflow", "CreateFlowRequest", definition)["tasks"],
        )

    def is_for(self, changed: int) -> bool:
        """Whether a window, or the continuous integration, is to bring what changed then."""
        in_a_window = any(start <= changed < end for start, end in self.windows)
        return in_a_window or (self.pulled_from is not None and changed >= self.pulled_from)

    def comes_later(self, changed: int) -> bool:
        """Whether the next pull brings what changed then."""
        return self.next_pull_from is not None and changed >= self.next_pull_from


@dataclass(frozen=True)
class Ends:
    """Compares the records that the import asked for at the source with the domain."""

    source: int
    others: int
    """Records at the source from outside the imported period."""
    domain: int
    missing: int
    """Records at the source whose current values are not in the domain."""
    awaited: int
    """The missing records that the next pull fetches."""
    undated: int
    """The missing records without the field to pull by: they are in no window and in no pull."""
    strange: int
    """Objects in the domain whose values no record at the source has."""
    lost: Mapping[str, int]
    """How many objects the domain has rejected, evicted, or let expire, by reason."""

    @property
    def are_equal(self) -> bool:
        """Whether the domain equals the source, value by value."""
        return not self.missing and not self.strange

    @property
    def is_complete(self) -> bool:
        """Whether the domain lacks nothing but what the next pull brings."""
        return self.missing == self.awaited

    def decision(self) -> Text:
        """Describe the difference."""
        if self.are_equal:
            return Text("equal to the source, value by value")
        if self.is_complete and not self.strange:
            return Text(f"{self.awaited:,} more will come with the integration's next pull")
        return Text("\n".join(self._differences()), "red")

    def _differences(self) -> Iterator[str]:
        if never := self.missing - self.awaited:
            yield f"{_records(never)} missing or out of date, and no later pull brings that"
        if self.awaited:
            yield f"{self.awaited:,} more will come with the integration's next pull"
        if self.undated:
            yield f"{_records(self.undated)} without a value to pull by: no window has that"
        for reason, number in self.lost.items():
            objects = "1 object" if number == 1 else f"{number:,} objects"
            yield f"{objects} {_REASONS.get(reason, f'rejected: {reason}')}"
        if self.strange:
            yield f"{self.strange:,} unexpected"


_REASONS = {
    "evicted": "evicted from profiles that had too many",
    "expired": "expired",
    "no profile": "rejected: no profile matches, and the object type creates none",
}


def compare(
    asked: Asked, records: Iterable[Record], objects: Iterable[Record], lost: Mapping[str, int]
) -> Ends:
    """Compare a source's ``records`` with the ``objects`` of an object type of the domain."""
    wanted, others, late, undated = (Counter[str]() for _ in range(4))
    for record in records:
        text = _text(mapped(record, asked.tasks))
        value = record.get(asked.field) if asked.field else None
        changed = None if value is None else epoch_milliseconds(str(value))
        if asked.field is None:
            wanted[text] += 1
        elif changed is None:
            wanted[text] += 1
            undated[text] += 1
        elif asked.is_for(changed):
            wanted[text] += 1
            late[text] += asked.comes_later(changed)
        else:
            others[text] += 1
    landed = Counter(map(_text, objects))
    missing = wanted - landed
    return Ends(
        source=wanted.total(),
        others=others.total(),
        domain=landed.total(),
        missing=missing.total(),
        awaited=(missing & late).total(),
        undated=(missing & undated).total(),
        strange=(landed - wanted - others).total(),
        lost=dict(lost) if missing else {},
    )


def _records(number: int) -> str:
    return "1 record is" if number == 1 else f"{number:,} records are"


def _text(record: Record) -> str:
    return json.dumps(record, sort_keys=True)


def _instant(text: str) -> int:
    return milliseconds(parse_instant(text))
