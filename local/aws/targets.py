"""What events and schedules start: state machines and functions, tried again, and given up on."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any

from botocore.exceptions import (
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's
    HTTPClientError,
)

from local import iam
from local.caller import acting_as
from local.clock import Clock
from local.interpreter.timing import start_thread

LOG = logging.getLogger(__name__)

_MOST_RETRIES = 185
_OLDEST = 86400  # seconds
_LONGEST_WAIT = 900.0  # seconds between two tries
_LAMBDAS_WAITS = (60.0, 120.0)  # seconds before Lambda runs an event's function again
_PASSING = ("Throttl", "TooManyRequests", "LimitExceeded")


@dataclass(frozen=True)
class Delivery:
    """One start of one target: what EventBridge or Scheduler sends, and in whose name."""

    target: Mapping[str, Any]
    """As in PutTargets or CreateSchedule: Arn, RoleArn, RetryPolicy, DeadLetterConfig."""
    payload: str
    principal: str
    """The service that assumes the target's role."""
    about: Mapping[str, str]
    """Attributes of its letter, should it end in the dead-letter queue."""
    letters_need_role: bool
    """Whether the role must be allowed to send the letter, rather than the queue's policy."""


class Targets:
    """Starts targets, each in a thread of its own; :meth:`settle` waits for them."""

    def __init__(self, clock: Clock, client: Callable[[str], Any]) -> None:
        self._clock = clock
        self._client = client
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._starts: dict[str, Callable[[str, str], None]] = {
            "lambda": self._invoke,
            "states": self._start_execution,
        }

    def check(self, arn: str) -> None:
        """Raise NotImplementedError for a target that cannot be started here."""
        if arn.split(":")[2] not in self._starts:
            raise NotImplementedError(f"{arn} cannot be started here.")

    def start(self, delivery: Delivery) -> None:
        """Start a target, without waiting for it."""
        arn = delivery.target["Arn"]
        self.check(arn)
        thread = start_thread(self._clock, f"start of {arn}", lambda: self._deliver(delivery))
        with self._lock:
            self._threads = [*(each for each in self._threads if each.is_alive()), thread]

    def settle(self, seconds: float = 60) -> None:
        """Wait (in real time) until everything has been started or given up."""
        while thread := self._next_thread():
            thread.join(seconds)
            if thread.is_alive():
                raise TimeoutError(f"The {thread.name} has not ended within {seconds:g} s.")

    def _next_thread(self) -> threading.Thread | None:
        with self._lock:
            return self._threads.pop() if self._threads else None

    def _deliver(self, delivery: Delivery) -> None:
        policy = delivery.target.get("RetryPolicy", {})
        retries = int(policy.get("MaximumRetryAttempts", _MOST_RETRIES))
        age = timedelta(seconds=int(policy.get("MaximumEventAgeInSeconds", _OLDEST)))
        too_old = self._clock.now() + age
        for retry in count():
            failed = self._try(delivery)
            if failed is None:
                return
            exhausted = ""
            wait = min(2.0**retry, _LONGEST_WAIT)
            if not _passes(failed):
                pass
            elif retry >= retries:
                exhausted = "MaximumRetryAttempts"
            elif self._clock.now() + timedelta(seconds=wait) > too_old:
                exhausted = "MaximumEventAgeInSeconds"
            else:
                self._clock.sleep(wait)
                continue
            self._give_up(delivery, failed, retry, exhausted)
            return

    def _try(self, delivery: Delivery) -> ClientError | None:
        """Start the target with the credentials of its role; give the error that it met with."""
        arn, role = delivery.target["Arn"], delivery.target.get("RoleArn")
        try:
            if role is not None and not iam.trusts(role, delivery.principal):
                raise _untrusting(role, delivery.principal)
            with acting_as(role):
                self._starts[arn.split(":")[2]](arn, delivery.payload)
        except ClientError as failed:
            return failed
        except (HTTPClientError, ConnectionError) as lost:
            return _unanswered(str(lost))
        return None

    def _start_execution(self, arn: str, payload: str) -> None:
        self._client("stepfunctions").start_execution(stateMachineArn=arn, input=payload)

    def _invoke(self, arn: str, payload: str) -> None:
        """Invoke a function, and again when it fails, as Lambda does with events.

        An event that the function could not process goes to its on-failure destination.
        """
        config = self._event_invoke_config(arn)
        retries = int(config.get("MaximumRetryAttempts", len(_LAMBDAS_WAITS)))
        for wait in (0.0, *_LAMBDAS_WAITS[:retries]):
            self._clock.sleep(wait)
            answer = self._client("lambda").invoke(FunctionName=arn, Payload=payload)
            if "FunctionError" not in answer:
                return
        queue = config.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        if queue is not None:
            record = _invocation_record(arn, payload, answer, retries + 1, self._clock)
            self._send_record(arn, queue, record)

    def _event_invoke_config(self, arn: str) -> dict[str, Any]:
        try:
            with acting_as(None):
                found: dict[str, Any] = self._client("lambda").get_function_event_invoke_config(
                    FunctionName=arn
                )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            return {}
        return found

    def _send_record(self, arn: str, queue: str, record: dict[str, Any]) -> None:
        """Send a record to the queue that is a function's destination, in the function's name."""
        with acting_as(None):
            function = self._client("lambda").get_function_configuration(FunctionName=arn)
            url = self._queue_url(queue)
        try:
            with acting_as(function["Role"]):
                self._client("sqs").send_message(QueueUrl=url, MessageBody=json.dumps(record))
        except ClientError:
            LOG.exception("The record of a failed event was lost")

    def _queue_url(self, arn: str) -> str:
        found = self._client("sqs").get_queue_url(QueueName=arn.rpartition(":")[2])
        return str(found["QueueUrl"])

    def _give_up(
        self, delivery: Delivery, failed: ClientError, retries: int, exhausted: str
    ) -> None:
        """Put what could not be delivered into the dead-letter queue, if there is one."""
        error = failed.response["Error"]
        LOG.warning("%s was not started: %s", delivery.target["Arn"], failed)
        queue = delivery.target.get("DeadLetterConfig", {}).get("Arn")
        if queue is None:
            return
        attributes = {
            **delivery.about,
            "TARGET_ARN": delivery.target["Arn"],
            "ERROR_CODE": error["Code"],
            "ERROR_MESSAGE": error.get("Message", ""),
            "RETRY_ATTEMPTS": str(retries),
            "EXHAUSTED_RETRY_CONDITION": exhausted,
        }
        url = self._queue_url(queue)
        try:
            with acting_as(delivery.target["RoleArn"] if delivery.letters_need_role else None):
                self._client("sqs").send_message(
                    QueueUrl=url,
                    MessageBody=delivery.payload,
                    MessageAttributes={
                        name: {"DataType": "String", "StringValue": value}
                        for name, value in attributes.items()
                        if value
                    },
                )
        except ClientError:
            LOG.exception("A dead letter was lost")


def _invocation_record(
    arn: str, payload: str, answer: Mapping[str, Any], invocations: int, clock: Clock
) -> dict[str, Any]:
    """Make what Lambda sends to a destination.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    """
    return {
        "version": "1.0",
        "timestamp": clock.now().strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "requestContext": {
            "requestId": answer["ResponseMetadata"]["RequestId"],
            "functionArn": f"{arn}:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": invocations,
        },
        "requestPayload": json.loads(payload),
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": answer["FunctionError"],
        },
        "responsePayload": json.loads(answer["Payload"].read()),
    }


def _passes(failed: ClientError) -> bool:
    """Whether a retry may succeed: the call was throttled, or the service failed."""
    code = failed.response["Error"]["Code"]
    status = failed.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
    return status >= 500 or any(part in code for part in _PASSING)


def _unanswered(message: str) -> ClientError:
    """Make the error of a call that got no answer: the service may answer later."""
    response: Any = {
        "Error": {"Code": "ServiceUnavailable", "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": 503},
    }
    return ClientError(response, "Start")


def _untrusting(role: str, principal: str) -> ClientError:
    message = f"The role {role} cannot be assumed by {principal}."
    return ClientError({"Error": {"Code": "AccessDenied", "Message": message}}, "AssumeRole")
