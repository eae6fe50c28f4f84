"""Operations on workflows."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4

from dateutil.relativedelta import relativedelta
from moto.iam.models import iam_backends

from bulk_ingestion.flow import windows

from .domains import Answer
from .exceptions import BadRequestException, ResourceNotFoundException
from .integration_operations import IntegrationOperations
from .operations import Request
from .workflows import Step, Workflow

_SOURCES = ("Salesforce", "Servicenow", "Marketo")
"""Botocore's model: "The supported Amazon AppFlow sources are Salesforce, ServiceNow, and
Marketo"."""
_BATCH = relativedelta(months=2)


class WorkflowOperations(IntegrationOperations):
    """Create, describe and delete integration workflows."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self._workflows: dict[str, dict[str, Workflow]] = {}

    def create_integration_workflow(self, request: Request) -> Answer:
        """Import the past in the background, and then create a continuous integration."""
        name = request["DomainName"]
        domain = self._domain(name)
        if missing := self.ingestion.missing(name, request["ObjectTypeName"]):
            raise ResourceNotFoundException(missing)
        now = self._now()
        batches = _batches(request, now)
        self._check_role(request["RoleArn"])
        workflow = Workflow(
            uuid4().hex, request, now, now, domain, self.put_integration, self._appflow
        )
        self._workflows.setdefault(name, {})[workflow.id] = workflow
        workflow.begin(batches)
        return {"WorkflowId": workflow.id, "Message": "The workflow has started."}

    def get_workflow(self, request: Request) -> Answer:
        """Describe a workflow."""
        workflow = self._workflow(request)
        source = workflow.definition["SourceFlowConfig"]
        attributes = {
            "SourceConnectorType": source["ConnectorType"],
            "ConnectorProfileName": source["ConnectorProfileName"],
            "RoleArn": workflow.request["RoleArn"],
        }
        steps = workflow.steps
        metrics = {
            "RecordsProcessed": sum(step.records for step in steps),
            "StepsCompleted": sum(step.status == "COMPLETE" for step in steps),
            "TotalSteps": len(steps),
        }
        return {
            "WorkflowId": workflow.id,
            "WorkflowType": workflow.request["WorkflowType"],
            "Status": workflow.status,
            "ErrorDescription": workflow.error or None,
            "StartDate": workflow.created_at,
            "LastUpdatedAt": _updated_at(workflow),
            "Attributes": {"AppflowIntegration": attributes},
            "Metrics": {"AppflowIntegration": metrics},
        }

    def get_workflow_steps(self, request: Request) -> Answer:
        """Describe the batches of a workflow."""
        workflow = self._workflow(request)
        steps = [{"AppflowIntegration": _described(step)} for step in workflow.steps]
        items, token = self._page(steps, request)
        return {
            "WorkflowId": workflow.id,
            "WorkflowType": workflow.request["WorkflowType"],
            "Items": items,
            "NextToken": token,
        }

    def list_workflows(self, request: Request) -> Answer:
        """List a domain's workflows, the oldest first."""
        self._domain(request["DomainName"])
        found = [
            {
                "WorkflowType": workflow.request["WorkflowType"],
                "WorkflowId": workflow.id,
                "Status": workflow.status,
                "StatusDescription": workflow.error or f"The workflow is {workflow.status}.",
                "CreatedAt": workflow.created_at,
                "LastUpdatedAt": _updated_at(workflow),
            }
            for workflow in self._workflows.get(request["DomainName"], {}).values()
            if _is_asked_for(workflow, request)
        ]
        items, token = self._page(found, request)
        return {"Items": items, "NextToken": token}

    def delete_workflow(self, request: Request) -> Answer:
        """Delete a workflow "and all its corresponding resources", at once."""
        workflow = self._workflow(request)
        workflow.remove()
        del self._workflows[request["DomainName"]][workflow.id]
        return {}

    def _workflow(self, request: Request) -> Workflow:
        self._domain(request["DomainName"])
        workflows = self._workflows.get(request["DomainName"], {})
        if request["WorkflowId"] not in workflows:
            raise ResourceNotFoundException(f"Workflow {request['WorkflowId']} does not exist.")
        return workflows[request["WorkflowId"]]

    def _check_role(self, arn: str) -> None:
        """Refuse a role that does not exist. Its permissions are not evaluated."""
        roles = iam_backends[self.account_id][self.partition].roles.values()
        if not any(role.arn == arn for role in roles):
            raise BadRequestException(
                f"Customer Profiles cannot assume the role {arn}: it does not exist."
            )


def _batches(request: Request, now: datetime) -> list[tuple[datetime, datetime]]:
    """Read the batches of a request, or cut the past in batches of two months."""
    asked: dict[str, Any] = request["IntegrationConfig"].get("AppflowIntegration", {})
    if not asked:
        raise BadRequestException("IntegrationConfig.AppflowIntegration is missing.")
    definition = asked["FlowDefinition"]
    source, trigger = definition["SourceFlowConfig"], definition["TriggerConfig"]
    if source["ConnectorType"] not in _SOURCES:
        raise BadRequestException(
            f"{source['ConnectorType']} is not supported. Supported are {', '.join(_SOURCES)}."
        )
    for name in ("ConnectorProfileName", "IncrementalPullConfig"):
        if name not in source:
            raise BadRequestException(f"SourceFlowConfig.{name} is missing.")
    scheduled = trigger.get("TriggerProperties", {}).get("Scheduled")
    if trigger["TriggerType"] != "Scheduled" or not scheduled:
        raise BadRequestException("The trigger of a continuous integration must be Scheduled.")
    if given := asked.get("Batches"):
        if wrong := [batch for batch in given if batch["StartTime"] >= batch["EndTime"]]:
            raise BadRequestException(
                f"A batch must end after its start, {wrong[0]['StartTime'].isoformat()}."
            )
        return [(batch["StartTime"], batch["EndTime"]) for batch in given]
    since = scheduled.get("FirstExecutionFrom")
    if since is None or since >= now:
        raise BadRequestException("Batches, or a FirstExecutionFrom in the past, must be given.")
    return [(cut.start, cut.end) for cut in windows.cut(since, now, _BATCH)]


def _described(step: Step) -> Answer:
    return {
        "FlowName": step.flow_name,
        "Status": step.status,
        "ExecutionMessage": step.message,
        "RecordsProcessed": step.records,
        "BatchRecordsStartTime": step.start.isoformat(),
        "BatchRecordsEndTime": step.end.isoformat(),
        "CreatedAt": step.created_at,
        "LastUpdatedAt": step.updated_at,
    }


def _updated_at(workflow: Workflow) -> datetime:
    return max([workflow.updated_at, *(step.updated_at for step in workflow.steps)])


def _is_asked_for(workflow: Workflow, request: Request) -> bool:
    """Whether a workflow is of a status, "started after" a time, and "ended after" another."""
    ended = workflow.updated_at if workflow.status != "IN_PROGRESS" else None
    since, until = request.get("QueryStartDate"), request.get("QueryEndDate")
    return (
        request.get("Status") in (None, workflow.status)
        and (since is None or workflow.created_at >= since)
        and (until is None or (ended is not None and ended >= until))
    )
