"""The machine that keeps the integrations, as tests speak of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from local.account import ACCOUNT, REGION
from local.aws.messages import Message
from local.services.appflow.flows import Flow
from local.services.appflow.models import appflow_backends
from tests.machine.contacts import contact
from tests.machine.machine import Ended, Machine

FLOW = "acme-salesforce-contact"
FILE = f"integrations/{FLOW}.json"

numbers = count(1)


@dataclass(frozen=True)
class Keeper:
    """One continuous integration, which pulls contacts every hour, and what keeps it."""

    machine: Machine

    def establish(self, name: str = "import", **changes: Any) -> None:
        """Import contacts of some days; then the continuous integration is to pull in 5 minutes."""
        self.source.load([])
        for day in range(1, 10):
            self.change(day)
        ended = self.machine.run(name, **{"ImportFrom": "P20D", **changes})
        assert ended.status == "SUCCEEDED", ended.message
        self.wait(minutes=55)

    def change(self, days_ago: float = 0) -> str:
        """Have a record change at the source; give its key."""
        key = f"{next(numbers):04}"
        changed = self.now - timedelta(days=days_ago)
        self.source.put(contact(key, changed))
        return key

    def check(self, event: dict[str, Any] | None = None) -> Ended:
        """Check the integrations, as the schedule does, or as an event of AppFlow."""
        return self.machine.wait(self.start(event))

    def start(self, event: dict[str, Any] | None = None) -> str:
        started = self.machine.cloud.client("stepfunctions").start_execution(
            stateMachineArn=self._arn,
            name=f"check-{next(numbers)}",
            input=json.dumps(event or {}),
        )
        return str(started["executionArn"])

    def health(self) -> str:
        """Check, and tell how the one integration is."""
        ended = self.check()
        assert ended.status == "SUCCEEDED", f"{ended.error}: {ended.message}"
        [(health, counted)] = ended.output["Integrations"].items()
        assert counted == 1
        return str(health)

    def wait(self, **time: float) -> None:
        """Let time pass, in which flows pull, and nothing is checked."""
        self.machine.cloud.clock.advance(timedelta(**time).total_seconds())
        self.machine.cloud.services.settle()

    def settle(self) -> list[Ended]:
        """Wait for what events have started; give all checks so far, the latest one last."""
        self.machine.cloud.events.settle()
        listed = self.machine.cloud.client("stepfunctions").list_executions(
            stateMachineArn=self._arn
        )
        return [self.machine.wait(e["executionArn"]) for e in listed["executions"]][::-1]

    def settle_executions(self) -> None:
        """Wait for the bulk ingestions that checks have started."""
        arn = self.machine.cloud.stack.state_machine_arn
        listed = self.machine.cloud.client("stepfunctions").list_executions(stateMachineArn=arn)
        for execution in listed["executions"]:
            self.machine.wait(execution["executionArn"])

    def is_whole(self) -> bool:
        """Whether the domain has just what the source has."""
        ends = self.machine.landed(), self.machine.source()
        landed, source = ({key: r["LastModifiedDate"] for key, r in end.items()} for end in ends)
        return landed == source

    @property
    def _arn(self) -> str:
        return self.machine.cloud.stack.outputs["MonitorIntegrationsArn"]

    @property
    def now(self) -> datetime:
        return self.machine.cloud.clock.now()

    @property
    def source(self) -> Any:
        return self.machine.cloud.services.sources.get("acme-sf", "Contact")

    @property
    def flow(self) -> Flow:
        """The flow, to be tampered with in ways that no API has."""
        flow: Flow = appflow_backends[ACCOUNT][REGION].flows[FLOW]
        return flow

    @property
    def kept(self) -> dict[str, Any]:
        """What the bucket says of the integration."""
        bucket = self.machine.cloud.stack.runs_bucket
        found = self.machine.cloud.client("s3").get_object(Bucket=bucket, Key=FILE)
        kept: dict[str, Any] = json.load(found["Body"])
        return kept

    @property
    def last_pull(self) -> datetime:
        """The end of the last pull that succeeded."""
        return max(run.pull_end for run in self.flow.runs if run.status == "Successful")

    @property
    def begins(self) -> datetime:
        """From when on the continuous flow pulls."""
        found = self.machine.cloud.client("appflow").describe_flow(flowName=FLOW)
        begins: datetime = found["triggerConfig"]["triggerProperties"]["Scheduled"][
            "firstExecutionFrom"
        ]
        return begins

    @property
    def notified(self) -> list[Message]:
        """The notifications, but for those of imports that ended well."""
        messages = self.machine.cloud.messages()
        return [message for message in messages if not message.subject.endswith(" SUCCEEDED")]

    @property
    def told(self) -> list[str]:
        """The subjects of these notifications."""
        return [message.subject for message in self.notified]
