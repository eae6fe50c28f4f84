"""Notifications: short messages that say what happened and what to do, with a link."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, TypedDict

from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ProxyConnectionError,
    SSLError,
)

from bulk_ingestion import settings
from bulk_ingestion.aws import clients
from bulk_ingestion.aws.folder import Folder, parse_uri
from bulk_ingestion.aws.observability import logger
from bulk_ingestion.aws.transport import CALL_FAILED
from bulk_ingestion.errors import TransportFailed, explain
from bulk_ingestion.notifications.links import execution_link, object_link
from bulk_ingestion.remediation import remediation
from bulk_ingestion.wording import visible

_SUBJECT = 100  # characters (Amazon SNS, Publish)
_LONGEST_CAUSE = 1_200  # characters, so that a phone can show it


_NOT_SENT = (ConnectTimeoutError, EndpointConnectionError, ProxyConnectionError, SSLError)


class MaybeSent(TransportFailed):
    """SNS did not say whether it has published a message."""


def notify(subject: str, *paragraphs: str, may_be_sent: bool = False) -> None:
    """Publish a message to the stack's topic, if the stack has one.

    Raises TransportFailed if it was not published, and MaybeSent if that is not known. With
    ``may_be_sent``, that was so before. Then the message counts as published, because SNS delivers
    it each time, and nobody is to get it more than twice.
    """
    topic = settings.notifications_topic()
    if not topic:
        return
    text = "\n\n".join(paragraph for paragraph in paragraphs if paragraph)
    try:
        clients.sns().publish(TopicArn=topic, Subject=_plain(subject), Message=visible(text))
    except _NOT_SENT as error:
        raise TransportFailed(f"SNS could not be reached: {error}") from error
    except CALL_FAILED as error:
        status = _status(error)
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            raise TransportFailed(f"SNS throttles: {error}") from error
        if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            raise
        if not may_be_sent:
            raise MaybeSent(f"SNS did not answer: {error}") from error
        logger.warning("SNS did not answer twice.", extra={"subject": subject})


def _status(error: Exception) -> int:
    """Give the HTTP status of an answer; 500 if there was none."""
    if not isinstance(error, ClientError):
        return HTTPStatus.INTERNAL_SERVER_ERROR
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])


def shortened(text: str) -> str:
    """Cut a long text at the end of a line."""
    if len(text) <= _LONGEST_CAUSE:
        return text
    return text[:_LONGEST_CAUSE].rpartition("\n")[0] or text[:_LONGEST_CAUSE]


def _plain(subject: str) -> str:
    """Make a subject valid for SNS: one line of ASCII."""
    line = " ".join(subject.encode("ascii", "replace").decode().split())
    return line if len(line) <= _SUBJECT else f"{line[: _SUBJECT - 3]}..."


class StatusChange(TypedDict):
    """The ``detail`` of Step Functions' event about an execution that has ended."""

    executionArn: str
    name: str
    status: str
    stopDate: int
    """Epoch milliseconds."""


def notify_of_execution(changed: StatusChange) -> None:
    """Notify of an execution that ended, given the ``detail`` of Step Functions' event.

    EventBridge may deliver an event more than once, and Lambda may run a function again. So a file
    under ``sent/`` records each notification, and each end is notified of once, or twice if SNS did
    not answer. Integrations are checked every hour, and the checks fail in the same way until the
    cause is fixed. So for each error of a check, there is one notification a day. A dry run is not
    notified of.
    """
    if not settings.notifications_topic():
        return
    ended = clients.step_functions().describe_execution(executionArn=changed["executionArn"])
    machine = ended["stateMachineArn"].rpartition(":")[2]
    ending = f"{changed['name']}-{changed['stopDate']}"
    if ended["stateMachineArn"] != settings.state_machine_arn():
        day = datetime.fromtimestamp(changed["stopDate"] / 1000, UTC).date()
        ending = f"{machine}-{ended.get('error', changed['status'])}-{day}"
    sent, unanswered = Folder(settings.runs_bucket(), "sent"), f"{ending}-unanswered"
    if sent.has(ending):
        return
    if changed["status"] == "SUCCEEDED":
        paragraphs = _success(changed["executionArn"], json.loads(ended["output"]))
    else:
        paragraphs = _failure(changed["executionArn"], changed["status"], ended)
    if not paragraphs:
        return
    subject = f"{machine}: {changed['name']} {changed['status']}"
    try:
        notify(subject, *paragraphs, may_be_sent=sent.has(unanswered))
    except MaybeSent:
        sent.write(unanswered, changed["status"])
        raise
    sent.write(ending, changed["status"])


def _failure(arn: str, status: str, ended: Mapping[str, Any]) -> list[str]:
    error = ended.get("error", status)
    cause, what_to_do = shortened(explain(ended.get("cause", ""))), remediation(error)
    return [
        f"{error}: {cause}",
        "" if what_to_do in cause else what_to_do,
        execution_link(arn),
    ]


def _success(arn: str, output: Mapping[str, Any]) -> list[str]:
    """Say what an import brought, and what follows. A dry run brought nothing: no paragraphs."""
    if output["Status"] != "COMPLETE":
        return []
    bucket, key = parse_uri(output["Report"])
    path, _, name = key.rpartition("/")
    report = Folder(bucket, path).read(name)
    metrics = report["Metrics"]
    windows = f"{metrics['TotalSteps']:,} window{'' if metrics['TotalSteps'] == 1 else 's'}"
    transferred = (
        f"{metrics['RecordsProcessed']:,} records of {report['ObjectTypeName']} were transferred "
        f"to the domain {report['DomainName']} in {windows}."
    )
    if metrics["RecordsFailed"]:
        transferred += f" {metrics['RecordsFailed']:,} records could not be put."
    if "Integration" in output:
        flow = output["Integration"]["FlowName"]
        following = f"{flow} imports what changes after {report['HandOff']}."
    else:
        following = "No continuous integration follows, as the input says."
    warnings = "\n".join(["Warnings:", *report["Warnings"]]) if report["Warnings"] else ""
    return [transferred, following, shortened(warnings), object_link(arn, output["Page"])]
