"""One clock: what moto, the server and the functions' logs call now is simulated time."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, tzinfo
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

from local.clock import Clock

_MODULES = (
    "moto.core.utils",
    "moto.awslambda.models",
    "moto.cloudwatch.models",
    "moto.s3.models",
    "moto.stepfunctions.parser.backend.state_machine",
    "moto.stepfunctions.parser.models",
)
"""The modules of moto that ask what time it is; others ask ``moto.core.utils``."""


@contextmanager
def simulated_time(clock: Clock) -> Iterator[None]:
    """Have the modules of moto read a clock."""

    class _Kind(type):
        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, datetime)

    class Simulated(datetime, metaclass=_Kind):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            at = clock.now()
            return at.astimezone(tz) if tz else at.astimezone().replace(tzinfo=None)

        @classmethod
        def utcnow(cls) -> datetime:  # type: ignore[override]
            return clock.now().astimezone(UTC).replace(tzinfo=None)

    with ExitStack() as patches:
        for name in _MODULES:
            module = importlib.import_module(name)
            own = vars(module)["datetime"]
            stand_in: Any = Simulated
            if isinstance(own, ModuleType):
                stand_in = SimpleNamespace(**{**vars(own), "datetime": Simulated})
            patches.enter_context(patch.object(module, "datetime", stand_in))
        yield


class SimulatedLogTime(logging.Filter):
    """Dates the records of a handler by a clock."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def filter(self, record: logging.LogRecord) -> bool:
        """Date a record, and let it pass."""
        record.created = self._clock.now().timestamp()
        record.msecs = record.created % 1 * 1000
        return True
