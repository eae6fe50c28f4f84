"""CleanUp: removes what a stopped execution left behind, and once a day, what all others left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bulk_ingestion import settings
from bulk_ingestion.aws import clients
from bulk_ingestion.aws.observed import all_flows
from bulk_ingestion.flow.names import STACK_TAG, plain
from bulk_ingestion.integration import state
from bulk_ingestion.report import report
from bulk_ingestion.run.cleanup import clean_up
from bulk_ingestion.run.job import Execution, Job
from bulk_ingestion.run.layout import JOB, REPORT, rounds, run_folder
from bulk_ingestion.run.ledger import Ledger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

STOPPED = ("ABORTED", "TIMED_OUT")

_UNNEEDED = "If you don't need it, delete its file under integrations/ in the stack's bucket"


def clean_up_after(execution: Execution, context: LambdaContext) -> list[str]:
    """Remove what a stopped execution left behind, and report that it was cancelled.

    Does nothing if it was stopped before it had a plan, or was redriven in the meantime, even if it
    has ended since. Gives a sentence for each flow that could not be removed.
    """
    folder = run_folder(settings.runs_bucket(), execution.name)

    def spared() -> frozenset[str]:
        now = clients.step_functions().describe_execution(executionArn=execution.arn)
        return frozenset() if now["status"] in STOPPED else frozenset([plain(execution.name)])

    if spared() or not folder.has(JOB):
        return []
    left = clean_up(execution.tags, context, execution.flow_prefix, spared)
    now = clients.step_functions().describe_execution(executionArn=execution.arn)
    if now["status"] not in STOPPED:
        return []
    number, stopped = rounds(folder), now["stopDate"]
    ledger = Ledger.read(folder, number)
    earlier = report.read(folder) if folder.has(REPORT) else None
    job = Job.read(folder)
    integration = _integration(job, execution, folder.bucket)
    cancelled = report.cancelled(earlier, job, ledger, left, integration, stopped)
    report.publish(folder, earlier, cancelled, ledger, number, stopped)
    return left


def _integration(job: Job, execution: Execution, bucket: str) -> list[str]:
    """Say whether there is, or will be, a continuous integration that the execution has left."""
    name: str = job.target.flow_definition["FlowName"]
    if not job.continues:
        return []
    flows = [flow for flow in all_flows() if flow["flowName"] == name]
    for flow in flows:
        if execution.tags.items() <= flow.get("tags", {}).items():
            active = flow["flowStatus"] == "Active"
            return [
                f"The continuous integration {name} was created before the execution was stopped. "
                f"{'It works and is monitored' if active else 'The next check starts it'}. "
                f"{_UNNEEDED}, and then the integration."
            ]
    if not flows and state.read(bucket, name).checkpoint:
        return [
            f"The continuous integration {name} does not exist, but its definition is stored. The "
            f"next check creates it. {_UNNEEDED}."
        ]
    return []


def clean_up_after_all(machine: str, context: LambdaContext) -> list[str]:
    """Remove what all executions of this stack that have ended left behind.

    ``machine`` is the ARN of the state machine. Gives a sentence for each flow that could not be
    removed.
    """

    def running() -> frozenset[str]:
        executions = clients.step_functions().get_paginator("list_executions")
        return frozenset(
            plain(execution["name"])
            for page in executions.paginate(stateMachineArn=machine, statusFilter="RUNNING")
            for execution in page["executions"]
        )

    return clean_up({STACK_TAG: settings.stack_name()}, context, spare=running)
