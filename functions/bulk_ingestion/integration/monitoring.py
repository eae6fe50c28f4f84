"""Monitoring: finds and checks the continuous integrations, and repairs them without a gap."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypedDict

from aws_lambda_powertools.metrics import MetricUnit

from bulk_ingestion import settings
from bulk_ingestion.aws import clients, observed
from bulk_ingestion.aws.folder import ConflictingWrite, Folder
from bulk_ingestion.aws.gone import unless_gone
from bulk_ingestion.aws.observability import logger, measure, metrics
from bulk_ingestion.aws.young import patiently
from bulk_ingestion.errors import IntegrationNotReady, TransportFailed
from bulk_ingestion.flow import names, needs, schedule
from bulk_ingestion.integration import backfill, create, health, state
from bulk_ingestion.integration.coverage import Coverage
from bulk_ingestion.integration.health import Diagnosis, Health, Observed
from bulk_ingestion.integration.state import Checkpoint, Repair, State
from bulk_ingestion.notifications.links import execution_link, flow_link
from bulk_ingestion.notifications.messages import MaybeSent, notify
from bulk_ingestion.remediation import flow_remediation
from bulk_ingestion.run.job import Execution
from bulk_ingestion.times import iso, parse_instant

REPAIRS_A_DAY = 3

_SOURCE_REFUSES = "ConnectorAuthenticationException"
_UNMANAGED = (
    "The integration is no longer monitored. To monitor it again, restore the tags "
    "bulkIngestionStack and awsOwningService of its flow. Otherwise, delete its file under "
    "integrations/ in the stack's bucket."
)
_NOT_STORED = (
    "The integration can't be repaired, because its definition is not stored. Start a bulk "
    "ingestion from the end of its last pull. It recreates the integration and stores the "
    "definition."
)
_FLAPPING = (
    f"{REPAIRS_A_DAY} repairs within a day did not help. Look at the runs of its flow in AppFlow, "
    "and at the errors of failed checks. The next repair is tried after that day."
)
_BACKFILL = (
    "The bulk ingestion that imports the missing records ended with the status {status}. Fix the "
    "cause of its error, and redrive it: {executionArn}"
)
_ENDED = (
    "The integration can't be recreated, because its schedule ends at {end}. If you need what has "
    "changed since {since}, start a bulk ingestion from then on with a later ScheduleEndTime. "
    "Otherwise, delete its file under integrations/ in the stack's bucket."
)
_RIVALS = (
    "It pulls the same records as {}. No record is lost, but every record is fetched twice. Delete "
    "the integration that you don't need. First delete its file under integrations/ in the stack's "
    "bucket."
)
_TRIES = 3
_DAY = timedelta(days=1)
_RUNS_A_PAGE = 30  # an hourly flow has one new run per check
_RUN_PAGES = 40


@dataclass(frozen=True)
class Check:
    """One execution of the state machine that monitors the integrations."""

    execution: Execution
    bucket: str
    machine: str
    """The ARN of the state machine for bulk ingestion."""
    stack_key: str
    """The only KMS key that the stack's roles may use."""
    now: datetime

    @classmethod
    def of(cls, event: dict[str, Any]) -> Check:
        """Read it from a function's event and from the settings."""
        return cls(
            execution=Execution.of(event),
            bucket=settings.runs_bucket(),
            machine=settings.state_machine_arn(),
            stack_key=settings.kms_key_arn(),
            now=parse_instant(event["Now"]),
        )


@dataclass(frozen=True)
class Checked:
    """The result of a check, and what follows from it."""

    diagnosis: Diagnosis
    needs_repair: bool = False
    problem: str = ""
    """What you have to do; empty if nothing."""
    records_failed: int = 0
    """The number of records that could not be put since the last check."""


class Found(TypedDict):
    """The file with the names of the integrations to check."""

    Bucket: str
    Key: str
    Integrations: int
    """The number of integrations."""


def find(bucket: str, execution: Execution, event: dict[str, Any]) -> Found:
    """Find the integrations, by their tags and by their stored states, and write their names.

    An ``event`` from AppFlow is about a single flow, which may not be one of this stack.
    """
    found = set(state.names(bucket))
    found |= {
        flow["flowName"]
        for flow in observed.all_flows()
        if flow["triggerType"] == "Scheduled"
        and names.is_of_stack(flow.get("tags", {}), execution.stack)
    }
    if "detail" in event:
        found &= {event["detail"]["flow-name"]}
    checks = Folder(bucket, "checks")
    file = f"{execution.name}.json"
    if found:
        rivals = state.all_rivals(bucket)
        items = [
            {"FlowName": name, "Rivals": ", ".join(rivals.get(name, []))} for name in sorted(found)
        ]
        checks.write(file, items)
    return {"Bucket": bucket, "Key": checks.key(file), "Integrations": len(found)}


def check(flow_name: str, rivals: str, this: Check) -> Checked:
    """Check an integration, store the end of its last pull, and notify of its problems.

    ``rivals`` names the other integrations that pull the same records. It may be empty. An
    integration that needs a repair is leased to this check. If another check writes its state at
    the same time, this check leaves the integration to the other one.
    """
    known = state.read(this.bucket, flow_name)
    limit = known.checkpoint.target.source.connector.record_limit if known.checkpoint else None
    diagnosis = health.diagnose(
        _look_for(flow_name, known.pulled_until),
        this.execution.stack,
        known.pulled_until,
        this.now,
        limit,
    )
    decided = _decide(known, diagnosis, this)
    if rivals and not decided.problem and not decided.needs_repair:
        problem = _RIVALS.format(rivals)
        decided = replace(decided, problem=problem)
    checked = _act(known, decided, this)
    _measure(flow_name, checked, this)
    return checked


def repair(flow_name: str, this: Check) -> bool:
    """Recreate an integration from the end of its last pull. Returns False if it was done before.

    One pull of a continuous flow may reach back two months. If the last pull is longer ago, or
    reached the limit of one pull, a bulk ingestion imports what is missing, and recreates the
    integration at its end.
    """
    repaired = _repair(flow_name, this)
    metrics.add_metric("IntegrationsRepaired", MetricUnit.Count, repaired)
    logger.info("Repaired.", extra={"flow": flow_name, "recreated": repaired})
    return repaired


def _repair(flow_name: str, this: Check) -> bool:
    known = state.read(this.bucket, flow_name)
    checkpoint = known.checkpoint
    if checkpoint is None or known.lease is None or not _is_leased(known, this):
        return False
    create.remove(checkpoint.target.domain, this.execution.flow_arn(flow_name))
    desired = _desired(known, checkpoint, this)
    since = desired.pulls_from(checkpoint.pulled_until)
    if not known.lease.backfill:
        first_pull = _recreate(known, checkpoint, this)
        how = (
            f"It was recreated. Its first pull is at {iso(first_pull)} or later, and imports "
            f"everything that has changed since {iso(since)}."
        )
        link = flow_link(this.execution.arn, flow_name)
    else:
        link = execution_link(backfill.start(this.machine, flow_name, checkpoint, since, this.now))
        how = (
            f"A bulk ingestion imports everything that has changed since {iso(since)}, and then "
            "recreates the integration."
        )
    *earlier, latest = known.repairs
    if not any(repair.notified and repair.since == latest.since for repair in earlier):
        # Otherwise you were notified of an earlier repair, and it has not pulled since.
        message = f"{flow_name} had stopped working. {how}"
        _notify(known, (f"Integration repaired: {flow_name}", message, link), this)
    state.update(this.bucket, flow_name, lambda latest: _repaired(latest, this), latest=known)
    return True


def _recreate(known: State, checkpoint: Checkpoint, this: Check) -> datetime:
    """Create an integration, and again if an import has changed its definition in the meantime.

    An import stores the definition before it creates the integration. So what is stored after this
    has created one is what the integration must be. Gives the earliest time of its first pull.
    """
    for _ in range(_TRIES):
        ensured = create.ensure(_desired(known, checkpoint, this), this.now)
        known = state.read(this.bucket, known.flow_name)
        if known.checkpoint is None or known.checkpoint.target == checkpoint.target:
            return ensured.first_pull
        checkpoint = known.checkpoint
    raise IntegrationNotReady(
        f"The definition of {known.flow_name} was changed by imports several times while it was "
        "repaired."
    )


def _repaired(known: State, this: Check) -> State:
    """Give an integration's state after its repair, unless another check has taken it over."""
    if not _is_leased(known, this):
        return known
    *earlier, latest = known.repairs
    repairs = (*earlier, replace(latest, notified=True))
    return replace(known, repairs=repairs, lease=None, problem="")


def _desired(known: State, checkpoint: Checkpoint, this: Check) -> create.DesiredIntegration:
    return create.DesiredIntegration(
        target=checkpoint.target,
        hand_off=checkpoint.pulled_until,
        overlap=checkpoint.overlap,
        ever_imported=known.ever_imported,
        tags=names.tags(checkpoint.target.tags, this.execution.stack, this.execution.name),
    )


def _look_for(flow_name: str, known: datetime | None) -> Observed:
    """Observe an integration. One that is missing is looked for again, because it may be new."""
    found = Observed(None)

    def look() -> None:
        nonlocal found
        found = _observe(flow_name, known)
        if not found.is_registered:
            raise IntegrationNotReady(f"{flow_name} does not exist, or not yet.")

    with suppress(IntegrationNotReady):
        patiently(look)
    return found


def _observe(flow_name: str, known: datetime | None) -> Observed:
    """Read the flow and the runs of an integration. ``known`` is the end of its last known pull."""
    flow = observed.describe_flow(flow_name)
    runs = unless_gone(_runs, flow=flow, known=known) if flow else None
    if flow is None or runs is None:
        return Observed(None)
    domain = observed.profiles_destination(flow).get("domainName")
    is_registered = domain is not None and observed.is_registered(domain, flow["flowArn"])
    return Observed(flow, is_registered, runs)


def _runs(flow: observed.Flow, known: datetime | None) -> tuple[observed.Run, ...]:
    """Read runs, the latest first, until a known one is among them."""
    return tuple(
        observed.latest_runs(
            clients.appflow(),
            flow,
            lambda runs: any(_is_known(run, known) for run in runs),
            page_size=_RUNS_A_PAGE,
            pages=_RUN_PAGES,
        )
    )


def _is_known(run: observed.Run, known: datetime | None) -> bool:
    """Whether a run ended no later than the last known pull."""
    end: datetime | None = run.get("dataPullEndTime")
    succeeded = run["executionStatus"] == "Successful"
    return bool(succeeded and known and end and end.replace(microsecond=0) <= known)


def _decide(known: State, diagnosis: Diagnosis, this: Check) -> Checked:
    checkpoint = known.checkpoint
    if diagnosis.health is Health.UNMANAGED:
        return Checked(diagnosis, problem=_UNMANAGED if checkpoint else "")
    if not diagnosis.is_broken and not diagnosis.is_refused_by_source:
        return Checked(diagnosis)
    if checkpoint is None:
        return Checked(diagnosis, problem=_NOT_STORED)
    if obstacle := _what_prevents_repair(checkpoint, diagnosis, this):
        return Checked(diagnosis, problem=obstacle)
    since = replace(checkpoint, pulled_until=diagnosis.pulled_until or checkpoint.pulled_until)
    running = backfill.describe(this.machine, known.flow_name, since)
    if running and running["status"] == "RUNNING":
        return Checked(diagnosis)
    if running and running["status"] != "SUCCEEDED":
        return Checked(diagnosis, problem=_BACKFILL.format(**running))
    if len(_recent(known, this)) >= REPAIRS_A_DAY and not _has_begun(known, this):
        return Checked(diagnosis, problem=_FLAPPING)
    return Checked(diagnosis, needs_repair=True)


def _what_prevents_repair(checkpoint: Checkpoint, diagnosis: Diagnosis, this: Check) -> str:
    """Say what you must fix before a repair, like the preflight of a new execution."""
    scheduled = checkpoint.target.flow_definition["TriggerConfig"]["TriggerProperties"]["Scheduled"]
    if schedule.has_ended(scheduled, this.now):
        end = parse_instant(scheduled["ScheduleEndTime"])
        return _ENDED.format(end=iso(end), since=iso(checkpoint.pulled_until))
    checked = needs.check(checkpoint.target, this.stack_key, windowed=False)
    found = [finding for finding in checked.found if finding.fatal]
    if diagnosis.is_refused_by_source or any(finding.error == _SOURCE_REFUSES for finding in found):
        return flow_remediation(_SOURCE_REFUSES)
    return "\n".join(finding.text for finding in found)


def _act(known: State, checked: Checked, this: Check) -> Checked:
    """Store what a check has found and notify of it, unless another check has the lease.

    What is notified of is stored after it was sent: a check that fails in between sends it again.
    """
    if not known.free_for(this.execution.name, this.now):
        return replace(checked, needs_repair=False)
    after = _after(known, checked, this)
    try:
        if messages := list(_messages(known, checked, this)):
            # No other check sends them as well
            leased = known.leased(
                this.execution.name, this.now, unanswered=_is_unanswered(known, this)
            )
            leased = state.write(this.bucket, leased)
            for message in messages:
                _notify(leased, message, this)
            after = replace(after, etag=leased.etag)
        if after != known and after.etag:
            state.write(this.bucket, after)
    except ConflictingWrite:
        return Checked(checked.diagnosis)
    return replace(checked, records_failed=checked.diagnosis.records_failed)


def _notify(leased: State, message: tuple[str, ...], this: Check) -> None:
    """Send a notification. If SNS does not answer, store that, to send it only once more."""
    try:
        notify(*message, may_be_sent=_is_unanswered(leased, this))
    except MaybeSent:
        state.update(this.bucket, leased.flow_name, lambda latest: _unanswered(latest, this))
        raise TransportFailed("SNS did not answer.") from None


def _unanswered(known: State, this: Check) -> State:
    if known.lease is None or not _is_leased(known, this):
        return known
    return replace(known, lease=replace(known.lease, unanswered=True))


def _is_unanswered(known: State, this: Check) -> bool:
    """Whether a notification of this check may have been sent before."""
    return known.lease is not None and known.lease.unanswered and _is_leased(known, this)


def _messages(known: State, checked: Checked, this: Check) -> Iterator[tuple[str, ...]]:
    """Give the notifications that a check leads to: of a problem once, until it is over."""
    name, diagnosis = known.flow_name, checked.diagnosis
    link = flow_link(this.execution.arn, name)
    if checked.problem and checked.problem != known.problem:
        yield (
            f"Integration needs attention: {name}",
            f"{name} is {diagnosis.health}. {diagnosis.reason}",
            checked.problem,
            link,
        )
    if diagnosis.records_failed:
        yield (
            f"Records not sent: {name}",
            f"{diagnosis.records_failed} records that {name} pulled could not be put into "
            "Customer Profiles.",
            "For the reason, look at the runs of the flow, and at the domain's dead-letter queue. "
            "Correct the records at the source. The next pull fetches them.",
            link,
        )


def _after(known: State, checked: Checked, this: Check) -> State:
    """Give an integration's state after a check, with a lease if it is to be repaired."""
    diagnosis, checkpoint = checked.diagnosis, known.checkpoint
    if checkpoint and diagnosis.pulled_until:
        pulled = Coverage.of([(checkpoint.pulled_until, diagnosis.pulled_until)])
        if pulled.periods:
            known = known.with_imported(checkpoint.target, pulled)
        checkpoint = replace(checkpoint, pulled_until=diagnosis.pulled_until)
    after = replace(
        known,
        checkpoint=checkpoint,
        repairs=_recent(known, this),
        problem=checked.problem or ("" if diagnosis.health is Health.HEALTHY else known.problem),
        lease=None,
    )
    if not checked.needs_repair or checkpoint is None:
        return after
    if not _has_begun(known, this):
        begun = Repair(this.now, checkpoint.pulled_until)
        after = replace(after, repairs=(*after.repairs, begun))
    since = _desired(after, checkpoint, this).pulls_from(checkpoint.pulled_until)
    is_too_much = diagnosis.was_cut or backfill.is_needed(since, this.now)
    return after.leased(this.execution.name, this.now, is_too_much)


def _measure(flow_name: str, checked: Checked, this: Check) -> None:
    diagnosis = checked.diagnosis
    measure("Integrations", MetricUnit.Count, 1, Health=diagnosis.health)
    if diagnosis.pulled_until:
        since = (this.now - diagnosis.pulled_until).total_seconds()
        measure("SecondsSinceLastPull", MetricUnit.Seconds, max(0, since), Integration=flow_name)
    metrics.add_metric("RecordsFailed", MetricUnit.Count, checked.records_failed)
    metrics.add_metric("IntegrationsNeedingAttention", MetricUnit.Count, bool(checked.problem))
    logger.info(
        "Checked.",
        extra={
            "flow": flow_name,
            "health": diagnosis.health,
            "reason": diagnosis.reason,
            "repair": checked.needs_repair,
            "problem": checked.problem,
        },
    )


def _recent(known: State, this: Check) -> tuple[Repair, ...]:
    return tuple(repair for repair in known.repairs if this.now - repair.at < _DAY)


def _is_leased(known: State, this: Check) -> bool:
    """Whether this check has leased it, to repair it or to notify of it."""
    return known.lease is not None and known.lease.by == this.execution.name


def _has_begun(known: State, this: Check) -> bool:
    """Whether this check started a repair before, and its answer was lost."""
    return _is_leased(known, this) and bool(known.repairs) and not known.repairs[-1].notified
