"""CreateIntegration: creates the continuous integration, which continues after the windows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from botocore.exceptions import ClientError

from bulk_ingestion import settings
from bulk_ingestion.aws.domain_counts import count_now
from bulk_ingestion.aws.folder import Folder
from bulk_ingestion.aws.observability import logger
from bulk_ingestion.aws.observed import all_integrations
from bulk_ingestion.aws.transport import CALL_FAILED
from bulk_ingestion.errors import DomainFull
from bulk_ingestion.flow.failure_texts import Kind, says
from bulk_ingestion.integration import create, state
from bulk_ingestion.integration.coverage import Coverage
from bulk_ingestion.integration.create import DesiredIntegration
from bulk_ingestion.integration.state import Checkpoint, State
from bulk_ingestion.integration.transition import Action, Transition
from bulk_ingestion.report import report
from bulk_ingestion.report.record import Continuity, Output, Report
from bulk_ingestion.run.job import Job
from bulk_ingestion.run.review import TOO_LARGE
from bulk_ingestion.times import iso, iso_duration, parse_instant


def create_integration(
    folder: Folder, tags: dict[str, str], integration_quota: int, now: datetime
) -> Output:
    """Store what a run has imported, create its continuous integration, and give the output.

    ``tags`` are the tags of everything that the execution creates. ``integration_quota`` is the
    largest number of integrations that the domain may have. With ``"Continue": false`` in the
    input, the integration is left alone. Raises DomainFull if the domain has no free integration,
    which the state machine retries for a day.
    """
    job, reviewed = Job.read(folder), report.read(folder)
    windows = _imported(reviewed)
    name = job.target.flow_definition["FlowName"]
    cuts = _cuts(reviewed)
    known = state.update(
        folder.bucket,
        name,
        lambda known: known.with_imported(job.target, windows).with_cuts(cuts),
    )
    if job.continues:
        try:
            with _named_if_full(job.target.domain, integration_quota):
                complete = _continue(job, reviewed, known, folder.bucket, tags, now)
        except Exception as error:
            report.write(folder, report.failed(reviewed, error, now))
            raise
    else:
        complete = report.completed(reviewed, None, None, (), now)
    counts = count_now(job.target.domain, settings.dead_letter_queue_arn(), now)
    complete = report.counted_after(complete, counts)
    report.write(folder, complete)
    return report.output(complete, folder)


def desired(job: Job, known: State, tags: dict[str, str]) -> DesiredIntegration:
    """Give the desired integration of a job. ``known`` is the stored state under its name."""
    return DesiredIntegration(
        target=job.target,
        hand_off=parse_instant(job.hand_off),
        overlap=job.overlap,
        tags=tags,
        imported=known.imported_by(job.target),
        ever_imported=known.ever_imported,
        pulled_until=known.pulled_until,
    )


def continuity(
    integration: DesiredIntegration, transition: Transition, imported: Coverage | None = None
) -> Continuity:
    """Report what is done, or will be done, with the integration."""
    since = transition.continues_from
    reported: Continuity = {
        "FlowName": integration.name,
        "Action": transition.action,
        "Changes": list(transition.changes),
        "ContinuesFrom": iso(since),
        "Overlap": iso_duration(since - integration.pulls_from(since)),
    }
    if imported is not None:
        reported["Imported"] = str(imported)
    return reported


def rival_warnings(bucket: str, job: Job) -> list[str]:
    """Warn of integrations with other names that pull the same records."""
    name = job.target.flow_definition["FlowName"]
    return [
        f"The continuous integration {rival} pulls the same records into the same object type as "
        f"{name}. No record is lost, but every record is fetched twice. Delete the integration "
        "that you don't need. First delete its file under integrations/ in the stack's bucket."
        for rival in state.rivals(bucket, name, job.target)
    ]


def _imported(reviewed: Report) -> Coverage:
    """Give what the windows of a run have imported."""
    return Coverage.of(
        (parse_instant(batch["BatchRecordsStartTime"]), parse_instant(batch["BatchRecordsEndTime"]))
        for batch in reviewed["Batches"]
        if batch["Status"] == "COMPLETE"
    )


def _cuts(reviewed: Report) -> list[datetime]:
    """Give the instants at which windows that were too large were split, for the next import.

    The halves of a window have its id, and ``-1`` and ``-2``.
    """
    too_large = {
        batch["WindowId"]
        for batch in reviewed["Batches"]
        if batch["Status"] == "SPLIT" and batch.get("Error") == TOO_LARGE
    }
    return [
        parse_instant(batch["BatchRecordsStartTime"])
        for batch in reviewed["Batches"]
        if batch["WindowId"].removesuffix("-2") in too_large and batch["WindowId"].endswith("-2")
    ]


def _continue(
    job: Job, reviewed: Report, known: State, bucket: str, tags: dict[str, str], now: datetime
) -> Report:
    """Create, keep, or replace the integration.

    Its state is stored before, so that a check can repair it if this fails.
    """
    integration = desired(job, known, tags)
    known = _store(bucket, job, create.preview(integration))
    ensured = create.ensure(integration, now)
    reported = continuity(integration, ensured.transition, known.imported_by(job.target))
    if ensured.is_own and "Continuity" in reviewed:  # by a call whose answer was lost
        done = reviewed["Continuity"]
        reported = {**reported, "Action": done["Action"], "Changes": done["Changes"]}
    if reported["Action"] != Action.KEEP:
        reported["FirstPull"] = iso(ensured.first_pull)
    logger.info("The continuous integration is active.", extra={**reported})
    warnings = rival_warnings(bucket, job)
    return report.completed(reviewed, ensured.integration, reported, warnings, now)


@contextmanager
def _named_if_full(domain: str, quota: int) -> Iterator[None]:
    """Raise DomainFull if an integration was refused because the domain has no free one.

    Customer Profiles has no specific error for this.
    """
    try:
        yield
    except ClientError as error:
        is_put = error.operation_name == "PutIntegration"
        if is_put and (says(Kind.FULL, str(error)) or _count(domain) >= quota):
            raise DomainFull(str(error)) from error
        raise


def _count(domain: str) -> int:
    """Count a domain's integrations; 0 if nothing answers."""
    try:
        return sum(1 for _ in all_integrations(domain))
    except CALL_FAILED:
        return 0


def _store(bucket: str, job: Job, transition: Transition) -> State:
    def with_checkpoint(known: State) -> State:
        reached = transition.continues_from
        if transition.action is Action.KEEP and known.pulled_until:
            reached = max(reached, known.pulled_until)
        reached = known.imported_by(job.target).covered_until(reached)
        return replace(known, checkpoint=Checkpoint(job.target, reached, job.overlap))

    return state.update(bucket, job.target.flow_definition["FlowName"], with_checkpoint)
