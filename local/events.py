"""EventBridge in the embedded cloud: events of its services, delivered to the template's rules."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable
from typing import Any

from moto.events.models import events_backends

from local.clock import Clock
from local.interpreter.timing import start_thread
from local.services import ACCOUNT, REGION

Event = dict[str, Any]


class EventBus:
    """The default bus. Deliveries are asynchronous, as on AWS; :meth:`settle` waits for them."""

    def __init__(self, clock: Clock, client: Callable[[str], Any]) -> None:
        self._clock = clock
        self._client = client
        self._deliveries: list[threading.Thread] = []
        self._targets: dict[str, Callable[[str, Event], None]] = {
            "lambda": self._invoke,
            "states": self._start_execution,
        }

    def execution_changed(self, detail: dict[str, Any]) -> None:
        """Emit Step Functions' event for a change of an execution's status."""
        self.emit(
            {
                "version": "0",
                "id": str(uuid.uuid4()),
                "detail-type": "Step Functions Execution Status Change",
                "source": "aws.states",
                "account": ACCOUNT,
                "time": self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
                "region": REGION,
                "resources": [detail["executionArn"]],
                "detail": detail,
            }
        )

    def emit(self, event: Event) -> None:
        """Deliver an event to every rule whose pattern it matches."""
        for rule in events_backends[ACCOUNT][REGION].describe_event_bus("default").rules.values():
            if rule.state == "ENABLED" and rule.event_pattern.matches_event(event):
                for target in rule.targets:
                    self._deliver(target["Arn"], event)

    def settle(self, seconds: float = 60) -> None:
        """Wait (in real time) until everything that was emitted has been delivered."""
        while self._deliveries:
            thread = self._deliveries.pop()
            thread.join(seconds)
            if thread.is_alive():
                raise TimeoutError(f"An event was not delivered within {seconds:g} s.")

    def _deliver(self, arn: str, event: Event) -> None:
        service = arn.split(":")[2]
        if service not in self._targets:
            raise NotImplementedError(f"Events cannot be delivered to {arn} here.")
        deliver = self._targets[service]
        thread = start_thread(self._clock, f"event to {arn}", lambda: deliver(arn, event))
        self._deliveries.append(thread)

    def _invoke(self, arn: str, event: Event) -> None:
        """Invoke a function, and again twice when it fails, as Lambda does with events."""
        for wait in (0, 60, 120):
            self._clock.sleep(wait)
            answer = self._client("lambda").invoke(FunctionName=arn, Payload=json.dumps(event))
            if "FunctionError" not in answer:
                return

    def _start_execution(self, arn: str, event: Event) -> None:
        self._client("stepfunctions").start_execution(stateMachineArn=arn, input=json.dumps(event))
