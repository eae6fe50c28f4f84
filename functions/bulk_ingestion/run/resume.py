"""Resuming: a new execution runs the windows that are missing in another execution's folder."""

from __future__ import annotations

from bulk_ingestion.aws import clients
from bulk_ingestion.aws.folder import Folder
from bulk_ingestion.errors import invalid_input
from bulk_ingestion.run import plan
from bulk_ingestion.run.job import Execution, Job
from bulk_ingestion.run.layout import JOB, outcome_file, round_file, run_folder
from bulk_ingestion.run.ledger import Ledger
from bulk_ingestion.run.review import decide, next_round


def find(run: str, execution: Execution, bucket: str) -> Folder:
    """Find the folder of an earlier run, by its execution's name or ARN.

    Raises InvalidInput if it does not exist, is still running, or is of another state machine.
    """
    of_machine, _, name = run.rpartition(":")
    if of_machine and of_machine != execution.arn.rpartition(":")[0]:
        raise invalid_input(
            [f"Resume: {run} is not an execution of this state machine, {execution.machine_arn}."]
        )
    folder = run_folder(bucket, name)
    if name == execution.name or not folder.has(JOB):
        raise invalid_input(
            [
                f"Resume: there is no run {name} in the bucket {bucket}; it must be an execution "
                "of this stack whose folder has not expired."
            ]
        )
    if name in _running(execution):
        raise invalid_input(
            [f"Resume: execution {name} is still running; stop it, or wait until it ends."]
        )
    return folder


def _running(execution: Execution) -> set[str]:
    """Name the executions of a state machine that are running."""
    pages = clients.step_functions().get_paginator("list_executions")
    return {
        listed["name"]
        for page in pages.paginate(stateMachineArn=execution.machine_arn, statusFilter="RUNNING")
        for listed in page["executions"]
    }


def take_over(
    job: Job,
    ledger: Ledger,
    new: Folder,
    execution: Execution,
    max_concurrency: int,
    redrives: int,
) -> plan.Round:
    """Write an earlier run's windows and outcomes to a new folder. Give the round that is missing.

    ``ledger`` is that of the earlier run, and ``job`` that of the new one.
    """
    job.write(new)
    new.write(round_file(1), list(ledger.items.values()))
    kept = {
        outcome_file(key): outcome
        for key, outcome in ledger.outcomes.items()
        if ledger.is_complete(key) or ledger.is_split(key)
    }
    new.write_all(kept)
    first = plan.first_round(new, 0, max_concurrency, redrives)
    decision = decide(ledger, None, redriven=True)
    return next_round(decision, ledger, execution, new, first, redrives)
