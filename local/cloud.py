"""The embedded cloud as a whole: moto, our two services, the stack, one clock."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from unittest.mock import patch

from moto import mock_aws, settings
from moto.core.base_backend import BaseBackend
from moto.core.serialize import XFormedAttributePicker
from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket, FakeKey

from bulk_ingestion.aws import observability
from local import clients, iam, image, interpreter, serialization, world
from local.account import ACCOUNT, REGION
from local.aws import functions, messages, quotas, schedules
from local.aws.events import EventBus
from local.aws.messages import Message
from local.aws.metrics import Metrics
from local.aws.schedules import Scheduler
from local.aws.targets import Targets
from local.clock import Clock
from local.faults import interception
from local.interpreter.timing import Signal, start_thread
from local.isolation import isolated
from local.services import installation, simulation
from local.services.access import Services
from local.services.cloudformation.models import (
    CloudFormationBackend,
    cloudformation_backends,
)
from local.services.simulation import Knobs
from local.simulated_time import SimulatedLogTime, simulated_time
from local.stack import stack
from local.stack.stack import Stack

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
    _running: set[str] = field(init=False, default_factory=set)
    """The ARNs of the executions that run."""
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)
    _all_ended: threading.Event = field(init=False, default_factory=threading.Event)
    _flows: threading.Thread | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.targets = Targets(self.clock, self.client)
        self.events = EventBus(self.clock, self.targets)
        self.scheduler = Scheduler(self.clock, self.targets, ACCOUNT, REGION)
        interpreter.on_status_change(self.events.execution_changed)
        interpreter.on_status_change(self.metrics.execution_changed)
        interpreter.on_status_change(self._live_while_executions_run)
        self.services.on_event(self.events.emit)
        self.services.on_event(self.metrics.flow_ran)
        self.populate()

    def populate(self) -> None:
        """Create the default world and deploy the stack, into an account with nothing in it."""
        key = (self.clock.now(), tuple(sorted(self.parameters.items())))
        if found := image.restore(key):
            self.stack = found
        else:
            world.populate(self.client)
            self.stack = self.deploy()
            image.store(key, self.stack)

    def deploy(self, name: str = "bulk-ingestion", **parameters: str) -> Stack:
        """Deploy the template as a stack of this name, beside others that there are."""
        given = {**world.parameters(), **self.parameters, **parameters}
        deployed = stack.deploy(given, name)
        backend: CloudFormationBackend = cloudformation_backends[ACCOUNT][REGION]
        backend.add(name, self.clock.now(), deployed.outputs, given)
        return deployed

    def messages(self) -> list[Message]:
        """Give what was published to the account's topics, the oldest first."""
        return messages.published(ACCOUNT, REGION)

    def live(self, period: timedelta) -> None:
        """Let a period pass, as fast as the machine can go; all that comes due in it happens.

        Schedules start their targets, flows pull, events are delivered. Without this, and outside
        :meth:`living`, schedules sleep. Flows run and pull on time while an execution runs, and
        otherwise catch up at the next request.
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

    def _live_while_executions_run(self, detail: Mapping[str, Any]) -> None:
        """Have flows run and pull on time from the start of an execution to the end of all."""
        with self._lock:
            was_idle = not self._running
            if detail["status"] == "RUNNING":
                self._running.add(detail["executionArn"])
            else:
                self._running.discard(detail["executionArn"])
            if was_idle and self._running:
                over = self._all_ended = threading.Event()
                self._flows = start_thread(
                    self.clock, "flows", lambda: self._live(_END_OF_TIME, over, False)
                )
            elif not self._running:
                self._all_ended.set()
        simulation.current.comes_due(self.clock.now())

    def rest(self) -> None:
        """End what happens by itself, and wait (in real time) for what has begun."""
        self._all_ended.set()
        simulation.current.comes_due(self.clock.now())
        if self._flows is not None:
            self._flows.join()
        self.events.settle()

    def _live(self, end: datetime, over: threading.Event, scheduled: bool = True) -> None:
        """Have all that comes due happen; what schedules start only if ``scheduled``."""
        sooner = Signal(self.clock)

        def wake(at: datetime) -> None:
            if at < end:
                sooner.set()

        simulation.current.on_due.append(wake)
        try:
            while not over.is_set() and self.clock.now() < end:
                sooner = Signal(self.clock)
                self.services.settle()
                due = [self.services.next_due(), end]
                if scheduled:
                    self.scheduler.start_due()
                    due.append(self.scheduler.next_due())
                wait = min(at for at in due if at is not None) - self.clock.now()
                if not over.is_set():  # it may have been set before there was this signal
                    sooner.wait(min(max(timedelta(), wait), _LOOK_UP).total_seconds())
        finally:
            simulation.current.on_due.remove(wake)

    def client(self, service: str) -> Any:
        """Give the boto3 client of a service of the embedded cloud."""
        return clients.client(service, REGION)


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
        isolated(_ENVIRONMENT),
        patch.object(settings, "TEST_SERVER_MODE", False),  # moto reads it at its import
        patch.object(FakeBucket, "get_permission", _no_bucket_policy),
        patch.object(FakeKey, "dispose", _keep_open),
        patch.object(BaseBackend, "urls", property(cache(_urls))),  # moto: anew for each call
        patch.object(XFormedAttributePicker, "get_possible_keys", serialization.possible_keys),
        metrics.of_functions(),
        _logs_on_stderr(clock),
        simulated_time(clock),
        mock_aws(config=_MOTO),
        iam.enforced(),
        interception.possible(clock),
    ):
        installed = installation.install(clock, knobs)
        functions.install(clock, metrics.function_ran)
        messages.install(clock)
        quotas.install()
        schedules.install(clock)
        interpreter.install(clock, lambda: simulation.current.knobs.events_per_execution)
        cloud = Cloud(clock, installed, metrics, parameters or {})
        try:
            yield cloud
        finally:
            cloud.rest()
            clock.run_at(None)  # what still waits need not wait for long
            interpreter.uninstall()
            schedules.uninstall()
            quotas.uninstall()
            messages.uninstall()
            functions.uninstall()


_urls = vars(BaseBackend)["urls"].fget


def _keep_open(*_: Any, **__: Any) -> None:
    """Keep the buffer of an overwritten object open: another thread may be reading it."""


def _no_bucket_policy(*_: Any) -> PermissionResult:
    """Let the bucket's policy be: moto reads no conditions, and would refuse every call."""
    return PermissionResult.NEUTRAL


@contextmanager
def _logs_on_stderr(clock: Clock) -> Iterator[None]:
    """Keep the functions' logs off what is printed for people and programs, and date them."""
    handler: Any = observability.logger.registered_handler
    before = handler.setStream(sys.stderr)
    dates = SimulatedLogTime(clock)
    handler.addFilter(dates)
    try:
        yield
    finally:
        handler.removeFilter(dates)
        if before is not None:
            handler.setStream(before)
