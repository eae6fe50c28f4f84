"""Classifies the messages of failures by the phrases in ``failure_texts.json``.

AppFlow gives the source's message as the reason of a failed run, and Customer Profiles has no
specific error for a full domain. Each row of the table is a phrase in lower case, the kind of
failure, and the origin of the phrase: [D] documented by the vendor, [C] found in real code or
reports, [I] inferred from similar messages.
"""

from __future__ import annotations

import json
from enum import StrEnum
from functools import cache
from pathlib import Path


class Kind(StrEnum):
    """The kind of a failure."""

    SIZE = "Size"
    """The run was too large. The halves of its window may succeed."""
    TIME = "Time"
    """The source ended a request that took too long. The halves of its window take less time."""
    AUTHENTICATION = "Authentication"
    """The source refuses AppFlow's credentials."""
    RATE = "Rate"
    """The source is busy or unavailable. Waiting helps, but a smaller window does not."""
    FULL = "Full"
    """The domain has no free integration. This is an error of PutIntegration, not of runs."""


def says(kind: Kind, text: str) -> bool:
    """Whether a message contains a phrase of a kind."""
    lowered = text.lower()
    return any(phrase in lowered for phrase in phrases()[kind])


def is_known(text: str) -> bool:
    """Whether the message of a failed run contains any phrase of the table."""
    return any(says(kind, text) for kind in Kind if kind is not Kind.FULL)


@cache
def phrases() -> dict[Kind, list[str]]:
    """Give the phrases of each kind. The state machine searches for the same phrases."""
    rows = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
    return {kind: [row["Phrase"] for row in rows if row["Kind"] == kind] for kind in Kind}
