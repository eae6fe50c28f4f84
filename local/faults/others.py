"""Others in the account: their integrations, flows and runs take up what the quotas allow."""

from __future__ import annotations

import uuid
from datetime import datetime
from itertools import count

from pydantic import Field, model_validator

from local.account import ACCOUNT, REGION
from local.faults.changes import Change, appflow
from local.faults.fields import Strict
from local.services import simulation
from local.services.age import Age
from local.services.appflow.flows import Flow, Request, Run
from local.services.appflow.runs import NEVER
from local.services.customerprofiles.domains import Integration
from local.services.customerprofiles.models import customerprofiles_backends
from local.services.simulation import ScheduledChange

_numbers = count(1)
_WHOLE = "a whole number, 1 or more"
_DEFINITION: Request = {
    "triggerConfig": {"triggerType": "OnDemand"},
    "sourceFlowConfig": {
        "connectorType": "S3",
        "sourceConnectorProperties": {"S3": {"bucketName": "others"}},
    },
    "destinationFlowConfigList": [
        {
            "connectorType": "S3",
            "destinationConnectorProperties": {"S3": {"bucketName": "others"}},
        }
    ],
    "tasks": [],
}


class Holdings(Strict):
    """How much others hold."""

    Integrations: int | None = Field(default=None, ge=1, description=_WHOLE)
    Flows: int | None = Field(default=None, ge=1, description=_WHOLE)
    Runs: int | None = Field(default=None, ge=1, description=_WHOLE)


class OthersHold(Change):
    """Integrations of every domain, flows and runs that are not this stack's."""

    Others: Holdings = Field(description="an object with Integrations, Flows, Runs")

    @model_validator(mode="after")
    def _holds_something(self) -> OthersHold:
        if not self.Others.model_fields_set:
            raise ValueError("Others hold nothing; give Integrations, Flows or Runs")
        return self

    def strike(self, at: datetime) -> int:
        """Create what others hold, and remove it when ``For`` is over; gives how much it is."""
        flows = [_flow(at) for _ in range(self.Others.Flows or 0)]
        flows += [_running_flow(at) for _ in range(self.Others.Runs or 0)]
        names = [flow.name for flow in flows]
        appflow().flows.update(zip(names, flows, strict=True))
        uris = [_uri() for _ in range(self.Others.Integrations or 0)]
        for domain, held in _integrations().items():
            held.update({uri: _integration(domain, uri, at) for uri in uris})

        def remove() -> None:
            for name in names:
                appflow().flows.pop(name, None)
            for held in _integrations().values():
                for uri in uris:
                    held.pop(uri, None)

        if self.For is not None:
            simulation.current.schedule(ScheduledChange(at + self.For, remove, is_fault=True))
        return len(names) + len(uris)


def _integrations() -> dict[str, dict[str, Integration]]:
    domains = customerprofiles_backends[ACCOUNT][REGION].domains
    return {name: domain.integrations for name, domain in domains.items()}


def _uri() -> str:
    return f"arn:aws:app-integrations:{REGION}:{ACCOUNT}:event-integration/others-{next(_numbers)}"


def _integration(domain: str, uri: str, at: datetime) -> Integration:
    details = {
        "DomainName": domain,
        "Uri": uri,
        "ObjectTypeName": "CTR",
        "CreatedAt": at,
        "LastUpdatedAt": at,
        "IsUnstructured": False,
    }
    return Integration(details, Age(at))


def _flow(at: datetime) -> Flow:
    name = f"others-{next(_numbers)}"
    return Flow(
        name=name,
        arn=f"arn:aws:appflow:{REGION}:{ACCOUNT}:flow/{name}",
        definition=_DEFINITION,
        tags={},
        status="Active",
        created_by=f"arn:aws:iam::{ACCOUNT}:user/other",
        last_updated_at=at,
        age=Age(at),
    )


def _running_flow(at: datetime) -> Flow:
    flow = _flow(at)
    flow.running = Run(str(uuid.uuid4()), at, NEVER, at, at, at)
    flow.runs.append(flow.running)
    return flow
