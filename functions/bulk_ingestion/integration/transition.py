"""Decides whether a continuous integration is created, kept, or replaced without a gap."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bulk_ingestion.aws.observed import Flow
from bulk_ingestion.flow import definitions
from bulk_ingestion.flow.target import Target
from bulk_ingestion.flow.windows import BULK_BEGINS
from bulk_ingestion.integration.coverage import Coverage, Period
from bulk_ingestion.integration.identity import differences
from bulk_ingestion.times import iso

_USABLE = ("Active", "Draft")  # a Draft was created but not started yet


class Action(StrEnum):
    """What is done with an integration."""

    CREATE = "CREATED"
    KEEP = "KEPT"
    REPLACE = "REPLACED"


@dataclass(frozen=True)
class Transition:
    """What is done with an integration, and why."""

    action: Action
    continues_from: datetime
    """The instant before which everything is imported, as far as it was asked for."""
    changes: tuple[str, ...] = ()
    """The reasons why it is replaced, in words."""


@dataclass(frozen=True)
class Rest:
    """What the user's own windows do not import."""

    gaps: tuple[Period, ...]
    """The periods to cut into windows, in order of time."""
    hand_off: datetime
    """The instant from which the continuous integration imports."""


def decide(
    flow: Flow | None,
    is_registered: bool,
    target: Target,
    hand_off: datetime,
    imported: Coverage,
    pulled_until: datetime | None,
) -> Transition:
    """Decide what to do with an integration, given the ``flow`` that AWS has under its name.

    ``imported`` is what a target with the same digest has imported. ``pulled_until`` is the end of
    the existing integration's last pull, if it is known. The integration never pulls again what
    was imported. Otherwise it starts no later than ``hand_off``.
    """
    if flow is None:
        return Transition(Action.CREATE, imported.covered_until(hand_off))
    begins = definitions.begins(flow)
    reached = pulled_until or begins or hand_off
    continues_from = imported.covered_until(min(hand_off, reached))
    changes = differences(flow, target)
    if not changes and not (is_registered and _works(flow)):
        changes = ["it did not work"]
    if not changes and (begins is None or imported.covered_until(hand_off) < begins):
        since = iso(begins) if begins else "an unknown time"
        changes = [f"pulls what has changed since {iso(hand_off)}, not only since {since}"]
    if changes:
        return Transition(Action.REPLACE, continues_from, tuple(changes))
    return Transition(Action.KEEP, reached)


def _works(flow: Flow) -> bool:
    return flow["flowStatus"] in _USABLE


def rest(
    flow: Flow | None,
    is_registered: bool,
    target: Target,
    imported: Coverage,
    end: datetime,
    now: datetime,
) -> Rest:
    """Give what must be imported between the ``end`` of the user's own windows and ``now``.

    An integration that is kept imports only what comes after its start. Everything before it that
    is not imported needs windows. Otherwise the integration starts where the import ends, if one
    pull may reach back that far.
    """
    if flow and is_registered and _works(flow) and not differences(flow, target):
        begins = definitions.begins(flow) or now
        return Rest((imported | Coverage.of([(begins, now)])).gaps(end, now), now)
    begins = imported.covered_until(end)
    if begins >= now - BULK_BEGINS:
        return Rest((), begins)
    return Rest(imported.gaps(end, now), now)
