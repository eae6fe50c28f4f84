"""CleanUp: removes what a stopped execution left behind, and once a day, what all others left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bulk_ingestion.aws.handlers import lambda_handler
from bulk_ingestion.errors import CleanUpIncomplete
from bulk_ingestion.run.job import Execution
from bulk_ingestion.steps.clean_up import clean_up_after, clean_up_after_all

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Clean up after the execution of an event from Step Functions, or after all executions.

    Raises CleanUpIncomplete, so that Lambda tries again.
    """
    if "detail" in event:
        left = clean_up_after(Execution.of(event), context)
    else:
        left = clean_up_after_all(event["StateMachineArn"], context)
    if left:
        raise CleanUpIncomplete(" ".join(left))
