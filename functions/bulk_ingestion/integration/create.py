"""The continuous integration: created, kept while it is the same and works, or replaced."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import ClientError

from bulk_ingestion.aws import clients, observed
from bulk_ingestion.aws.gone import delete
from bulk_ingestion.aws.young import patiently
from bulk_ingestion.errors import FlowNameTaken, IntegrationNotReady
from bulk_ingestion.flow import definitions, names
from bulk_ingestion.flow.api_model import respelled
from bulk_ingestion.flow.target import Integration, Target, integration_requests
from bulk_ingestion.integration import transition
from bulk_ingestion.integration.coverage import Coverage
from bulk_ingestion.integration.transition import Action, Rest, Transition
from bulk_ingestion.times import iso, parse_instant

_TRIES = 3


@dataclass(frozen=True)
class DesiredIntegration:
    """The desired state of a continuous integration."""

    target: Target
    hand_off: datetime
    """The instant up to which the windows import everything."""
    overlap: timedelta
    """How far before the instant from which it continues its pulls start."""
    tags: dict[str, str]
    """All its tags: the user's own, and those of the stack and the execution."""
    imported: Coverage = field(default_factory=Coverage)
    """What a target with the same digest has imported. It is not imported again."""
    ever_imported: Coverage = field(default_factory=Coverage)
    """What all targets of its name have imported."""
    pulled_until: datetime | None = None
    """The end of the last pull of the existing integration; None if it is unknown."""

    @property
    def name(self) -> str:
        """The name of its flow, which identifies it."""
        return str(self.target.flow_definition["FlowName"])

    def pulls_from(self, continues_from: datetime) -> datetime:
        """Give the instant from which it pulls: an overlap earlier, but nothing not asked for."""
        since = self.ever_imported.covered_since(continues_from)
        return max(since, continues_from - self.overlap)

    @property
    def stack(self) -> str:
        """The stack that it belongs to."""
        return self.tags[names.STACK_TAG]


@dataclass(frozen=True)
class Ensured:
    """An integration that exists and is active, and what was done."""

    integration: Integration
    transition: Transition
    first_pull: datetime
    """The earliest time of its first pull."""
    is_own: bool = False
    """Whether it was kept, and the same execution had created it before."""


def preview(desired: DesiredIntegration) -> Transition:
    """Say what :func:`ensure` would do now. Raises FlowNameTaken."""
    return _decide(desired, _observe(desired))


def rest(desired: DesiredIntegration, now: datetime) -> Rest:
    """Give what must be imported between the user's own windows and ``now``."""
    flow = _observe(desired)
    registered = _is_registered(desired, flow)
    return transition.rest(
        flow, registered, desired.target, desired.imported, desired.hand_off, now
    )


def ensure(desired: DesiredIntegration, now: datetime) -> Ensured:
    """Make sure that the continuous integration exists and is active. It is safe to call again.

    An existing integration with its name is kept if it is unchanged, works, and leaves no gap.
    Otherwise it is replaced. Raises FlowNameTaken if this stack did not create the flow with that
    name, and IntegrationNotReady.
    """
    first: Transition | None = None
    for _ in range(_TRIES):
        flow = _observe(desired)
        change = _decide(desired, flow)
        first = first or change  # a check may repair it in the meantime, as it is desired
        if flow and change.action is Action.KEEP:
            is_own = flow["tags"].get(names.EXECUTION_TAG) == desired.tags[names.EXECUTION_TAG]
            return _ensured(desired, flow["flowArn"], first, is_own)
        if flow:
            remove(desired.target.domain, flow["flowArn"])
        uri = _create(desired, change.continues_from, now)
        if uri:
            return _ensured(desired, uri, first)
    raise IntegrationNotReady(
        f"Flow {desired.name} was created and removed several times. Another execution may create "
        "the same integration. Wait until it ends, and then redrive this execution."
    )


def _observe(desired: DesiredIntegration) -> observed.Flow | None:
    """Describe the flow with the desired name. Raises FlowNameTaken if it is not this stack's."""
    flow = patiently(lambda: observed.describe_flow(desired.name))
    if flow is not None and not names.is_of_stack(flow.get("tags", {}), desired.stack):
        raise FlowNameTaken(
            f"A flow named {desired.name} exists, and this stack did not create it. It was not "
            "changed. Choose another FlowDefinition.FlowName, or delete that flow and redrive "
            "this execution."
        )
    return flow


def _decide(desired: DesiredIntegration, flow: observed.Flow | None) -> Transition:
    return transition.decide(
        flow,
        _is_registered(desired, flow),
        desired.target,
        desired.hand_off,
        desired.imported,
        desired.pulled_until,
    )


def _is_registered(desired: DesiredIntegration, flow: observed.Flow | None) -> bool:
    if flow is None:
        return False
    uri = flow["flowArn"]
    return patiently(lambda: observed.is_registered(desired.target.domain, uri))


def _create(desired: DesiredIntegration, continues_from: datetime, now: datetime) -> str | None:
    """Create it and give its URI; None if a flow with its name was created in the meantime."""
    definition = definitions.continuous(
        desired.target.flow_definition,
        desired.pulls_from(continues_from),
        desired.overlap,
        now,
    )
    try:
        return _put(desired, _for_boto(definition))
    except ClientError as error:
        if _is_taken(error):
            return None
        answered = _answered_at(error)
        if answered is None or answered < _starts(definition):
            raise
        # The start time passed during botocore's retries.
        return _create(desired, continues_from, answered)


def _put(desired: DesiredIntegration, definition: Any) -> str:
    """Create the flow, register it, and give its URI.

    If Customer Profiles does not know the connector, AppFlow creates the flow, as for external
    applications (https://docs.aws.amazon.com/connect/latest/adminguide/
    integrate-external-applications-appflow.html). If registering it fails, a flow of this stack is
    left that is not an integration. The next try removes it.
    """
    requests = integration_requests(desired.target.with_definition(definition), desired.tags)
    put: Any = requests.put_integration
    if "FlowDefinition" not in put:
        flow = respelled("appflow", "CreateFlowRequest", requests.create_flow)
        put = {**put, "Uri": clients.appflow().create_flow(**flow)["flowArn"]}
    return patiently(lambda: clients.customer_profiles().put_integration(**put))["Uri"]


def _is_taken(error: ClientError) -> bool:
    """Whether a flow with that name exists: AppFlow's conflict, as either service reports it."""
    problem = error.response["Error"]
    return problem["Code"] == "ConflictException" or "already exists" in problem["Message"]


def _ensured(
    desired: DesiredIntegration, uri: str, transition: Transition, is_own: bool = False
) -> Ensured:
    """Activate the flow: a scheduled flow does nothing until StartFlow.

    Flow and integration may be new, so both are looked for again before IntegrationNotReady.
    """
    name = uri.rpartition("/")[2]
    if patiently(lambda: _described(uri))["flowStatus"] != "Active":
        patiently(lambda: clients.appflow().start_flow(flowName=name))
    flow = patiently(lambda: _described(uri, "Active"))
    patiently(lambda: _check_registered(desired.target.domain, uri))
    begins = definitions.begins(flow) or desired.pulls_from(desired.hand_off)
    return Ensured(
        {"Uri": uri, "FlowName": name, "FirstExecutionFrom": iso(begins)},
        transition,
        definitions.starts(flow),
        is_own,
    )


def _described(uri: str, status: str | None = None) -> observed.Flow:
    """Describe the flow of an integration; raises IntegrationNotReady if it is not there yet."""
    flow = observed.describe_flow(uri.rpartition("/")[2])
    if flow is None or status not in (None, flow["flowStatus"]):
        raise _not_ready(uri)
    return flow


def _check_registered(domain: str, uri: str) -> None:
    if not observed.is_registered(domain, uri):
        raise _not_ready(uri)


def _not_ready(uri: str) -> IntegrationNotReady:
    return IntegrationNotReady(
        f"The continuous integration {uri} was created, but it does not show as active yet. "
        "Redrive this execution. If that does not help, check the flow in AppFlow."
    )


def _starts(flow_definition: definitions.FlowDefinition) -> datetime:
    scheduled = flow_definition["TriggerConfig"]["TriggerProperties"]["Scheduled"]
    return parse_instant(scheduled["ScheduleStartTime"])


def _answered_at(error: ClientError) -> datetime | None:
    """Give the time at which AWS answered, by the clock of AWS."""
    date = error.response["ResponseMetadata"].get("HTTPHeaders", {}).get("date")
    return parsedate_to_datetime(date) if date else None


def _for_boto(flow_definition: definitions.FlowDefinition) -> Any:
    """Parse the schedule's timestamps, because boto3 does not accept all forms of ISO 8601."""
    trigger = flow_definition["TriggerConfig"]
    scheduled = dict(trigger["TriggerProperties"]["Scheduled"])
    for key in ("ScheduleStartTime", "ScheduleEndTime", "FirstExecutionFrom"):
        if key in scheduled:
            scheduled[key] = parse_instant(scheduled[key])
    properties = {"Scheduled": scheduled}
    return {**flow_definition, "TriggerConfig": {**trigger, "TriggerProperties": properties}}


def remove(domain: str, uri: str) -> None:
    """Delete an integration and its flow, if they exist."""
    patiently(lambda: _remove(domain, uri))


def _remove(domain: str, uri: str) -> None:
    name = uri.rpartition("/")[2]
    if observed.is_registered(domain, uri):
        delete(
            clients.customer_profiles().delete_integration,
            exists=lambda: observed.is_registered(domain, uri),
            DomainName=domain,
            Uri=uri,
        )
    if observed.describe_flow(name):
        delete(
            clients.appflow().delete_flow,
            exists=lambda: observed.describe_flow(name) is not None,
            flowName=name,
            forceDelete=True,
        )
