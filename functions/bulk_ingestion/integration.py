"""The continuous integration: created once, kept while it works, replaced where it has a gap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import ClientError

from bulk_ingestion import aws, flows
from bulk_ingestion.api_model import respelled
from bulk_ingestion.errors import FlowNameTaken, IntegrationNotReady
from bulk_ingestion.sweep import all_flows
from bulk_ingestion.times import iso, parse_instant

_USABLE = ("Active", "Draft")  # a Draft was created but not started yet
_TRIES = 3


@dataclass(frozen=True)
class Wanted:
    """The integration that an execution asks for."""

    domain: str
    object_type: str
    flow_definition: flows.FlowDefinition
    hand_off: datetime
    tags: dict[str, str]

    @property
    def stack(self) -> str:
        """The stack that it belongs to."""
        return self.tags[flows.STACK_TAG]


def establish(wanted: Wanted, now: datetime) -> dict[str, Any]:
    """Make sure that the continuous integration exists and is started; safe to call again.

    One of this stack that reads the same source into the same object type is kept when it works
    and begins no later than ``hand_off``; otherwise it is replaced. Returns ``Uri``, ``FlowName``
    and ``FirstExecutionFrom``. Raises FlowNameTaken for somebody else's flow of that name.
    """
    uri = None
    for _ in range(_TRIES):
        uri = _keep_or_remove(wanted) or _create(wanted, now)
        if uri:
            break
    if uri is None:
        raise IntegrationNotReady(
            f"Flow {wanted.flow_definition['FlowName']} of this stack keeps being created and "
            "removed; is another execution doing the same? Redrive when it has ended."
        )
    return _start(wanted, uri)


def _keep_or_remove(wanted: Wanted) -> str | None:
    """Find this stack's integrations for the source; give the URI of one that can stay."""
    kept = None
    for listed in all_flows():
        is_ours = listed.get("tags", {}).get(flows.STACK_TAG) == wanted.stack
        if not is_ours or listed["triggerType"] != "Scheduled":
            continue
        flow = describe(listed["flowName"])
        if flow is None or not _is_same(flow, wanted):
            continue
        uri = flow["flowArn"]
        begins = flows.begins(flow)
        reaches = begins is not None and begins <= wanted.hand_off
        if _works(flow) and reaches and is_registered(wanted.domain, uri):
            kept = uri
        else:
            remove(wanted.domain, uri)
    return kept


def _create(wanted: Wanted, now: datetime) -> str | None:
    """Create it and give its URI; None when one of this stack has come into being meanwhile."""
    definition = flows.continuous(wanted.flow_definition, wanted.hand_off, now)
    try:
        return _put(wanted, _for_boto(definition))
    except ClientError as error:
        if not _is_taken(error):
            answered = _answered_at(error)
            if answered is None or answered < _starts(definition):
                raise
            return _create(wanted, answered)  # retries took so long that the start has passed
    name = wanted.flow_definition["FlowName"]
    flow = describe(name)
    if flow is not None and not (
        flow.get("tags", {}).get(flows.STACK_TAG) == wanted.stack and _is_same(flow, wanted)
    ):
        raise FlowNameTaken(
            f"A flow named {name} exists, and this stack did not make it for the same source and "
            "object type. It was left as it is: choose another FlowDefinition.FlowName, or delete "
            "that flow and redrive this execution."
        )
    return None


def _put(wanted: Wanted, definition: Any) -> str:
    """Create the flow and register it, and give its URI.

    Where Customer Profiles does not know the connector, AppFlow creates the flow, as for external
    applications (https://docs.aws.amazon.com/connect/latest/adminguide/
    integrate-external-applications-appflow.html). Failing in between leaves a flow of this stack
    that is no integration, which the next try removes.
    """
    asked: Any = {
        "DomainName": wanted.domain,
        "ObjectTypeName": wanted.object_type,
        "Tags": wanted.tags,
    }
    if flows.source_of(definition).connector.is_customer_profiles_own:
        asked["FlowDefinition"] = definition
    else:
        request = flows.to_customer_profiles(definition, wanted.domain, wanted.object_type)
        request = respelled("appflow", "CreateFlowRequest", {**request, "Tags": wanted.tags})
        asked["Uri"] = aws.appflow().create_flow(**request)["flowArn"]
    return aws.customer_profiles().put_integration(**asked)["Uri"]


def _is_taken(error: ClientError) -> bool:
    """Whether a flow of that name exists: AppFlow's conflict, as either service tells it."""
    told = error.response["Error"]
    return told["Code"] == "ConflictException" or "already exists" in told["Message"]


def _start(wanted: Wanted, uri: str) -> dict[str, Any]:
    """Activate the flow: a scheduled flow does nothing until StartFlow."""
    name = uri.rpartition("/")[2]
    flow = describe(name)
    if flow is not None and flow["flowStatus"] != "Active":
        aws.appflow().start_flow(flowName=name)
        flow = describe(name)
    if flow is None or flow["flowStatus"] != "Active" or not is_registered(wanted.domain, uri):
        raise IntegrationNotReady(
            f"The continuous integration {uri} was created, but it cannot be seen to work yet. "
            "Redrive this execution; when that does not help, look at the flow in AppFlow."
        )
    begins = flows.begins(flow) or wanted.hand_off
    return {"Uri": uri, "FlowName": name, "FirstExecutionFrom": iso(begins)}


def describe(name: str) -> dict[str, Any] | None:
    """Ask AppFlow for a flow; None when there is none of that name."""
    client = aws.appflow()
    try:
        return dict(client.describe_flow(flowName=name))
    except client.exceptions.ResourceNotFoundException:
        return None


def is_registered(domain: str, uri: str) -> bool:
    """Whether Customer Profiles has an integration."""
    client = aws.customer_profiles()
    try:
        client.get_integration(DomainName=domain, Uri=uri)
    except client.exceptions.ResourceNotFoundException:
        return False
    return True


def _is_same(flow: dict[str, Any], wanted: Wanted) -> bool:
    """Whether a flow reads the wanted source, on a schedule, into the wanted object type."""
    source = flows.source_of(wanted.flow_definition)
    config = flow["sourceFlowConfig"]
    destination = flow["destinationFlowConfigList"][0]["destinationConnectorProperties"]
    target = destination.get("CustomerProfiles", {})
    return (
        flow["triggerConfig"]["triggerType"] == "Scheduled"
        and config["connectorType"] == source.connector.type
        and config.get("connectorProfileName") == source.profile
        and flows.source_object(config["sourceConnectorProperties"][source.connector.properties])
        == source.object
        and target.get("domainName") == wanted.domain
        and target.get("objectTypeName") == wanted.object_type
    )


def _works(flow: dict[str, Any]) -> bool:
    return flow["flowStatus"] in _USABLE


def _starts(flow_definition: flows.FlowDefinition) -> datetime:
    scheduled = flow_definition["TriggerConfig"]["TriggerProperties"]["Scheduled"]
    return parse_instant(scheduled["ScheduleStartTime"])


def _answered_at(error: ClientError) -> datetime | None:
    """Tell when AWS answered, by its own clock."""
    date = error.response["ResponseMetadata"].get("HTTPHeaders", {}).get("date")
    return parsedate_to_datetime(date) if date else None


def _for_boto(flow_definition: flows.FlowDefinition) -> Any:
    """Read the schedule's timestamps, since boto3 takes ISO texts only in some forms."""
    trigger = flow_definition["TriggerConfig"]
    scheduled = dict(trigger["TriggerProperties"]["Scheduled"])
    for key in ("ScheduleStartTime", "ScheduleEndTime", "FirstExecutionFrom"):
        if key in scheduled:
            scheduled[key] = parse_instant(scheduled[key])
    properties = {"Scheduled": scheduled}
    return {**flow_definition, "TriggerConfig": {**trigger, "TriggerProperties": properties}}


def remove(domain: str, uri: str) -> None:
    """Delete an integration and its flow, as far as they are there."""
    name = uri.rpartition("/")[2]
    _delete(
        lambda: aws.customer_profiles().delete_integration(DomainName=domain, Uri=uri),
        lambda: is_registered(domain, uri),
    )
    _delete(
        lambda: aws.appflow().delete_flow(flowName=name, forceDelete=True),
        lambda: describe(name) is not None,
    )


def _delete(delete: Callable[[], Any], is_there: Callable[[], bool]) -> None:
    """Delete what is there, which may go with something else, or without an answer.

    Deleting is allowed by tags: of what is gone, IAM sees none and denies it.
    """
    if is_there():
        try:
            delete()
        except ClientError:
            if is_there():
                raise
