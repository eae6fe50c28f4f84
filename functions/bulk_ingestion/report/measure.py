"""The metrics of a bulk ingestion: what has happened since its last report, measured once.

ReviewWindows runs after each round and each redrive, and reads every window again. A function
whose answer was lost runs twice. So what the last report already contains is not measured again.
"""

from __future__ import annotations

from collections import Counter

from aws_lambda_powertools.metrics import MetricUnit

from bulk_ingestion.aws.observability import measure, metrics
from bulk_ingestion.report.record import Report
from bulk_ingestion.times import parse_instant

_ENDED = ("COMPLETE", "FAILED", "SPLIT", "CANCELLED")


def measure_progress(earlier: Report | None, report: Report) -> None:
    """Measure the windows that have ended between two reports of an execution.

    Windows that did not run are measured when the execution fails. ``earlier`` is None for the
    first report. The Sum of each metric counts windows and records once. WindowSeconds and
    Attempts have a value for each window.
    """
    known = earlier["Batches"] if earlier else []
    before = {batch["WindowId"]: batch["Status"] for batch in known}
    tried = {batch["WindowId"]: batch["Attempts"] for batch in known}
    fails = report["Status"] == "FAILED" and (earlier is None or earlier["Status"] != "FAILED")
    news = [
        batch
        for batch in report["Batches"]
        if (batch["Status"] in _ENDED and batch["Status"] != before.get(batch["WindowId"]))
        or (batch["Status"] == "NOT_STARTED" and fails)
    ]
    for state, windows in Counter(batch["Status"] for batch in news).items():
        measure("Windows", MetricUnit.Count, windows, State=state)
    complete = [batch for batch in news if batch["Status"] == "COMPLETE"]
    processed = sum(batch["RecordsProcessed"] for batch in complete)
    metrics.add_metric("RecordsProcessed", MetricUnit.Count, processed)
    failed = sum(batch["RecordsFailed"] for batch in complete)
    metrics.add_metric("RecordsFailed", MetricUnit.Count, failed)
    for batch in news:
        if batch["StartedAt"] and batch["FinishedAt"]:
            took = parse_instant(batch["FinishedAt"]) - parse_instant(batch["StartedAt"])
            metrics.add_metric("WindowSeconds", MetricUnit.Seconds, took.total_seconds())
            new = batch["Attempts"] - tried.get(batch["WindowId"], 0)
            metrics.add_metric("Attempts", MetricUnit.Count, new)
    metrics.flush_metrics()
