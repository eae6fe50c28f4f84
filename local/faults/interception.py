"""Intercepts the calls of the services that are moto's own, so that faults can strike them.

Only calls that a role makes are intercepted, which are those of the machine and its functions;
what tests and commands look up themselves never fails.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.sax.saxutils import escape

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from moto.core.botocore_stubber import BotocoreStubber, MockRawResponse
from moto.core.exceptions import ServiceException

from local import caller
from local.clock import Clock
from local.services import simulation
from local.services.statuses import http_status

MEMBERS = {
    "s3": ("Bucket", "Key"),
    "lambda": ("FunctionName",),
    "stepfunctions": ("stateMachineArn", "executionArn"),
    "sns": ("TopicArn", "Subject"),
    "service-quotas": ("ServiceCode", "QuotaCode"),
}
"""Which members of these services' requests the interceptor gets."""
_BY_SERVICE_ID = {"sfn": "stepfunctions"}


@contextmanager
def possible(clock: Clock) -> Iterator[None]:
    """Intercept calls, and let functions back off on the clock, for as long as the context."""
    answer_as_shipped: Callable[..., AWSResponse | None] = BotocoreStubber.__call__

    def answer_intercepted(
        self: Any, event_name: str, request: AWSPreparedRequest, **more: Any
    ) -> AWSResponse | None:
        _, name, operation = event_name.split(".")
        service = _BY_SERVICE_ID.get(name, name)
        if not self.enabled or service not in MEMBERS or caller.role.get() is None:
            return answer_as_shipped(self, event_name, request, **more)
        members = _members(service, request)
        intercept = simulation.current.intercept
        try:
            intercept(service, operation, members, "before")
            response = answer_as_shipped(self, event_name, request, **more)
            if response is not None and response.status_code < 300:
                intercept(service, operation, members, "after")
        except ServiceException as error:
            return _refusal(service, request.url, error)
        return response

    with (
        patch.object(BotocoreStubber, "__call__", answer_intercepted),
        patch.object(time, "sleep", _sleep_on(clock)),
    ):
        yield


def _sleep_on(clock: Clock) -> Callable[[float], None]:
    """Make a sleep that waits on the clock in a function, and in real time elsewhere."""
    really = time.sleep

    def sleep(seconds: float) -> None:
        (really if caller.role.get() is None else clock.sleep)(seconds)

    return sleep


def _members(service: str, request: AWSPreparedRequest) -> dict[str, str]:
    """Read the members off a request: off its body, or its URL, whose host may name the bucket."""
    if service in ("stepfunctions", "sns", "service-quotas"):
        body = request.body.decode() if isinstance(request.body, bytes) else str(request.body)
        given = dict(parse_qsl(body)) if service == "sns" else json.loads(body)
        return {name: given[name] for name in MEMBERS[service] if name in given}
    parts = urlsplit(request.url)
    path = unquote(parts.path).lstrip("/")
    if service == "lambda":
        _, _, name = path.partition("functions/")
        return {"FunctionName": name.partition("/")[0]}
    bucket, in_host, _ = (parts.hostname or "").partition(".s3.")
    if not in_host:
        bucket, _, path = path.partition("/")
    return {"Bucket": bucket, "Key": path}


def _refusal(service: str, url: str, error: ServiceException) -> AWSResponse:
    status, request_id = http_status(service, error.code), str(uuid.uuid4())
    if service == "sns":
        headers = {"Content-Type": "text/xml", "x-amzn-RequestId": request_id}
        body = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{escape(error.code)}</Code>"
            f"<Message>{escape(error.message)}</Message></Error></ErrorResponse>"
        )
    elif service == "s3":
        headers = {"Content-Type": "application/xml", "x-amz-request-id": request_id}
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>'
            f"<Error><Code>{escape(error.code)}</Code>"
            f"<Message>{escape(error.message)}</Message></Error>"
        )
    else:
        headers = {
            "Content-Type": "application/json",
            "x-amzn-ErrorType": error.code,
            "x-amzn-RequestId": request_id,
        }
        members = {"__type": error.code, "Message": error.message, "message": error.message}
        body = json.dumps(members)
    return AWSResponse(url, status, HTTPHeaders.from_dict(headers), MockRawResponse(body))
