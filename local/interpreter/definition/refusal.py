"""How CreateStateMachine refuses a definition."""

from __future__ import annotations

from moto.core.exceptions import AWSError


class InvalidDefinition(AWSError):  # type: ignore[misc]  # noqa: N818 - AWS's name
    """CreateStateMachine's error; moto's own reaches the client without its code."""

    TYPE = "InvalidDefinition"
    STATUS = 400


class Refused(Exception):  # noqa: N818
    """What is wrong with a definition, and where: ``REASON: what at /States/Name/Field``."""


def schema_problem(what: str, where: str) -> Refused:
    """Make the refusal of something that is not Amazon States Language."""
    return Refused(f"SCHEMA_VALIDATION_FAILED: {what} at {where}")


def transition_problem(what: str, where: str) -> Refused:
    """Make the refusal of a transition."""
    return Refused(f"MISSING_TRANSITION_TARGET: {what} at {where}")
