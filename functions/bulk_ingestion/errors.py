"""The errors that an execution can end in, by the names that the console shows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class InvalidInput(Exception):  # noqa: N818
    """The execution's input is not valid. The message names every problem. Nothing was created."""


def invalid_input(lines: Iterable[str]) -> InvalidInput:
    """Give the error that names every problem, each on its own line."""
    named = sorted(set(lines))
    count = "One problem" if len(named) == 1 else f"{len(named)} problems"
    heading = f"{count} in the execution's input. Nothing was created."
    return InvalidInput("\n".join([heading, *named]))


class PreflightFailed(Exception):  # noqa: N818
    """AWS does not have what the input needs. The message names it all. Nothing was created."""


class WindowsFailed(Exception):  # noqa: N818
    """Some windows are not complete. A redrive runs only these."""


class FlowNameTaken(Exception):  # noqa: N818
    """The continuous integration's flow name belongs to a flow that this stack did not make."""


class IntegrationNotReady(Exception):  # noqa: N818
    """The continuous integration was created, but it or its flow is not visible yet."""


class DomainFull(Exception):  # noqa: N818
    """The domain has no free integration. The message is Customer Profiles'."""


class CleanUpIncomplete(Exception):  # noqa: N818
    """Something that an execution left behind could not be removed. Lambda tries again."""


class TransportFailed(Exception):  # noqa: N818
    """A call got no answer, after botocore's own retries, because the network failed."""


def systemic(name: str, cause: str) -> Exception:
    """Build an exception that ends the execution under the real name of an AWS error.

    Lambda reports an exception's class name as the error, so ``name`` becomes one, dots included
    (``Appflow.ConnectorAuthenticationException``).
    """
    error: Exception = type(name, (Exception,), {})(cause)
    return error


def explain(cause: str) -> str:
    """Take the message out of what Lambda reports as the cause of an error."""
    try:
        return str(json.loads(cause)["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return cause
