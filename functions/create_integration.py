"""CreateIntegration: creates the continuous integration, which continues after the windows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bulk_ingestion.aws.folder import Folder
from bulk_ingestion.aws.handlers import lambda_handler
from bulk_ingestion.report.record import Output
from bulk_ingestion.steps.create_integration import create_integration
from bulk_ingestion.times import parse_instant

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> Output:
    """Create the continuous integration and give the execution's output."""
    ingestion = event["Ingestion"]
    folder = Folder(ingestion["Bucket"], ingestion["Folder"])
    return create_integration(
        folder, ingestion["Tags"], ingestion["IntegrationQuota"], parse_instant(event["Now"])
    )
