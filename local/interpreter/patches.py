"""Putting replacements into moto, and taking them out again."""

from __future__ import annotations

from typing import Any

_MISSING = object()


class Patches:
    """Attributes of moto that were replaced, with what stood there before."""

    def __init__(self) -> None:
        self._replaced: list[tuple[Any, str, Any]] = []

    def put(self, owner: Any, name: str, replacement: Any) -> None:
        """Replace an attribute, or add one that is absent."""
        self._replaced.append((owner, name, vars(owner).get(name, _MISSING)))
        setattr(owner, name, replacement)

    def undo(self) -> None:
        """Put back what stood there."""
        while self._replaced:
            owner, name, before = self._replaced.pop()
            if before is _MISSING:
                delattr(owner, name)
            else:
                setattr(owner, name, before)
