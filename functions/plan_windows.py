"""PlanWindows: checks the execution's input, cuts the past into windows, and writes the plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bulk_ingestion.aws.handlers import lambda_handler
from bulk_ingestion.run.job import Execution
from bulk_ingestion.steps.plan_windows import PlannedExecution, plan_windows

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> PlannedExecution:
    """Plan an execution. ``event["Execution"]`` is the context object's Execution."""
    return plan_windows(Execution.of(event), event["Execution"])
