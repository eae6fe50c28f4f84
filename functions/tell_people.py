"""TellPeople: tells a person that an execution failed, why, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bulk_ingestion import telling
from bulk_ingestion.observability import logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Tell of the execution that an event of Step Functions (a change of status) is about."""
    telling.tell_of_execution(event["detail"])
