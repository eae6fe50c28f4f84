"""The Step Functions API: responses that moto gives differently, and operations it lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.core.exceptions import AWSError
from moto.core.responses import ActionResult, EmptyResult
from moto.stepfunctions.responses import StepFunctionResponse

from local.interpreter.executions.description import (
    describe,
    list_item,
    redrive_status_of,
)
from local.interpreter.executions.lookup import find_map_run

if TYPE_CHECKING:
    from local.interpreter.patches import Patches


class ExecutionNotRedrivable(AWSError):  # type: ignore[misc]  # noqa: N818 - AWS's name
    """RedriveExecution's error."""

    TYPE = "ExecutionNotRedrivable"
    STATUS = 400


def describe_executions(patches: Patches) -> None:
    """Return all that AWS returns; moto unquotes an output that is a JSON string."""

    def describe_execution(self: Any) -> Any:
        arn = self._get_param("executionArn")
        return ActionResult(describe(self.stepfunction_backend.describe_execution(arn)))

    patches.put(StepFunctionResponse, "describe_execution", describe_execution)


def page_through_history(patches: Patches) -> None:
    """Return an execution's history in pages and in either order; moto returns all of it."""

    def get_execution_history(self: Any) -> Any:
        execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
        events = execution.history.events()
        if self._get_param("reverseOrder"):
            events.reverse()
        return ActionResult(_page(self, "events", events))

    patches.put(StepFunctionResponse, "get_execution_history", get_execution_history)


def _page(response: Any, key: str, rows: list[Any]) -> dict[str, Any]:
    most = min(int(response._get_param("maxResults") or 100), 1000)
    start = int(response._get_param("nextToken") or 0)
    page: dict[str, Any] = {key: rows[start : start + most]}
    if start + most < len(rows):
        page["nextToken"] = str(start + most)
    return page


def list_executions_of_map_runs(patches: Patches) -> None:
    """List executions also by Map Run, and by redrive; moto lists by state machine only."""

    def list_executions(self: Any) -> Any:
        backend = self.stepfunction_backend
        map_run_arn = self._get_param("mapRunArn")
        if map_run_arn:
            found = list(find_map_run(backend, map_run_arn).children)
        else:
            found = backend.describe_state_machine(self._get_param("stateMachineArn")).executions
        status = self._get_param("statusFilter")
        redrive = self._get_param("redriveFilter")
        chosen = [
            execution
            for execution in reversed(found)  # those that started at once: the latest one first
            if status in (None, execution.status)
            and redrive in (None, "REDRIVEN" if execution.redrive_count else "NOT_REDRIVEN")
        ]
        chosen.sort(key=lambda execution: execution.start_date, reverse=True)
        return ActionResult(
            _page(self, "executions", [list_item(execution) for execution in chosen])
        )

    patches.put(StepFunctionResponse, "list_executions", list_executions)


def stop_with_a_reason(patches: Patches) -> None:
    """Keep StopExecution's error and cause; moto drops them."""

    def stop_execution(self: Any) -> Any:
        execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
        execution.stop(None, self._get_param("error"), self._get_param("cause"))
        return ActionResult({"stopDate": execution.stop_date})

    patches.put(StepFunctionResponse, "stop_execution", stop_execution)


def redrive_executions(patches: Patches) -> None:
    """Redrive an execution; moto cannot."""

    def redrive_execution(self: Any) -> Any:
        execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
        status, reason = redrive_status_of(execution)
        if status != "REDRIVABLE":
            raise ExecutionNotRedrivable(reason or "A child execution is redriven with its parent.")
        execution.redrive()
        return ActionResult({"redriveDate": execution.redrive_date})

    patches.put(StepFunctionResponse, "redrive_execution", redrive_execution)


def describe_map_runs(patches: Patches) -> None:
    """Describe Map Runs with current counts."""

    def describe_map_run(self: Any) -> Any:
        arn = self._get_param("mapRunArn")
        return ActionResult(find_map_run(self.stepfunction_backend, arn).describe())

    def list_map_runs(self: Any) -> Any:
        execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
        rows = [map_run.list_item() for map_run in execution.map_runs]
        return ActionResult(_page(self, "mapRuns", rows))

    def update_map_run(self: Any) -> Any:
        map_run = find_map_run(self.stepfunction_backend, self._get_param("mapRunArn"))
        count = self._get_param("toleratedFailureCount")
        percentage = self._get_param("toleratedFailurePercentage")
        if count is not None:
            map_run.tolerated_count = int(count)
        if percentage is not None:
            map_run.tolerated_percentage = float(percentage)
        return EmptyResult()

    patches.put(StepFunctionResponse, "describe_map_run", describe_map_run)
    patches.put(StepFunctionResponse, "list_map_runs", list_map_runs)
    patches.put(StepFunctionResponse, "update_map_run", update_map_run)


def fail_tasks_with_a_cause(patches: Patches) -> None:
    """Keep SendTaskFailure's cause; moto drops it."""

    def send_task_failure(self: Any) -> Any:
        self.stepfunction_backend.send_task_failure(
            self._get_param("taskToken"), self._get_param("error"), self._get_param("cause")
        )
        return EmptyResult()

    patches.put(StepFunctionResponse, "send_task_failure", send_task_failure)
