"""Contacts at the source, for tests that need certain ones."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tests.machine.machine import NOW


def contact(key: str, changed: str | datetime, **fields: str) -> dict[str, Any]:
    if isinstance(changed, datetime):
        changed = changed.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"
    return {"Id": key, "LastModifiedDate": changed, **fields}


def spread(count: int, days: int = 200) -> list[dict[str, Any]]:
    """Give contacts that changed at even intervals over the last days."""
    return [
        contact(f"{n:05}", NOW - timedelta(days=days * (n + 0.5) / count)) for n in range(count)
    ]
