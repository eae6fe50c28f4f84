"""AppflowBackend class: AppFlow's operations on flows, runs and connector profiles."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from moto.core.base_backend import BackendDict, BaseBackend

from local import caller
from local.services import simulation
from local.services.age import Age
from local.services.rest_json import page
from local.services.simulation import Destination

from . import catalogue, definitions, files
from .connections import Connections
from .exceptions import (
    ConflictException,
    ResourceNotFoundException,
    ServiceQuotaExceededException,
    UnsupportedOperationException,
    ValidationException,
)
from .flows import Answer, Flow, Request, initial_status
from .pulls import ScheduledPulls
from .rules import Surroundings, refusals
from .runs import NEVER, Runs
from .tokens import ClientTokens

_RECORDS_A_PAGE = 20
_FLOWS_A_PAGE = 100
_RUN_ENDS, _PULL, _CHANGE = range(3)
"""What happens first of what is due at the same instant."""


class AppflowBackend(BaseBackend):  # type: ignore[misc]
    """AppFlow in one account and Region.

    Nothing happens between requests: :meth:`settle`, before each of them, carries out what has
    come due in the meantime.
    """

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.flows: dict[str, Flow] = {}
        self.connections = Connections(self._arn, self.settle)
        self.pulls = ScheduledPulls(runs := Runs(self.connections))
        self._runs = runs
        self._tokens = ClientTokens()
        self._settling = False

    # Flows

    def create_flow(self, request: Request) -> Answer:
        """Create a flow; the same request with the same token is answered again for 8 h."""
        if answered := self._tokens.answer("", request):
            return answered
        name = request["flowName"]
        if name in self.flows:
            raise ConflictException(f"Flow with name {name} already exists.")
        if len(self.flows) >= simulation.current.knobs.flows_per_account:
            raise ServiceQuotaExceededException("The account has the maximum number of flows.")
        definition = self._definition(request)
        now = self._now()
        flow = Flow(
            name=name,
            arn=self._arn("appflow", f"flow/{name}"),
            definition=definition,
            tags=dict(request.get("tags", {})),
            status=initial_status(definition),
            created_by=caller.role.get() or f"arn:{self.partition}:iam::{self.account_id}:root",
            last_updated_at=now,
            age=Age(now),
        )
        self.flows[name] = flow
        return self._tokens.remember("", request, {"flowArn": flow.arn, "flowStatus": flow.status})

    def update_flow(self, request: Request) -> Answer:
        """Replace a flow's definition; its runs stay."""
        flow = self._flow(request)
        if flow.running:
            raise ConflictException(f"Flow {flow.name} is running.")
        flow.redefine(self._definition(request), self._now())
        return {"flowStatus": flow.status}

    def describe_flow(self, request: Request) -> Answer:
        """Describe a flow."""
        return self._flow(request).describe()

    def list_flows(self, request: Request) -> Answer:
        """List the flows, the oldest first."""
        young = simulation.current.knobs.young_lists
        known = [flow for flow in self.flows.values() if not flow.age.is_young(young, "ListFlows")]
        flows, token = self._page(known, request, _FLOWS_A_PAGE)
        return {"flows": [flow.listed() for flow in flows], "nextToken": token}

    def delete_flow(self, request: Request) -> Answer:
        """Delete a flow and its history; a running one only by force."""
        flow = self._flow(request)
        if flow.running and not request.get("forceDelete"):
            raise ConflictException(f"Flow {flow.name} is running and cannot be deleted.")
        self.remove_flow(flow)
        return {}

    def remove_flow(self, flow: Flow) -> None:
        """Remove a flow, whatever it is doing; a run in progress delivers nothing."""
        del self.flows[flow.name]
        flow.running = None
        self._tokens.forget(flow.name)

    def flow_at(self, arn: str) -> Flow | None:
        """Find a flow by its ARN."""
        return next((flow for flow in self.flows.values() if flow.arn == arn), None)

    # Runs

    def start_flow(self, request: Request) -> Answer:
        """Run an on-demand flow, or activate a scheduled one."""
        flow = self._flow(request)
        if answered := self._tokens.answer(flow.name, request, compare=False):
            return answered
        answer: Answer = {"flowArn": flow.arn, "flowStatus": "Active"}
        now = self._now()
        if flow.schedule:
            self.pulls.activate(flow, now)
        elif flow.running:
            raise ConflictException(f"Flow {flow.name} is already running.")
        elif self._runs_in_progress() >= simulation.current.knobs.runs_per_account:
            raise ServiceQuotaExceededException("The account has the maximum number of flow runs.")
        else:
            answer["executionId"] = self._runs.start(flow, now, (now, now)).execution_id
        return self._tokens.remember(flow.name, request, answer)

    def stop_flow(self, request: Request) -> Answer:
        """Deactivate a scheduled flow; a run in progress goes on."""
        flow = self._flow(request)
        if flow.trigger_type == "OnDemand":
            raise UnsupportedOperationException("An on-demand flow cannot be stopped.")
        self.pulls.suspend(flow)
        return {"flowArn": flow.arn, "flowStatus": flow.status}

    def describe_flow_execution_records(self, request: Request) -> Answer:
        """List a flow's runs, the newest first."""
        now = self._now()
        runs = [run for run in self._flow(request).runs[::-1] if run.appears_at <= now]
        records = [record for run in runs for record in run.records()]
        listed, token = self._page(records, request, _RECORDS_A_PAGE)
        return {"flowExecutions": listed, "nextToken": token}

    def cancel_flow_executions(self, request: Request) -> Answer:
        """Cancel runs; answers the IDs that are of no run in progress."""
        flow = self._flow(request)
        unknown = self._runs.cancel(flow, request.get("executionIds"), self._now())
        return {"invalidExecutions": unknown}

    def refuse_young(self, operation: str, request: Request) -> None:
        """Raise an error for an operation on a flow that is too young, as the knob says."""
        flow = self.flows.get(request.get("flowName", ""))
        if flow is not None and operation != "CreateFlow":
            self.refuse_young_flow(flow, f"appflow:{operation}", "ValidationException")

    def refuse_young_flow(self, flow: Flow, action: str, bad_request: str) -> None:
        """Raise an error for an action that needs a flow that is too young, as the knob says."""
        flow.age.refuse_if_young(
            simulation.current.knobs.young_flows,
            action,
            flow.arn,
            f"Flow with name {flow.name} does not exist.",
            bad_request,
        )

    # What happens without a request

    def settle(self) -> None:
        """Carry out everything that has come due, in the order of its time."""
        if self._settling:  # what happens now changes the state as it is by now
            return
        self._settling = True
        try:
            self._carry_out(self._now())
        finally:
            self._settling = False

    def next_due(self) -> datetime | None:
        """Give the time of the next change that happens without a request."""
        return min((at for at, _, _ in self._coming() if at < NEVER), default=None)

    def _carry_out(self, now: datetime) -> None:
        while due := min(self._coming(), default=None):
            at, kind, name = due
            if at > now:
                return
            if kind == _CHANGE:
                with simulation.current.at(at):
                    simulation.current.changes.pop(0).apply()
            elif kind == _PULL:
                self.pulls.pull(self.flows[name], at)
            else:
                self._end_run(self.flows[name], at)

    def _coming(self) -> Iterator[tuple[datetime, int, str]]:
        for change in simulation.current.changes[:1]:
            yield change.at, _CHANGE, ""
        for flow in self.flows.values():
            if flow.running:
                yield flow.running.ends_at, _RUN_ENDS, flow.name
            if flow.next_pull:
                yield flow.next_pull, _PULL, flow.name

    def _runs_in_progress(self) -> int:
        return sum(flow.running is not None for flow in self.flows.values())

    def _end_run(self, flow: Flow, at: datetime) -> None:
        assert flow.running is not None  # or nothing would have come due
        self._runs.end(flow, flow.running, self._destination)
        self.pulls.deactivate_after_failures(flow, at)

    # Tags

    def tag_resource(self, request: Request) -> Answer:
        """Add tags to a flow."""
        self._tagged(request).tags.update(request["tags"])
        return {}

    def untag_resource(self, request: Request) -> Answer:
        """Remove tags from a flow."""
        flow = self._tagged(request)
        flow.tags = {k: v for k, v in flow.tags.items() if k not in request["tagKeys"]}
        return {}

    def list_tags_for_resource(self, request: Request) -> Answer:
        """Give a flow's tags."""
        return {"tags": self._tagged(request).tags}

    def _tagged(self, request: Request) -> Flow:
        flow = self.flow_at(request["resourceArn"])
        if flow is None:
            raise ResourceNotFoundException(
                f"The resource {request['resourceArn']} does not exist."
            )
        return flow

    # Connector profiles and entities

    def create_connector_profile(self, request: Request) -> Answer:
        """Create a connector profile; its credentials are thrown away."""
        created = self.connections.create(request, self._now())
        return {"connectorProfileArn": created["connectorProfileArn"]}

    def describe_connector_profiles(self, request: Request) -> Answer:
        """List connector profiles by name and type; unknown names are passed over."""
        found = self.connections.find(
            request.get("connectorProfileNames"), request.get("connectorType")
        )
        profiles, token = self._page(found, request, _FLOWS_A_PAGE)
        return {"connectorProfileDetails": profiles, "nextToken": token}

    def update_connector_profile(self, request: Request) -> Answer:
        """Replace the properties of a connector profile; its credentials are thrown away."""
        updated = self.connections.update(request, self._now())
        return {"connectorProfileArn": updated["connectorProfileArn"]}

    def delete_connector_profile(self, request: Request) -> Answer:
        """Delete a connector profile; one in use only by force."""
        name = request["connectorProfileName"]
        self.connections.get(name, None)
        users = [flow.name for flow in self.flows.values() if flow.profile == name]
        if users and not request.get("forceDelete"):
            raise ConflictException(f"Connector profile {name} is used by {', '.join(users)}.")
        del self.connections.profiles[name]
        return {}

    def reset_connector_metadata_cache(self, request: Request) -> Answer:
        """Forget what is known of an application's objects: nothing is kept that could be old."""
        return {}

    def describe_connector(self, request: Request) -> Answer:
        """Describe a connector."""
        return {"connectorConfiguration": catalogue.connector(request["connectorType"])}

    def describe_connectors(self, request: Request) -> Answer:
        """Describe connectors, all by default."""
        found = list(catalogue.connectors(request.get("connectorTypes")))
        listed, token = self._page(found, request, _FLOWS_A_PAGE)
        configurations = {connector["connectorType"]: connector for connector in listed}
        return {
            "connectorConfigurations": configurations,
            "connectors": [catalogue.listed(connector) for connector in listed],
            "nextToken": token,
        }

    def list_connectors(self, request: Request) -> Answer:
        """List the connectors."""
        found = [catalogue.listed(connector) for connector in catalogue.connectors()]
        listed, token = self._page(found, request, _FLOWS_A_PAGE)
        return {"connectors": listed, "nextToken": token}

    def describe_connector_entity(self, request: Request) -> Answer:
        """Describe the fields of an object of a connector profile."""
        return self.connections.describe_entity(request)

    def list_connector_entities(self, request: Request) -> Answer:
        """List the objects of a connector profile."""
        return self.connections.list_entities(request)

    # What the operations share

    @property
    def _destination(self) -> Destination:
        return simulation.current.destination(self.account_id, self.region_name)

    def _now(self) -> datetime:
        return simulation.current.now()

    def _arn(self, service: str, resource: str) -> str:
        return f"arn:{self.partition}:{service}:{self.region_name}:{self.account_id}:{resource}"

    def _flow(self, request: Request) -> Flow:
        name = request["flowName"]
        if name not in self.flows:
            raise ResourceNotFoundException(f"Flow with name {name} does not exist.")
        return self.flows[name]

    def _definition(self, request: Request) -> Request:
        """Read the definition in a request, and refuse one that AppFlow would refuse."""
        definition = {key: request[key] for key in definitions.PARTS if key in request}
        entity = self.connections.entity_of(definition)
        destinations = definition["destinationFlowConfigList"]
        if len(destinations) == 1:
            self._check_destination(definition)
        if found := list(refusals(definition, Surroundings(entity, self._now()))):
            raise ValidationException("; ".join(found))
        return definition

    def _check_destination(self, definition: Request) -> None:
        if profiles := definitions.customer_profiles(definition):
            missing = self._destination.missing(
                profiles["domainName"], profiles.get("objectTypeName")
            )
            if missing:
                raise ResourceNotFoundException(missing)
        if bucket := definitions.s3(definition):
            files.check_format(bucket)
            if problem := files.problem(bucket, self.account_id):
                raise ValidationException(problem)

    def _page(self, items: list[Any], request: Request, size: int) -> tuple[list[Any], str | None]:
        return page(
            items,
            request.get("maxResults", size),
            request.get("nextToken"),
            ValidationException("The nextToken is invalid."),
        )


appflow_backends = BackendDict(AppflowBackend, "appflow")
