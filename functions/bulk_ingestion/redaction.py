"""Secrets stay out of what is written for people."""

from __future__ import annotations

import re
from typing import Any

LEFT_OUT = "(left out)"

_SECRET = re.compile("secret|password|token|credential", re.IGNORECASE)


def without_secrets(value: Any) -> Any:
    """Give a JSON value in which everything under a key named like a secret is left out."""
    if isinstance(value, dict):
        return {
            key: LEFT_OUT if _SECRET.search(str(key)) else without_secrets(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [without_secrets(item) for item in value]
    return value
