"""Exceptions raised by the customer-profiles service."""

from moto.core.exceptions import ServiceException


class BadRequestException(ServiceException):  # type: ignore[misc]
    """The input is not valid (400)."""

    code = "BadRequestException"


class ResourceNotFoundException(ServiceException):  # type: ignore[misc]
    """What was asked for does not exist, or access was denied (404)."""

    code = "ResourceNotFoundException"
