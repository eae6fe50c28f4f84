"""Makes AppFlow and Customer Profiles known to moto, and gives hold of what they simulate."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import moto.backend_index

from local import simulation
from local.appflow.models import AppflowBackend, appflow_backends
from local.clock import Clock
from local.customerprofiles.models import (
    CustomerProfilesBackend,
    Objects,
    customerprofiles_backends,
)
from local.simulation import Knobs, Record
from local.sources import Sources

ACCOUNT = "123456789012"
REGION = "us-east-1"

_SERVICES = ("appflow", "customerprofiles")


def install(clock: Clock, knobs: Knobs | None = None) -> Services:
    """Register both services with moto, once a process, and let them live by this clock.

    boto3 under ``mock_aws()`` and moto's server find them from then on. Installing again
    replaces clock and knobs, and takes faults and listeners away.
    """
    known = {name for name, _ in moto.backend_index.backend_url_patterns}
    for name in _SERVICES:
        package = importlib.import_module(f"local.{name}")
        sys.modules[f"moto.{name}"] = package
        if name not in known:
            (url_base,) = importlib.import_module(f"local.{name}.urls").url_bases
            moto.backend_index.backend_url_patterns.append((name, re.compile(url_base)))
    world = simulation.current
    world.clock = clock
    world.knobs = knobs or Knobs()
    world.let_be()
    world.on_event.clear()
    world.on_due.clear()
    return Services()


class Services:
    """What one account and Region hold. Everything handed out is a copy, up to date."""

    def __init__(self, account: str = ACCOUNT, region: str = REGION) -> None:
        self._account = account
        self._region = region

    @property
    def sources(self) -> Sources:
        """The sources: ``sources.get("acme-sf", "Contact").put({...})``."""
        return self._appflow.sources

    def domain_objects(self, domain: str, object_type: str) -> list[Record]:
        """Give the objects of a type that have landed in a domain; none for an unknown one."""
        with simulation.current.changing():
            objects = self._objects(domain, object_type)
            return [dict(record) for record in objects.by_key.values()]

    def deliveries(self, domain: str, object_type: str) -> Mapping[str, int]:
        """Tell how many times each key was put."""
        with simulation.current.changing():
            return dict(self._objects(domain, object_type).puts)

    def rejected(self, domain: str, object_type: str) -> int:
        """Tell how many objects had no key; AWS sends them to the dead-letter queue."""
        with simulation.current.changing():
            return self._objects(domain, object_type).rejected

    def settle(self) -> None:
        """Carry out every run and pull that has come due."""
        with simulation.current.changing():
            self._appflow.settle()

    def next_due(self) -> datetime | None:
        """Tell when the next run ends or the next scheduled pull starts."""
        with simulation.current.changing():
            return self._appflow.next_due()

    def on_event(self, callback: Callable[[dict[str, Any]], None]) -> None:
        """Have a callback called with every EventBridge event of AppFlow."""
        simulation.current.on_event.append(callback)

    def reset(self) -> None:
        """Empty both services and all sources, in every account and Region."""
        with simulation.current.changing():
            for backends in (appflow_backends, customerprofiles_backends):
                for _, _, backend in list(backends.iter_backends()):
                    backend.reset()

    def _objects(self, domain: str, object_type: str) -> Objects:
        self._appflow.settle()
        found = self._profiles.domains.get(domain)
        return found.objects.get(object_type, Objects()) if found else Objects()

    @property
    def _appflow(self) -> AppflowBackend:
        backend: AppflowBackend = appflow_backends[self._account][self._region]
        return backend

    @property
    def _profiles(self) -> CustomerProfilesBackend:
        backend: CustomerProfilesBackend = customerprofiles_backends[self._account][self._region]
        return backend
