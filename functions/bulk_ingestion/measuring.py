"""The metrics of a bulk ingestion: what has happened since its last report, each thing once.

A review comes once a round and after each redrive, and looks at every window again; a function
whose answer was lost runs twice. What the last report says already is therefore not measured.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from bulk_ingestion.observability import measure, metrics
from bulk_ingestion.times import parse_instant

_ENDED = ("COMPLETE", "FAILED", "SPLIT", "CANCELLED")


def measure_progress(earlier: dict[str, Any], report: dict[str, Any]) -> None:
    """Measure the windows that have ended between two reports of an execution.

    Those that were not run are measured when it fails. ``earlier`` may be empty. For each metric
    its Sum is of windows and records, each counted once; WindowSeconds and Attempts have a value
    for each window.
    """
    before = {batch["WindowId"]: batch["Status"] for batch in earlier.get("Batches", [])}
    tried = {batch["WindowId"]: batch["Attempts"] for batch in earlier.get("Batches", [])}
    fails = report["Status"] == "FAILED" != earlier.get("Status")
    news = [
        batch
        for batch in report["Batches"]
        if (batch["Status"] in _ENDED and batch["Status"] != before.get(batch["WindowId"]))
        or (batch["Status"] == "NOT_STARTED" and fails)
    ]
    for state, windows in Counter(batch["Status"] for batch in news).items():
        measure("Windows", MetricUnit.Count, windows, State=state)
    for name in ("RecordsProcessed", "RecordsFailed"):
        came = sum(batch[name] for batch in news if batch["Status"] == "COMPLETE")
        metrics.add_metric(name, MetricUnit.Count, came)
    for batch in news:
        if batch["FinishedAt"]:
            took = parse_instant(batch["FinishedAt"]) - parse_instant(batch["StartedAt"])
            metrics.add_metric("WindowSeconds", MetricUnit.Seconds, took.total_seconds())
            new = batch["Attempts"] - tried.get(batch["WindowId"], 0)
            metrics.add_metric("Attempts", MetricUnit.Count, new)
    metrics.flush_metrics()
