"""Resuming: a new execution takes over what another one's folder says is missing."""

from __future__ import annotations

from bulk_ingestion import plan
from bulk_ingestion.errors import InvalidInput
from bulk_ingestion.folder import Folder, round_file
from bulk_ingestion.review import Ledger, judge, next_round


def take_over(
    old: Folder, new: Folder, execution: plan.Execution, max_concurrency: int, redrives: int
) -> tuple[plan.Job, Ledger, plan.Round]:
    """Copy an earlier run's job, windows and outcomes, and plan a round for what is missing.

    The earlier run's folder stays as it is. Raises InvalidInput when there is no such run.
    """
    if not old.has(plan.JOB):
        name = old.path.rpartition("/")[2]
        raise InvalidInput(
            f"Resume: there is no run {name} in the bucket {old.bucket}; name an execution of "
            "this stack whose folder has not expired."
        )
    job = plan.Job.read(old)
    ledger = Ledger.read(old, old.rounds())
    job.write(new)
    new.write(round_file(1), list(ledger.items.values()))
    kept = {
        f"windows/{key}.json": outcome
        for key, outcome in ledger.outcomes.items()
        if ledger.is_complete(key) or ledger.is_split(key)
    }
    new.write_all(kept)
    first = plan.first_round(new, 0, max_concurrency, redrives)
    verdict = judge(ledger, None, redriven=True)
    return job, ledger, next_round(verdict, ledger, execution, new, first, redrives)
