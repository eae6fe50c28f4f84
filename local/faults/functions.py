"""Functions that fail, or answer late, whatever their handlers do."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field, model_validator

from bulk_ingestion.times import DURATION_FORMS
from local.faults.fields import CountedFault, Duration, Pattern
from local.services.simulation import Invocation


class FunctionFails(CountedFault):
    """A Lambda function that fails, or whose answer comes late."""

    Function: Pattern = Field(description="a regular expression on the function's name")
    Ends: Literal["TimedOut", "OutOfMemory", "Exited", "Unknown", "ClientTimeout"] | None = Field(
        default=None, description="TimedOut, OutOfMemory, Exited, Unknown or ClientTimeout"
    )
    Takes: Duration | None = Field(default=None, description=DURATION_FORMS)
    Moment: Literal["Before", "After"] = Field(
        default="Before", description="Before or After its handler took effect"
    )

    @model_validator(mode="after")
    def _has_an_effect(self) -> FunctionFails:
        if self.Ends is None and self.Takes is None:
            raise ValueError("says nothing of what happens; give one of Ends, Takes")
        if self.Ends == "TimedOut" and self.Takes is not None:
            raise ValueError("a function that is TimedOut takes its own Timeout; leave Takes out")
        return self

    @property
    def invocation(self) -> Invocation:
        """How the invocations that it strikes go."""
        return Invocation(
            ends=self.Ends,
            takes=self.Takes or timedelta(),
            moment="before" if self.Moment == "Before" else "after",
        )
