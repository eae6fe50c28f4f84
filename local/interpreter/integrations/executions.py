"""Executions of other machines: ``arn:aws:states:::states:startExecution.sync:2`` and its kin.

https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, ParamValidationError
from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.resource import (
    ResourceCondition,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_sfn import (  # noqa: E501
    StateTaskServiceSfn,
)
from moto.stepfunctions.parser.asl.eval.callback.callback import CallbackOutcomeTimedOut
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from local import iam
from local.caller import acting_as
from local.interpreter.executions import execution
from local.interpreter.executions.lookup import find_execution
from local.interpreter.failures import RUNTIME, failure
from local.interpreter.integrations.clients import client_for
from local.interpreter.states.waiting import require_running, wait_for
from local.interpreter.timing import Signal

if TYPE_CHECKING:
    from local.interpreter.patches import Patches

_JSON = ("Input", "Output")
_INCLUDED = {"Included": True}
_SYNCHRONOUS = (ResourceCondition.Sync, ResourceCondition.Sync2)
_RULE = "StepFunctionsGetEventsForStepFunctionsExecutionRule"
"""The rule by which Step Functions hears that an execution has ended."""
_RULE_ACTIONS = ("events:PutTargets", "events:PutRule", "events:DescribeRule")


def start_as_aws_does(patches: Patches) -> None:
    """Start executions with the machine's role, and wait for them on the clock.

    Moto passes parameters to boto in the wrong casing, and looks every 60 real seconds.
    """
    patches.put(StateTaskServiceSfn, "_eval_service_task", _start)
    patches.put(StateTaskServiceSfn, "_build_sync_resolver", _started)
    patches.put(StateTaskServiceSfn, "_build_sync2_resolver", _started)
    patches.put(StateTaskServiceSfn, "_eval_sync", _wait_for_end)
    patches.put(StateTaskServiceSfn, "_from_error", _named_as_aws_does)


def _start(
    self: Any,
    env: Any,
    resource_runtime_part: Any,
    normalised_parameters: dict[str, Any],
    state_credentials: Any,
) -> None:
    require_running(env)
    role, region = state_credentials.role_arn, resource_runtime_part.region
    if self.resource.condition in _SYNCHRONOUS:
        _check_rule(env, role, region, resource_runtime_part.account)
    request = {key[:1].lower() + key[1:]: value for key, value in normalised_parameters.items()}
    try:
        with acting_as(role):
            started = client_for(region, "stepfunctions").start_execution(**request)
    except ParamValidationError as wrong:
        raise failure(env, RUNTIME, str(wrong), HistoryEventType.TaskFailed) from None
    start = _milliseconds(started["startDate"])
    env.stack.append({"ExecutionArn": started["executionArn"], "StartDate": start})


def _started(
    self: Any,
    env: Any,
    resource_runtime_part: Any,
    normalised_parameters: Any,
    state_credentials: Any,
) -> tuple[str, str, str]:
    """Give, in place of moto's function that looks, what :func:`_wait_for_end` needs."""
    arn = env.stack.pop()["ExecutionArn"]
    return arn, resource_runtime_part.region, state_credentials.role_arn


def _wait_for_end(
    self: Any,
    env: Any,
    sync_resolver: tuple[str, str, str],
    timeout_seconds: int | None,
    callback_endpoint: Any,
    heartbeat_endpoint: Any,
) -> Any:
    arn, region, role = sync_resolver
    client = client_for(region, "stepfunctions")
    has_ended = _wait(env, arn, None if self.timeout.is_default_value() else timeout_seconds)
    with acting_as(role):
        if not env.is_running():  # AWS makes a best effort to stop what was started
            client.stop_execution(executionArn=arn)
            require_running(env)
        if not has_ended:
            return CallbackOutcomeTimedOut(callback_endpoint.callback_id)
        described = client.describe_execution(executionArn=arn)
    result = _result(described, parse=self.resource.condition is ResourceCondition.Sync2)
    if described["status"] == "SUCCEEDED":
        return result
    cause = json.dumps(result, separators=(",", ":"))
    raise _failed(self, env, "States.TaskFailed", cause)


def _named_as_aws_does(self: Any, env: Any, ex: Exception) -> Any:
    if not isinstance(ex, ClientError):
        return super(StateTaskServiceSfn, self)._from_error(env=env, ex=ex)
    code = ex.response["Error"]["Code"]
    name = code if code.endswith("Exception") else f"{code}Exception"
    status = ex.response["ResponseMetadata"].get("HTTPStatusCode")
    cause = (
        f"{ex.response['Error']['Message']} (Service: AWSStepFunctions; Status Code: {status}; "
        f"Error Code: {code})"
    )
    return _failed(self, env, f"StepFunctions.{name}", cause).failure_event


def _failed(state: Any, env: Any, error: str, cause: str) -> Any:
    return failure(
        env,
        error,
        cause,
        HistoryEventType.TaskFailed,
        resource=state._get_sfn_resource(),
        resourceType=state._get_sfn_resource_type(),
    )


def _check_rule(env: Any, role: str, region: str, account: str) -> None:
    """Refuse a role that may not manage the rule. AWS refuses the machine when it is created."""
    rule = f"arn:aws:events:{region}:{account}:rule/{_RULE}"
    for action in _RULE_ACTIONS:
        if refusal := iam.refusal(role, action, rule):
            raise failure(
                env, "StepFunctions.AccessDeniedException", refusal, HistoryEventType.TaskFailed
            )


def _wait(env: Any, arn: str, seconds: float | None) -> bool:
    """Wait until an execution has ended; return whether it has."""
    signal = Signal(env.execution.clock)

    def hear(detail: dict[str, Any]) -> None:
        if detail["executionArn"] == arn and detail["status"] != "RUNNING":
            signal.set()

    execution.listeners.append(hear)
    try:
        if find_execution(_backend(arn), arn).finished.is_set():
            return True
        wait_for(env, signal, seconds)
        return signal.is_set()
    finally:
        execution.listeners.remove(hear)


def _backend(arn: str) -> Any:
    _, _, _, region, account, _ = arn.split(":", 5)
    return stepfunctions_parser_backends[account][region]


def _result(described: dict[str, Any], parse: bool) -> dict[str, Any]:
    """Give DescribeExecution's answer as the state's result has it."""
    result: dict[str, Any] = {}
    for key, value in sorted(described.items()):
        name = key[:1].upper() + key[1:]
        if key == "ResponseMetadata" or key.endswith("Details"):
            continue
        if isinstance(value, datetime):
            value = _milliseconds(value)
        result[name] = json.loads(value) if parse and name in _JSON else value
        if name in _JSON:
            result[f"{name}Details"] = _INCLUDED
    return result


def _milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)
