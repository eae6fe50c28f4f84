"""The functions' AWS clients, made when first needed: importing boto3 takes its time."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_appflow import AppflowClient
    from mypy_boto3_customer_profiles import CustomerProfilesClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sns import SNSClient
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
    """Give the client of Amazon SNS."""
    client: SNSClient = _client("sns")
    return client


@lru_cache(maxsize=1)
def step_functions() -> SFNClient:
    """Give the client of AWS Step Functions."""
    client: SFNClient = _client("stepfunctions")
    return client


def _client(service: str) -> Any:
    import boto3
    from botocore.config import Config

    return boto3.client(  # type: ignore[call-overload]
        service, config=Config(retries={"mode": "standard", "total_max_attempts": 8})
    )
