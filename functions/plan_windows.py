"""PlanWindows: checks the execution's input, cuts the past into windows and writes the plan."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import MetricUnit

from bulk_ingestion import estimate, plan, preflight, report
from bulk_ingestion.folder import Folder, round_file
from bulk_ingestion.observability import logger, metrics
from bulk_ingestion.request import ResumeRequest, read
from bulk_ingestion.resume import take_over
from bulk_ingestion.review import Ledger
from bulk_ingestion.times import parse_instant

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Plan an execution; ``event["Execution"]`` is the context object's Execution."""
    started = event["Execution"]
    redrives = started.get("RedriveCount", 0)
    request = read(
        started["Input"],
        now=parse_instant(started["StartTime"]),
        domain=os.environ["DOMAIN_NAME"],
        max_concurrency=int(os.environ["MAX_CONCURRENCY"]),
    )
    execution = plan.Execution(started["Id"], started["Name"], os.environ["STACK_NAME"])
    folder = Folder.of(os.environ["RUNS_BUCKET"], execution.name)
    if isinstance(request, ResumeRequest):
        old = Folder.of(folder.bucket, request.run)
        job, ledger, first = take_over(old, folder, execution, request.max_concurrency, redrives)
        state = plan.state(job, execution, folder)
    else:
        request = preflight.complete(request, execution, folder, os.environ["KMS_KEY_ARN"])
        job = plan.Job.of(request)
        state = plan.state(job, execution, folder)
        items = plan.items(execution, request.ordered, 1, job.source.connector)
        ledger = Ledger.planned(items)
        first = plan.first_round(folder, len(items), request.max_concurrency, redrives)
        job.write(folder)
        folder.write(round_file(1), items)
    estimated = estimate.estimated(first["Windows"], first["MaxConcurrency"], request.assumptions)
    first_report = report.planned(job, ledger, started, request.dry_run, estimated)
    report.write(folder, first_report)
    metrics.add_metric(name="WindowsPlanned", unit=MetricUnit.Count, value=first["Windows"])
    logger.info("Planned.", extra={"execution": execution.name, **first})
    return {
        **state,
        "Round": first,
        "DryRun": request.dry_run,
        "Output": report.output(first_report, folder),
    }
