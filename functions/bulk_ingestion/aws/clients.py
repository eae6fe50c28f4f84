"""The functions' AWS clients. Each is created when first used, because importing boto3 is slow."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_appflow import AppflowClient
    from mypy_boto3_customer_profiles import CustomerProfilesClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_service_quotas import ServiceQuotasClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient


@lru_cache(maxsize=1)
def s3() -> S3Client:
    """Give the client of Amazon S3."""
    client: S3Client = _client("s3")
    return client


@lru_cache(maxsize=1)
def appflow() -> AppflowClient:
    """Give the client of Amazon AppFlow."""
    client: AppflowClient = _client("appflow")
    return client


@lru_cache(maxsize=1)
def customer_profiles() -> CustomerProfilesClient:
    """Give the client of Amazon Connect Customer Profiles."""
    client: CustomerProfilesClient = _client("customer-profiles")
    return client


@lru_cache(maxsize=1)
def sns() -> SNSClient:
    """Give the client of Amazon SNS. It never retries: SNS would deliver a message each time."""
    client: SNSClient = _client("sns", total_max_attempts=1)
    return client


@lru_cache(maxsize=1)
def sqs() -> SQSClient:
    """Give the client of Amazon SQS."""
    client: SQSClient = _client("sqs")
    return client


@lru_cache(maxsize=1)
def service_quotas() -> ServiceQuotasClient:
    """Give the client of Service Quotas. It gives up soon, because its answers are optional."""
    client: ServiceQuotasClient = _client(
        "service-quotas", total_max_attempts=2, connect_timeout=5, read_timeout=5
    )
    return client


@lru_cache(maxsize=1)
def step_functions() -> SFNClient:
    """Give the client of AWS Step Functions."""
    client: SFNClient = _client("stepfunctions")
    return client


def _client(service: str, total_max_attempts: int = 8, **timeouts: Any) -> Any:
    import boto3
    from botocore.config import Config

    retries: Any = {"mode": "standard", "total_max_attempts": total_max_attempts}
    config = Config(retries=retries, **timeouts)
    return boto3.client(service, config=config)  # type: ignore[call-overload]
