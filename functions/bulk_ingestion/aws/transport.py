"""Calls that AWS did not answer, after botocore's own retries, because the network failed."""

from __future__ import annotations

from botocore.exceptions import (
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
)

NO_ANSWER = (ConnectionError, HTTPClientError, IncompleteReadError, FlexibleChecksumError)
"""What botocore raises if a request was not sent, or its answer did not arrive completely.

Timeouts, refused and closed connections, TLS, proxies, and streams are all subclasses of these. The
request may have taken effect.
"""

CALL_FAILED = (ClientError, *NO_ANSWER)
"""What a call raises, whether AWS answered with an error or did not answer."""
