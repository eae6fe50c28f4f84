"""EventBridge in the embedded cloud: events of its services, delivered to the template's rules."""

from __future__ import annotations

import json
import uuid
from typing import Any

from moto.events.models import events_backends
from moto.events.utils import EventTemplateParser

from local.account import ACCOUNT, REGION
from local.aws.targets import Delivery, Targets
from local.clock import Clock

Event = dict[str, Any]

_TARGET = {"Id", "Arn", "RoleArn", "RetryPolicy", "DeadLetterConfig", "Input", "InputTransformer"}


class EventBus:
    """The default bus. Deliveries are asynchronous, as on AWS."""

    def __init__(self, clock: Clock, targets: Targets) -> None:
        self._clock = clock
        self._targets = targets

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
        rules = events_backends[ACCOUNT][REGION].describe_event_bus("default").rules
        for rule in list(rules.values()):
            if rule.state == "ENABLED" and rule.event_pattern.matches_event(event):
                for target in rule.targets:
                    self._targets.start(
                        Delivery(
                            target,
                            _payload(target, event),
                            "events.amazonaws.com",
                            {"RULE_ARN": rule.arn},
                            letters_need_role=False,
                        )
                    )

    def settle(self, seconds: float = 60) -> None:
        """Wait (in real time) until everything that was emitted has been delivered."""
        self._targets.settle(seconds)


def _payload(target: dict[str, Any], event: Event) -> str:
    """Make what a target gets of an event, as the rule says."""
    unknown = sorted(target.keys() - _TARGET)
    if unknown:
        raise NotImplementedError(f"A target's {', '.join(unknown)} is not understood here.")
    if "Input" in target:
        return str(target["Input"])
    if "InputTransformer" in target:
        given = target["InputTransformer"]
        parsed = EventTemplateParser.parse(
            given["InputTemplate"], given.get("InputPathsMap", {}), event
        )
        return json.dumps(parsed)
    return json.dumps(event)
