"""ReviewWindows: decides what follows a round. Redrives resume here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bulk_ingestion.aws.folder import Folder
from bulk_ingestion.aws.handlers import lambda_handler
from bulk_ingestion.run.job import Execution
from bulk_ingestion.steps.review_windows import review_windows
from bulk_ingestion.times import parse_instant

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Review a round. Give the next one, or raise the error that the execution ends in."""
    following = review_windows(
        Execution.of(event),
        Folder(event["Ingestion"]["Bucket"], event["Ingestion"]["Folder"]),
        this_round=event["Round"],
        failure=event["Failure"],
        redrives=event["Execution"]["RedriveCount"],
        now=parse_instant(event["Now"]),
        context=context,
    )
    return {"Round": following}
