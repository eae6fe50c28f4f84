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


def denial(role_arn: str | None, action: str, resource: str, is_explicit: bool = False) -> str:
    """Word the message of an AccessDenied error as AWS does.

    ``is_explicit``: a statement denies the action; otherwise, none allows it.
    """
    if is_explicit:
        why = "with an explicit deny in an identity-based policy"
    else:
        why = f"because no identity-based policy allows the {action} action"
    return (
        f"User: {_assumed(role_arn) if role_arn else 'anonymous'} is not authorized to perform: "
        f"{action} on resource: {resource} {why}"
    )


def _assumed(role_arn: str) -> str:
    _, partition, _, _, account, path = role_arn.split(":", 5)
    return f"arn:{partition}:sts::{account}:assumed-role/{path.rpartition('/')[2]}/embedded-cloud"
