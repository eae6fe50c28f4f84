"""What is known of an execution: its input, its history, how it ended."""

from __future__ import annotations

import json
import threading
import zlib
from typing import TYPE_CHECKING, Any

from moto.stepfunctions.parser.api import StateMachineType
from moto.stepfunctions.parser.backend.execution import Execution as MotoExecution

from local.interpreter import jsonata
from local.interpreter.executions.history import MOST_EVENTS, History

if TYPE_CHECKING:
    from datetime import datetime

    from local.clock import Clock
    from local.interpreter.states.frames import Entered


class ExecutionRecord(MotoExecution):  # type: ignore[misc]
    """An execution, or a child execution of a distributed Map, without what runs it."""

    def __init__(
        self,
        *,
        clock: Clock,
        machine: Any,
        account: str,
        region: str,
        arn: str,
        execution_input: str,
        most_events: int = MOST_EVENTS,
        map_run: Any = None,
        item_index: int = 0,
        parent: ExecutionRecord | None = None,
    ) -> None:
        super().__init__(
            name=arn.rsplit(":", 1)[1],
            sm_type=StateMachineType.STANDARD,
            role_arn=machine.roleArn,
            exec_arn=arn,
            account_id=account,
            region_name=region,
            state_machine=machine,
            start_date=clock.now(),
            cloud_watch_logging_session=None,
            activity_store={},
            input_data=execution_input,
        )
        self.stop_date: datetime | None = None
        self.error: str | None = None
        self.cause: str | None = None
        self.clock = clock
        self.functions: dict[str, Any] = (
            jsonata.provided_functions(clock) if parent is None else parent.functions
        )
        self.map_run = map_run
        self.item_index: int = item_index
        self.parent = parent
        self.map_runs: list[Any] = []
        self.env: Any = None
        self.most_events = most_events
        self.history = History(clock, most_events, self.fail_with_full_history)
        self.failed_in: Entered | None = None
        self.deadline: float | None = None
        self.redrive_count = 0
        self.redrive_date: datetime | None = None
        self.finished = threading.Event()
        self.reported = threading.Event()
        """Whether the listeners know that it has ended."""
        self._lock = threading.RLock()

    @property
    def exec_worker(self) -> Any:
        """What moto takes for the execution's worker, to reach its environment."""
        return self if self.env is not None else None

    @exec_worker.setter
    def exec_worker(self, worker: Any) -> None:
        pass

    @property
    def execution_input(self) -> str:
        """Its input, as text."""
        packed = self._packed_input
        return self._input if packed is None else zlib.decompress(packed).decode()

    @execution_input.setter
    def execution_input(self, text: str) -> None:
        self._input = text
        self._packed_input: bytes | None = None

    @property
    def input_data(self) -> Any:
        """Its input, read anew each time: thousands of children may have one."""
        return json.loads(self.execution_input)

    @input_data.setter
    def input_data(self, value: Any) -> None:
        """Let moto's be: the input's text says it all."""

    def pack(self) -> None:
        """Use little memory, once it has ended."""
        self.history.pack()
        if self._packed_input is None:
            self._packed_input, self._input = zlib.compress(self._input.encode(), 1), ""

    def children(self) -> list[Any]:
        """List the child executions of all its Map Runs."""
        return [child for map_run in self.map_runs for child in list(map_run.children)]

    def fail_with_full_history(self) -> None:
        """Fail, because the history has no room for more events."""
        raise NotImplementedError
