"""CheckIntegration: tells how one continuous integration is, and whether to repair it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import MetricUnit

from bulk_ingestion import keeping
from bulk_ingestion.observability import logger, measure, metrics

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Check ``event["FlowName"]``; give its ``Health``, and ``Repair``: whether it is to be."""
    this, flow_name = keeping.Check.of(event), event["FlowName"]
    checked = keeping.check(flow_name, this)
    diagnosis = checked.diagnosis
    measure("Integrations", MetricUnit.Count, 1, Health=diagnosis.health)
    if diagnosis.pulled_until:
        since = (this.now - diagnosis.pulled_until).total_seconds()
        measure("SecondsSinceLastPull", MetricUnit.Seconds, max(0, since), Integration=flow_name)
    metrics.add_metric("RecordsFailed", MetricUnit.Count, checked.records_failed)
    metrics.add_metric("IntegrationsNeedingYou", MetricUnit.Count, bool(checked.trouble))
    logger.info(
        "Checked.",
        extra={
            "flow": flow_name,
            "health": diagnosis.health,
            "reason": diagnosis.reason,
            "repair": checked.needs_repair,
            "trouble": checked.trouble,
        },
    )
    return {"Health": diagnosis.health, "Repair": checked.needs_repair}
