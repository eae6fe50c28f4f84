"""AppflowBackend class: flows, their runs on the simulated clock, and connector profiles."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.core.base_backend import BackendDict, BaseBackend

from local import caller, simulation
from local.customerprofiles.models import CustomerProfilesBackend, customerprofiles_backends
from local.rest_json import page
from local.simulation import Conduct, Record, RunOutcome
from local.sources import Entity, Source, Sources, filter_operators, union_key
from local.tasks import Span, pull

from .exceptions import (
    ConflictException,
    ResourceNotFoundException,
    ServiceQuotaExceededException,
    UnsupportedOperationException,
    ValidationException,
)
from .rules import (
    Surroundings,
    datetime_field,
    interval,
    is_incremental,
    object_name,
    refusals,
    schedule,
)

Request = dict[str, Any]
Answer = dict[str, Any]

_DEFINITION = (
    "description",
    "kmsArn",
    "triggerConfig",
    "sourceFlowConfig",
    "destinationFlowConfigList",
    "tasks",
    "metadataCatalogConfig",
)
_RECORDS_A_PAGE = 20
_FLOWS_A_PAGE = 100
_HAPPENING = 2  # comes after what ends and what starts at the same instant
_NEVER = datetime.max.replace(tzinfo=UTC)


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

    def appears_at(self) -> datetime:
        """Tell from when on the flow's records have it."""
        return self.started_at + self.conduct.appears_after

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


@dataclass
class Flow:
    """A flow: its definition as in CreateFlow, its state and its runs, the oldest first."""

    name: str
    arn: str
    definition: Request
    tags: dict[str, str]
    status: str
    created_at: datetime
    created_by: str
    last_updated_at: datetime
    runs: list[Run] = field(default_factory=list)
    running: Run | None = None
    next_pull: datetime | None = None
    pulled_until: datetime | None = None
    failures_in_a_row: int = 0

    @property
    def trigger_type(self) -> str:
        """OnDemand, Scheduled or Event."""
        return str(self.definition["triggerConfig"]["triggerType"])

    @property
    def connector_type(self) -> str:
        """The source's connector type, such as Servicenow."""
        return str(self.definition["sourceFlowConfig"]["connectorType"])

    @property
    def profile(self) -> str:
        """The source's connector profile; for a source without one its connector type."""
        return str(
            self.definition["sourceFlowConfig"].get("connectorProfileName", self.connector_type)
        )

    @property
    def destination(self) -> Mapping[str, Any]:
        """The first destination's properties; empty for other than Customer Profiles."""
        properties = self.definition["destinationFlowConfigList"][0][
            "destinationConnectorProperties"
        ]
        destination: Mapping[str, Any] = properties.get("CustomerProfiles", {})
        return destination

    def last_run(self) -> Answer:
        """Give ``lastRunExecutionDetails``; empty before the first run."""
        if not self.runs:
            return {}
        run = self.runs[-1]
        details = {
            "mostRecentExecutionTime": run.started_at,
            "mostRecentExecutionStatus": run.status,
        }
        message = run.result.get("errorInfo", {}).get("executionMessage")
        return details | ({"mostRecentExecutionMessage": message} if message else {})


class AppflowBackend(BaseBackend):  # type: ignore[misc]
    """AppFlow in one account and Region. Runs happen when somebody looks: see :meth:`settle`."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.flows: dict[str, Flow] = {}
        self.connector_profiles: dict[str, Answer] = {}
        self.sources = Sources(self._connector_of, self.settle)
        self._tokens: dict[tuple[str, str], tuple[datetime, Request, Answer]] = {}
        self._settling = False

    # Flows

    def create_flow(self, request: Request) -> Answer:
        """Create a flow; the same request with the same token is answered again for 8 h."""
        answered = self._answered("", request)
        if answered:
            return answered
        name = request["flowName"]
        if name in self.flows:
            raise ConflictException(f"Flow with name {name} already exists.")
        if len(self.flows) >= simulation.current.knobs.flows_per_account:
            raise ServiceQuotaExceededException("The account has as many flows as it may have.")
        definition = {key: request[key] for key in _DEFINITION if key in request}
        self._check(definition)
        now = self._now()
        flow = Flow(
            name=name,
            arn=f"arn:{self.partition}:appflow:{self.region_name}:{self.account_id}:flow/{name}",
            definition=definition,
            tags=dict(request.get("tags", {})),
            status="Draft" if schedule(definition) else "Active",
            created_at=now,
            created_by=caller.role.get() or f"arn:{self.partition}:iam::{self.account_id}:root",
            last_updated_at=now,
        )
        self.flows[name] = flow
        return self._remember("", request, {"flowArn": flow.arn, "flowStatus": flow.status})

    def update_flow(self, request: Request) -> Answer:
        """Replace a flow's definition; its runs stay."""
        flow = self._flow(request["flowName"])
        if flow.running:
            raise ConflictException(f"Flow {flow.name} is running.")
        definition = {key: request[key] for key in _DEFINITION if key in request}
        self._check(definition)
        if "kmsArn" in flow.definition:
            definition["kmsArn"] = flow.definition["kmsArn"]
        flow.definition = definition
        flow.status = "Draft" if schedule(definition) else "Active"
        flow.next_pull = None
        flow.last_updated_at = self._now()
        return {"flowStatus": flow.status}

    def describe_flow(self, request: Request) -> Answer:
        """Describe a flow."""
        flow = self._flow(request["flowName"])
        return flow.definition | {
            "flowName": flow.name,
            "flowArn": flow.arn,
            "flowStatus": flow.status,
            "createdAt": flow.created_at,
            "createdBy": flow.created_by,
            "lastUpdatedAt": flow.last_updated_at,
            "lastUpdatedBy": flow.created_by,
            "tags": flow.tags,
            "lastRunExecutionDetails": flow.last_run() or None,
        }

    def list_flows(self, request: Request) -> Answer:
        """List the flows, the oldest first."""
        flows, token = self._page(list(self.flows.values()), request, _FLOWS_A_PAGE)
        return {"flows": [self._listed(flow) for flow in flows], "nextToken": token}

    def _listed(self, flow: Flow) -> Answer:
        return {
            "flowArn": flow.arn,
            "description": flow.definition.get("description"),
            "flowName": flow.name,
            "flowStatus": flow.status,
            "sourceConnectorType": flow.connector_type,
            "destinationConnectorType": flow.definition["destinationFlowConfigList"][0][
                "connectorType"
            ],
            "triggerType": flow.trigger_type,
            "createdAt": flow.created_at,
            "createdBy": flow.created_by,
            "lastUpdatedAt": flow.last_updated_at,
            "lastUpdatedBy": flow.created_by,
            "tags": flow.tags,
            "lastRunExecutionDetails": flow.last_run() or None,
        }

    def delete_flow(self, request: Request) -> Answer:
        """Delete a flow and its history; a running one only by force."""
        flow = self._flow(request["flowName"])
        if flow.running and not request.get("forceDelete"):
            raise ConflictException(f"Flow {flow.name} is running and cannot be deleted.")
        self.remove_flow(flow)
        return {}

    def remove_flow(self, flow: Flow) -> None:
        """Take a flow away, whatever it is doing; a run under way delivers nothing."""
        del self.flows[flow.name]
        self._tokens = {key: kept for key, kept in self._tokens.items() if key[0] != flow.name}

    def flow_at(self, arn: str) -> Flow | None:
        """Find a flow by its ARN."""
        return next((flow for flow in self.flows.values() if flow.arn == arn), None)

    # Runs

    def start_flow(self, request: Request) -> Answer:
        """Run an on-demand flow, or activate a scheduled one."""
        flow = self._flow(request["flowName"])
        answered = self._answered(flow.name, request, compare=False)
        if answered:
            return answered
        answer = {"flowArn": flow.arn, "flowStatus": "Active"}
        if schedule(flow.definition):
            self._activate(flow)
        elif flow.running:
            raise ConflictException(f"Flow {flow.name} is already running.")
        else:
            now = self._now()
            answer["executionId"] = self._start_run(flow, now, now, now, None).execution_id
        return self._remember(flow.name, request, answer)

    def _activate(self, flow: Flow) -> None:
        if flow.status == "Active":
            return
        start = schedule(flow.definition).get("scheduleStartTime")
        flow.status = "Active"
        flow.failures_in_a_row = 0
        flow.next_pull = _first_tick(start or self._now(), _every(flow), self._now())
        simulation.current.comes_due(flow.next_pull)

    def stop_flow(self, request: Request) -> Answer:
        """Deactivate a scheduled flow; a run under way goes on."""
        flow = self._flow(request["flowName"])
        if flow.trigger_type == "OnDemand":
            raise UnsupportedOperationException("An on-demand flow cannot be stopped.")
        flow.status, flow.next_pull = "Suspended", None
        return {"flowArn": flow.arn, "flowStatus": flow.status}

    def describe_flow_execution_records(self, request: Request) -> Answer:
        """List a flow's runs, the newest first."""
        flow = self._flow(request["flowName"])
        listed = [
            record
            for run in flow.runs[::-1]
            if run.appears_at() <= self._now()
            for record in (*_others(run), run.describe())
        ]
        runs, token = self._page(listed, request, _RECORDS_A_PAGE)
        return {"flowExecutions": runs, "nextToken": token}

    def cancel_flow_executions(self, request: Request) -> Answer:
        """Cancel runs; answers the ids that are of no run in progress."""
        flow = self._flow(request["flowName"])
        run = flow.running
        active = [run.execution_id] if run and run.status == "InProgress" else []
        wanted = request.get("executionIds") or active
        if run and run.execution_id in active and run.execution_id in wanted:
            now = self._now()
            run.status = "CancelStarted"
            run.last_updated_at = now
            run.ends_at = now + simulation.current.knobs.cancelling_takes
            simulation.current.comes_due(run.ends_at)
        return {"invalidExecutions": [wrong for wrong in wanted if wrong not in active]}

    def settle(self) -> None:
        """Carry out everything that has come due, in the order of its time."""
        if self._settling:  # what happens now changes the world as it is by now
            return
        self._settling = True
        try:
            self._carry_out(self._now())
        finally:
            self._settling = False

    def _carry_out(self, now: datetime) -> None:
        while due := min(self._coming(), default=None):
            at, rank, name = due
            if at > now:
                return
            if rank == _HAPPENING:
                simulation.current.happenings.pop(0).happens(self)
                continue
            flow = self.flows[name]
            if flow.running and flow.running.ends_at == at:
                self._end_run(flow, flow.running)
            else:
                self._scheduled_pull(flow, at)

    def next_due(self) -> datetime | None:
        """Tell when something will happen next if nobody does anything."""
        return min((at for at, _, _ in self._coming() if at < _NEVER), default=None)

    def _coming(self) -> Iterator[tuple[datetime, int, str]]:
        for happening in simulation.current.happenings[:1]:
            yield happening.at, _HAPPENING, ""
        for flow in self.flows.values():
            if flow.running:
                yield flow.running.ends_at, 0, flow.name
            if flow.next_pull:
                yield flow.next_pull, 1, flow.name

    def _scheduled_pull(self, flow: Flow, at: datetime) -> None:
        properties = schedule(flow.definition)
        end = properties.get("scheduleEndTime")
        if end and at > end:
            flow.next_pull = None
            return
        flow.next_pull = at + _every(flow)
        if flow.running:  # it is the next one's turn only when this one has ended
            return
        name = datetime_field(flow.definition)
        if not is_incremental(flow.definition) or name is None:
            self._start_run(flow, at, at, at, None)
            return
        until = at - timedelta(seconds=properties.get("scheduleOffset", 0))
        knobs = simulation.current.knobs
        if flow.pulled_until is None:
            first = properties.get("firstExecutionFrom") or until - knobs.first_pull_reaches_back
            flow.pulled_until = first
        since = flow.pulled_until
        span = Span(name, _milliseconds(since), _milliseconds(until))
        self._start_run(flow, at, since, until, span)

    def _start_run(
        self, flow: Flow, at: datetime, since: datetime, until: datetime, span: Span | None
    ) -> Run:
        run = Run(str(uuid.uuid4()), at, at, at, since, until, span)
        world, knobs = simulation.current, simulation.current.knobs
        run.conduct = world.direct_run(_as_created(flow), run.execution_id, at)
        takes = run.conduct.takes
        if takes is None:
            takes = knobs.run_base + knobs.run_per_record * len(self._pull(flow, run))
        run.ends_at = at + takes if run.conduct.ends else _NEVER
        flow.runs.append(run)
        flow.running = run
        world.comes_due(run.ends_at)
        self._emit("AppFlow Start Flow Run Report", flow, run, at)
        return run

    def _end_run(self, flow: Flow, run: Run) -> None:
        at = run.ends_at
        run.last_updated_at = at
        flow.running = None
        if run.status == "CancelStarted":
            run.status = "Canceled"
        else:
            pulled = self._pull(flow, run)
            judge = simulation.current.judge_run
            outcome = judge(_as_created(flow), run.execution_id, pulled, at)
            if flow.profile not in (*self.connector_profiles, flow.connector_type):
                message = f"The connector profile {flow.profile} does not exist."
                outcome = RunOutcome([], "Error", message)
            self._conclude(flow, run, outcome)
        self._emit("AppFlow End Flow Run Report", flow, run, at)
        self._deactivate_after_failures(flow, at)

    def _conclude(self, flow: Flow, run: Run, outcome: RunOutcome) -> None:
        """Deliver what a run pulled, and write down how it went."""
        run.status = outcome.status
        size = sum(_size(record) for _, record in outcome.records)
        run.result = {
            "recordsProcessed": len(outcome.records),
            "bytesProcessed": size,
            "bytesWritten": size,
        }
        if outcome.message or outcome.put_failures:
            run.result["errorInfo"] = {
                "putFailuresCount": outcome.put_failures,
                "executionMessage": outcome.message or None,
            }
        if flow.destination:
            self._profiles.land(flow.arn, flow.destination, outcome.records)
        if outcome.status == "Successful":
            flow.failures_in_a_row = 0
            if run.span:
                flow.pulled_until = run.pull_end
        else:
            flow.failures_in_a_row += 1

    def _deactivate_after_failures(self, flow: Flow, at: datetime) -> None:
        threshold = schedule(flow.definition).get("flowErrorDeactivationThreshold")
        if threshold and flow.failures_in_a_row >= threshold:
            self.deactivate(flow, at)

    def deactivate(self, flow: Flow, at: datetime) -> None:
        """Deactivate a scheduled flow, as AppFlow does by itself when a flow keeps failing."""
        if flow.status == "Active" and schedule(flow.definition):
            flow.status, flow.next_pull = "Suspended", None
            run = flow.runs[-1] if flow.runs else None
            self._emit("AppFlow Scheduled Flow Deactivated", flow, run, at)

    def _pull(self, flow: Flow, run: Run) -> list[tuple[str, Record]]:
        source = self._source(flow.definition)
        knobs = simulation.current.knobs
        pulled = pull(source, flow.definition["tasks"], run.span, knobs.inclusive_bounds)
        return pulled[: knobs.records_per_run.get(flow.connector_type)]

    def _emit(self, detail_type: str, flow: Flow, run: Run | None, at: datetime) -> None:
        """Emit an event as in the samples that people have published.

        No sample of a deactivation was found: it is told here as a failure of the last run.
        """
        detail = {
            "flow-name": flow.name,
            "created-by": flow.created_by,
            "flow-arn": flow.arn,
            "source": f"{flow.connector_type.upper()}/{flow.profile}",
            "destination": "CUSTOMERPROFILES",
            "source-object": object_name(flow.definition),
            "destination-object": flow.destination.get("objectTypeName", ""),
            "trigger-type": flow.trigger_type.upper(),
            **(_of_run(run) if run else {}),
        }
        if "Start" not in detail_type:
            failed = (
                run is None or run.status in ("Error", "Canceled") or "Deactivated" in detail_type
            )
            detail["status"] = "Execution Failed" if failed else "Execution Successful"
            if failed:
                told = run.result.get("errorInfo", {}).get("executionMessage") if run else None
                detail["error"] = told or (run.status if run else "The flow was deactivated.")
        simulation.current.emit(
            {
                "version": "0",
                "id": str(uuid.uuid4()),
                "detail-type": detail_type,
                "source": "aws.appflow",
                "account": self.account_id,
                "time": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "region": self.region_name,
                "resources": [uuid.uuid4().hex],
                "detail": detail,
            }
        )

    # Tags

    def tag_resource(self, request: Request) -> Answer:
        """Add tags to a flow."""
        self._tagged(request["resourceArn"]).tags.update(request["tags"])
        return {}

    def untag_resource(self, request: Request) -> Answer:
        """Remove tags from a flow."""
        flow = self._tagged(request["resourceArn"])
        flow.tags = {k: v for k, v in flow.tags.items() if k not in request["tagKeys"]}
        return {}

    def list_tags_for_resource(self, request: Request) -> Answer:
        """Give a flow's tags."""
        return {"tags": self._tagged(request["resourceArn"]).tags}

    def _tagged(self, arn: str) -> Flow:
        flow = self.flow_at(arn)
        if flow is None:
            raise ResourceNotFoundException(f"The resource {arn} does not exist.")
        return flow

    # Connectors

    def create_connector_profile(self, request: Request) -> Answer:
        """Create a connector profile; its credentials are thrown away."""
        name, connector_type = request["connectorProfileName"], request["connectorType"]
        if name in self.connector_profiles:
            raise ConflictException(f"Connector profile with name {name} already exists.")
        properties = request["connectorProfileConfig"]["connectorProfileProperties"]
        if list(properties) != [union_key(connector_type)]:
            raise ValidationException(
                "connectorProfileConfig.connectorProfileProperties must have exactly "
                f"{union_key(connector_type)} for the connector type {connector_type}"
            )
        prefix = f"arn:{self.partition}"
        place = f"{self.region_name}:{self.account_id}"
        arn = f"{prefix}:appflow:{place}:connectorprofile/{name}"
        self.connector_profiles[name] = {
            "connectorProfileArn": arn,
            "connectorProfileName": name,
            "connectorType": connector_type,
            "connectionMode": request["connectionMode"],
            "credentialsArn": f"{prefix}:secretsmanager:{place}:secret:appflow!{name}",
            "connectorProfileProperties": properties,
            "createdAt": self._now(),
            "lastUpdatedAt": self._now(),
        }
        return {"connectorProfileArn": arn}

    def describe_connector_profiles(self, request: Request) -> Answer:
        """List connector profiles by name and type; unknown names are passed over."""
        names, wanted_type = request.get("connectorProfileNames"), request.get("connectorType")
        found = [
            profile
            for name, profile in self.connector_profiles.items()
            if (not names or name in names) and wanted_type in (None, profile["connectorType"])
        ]
        profiles, token = self._page(found, request, _FLOWS_A_PAGE)
        return {"connectorProfileDetails": profiles, "nextToken": token}

    def delete_connector_profile(self, request: Request) -> Answer:
        """Delete a connector profile; one in use only by force."""
        name = request["connectorProfileName"]
        self._profile(name)
        users = [flow.name for flow in self.flows.values() if flow.profile == name]
        if users and not request.get("forceDelete"):
            raise ConflictException(f"Connector profile {name} is used by {', '.join(users)}.")
        del self.connector_profiles[name]
        return {}

    def describe_connector_entity(self, request: Request) -> Answer:
        """Describe the fields of an object of a connector profile."""
        name = request.get("connectorProfileName", "")
        profile = self._profile(name)
        connector_type = profile["connectorType"]
        if request.get("connectorType", connector_type) != connector_type:
            raise ValidationException(
                f"Connector profile {name} is of type {connector_type}, "
                f"not {request['connectorType']}."
            )
        entity = self.sources.describe(name, request["connectorEntityName"])
        if entity is None:
            raise ResourceNotFoundException(
                f"The object {request['connectorEntityName']} does not exist at {name}."
            )
        return {"connectorEntityFields": _described(entity, connector_type)}

    def list_connector_entities(self, request: Request) -> Answer:
        """List the objects of a connector profile."""
        name = request.get("connectorProfileName", "")
        self._profile(name)
        entities = [
            {"name": entity, "label": entity, "hasNestedEntities": False}
            for entity in self.sources.names(name)
        ]
        return {"connectorEntityMap": {"Objects": entities}}

    # What they share

    @property
    def _profiles(self) -> CustomerProfilesBackend:
        backend: CustomerProfilesBackend = customerprofiles_backends[self.account_id][
            self.region_name
        ]
        return backend

    def _now(self) -> datetime:
        return simulation.current.clock.now()

    def _flow(self, name: str) -> Flow:
        if name not in self.flows:
            raise ResourceNotFoundException(f"Flow with name {name} does not exist.")
        return self.flows[name]

    def _profile(self, name: str) -> Answer:
        if name not in self.connector_profiles:
            raise ResourceNotFoundException(f"Connector profile {name} does not exist.")
        return self.connector_profiles[name]

    def _connector_of(self, profile: str) -> str | None:
        connector_type: str | None = self.connector_profiles.get(profile, {}).get("connectorType")
        return connector_type

    def _source(self, definition: Request) -> Source:
        config = definition["sourceFlowConfig"]
        profile = config.get("connectorProfileName", config["connectorType"])
        return self.sources.get(profile, object_name(definition))

    def _check(self, definition: Request) -> None:
        """Refuse a definition that AppFlow would refuse."""
        config = definition["sourceFlowConfig"]
        connector_type, name = config["connectorType"], config.get("connectorProfileName")
        entity: Entity | None = None
        if name is None and connector_type != "S3":
            raise ValidationException("sourceFlowConfig.connectorProfileName is missing")
        if name is not None:
            actual = self._profile(name)["connectorType"]
            if actual != connector_type:
                raise ValidationException(
                    f"Connector profile {name} is of type {actual}, not {connector_type}."
                )
        self._check_destination(definition)
        entity = self.sources.describe(name or connector_type, object_name(definition))
        found = list(refusals(definition, Surroundings(entity, self._now())))
        if found:
            raise ValidationException("; ".join(found))

    def _check_destination(self, definition: Request) -> None:
        if len(definition["destinationFlowConfigList"]) != 1:
            raise ValidationException("destinationFlowConfigList must have exactly one destination")
        for config in definition["destinationFlowConfigList"]:
            properties = config["destinationConnectorProperties"].get("CustomerProfiles")
            if config["connectorType"] == "CustomerProfiles" and properties is None:
                raise ValidationException(
                    "destinationConnectorProperties.CustomerProfiles is missing"
                )
            if properties is not None:
                missing = self._profiles.what_is_missing(
                    properties["domainName"], properties.get("objectTypeName")
                )
                if missing:
                    raise ResourceNotFoundException(missing)

    def _page(self, items: list[Any], request: Request, size: int) -> tuple[list[Any], str | None]:
        return page(
            items,
            request.get("maxResults", size),
            request.get("nextToken"),
            ValidationException("The nextToken is invalid."),
        )

    def _answered(self, flow: str, request: Request, compare: bool = True) -> Answer | None:
        """Find what a client token was answered with, if it is young enough to be remembered."""
        kept = self._tokens.get((flow, request.get("clientToken", "")))
        if kept is None or self._now() - kept[0] > simulation.current.knobs.client_token_lives:
            return None
        if compare and kept[1] != request:
            raise ConflictException("The clientToken was used with different parameters.")
        return kept[2]

    def _remember(self, flow: str, request: Request, answer: Answer) -> Answer:
        if "clientToken" in request:
            kept = self._now(), copy.deepcopy(request), answer
            self._tokens[flow, request["clientToken"]] = kept
        return answer


def _of_run(run: Run) -> dict[str, str]:
    """Tell of a run what an event's detail tells."""
    detail = {
        "execution-id": run.execution_id,
        "start-time": _event_time(run.started_at),
        "num-of-records-processed": str(run.result.get("recordsProcessed", 0)),
        "num-of-records-filtered": "0",
        "num-of-record-failures": str(run.result.get("errorInfo", {}).get("putFailuresCount", 0)),
        "data-processed": str(run.result.get("bytesProcessed", 0)),
    }
    if run.span:
        detail["incremental-transfer-time-range"] = (
            f"{_event_time(run.pull_start)} - {_event_time(run.pull_end)}"
        )
    if run.status != "InProgress":
        detail["end-time"] = _event_time(run.last_updated_at)
    return detail


def _as_created(flow: Flow) -> Request:
    return {"flowName": flow.name, **flow.definition}


def _others(run: Run) -> Iterator[Answer]:
    """Make up the runs that are listed before a run."""
    for number in range(run.conduct.listed_behind):
        yield {
            "executionId": str(uuid.uuid5(uuid.UUID(run.execution_id), str(number))),
            "executionStatus": "Successful",
            "executionResult": {"recordsProcessed": 0, "bytesProcessed": 0, "bytesWritten": 0},
            "startedAt": run.started_at,
            "lastUpdatedAt": run.started_at,
            "dataPullStartTime": run.pull_start,
            "dataPullEndTime": run.pull_end,
        }


def _every(flow: Flow) -> timedelta:
    every = interval(schedule(flow.definition)["scheduleExpression"])
    assert every is not None  # create_flow has refused anything else
    return every


def _first_tick(start: datetime, every: timedelta, now: datetime) -> datetime:
    """Give the first instant of a schedule's grid that is not in the past."""
    return start if start >= now else start + every * -((start - now) // every)


def _milliseconds(instant: datetime) -> int:
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _event_time(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant.microsecond // 1000:03d}Z[UTC]"


def _size(record: Record) -> int:
    return sum(len(str(value)) for value in record.values())


def _described(entity: Entity, connector_type: str) -> list[Answer]:
    return [
        {
            "identifier": known.name,
            "label": known.name,
            "isPrimaryKey": known.is_primary_key,
            "isDeprecated": False,
            "supportedFieldTypeDetails": {
                "v1": {
                    "fieldType": known.type,
                    "filterOperators": filter_operators(connector_type, known.type),
                }
            },
            "sourceProperties": {
                "isRetrievable": known.is_retrievable,
                "isQueryable": known.is_retrievable,
                "isTimestampFieldForIncrementalQueries": known.is_timestamp,
            },
        }
        for known in entity.fields.values()
    ]


appflow_backends = BackendDict(AppflowBackend, "appflow")
