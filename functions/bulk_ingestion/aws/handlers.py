"""What all Lambda functions have in common: logs, metrics, and an error for unanswered calls."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from bulk_ingestion.aws.observability import logger, metrics
from bulk_ingestion.aws.transport import NO_ANSWER
from bulk_ingestion.errors import TransportFailed

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_Answer = TypeVar("_Answer")
_Handler = Callable[[dict[str, Any], "LambdaContext"], _Answer]


def lambda_handler(function: _Handler[_Answer]) -> _Handler[_Answer]:
    """Decorate the handler of a Lambda function.

    Its log lines contain the invocation's id, and its metrics are sent when it ends. If AWS does
    not answer a call, it raises TransportFailed. Lambda reports the class name of an exception, and
    the state machines retry errors by name, but botocore has a dozen classes for this error.
    """

    @wraps(function)
    def handle(event: dict[str, Any], context: LambdaContext) -> _Answer:
        try:
            return function(event, context)
        except NO_ANSWER as error:
            raise TransportFailed(f"{type(error).__name__}: {error}") from error
        finally:
            if metrics.provider.metric_set:  # else Powertools warns
                metrics.flush_metrics()

    decorated: _Handler[_Answer] = logger.inject_lambda_context(handle)
    return decorated
