"""Decides whether a fault strikes: when it applies, and which of its matches it means."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from local.faults.fields import CountedFault, TimedFault

Kind = TypeVar("Kind", bound=TimedFault)


@dataclass
class ActiveFault(Generic[Kind]):
    """An installed fault, with what it has matched and struck so far."""

    fault: Kind
    dice: str
    """What chance depends on: the spec's seed and the fault's place."""
    installed: datetime
    strikes: int = 0
    _begins: datetime | None = None
    _seen: Counter[str] = field(default_factory=Counter)
    _struck: Counter[str] = field(default_factory=Counter)

    @property
    def first(self) -> datetime:
        """When it applies first, if it does not wait for a match."""
        return self.installed + (self.fault.From or timedelta())

    def applies(self, at: datetime) -> bool:
        """Whether it applies at an instant. Without From, For counts from the first match."""
        if self._begins is None:
            waits = self.fault.From is None and isinstance(self.fault, CountedFault)
            self._begins = at if waits else self.first
        length = self.fault.For
        return self._begins <= at and (length is None or at < self._begins + length)

    def applied_between(self, since: datetime, until: datetime) -> bool:
        """Whether it applied at any moment of a period."""
        if self.applies(since) or self.applies(until):
            return True
        return self._begins is not None and since <= self._begins <= until

    def strikes_now(self, subject: str, at: datetime) -> bool:
        """Count one match, and say whether it is struck."""
        fault = self.fault
        if not self.applies(at) or not isinstance(fault, CountedFault):
            return False
        group = subject if fault.Each else ""
        self._seen[subject] += 1
        number = self._seen[subject] if fault.Each else self._seen.total()
        if fault.Nth not in (None, number) or self._struck[group] == fault.Times:
            return False
        # What chance says of a subject's nth match does not depend on what others do meanwhile.
        dice = random.Random(f"{self.dice}/{subject}/{self._seen[subject]}")
        if fault.Probability is not None and dice.random() >= fault.Probability:
            return False
        self._struck[group] += 1
        self.strikes += 1
        return True
