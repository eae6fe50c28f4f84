"""Executions: started, stopped, redriven, and told about as on AWS."""

from __future__ import annotations

import copy
import json
import logging
import threading
import uuid
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from moto.stepfunctions.exceptions import (
    ExecutionDoesNotExist,
    InvalidExecutionInput,
    ResourceNotFound,
)
from moto.stepfunctions.parser.api import (
    ExecutionStatus,
    HistoryEventType,
    StateMachineType,
)
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.evaluation_details import AWSExecutionDetails
from moto.stepfunctions.parser.asl.eval.event import event_manager
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.eval.event.event_manager import (
    EventHistoryContext,
    EventManager,
)
from moto.stepfunctions.parser.asl.eval.program_state import ProgramEnded, ProgramError
from moto.stepfunctions.parser.backend.execution import Execution
from moto.stepfunctions.parser.models import StepFunctionsParserBackend

from local.interpreter import definitions, jsonata
from local.interpreter.failures import RUNTIME
from local.interpreter.states import MOST_BYTES, Entered, go_on_from
from local.interpreter.timing import iso, start_thread

if TYPE_CHECKING:
    from datetime import datetime

    from local.clock import Clock
    from local.interpreter.patches import Patches

REDRIVABLE = ("FAILED", "ABORTED", "TIMED_OUT")

_ENDED_EVENTS = {
    "SUCCEEDED": "ExecutionSucceeded",
    "FAILED": "ExecutionFailed",
    "ABORTED": "ExecutionAborted",
    "TIMED_OUT": "ExecutionTimedOut",
}

LOG = logging.getLogger(__name__)

StatusListener = Callable[[dict[str, Any]], None]
listeners: list[StatusListener] = []
running: set[Run] = set()


class Run(Execution):  # type: ignore[misc]
    """An execution, or a child execution of a distributed Map."""

    def __init__(
        self,
        *,
        clock: Clock,
        machine: Any,
        account: str,
        region: str,
        arn: str,
        execution_input: str,
        map_run: Any = None,
        item_index: int = 0,
        outer: Run | None = None,
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
        self.functions = jsonata.provided_functions(clock)
        self.map_run = map_run
        self.item_index = item_index
        self.outer = outer
        self.map_runs: list[Any] = []
        self.env: Any = None
        self.events = EventManager()
        self.packed_events: bytes | None = None
        self.failed_in: Entered | None = None
        self.deadline: float | None = None
        self.redrive_count = 0
        self.redrive_date: datetime | None = None
        self.finished = threading.Event()
        self._lock = threading.RLock()

    # moto's callbacks and Map Run look-ups reach the environment through a worker.
    @property
    def exec_worker(self) -> Any:
        """What moto takes for the execution's worker."""
        return self if self.env is not None else None

    @exec_worker.setter
    def exec_worker(self, worker: Any) -> None:
        pass

    # ------------------------------------------------------------------------ running

    def start(self) -> None:
        """Run in a thread of its own."""
        program, _ = definitions.parse(self.state_machine.definition)
        self.begin(again=False)
        self._in_a_thread(program)

    def run_here(self, program: Any) -> None:
        """Run a child that has begun, in the thread of the Map Run."""
        self._tell()
        self._run(program)
        self._pack()

    def redrive(self) -> None:
        """Go on from the state that has failed."""
        program, _ = definitions.parse(self.state_machine.definition)
        self.finished.wait()
        self.begin(again=True)
        self._in_a_thread(program)

    def _in_a_thread(self, program: Any) -> None:
        self._tell()
        running.add(self)
        start_thread(self.clock, self.exec_arn, lambda: self._run(program))

    def begin(self, again: bool) -> None:
        """Be running, for the first time or again."""
        self.finished.clear()
        with self._lock:
            if again:
                self._unpack()
                self.redrive_count += 1
                self.redrive_date = self.clock.now()
                self.stop_date = None
                self.error = self.cause = None
            else:
                self.start_date = self.clock.now()
            self.env = self._new_environment()
            if again:
                self.add_event(
                    "ExecutionRedriven",
                    executionRedrivenEventDetails={"redriveCount": self.redrive_count},
                )
                if self.failed_in is not None:
                    go_on_from(self.env, self.failed_in)
            else:
                self.add_event(
                    "ExecutionStarted",
                    executionStartedEventDetails={
                        "input": json.dumps(self.input_data, separators=(",", ":")),
                        "inputDetails": {"truncated": False},
                        "roleArn": self.role_arn,
                    },
                )
            self.exec_status = ExecutionStatus.RUNNING

    def _new_environment(self) -> Any:
        execution = {
            "Id": self.exec_arn,
            "Input": self.input_data,
            "Name": self.name,
            "RoleArn": self.role_arn,
            "StartTime": iso(self.start_date),
            "RedriveCount": self.redrive_count,
        }
        if self.redrive_date is not None:
            execution["RedriveTime"] = iso(self.redrive_date)
        history = self.events._history_event_list
        env = Environment(
            aws_execution_details=AWSExecutionDetails(
                account=self.account_id, region=self.region_name, role_arn=self.role_arn
            ),
            execution_type=StateMachineType.STANDARD,
            context={
                "Execution": execution,
                "StateMachine": {"Id": self.state_machine.arn, "Name": self.state_machine.name},
            },
            event_history_context=EventHistoryContext(
                previous_event_id=history[-1]["id"] if history else 0
            ),
            cloud_watch_logging_session=None,
            activity_store={},
        )
        env.run = self
        env.event_manager = self.events
        for map_run in self.map_runs:
            env.map_run_record_pool_manager.add(map_run)
        return env

    def _run(self, program: Any) -> None:
        try:
            if program.timeout_seconds is not None:
                self.deadline = (
                    self.clock.now().timestamp() + program.timeout_seconds.timeout_seconds
                )
            program.eval(self.env)
            state = self.env._program_state
            if isinstance(state, ProgramEnded):
                self.end("SUCCEEDED", output=self.env.states.get_input())
            elif isinstance(state, ProgramError):
                details = state.error or {}
                self.end("FAILED", details.get("error"), details.get("cause"))
            else:
                self.end("ABORTED")
        except Exception as wrong:  # or the execution would stay RUNNING for ever
            self.end("FAILED", RUNTIME, f"{type(wrong).__name__}: {wrong}")
        finally:
            self.failed_in = self.env.entered
            running.discard(self)
            self.finished.set()

    def seconds_left(self) -> float | None:
        """Until the nearest deadline of this execution and those around it."""
        left = None
        if self.deadline is not None:
            left = self.deadline - self.clock.now().timestamp()
        outer = self.outer.seconds_left() if self.outer is not None else None
        return min((s for s in (left, outer) if s is not None), default=None)

    def keep_deadline(self) -> None:
        """Time out when the time is over."""
        if self.outer is not None:
            self.outer.keep_deadline()
        if self.deadline is not None and self.clock.now().timestamp() >= self.deadline:
            self.halt("TIMED_OUT", None, None)

    # ------------------------------------------------------------------------- ending

    def stop(self, stop_date: Any, error: str | None, cause: str | None) -> None:
        """Abort, as StopExecution does."""
        self.halt("ABORTED", error or None, cause or None)

    def halt(self, status: str, error: str | None, cause: str | None) -> None:
        """End the execution where it stands, and everything in it."""
        env = self.env  # a child's own thread forgets it as soon as the child has ended
        if not self.end(status, error, cause):
            return
        if status == "TIMED_OUT":
            env.set_timed_out()
        else:
            if env._program_state is None:
                env.next_state_name = "-"
            env.set_stop(stop_date=self.stop_date, cause=cause, error=error)

    def end(
        self, status: str, error: str | None = None, cause: str | None = None, output: Any = None
    ) -> bool:
        """Note how the execution ended, unless that is known already."""
        with self._lock:
            if self.exec_status != ExecutionStatus.RUNNING:
                return False
            self.stop_date = self.clock.now()
            self.error, self.cause, self.output = error, cause, output
            kind = _ENDED_EVENTS[status]
            details: dict[str, Any] = {
                key: value for key, value in (("error", error), ("cause", cause)) if value
            }
            if status == "SUCCEEDED":
                details = {
                    "output": json.dumps(output, separators=(",", ":")),
                    "outputDetails": {"truncated": False},
                }
            self.add_event(kind, **{kind[0].lower() + kind[1:] + "EventDetails": details})
            self.events.closed = True
            self.exec_status = ExecutionStatus(status)
        self._tell()
        return True

    def _tell(self) -> None:
        detail = self._status_change()
        for listener in list(listeners):
            try:
                listener(detail)
            except Exception:  # a listener's fault is not the execution's
                LOG.exception("A listener failed on the status of %s", self.exec_arn)

    def _status_change(self) -> dict[str, Any]:
        """Say what a Step Functions Execution Status Change event says in its detail."""
        optional = ("stopDate", "output", "outputDetails", "error", "cause", "redriveDate")
        detail: dict[str, Any] = dict.fromkeys((*optional, "redriveStatusReason"))
        detail |= self.describe()
        for key in ("startDate", "stopDate", "redriveDate"):
            if detail[key] is not None:
                detail[key] = int(detail[key].timestamp() * 1000)
        return detail

    # ------------------------------------------------------------------------ history

    def add_event(self, kind: str, **details: Any) -> None:
        """Add an event of the execution itself to its history."""
        self.events.add_event(
            context=self.env.event_history_context,
            event_type=HistoryEventType(kind),
            event_details=EventDetails(**details),
        )

    def history(self) -> list[dict[str, Any]]:
        """Its events, oldest first."""
        packed = self.packed_events
        if packed is not None:
            events: list[dict[str, Any]] = json.loads(zlib.decompress(packed))
            return events
        return list(self.events.get_event_history())

    def to_history_output(self) -> dict[str, Any]:
        """Answer GetExecutionHistory."""
        return {"events": self.history()}

    def _pack(self) -> None:
        """Keep little of a child that has ended: there may be thousands."""
        text = json.dumps(self.events.get_event_history(), default=str)
        with self._lock:
            self.packed_events = zlib.compress(text.encode(), 1)
            self.events = EventManager()
            self.events.closed = True
            self.env = None

    def _unpack(self) -> None:
        history = self.history()
        events = EventManager()
        events._history_event_list.extend(history)
        events._event_id_gen._next_id = len(history) + 1
        self.events = events
        self.packed_events = None

    # ----------------------------------------------------------------------- children

    def new_child(self, map_run: Any, index: int, child_input: Any) -> Run:
        """Make a child execution of one of this execution's Map Runs."""
        machine = copy.copy(self.state_machine)
        machine.executions = []
        machine.arn = map_run.map_state_machine_arn
        machine.name = f"{self.state_machine.name}/{map_run.label}"
        prefix, _, _ = self.exec_arn.rpartition(":")
        child = Run(
            clock=self.clock,
            machine=machine,
            account=self.account_id,
            region=self.region_name,
            arn=f"{prefix}/{map_run.label}:{uuid.uuid4()}",
            execution_input=json.dumps(child_input),
            map_run=map_run,
            item_index=index,
            outer=self,
        )
        child.functions = self.functions
        return child

    def children(self) -> list[Run]:
        """List the child executions of all its Map Runs."""
        return [child for map_run in self.map_runs for child in list(map_run.children)]

    # ------------------------------------------------------------------------ telling

    def redrive_status(self) -> tuple[str, str | None]:
        """Whether the execution can be redriven, and if not, why."""
        if self.status not in REDRIVABLE:
            reason = f"Execution is {self.status} and cannot be redriven"
            return "NOT_REDRIVABLE", reason
        return ("REDRIVABLE" if self.map_run is None else "REDRIVABLE_BY_MAP_RUN"), None

    def describe(self) -> dict[str, Any]:
        """Answer DescribeExecution."""
        redrive_status, reason = self.redrive_status()
        description: dict[str, Any] = {
            "executionArn": self.exec_arn,
            "stateMachineArn": self.state_machine.arn,
            "name": self.name,
            "status": self.status,
            "startDate": self.start_date,
            "input": self.execution_input,
            "inputDetails": {"included": True},
            "redriveCount": self.redrive_count,
            "redriveStatus": redrive_status,
        }
        optional = {
            "stopDate": self.stop_date,
            "error": self.error,
            "cause": self.cause,
            "redriveDate": self.redrive_date,
            "redriveStatusReason": reason,
            "mapRunArn": self.map_run.map_run_arn if self.map_run else None,
        }
        if self.status == "SUCCEEDED":
            optional["output"] = json.dumps(self.output, separators=(",", ":"))
            optional["outputDetails"] = {"included": True}
        return description | {k: v for k, v in optional.items() if v is not None}

    def list_item(self) -> dict[str, Any]:
        """One line of ListExecutions."""
        keys = ("executionArn", "stateMachineArn", "name", "status", "startDate", "stopDate")
        more = ("mapRunArn", "redriveCount", "redriveDate")
        description = self.describe()
        return {key: description[key] for key in keys + more if key in description}


# ---------------------------------------------------------------------------- the backend


def find(backend: Any, arn: str) -> Run:
    """Find an execution or a child execution by its ARN."""
    for machine in backend.state_machines:
        if arn.split(":")[6].split("/")[0] != machine.name:
            continue
        for run in machine.executions:
            found = _find_in(run, arn)
            if found is not None:
                return found
    raise ExecutionDoesNotExist(f"Execution Does Not Exist: '{arn}'")


def _find_in(run: Any, arn: str) -> Run | None:
    if run.exec_arn == arn:
        found: Run = run
        return found
    for child in run.children():
        inner = _find_in(child, arn)
        if inner is not None:
            return inner
    return None


def find_map_run(backend: Any, arn: str) -> Any:
    """Find a Map Run by its ARN."""
    for machine in backend.state_machines:
        for run in machine.executions:
            for inner in (run, *run.children()):
                for map_run in inner.map_runs:
                    if map_run.map_run_arn == arn:
                        return map_run
    raise ResourceNotFound(arn)


def start_as_aws_does(patches: Patches, clock: Clock) -> None:
    """Names are UUIDs where none is given, a taken name is an error, time is the clock's."""

    def start_execution(
        self: Any,
        state_machine_arn: str,
        name: str | None = None,
        execution_input: str | None = None,
        trace_header: Any = None,
    ) -> Any:
        machine = self.describe_state_machine(state_machine_arn)
        text = execution_input or "{}"
        if name:
            self._validate_name(name)
            existing = machine._handle_name_input_idempotency(name, text)
            if existing is not None:
                return existing
        try:
            json.loads(text)
        except ValueError as wrong:
            raise InvalidExecutionInput(
                f"Invalid State Machine Execution Input: '{wrong}'"
            ) from wrong
        if len(text.encode()) > MOST_BYTES:
            raise InvalidExecutionInput(f"The input is larger than {MOST_BYTES} bytes")
        snapshot = copy.copy(machine)
        snapshot.executions = []
        run = Run(
            clock=clock,
            machine=snapshot,
            account=self.account_id,
            region=self.region_name,
            arn=f"arn:{self.partition}:states:{self.region_name}:{self.account_id}:execution:"
            f"{machine.name}:{name or uuid.uuid4()}",
            execution_input=text,
        )
        machine.executions.append(run)
        run.start()
        return run

    patches.put(StepFunctionsParserBackend, "start_execution", start_execution)


def look_up_children(patches: Patches) -> None:
    """Describe and list a distributed Map's children like other executions."""

    def describe_execution(self: Any, execution_arn: str) -> Run:
        self._validate_execution_arn(execution_arn)
        return find(self, execution_arn)

    def get_executions(self: Any, execution_status: Any = None) -> list[Run]:
        runs = [run for machine in self.state_machines for run in machine.executions]
        for run in runs:
            runs.extend(run.children())
        return [
            run
            for run in runs
            if run.env is not None and execution_status in (None, run.exec_status)
        ]

    def describe_state_machine_for_execution(self: Any, execution_arn: str) -> Any:
        name = find(self, execution_arn).state_machine.name.split("/")[0]
        return next(machine for machine in self.state_machines if machine.name == name)

    patches.put(StepFunctionsParserBackend, "describe_execution", describe_execution)
    patches.put(
        StepFunctionsParserBackend,
        "describe_state_machine_for_execution",
        describe_state_machine_for_execution,
    )
    patches.put(StepFunctionsParserBackend, "_get_executions", get_executions)


def keep_history_on_the_clock(patches: Patches, clock: Clock) -> None:
    """Events happen in simulated time, and none after the last."""
    add_event = EventManager.add_event

    def add_unless_closed(self: Any, *args: Any, **kwargs: Any) -> Any:
        if getattr(self, "closed", False):
            return 0
        return add_event(self, *args, **kwargs)

    patches.put(EventManager, "add_event", add_unless_closed)
    patches.put(EventManager, "_get_current_timestamp", staticmethod(lambda: clock.now()))
    patches.put(event_manager, "iso_8601_datetime_with_milliseconds", iso)
