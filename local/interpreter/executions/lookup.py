"""Finding executions, child executions and Map Runs by their ARNs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.stepfunctions.exceptions import ExecutionDoesNotExist, ResourceNotFound
from moto.stepfunctions.parser.models import StepFunctionsParserBackend

if TYPE_CHECKING:
    from local.interpreter.executions.execution import Execution
    from local.interpreter.patches import Patches


def find_execution(backend: Any, arn: str) -> Execution:
    """Find an execution or a child execution. Raises ExecutionDoesNotExist."""
    for machine in backend.state_machines:
        if arn.split(":")[6].split("/")[0] != machine.name:
            continue
        for execution in machine.executions:
            found = _find_in(execution, arn)
            if found is not None:
                return found
    raise ExecutionDoesNotExist(f"Execution Does Not Exist: '{arn}'")


def _find_in(execution: Any, arn: str) -> Execution | None:
    if execution.exec_arn == arn:
        found: Execution = execution
        return found
    for child in execution.children():
        inner = _find_in(child, arn)
        if inner is not None:
            return inner
    return None


def find_map_run(backend: Any, arn: str) -> Any:
    """Find a Map Run. Raises ResourceNotFound."""
    for machine in backend.state_machines:
        for execution in machine.executions:
            for inner in (execution, *execution.children()):
                for map_run in inner.map_runs:
                    if map_run.map_run_arn == arn:
                        return map_run
    raise ResourceNotFound(arn)


def look_up_children(patches: Patches) -> None:
    """Describe and list child executions like other executions; moto does not know them."""

    def describe_execution(self: Any, execution_arn: str) -> Execution:
        self._validate_execution_arn(execution_arn)
        return find_execution(self, execution_arn)

    def get_executions(self: Any, execution_status: Any = None) -> list[Execution]:
        found = [execution for machine in self.state_machines for execution in machine.executions]
        for execution in found:
            found.extend(execution.children())
        return [
            execution
            for execution in found
            if execution.env is not None and execution_status in (None, execution.exec_status)
        ]

    def describe_state_machine_for_execution(self: Any, execution_arn: str) -> Any:
        name = find_execution(self, execution_arn).state_machine.name.split("/")[0]
        return next(machine for machine in self.state_machines if machine.name == name)

    patches.put(StepFunctionsParserBackend, "describe_execution", describe_execution)
    patches.put(
        StepFunctionsParserBackend,
        "describe_state_machine_for_execution",
        describe_state_machine_for_execution,
    )
    patches.put(StepFunctionsParserBackend, "_get_executions", get_executions)
