"""The embedded cloud as a whole: moto, our two services, the stack, one clock."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import boto3
from botocore.config import Config
from moto import mock_aws
from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket

from bulk_ingestion import observability
from local import (
    disturbances,
    functions,
    iam,
    interpreter,
    messages,
    schedules,
    services,
    simulation,
    stack,
    world,
)
from local.clock import Clock
from local.events import EventBus
from local.interpreter.timing import Signal, start_thread
from local.messages import Message
from local.metrics import Metrics
from local.schedules import Scheduler
from local.services import ACCOUNT, Services
from local.simulation import Knobs
from local.stack import Stack
from local.targets import Targets
from local.template import REGION

_MOTO = {"stepfunctions": {"execute_state_machine": True}, "lambda": {"use_docker": False}}
_ENVIRONMENT = {
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
}


_LOOK_UP = timedelta(days=1)
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


@dataclass
class Cloud:
    """A running embedded cloud, with the stack deployed to it."""

    clock: Clock
    services: Services
    metrics: Metrics
    parameters: Mapping[str, str]
    stack: Stack = field(init=False)
    targets: Targets = field(init=False)
    events: EventBus = field(init=False)
    scheduler: Scheduler = field(init=False)

    def __post_init__(self) -> None:
        self.targets = Targets(self.clock, self.client)
        self.events = EventBus(self.clock, self.targets)
        self.scheduler = Scheduler(self.clock, self.targets, ACCOUNT, REGION)
        interpreter.on_status_change(self.events.execution_changed)
        interpreter.on_status_change(self.metrics.execution_changed)
        self.services.on_event(self.events.emit)
        self.services.on_event(self.metrics.flow_ran)
        self.populate()

    def populate(self) -> None:
        """Create the default world and deploy the stack, into an account with nothing in it."""
        world.populate(self.client)
        self.stack = self.deploy()

    def deploy(self, name: str = "bulk-ingestion", **parameters: str) -> Stack:
        """Deploy the template as a stack of this name, beside others that there are."""
        return stack.deploy({**world.parameters(), **self.parameters, **parameters}, name)

    def messages(self) -> list[Message]:
        """Give what was published to the account's topics, the oldest first."""
        return messages.published(ACCOUNT, REGION)

    def live(self, period: timedelta) -> None:
        """Let a period pass, as fast as the machine can go; all that comes due in it happens.

        Schedules start their targets, flows pull, events are delivered. Without this, and outside
        :meth:`living`, schedules sleep, and flows catch up when somebody looks at them.
        """
        speed = self.clock.speed
        self.clock.run_at(None)
        try:
            with self.clock.at_work():
                self._live(self.clock.now() + period, threading.Event())
        finally:
            self.clock.run_at(speed)

    @contextmanager
    def living(self) -> Iterator[None]:
        """Have all that comes due happen as time passes, for as long as the context."""
        over = threading.Event()
        thread = start_thread(self.clock, "life", lambda: self._live(_END_OF_TIME, over))
        try:
            yield
        finally:
            over.set()
            simulation.current.comes_due(self.clock.now())
            thread.join()

    def _live(self, end: datetime, over: threading.Event) -> None:
        sooner = Signal(self.clock)

        def wake(at: datetime) -> None:
            if at < end:
                sooner.set()

        simulation.current.on_due.append(wake)
        try:
            while not over.is_set() and self.clock.now() < end:
                sooner = Signal(self.clock)
                self.services.settle()
                self.scheduler.start_due()
                due = (self.services.next_due(), self.scheduler.next_due(), end)
                wait = min(at for at in due if at is not None) - self.clock.now()
                sooner.wait(min(max(timedelta(), wait), _LOOK_UP).total_seconds())
        finally:
            simulation.current.on_due.remove(wake)

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
    metrics = Metrics(clock)
    with (
        patch.dict(os.environ, _ENVIRONMENT),
        patch.object(FakeBucket, "get_permission", _no_bucket_policy),
        metrics.of_functions(),
        mock_aws(config=_MOTO),
        iam.enforced(),
        disturbances.possible(clock),
    ):
        installed = services.install(clock, knobs)
        functions.install(clock, metrics.function_ran)
        messages.install(clock)
        schedules.install(clock)
        interpreter.install(clock)
        _log_to_stderr((parameters or {}).get("LogLevel", "INFO"))
        cloud = Cloud(clock, installed, metrics, parameters or {})
        try:
            yield cloud
        finally:
            cloud.events.settle()
            interpreter.uninstall()
            schedules.uninstall()
            messages.uninstall()


def _no_bucket_policy(*_: Any) -> PermissionResult:
    """Let the bucket's policy be: moto reads no conditions, and would refuse every call."""
    return PermissionResult.NEUTRAL


def _log_to_stderr(level: str) -> None:
    """Keep the functions' logs off what is printed for people and programs."""
    observability.logger.setLevel(level)
    observability.logger.registered_handler.setStream(sys.stderr)  # type: ignore[attr-defined]
