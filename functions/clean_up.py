"""CleanUp: takes away what a stopped execution left, and once a day what anything else did."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from bulk_ingestion import aws, plan, report
from bulk_ingestion.errors import CleanUpIncomplete
from bulk_ingestion.flows import STACK_TAG, plain
from bulk_ingestion.folder import Folder, round_file
from bulk_ingestion.measuring import measure_progress
from bulk_ingestion.observability import logger
from bulk_ingestion.review import Ledger
from bulk_ingestion.sweep import sweep

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Clean up after the execution that an event of Step Functions tells of, or after all.

    Raises CleanUpIncomplete, so that Lambda tries again.
    """
    if "detail" in event:
        left = _after(event["detail"], context)
    else:
        left = _after_all(event["StateMachineArn"], context)
    if left:
        raise CleanUpIncomplete(" ".join(left))


def _after(stopped: dict[str, Any], context: LambdaContext) -> list[str]:
    """Remove what a stopped execution left, unless it was redriven meanwhile."""
    arn = stopped["executionArn"]
    execution = plan.Execution(arn, stopped["name"], os.environ["STACK_NAME"])
    folder = Folder.of(os.environ["RUNS_BUCKET"], execution.name)

    def running() -> frozenset[str]:
        now = aws.step_functions().describe_execution(executionArn=arn)
        return frozenset([plain(execution.name)] if now["status"] == "RUNNING" else [])

    if running() or not folder.has(plan.JOB):
        return []
    left = sweep(execution.tags, context, execution.flow_prefix, running)
    now = aws.step_functions().describe_execution(executionArn=arn)
    if now["status"] == "RUNNING":
        return []
    job = plan.Job.read(folder)
    ledger = Ledger.read(folder, folder.rounds())
    earlier = folder.read(report.REPORT) if folder.has(report.REPORT) else {}
    stopped_report = report.cancelled(earlier, job, ledger, left, now["stopDate"])
    number = folder.rounds()
    items = folder.read(round_file(number))
    stopped_report = report.costed(stopped_report, ledger, number, items, now["stopDate"])
    report.write(folder, stopped_report)
    measure_progress(earlier, stopped_report)
    return left


def _after_all(machine: str, context: LambdaContext) -> list[str]:
    """Remove what any execution of this stack left that does not run any more."""

    def running() -> frozenset[str]:
        executions = aws.step_functions().get_paginator("list_executions")
        return frozenset(
            plain(execution["name"])
            for page in executions.paginate(stateMachineArn=machine, statusFilter="RUNNING")
            for execution in page["executions"]
        )

    return sweep({STACK_TAG: os.environ["STACK_NAME"]}, context, spare=running)
