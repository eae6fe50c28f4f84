"""AWS's cron expressions: six fields, as in ``cron(0 2 * * ? *)``.

The fields and their special characters are those of Amazon EventBridge's user guide
(https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html). They are
parsed here because aws-croniter, the library for this dialect, refuses ``LW`` and steps of years,
and its messages do not say what AWS accepts. The tests compare this parser with the library.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from bulk_ingestion.wording import shown

_FORM = re.compile(r"cron\((.*)\)", re.DOTALL)
_ITEM = re.compile(r"(?:\*|(\w+)(?:-(\w+))?)(?:/(\d{1,4}))?", re.ASCII)
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


@dataclass(frozen=True)
class _Field:
    """One of the six fields, and what AWS accepts in it."""

    name: str
    least: int
    most: int
    names: tuple[str, ...] = ()
    """The names of the numbers, starting with ``least``."""
    alone: str = ""
    """A pattern of the values that are not numbers. Such a value is the whole field."""
    characters: str = ", - * /"

    def numbers(self, text: str) -> frozenset[int] | None:
        """Parse the numbers of a field; None for values such as ``?`` and ``L``.

        Raises ValueError if AWS does not accept the text.
        """
        text = text.upper()
        if self.alone and re.fullmatch(self.alone, text, re.ASCII):
            return None
        try:
            return frozenset(number for item in text.split(",") for number in self._range(item))
        except ValueError:
            names = f" or {self.names[0]}-{self.names[-1]}" if self.names else ""
            raise ValueError(
                f"has {shown(text)} as its {self.name}; AWS accepts {self.least}-{self.most}"
                f"{names}, with {self.characters}"
            ) from None

    def _range(self, item: str) -> range | list[int]:
        found = _ITEM.fullmatch(item)
        if found is None or (found[3] and "/" not in self.characters):
            raise ValueError
        first, last, step = found.groups()
        start = self._number(first) if first else self.least
        end = self._number(last) if last else start if first and not step else self.most
        every = int(step or 1)
        if not 1 <= every <= self.most:
            raise ValueError
        if start <= end:
            return range(start, end + 1, every)
        size = self.most - self.least + 1  # FRI-MON wraps around
        return [(at - self.least) % size + self.least for at in range(start, end + size + 1, every)]

    def _number(self, text: str) -> int:
        number = self.names.index(text) + self.least if text in self.names else int(text)
        if not self.least <= number <= self.most:
            raise ValueError
        return number


_FIELDS = (
    _Field("minutes", 0, 59),
    _Field("hours", 0, 23),
    _Field(
        "day-of-month",
        1,
        31,
        alone=r"\?|L|LW|L-([1-9]|[12]\d|30)|(0?[1-9]|[12]\d|3[01])W",
        characters=", - * ? / L W",
    ),
    _Field("month", 1, 12, _MONTHS),
    _Field(
        "day-of-week",
        1,
        7,
        _DAYS,
        alone=rf"\?|L|([1-7]|{'|'.join(_DAYS)})(L|#[1-5])",
        characters=", - * ? L #",
    ),
    _Field("year", 1970, 2199),
)


@dataclass(frozen=True)
class Cron:
    """A parsed cron expression: the numbers of its fields.

    A field for days is None if it is not a set of numbers (``?``, ``L``, ``2#1``).
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int] | None
    months: frozenset[int]
    weekdays: frozenset[int] | None
    years: frozenset[int]

    @property
    def least_interval(self) -> timedelta:
        """The shortest time from one run to the next, at most an hour."""
        minutes = sorted(self.minutes)
        gaps = [later - earlier for earlier, later in pairwise(minutes)]
        if any((hour + 1) % 24 in self.hours for hour in self.hours):
            gaps.append(minutes[0] + 60 - minutes[-1])
        return timedelta(minutes=min([60, *gaps]))

    def runs_from(self, year: int) -> bool:
        """Whether it runs on any day of a year or later."""
        later = [each for each in self.years if each >= year]
        if self.days is None:
            return bool(later)
        return any(
            min(self.days) <= calendar.monthrange(each, month)[1]
            for each in later
            for month in self.months
        )


def parse(expression: str) -> Cron:
    """Parse ``cron(...)``.

    Raises ValueError with a clause that says what is wrong.
    """
    form = _FORM.fullmatch(expression)
    given = form[1].split(" ") if form else []
    if len(given) != len(_FIELDS):
        names = " ".join(field.name for field in _FIELDS)
        raise ValueError(f"does not have six fields with one space between them ({names})")
    fields = [field.numbers(text) for field, text in zip(_FIELDS, given, strict=True)]
    if (given[2] == "?") == (given[4] == "?"):
        raise ValueError("must have a ? as either its day-of-month or its day-of-week")
    return Cron(*fields)  # type: ignore[arg-type]  # only the days may be None


def meant(expression: str) -> str | None:
    """Give the expression that a text probably means, with ``cron(...)`` and ``?`` added.

    Five fields are read as in Unix, unless the day of the week is a number, because Unix counts
    those differently. None if the text is something else.
    """
    form = _FORM.fullmatch(expression)
    given = (form[1] if form else expression).split()
    if len(given) == len(_FIELDS) - 1 and not given[4].isdigit():
        given = [*given, "*"]
    if len(given) != len(_FIELDS):
        return None
    days = (2, 4)
    if "?" not in (given[at] for at in days):
        anyday = next((at for at in reversed(days) if given[at] == "*"), None)
        if anyday:
            given[anyday] = "?"
    return f"cron({' '.join(given)})"
