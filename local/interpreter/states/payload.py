"""The size limit of what passes between states: 256 KiB."""

from __future__ import annotations

from typing import Any

from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str

from local.interpreter.failures import DATA_LIMIT_EXCEEDED, failure

MOST_BYTES = 256 * 1024


def check_size(env: Any, name: str, value: Any) -> None:
    """Fail the state with ``States.DataLimitExceeded`` if a payload is larger than the limit."""
    if len(to_json_str(value, separators=(",", ":")).encode()) > MOST_BYTES:
        raise failure(
            env,
            DATA_LIMIT_EXCEEDED,
            f"The state/task '{name}' returned a result with a size exceeding the maximum "
            "number of bytes service limit.",
            HistoryEventType.TaskFailed,
        )
