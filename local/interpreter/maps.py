"""Maps: iterations inside an execution, and the child executions of a distributed one."""

from __future__ import annotations

import json
import threading
import uuid
from typing import TYPE_CHECKING, Any

from moto.stepfunctions.parser.api import HistoryEventType, MapRunStatus
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map import state_map
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration import (
    distributed_iteration_component as distributed,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration import (
    inline_iteration_component as inline,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.itemprocessor.map_run_record import (  # noqa: E501
    MapRunRecord,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.state_map import StateMap
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails

from local import iam
from local.caller import acting_as
from local.interpreter import jsonata, sdk
from local.interpreter.executions import Run
from local.interpreter.failures import (
    DATA_LIMIT_EXCEEDED,
    RUNTIME,
    failure,
)
from local.interpreter.states import in_threads, run_parts
from local.interpreter.timing import iso

if TYPE_CHECKING:
    from datetime import datetime

    from local.clock import Clock
    from local.interpreter.patches import Patches

MOST_INLINE_ITERATIONS = 40
MOST_CHILD_THREADS = 200  # of AWS's 10,000 child executions at a time
EXCEEDED = "States.ExceedToleratedFailureThreshold"


def _set_item(frame: Any, index: int, item: Any) -> None:
    frame.states.context_object.context_object_data["Map"] = {
        "Item": {"Index": index, "Value": item}
    }


def _item_input(frame: Any, map_input: Any, item: Any, selector: Any) -> Any:
    """Return what an iteration gets: the item, or what the ItemSelector makes of it."""
    if selector is None:
        return item
    frame.states.reset(input_value=map_input)
    frame.stack.append(map_input)
    selector.eval(frame)
    return frame.stack.pop()


def iterate_on_the_clock(patches: Patches) -> None:
    """Wait for iterations without holding the clock up, and end them all when one fails."""

    def eval_body(self: Any, env: Any) -> None:
        eval_input = env.stack.pop()
        items = eval_input.input_items
        map_input = env.states.get_input()
        program = self._get_iteration_program()

        def input_of(index: int, frame: Any) -> Any:
            _set_item(frame, index, items[index])
            selector = eval_input.item_selector or eval_input.parameters
            return _item_input(frame, map_input, items[index], selector)

        def report(index: int, status: str) -> None:
            key = f"mapIteration{status}EventDetails"
            env.event_manager.add_event(
                context=env.event_history_context,
                event_type=HistoryEventType(f"MapIteration{status}"),
                event_details=EventDetails(
                    **{key: {"name": eval_input.state_name, "index": index}}
                ),
            )

        concurrency = min(eval_input.max_concurrency or MOST_INLINE_ITERATIONS, 40)
        outputs = run_parts(env, [program] * len(items), input_of, concurrency, report)
        env.stack.append(outputs)

    patches.put(inline.InlineIterationComponent, "_eval_body", eval_body)


# ---------------------------------------------------------------------------- distributed


class MapRun(MapRunRecord):  # type: ignore[misc]
    """A Map Run: its items, its child executions, and how many of them may fail."""

    def __init__(self, **details: Any) -> None:
        label = details["label"]
        super().__init__(**details)
        self.label = label or self.map_run_arn.rsplit("/", 1)[1].split(":")[0]
        self.state: Any = None
        self.clock: Clock | None = None
        self.items: list[Any] = []
        self.children: list[Run] = []
        self.map_input: Any = None
        self.waiting: list[int] = []
        self.tolerated_count: int | None = None
        self.tolerated_percentage: float | None = None
        self.redrive_count = 0
        self.redrive_date: datetime | None = None
        self.error: Exception | None = None
        self._ended = False
        self._failed = 0
        self._lock = threading.RLock()

    def counts(self) -> dict[str, int]:
        """How many child executions there are, by status."""
        statuses = [child.status for child in list(self.children)]
        counts = {
            name: statuses.count(status)
            for name, status in {
                "running": "RUNNING",
                "succeeded": "SUCCEEDED",
                "failed": "FAILED",
                "timedOut": "TIMED_OUT",
                "aborted": "ABORTED",
            }.items()
        }
        succeeded = counts["succeeded"] if self.status == MapRunStatus.SUCCEEDED else 0
        return {
            **counts,
            "pending": len(self.items) - len(statuses),
            "total": len(self.items),
            "resultsWritten": succeeded,
            "failuresNotRedrivable": 0,
            "pendingRedrive": 0,
        }

    def describe(self) -> dict[str, Any]:
        """Answer DescribeMapRun."""
        description: dict[str, Any] = {
            "mapRunArn": self.map_run_arn,
            "executionArn": self.execution_arn,
            "status": self.status,
            "startDate": self.start_date,
            "maxConcurrency": self.max_concurrency,
            "toleratedFailurePercentage": float(self.tolerated_percentage or 0),
            "toleratedFailureCount": self.tolerated_count or 0,
            "itemCounts": self.counts(),
            "executionCounts": self.counts(),
            "redriveCount": self.redrive_count,
        }
        if self.stop_date is not None:
            description["stopDate"] = self.stop_date
        if self.redrive_date is not None:
            description["redriveDate"] = self.redrive_date
        return description

    def list_item(self) -> dict[str, Any]:
        """One line of ListMapRuns."""
        item = {
            "executionArn": self.execution_arn,
            "mapRunArn": self.map_run_arn,
            "stateMachineArn": self.map_state_machine_arn,
            "startDate": self.start_date,
        }
        return item if self.stop_date is None else {**item, "stopDate": self.stop_date}

    def set_stop(self, status: Any) -> None:
        """End the Map Run, on the clock."""
        self.status = status
        self.stop_date = self.clock.now() if self.clock else None

    def abort(self) -> None:
        """Start no further child, and abort those that run."""
        with self._lock:
            self._ended = True
            children = list(self.children)
        for child in children:
            if not iam.refusal(child.role_arn, "states:StopExecution", child.exec_arn):
                child.halt("ABORTED", None, None)
        if self.status == MapRunStatus.RUNNING:
            self.set_stop(MapRunStatus.ABORTED)

    def begin(self, clock: Clock) -> None:
        """Start, or start again for what has not succeeded."""
        self.clock = clock
        self.status = MapRunStatus.RUNNING
        self.stop_date = None
        self.error = None
        self._ended = False
        self._failed = 0
        done = {c.item_index for c in self.children if c.status == "SUCCEEDED"}
        self.waiting = [index for index in range(len(self.items)) if index not in done][::-1]

    def next_index(self) -> int | None:
        """Take the next item to run."""
        with self._lock:
            return None if self._ended or not self.waiting else self.waiting.pop()

    def begin_child(self, child: Run, again: bool) -> bool:
        """Let a child be running, unless the Map Run has ended meanwhile."""
        with self._lock:
            if self._ended:
                return False
            child.begin(again)
            if not again:
                self.children.append(child)
            return True

    def fail_with(self, error: Exception) -> None:
        """End the Map Run with an error."""
        with self._lock:
            self.error = self.error or error
        self.abort()

    def too_many_failed(self, child: Run) -> bool:
        """Count a child that has ended; tell whether more have failed than is tolerated."""
        if child.status not in ("FAILED", "TIMED_OUT"):
            return False
        with self._lock:
            self._failed += 1
            failed = self._failed
        count, percentage = self.tolerated_count, self.tolerated_percentage
        if count is None and percentage is None:
            count = 0
        over_count = count is not None and failed > count
        over_percentage = (percentage is not None and bool(self.items)) and 100 * failed / len(
            self.items
        ) > float(percentage or 0)
        return over_count or over_percentage


def keep_map_runs(patches: Patches) -> None:
    """Moto counts a Map Run's children wrongly (a failed one stays running) and keeps none."""
    patches.put(state_map, "MapRunRecord", MapRun)


def run_children(patches: Patches) -> None:
    """Each item is an execution of its own, with its own scope, name and history.

    In moto they share the parent's; failures are never counted, nothing is aborted, and a
    stack frame an item ends with a hanging execution.
    """

    def eval_body(self: Any, env: Any) -> None:
        eval_input = env.stack.pop()
        map_run = eval_input.map_run_record
        map_run.start_date = env.run.clock.now()
        map_run.state = env.component
        _record(env, "MapRunStarted", mapRunArn=map_run.map_run_arn)
        env.run.map_runs.append(map_run)
        try:
            definition = env.component.definition
            _read_tolerance(env, map_run, definition)
            if eval_input.item_reader:
                eval_input.item_reader.eval(env=env)
                map_run.items = env.stack.pop()
            else:
                map_run.items = eval_input.input_items
            map_run.map_input = env.states.get_input()
        except FailureEventException as failed:
            map_run.clock = env.run.clock
            _end_badly(env, map_run, failed)
            raise
        _run_map(self, env, map_run)

    patches.put(distributed.DistributedIterationComponent, "_eval_body", eval_body)


def redrive_children(patches: Patches) -> None:
    """Redrive those of a Map Run's children that have not succeeded; moto cannot."""
    eval_execution = StateMap._eval_execution

    def eval_or_redrive(self: Any, env: Any) -> None:
        map_run = env.resume_inner
        if not isinstance(map_run, MapRun):
            eval_execution(self, env)
            return
        env.resume_inner = None
        map_run.redrive_count += 1
        map_run.redrive_date = env.run.clock.now()
        _record(
            env,
            "MapRunRedriven",
            mapRunArn=map_run.map_run_arn,
            redriveCount=map_run.redrive_count,
        )
        env.map_run_record_pool_manager.add(map_run)
        _run_map(self.iteration_component, env, map_run)
        env.event_manager.add_event(
            context=env.event_history_context,
            event_type=HistoryEventType.MapStateSucceeded,
            update_source_event_id=False,
        )

    patches.put(StateMap, "_eval_execution", eval_or_redrive)


def _record(env: Any, event_type: str, **details: Any) -> None:
    key = event_type[0].lower() + event_type[1:] + "EventDetails"
    env.event_manager.add_event(
        context=env.event_history_context,
        event_type=HistoryEventType(event_type),
        event_details=EventDetails(**{key: details}) if details else None,
    )


def _read_tolerance(env: Any, map_run: MapRun, definition: dict[str, Any]) -> None:
    count = jsonata.template_value(env, definition.get("ToleratedFailureCount"))
    percentage = jsonata.template_value(env, definition.get("ToleratedFailurePercentage"))
    for field, value in (("Count", count), ("Percentage", percentage)):
        if value is not None and (
            isinstance(value, bool) or not isinstance(value, int | float) or value < 0
        ):
            raise failure(
                env,
                RUNTIME,
                f"ToleratedFailure{field} must be a number that is not negative: {value}",
            )
    map_run.tolerated_count = count
    map_run.tolerated_percentage = percentage


def _end_badly(env: Any, map_run: MapRun, failed: Any) -> None:
    error, cause = failed.extract_error_cause_pair() or (None, None)
    map_run.set_stop(MapRunStatus.FAILED)
    details = {key: value for key, value in (("error", error), ("cause", cause)) if value}
    _record(env, "MapRunFailed", **details)


def _run_map(component: Any, env: Any, map_run: MapRun) -> None:
    program = component._get_iteration_program()
    map_run.begin(env.run.clock)
    env.map_run = map_run
    env.entered.inner = map_run
    definition = env.component.definition
    try:
        _run_all(env, map_run, program)
        if not env.is_running():
            return
        if map_run.error is not None:
            raise map_run.error
        outputs = [
            child.output
            for child in sorted(map_run.children, key=lambda child: child.item_index)
            if child.status == "SUCCEEDED"
        ]
        map_run.set_stop(MapRunStatus.SUCCEEDED)
        result: Any = outputs
        if definition.get("ResultWriter"):
            result = _write_results(env, map_run, definition["ResultWriter"])
    except FailureEventException as failed:
        _end_badly(env, map_run, failed)
        if (failed.extract_error_cause_pair() or (None,))[0] in (RUNTIME, DATA_LIMIT_EXCEEDED):
            env.entered.inner = None  # a redrive starts a new Map Run
        raise
    finally:
        env.map_run = None
    _record(env, "MapRunSucceeded")
    env.stack.append(result)


def _run_all(env: Any, map_run: MapRun, program: Any) -> None:
    redriven = {child.item_index: child for child in map_run.children}
    selector = env.component.item_selector or env.component.parameters

    def work() -> None:
        while env.is_running() and (index := map_run.next_index()) is not None:
            try:
                child = redriven.get(index) or _new_child(env, map_run, index, selector)
                _check_rights(env, child, again=index in redriven)
            except FailureEventException as failed:
                map_run.fail_with(failed)
                return
            if not map_run.begin_child(child, again=index in redriven):
                return
            child.run_here(program)
            if map_run.too_many_failed(child):
                map_run.fail_with(
                    failure(
                        env,
                        EXCEEDED,
                        "The specified tolerated failure threshold was exceeded",
                        HistoryEventType.MapRunFailed,
                    )
                )

    most = map_run.max_concurrency or MOST_CHILD_THREADS
    threads = min(int(most), MOST_CHILD_THREADS, len(map_run.waiting))
    in_threads(env.run.clock, "children", threads, work)


def _check_rights(env: Any, child: Run, again: bool) -> None:
    """Have the machine's role start and watch a child. How AWS names a denial is not documented."""
    start = ("states:StartExecution", env.run.state_machine.arn)
    redrive = ("states:RedriveExecution", child.exec_arn)
    watch = ("states:DescribeExecution", child.exec_arn)
    for action, resource in (redrive if again else start, watch):
        refusal = iam.refusal(child.role_arn, action, resource)
        if refusal:
            raise failure(
                env, "StepFunctions.AccessDeniedException", refusal, HistoryEventType.MapRunFailed
            )


def _new_child(env: Any, map_run: MapRun, index: int, selector: Any) -> Run:
    item = map_run.items[index]
    frame = env.open_inner_frame()
    try:
        _set_item(frame, index, item)
        child_input = _item_input(frame, map_run.map_input, item, selector)
    finally:
        env.delete_frame(frame)
    parent: Run = env.run
    return parent.new_child(map_run, index, child_input)


# -------------------------------------------------------------------------------- results


def _write_results(env: Any, map_run: MapRun, writer: dict[str, Any]) -> dict[str, Any]:
    """Write the children's results to S3 as ResultWriter does, and say where they are."""
    arguments = jsonata.template_value(env, writer.get("Arguments") or {})
    prefix = f"{arguments.get('Prefix', '').strip('/')}/{uuid.uuid4()}".lstrip("/")
    bucket = arguments["Bucket"]
    client = sdk.client_for(env.aws_execution_details.region, "s3")
    files: dict[str, list[dict[str, Any]]] = {"SUCCEEDED": [], "FAILED": [], "PENDING": []}
    with acting_as(env.aws_execution_details.role_arn):
        for status in ("SUCCEEDED", "FAILED"):
            lines = [_result_line(child) for child in map_run.children if child.status == status]
            if lines:
                key = f"{prefix}/{status}_0.json"
                body = json.dumps(lines).encode()
                client.put_object(Bucket=bucket, Key=key, Body=body)
                files[status] = [{"Key": key, "Size": len(body)}]
        manifest = {
            "DestinationBucket": bucket,
            "MapRunArn": map_run.map_run_arn,
            "ResultFiles": files,
        }
        key = f"{prefix}/manifest.json"
        client.put_object(Bucket=bucket, Key=key, Body=json.dumps(manifest).encode())
    return {
        "MapRunArn": map_run.map_run_arn,
        "ResultWriterDetails": {"Bucket": bucket, "Key": key},
    }


def _result_line(child: Run) -> dict[str, Any]:
    return {
        key[0].upper() + key[1:]: iso(value) if key.endswith("Date") else value
        for key, value in child.describe().items()
        if not key.startswith("redrive") and key != "mapRunArn"
    }
