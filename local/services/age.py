"""Eventual consistency: whether a service knows a resource already that it created."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from moto.core.exceptions import ServiceException

from local import caller
from local.services import simulation
from local.services.knobs import Young


@dataclass
class Age:
    """When a resource was created, and how often each operation has asked about it since."""

    created_at: datetime
    _asked: Counter[str] = field(default_factory=Counter)

    def is_young(self, young: Young, operation: str) -> bool:
        """Count a call of an operation about the resource, and say whether it comes too early."""
        if young.operations and operation not in young.operations:
            return False
        self._asked[operation] += 1
        age = simulation.current.now() - self.created_at
        return self._asked[operation] <= young.calls or age < young.lasts

    def refuse_if_young(
        self, young: Young, action: str, resource: str, not_found: str, bad_request: str
    ) -> None:
        """Raise the error for a call that comes too early.

        ``action`` is the operation's, such as ``appflow:StartFlow``, ``resource`` an ARN,
        ``not_found`` the message of a ResourceNotFoundException, and ``bad_request`` the code of
        the service's error for an invalid request.
        """
        if not self.is_young(young, action.partition(":")[2]):
            return
        if young.answer == "denied":
            denial = caller.denial(caller.role.get(), action, resource)
            raise ServiceException("AccessDeniedException", denial)
        code = "ResourceNotFoundException" if young.answer == "not found" else bad_request
        raise ServiceException(code, not_found)
