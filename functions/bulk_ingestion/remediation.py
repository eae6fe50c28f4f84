"""What every error means and what to do about it, by the name that Step Functions shows.

The one source for an execution's cause, the report's page, the e-mails, ``bulk inspect`` and
docs/errors.md, whose tables ``docs/drawings/write_errors.py`` writes from here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Then(StrEnum):
    """How an execution goes on after the cause is fixed."""

    NOTHING = ""
    REDRIVE = "Then redrive the execution."
    EITHER = (
        "Then redrive the execution, or resume it with corrections: start a new execution with "
        "its name as Resume."
    )
    RESUME = (
        "Then resume the execution with corrections: start a new execution with its name as "
        "Resume. A redrive would repeat the failure."
    )
    START = "Then start a new execution. A redrive would read the same input again."


@dataclass(frozen=True)
class Remediation:
    """A row of the table of errors."""

    errors: tuple[str, ...]
    """The names; one of AWS's own stands for it with any service's prefix."""
    meaning: str
    """In Markdown, for the page of errors."""
    what_to_do: str
    then: Then = Then.NOTHING
    page: str = ""
    """The section of docs/errors.md; empty for what ends no execution."""

    @property
    def text(self) -> str:
        """What to do, and how to go on."""
        return f"{self.what_to_do} {self.then}".strip()


INPUT, WINDOWS, SYSTEMIC = "The input", "The windows", "Errors that affect every window"
HAND_OFF, CHECKS, OTHERS = "The hand-off", "The checks of the integrations", "Other errors"

ROWS = (
    Remediation(
        ("InvalidInput",),
        "The input is not valid. The message has one line for each problem: the key, what is "
        "wrong, and what would be correct. Nothing was created.",
        "Correct the input.",
        Then.START,
        INPUT,
    ),
    Remediation(
        ("PreflightFailed",),
        "Something that the input needs is not as it must be in AWS: the domain, its key, the "
        "object type, the connection, a field, the name of the flow, or the room for a window. The "
        "message has one line for each of them. Nothing was created.",
        "If the input is wrong, correct it and start a new execution. If not, fix what the message "
        "names.",
        Then.REDRIVE,
        INPUT,
    ),
    Remediation(
        ("WindowsFailed",),
        "Some windows failed in every attempt. The message names them, up to twenty, each with "
        "its reason.",
        "Look up the reason of each window.",
        Then.NOTHING,
        WINDOWS,
    ),
    Remediation(
        ("RunFailed",),
        "AppFlow ran the flow four times, and each run ended in `Error`. The message is AppFlow's. "
        "If the meaning of the message is not known, and other windows are complete, the window "
        "was also split in two once, because the message might be about size.",
        "Fix at the source what the message names, and check in AppFlow that the connection works "
        "and may read the object and its fields. If the flow itself is wrong, such as a field that "
        "the object no longer has, a redrive would repeat the failure: correct the FlowDefinition.",
        Then.EITHER,
        WINDOWS,
    ),
    Remediation(
        ("RunTooLarge",),
        "Even a window of one minute, the smallest, has more records than the connector can "
        "transfer in one run. Or the source cannot be divided by time (Zendesk).",
        "Import the records of this period in another way, for example from files in S3.",
        Then.NOTHING,
        WINDOWS,
    ),
    Remediation(
        ("RunTooLong",),
        "A run did not end within 24 hours, and was canceled. The window was split, and split "
        "again, and the runs of its quarters did not end in time either. If the last attempt to "
        "look up the run failed, the message also has that error.",
        "Wait until the source has less load, or lower MaxConcurrency.",
        Then.EITHER,
        WINDOWS,
    ),
    Remediation(
        ("RunCanceled",),
        "The run was canceled in AppFlow.",
        "Find out who canceled it.",
        Then.REDRIVE,
        WINDOWS,
    ),
    Remediation(
        ("FlowGone",),
        "The window's flow was deleted while it was running.",
        "Find out what deleted it. The window gets a new flow.",
        Then.REDRIVE,
        WINDOWS,
    ),
    Remediation(
        ("NoOutcome",),
        "The window did not run, or was stopped before it finished.",
        "Fix what stopped the execution.",
        Then.REDRIVE,
        WINDOWS,
    ),
    Remediation(
        (
            "Appflow.InternalServerException",
            "Appflow.ThrottlingException",
            "Appflow.ConnectorServerException",
            "Appflow.AppflowException",
            "Appflow.SdkClientException",
            "Appflow.ConflictException",
            "CustomerProfiles.InternalServerException",
            "CustomerProfiles.ThrottlingException",
            "CustomerProfiles.CustomerProfilesException",
            "CustomerProfiles.SdkClientException",
            "States.Timeout",
        ),
        "A call failed for ten minutes or longer, with all its retries.",
        "Check the AWS Health Dashboard. If AWS or the source received too many requests, lower "
        "MaxConcurrency.",
        Then.EITHER,
        WINDOWS,
    ),
    Remediation(
        ("Appflow.ServiceQuotaExceededException", "ServiceQuotaExceededException"),
        "For a day, the account had no free flow, or no free concurrent flow run.",
        "Delete flows that you don't need, or request a higher quota.",
        Then.REDRIVE,
        WINDOWS,
    ),
    Remediation(
        ("DomainFull",),
        "For a day, the domain had no free integration. The message is Customer Profiles'.",
        "Delete integrations that you don't need, or request a higher quota.",
        Then.REDRIVE,
        WINDOWS,
    ),
    Remediation(
        ("Appflow.ConnectorAuthenticationException",),
        "The source refuses AppFlow's credentials. For example, a token has expired or was "
        "revoked.",
        "Open the connection in AppFlow (Connections) and reconnect it.",
        Then.REDRIVE,
        SYSTEMIC,
    ),
    Remediation(
        ("Appflow.AccessDeniedException", "CustomerProfiles.AccessDeniedException"),
        "A role or the connection does not have a permission, which the message names. (If AppFlow "
        "does not model this error for an operation, such as `StartFlow`, the error still has this "
        "name.)",
        "Check the stack's parameters KmsKeyArn and ConnectorProfileNames, the policies of "
        "your organization, and the rights at the source.",
        Then.REDRIVE,
        SYSTEMIC,
    ),
    Remediation(
        ("Appflow.ResourceNotFoundException", "CustomerProfiles.ResourceNotFoundException"),
        "The domain, the object type, or the connection does not exist.",
        "Create it.",
        Then.REDRIVE,
        SYSTEMIC,
    ),
    Remediation(
        ("S3.S3Exception", "S3.SdkClientException"),
        "For ten minutes or longer, the outcome of a window could not be written to the run's "
        "folder. The outcomes of other windows could not be written either. The message names the "
        "file and the reason.",
        "Fix the policy or the key of the bucket, or the policies of your organization.",
        Then.REDRIVE,
        SYSTEMIC,
    ),
    Remediation(
        (
            "Appflow.ValidationException",
            "Appflow.UnsupportedOperationException",
            "CustomerProfiles.BadRequestException",
        ),
        "AWS refuses the flow that the input describes. For example, a field was deleted at the "
        "source during the import.",
        "Correct the FlowDefinition, for example its Tasks.",
        Then.RESUME,
        SYSTEMIC,
    ),
    Remediation(
        ("FlowNameTaken",),
        "A flow with the name of a window's flow, or of the continuous integration, exists, but "
        "this stack did not create it. It was left as it is. Windows that are complete stay "
        "complete.",
        "Delete that flow in AppFlow. For the continuous integration, you can use another "
        "FlowDefinition.FlowName instead.",
        Then.EITHER,
        HAND_OFF,
    ),
    Remediation(
        ("IntegrationNotReady",),
        "The integration was created, but its flow does not show as active.",
        "Check its flow in AppFlow.",
        Then.REDRIVE,
        HAND_OFF,
    ),
    Remediation(
        ("ChecksFailed",),
        "This error is from the state machine that monitors the integrations. Some integrations "
        "could not be checked or repaired. The message names each, with its error. All others were "
        "checked.",
        "The next check tries again. If it fails with the same error, look up that error.",
        Then.NOTHING,
        CHECKS,
    ),
    Remediation(
        (
            "Lambda.ServiceException",
            "Lambda.AWSLambdaException",
            "Lambda.SdkClientException",
            "Lambda.TooManyRequestsException",
            "Lambda.ClientExecutionTimeoutException",
            "ThrottlingException",
            "InternalServerException",
            "ClientError",
        ),
        "A function, or a call that it made, failed for ten minutes or longer.",
        "Check the AWS Health Dashboard.",
        Then.REDRIVE,
        OTHERS,
    ),
    Remediation(
        ("TransportFailed",),
        "The calls of a function got no answer for ten minutes or longer, because the network "
        "failed. The message names the endpoint.",
        "Check the network path from your functions to AWS.",
        Then.REDRIVE,
        OTHERS,
    ),
    Remediation(
        ("Lambda.Unknown", "Sandbox.Timedout", "Runtime.ExitError", "Runtime.OutOfMemory"),
        "A function timed out, was ended, or ran out of memory, 25 times in a row.",
        "Check the function's log. If the function ran out of memory, raise its MemorySize.",
        Then.REDRIVE,
        OTHERS,
    ),
    Remediation(
        ("CleanUpIncomplete",),
        "This error is from the function that cleans up. Something that a stopped execution left "
        "could not be removed. An alarm notifies you.",
        "The daily cleanup tries again. The function's log names the flow.",
        Then.NOTHING,
        OTHERS,
    ),
    Remediation(
        ("PullFailed",),
        "A pull of a continuous integration ended in `Error`.",
        "Check in AppFlow that the connection works and may read the object and its fields.",
    ),
    Remediation(
        ("PullCanceled",),
        "A pull of a continuous integration was canceled in AppFlow.",
        "The next pull fetches what it left out.",
    ),
    Remediation(
        ("RecordsFailed",),
        "Records could not be put.",
        "Look at the messages in the domain's dead-letter queue, and at the records at the source. "
        "Correct them there. The next pull fetches what has changed.",
    ),
    Remediation(
        ("FlowNotActive",),
        "A scheduled flow is not active.",
        "It pulls nothing. If this stack created it, the next check recreates it from its last "
        "pull on. Otherwise, activate it in AppFlow.",
    ),
)

_OTHER = Remediation(
    ("",), "Any other error.", "Read the message and fix the cause.", Then.REDRIVE, OTHERS
)
_BY_NAME = {error: row for row in ROWS for error in row.errors}
_BY_LAST_NAME = {error.rpartition(".")[2]: row for error, row in _BY_NAME.items()}


def find(error: str) -> Remediation:
    """Find an error's row; AWS's own errors are the same whichever service they come from."""
    return _BY_NAME.get(error) or _BY_LAST_NAME.get(error.rpartition(".")[2], _OTHER)


def remediation(error: str) -> str:
    """Say what to do about an error that an execution ended in."""
    return find(error).text


def flow_remediation(error: str) -> str:
    """Say what to do about an error of a flow that no execution waits for."""
    return find(error).what_to_do


def then_for(errors: Iterable[str]) -> Then:
    """Say how an execution goes on that has several errors: as the hardest of them needs."""
    order = list(Then)
    needed = [find(error).then for error in errors]
    return max(needed, key=order.index, default=Then.REDRIVE)
