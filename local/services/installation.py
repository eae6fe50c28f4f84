"""Installs the simulated services in moto, in place of its own where it has one."""

from __future__ import annotations

import importlib
import re
import sys

import moto.backend_index

from local.clock import Clock
from local.services import simulation
from local.services.access import Services
from local.services.customerprofiles.models import (
    CustomerProfilesBackend,
    customerprofiles_backends,
)
from local.services.simulation import Destination, Knobs

_SERVICES = ("appflow", "cloudformation", "customerprofiles")


def install(clock: Clock, knobs: Knobs | None = None) -> Services:
    """Register the services with moto, once per process, and run them by this clock.

    boto3 under ``mock_aws()`` and moto's server find them from then on. Installing again
    replaces clock and knobs, and removes faults and listeners.
    """
    known = {name for name, _ in moto.backend_index.backend_url_patterns}
    for name in _SERVICES:
        package = importlib.import_module(f"local.services.{name}")
        sys.modules[f"moto.{name}"] = package
        if name not in known:
            (url_base,) = importlib.import_module(f"local.services.{name}.urls").url_bases
            # First, since moto tries one pattern after the other for each call.
            moto.backend_index.backend_url_patterns.insert(0, (name, re.compile(url_base)))
    simulation.current.reset(clock, knobs or Knobs())
    simulation.current.destination = _customer_profiles
    return Services()


def _customer_profiles(account: str, region: str) -> Destination:
    backend: CustomerProfilesBackend = customerprofiles_backends[account][region]
    return backend.ingestion
