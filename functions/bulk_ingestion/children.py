"""The children of a Distributed Map: what those ended in that could not leave an outcome."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

from bulk_ingestion import aws
from bulk_ingestion.observability import logger


def failures(execution_arn: str) -> dict[str, dict[str, Any]]:
    """Give what each failed child of an execution's latest Map Run ended in, by window.

    The Map's own error never names its children's. A failed child stops the others, so its error
    is one of the whole execution's. There are as many of them as windows run at a time, at most.
    Where Step Functions does not tell, there are none: the execution fails all the same.
    """
    client = aws.step_functions()
    found: dict[str, dict[str, Any]] = {}
    try:
        runs = client.list_map_runs(executionArn=execution_arn)["mapRuns"]
        if not runs:  # the Map ended before it began one
            return {}
        latest = max(runs, key=lambda run: run["startDate"])
        pages = client.get_paginator("list_executions").paginate(
            mapRunArn=latest["mapRunArn"], statusFilter="FAILED"
        )
        for child in (child for page in pages for child in page["executions"]):
            told = client.describe_execution(executionArn=child["executionArn"])
            window = json.loads(told["input"])["Window"]["WindowId"]
            error = told.get("error", "States.Runtime")
            found[window] = {
                "Status": "FAILED",
                "Error": error,
                "ExecutionMessage": told.get("cause", ""),
                # Under such a name, the review itself would seem to have failed, and be retried.
                "Systemic": not error.startswith("States."),
            }
    except ClientError as error:
        logger.warning("The windows' executions do not tell.", extra={"error": str(error)})
    return found
