"""The functions' logger and metrics, set up by the POWERTOOLS variables of the template."""

from __future__ import annotations

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

logger = Logger()
metrics = Metrics()


def measure(name: str, unit: MetricUnit, value: float, **dimensions: str) -> None:
    """Send a metric twice: for the service as a whole, and with dimensions of its own."""
    metrics.add_dimensions(service=metrics.service or "", **dimensions)
    metrics.add_metric(name, unit, value)
    metrics.flush_metrics()
