"""An execution's history: what GetExecutionHistory returns."""

from __future__ import annotations

import json
import threading
import zlib
from typing import TYPE_CHECKING, Any

from local.interpreter.timing import iso
from local.services.knobs import Knobs

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.clock import Clock

MOST_EVENTS = Knobs.events_per_execution
"""AWS's quota, which cannot be raised."""


class History:
    """The events of an execution, in the place of moto's EventManager.

    Events have simulated times, and none can be added after the last one. With ``most`` events
    less one, a history is full: only the event that ends the execution can be added. If another
    one is to be added, ``on_full`` is called instead, which must end the execution. AWS: Step
    Functions Developer Guide, "Avoid reaching the history quota".
    """

    def __init__(self, clock: Clock, most: int, on_full: Callable[[], None]) -> None:
        self._clock = clock
        self._most = most
        self._on_full = on_full
        self._count = 0
        self._events: list[dict[str, Any]] = []
        self._packed: bytes | None = None
        self._closed = False
        self._lock = threading.Lock()

    def add_event(
        self,
        context: Any,
        event_type: Any,
        event_details: Any = None,
        timestamp: Any = None,
        update_source_event_id: bool = True,
    ) -> int:
        """Add an event, if there is room for one; called by moto. Return its id, or 0."""
        with self._lock:
            if self._closed:
                return 0
            if not self.is_full:
                event_id = self._append(context, event_type, event_details, timestamp)
                if update_source_event_id:
                    context.source_event_id = event_id
                return event_id
        self._on_full()
        return 0

    def close_with(self, context: Any, event_type: Any, event_details: Any) -> None:
        """Add the event that ends the execution, and no more until it is redriven."""
        with self._lock:
            self._append(context, event_type, event_details)
            self._closed = True

    def _append(
        self, context: Any, event_type: Any, event_details: Any, timestamp: Any = None
    ) -> int:
        self._count += 1
        self._events.append(
            {
                **(event_details or {}),
                "id": self._count,
                "previousEventId": context.source_event_id,
                "type": event_type,
                "timestamp": iso(timestamp or self._clock.now()),
            }
        )
        context.last_published_event_id = self._count
        return self._count

    @property
    def is_full(self) -> bool:
        """Whether the next event must be the one that ends the execution.

        A redrive needs room for two: its own and at least one other.
        """
        return self._count >= self._most - 1

    @property
    def last_event_id(self) -> int:
        """The id of the last event; 0 if there is none."""
        return self._count

    def events(self) -> list[dict[str, Any]]:
        """Return the events, oldest first."""
        with self._lock:
            if self._packed is None:
                return list(self._events)
            events: list[dict[str, Any]] = json.loads(zlib.decompress(self._packed))
            return events

    def pack(self) -> None:
        """Use little memory for a closed history: thousands of children may have one."""
        with self._lock:
            text = json.dumps(self._events, default=str)
            self._packed = zlib.compress(text.encode(), 1)
            self._events = []

    def reopen(self) -> None:
        """Add events again: the execution is redriven."""
        events = self.events()
        with self._lock:
            self._events, self._packed, self._closed = events, None, False
