"""Notify: sends a notification about an execution that has ended well, or failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bulk_ingestion.aws.handlers import lambda_handler
from bulk_ingestion.notifications import messages

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Notify of the execution in an event from Step Functions (a change of status)."""
    messages.notify_of_execution(event["detail"])
