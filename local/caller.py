"""Who is calling: the role whose credentials a call inside the embedded cloud carries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

role: ContextVar[str | None] = ContextVar("role", default=None)
"""The ARN of the calling role; None for a client outside, who may do anything."""


@contextmanager
def acting_as(role_arn: str | None) -> Iterator[None]:
    """Make calls of this thread with the credentials of a role."""
    token = role.set(role_arn)
    try:
        yield
    finally:
        role.reset(token)
