"""Images of an account with a stack just deployed, so that a process deploys the same one once.

A test suite has hundreds of embedded clouds that begin alike. Moto's backends hold all of their
state, so a copy of them is another such cloud, and costs a fraction of the calls that made it.
"""

from __future__ import annotations

import copy
from collections.abc import Hashable
from dataclasses import dataclass
from threading import Condition
from typing import Any

from moto.core.base_backend import BackendDict
from moto.sqs.models import SQSBackend

from local.account import ACCOUNT
from local.stack.stack import Stack

_MOST = 4
_UNUSED = ("ssm", "sts")
"""Moto creates their backends by itself; nothing here stores anything in them."""


@dataclass(frozen=True)
class Image:
    """What the account's backends hold, and the stack that is deployed there."""

    backends: list[tuple[BackendDict[Any], str, Any]]
    """Of a service, a Region or partition, and the backend."""
    stack: Stack


_images: dict[Hashable, Image] = {}


def restore(key: Hashable) -> Stack | None:
    """Fill the account as it was when it was stored; None, and nothing done, if it never was."""
    image = _images.get(key)
    if image is None:
        return None
    copied = _copied(image)
    for of_service, region, backend in copied.backends:
        of_service[ACCOUNT][region] = backend
    return copied.stack


def store(key: Hashable, stack: Stack) -> None:
    """Store the account as it is. Only the latest few images are stored."""
    if len(_images) == _MOST:
        del _images[next(iter(_images))]
    used = [services for services in BackendDict._instances if services.service_name not in _UNUSED]
    found = [
        (services, region, backend)
        for services in used
        for account, region, backend in services.iter_backends()
        if account == ACCOUNT
    ]
    _images[key] = _copied(Image(found, stack))


def _copied(image: Image) -> Image:
    shared: dict[int, Any] = {id(services): services for services, _, _ in image.backends}
    for _, _, backend in image.backends:
        if isinstance(backend, SQSBackend):  # a lock can't be copied
            queues = backend.queues.values()
            shared |= {id(queue._messages_lock): Condition() for queue in queues}
    return copy.deepcopy(image, shared)
