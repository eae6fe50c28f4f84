"""RepairIntegration: deletes a continuous integration and recreates it, without a gap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bulk_ingestion.aws.handlers import lambda_handler
from bulk_ingestion.integration import monitoring

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Repair ``event["FlowName"]``, which the check in this execution found broken."""
    monitoring.repair(event["FlowName"], monitoring.Check.of(event))
