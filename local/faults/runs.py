"""Flow runs that misbehave: they fail, never end, appear late, or deliver less than there is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from bulk_ingestion.times import DURATION_FORMS
from local.faults.fields import CountedFault, Duration, Pattern, Strict
from local.services.simulation import Conduct, Record, RunOutcome

_NOTHING = timedelta()
_OTHER_RUNS = 100  # the most that one page of a flow's runs holds


class RunMatch(Strict):
    """Which runs a fault means."""

    Flow: Pattern = Field(
        default=re.compile(""), description="a regular expression on the flow's name"
    )


class RunMisbehaves(CountedFault):
    """A flow run that does not go well."""

    Run: RunMatch = Field(description='an object, {"Flow": "a regular expression"} or {}')
    Ends: Literal["Error", "Never"] | None = Field(default=None, description="Error or Never")
    Message: str | None = Field(default=None, min_length=1, description="a text")
    AppearsAfter: Duration | None = Field(default=None, description=DURATION_FORMS)
    OnLaterPage: Literal[True] | None = Field(default=None, description="true, or leave it out")
    CutAt: int | None = Field(default=None, ge=0, description="a whole number, 0 or more")
    PutFailures: int | None = Field(default=None, ge=1, description="a whole number, 1 or more")
    Takes: Duration | None = Field(default=None, description=DURATION_FORMS)

    EFFECTS: ClassVar = ("Ends", "AppearsAfter", "OnLaterPage", "CutAt", "PutFailures", "Takes")
    AFTER_AN_END: ClassVar = ("CutAt", "PutFailures", "Takes")

    @model_validator(mode="after")
    def _has_an_effect(self) -> RunMisbehaves:
        if not any(getattr(self, name) for name in self.EFFECTS) and self.CutAt is None:
            raise ValueError(f"says nothing of what happens; give one of {', '.join(self.EFFECTS)}")
        if self.Message is not None and self.Ends != "Error":
            raise ValueError("Message is for a run that Ends in Error")
        useless = [name for name in self.AFTER_AN_END if getattr(self, name) is not None]
        if self.Ends == "Never" and useless:
            raise ValueError(f"a run that Ends Never has no use for {', '.join(useless)}")
        return self


def conduct(faults: Sequence[RunMisbehaves]) -> Conduct:
    """Give how a run behaves that all these faults strike."""
    return Conduct(
        takes=next((fault.Takes for fault in faults if fault.Takes is not None), None),
        ends=all(fault.Ends != "Never" for fault in faults),
        appears_after=max((fault.AppearsAfter or _NOTHING for fault in faults), default=_NOTHING),
        listed_behind=_OTHER_RUNS if any(fault.OnLaterPage for fault in faults) else 0,
    )


def outcome(faults: Sequence[RunMisbehaves], records: list[tuple[str, Record]]) -> RunOutcome:
    """Give how a run ends that all these faults strike, and that pulled these records."""
    cuts = [fault.CutAt for fault in faults if fault.CutAt is not None]
    failed = [fault for fault in faults if fault.Ends == "Error"]
    if failed:
        message = failed[0].Message or "The run failed because a fault was asked for."
        return RunOutcome(records[: min(cuts, default=0)], "Error", message)
    records = records[: min(cuts, default=None)]
    not_put = min(len(records), sum(fault.PutFailures or 0 for fault in faults))
    return RunOutcome(records[: len(records) - not_put], put_failures=not_put)
