"""ReviewWindows: the one judge of a round, and the one place that a redrive comes back to."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from bulk_ingestion import children, plan, report, review
from bulk_ingestion.folder import Folder, round_file
from bulk_ingestion.measuring import measure_progress
from bulk_ingestion.observability import logger
from bulk_ingestion.sweep import sweep
from bulk_ingestion.times import parse_instant

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Review a round: give the next one, with no windows in it when all are complete.

    Raises the error that the execution ends in.
    """
    started, this_round, ingestion = event["Execution"], event["Round"], event["Ingestion"]
    redrives = started["RedriveCount"]
    execution = plan.Execution(started["Id"], started["Name"], os.environ["STACK_NAME"])
    folder = Folder(ingestion["Bucket"], ingestion["Folder"])
    left = sweep(execution.tags, context, execution.flow_prefix)  # first: what follows may fail
    ledger = review.Ledger.read(folder, this_round["Number"])
    if event["Failure"]:
        ledger = ledger.told(children.failures(execution.arn))
    verdict = review.judge(
        ledger, event["Failure"], redriven=redrives > this_round["RedrivesAnswered"]
    )
    following = review.next_round(verdict, ledger, execution, folder, this_round, redrives)
    now = parse_instant(event["Now"])
    earlier, job = folder.read(report.REPORT), plan.Job.read(folder)
    number = this_round["Number"]
    items = folder.read(round_file(number))
    reviewed = report.reviewed(earlier, job, ledger, verdict, left, now)
    reviewed = report.costed(reviewed, ledger, number, items, now)
    report.write(folder, reviewed)
    measure_progress(earlier, reviewed)
    logger.info("Reviewed.", extra={"execution": execution.name, **ledger.metrics()})
    if verdict.error:
        raise verdict.error
    return {"Round": following}
