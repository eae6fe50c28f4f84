"""FindIntegrations: lists the continuous integrations that this stack created."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bulk_ingestion import settings
from bulk_ingestion.aws.handlers import lambda_handler
from bulk_ingestion.aws.observability import logger
from bulk_ingestion.integration import monitoring
from bulk_ingestion.run.job import Execution

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> monitoring.Found:
    """Write the names of the integrations to a file. Give the file, and their number."""
    execution, given = Execution.of(event), event["Execution"]["Input"]
    found = monitoring.find(settings.runs_bucket(), execution, given)
    logger.info("Found.", extra={"execution": execution.name, **found})
    return found
