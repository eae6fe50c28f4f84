"""The functions' logger and metrics. The template's POWERTOOLS variables configure them."""

from __future__ import annotations

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

logger = Logger()
metrics = Metrics()


def measure(name: str, unit: MetricUnit, value: float, **dimensions: str) -> None:
    """Send a metric twice: for the whole service, and with its own dimensions."""
    metrics.add_dimensions(service=metrics.service or "", **dimensions)
    metrics.add_metric(name, unit, value)
    metrics.flush_metrics()
