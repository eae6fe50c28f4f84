"""RepairIntegration: deletes a continuous integration and establishes it again, without a gap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import MetricUnit

from bulk_ingestion import keeping
from bulk_ingestion.observability import logger, metrics

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Repair ``event["FlowName"]``, which this execution's check has found broken."""
    flow_name = event["FlowName"]
    repaired = keeping.repair(flow_name, keeping.Check.of(event))
    metrics.add_metric("IntegrationsRepaired", MetricUnit.Count, repaired)
    logger.info("Repaired.", extra={"flow": flow_name, "anew": repaired})
