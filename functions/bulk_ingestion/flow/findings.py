"""What is found in AWS before a flow is created: what prevents it, and what is worth a warning."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError


@dataclass(frozen=True)
class Finding:
    """A result of the preflight: an error if it is fatal, a warning otherwise."""

    text: str
    fatal: bool = True
    error: str = ""
    """The name of the AWS error, if that is the reason."""


class _Unanswered:
    """The result of a lookup that failed."""


UNANSWERED = _Unanswered()


def ask(found: list[Finding], what: str, question: Callable[..., Any], *about: Any) -> Any:
    """Look something up in AWS. If that fails, add a warning: the import may still succeed.

    Only if the source refuses the connection is the finding fatal.
    """
    try:
        return question(*about)
    except ClientError as error:
        problem = error.response["Error"]
        if problem["Code"] == "ConnectorAuthenticationException":
            text = (
                f"The source refuses the connection: {problem['Message']} "
                "Reconnect it in AppFlow (Connections)."
            )
            found.append(Finding(text, error=problem["Code"]))
        else:
            text = f"The preflight could not check {what}: {problem['Code']}: {problem['Message']}"
            found.append(Finding(text, fatal=False))
        return UNANSWERED
