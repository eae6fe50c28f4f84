"""PlanWindows: from an execution's input to the plan, the job and the first report."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from aws_lambda_powertools.metrics import MetricUnit

from bulk_ingestion import settings
from bulk_ingestion.aws.folder import Folder
from bulk_ingestion.aws.observability import logger, metrics
from bulk_ingestion.errors import invalid_input
from bulk_ingestion.flow import names, object_types
from bulk_ingestion.flow.windows import Window, cut_at, extended
from bulk_ingestion.input import defaults, preflight
from bulk_ingestion.input.corrections import corrected
from bulk_ingestion.input.defaults import Defaults
from bulk_ingestion.input.preflight import Cleared, Load
from bulk_ingestion.input.request import Request, ResumeRequest, read
from bulk_ingestion.integration import create
from bulk_ingestion.integration import state as integration_state
from bulk_ingestion.integration.coverage import Coverage
from bulk_ingestion.report import estimate, report
from bulk_ingestion.report.record import Continuity, Output
from bulk_ingestion.run import plan, resume
from bulk_ingestion.run.job import Execution, ExecutionContext, Job
from bulk_ingestion.run.layout import REPORT, round_file, rounds, run_folder
from bulk_ingestion.run.ledger import Ledger
from bulk_ingestion.steps.create_integration import continuity, desired
from bulk_ingestion.times import iso, parse_instant


class PlannedExecution(plan.Planned):
    """What the following states need."""

    Round: plan.Round
    DryRun: bool
    Output: Output


@dataclass(frozen=True)
class _Plan:
    """What an execution does, as written to its folder."""

    job: Job
    ledger: Ledger
    first: plan.Round
    state: plan.Planned
    defaults: Defaults
    cleared: Cleared


def plan_windows(execution: Execution, started: ExecutionContext) -> PlannedExecution:
    """Plan an execution, and give what the following states need.

    An object type that is only a template in the domain is created. ``started`` is the context
    object's Execution. Raises InvalidInput and PreflightFailed before anything is created.
    """
    request = read(
        started["Input"],
        now=parse_instant(started["StartTime"]),
        domain=settings.domain_name(),
        max_concurrency=settings.max_concurrency(),
    )
    folder = run_folder(settings.runs_bucket(), execution.name)
    if isinstance(request, ResumeRequest):
        planned = _resume(request, execution, folder, started)
    else:
        planned = _begin(request, execution, folder, started)
    if planned.cleared.lacks_object_type and not request.dry_run:
        object_types.create(planned.job.target, planned.state["Ingestion"]["Tags"])
    first = planned.first
    estimated = estimate.estimated(first["Windows"], first["MaxConcurrency"], request.assumptions)
    expected = _expected_continuity(planned, execution, folder)
    first_report = report.planned(
        planned.job, planned.ledger, started, request.dry_run, estimated, planned.defaults, expected
    )
    first_report = report.counted_before(first_report, planned.cleared.before)
    if not folder.has(REPORT):  # else the answer of an invocation before was lost
        report.write(folder, first_report)
        metrics.add_metric("WindowsPlanned", MetricUnit.Count, first["Windows"])
    logger.info("Planned.", extra={"execution": execution.name, **first})
    return {
        **planned.state,
        "Round": first,
        "DryRun": request.dry_run,
        "Output": report.output(first_report, folder),
    }


def _resume(
    request: ResumeRequest, execution: Execution, folder: Folder, started: ExecutionContext
) -> _Plan:
    """Plan the missing windows of an earlier run, with the request's corrections."""
    earlier = resume.find(request.run, execution, folder.bucket)
    ledger = Ledger.read(earlier, rounds(earlier))
    complete = ledger.metrics()["StepsCompleted"]
    now = parse_instant(started["StartTime"])
    job = corrected(Job.read(earlier), request, complete, now)
    source = job.target.source
    standard = defaults.of(source.connector, source.object, settings.max_concurrency())
    concurrency = request.max_concurrency or standard["MaxConcurrency"].value
    start = min((ledger.window(key).start for key in ledger.incomplete), default=now)
    load = Load(len(ledger.incomplete), concurrency, start)
    cleared = preflight.clear(job, load, execution, folder, settings.kms_key_arn(), now)
    job, allowed = cleared.job, cleared.capacity
    state = plan.state(job, allowed.integration_quota, execution, folder)
    redrives = started.get("RedriveCount", 0)
    first = resume.take_over(job, ledger, folder, execution, allowed.max_concurrency, redrives)
    return _Plan(job, ledger, first, state, {}, cleared)


def _begin(
    request: Request, execution: Execution, folder: Folder, started: ExecutionContext
) -> _Plan:
    """Write the job and the plan of a request to the run's folder."""
    start = min((window.start for window in request.windows), default=request.hand_off)
    load = Load(len(request.windows), request.max_concurrency, start)
    now = parse_instant(started["StartTime"])
    cleared = preflight.clear(request.job, load, execution, folder, settings.kms_key_arn(), now)
    job, allowed = cleared.job, cleared.capacity
    state = plan.state(job, allowed.integration_quota, execution, folder)
    job, windows = _with_rest(request, job, execution, folder, now)
    known = integration_state.read(folder.bucket, job.target.flow_definition["FlowName"])
    windows = cut_at(windows, known.cuts)
    ordered = windows[::-1] if request.newest_first else windows
    items = plan.items(execution, ordered, 1, job.target.source.connector)
    job.write(folder)
    folder.write(round_file(1), items)
    redrives = started.get("RedriveCount", 0)
    first = plan.first_round(folder, len(items), allowed.max_concurrency, redrives)
    return _Plan(job, Ledger.planned(items), first, state, request.defaults, cleared)


def _with_rest(
    request: Request, job: Job, execution: Execution, folder: Folder, now: datetime
) -> tuple[Job, tuple[Window, ...]]:
    """Add windows between the user's own windows and now, if an integration follows."""
    if not (request.has_batches and request.continues and request.hand_off < now):
        return job, request.windows
    rest = create.rest(_desired(job, execution, folder), now)
    try:
        windows = extended(request.windows, rest.gaps, request.batch_size)
    except ValueError as error:
        raise invalid_input(
            [f"Batches: the period between them and now {error}; use a larger BatchSize."]
        ) from None
    warnings = [
        f"Batches end before now. Windows for {iso(start)} to {iso(end)} were added, because the "
        "continuous integration can't reach back that far. To import only the batches, use "
        '"Continue": false.'
        for start, end in rest.gaps
    ]
    job = replace(job, hand_off=iso(rest.hand_off), warnings=(*job.warnings, *warnings))
    return job, windows


def _desired(job: Job, execution: Execution, folder: Folder) -> create.DesiredIntegration:
    known = integration_state.read(folder.bucket, job.target.flow_definition["FlowName"])
    tags = names.tags(job.target.tags, execution.stack, execution.name)
    return desired(job, known, tags)


def _expected_continuity(planned: _Plan, execution: Execution, folder: Folder) -> Continuity | None:
    """Report what will be done with the integration after all windows are complete."""
    if not planned.job.continues:
        return None
    integration = _desired(planned.job, execution, folder)
    known, windows = integration.imported, _coverage(planned.ledger)
    integration = replace(
        integration,
        imported=known | windows,
        ever_imported=integration.ever_imported | windows,
    )
    transition = create.preview(integration)
    return continuity(integration, transition, known if known.periods else None)


def _coverage(ledger: Ledger) -> Coverage:
    windows = (ledger.window(key) for key in ledger.leaves)
    return Coverage.of((window.start, window.end) for window in windows)
