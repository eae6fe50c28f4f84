"""The errors that an execution can end in, by the names that the console shows."""

from __future__ import annotations

import json


class InvalidInput(Exception):  # noqa: N818
    """The execution's input cannot be run; every problem is named. Nothing was created."""


class PreflightFailed(Exception):  # noqa: N818
    """AWS does not have what the input needs; every finding is named. Nothing was created."""


class WindowsFailed(Exception):  # noqa: N818
    """Some windows are not complete; a redrive runs these alone."""


class FlowNameTaken(Exception):  # noqa: N818
    """The continuous integration's flow name belongs to a flow that this stack did not make."""


class IntegrationNotReady(Exception):  # noqa: N818
    """The continuous integration or its flow could not be seen after it was created."""


class CleanUpIncomplete(Exception):  # noqa: N818
    """Something that an execution left behind could not be removed; Lambda tries again."""


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
