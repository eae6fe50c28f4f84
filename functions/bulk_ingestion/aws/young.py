"""Resources that were created a moment ago: for a minute, AWS may not know them everywhere.

AppFlow and Customer Profiles are eventually consistent, and so is IAM, which allows calls by a
resource's tags (https://docs.aws.amazon.com/IAM/latest/UserGuide/
troubleshoot_general.html#troubleshoot_general_eventual-consistency).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from botocore.exceptions import ClientError

from bulk_ingestion.errors import IntegrationNotReady

Answer = TypeVar("Answer")

REFUSALS = (
    "AccessDeniedException",
    "BadRequestException",
    "ConflictException",
    "ConnectorAuthenticationException",
    "ConnectorServerException",
    "ResourceNotFoundException",
    "ServiceQuotaExceededException",
    "UnsupportedOperationException",
    "ValidationException",
)
"""What AWS may answer about such a resource, or while another call about it is not finished.

No single one of these answers is believed, as in the state machines.
"""

YOUNG_SECONDS = 60
"""For how long AWS may not know a new resource."""

WAITS = (2, 4, 8, *(16,) * 8)
"""Seconds between the tries: over two minutes in all, as in the state machines.

A refusal that lasts a minute may be followed by another one. The tags of a new flow may not be
visible first, and then the flow itself may not be found.
"""


def patiently(ask: Callable[[], Answer]) -> Answer:
    """Call a function again while it is refused, or does not find what it looks for.

    Raises the last refusal, or the last IntegrationNotReady. ``ask`` must be safe to repeat.
    """
    for wait in WAITS:
        try:
            return ask()
        except ClientError as error:
            if error.response["Error"]["Code"] not in REFUSALS:
                raise
        except IntegrationNotReady:
            pass
        time.sleep(wait)
    return ask()
