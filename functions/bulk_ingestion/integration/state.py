"""The stored state of each continuous integration, in ``integrations/<flow name>.json``.

Customer Profiles never returns an integration's FlowDefinition (GetIntegration), and AppFlow
deletes a flow's runs with the flow. Both are stored here, to repair an integration without a gap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import TypedDict

from bulk_ingestion.aws.folder import ConflictingWrite, Folder
from bulk_ingestion.flow.target import Target, TargetJson
from bulk_ingestion.flow.windows import OVERLAPS
from bulk_ingestion.integration.coverage import Coverage
from bulk_ingestion.integration.identity import digest, pulls_the_same
from bulk_ingestion.times import iso, iso_duration, length, parse_duration, parse_instant

_LEASE = timedelta(minutes=45)  # longer than a repair with its retries, shorter than an hour
_TRIES = 5
_DIGESTS = 8  # definitions of an integration whose coverage is stored
_CUTS = 5_000


@dataclass(frozen=True)
class Lease:
    """One check's exclusive right to an integration, so that no two repair it at the same time."""

    by: str
    """The name of the check's execution."""
    until: datetime
    backfill: bool = False
    """Whether a bulk ingestion imports what is missing, because it is too much for one pull."""
    unanswered: bool = False
    """Whether a notification of the check may have been sent, because SNS did not answer."""


@dataclass(frozen=True)
class Repair:
    """One repair: when it started, and the end of the last pull before it."""

    at: datetime
    since: datetime
    notified: bool = False
    """Whether it is complete and the notification was sent."""


@dataclass(frozen=True)
class Checkpoint:
    """What a repair needs: the target of an integration, and the end of its last pull."""

    target: Target
    pulled_until: datetime
    """The end of the last successful pull."""
    overlap: timedelta
    """How far pulls look back, because records may become readable later than their timestamps."""


@dataclass(frozen=True)
class State:
    """The state of one continuous integration."""

    flow_name: str
    checkpoint: Checkpoint | None = None
    """None if this stack did not create the integration, or has not stored it yet."""
    repairs: tuple[Repair, ...] = ()
    """The repairs of the last day, the latest last."""
    problem: str = ""
    """What you have to do, as in the last notification."""
    lease: Lease | None = None
    imported: Mapping[str, Coverage] = field(default_factory=dict)
    """What has been imported, by the digest of the target, the latest last."""
    cuts: tuple[datetime, ...] = ()
    """The instants at which windows that were too large were split, in order."""
    etag: str | None = None
    """The version of the file that was read; None if there is no file yet."""

    @property
    def pulled_until(self) -> datetime | None:
        """The end of the last successful pull; None if it is unknown."""
        return self.checkpoint.pulled_until if self.checkpoint else None

    @property
    def ever_imported(self) -> Coverage:
        """What has been imported, whatever the target was."""
        return Coverage.of(period for known in self.imported.values() for period in known.periods)

    def imported_by(self, target: Target) -> Coverage:
        """Give what has been imported by targets with the same digest."""
        return self.imported.get(digest(target), Coverage())

    def with_imported(self, target: Target, coverage: Coverage) -> State:
        """Add what a target has imported, and drop what the oldest definitions have imported.

        Customer Profiles replaces objects as a whole. So what other targets had imported in the
        same period is no longer there as they had imported it.
        """
        this = digest(target)
        merged = self.imported_by(target) | coverage
        others = {
            key: left
            for key, known in self.imported.items()
            if key != this and (left := known - coverage).periods
        }
        kept = dict(islice(others.items(), max(0, len(others) + 1 - _DIGESTS), None))
        return replace(self, imported={**kept, this: merged})

    def with_cuts(self, instants: Iterable[datetime]) -> State:
        """Add instants at which windows were split. Only the latest ones are kept, if many."""
        return replace(self, cuts=tuple(sorted({*self.cuts, *instants})[-_CUTS:]))

    def free_for(self, check: str, now: datetime) -> bool:
        """Whether no other check has a lease."""
        return self.lease is None or self.lease.by == check or self.lease.until <= now

    def leased(
        self, check: str, now: datetime, backfill: bool = False, unanswered: bool = False
    ) -> State:
        """Give the state with a lease for a check."""
        return replace(self, lease=Lease(check, now + _LEASE, backfill, unanswered))


class _CheckpointJson(TargetJson):
    PulledUntil: str
    Overlap: str


class _RepairJson(TypedDict):
    At: str
    Since: str
    Notified: bool


class _LeaseJson(TypedDict):
    By: str
    Until: str
    Backfill: bool
    Unanswered: bool


class StateJson(TypedDict):
    """The content of a state's file."""

    Checkpoint: _CheckpointJson | None
    Repairs: list[_RepairJson]
    Problem: str
    Lease: _LeaseJson | None
    Imported: dict[str, list[tuple[str, str]]]
    Cuts: list[str]


def folder(bucket: str) -> Folder:
    """Give the folder of all states."""
    return Folder(bucket, "integrations")


def read(bucket: str, flow_name: str) -> State:
    """Read the state of an integration. If there is no file, the state has only the name."""
    written: StateJson | None
    written, etag = folder(bucket).read_version(f"{flow_name}.json")
    return parsed(flow_name, written, etag) if written else State(flow_name)


def parsed(flow_name: str, written: StateJson, etag: str | None = None) -> State:
    """Give the state of an integration from the content of its file."""
    checkpoint, lease = written["Checkpoint"], written["Lease"]
    return State(
        flow_name=flow_name,
        checkpoint=checkpoint
        and Checkpoint(
            Target.from_json(checkpoint),
            parse_instant(checkpoint["PulledUntil"]),
            length(parse_duration(checkpoint["Overlap"], OVERLAPS)),
        ),
        repairs=tuple(
            Repair(parse_instant(repair["At"]), parse_instant(repair["Since"]), repair["Notified"])
            for repair in written["Repairs"]
        ),
        problem=written["Problem"],
        lease=lease
        and Lease(
            lease["By"], parse_instant(lease["Until"]), lease["Backfill"], lease["Unanswered"]
        ),
        imported={key: Coverage.from_json(known) for key, known in written["Imported"].items()},
        cuts=tuple(map(parse_instant, written["Cuts"])),
        etag=etag,
    )


def write(bucket: str, state: State) -> State:
    """Write a state, and give it with its new version.

    Raises ConflictingWrite if another function has written it since it was read.
    """
    checkpoint, lease = state.checkpoint, state.lease
    value: StateJson = {
        "Checkpoint": {
            **checkpoint.target.to_json(),
            "PulledUntil": iso(checkpoint.pulled_until),
            "Overlap": iso_duration(checkpoint.overlap),
        }
        if checkpoint
        else None,
        "Repairs": [
            {"At": iso(repair.at), "Since": iso(repair.since), "Notified": repair.notified}
            for repair in state.repairs
        ],
        "Problem": state.problem,
        "Lease": {
            "By": lease.by,
            "Until": iso(lease.until),
            "Backfill": lease.backfill,
            "Unanswered": lease.unanswered,
        }
        if lease
        else None,
        "Imported": {key: known.to_json() for key, known in state.imported.items()},
        "Cuts": [iso(instant) for instant in state.cuts],
    }
    etag = folder(bucket).replace(f"{state.flow_name}.json", value, state.etag)
    return replace(state, etag=etag)


def names(bucket: str) -> list[str]:
    """Name the flows of all integrations that have a state."""
    return [name.removesuffix(".json") for name in folder(bucket).names()]


def update(
    bucket: str, flow_name: str, change: Callable[[State], State], latest: State | None = None
) -> State:
    """Change a state even if others write it at the same time, and give it with its new version.

    ``latest`` is the state as it was read a moment ago, if it was. Raises ConflictingWrite if
    others wrote it in each try.
    """
    for tries_left in reversed(range(_TRIES)):
        known, latest = latest or read(bucket, flow_name), None
        changed = change(known)
        if changed == known:
            return known
        try:
            return write(bucket, changed)
        except ConflictingWrite:
            if not tries_left:
                raise
    raise AssertionError("unreachable")


def rivals(bucket: str, flow_name: str, target: Target) -> list[str]:
    """Name the other integrations of this stack that pull the same records into the same type."""
    return [
        name
        for name, other in _targets(bucket).items()
        if name != flow_name and pulls_the_same(other, target)
    ]


def all_rivals(bucket: str) -> dict[str, list[str]]:
    """Name the integrations that pull the same records as others, with those others."""
    targets = _targets(bucket)
    found = {
        name: [other for other in targets if other != name and pulls_the_same(targets[other], own)]
        for name, own in targets.items()
    }
    return {name: others for name, others in found.items() if others}


def _targets(bucket: str) -> dict[str, Target]:
    known = zip(names(bucket), folder(bucket).read_all(""), strict=True)
    return {
        name: Target.from_json(written["Checkpoint"])
        for name, written in known
        if written["Checkpoint"]
    }
