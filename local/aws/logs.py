"""Lambda's logging controls: a function's LoggingConfig decides which of its lines are kept.

With the format Text, Lambda keeps every line, and the function's own logger decides by its
``POWERTOOLS_LOG_LEVEL``. With the format JSON, Lambda's level overrules the logger's, and Lambda
drops every line below it; a line without a level counts as INFO. Metrics in the Embedded Metric
Format are printed as such lines.
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from bulk_ingestion.aws.observability import logger

_FORMAT, _LEVEL = "AWS_LAMBDA_LOG_FORMAT", "AWS_LAMBDA_LOG_LEVEL"
_ABOVE_INFO = ("WARN", "ERROR", "FATAL")


def variables(config: Mapping[str, str]) -> dict[str, str]:
    """Give the environment variables by which Lambda passes a LoggingConfig to the runtime."""
    log_format = config.get("LogFormat", "Text")
    if log_format == "Text":
        return {_FORMAT: log_format}
    return {_FORMAT: log_format, _LEVEL: config.get("ApplicationLogLevel", "INFO")}


def set_level() -> None:
    """Set the level of the functions' logger from the environment, as a new process would.

    The functions of the embedded cloud share one process, and so one logger.
    """
    logger.setLevel(os.environ.get(_LEVEL) or os.environ.get("POWERTOOLS_LOG_LEVEL", "INFO"))


def keeps_lines_without_level() -> bool:
    """Whether a line that has no level, such as a metric, reaches CloudWatch."""
    return os.environ.get(_LEVEL) not in _ABOVE_INFO
