"""Clients of the embedded cloud: made once for each process, since making one takes long."""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

_making = threading.Lock()
_CONFIG = Config(
    retries={"total_max_attempts": 1},
    max_pool_connections=100,
    inject_host_prefix=False,  # moto does not know TestState's host, sync-states
    user_agent="embedded-cloud",  # botocore's own is put together anew for each call
)


def client(service: str, region: str) -> Any:
    """Give the boto3 client of a service, which has nobody's credentials and does not retry."""
    with _making:  # a session makes one client at a time
        return _client(service, region)


@cache
def _client(service: str, region: str) -> Any:
    return _session().client(service, region_name=region, config=_CONFIG)  # type: ignore[call-overload]


@cache
def _session() -> boto3.Session:
    return boto3.Session("nobody", "nobody")
