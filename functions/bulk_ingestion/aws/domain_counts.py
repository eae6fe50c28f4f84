"""How much is in a domain, and in its dead-letter queue, at a time.

AppFlow reports what it transferred, not what Customer Profiles stored: that shows here alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NotRequired, TypedDict

from bulk_ingestion.aws import clients
from bulk_ingestion.aws.observability import logger
from bulk_ingestion.aws.transport import CALL_FAILED
from bulk_ingestion.times import iso


class DomainCounts(TypedDict):
    """What a domain holds."""

    At: str
    """When it was counted."""
    Objects: NotRequired[int]
    """All objects of the domain (GetDomain); missing if AWS did not say."""
    DeadLetters: NotRequired[int]
    """Messages in the domain's dead-letter queue; missing if the stack may not read it."""


def count(domain: Mapping[str, Any], dead_letters: int | None, at: datetime) -> DomainCounts:
    """Give what a domain holds, by GetDomain's answer and the depth of its queue at an instant."""
    counts: DomainCounts = {"At": iso(at)}
    objects = domain.get("Stats", {}).get("ObjectCount")
    if objects is not None:
        counts["Objects"] = objects
    if dead_letters is not None:
        counts["DeadLetters"] = dead_letters
    return counts


def count_now(domain_name: str, queue_arn: str, at: datetime) -> DomainCounts:
    """Count what a domain holds; what AWS does not answer is left out."""
    domain: Mapping[str, Any] = {}
    dead_letters = None
    try:
        domain = clients.customer_profiles().get_domain(DomainName=domain_name)
        dead_letters = depth(domain, queue_arn)
    except CALL_FAILED:
        logger.warning("The domain or its dead-letter queue was not counted.", exc_info=True)
    return count(domain, dead_letters, at)


def depth(domain: Mapping[str, Any], queue_arn: str) -> int | None:
    """Count the messages in a domain's queue, those included that somebody is reading.

    ``queue_arn`` is the queue that the stack may read. Gives None if it is not the domain's.
    """
    if not is_queue_of(domain, queue_arn):
        return None
    kinds: Any = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    answer = clients.sqs().get_queue_attributes(
        QueueUrl=domain["DeadLetterQueueUrl"], AttributeNames=kinds
    )
    return sum(int(answer["Attributes"][kind]) for kind in kinds)


def is_queue_of(domain: Mapping[str, Any], queue_arn: str) -> bool:
    """Whether an ARN is that of a domain's dead-letter queue: the URL ends in account and name."""
    account_and_name = queue_arn.split(":")[-2:]
    url: str = domain.get("DeadLetterQueueUrl", "")
    return bool(url) and url.split("/")[-2:] == account_and_name
