"""Checks the tags of an input against AWS's rules.

The models of AppFlow and Customer Profiles have fewer rules than AWS's general rules for tags
(https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html), and
AppFlow's patterns allow only ASCII. What is valid here is valid for all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bulk_ingestion.flow.api_model import Problem
from bulk_ingestion.flow.names import OUR_TAGS
from bulk_ingestion.wording import kind, shown

MOST = 50 - len(OUR_TAGS)
"""The largest number of the user's own tags. AWS allows 50 on a resource, with this stack's own."""

_LONGEST_KEY, _LONGEST_VALUE = 128, 256
_KEY = re.compile(r"[a-zA-Z0-9+\-=._:/]+")
_VALUE = re.compile(r"[a-zA-Z0-9_\s+\-=.:/@]*", re.ASCII)


def check(tags: Mapping[str, Any]) -> Iterator[Problem]:
    """Find what is wrong with each tag, and with their number."""
    if len(tags) > MOST:
        yield Problem(
            "Tags", f"has {len(tags)} tags; AWS allows 50, of which {MOST} can be your own"
        )
    for key, value in tags.items():
        yield from (Problem("Tags", f"{shown(key)} {wrong}") for wrong in _wrong(key, value))


def _wrong(key: str, value: Any) -> Iterator[str]:
    if key in OUR_TAGS:
        yield "is a tag that this stack sets; remove it"
    elif key.lower().startswith("aws:"):
        yield 'begins with "aws:", which is reserved for AWS'
    elif not 1 <= len(key) <= _LONGEST_KEY:
        yield f"has {len(key)} characters; a key must have 1 to {_LONGEST_KEY}"
    elif not _KEY.fullmatch(key):
        yield "is not a key that AppFlow accepts; use letters (A-Z, a-z), digits and + - = . _ : /"
    if not isinstance(value, str):
        yield f"has {kind(value)} as its value; it must be a string"
    elif len(value) > _LONGEST_VALUE:
        yield f"has a value of {len(value)} characters; a value must have at most {_LONGEST_VALUE}"
    elif not _VALUE.fullmatch(value):
        yield (
            f"has the value {shown(value)}, which AppFlow does not accept; use letters (A-Z, a-z), "
            "digits, spaces and + - = . _ : / @"
        )
