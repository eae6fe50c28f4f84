"""CreateIntegration: the continuous integration takes over where the last window ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bulk_ingestion import kept, report
from bulk_ingestion.folder import Folder
from bulk_ingestion.integration import Wanted, establish
from bulk_ingestion.observability import logger
from bulk_ingestion.plan import Job
from bulk_ingestion.times import parse_instant

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Create the continuous integration and give the execution's output."""
    ingestion = event["Ingestion"]
    folder = Folder(ingestion["Bucket"], ingestion["Folder"])
    job = Job.read(folder)
    wanted = Wanted(
        domain=job.domain,
        object_type=job.object_type,
        flow_definition=job.flow_definition,
        hand_off=parse_instant(job.hand_off),
        tags=ingestion["Tags"],
    )
    now = parse_instant(event["Now"])
    reviewed = folder.read(report.REPORT)
    try:
        integration = establish(wanted, now)
    except Exception as error:
        report.write(folder, report.failed(reviewed, error, now))
        raise
    asked = kept.Asked(
        domain=job.domain,
        object_type=job.object_type,
        flow_definition=job.flow_definition,
        tags=job.tags,
        pulled_until=parse_instant(integration["FirstExecutionFrom"]),
    )
    is_new = asked.pulled_until == wanted.hand_off
    kept.remember(folder.bucket, integration["FlowName"], asked, is_new)
    complete = report.completed(reviewed, integration, now)
    report.write(folder, complete)
    logger.info("The continuous integration is established.", extra=integration)
    return report.output(complete, folder)
