"""AWS SDK integrations: ``arn:aws:states:::aws-sdk:appflow:createFlow``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from botocore import xform_name
from botocore.exceptions import ClientError, ParamValidationError
from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_aws_sdk as aws_sdk,
)

from local.caller import acting_as
from local.interpreter.failures import RUNTIME, failure
from local.interpreter.integrations.casing import NotSupported, pascal, to_request, to_result
from local.interpreter.integrations.clients import (
    boto_name,
    client_for,
    is_transport_error,
    operation,
    service_model,
    transport_cause,
)
from local.interpreter.states.waiting import require_running

if TYPE_CHECKING:
    from local.interpreter.patches import Patches


def call_as_aws_does(patches: Patches) -> None:
    """Take and return PascalCase, ISO 8601 times and copies; moto passes boto's values through."""

    def eval_service_task(
        self: Any,
        env: Any,
        resource_runtime_part: Any,
        normalised_parameters: dict[str, Any],
        state_credentials: Any,
    ) -> None:
        service = boto_name(self.resource.api_name)
        called = operation(service, self.resource.api_action)
        try:
            request = (
                to_request(normalised_parameters, called.input_shape)
                if called.input_shape is not None
                else {}
            )
        except NotSupported as field:
            raise _unusable(
                env, normalised_parameters, f"The field '{field}' is not supported"
            ) from None
        require_running(env)
        client = client_for(resource_runtime_part.region, service)
        try:
            with acting_as(state_credentials.role_arn):
                response = getattr(client, xform_name(called.name))(**request)
        except ParamValidationError as wrong:
            raise _unusable(env, normalised_parameters, str(wrong)) from None
        env.stack.append(to_result(response, called.output_shape))

    patches.put(aws_sdk.StateTaskServiceAwsSdk, "_eval_service_task", eval_service_task)


def _unusable(env: Any, parameters: dict[str, Any], reason: str) -> Exception:
    return failure(
        env,
        RUNTIME,
        f"The Parameters '{json.dumps(parameters, default=str)}' could not be used to start the "
        f"Task: [{reason}]",
        HistoryEventType.TaskFailed,
    )


def name_errors_as_aws_does(patches: Patches) -> None:
    """Name errors ``Appflow.ConflictException``; in moto ``appflow.…``, which no Retry matches."""
    from_error = aws_sdk.StateTaskServiceAwsSdk._from_error

    def from_call_error(self: Any, env: Any, ex: Exception) -> Any:
        service = boto_name(self.resource.api_name)
        if isinstance(ex, ClientError):
            called = operation(service, self.resource.api_action)
            error, cause = error_name(ex, service, called.name), _cause(ex, service)
        elif is_transport_error(ex):
            error, cause = f"{_prefix(service)}.SdkClientException", transport_cause(ex)
        else:
            return from_error(self, env=env, ex=ex)
        return self._get_task_failure_event(env=env, error=error, cause=cause)

    patches.put(aws_sdk.StateTaskServiceAwsSdk, "_from_error", from_call_error)


def _prefix(service: str) -> str:
    return pascal(service_model(service).service_id)


def error_name(error: ClientError, service: str, operation_name: str) -> str:
    """Name an API error as Step Functions does: ``Appflow.ConflictException``.

    An error that the operation's model does not have gets the service's generic name.
    """
    prefix = _prefix(service)
    code = error.response["Error"]["Code"]
    for shape in service_model(service).operation_model(operation_name).error_shapes:
        if code in (shape.name, shape.metadata.get("error", {}).get("code")):
            name = pascal(shape.name)
            return f"{prefix}.{name if name.endswith('Exception') else name + 'Exception'}"
    return f"{prefix}.{prefix}Exception"


def _cause(error: ClientError, service: str) -> str:
    metadata = error.response.get("ResponseMetadata", {})
    return (
        f"{error.response['Error'].get('Message', '')} "
        f"(Service: {_prefix(service)}, "
        f"Status Code: {metadata.get('HTTPStatusCode')}, "
        f"Request ID: {metadata.get('RequestId')})"
    )
