"""Calls about resources that may have been deleted in the meantime."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from bulk_ingestion.aws.transport import CALL_FAILED

NOT_FOUND = ("ResourceNotFoundException",)
NOT_FOUND_OR_DENIED = (*NOT_FOUND, "AccessDeniedException")
"""IAM allows calls by a resource's tags. A deleted resource has none, so the call is denied."""


def unless_gone(
    operation: Callable[..., Any], /, *, gone: tuple[str, ...] = NOT_FOUND, **request: Any
) -> Any:
    """Call an operation and give its answer; None if it raises one of the error codes ``gone``."""
    try:
        return operation(**request)
    except ClientError as error:
        if error.response["Error"]["Code"] in gone:
            return None
        raise


def delete(operation: Callable[..., Any], /, exists: Callable[[], bool], **request: Any) -> bool:
    """Call an operation that deletes a resource. Raises its error only if that still exists.

    The resource may have been deleted with another one, or by a call whose answer was lost. Gives
    False then: the call found nothing to delete.
    """
    try:
        operation(**request)
    except CALL_FAILED:
        if exists():
            raise
        return False
    return True
