"""Messages to a person: short enough for a phone, with what happened, what to do, and a link."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

from bulk_ingestion import aws
from bulk_ingestion.advice import advice
from bulk_ingestion.console import execution_link
from bulk_ingestion.errors import explain
from bulk_ingestion.folder import Folder

_SUBJECT = 100  # characters (Amazon SNS, Publish)
_LINES = 1_200  # characters of a cause that a phone can show


def tell(subject: str, *paragraphs: str) -> None:
    """Publish a message to the stack's topic; without one, nobody has asked to be told."""
    topic = os.environ["NOTIFICATIONS_TOPIC"]
    if topic:
        text = "\n\n".join(paragraph for paragraph in paragraphs if paragraph)
        aws.sns().publish(TopicArn=topic, Subject=_plain(subject), Message=text)


def shortened(text: str) -> str:
    """Cut a long text where a line ends."""
    if len(text) <= _LINES:
        return text
    return text[:_LINES].rpartition("\n")[0] or text[:_LINES]


def _plain(subject: str) -> str:
    """Keep a subject to what SNS takes: one line of ASCII."""
    line = " ".join(subject.encode("ascii", "replace").decode().split())
    return line if len(line) <= _SUBJECT else f"{line[: _SUBJECT - 3]}..."


def tell_of_execution(changed: dict[str, Any]) -> None:
    """Tell that an execution ended badly, given the ``detail`` of Step Functions' event.

    EventBridge may deliver an event more than once, and Lambda may repeat a delivery: each ending
    is told once. Checks of the integrations come every hour and fail alike while a trouble lasts:
    they are told once a day for each error.
    """
    if not os.environ["NOTIFICATIONS_TOPIC"]:
        return
    arn = changed["executionArn"]
    ended = aws.step_functions().describe_execution(executionArn=arn)
    error = ended.get("error", changed["status"])
    machine = ended["stateMachineArn"].rpartition(":")[2]
    ending = f"{changed['name']}-{changed['stopDate']}"
    if ended["stateMachineArn"] != os.environ["STATE_MACHINE_ARN"]:
        day = datetime.fromtimestamp(changed["stopDate"] / 1000, UTC).date()
        ending = f"{machine}-{error}-{day}"
    told = Folder(os.environ["RUNS_BUCKET"], "told")
    if told.has(ending):
        return
    tell(
        f"{machine}: {changed['name']} {changed['status']}",
        f"{error}: {shortened(explain(ended.get('cause', '')))}",
        advice(error),
        execution_link(arn),
    )
    told.write(ending, changed["status"])
