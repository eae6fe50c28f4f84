"""How messages show values, names, and what would change how they read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

_SHOWN = 80  # characters of a refused value that a message repeats
_SHORTEST_PART = 4  # characters of a word that is looked for within names
_NEAR = 0.7  # difflib's ratio: Kontakt is close to Contact (0.71), Case is not to Asset (0.67)

_MISLEADING = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f]"  # controls, but for tab and line feed
    r"|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"  # marks of the direction of text
    r"|[\u2028\u2029]"  # separators of lines and paragraphs
)


def visible(text: str) -> str:
    """Show characters that turn text round, or control a terminal, as ``[U+202E]``.

    The author of a record or a name at the source could otherwise change how a message reads.
    """
    return _MISLEADING.sub(lambda found: f"[U+{ord(found[0]):04X}]", text.replace("\r\n", "\n"))


def shown(value: Any) -> str:
    """Format a value as JSON (``true``, ``null``, ``"text"``), cut to 80 characters."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    text = text.encode(errors="replace").decode()  # JSON may contain half a surrogate pair
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def kind(value: Any) -> str:
    """Name the kind of a JSON value, as in "must be an object, not an array"."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    kinds = {str: "a string", int: "a number", float: "a number", dict: "an object"}
    return next((name for of, name in kinds.items() if isinstance(value, of)), "an array")


def nearest(word: Any, known: Iterable[str]) -> str | None:
    """Find the known name that is most similar to a word, ignoring case; None if none is close.

    A name that contains the word is close too: ``LastModifiedDate`` to ``Modified``.
    """
    names = {name.lower(): name for name in known}
    lower = str(word).lower()
    containing = [name for name in names if len(lower) >= _SHORTEST_PART and lower in name]
    close = [
        *get_close_matches(lower, names, n=1, cutoff=_NEAR),
        *get_close_matches(lower, containing, n=1, cutoff=0),
    ]
    return names[close[0]] if close else None


def did_you_mean(word: Any, known: Iterable[str]) -> str:
    """Suggest the known name that is close; if none is close, list all of them."""
    names = list(known)
    near = nearest(word, names)
    return f"did you mean {near}?" if near else f"it must be one of {', '.join(names)}"
