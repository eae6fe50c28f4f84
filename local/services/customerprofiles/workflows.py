"""The managed workflow: how CreateIntegrationWorkflow imports the past, batch by batch.

AWS documents that batches are of two months by default, that there are "up to three retries in case
of transient failures", and that a "standard, continuous integration" is created at the end
(https://docs.aws.amazon.com/connect/latest/adminguide/integrate-customer-profiles-appflow.html).
:class:`~local.services.knobs.ManagedWorkflow` has readings of the rest. A failed batch does not
stop the others, but no continuous integration is created then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from moto.core.exceptions import ServiceException

from bulk_ingestion.flow.definitions import is_projection
from bulk_ingestion.flow.failure_texts import Kind, says
from bulk_ingestion.flow.windows import Window
from local import caller
from local.services import simulation
from local.services.appflow.flows import Flow, Run
from local.services.appflow.models import AppflowBackend
from local.services.entities import union_key
from local.services.knobs import ManagedWorkflow
from local.services.simulation import ScheduledChange

from .domains import Answer, Domain

Request = dict[str, Any]

_RETRIES = 3
_RETRY_AFTER = timedelta(minutes=1)
_LOOKS_EVERY = timedelta(minutes=15)
"""How often a workflow looks at runs of which it cannot be known when they end."""
_MILLISECOND = timedelta(milliseconds=1)
_WAITING, _ENDED = ("NOT_STARTED", "RETRY"), ("COMPLETE", "FAILED", "SPLIT", "CANCELLED")
_FAILED = ("FAILED", "CANCELLED")
_MESSAGES = {
    "NOT_STARTED": "The batch has not started.",
    "IN_PROGRESS": "The batch is being ingested.",
    "COMPLETE": "The batch is complete.",
    "SPLIT": "The batch was too large. Its halves are steps of their own.",
    "CANCELLED": "The run was canceled.",
}
TAG = {"awsOwningService": "customer-profiles-integration-workflow"}
"""The tag of all that a workflow creates."""


@dataclass
class Step:
    """One batch of a workflow, ``[start, end)``."""

    flow_name: str
    start: datetime
    end: datetime
    created_at: datetime
    updated_at: datetime
    status: str = "NOT_STARTED"
    message: str = _MESSAGES["NOT_STARTED"]
    records: int = 0
    attempts: int = 0
    retry_at: datetime | None = None

    def turn(self, status: str, at: datetime, message: str | None = None) -> None:
        """Change the status, with AppFlow's message if it failed."""
        self.status, self.updated_at = status, at
        self.message = (message or _MESSAGES[status])[:255]


@dataclass
class Workflow:
    """A workflow, and everything that it has created."""

    id: str
    request: Request
    """CreateIntegrationWorkflow's."""
    created_at: datetime
    updated_at: datetime
    domain: Domain
    put_integration: Callable[[Request], Answer]
    appflow: AppflowBackend
    status: str = "IN_PROGRESS"
    error: str = ""
    steps: list[Step] = field(default_factory=list)
    integration: str = ""
    """The Uri of the continuous integration, once there is one."""

    @property
    def definition(self) -> Request:
        """The FlowDefinition of the continuous integration."""
        definition: Request = self.request["IntegrationConfig"]["AppflowIntegration"][
            "FlowDefinition"
        ]
        return definition

    @property
    def connector_type(self) -> str:
        """The type of the source."""
        return str(self.definition["SourceFlowConfig"]["ConnectorType"])

    def begin(self, batches: list[tuple[datetime, datetime]]) -> None:
        """Start to ingest the batches."""
        for start, end in batches:
            self._add(start, end, self.created_at)
        self._advance()

    def remove(self) -> None:
        """Delete everything that it has created, the continuous integration included."""
        self.status = "CANCELLED"
        for step in self.steps:
            self._remove(step.flow_name)
        if self.integration:
            self._remove(self.integration.rpartition("/")[2])

    def _add(self, start: datetime, end: datetime, at: datetime) -> None:
        """Add a step. Its flow is named as in AWS's examples of integrations with AppFlow."""
        milliseconds = int(self.created_at.timestamp() * 1000) + len(self.steps)
        parts = (self.request["DomainName"], self.connector_type, self.request["ObjectTypeName"])
        name = "_".join(("Customer_Profiles", *parts, str(milliseconds)))
        self.steps.append(Step(name, start, end, at, at))

    # As time passes

    def _advance(self) -> None:
        """Look at the runs, start what is next, and finish or look again later."""
        if self.status != "IN_PROGRESS":
            return
        at = simulation.current.now()
        for step in list(self.steps):
            if step.status == "IN_PROGRESS":
                self._look_at(step, at)
        for step in self._startable(at):
            self._start(step, at)
        if all(step.status in _ENDED for step in self.steps):
            self._finish(at)
        else:
            again = min([at + _LOOKS_EVERY, *self._due(at)])
            simulation.current.schedule(ScheduledChange(again, self._advance))

    def _startable(self, at: datetime) -> list[Step]:
        running = sum(step.status == "IN_PROGRESS" for step in self.steps)
        waiting = [
            step
            for step in self.steps
            if step.status in _WAITING and (step.retry_at is None or step.retry_at <= at)
        ]
        return waiting[: max(0, _readings().concurrency - running)]

    def _due(self, at: datetime) -> Iterator[datetime]:
        for step in self.steps:
            if step.status == "RETRY" and step.retry_at and step.retry_at > at:
                yield step.retry_at
            flow = self.appflow.flows.get(step.flow_name)
            if step.status == "IN_PROGRESS" and flow and flow.running:
                yield flow.running.ends_at

    def _start(self, step: Step, at: datetime) -> None:
        step.attempts += 1
        step.turn("IN_PROGRESS", at)
        try:
            with caller.acting_as(self.request["RoleArn"]):
                if step.flow_name not in self.appflow.flows:
                    self._put(self._batch(step))
                self.appflow.start_flow({"flowName": step.flow_name})
        except ServiceException as refused:
            self._fail(step, refused.message, at)

    def _look_at(self, step: Step, at: datetime) -> None:
        flow = self.appflow.flows.get(step.flow_name)
        if flow is None or not flow.runs:
            self._fail(step, f"Flow {step.flow_name} does not exist.", at)
        elif not flow.running:
            self._conclude(step, flow, flow.runs[-1], at)

    def _conclude(self, step: Step, flow: Flow, run: Run, at: datetime) -> None:
        step.records += run.result.get("recordsProcessed", 0)
        most = simulation.current.knobs.records_per_run.get(flow.connector_type)
        is_cut = most is not None and run.result.get("recordsProcessed", 0) >= most
        if run.status == "Canceled":
            self._end(step, "CANCELLED", at)
        elif run.status == "Error":
            self._fail(step, run.message or "The run failed.", at)
        elif is_cut and _readings().splits == "limit and messages":
            self._split(step, at)
        else:
            self._end(step, "COMPLETE", at)

    def _fail(self, step: Step, message: str, at: datetime) -> None:
        is_too_large = says(Kind.SIZE, message) or says(Kind.TIME, message)
        if is_too_large and _readings().splits != "never" and self._split(step, at):
            return
        if step.attempts <= _RETRIES:
            step.retry_at = at + _RETRY_AFTER
            step.turn("RETRY", at, message)
        else:
            self._end(step, "FAILED", at, message)

    def _split(self, step: Step, at: datetime) -> bool:
        """Replace a step by its halves; False if they would be too short."""
        halves = Window("", step.start, step.end).halves()
        if halves is None:
            return False
        for half in halves:
            self._add(half.start, half.end, at)
        self._end(step, "SPLIT", at)
        return True

    def _end(self, step: Step, status: str, at: datetime, message: str | None = None) -> None:
        step.turn(status, at, message)
        self._remove(step.flow_name, with_flow=_readings().flows == "deleted")

    def _finish(self, at: datetime) -> None:
        self.updated_at = at
        self.error = next((step.message for step in self.steps if step.status in _FAILED), "")
        if not self.error:
            try:
                self._continue(at)
            except ServiceException as refused:
                self.error = refused.message
        self.status = "FAILED" if self.error else "COMPLETE"

    def _continue(self, at: datetime) -> None:
        """Create the continuous integration."""
        ends = max(step.end for step in self.steps)
        since = ends if _readings().continues_from == "last batch" else at
        trigger = self.definition["TriggerConfig"]
        scheduled = {**trigger["TriggerProperties"]["Scheduled"], "FirstExecutionFrom": since}
        if scheduled.get("ScheduleStartTime", at) <= at:
            scheduled.pop("ScheduleStartTime", None)
        definition = {
            **self.definition,
            "TriggerConfig": {**trigger, "TriggerProperties": {"Scheduled": scheduled}},
        }
        with caller.acting_as(self.request["RoleArn"]):
            self.integration = self._put(definition)
            self.appflow.start_flow({"flowName": definition["FlowName"]})

    # Flows

    def _batch(self, step: Step) -> Request:
        """Give the FlowDefinition of a step: on demand, and filtered by its period."""
        config = dict(self.definition["SourceFlowConfig"])
        name = config.pop("IncrementalPullConfig")["DatetimeTypeFieldName"]
        lower = step.start - _MILLISECOND if _readings().bounds == "half-open" else step.start
        period = {
            "TaskType": "Filter",
            "SourceFields": [name],
            "ConnectorOperator": {union_key(self.connector_type): "BETWEEN"},
            "TaskProperties": {
                "DATA_TYPE": "datetime",
                "LOWER_BOUND": _milliseconds(lower),
                "UPPER_BOUND": _milliseconds(step.end),
            },
        }
        return {
            **self.definition,
            "FlowName": step.flow_name,
            "TriggerConfig": {"TriggerType": "OnDemand"},
            "SourceFlowConfig": config,
            "Tasks": [*(_with(name, task) for task in self.definition["Tasks"]), period],
        }

    def _put(self, definition: Request) -> str:
        """Create an integration and its flow, and give its Uri."""
        put = {
            "DomainName": self.request["DomainName"],
            "ObjectTypeName": self.request["ObjectTypeName"],
            "FlowDefinition": definition,
            "Tags": {**self.request.get("Tags", {}), **TAG},
        }
        details = self.put_integration(put)
        details["WorkflowId"] = self.id
        return str(details["Uri"])

    def _remove(self, name: str, with_flow: bool = True) -> None:
        """Remove the integration of a flow, and the flow as well."""
        flow = self.appflow.flows.get(name)
        if flow:
            self.domain.integrations.pop(flow.arn, None)
            if with_flow:
                self.appflow.remove_flow(flow)


def _readings() -> ManagedWorkflow:
    return simulation.current.knobs.managed_workflow


def _with(name: str, task: Request) -> Request:
    """Add a field to a projection."""
    if is_projection(task) and name not in task["SourceFields"]:
        return {**task, "SourceFields": [*task["SourceFields"], name]}
    return task


def _milliseconds(instant: datetime) -> str:
    return str(round(instant.timestamp() * 1000))
