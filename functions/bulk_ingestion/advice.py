"""What to do about an error, by the name that Step Functions shows."""

from __future__ import annotations

_REDRIVE = "Then redrive the execution."
_ADVICE = {
    "WindowsFailed": "Some windows ran out of tries. What AppFlow said of each stands below.",
    "RunFailed": (
        "AppFlow could not run the flow to its end. Its message tells why: check in AppFlow that "
        f"the connection works and may read the object and its fields. {_REDRIVE}"
    ),
    "RunTooLarge": (
        "Even the smallest window holds more records than one run of the connector carries, or "
        "the source cannot be cut by time. Bring in the records of this period in another way, "
        "such as files in S3."
    ),
    "RunTooLong": (
        "Smaller windows did not help: the source is slow. Lower MaxConcurrency in a new "
        "execution, or redrive this one when the source has less to do."
    ),
    "RunCanceled": "Somebody cancelled the run in AppFlow. Redrive the execution.",
    "PullCanceled": (
        "Somebody cancelled the run in AppFlow. The next pull fetches what it left out."
    ),
    "RecordsFailed": (
        "Look at the messages in the domain's dead-letter queue, and at the records at the source. "
        "Mend them there: the next pull fetches what has changed."
    ),
    "FlowNotActive": (
        "It pulls nothing. If this stack made it, the next check establishes it again from its "
        "last pull on; else activate it in AppFlow."
    ),
    "FlowGone": "Somebody deleted the window's flow. Redrive the execution: it makes a new one.",
    "FlowNameTaken": (
        "A flow of that name is somebody else's and was left as it is. Delete it and redrive the "
        "execution, or choose another FlowDefinition.FlowName in a new execution."
    ),
    "IntegrationNotReady": (
        "The flow was created but cannot be seen to work. Look at it in AppFlow. "
        "Then redrive the execution."
    ),
    "AccessDeniedException": (
        "A role or the connection may not do this; the message names what. Check the stack's "
        f"parameters KmsKeyArn and ConnectorProfileNames, and the rights at the source. {_REDRIVE}"
    ),
    "ConnectorAuthenticationException": (
        "The source does not let AppFlow in. Open the connection in AppFlow (Connections) and "
        f"connect it anew. {_REDRIVE}"
    ),
    "ResourceNotFoundException": (
        "The domain, the object type or the connection that the input names does not exist. "
        f"Create it. {_REDRIVE}"
    ),
    "ValidationException": (
        "AWS refuses the flow as the input describes it, and a redrive would send the same. "
        "Correct the FlowDefinition and start a new execution."
    ),
    "ThrottlingException": (
        "AWS or the source was asked too much at a time. Lower MaxConcurrency in a new execution, "
        "or redrive this one later."
    ),
    "ServiceQuotaExceededException": (
        "A quota of the account is used up. Remove flows or integrations that are not needed, or "
        f"ask for a higher quota. {_REDRIVE}"
    ),
    "S3Exception": (
        "The window's outcome could not be written to the run's folder. Check the bucket's policy, "
        f"and your organization's. {_REDRIVE}"
    ),
}
_ADVICE["BadRequestException"] = _ADVICE["ValidationException"]
_ADVICE["UnsupportedOperationException"] = _ADVICE["ValidationException"]
_OTHER = f"Read the message and mend what it names. {_REDRIVE}"


def advice(error: str) -> str:
    """Say what to do about an error; AWS's own are the same whichever service they come from."""
    return _ADVICE.get(error) or _ADVICE.get(error.rpartition(".")[2], _OTHER)


def mending(error: str) -> str:
    """Say what to do about an error of a flow that no execution waits for."""
    return advice(error).removesuffix(_REDRIVE).rstrip()
