"""PlanWindows: checks the execution's input, cuts the past into windows and writes the plan."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import MetricUnit

from bulk_ingestion import plan, report
from bulk_ingestion.folder import Folder, round_file
from bulk_ingestion.observability import logger, metrics
from bulk_ingestion.request import read
from bulk_ingestion.times import parse_instant

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Plan an execution; ``event["Execution"]`` is the context object's Execution."""
    started = event["Execution"]
    request = read(
        started["Input"],
        now=parse_instant(started["StartTime"]),
        domain=os.environ["DOMAIN_NAME"],
        max_concurrency=int(os.environ["MAX_CONCURRENCY"]),
    )
    execution = plan.Execution(started["Id"], started["Name"], os.environ["STACK_NAME"])
    folder = Folder.of(os.environ["RUNS_BUCKET"], execution.name)
    planned = plan.make(request, execution, folder, started.get("RedriveCount", 0))
    first_report = report.planned(planned.request, planned.items)
    folder.write("request.json", planned.request)
    folder.write(round_file(1), planned.items)
    folder.write(report.REPORT, first_report)
    metrics.add_metric(name="WindowsPlanned", unit=MetricUnit.Count, value=len(planned.items))
    logger.info("Planned.", extra={"execution": execution.name, **planned.state["Round"]})
    return {**planned.state, "Output": report.output(first_report, folder)}
