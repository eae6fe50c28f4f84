"""Calls that fail in transport: botocore raises an error instead of returning an answer."""

from __future__ import annotations

from typing import Literal, get_args

from botocore import exceptions

BeforeSending = Literal[
    "ConnectTimeoutError",
    "ConnectionError",
    "EndpointConnectionError",
    "ProxyConnectionError",
    "SSLError",
]
"""Errors of a request that could not be sent."""
AfterSending = Literal[
    "ConnectionClosedError", "HTTPClientError", "ReadTimeoutError", "ResponseStreamingError"
]
"""Errors of a request that may have reached the service."""
TransportError = Literal[BeforeSending, AfterSending]

NAMES = sorted(get_args(TransportError))


def may_have_been_sent(name: TransportError) -> bool:
    """Return whether a call that fails with an error can have taken effect."""
    return name in get_args(AfterSending)


def error(name: TransportError, service: str) -> Exception:
    """Make an error of botocore's, as its HTTP client raises it."""
    url = f"https://{service}.amazonaws.com/"
    kind: type[exceptions.BotoCoreError] = getattr(exceptions, name)
    raised: Exception = kind(endpoint_url=url, proxy_url=url, error="a fault was injected")
    return raised
