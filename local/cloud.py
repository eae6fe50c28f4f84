"""The embedded cloud as a whole: moto, our two services, the stack, one clock."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import boto3
from botocore.config import Config
from moto import mock_aws
from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket

from bulk_ingestion import observability
from local import disturbances, functions, iam, interpreter, services, stack, world
from local.clock import Clock
from local.events import EventBus
from local.services import Services
from local.simulation import Knobs
from local.stack import Stack
from local.targets import Targets
from local.template import REGION

_MOTO = {"stepfunctions": {"execute_state_machine": True}, "lambda": {"use_docker": False}}
_ENVIRONMENT = {
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
}


@dataclass
class Cloud:
    """A running embedded cloud, with the stack deployed to it."""

    clock: Clock
    services: Services
    parameters: Mapping[str, str]
    stack: Stack = field(init=False)
    targets: Targets = field(init=False)
    events: EventBus = field(init=False)

    def __post_init__(self) -> None:
        self.targets = Targets(self.clock, self.client)
        self.events = EventBus(self.clock, self.targets)
        interpreter.on_status_change(self.events.execution_changed)
        self.services.on_event(self.events.emit)
        self.populate()

    def populate(self) -> None:
        """Create the default world and deploy the stack, into an account with nothing in it."""
        world.populate(self.client)
        self.stack = self.deploy()

    def deploy(self, name: str = "bulk-ingestion", **parameters: str) -> Stack:
        """Deploy the template as a stack of this name, beside others that there are."""
        return stack.deploy({**world.parameters(), **self.parameters, **parameters}, name)

    def client(self, service: str) -> Any:
        """Make a boto3 client of the embedded cloud."""
        config = Config(retries={"total_max_attempts": 1})
        return boto3.client(service, region_name=REGION, config=config)  # type: ignore[call-overload]


@contextmanager
def embedded_cloud(
    clock: Clock,
    parameters: Mapping[str, str] | None = None,
    knobs: Knobs | None = None,
) -> Iterator[Cloud]:
    """Run the embedded cloud in this process, from an empty account, for as long as the context.

    ``parameters`` are the template's; those left out have its defaults and the world's values.
    """
    with (
        patch.dict(os.environ, _ENVIRONMENT),
        patch.object(FakeBucket, "get_permission", _no_bucket_policy),
        patch.object(observability.metrics.provider, "flush_metrics", _forget_metrics),
        mock_aws(config=_MOTO),
        iam.enforced(),
        disturbances.possible(clock),
    ):
        installed = services.install(clock, knobs)
        functions.install(clock)
        interpreter.install(clock)
        _log_to_stderr((parameters or {}).get("LogLevel", "INFO"))
        try:
            yield Cloud(clock, installed, parameters or {})
        finally:
            interpreter.uninstall()


def _no_bucket_policy(*_: Any) -> PermissionResult:
    """Let the bucket's policy be: moto reads no conditions, and would refuse every call."""
    return PermissionResult.NEUTRAL


def _forget_metrics(**_: Any) -> None:
    """Drop a function's metrics at its end: they are lines for CloudWatch, not for a terminal."""
    observability.metrics.clear_metrics()


def _log_to_stderr(level: str) -> None:
    """Keep the functions' logs off what is printed for people and programs."""
    observability.logger.setLevel(level)
    observability.logger.registered_handler.setStream(sys.stderr)  # type: ignore[attr-defined]
