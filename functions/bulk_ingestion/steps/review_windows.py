"""ReviewWindows: cleans up after a round, decides what follows, and reports it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from bulk_ingestion.aws.folder import Folder
from bulk_ingestion.aws.observability import logger
from bulk_ingestion.report import report
from bulk_ingestion.run import children, review
from bulk_ingestion.run.cleanup import clean_up
from bulk_ingestion.run.job import Execution, Job
from bulk_ingestion.run.ledger import Ledger
from bulk_ingestion.run.plan import Round

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


def review_windows(
    execution: Execution,
    folder: Folder,
    this_round: Round,
    failure: review.MapFailure | None,
    redrives: int,
    now: datetime,
    context: LambdaContext,
) -> Round:
    """Review a round, and give the next one. It has no windows if all are complete.

    ``failure`` is the error of the Distributed Map itself. ``redrives`` is the number of redrives
    of the execution. Raises the error that the execution ends in.
    """
    left = clean_up(execution.tags, context, execution.flow_prefix)  # first, as the rest may fail
    number = this_round["Number"]
    ledger = Ledger.read(folder, number)
    if failure:
        ledger = ledger.with_failures(children.failures(execution.arn))
    decision = review.decide(ledger, failure, redriven=redrives > this_round["RedrivesAnswered"])
    following = review.next_round(decision, ledger, execution, folder, this_round, redrives)
    earlier, job = report.read(folder), Job.read(folder)
    reviewed = report.reviewed(earlier, job, ledger, decision, left, now)
    report.publish(folder, earlier, reviewed, ledger, number, now)
    logger.info("Reviewed.", extra={"execution": execution.name, **ledger.metrics()})
    if decision.error:
        raise decision.error
    return following
