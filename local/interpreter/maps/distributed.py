"""Distributed Maps: each item is processed by a child execution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.stepfunctions.parser.api import MapRunStatus
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration import (
    distributed_iteration_component as distributed,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.state_map import StateMap

from local.interpreter import jsonata
from local.interpreter.failures import DATA_LIMIT_EXCEEDED, RUNTIME, failure
from local.interpreter.maps.children import run_children
from local.interpreter.maps.map_run import MapRun
from local.interpreter.maps.result_writer import write_results
from local.interpreter.states.events import add_event

if TYPE_CHECKING:
    from local.interpreter.patches import Patches


def run_each_item_as_an_execution(patches: Patches) -> None:
    """Give each child execution its own scope, name and history, and count failed ones.

    In moto they share the parent's, failures are not counted, and nothing is aborted. Moto also
    uses a stack frame for each item, so that an execution with many items hangs.
    """

    def eval_body(self: Any, env: Any) -> None:
        eval_input = env.stack.pop()
        map_run = eval_input.map_run_record
        map_run.start_date = env.execution.clock.now()
        map_run.state = env.component
        add_event(env, "MapRunStarted", {"mapRunArn": map_run.map_run_arn})
        env.execution.map_runs.append(map_run)
        try:
            _read_tolerance(env, map_run, env.component.definition)
            if eval_input.item_reader:
                eval_input.item_reader.eval(env=env)
                map_run.items = env.stack.pop()
            else:
                map_run.items = eval_input.input_items
            map_run.map_input = env.states.get_input()
        except FailureEventException as failed:
            map_run.clock = env.execution.clock
            _fail(env, map_run, failed)
            raise
        _run(self, env, map_run)

    patches.put(distributed.DistributedIterationComponent, "_eval_body", eval_body)


def redrive_map_runs(patches: Patches) -> None:
    """Redrive the children of a Map Run that have not succeeded; moto cannot redrive."""
    eval_execution = StateMap._eval_execution

    def eval_or_redrive(self: Any, env: Any) -> None:
        map_run = env.resume_inner
        if not isinstance(map_run, MapRun):
            eval_execution(self, env)
            return
        env.resume_inner = None
        map_run.redrive_count += 1
        map_run.redrive_date = env.execution.clock.now()
        add_event(
            env,
            "MapRunRedriven",
            {"mapRunArn": map_run.map_run_arn, "redriveCount": map_run.redrive_count},
        )
        env.map_run_record_pool_manager.add(map_run)
        _run(self.iteration_component, env, map_run)
        add_event(env, "MapStateSucceeded", update_source_event_id=False)

    patches.put(StateMap, "_eval_execution", eval_or_redrive)


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


def _run(component: Any, env: Any, map_run: MapRun) -> None:
    program = component._get_iteration_program()
    map_run.begin(env.execution.clock)
    env.map_run = map_run
    env.entered.inner = map_run
    definition = env.component.definition
    try:
        run_children(env, map_run, program)
        if not env.is_running():
            return
        if map_run.error is not None:
            raise map_run.error
        map_run.set_stop(MapRunStatus.SUCCEEDED)
        result: Any = _outputs(map_run)
        if definition.get("ResultWriter"):
            result = write_results(env, map_run, definition["ResultWriter"])
    except FailureEventException as failed:
        _fail(env, map_run, failed)
        if (failed.extract_error_cause_pair() or (None,))[0] in (RUNTIME, DATA_LIMIT_EXCEEDED):
            env.entered.inner = None  # a redrive starts a new Map Run
        raise
    finally:
        env.map_run = None
    add_event(env, "MapRunSucceeded")
    env.stack.append(result)


def _outputs(map_run: MapRun) -> list[Any]:
    children = sorted(map_run.children, key=lambda child: child.item_index)
    return [child.output for child in children if child.status == "SUCCEEDED"]


def _fail(env: Any, map_run: MapRun, failed: Any) -> None:
    error, cause = failed.extract_error_cause_pair() or (None, None)
    map_run.set_stop(MapRunStatus.FAILED)
    details = {key: value for key, value in (("error", error), ("cause", cause)) if value}
    add_event(env, "MapRunFailed", details or None)
