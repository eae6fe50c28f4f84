"""The errors of a Distributed Map's children that failed without an outcome."""

from __future__ import annotations

import json

from botocore.exceptions import ClientError

from bulk_ingestion.aws import clients
from bulk_ingestion.aws.observability import logger
from bulk_ingestion.run.ledger import Outcome


def failures(execution_arn: str) -> dict[str, Outcome]:
    """Give the error of each failed child of an execution's latest Map Run, by window.

    The Map's own error does not contain its children's errors. A failed child stops the others, so
    its error is an error of the whole execution. At most MaxConcurrency children can fail. If Step
    Functions does not answer, the result is empty, because the execution fails anyway.
    """
    client = clients.step_functions()
    found: dict[str, Outcome] = {}
    try:
        runs = client.list_map_runs(executionArn=execution_arn)["mapRuns"]
        if not runs:  # the Map failed before it started a Map Run
            return {}
        latest = max(runs, key=lambda run: run["startDate"])
        pages = client.get_paginator("list_executions").paginate(
            mapRunArn=latest["mapRunArn"], statusFilter="FAILED"
        )
        for child in (child for page in pages for child in page["executions"]):
            described = client.describe_execution(executionArn=child["executionArn"])
            window = json.loads(described["input"])["Window"]["WindowId"]
            error = described.get("error", "States.Runtime")
            found[window] = {
                "Status": "FAILED",
                "Error": error,
                "ExecutionMessage": described.get("cause", ""),
                # An error with such a name would look like ReviewWindows' own, and be retried.
                "Systemic": not error.startswith("States."),
            }
    except ClientError as error:
        logger.warning("The children's errors could not be read.", extra={"error": str(error)})
    return found
