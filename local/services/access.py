"""Access to what the simulated services hold, for tests, commands and the server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from local.account import ACCOUNT, REGION
from local.services import simulation
from local.services.appflow.models import AppflowBackend, appflow_backends
from local.services.customerprofiles.models import (
    CustomerProfilesBackend,
    customerprofiles_backends,
)
from local.services.customerprofiles.objects import Objects
from local.services.simulation import Record
from local.services.sources import Sources


class Services:
    """What the account and Region hold. Everything handed out is a copy, up to date."""

    @property
    def sources(self) -> Sources:
        """The sources: ``sources.get("acme-sf", "Contact").put({...})``."""
        return self._appflow.connections.sources

    def domain_objects(self, domain: str, object_type: str) -> list[Record]:
        """Give the objects of a type that have landed in a domain; none for an unknown domain."""
        with simulation.current.changing():
            objects = self._objects(domain, object_type)
            return [dict(stored.record) for stored in objects.stored.values()]

    def deliveries(self, domain: str, object_type: str) -> Mapping[str, int]:
        """Count how many times each key was put."""
        with simulation.current.changing():
            return dict(self._objects(domain, object_type).puts)

    def lost(self, domain: str, object_type: str) -> Mapping[str, int]:
        """Count the objects that were not stored, or not kept, by reason."""
        with simulation.current.changing():
            objects = self._objects(domain, object_type)
            others = {"evicted": objects.evicted, "expired": objects.expired}
            counted = [*objects.rejected.items(), *others.items()]
            return {reason: number for reason, number in counted if number}

    def settle(self) -> None:
        """Carry out every run and pull that has come due."""
        with simulation.current.changing():
            self._appflow.settle()

    def next_due(self) -> datetime | None:
        """Give the time of the next change without a request: a run ends, a pull starts."""
        with simulation.current.changing():
            return self._appflow.next_due()

    def on_event(self, callback: Callable[[dict[str, Any]], None]) -> None:
        """Call back with every EventBridge event of AppFlow."""
        simulation.current.on_event.append(callback)

    def reset(self) -> None:
        """Empty both services and all sources, in every account and Region."""
        with simulation.current.changing():
            simulation.current.changes.clear()
            for backends in (appflow_backends, customerprofiles_backends):
                for _, _, backend in list(backends.iter_backends()):
                    backend.reset()

    def _objects(self, domain: str, object_type: str) -> Objects:
        self._appflow.settle()
        found = self._profiles.domains.get(domain)
        return found.objects.of_type(object_type) if found else Objects()

    @property
    def _appflow(self) -> AppflowBackend:
        backend: AppflowBackend = appflow_backends[ACCOUNT][REGION]
        return backend

    @property
    def _profiles(self) -> CustomerProfilesBackend:
        backend: CustomerProfilesBackend = customerprofiles_backends[ACCOUNT][REGION]
        return backend
