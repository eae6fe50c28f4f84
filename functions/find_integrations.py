"""FindIntegrations: lists the continuous integrations that this stack made."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from bulk_ingestion import keeping
from bulk_ingestion.observability import logger
from bulk_ingestion.plan import Execution

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Write down which integrations to check; give where that stands, and how many they are."""
    started = event["Execution"]
    execution = Execution(started["Id"], started["Name"], os.environ["STACK_NAME"])
    found = keeping.find(os.environ["RUNS_BUCKET"], execution, started["Input"])
    logger.info("Found.", extra={"execution": execution.name, **found})
    return found
