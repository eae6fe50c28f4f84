"""The environment in which moto evaluates an execution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.stepfunctions.parser.api import StateMachineType
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.evaluation_details import AWSExecutionDetails
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventHistoryContext

from local.interpreter.timing import iso

if TYPE_CHECKING:
    from local.interpreter.executions.record import ExecutionRecord


def environment_of(execution: ExecutionRecord) -> Any:
    """Make the environment of an execution that begins, or of one that is redriven."""
    env = Environment(
        aws_execution_details=AWSExecutionDetails(
            account=execution.account_id,
            region=execution.region_name,
            role_arn=execution.role_arn,
        ),
        execution_type=StateMachineType.STANDARD,
        context={
            "Execution": _context(execution),
            "StateMachine": {
                "Id": execution.state_machine.arn,
                "Name": execution.state_machine.name,
            },
        },
        event_history_context=EventHistoryContext(
            previous_event_id=execution.history.last_event_id
        ),
        cloud_watch_logging_session=None,
        activity_store={},
    )
    env.execution = execution
    env.event_manager = execution.history
    for map_run in execution.map_runs:
        env.map_run_record_pool_manager.add(map_run)
    return env


def _context(execution: ExecutionRecord) -> dict[str, Any]:
    context = {
        "Id": execution.exec_arn,
        "Input": execution.input_data,
        "Name": execution.name,
        "RoleArn": execution.role_arn,
        "StartTime": iso(execution.start_date),
        "RedriveCount": execution.redrive_count,
    }
    if execution.redrive_date is not None:
        context["RedriveTime"] = iso(execution.redrive_date)
    return context
