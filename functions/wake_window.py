"""WakeWindow: wakes the window that waits for the end of a flow's run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bulk_ingestion import settings
from bulk_ingestion.aws.handlers import lambda_handler
from bulk_ingestion.run import waking

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Wake the window of the flow in an event from AppFlow (the end of a run)."""
    waking.wake(settings.runs_bucket(), event["detail"]["flow-name"])
