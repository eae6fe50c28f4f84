"""Keeping the continuous integrations: found, checked, and repaired without a gap."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from bulk_ingestion import aws, flows, health, integration, kept, preflight
from bulk_ingestion.advice import mending
from bulk_ingestion.console import execution_link, flow_link
from bulk_ingestion.folder import Folder, Overtaken
from bulk_ingestion.health import Diagnosis, Health, Seen
from bulk_ingestion.kept import Asked, Kept, Repair
from bulk_ingestion.plan import Execution
from bulk_ingestion.sweep import all_flows
from bulk_ingestion.telling import tell
from bulk_ingestion.times import iso, parse_instant
from bulk_ingestion.windows import BULK_BEGINS

REPAIRS_A_DAY = 3

_NOT_LET_IN = "ConnectorAuthenticationException"
_NOT_OURS = (
    "It is not watched any more. Give its flow back the tags bulkIngestionStack and "
    "awsOwningService; or, if you want it to be left alone, delete its file under integrations/ "
    "in the stack's bucket."
)
_NO_DEFINITION = (
    "It was made before its definition was kept, so that it cannot be repaired. Start a bulk "
    "ingestion from its last pull on: that establishes it again, and keeps the definition."
)
_FLAPPING = (
    f"{REPAIRS_A_DAY} repairs within a day did not help. Look at its runs in AppFlow's flow "
    "details, and at what failed checks say. It will be tried again when that day is over."
)
_REFILL = (
    "The bulk ingestion that was to bring in what is missing is {status}. Mend what its error "
    "names and redrive it: {executionArn}"
)
_DAY = timedelta(days=1)
_RUNS_A_PAGE = 30  # an hourly flow has one new run a check
_RUN_PAGES = 40


@dataclass(frozen=True)
class Check:
    """One execution of the machine that keeps the integrations."""

    execution: Execution
    bucket: str
    machine: str
    """The ARN of the state machine for bulk ingestion."""
    stack_key: str
    """The only KMS key that the stack's roles may use."""
    now: datetime

    @classmethod
    def of(cls, event: dict[str, Any]) -> Check:
        """Take it from what the machine gives its functions, and from the template's variables."""
        started = event["Execution"]
        return cls(
            execution=Execution(started["Id"], started["Name"], os.environ["STACK_NAME"]),
            bucket=os.environ["RUNS_BUCKET"],
            machine=os.environ["STATE_MACHINE_ARN"],
            stack_key=os.environ["KMS_KEY_ARN"],
            now=parse_instant(event["Now"]),
        )


@dataclass(frozen=True)
class Checked:
    """What a check has found, and what is to be done about it."""

    diagnosis: Diagnosis
    needs_repair: bool = False
    trouble: str = ""
    """What a person has to do about it."""
    records_failed: int = 0
    """Records that could not be put, which no check has told of yet."""


def find(bucket: str, execution: Execution, event: dict[str, Any]) -> dict[str, Any]:
    """Write down which integrations there are, and tell where: by tag, and by what is kept.

    An ``event`` of AppFlow is about one flow alone, which may be none of ours.
    """
    names = set(kept.names(bucket))
    names |= {
        flow["flowName"]
        for flow in all_flows()
        if flow["triggerType"] == "Scheduled"
        and flows.is_of_stack(flow.get("tags", {}), execution.stack)
    }
    if "detail" in event:
        names &= {event["detail"]["flow-name"]}
    checks = Folder(bucket, "checks")
    file = f"{execution.name}.json"
    if names:
        checks.write(file, [{"FlowName": name} for name in sorted(names)])
    return {"Bucket": bucket, "Key": checks.key(file), "Integrations": len(names)}


def check(flow_name: str, this: Check) -> Checked:
    """Judge an integration, remember how far it has come, and tell a person what it needs.

    One that is to be repaired is leased to this check; whoever is overtaken leaves it alone.
    """
    known = kept.read(this.bucket, flow_name)
    limit = known.asked.source.connector.record_limit if known.asked else None
    diagnosis = health.diagnose(
        _look(flow_name, known.pulled_until),
        this.execution.stack,
        known.pulled_until,
        this.now,
        limit,
    )
    checked = _decide(known, diagnosis, this)
    if not known.free_for(this.execution.name, this.now):
        return replace(checked, needs_repair=False)
    try:
        _act(known, checked, this)
    except Overtaken:
        return Checked(diagnosis)
    if diagnosis.records_failed:
        tell(
            f"Records not sent: {flow_name}",
            f"{diagnosis.records_failed} records that {flow_name} pulled could not be put into "
            "Customer Profiles.",
            "Its runs, and the domain's dead-letter queue, tell why. Mend the records at the "
            "source: a pull fetches what has changed.",
            flow_link(this.execution.arn, flow_name),
        )
    return replace(checked, records_failed=diagnosis.records_failed)


def repair(flow_name: str, this: Check) -> bool:
    """Re-establish an integration from its last pull on; whether that had not been done yet.

    A continuous flow may reach back two months in one pull: what is longer ago, or more than one
    pull carries, a bulk ingestion brings in, and establishes the integration at its end.
    """
    known = kept.read(this.bucket, flow_name)
    asked = known.asked
    if asked is None or known.lease is None or not _is_leased(known, this):
        return False
    integration.remove(asked.domain, this.execution.flow_arn(flow_name))
    since, goes_on = iso(asked.pulled_until), flow_name
    if not known.lease.refill:
        goes_on = integration.establish(_wanted(asked, this), this.now)["FlowName"]
        how = f"It was re-established, and pulls what has changed since {since}."
        link = flow_link(this.execution.arn, goes_on)
    else:
        link = execution_link(_refill(flow_name, asked, this))
        how = f"A bulk ingestion brings in what has changed since {since}, and then goes on."
    *earlier, made = known.repairs
    if not any(repair.told and repair.since == made.since for repair in earlier):
        # Else it has not pulled since a repair that was told.
        tell(f"Integration repaired: {flow_name}", f"{flow_name} had stopped working. {how}", link)
    if goes_on == flow_name:
        repairs = (*earlier, replace(made, told=True))
        kept.write(this.bucket, replace(known, repairs=repairs, lease=None, trouble=""))
    else:  # another one of this stack's brings the same, and was not kept
        kept.remember(this.bucket, goes_on, asked, is_new=False)
    return True


def _wanted(asked: Asked, this: Check) -> integration.Wanted:
    return integration.Wanted(
        domain=asked.domain,
        object_type=asked.object_type,
        flow_definition=asked.flow_definition,
        hand_off=asked.pulled_until,
        tags=flows.tags(asked.tags, this.execution.stack, this.execution.name),
    )


def _look(flow_name: str, known: datetime | None) -> Seen:
    flow = integration.describe(flow_name)
    runs = _latest_runs(flow, known) if flow else None
    if flow is None or runs is None:
        return Seen(None)
    destination = flow["destinationFlowConfigList"][0]["destinationConnectorProperties"]
    domain = destination.get("CustomerProfiles", {}).get("domainName")
    is_registered = domain is not None and integration.is_registered(domain, flow["flowArn"])
    return Seen(flow, is_registered, runs)


def _latest_runs(flow: dict[str, Any], known: datetime | None) -> tuple[dict[str, Any], ...] | None:
    """Read runs, page by page, until the latest one and one that was known are among them.

    In which order AppFlow lists them is not documented. None when the flow has gone meanwhile.
    """
    client = aws.appflow()
    latest = flow.get("lastRunExecutionDetails", {}).get("mostRecentExecutionTime")
    runs: list[dict[str, Any]] = []
    token: dict[str, str] = {}
    for _ in range(_RUN_PAGES):
        try:
            answer: Any = client.describe_flow_execution_records(
                flowName=flow["flowName"], maxResults=_RUNS_A_PAGE, **token
            )
        except client.exceptions.ResourceNotFoundException:
            return None
        runs += answer["flowExecutions"]
        if not answer.get("nextToken"):
            break
        has_latest = latest is None or any(run["startedAt"] >= latest for run in runs)
        if has_latest and any(_is_known(run, known) for run in runs):
            break
        token = {"nextToken": answer["nextToken"]}
    return tuple(sorted(runs, key=lambda run: run["startedAt"], reverse=True))


def _is_known(run: dict[str, Any], known: datetime | None) -> bool:
    """Whether a run had pulled what is known to have been pulled."""
    end: datetime | None = run.get("dataPullEndTime")
    succeeded = run["executionStatus"] == "Successful"
    return bool(succeeded and known and end and end.replace(microsecond=0) <= known)


def _decide(known: Kept, diagnosis: Diagnosis, this: Check) -> Checked:
    asked = known.asked
    if diagnosis.health is Health.NOT_OURS:
        return Checked(diagnosis, trouble=_NOT_OURS if asked else "")
    if not diagnosis.is_broken and not diagnosis.tells_of_credentials:
        return Checked(diagnosis)
    if asked is None:
        return Checked(diagnosis, trouble=_NO_DEFINITION)
    if hopeless := _what_no_repair_helps(asked, diagnosis, this):
        return Checked(diagnosis, trouble=hopeless)
    since = replace(asked, pulled_until=diagnosis.pulled_until or asked.pulled_until)
    refill = _describe_refill(known.flow_name, since, this)
    if refill and refill["status"] == "RUNNING":
        return Checked(diagnosis)
    if refill and refill["status"] != "SUCCEEDED":
        return Checked(diagnosis, trouble=_REFILL.format(**refill))
    if len(_recent(known, this)) >= REPAIRS_A_DAY and not _has_begun(known, this):
        return Checked(diagnosis, trouble=_FLAPPING)
    return Checked(diagnosis, needs_repair=True)


def _what_no_repair_helps(asked: Asked, diagnosis: Diagnosis, this: Check) -> str:
    """Say what a person must do first: the preflight of a new execution would say the same."""
    definition = {**asked.flow_definition}
    looked_at = preflight.check(
        definition, asked.domain, asked.object_type, this.stack_key, windowed=False
    )
    found = [finding for finding in looked_at if finding.fatal]
    if diagnosis.tells_of_credentials or any(finding.error == _NOT_LET_IN for finding in found):
        return mending(_NOT_LET_IN)
    return "\n".join(finding.text for finding in found)


def _act(known: Kept, checked: Checked, this: Check) -> None:
    """Lease what is to be repaired; tell a person, once, what else an integration needs."""
    diagnosis, asked = checked.diagnosis, known.asked
    if asked and diagnosis.pulled_until:
        asked = replace(asked, pulled_until=diagnosis.pulled_until)
    now = replace(
        known,
        asked=asked,
        repairs=_recent(known, this),
        trouble="" if diagnosis.health is Health.HEALTHY else known.trouble,
        lease=None,
    )
    if checked.needs_repair and asked:
        if not _has_begun(known, this):
            made = Repair(this.now, asked.pulled_until)
            now = replace(now, repairs=(*now.repairs, made))
        refill = diagnosis.was_cut or asked.pulled_until < this.now - BULK_BEGINS
        kept.write(this.bucket, now.leased(this.execution.name, this.now, refill))
    elif checked.trouble and checked.trouble != known.trouble:
        leased = kept.write(this.bucket, now.leased(this.execution.name, this.now))
        tell(
            f"Integration needs you: {known.flow_name}",
            f"{known.flow_name} is {diagnosis.health}. {diagnosis.reason}",
            checked.trouble,
            flow_link(this.execution.arn, known.flow_name),
        )
        kept.write(this.bucket, replace(leased, lease=None, trouble=checked.trouble))
    elif now != known and known.etag:
        kept.write(this.bucket, now)


def _recent(known: Kept, this: Check) -> tuple[Repair, ...]:
    return tuple(made for made in known.repairs if this.now - made.at < _DAY)


def _is_leased(known: Kept, this: Check) -> bool:
    """Whether this very check has it to itself: to repair it, or to tell a person."""
    return known.lease is not None and known.lease.by == this.execution.name


def _has_begun(known: Kept, this: Check) -> bool:
    """Whether this very check has begun to repair it, and its answer was lost."""
    return _is_leased(known, this) and bool(known.repairs) and not known.repairs[-1].told


# What is more than one pull may bring -------------------------------------------------------------


def _refill(flow_name: str, asked: Asked, this: Check) -> str:
    """Start the bulk ingestion that takes over, unless it has been started, and give its ARN."""
    arn, since = _refill_arn(flow_name, asked, this), iso(asked.pulled_until)
    is_recent = asked.pulled_until >= this.now - BULK_BEGINS  # of itself it would get no windows
    execution_input = {
        "DomainName": asked.domain,
        "ObjectTypeName": asked.object_type,
        "FlowDefinition": asked.flow_definition,
        "Tags": asked.tags,
        **(
            {"Batches": [{"StartTime": since, "EndTime": "PT0S"}]}
            if is_recent
            else {"ImportFrom": since}
        ),
    }
    client = aws.step_functions()
    with suppress(client.exceptions.ExecutionAlreadyExists):
        client.start_execution(
            stateMachineArn=this.machine,
            name=arn.rpartition(":")[2],
            input=json.dumps(execution_input),
        )
    return arn


def _describe_refill(flow_name: str, asked: Asked, this: Check) -> dict[str, Any] | None:
    client = aws.step_functions()
    try:
        return dict(client.describe_execution(executionArn=_refill_arn(flow_name, asked, this)))
    except client.exceptions.ExecutionDoesNotExist:
        return None


def _refill_arn(flow_name: str, asked: Asked, this: Check) -> str:
    """Name the bulk ingestion that goes on where an integration stopped: always the same."""
    digest = hashlib.sha256(flow_name.encode()).hexdigest()[:8]
    name = f"{flows.plain(flow_name)[:50]}-{digest}-{asked.pulled_until:%Y%m%d-%H%M%S}"
    return f"{this.machine.replace(':stateMachine:', ':execution:')}:{name}"
