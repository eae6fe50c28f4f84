"""Clients of AWS for the commands that look at it, or at the embedded cloud in another process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import (
    ClientError,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
)

_HERE = ("127.0.0.1", "localhost")
_DENIED = ("AccessDenied", "AccessDeniedException", "AWS.SimpleQueueService.AccessDenied")


def clients(
    profile: str | None, region: str | None, endpoint_url: str | None
) -> Callable[[str], Any]:
    """Give what makes a client of a service.

    An endpoint on this machine is the embedded cloud, which has one Region and takes any
    credentials: neither need be configured, and no real ones are sent to it. Raises what botocore
    raises for a profile that there is not.
    """
    if endpoint_url and urlsplit(endpoint_url).hostname in _HERE:
        session = boto3.Session("local", "local", region_name="us-east-1")
    else:
        session = boto3.Session(profile_name=profile, region_name=region)
    return lambda service: session.client(service, endpoint_url=endpoint_url)  # type: ignore[call-overload]


def explained(error: Exception) -> str:
    """Say why a call could not be made, or was refused, and what to do."""
    if isinstance(error, NoCredentialsError):
        return (
            "there are no AWS credentials. Give --profile, or for the embedded cloud "
            "--endpoint-url http://127.0.0.1:4566."
        )
    if isinstance(error, NoRegionError):
        return "no Region is known. Give --region."
    if isinstance(error, ProfileNotFound):
        return f"{error}. aws configure list-profiles lists those that there are."
    if isinstance(error, ClientError):
        told = error.response["Error"]
        denied = "you are not allowed to. " if told["Code"] in _DENIED else ""
        return f"{denied}{told['Code']}: {told.get('Message', '')}"
    return str(error)
