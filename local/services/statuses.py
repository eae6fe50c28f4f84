"""HTTP statuses of errors, those included that a service's model does not know."""

from __future__ import annotations

from functools import lru_cache

from bulk_ingestion.flow import api_model

_UNMODELLED = (
    ("SlowDown", 503),
    ("ServiceUnavailable", 503),
    ("Throttl", 429),
    ("TooManyRequests", 429),
    ("RequestLimitExceeded", 429),
    ("Internal", 500),
    ("AccessDenied", 403),
    ("NotAuthorized", 403),
    ("ExpiredToken", 403),
    ("NotFound", 404),
    ("NoSuch", 404),
    ("Conflict", 409),
    ("ServiceQuotaExceeded", 402),
)
"""By what is in the error's code; 400 for any other."""


@lru_cache
def http_status(service: str, code: str) -> int:
    """Give the HTTP status of an error."""
    for shape in api_model.service_model(service).error_shapes:
        modelled = shape.metadata.get("error", {})
        if code in (shape.name, modelled.get("code")) and "httpStatusCode" in modelled:
            return int(modelled["httpStatusCode"])
    return next((status for part, status in _UNMODELLED if part in code), 400)
