"""Where a stack is, and the clients of the AWS services there."""

from __future__ import annotations

import json
import shlex
import socket
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
)

from bulk_ingestion.times import parse_instant

_HERE = ("127.0.0.1", "localhost", "::1")
_DENIED = ("AccessDenied", "AccessDeniedException", "AWS.SimpleQueueService.AccessDenied")


class CannotDo(Exception):  # noqa: N818
    """A command cannot be carried out; the message says why, and what to do."""


@dataclass(frozen=True)
class Place:
    """A stack in an account and Region of AWS, or in the embedded cloud.

    An endpoint on this machine is the embedded cloud. It has one Region and accepts any
    credentials, so neither must be configured, and no real credentials are sent to it.
    """

    stack: str = "bulk-ingestion"
    profile: str | None = None
    region: str | None = None
    """None for the profile's."""
    endpoint: str | None = None
    """The URL of the embedded cloud; None for AWS."""

    @property
    def is_embedded(self) -> bool:
        """Whether the stack is in the embedded cloud."""
        return bool(self.endpoint) and urlsplit(self.endpoint or "").hostname in _HERE

    @cached_property
    def client(self) -> Callable[[str], Any]:
        """The function that creates the client of a service.

        Raises botocore's ProfileNotFound for an unknown profile, and EndpointConnectionError at
        once if the embedded cloud is not running.
        """
        if self.is_embedded:
            self._check_server()
            session = boto3.Session("local", "local", region_name="us-east-1")
        else:
            session = boto3.Session(profile_name=self.profile, region_name=self.region)
        return lambda service: session.client(service, endpoint_url=self.endpoint)  # type: ignore[call-overload]

    def _check_server(self) -> None:
        """Connect to the embedded cloud, because botocore retries a refused connection for long."""
        endpoint = self.endpoint or ""
        url = urlsplit(endpoint)
        port = url.port or {"http": 80, "https": 443}[url.scheme]
        try:
            socket.create_connection((url.hostname or "", port), timeout=5).close()
        except OSError as error:
            raise EndpointConnectionError(endpoint_url=endpoint) from error

    @cached_property
    def state_machine_arn(self) -> str:
        """The ARN of the stack's state machine for bulk ingestion, which has the stack's name."""
        identity = self.client("sts").get_caller_identity()
        partition, account = identity["Arn"].split(":")[1], identity["Account"]
        region = self.client("stepfunctions").meta.region_name
        return f"arn:{partition}:states:{region}:{account}:stateMachine:{self.stack}"

    @property
    def options(self) -> str:
        """The options that a printed command needs to name this place."""
        given = {"stack": self.stack, "profile": self.profile, "region": self.region}
        given["endpoint"] = self.endpoint
        default = Place()
        return "".join(
            f" --{key} {shlex.quote(value)}"
            for key, value in given.items()
            if value and value != getattr(default, key)
        )

    def now(self) -> datetime:
        """Give the time there, which is simulated in the embedded cloud."""
        if not self.is_embedded:
            return datetime.now(UTC)
        with urllib.request.urlopen(f"{self.endpoint}/local/health") as health:  # noqa: S310
            return parse_instant(json.load(health)["Now"])


def explained(error: Exception) -> str:
    """Say why a call failed, and what to do."""
    if isinstance(error, NoCredentialsError):
        return (
            "there are no AWS credentials. Pass --profile, or for the embedded cloud "
            "--endpoint http://127.0.0.1:4566."
        )
    if isinstance(error, NoRegionError):
        return "no AWS Region is set. Pass --region."
    if isinstance(error, ProfileNotFound):
        return f"{error}. To list your profiles, run aws configure list-profiles."
    if isinstance(error, EndpointConnectionError):
        return f"{error} Is the embedded cloud running? To start it, run bulk serve."
    if isinstance(error, ClientError):
        answer = error.response["Error"]
        denied = "you don't have permission. " if answer["Code"] in _DENIED else ""
        return f"{denied}{answer['Code']}: {answer.get('Message', '')}"
    return str(error)
