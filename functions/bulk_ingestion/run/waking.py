"""Waking a window: its state AwaitRun waits for the end of a run with a task token.

The token is in the file ``tokens/<flow name>.json`` of the stack's bucket. Each wait writes a new
one, and the window deletes the file when it closes.
"""

from __future__ import annotations

from bulk_ingestion.aws import clients
from bulk_ingestion.aws.folder import Folder
from bulk_ingestion.aws.gone import unless_gone

_NOBODY_WAITS = ("TaskTimedOut", "TaskDoesNotExist", "InvalidToken")


def wake(bucket: str, flow_name: str) -> None:
    """Wake the window that waits for a run of a flow. Does nothing if none waits.

    An event may come before the window waits, after its wait has timed out, twice, or about a
    flow of another stack. The window looks at the run by itself from time to time.
    """
    tokens, name = Folder(bucket, "tokens"), f"{flow_name}.json"
    if tokens.has(name):
        unless_gone(
            clients.step_functions().send_task_success,
            gone=_NOBODY_WAITS,
            taskToken=tokens.read(name)["TaskToken"],
            output="{}",
        )
