"""What events and schedules start: state machines and functions, tried again, and given up on."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any

from botocore.exceptions import ClientError

from local import iam
from local.caller import acting_as
from local.clock import Clock
from local.interpreter.timing import start_thread

LOG = logging.getLogger(__name__)

_MOST_RETRIES = 185
_OLDEST = 86400  # seconds
_LONGEST_WAIT = 900.0  # seconds between two tries
_LAMBDAS_RETRIES = (60.0, 120.0)  # seconds before Lambda runs an event's function again
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
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        self._threads.append(
            start_thread(self._clock, f"start of {arn}", lambda: self._deliver(delivery))
        )

    def settle(self, seconds: float = 60) -> None:
        """Wait (in real time) until everything has been started or given up."""
        while self._threads:
            thread = self._threads.pop()
            thread.join(seconds)
            if thread.is_alive():
                raise TimeoutError(f"The {thread.name} has not ended within {seconds:g} s.")

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
        return None

    def _start_execution(self, arn: str, payload: str) -> None:
        self._client("stepfunctions").start_execution(stateMachineArn=arn, input=payload)

    def _invoke(self, arn: str, payload: str) -> None:
        """Invoke a function, and again twice when it fails, as Lambda does with events."""
        for wait in (*_LAMBDAS_RETRIES, None):
            answer = self._client("lambda").invoke(FunctionName=arn, Payload=payload)
            if "FunctionError" not in answer or wait is None:
                return
            self._clock.sleep(wait)

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
        sqs = self._client("sqs")
        url = sqs.get_queue_url(QueueName=queue.rpartition(":")[2])["QueueUrl"]
        try:
            with acting_as(delivery.target["RoleArn"] if delivery.letters_need_role else None):
                sqs.send_message(
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


def _passes(failed: ClientError) -> bool:
    """Tell whether a try may succeed later: it was throttled, or the service failed."""
    code = failed.response["Error"]["Code"]
    status = failed.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
    return status >= 500 or any(part in code for part in _PASSING)


def _untrusting(role: str, principal: str) -> ClientError:
    message = f"The role {role} cannot be assumed by {principal}."
    return ClientError({"Error": {"Code": "AccessDenied", "Message": message}}, "AssumeRole")
