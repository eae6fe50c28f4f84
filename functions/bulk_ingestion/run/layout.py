"""The files in the folder of a run.

The run's folder, ``runs/<execution name>/``, is the durable state of an execution:

``request.json``         the job, for the later functions
``plan.json``            the windows of the first round: the items of the Distributed Map
``rounds/<n>.json``      the windows of each later round, in the same form
``windows/<id>.json``    the outcome of a window, written by its child when its run ends
``report.json``          the report
``report.html``          the report as a page
"""

from __future__ import annotations

from bulk_ingestion.aws.folder import Folder

JOB = "request.json"
REPORT = "report.json"
PAGE = "report.html"
OUTCOMES = "windows/"


def run_folder(bucket: str, execution_name: str) -> Folder:
    """Give the folder of an execution."""
    return Folder(bucket, f"runs/{execution_name}")


def round_file(number: int) -> str:
    """Name the file that holds the windows of a round, counted from 1."""
    return "plan.json" if number == 1 else f"rounds/{number}.json"


def outcome_file(window_id: str) -> str:
    """Name the file that holds the outcome of a window."""
    return f"{OUTCOMES}{window_id}.json"


def rounds(folder: Folder) -> int:
    """Give the number of rounds that were planned."""
    return 1 + len(folder.names("rounds/"))
