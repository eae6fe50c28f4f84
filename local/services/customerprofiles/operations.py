"""What all operations of Customer Profiles share."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

from moto.core.base_backend import BaseBackend

from local.services import simulation
from local.services.appflow.models import AppflowBackend, appflow_backends
from local.services.rest_json import page

from .domains import Domain
from .exceptions import BadRequestException, ResourceNotFoundException
from .ingestion import Ingestion

Request = dict[str, Any]
Item = TypeVar("Item")

_ITEMS_A_PAGE = 100


class Operations(BaseBackend):  # type: ignore[misc]
    """The state of Customer Profiles in one account and Region, and how operations read it."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.domains: dict[str, Domain] = {}
        self.ingestion = Ingestion(self.domains, account_id, region_name)

    @property
    def _appflow(self) -> AppflowBackend:
        backend: AppflowBackend = appflow_backends[self.account_id][self.region_name]
        return backend

    def _now(self) -> datetime:
        return simulation.current.now()

    def _domain(self, name: str) -> Domain:
        if name not in self.domains:
            raise ResourceNotFoundException(f"Domain {name} does not exist.")
        return self.domains[name]

    def _page(self, items: list[Item], request: Request) -> tuple[list[Item], str | None]:
        return page(
            items,
            request.get("MaxResults", _ITEMS_A_PAGE),
            request.get("NextToken"),
            BadRequestException("The NextToken is invalid."),
        )
