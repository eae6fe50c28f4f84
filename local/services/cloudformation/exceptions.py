"""Exceptions raised by the cloudformation service."""

from moto.core.exceptions import ServiceException


class ValidationError(ServiceException):  # type: ignore[misc]
    """The request is not valid, or names a stack that does not exist (400)."""

    code = "ValidationError"
