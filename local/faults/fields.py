"""What every kind of fault has in common: when it applies, and how often."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from bulk_ingestion.times import DURATION_FORMS, parse_duration

_EPOCH = datetime(2000, 1, 1)


def _duration(value: Any) -> timedelta:
    return _EPOCH + parse_duration(value) - _EPOCH


def _pattern(value: Any) -> re.Pattern[str]:
    if not isinstance(value, str):
        raise ValueError("must be a regular expression in a string")
    try:
        return re.compile(value)
    except re.error as wrong:
        raise ValueError(f"{value!r} is not a regular expression: {wrong}") from None


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Pattern = Annotated[re.Pattern[str], BeforeValidator(_pattern)]


class Strict(BaseModel):
    """A JSON object in which an unknown key or a wrong type is an error."""

    model_config = ConfigDict(extra="forbid", strict=True, arbitrary_types_allowed=True)


class TimedFault(Strict):
    """A fault that applies from a time on, for a time."""

    From: Duration | None = Field(
        default=None, description=f"{DURATION_FORMS} after the faults were installed"
    )
    For: Duration | None = Field(default=None, description=DURATION_FORMS)


class CountedFault(TimedFault):
    """A fault that can name which of its matches it strikes; all by default."""

    Nth: int | None = Field(default=None, ge=1, description="a whole number, 1 or more")
    Always: Literal[True] | None = Field(default=None, description="true, or leave it out")
    Probability: float | None = Field(
        default=None, gt=0, le=1, description="a number more than 0 and at most 1"
    )
    Times: int | None = Field(default=None, ge=1, description="a whole number, 1 or more")
    Each: bool = Field(default=False, description="true or false")

    @model_validator(mode="after")
    def _strikes_in_one_way(self) -> CountedFault:
        if len({"Nth", "Always", "Probability"} & self.model_fields_set) > 1:
            raise ValueError("Nth, Always and Probability exclude each other; keep one")
        if self.Nth is not None and self.Times is not None:
            raise ValueError("Nth and Times exclude each other: the nth comes once")
        return self
