"""How CreateStateMachine refuses a definition."""

from __future__ import annotations

from moto.core.exceptions import AWSError


class InvalidDefinition(AWSError):  # type: ignore[misc]  # noqa: N818 - AWS's name
    """CreateStateMachine's error; moto's own reaches the client without its code."""

    TYPE = "InvalidDefinition"
    STATUS = 400


class Refused(Exception):  # noqa: N818
    """What is wrong with a definition, and where: ``REASON: what at /States/Name/Field``."""

    def __init__(self, code: str, what: str, where: str = "") -> None:
        super().__init__(f"{code}: {what}" + (f" at {where}" if where else ""))
        self.code = code
        self.what = what
        self.where = where


def schema_problem(what: str, where: str = "") -> Refused:
    """Make the refusal of something that is not Amazon States Language."""
    return Refused("SCHEMA_VALIDATION_FAILED", what, where)


def transition_problem(what: str, where: str) -> Refused:
    """Make the refusal of a transition."""
    return Refused("MISSING_TRANSITION_TARGET", what, where)
