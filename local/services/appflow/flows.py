"""A flow and its runs: what AppFlow remembers of them, and how it describes them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from local.services.age import Age
from local.services.simulation import Conduct
from local.services.tasks import Span

from . import definitions

Request = dict[str, Any]
Answer = dict[str, Any]


@dataclass
class Run:
    """One run of a flow. ``ends_at`` is when its status will change next."""

    execution_id: str
    started_at: datetime
    ends_at: datetime
    last_updated_at: datetime
    pull_start: datetime
    pull_end: datetime
    span: Span | None = None
    status: str = "InProgress"
    result: dict[str, Any] = field(default_factory=dict)
    conduct: Conduct = field(default_factory=Conduct)
    is_announced: bool = False
    """Whether the event about its end has been sent early."""
    definition: Request = field(default_factory=dict)
    """The flow's definition that counts for it."""

    @property
    def appears_at(self) -> datetime:
        """From when on the flow's execution records have it."""
        return self.started_at + self.conduct.appears_after

    @property
    def message(self) -> str | None:
        """What AppFlow says of a run that failed."""
        message: str | None = self.result.get("errorInfo", {}).get("executionMessage")
        return message

    def describe(self) -> Answer:
        """Give the element of ``flowExecutions``."""
        return {
            "executionId": self.execution_id,
            "executionStatus": self.status,
            "executionResult": self.result,
            "startedAt": self.started_at,
            "lastUpdatedAt": self.last_updated_at,
            "dataPullStartTime": self.pull_start,
            "dataPullEndTime": self.pull_end,
        }

    def records(self) -> Iterator[Answer]:
        """Give its execution record, after those of the runs that are listed before it."""
        for number in range(self.conduct.listed_behind):
            yield {
                "executionId": str(uuid.uuid5(uuid.UUID(self.execution_id), str(number))),
                "executionStatus": "Successful",
                "executionResult": {"recordsProcessed": 0, "bytesProcessed": 0, "bytesWritten": 0},
                "startedAt": self.started_at,
                "lastUpdatedAt": self.started_at,
                "dataPullStartTime": self.pull_start,
                "dataPullEndTime": self.pull_end,
            }
        yield self.describe()


@dataclass
class Flow:
    """A flow: its definition as in CreateFlow, its state and its runs, the oldest first."""

    name: str
    arn: str
    definition: Request
    tags: dict[str, str]
    status: str
    created_by: str
    last_updated_at: datetime
    age: Age
    runs: list[Run] = field(default_factory=list)
    running: Run | None = None
    starts_at: datetime | None = None
    """From when on the schedule counts, once it is active."""
    next_pull: datetime | None = None
    pulled_until: datetime | None = None
    failures_in_a_row: int = 0
    replaced: tuple[Request, datetime] | None = None
    """The definition before the last update, and when that was."""

    @property
    def created_at(self) -> datetime:
        """When it was created."""
        return self.age.created_at

    @created_at.setter
    def created_at(self, at: datetime) -> None:
        self.age.created_at = at

    @property
    def trigger_type(self) -> str:
        """OnDemand, Scheduled or Event."""
        return str(self.definition["triggerConfig"]["triggerType"])

    @property
    def connector_type(self) -> str:
        """The source's connector type, such as Servicenow."""
        return definitions.connector_type(self.definition)

    @property
    def profile(self) -> str:
        """The source's connector profile; for a source without one, its connector type."""
        return definitions.connector_profile(self.definition)

    @property
    def schedule(self) -> Mapping[str, Any]:
        """The properties of the Scheduled trigger; none for another trigger."""
        return definitions.schedule(self.definition)

    @property
    def destination(self) -> Mapping[str, Any]:
        """The properties of the Customer Profiles destination; none for another destination."""
        return definitions.customer_profiles(self.definition)

    def definition_of_runs(self, at: datetime, update_takes: timedelta) -> Request:
        """Give the definition that counts for a run that starts at an instant."""
        if self.replaced is None or at >= self.replaced[1] + update_takes:
            return self.definition
        return self.replaced[0]

    def as_created(self) -> Request:
        """Give the CreateFlow request that would make it."""
        return {"flowName": self.name, **self.definition}

    def redefine(self, definition: Request, now: datetime) -> None:
        """Replace the definition, except for the key; a schedule has to be activated again."""
        key = {name: self.definition[name] for name in ("kmsArn",) if name in self.definition}
        self.replaced = self.definition, now
        self.definition = definition | key
        self.status = initial_status(definition)
        self.next_pull = None
        self.last_updated_at = now

    def describe(self) -> Answer:
        """Give DescribeFlow's answer."""
        trigger = {"triggerProperties": {}, **self.definition["triggerConfig"]}
        return {**self.definition, "triggerConfig": trigger, **self._common()}

    def listed(self) -> Answer:
        """Give the element of ListFlows' ``flows``."""
        [destination] = self.definition["destinationFlowConfigList"]
        return self._common() | {
            "description": self.definition.get("description"),
            "sourceConnectorType": self.connector_type,
            "destinationConnectorType": destination["connectorType"],
            "triggerType": self.trigger_type,
        }

    def _common(self) -> Answer:
        return {
            "flowName": self.name,
            "flowArn": self.arn,
            "flowStatus": self.status,
            "createdAt": self.created_at,
            "createdBy": self.created_by,
            "lastUpdatedAt": self.last_updated_at,
            "lastUpdatedBy": self.created_by,
            "tags": self.tags,
            "lastRunExecutionDetails": self._last_run(),
        }

    def _last_run(self) -> Answer | None:
        if not self.runs:
            return None
        run = self.runs[-1]
        details: Answer = {
            "mostRecentExecutionTime": run.started_at,
            "mostRecentExecutionStatus": run.status,
        }
        return details | ({"mostRecentExecutionMessage": run.message} if run.message else {})


def initial_status(definition: Mapping[str, Any]) -> str:
    """Give the status of a new flow: a schedule is a draft until StartFlow activates it."""
    return "Draft" if definitions.schedule(definition) else "Active"
