"""Removes secrets from what is written for people."""

from __future__ import annotations

import re
from typing import Any

OMITTED = "(omitted)"

_SECRET = re.compile("secret|password|token|credential", re.IGNORECASE)


def without_secrets(value: Any) -> Any:
    """Give a JSON value without the values of keys whose names suggest a secret."""
    if isinstance(value, dict):
        return {
            key: OMITTED if _SECRET.search(str(key)) else without_secrets(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [without_secrets(item) for item in value]
    return value
