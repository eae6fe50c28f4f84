"""The child executions of a Map Run: started, redriven and watched."""

from __future__ import annotations

import copy
import json
import uuid
from typing import TYPE_CHECKING, Any

from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEventException,
)

from local import iam
from local.interpreter.executions.description import redrive_status_of
from local.interpreter.executions.execution import Execution
from local.interpreter.failures import failure
from local.interpreter.maps.items import item_input, set_item
from local.interpreter.timing import in_threads

if TYPE_CHECKING:
    from local.interpreter.maps.map_run import MapRun

MOST_THREADS = 200  # of AWS's 10,000 child executions at a time
EXCEEDED = "States.ExceedToleratedFailureThreshold"


def run_children(env: Any, map_run: MapRun, program: Any) -> None:
    """Run a child for each waiting item, as many at a time as the Map Run allows."""
    before = {child.item_index: child for child in map_run.children}

    def work() -> None:
        while env.is_running() and (index := map_run.next_index()) is not None:
            try:
                child = _run_child(env, map_run, program, index, before.get(index))
            except FailureEventException as failed:
                map_run.fail_with(failed)
                return
            if child is not None and map_run.too_many_failed(child):
                map_run.fail_with(
                    failure(
                        env,
                        EXCEEDED,
                        "The specified tolerated failure threshold was exceeded",
                        HistoryEventType.MapRunFailed,
                    )
                )

    most = map_run.max_concurrency or MOST_THREADS
    threads = min(int(most), MOST_THREADS, len(map_run.waiting))
    in_threads(env.execution.clock, "children", threads, work)


def _run_child(
    env: Any, map_run: MapRun, program: Any, index: int, before: Execution | None
) -> Execution | None:
    """Run a new child for an item, or redrive the one from before, if it can be redriven.

    Return None if the Map Run has ended meanwhile.
    """
    child = _new_child(env, map_run, index) if before is None else before
    if before is not None and redrive_status_of(child)[0] == "NOT_REDRIVABLE":
        return child
    again = before is not None
    _check_permissions(env, child, again)
    if not map_run.begin_child(child, again):
        return None
    child.run_here(program)
    return child


def _check_permissions(env: Any, child: Execution, again: bool) -> None:
    """Check that the machine's role may start and watch a child.

    AWS does not document the name of the error; this one is assumed.
    """
    start = ("states:StartExecution", env.execution.state_machine.arn)
    redrive = ("states:RedriveExecution", child.exec_arn)
    watch = ("states:DescribeExecution", child.exec_arn)
    for action, resource in (redrive if again else start, watch):
        refusal = iam.refusal(child.role_arn, action, resource)
        if refusal:
            raise failure(
                env, "StepFunctions.AccessDeniedException", refusal, HistoryEventType.MapRunFailed
            )


def _new_child(env: Any, map_run: MapRun, index: int) -> Execution:
    item = map_run.items[index]
    selector = env.component.item_selector or env.component.parameters
    frame = env.open_inner_frame()
    try:
        set_item(frame, index, item)
        child_input = item_input(frame, map_run.map_input, item, selector)
    finally:
        env.delete_frame(frame)
    return _child_of(env.execution, map_run, index, child_input)


def _child_of(parent: Execution, map_run: MapRun, index: int, child_input: Any) -> Execution:
    machine = copy.copy(parent.state_machine)
    machine.executions = []
    machine.arn = map_run.map_state_machine_arn
    machine.name = f"{parent.state_machine.name}/{map_run.label}"
    prefix, _, _ = parent.exec_arn.rpartition(":")
    return Execution(
        clock=parent.clock,
        machine=machine,
        account=parent.account_id,
        region=parent.region_name,
        arn=f"{prefix}/{map_run.label}:{uuid.uuid4()}",
        execution_input=json.dumps(child_input),
        most_events=parent.most_events,
        map_run=map_run,
        item_index=index,
        parent=parent,
    )
