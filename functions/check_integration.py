"""CheckIntegration: checks one continuous integration, and decides whether to repair it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bulk_ingestion.aws.handlers import lambda_handler
from bulk_ingestion.integration import monitoring

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Check ``event["FlowName"]``. Give its ``Health``, and whether to ``Repair`` it."""
    checked = monitoring.check(event["FlowName"], event["Rivals"], monitoring.Check.of(event))
    return {"Health": checked.diagnosis.health, "Repair": checked.needs_repair}
