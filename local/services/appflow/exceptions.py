"""Exceptions raised by the appflow service."""

from moto.core.exceptions import ServiceException


class ValidationException(ServiceException):  # type: ignore[misc]
    """The request is not valid (400)."""

    code = "ValidationException"


class ResourceNotFoundException(ServiceException):  # type: ignore[misc]
    """Something that the request names does not exist (404)."""

    code = "ResourceNotFoundException"


class ConflictException(ServiceException):  # type: ignore[misc]
    """The request is against the state of things (409)."""

    code = "ConflictException"


class ServiceQuotaExceededException(ServiceException):  # type: ignore[misc]
    """The account has as many as it may have (402)."""

    code = "ServiceQuotaExceededException"


class UnsupportedOperationException(ServiceException):  # type: ignore[misc]
    """The operation does not go with this kind of flow (400)."""

    code = "UnsupportedOperationException"
