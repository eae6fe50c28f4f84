"""The functions' logger and metrics, set up by the POWERTOOLS variables of the template."""

from __future__ import annotations

from aws_lambda_powertools import Logger, Metrics

logger = Logger()
metrics = Metrics()
