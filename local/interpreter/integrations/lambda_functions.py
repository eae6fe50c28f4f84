"""The Lambda integration: ``arn:aws:states:::lambda:invoke``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, HTTPClientError
from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.component.state.exec.state_task.lambda_eval_utils import (
    LambdaFunctionErrorException,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_lambda import (  # noqa: E501
    StateTaskServiceLambda,
)

from local.caller import acting_as
from local.interpreter.failures import failure
from local.interpreter.integrations.clients import (
    is_transport_error,
    operation,
    transport_cause,
)
from local.interpreter.states.waiting import require_running

if TYPE_CHECKING:
    from local.interpreter.patches import Patches


class ClientExecutionTimeout(HTTPClientError):  # noqa: N818 - AWS's name
    """The call took longer than Step Functions' own client waits; the function may have run."""

    fmt = "Client execution did not complete before the specified timeout configuration"


def invoke_as_the_machine(patches: Patches) -> None:
    """Invoke functions with the machine's role; moto uses no role."""
    execute = lambda_eval_utils.execute_lambda_function_integration

    def as_the_machine(env: Any, parameters: Any, region: str, state_credentials: Any) -> None:
        require_running(env)
        with acting_as(state_credentials.role_arn):
            execute(env, parameters, region, state_credentials)

    patches.put(lambda_eval_utils, "execute_lambda_function_integration", as_the_machine)


def name_errors_as_aws_does(patches: Patches) -> None:
    """Name the errors that moto names differently, or not at all."""
    from_error = StateTaskServiceLambda._from_error

    def from_call_error(self: Any, env: Any, ex: Exception) -> Any:
        named = _error_and_cause(ex)
        if named is None:
            return from_error(self, env=env, ex=ex)
        more = {
            "resource": self._get_sfn_resource(),
            "resourceType": self._get_sfn_resource_type(),
        }
        failed: Any = failure(env, *named, HistoryEventType.TaskFailed, **more)
        return failed.failure_event

    patches.put(StateTaskServiceLambda, "_from_error", from_call_error)
    patches.put(
        StateTaskServiceLambda,
        "_error_cause_from_client_error",
        staticmethod(_name_client_error(StateTaskServiceLambda._error_cause_from_client_error)),
    )


def _error_and_cause(error: Exception) -> tuple[str, str] | None:
    if isinstance(error, ClientExecutionTimeout):
        return "Lambda.ClientExecutionTimeoutException", str(error)
    if is_transport_error(error):
        return "Lambda.SdkClientException", transport_cause(error)
    if isinstance(error, LambdaFunctionErrorException) and not _has_type(error.payload):
        return "Lambda.Unknown", (
            "The cause could not be determined because Lambda did not return an error type. "
            f"Returned payload: {error.payload}"
        )
    return None


def _has_type(payload: str) -> bool:
    report = json.loads(payload)
    return isinstance(report, dict) and "errorType" in report


def _name_client_error(name_and_cause: Any) -> Any:
    """Name errors that Invoke's model does not have, such as a denial, AWSLambdaException."""

    def as_aws_does(error: ClientError) -> tuple[str, str]:
        name, cause = name_and_cause(error)
        modelled = [shape.name for shape in operation("lambda", "invoke").error_shapes]
        known = error.response["Error"]["Code"] in modelled
        return name if known else "Lambda.AWSLambdaException", cause

    return as_aws_does
