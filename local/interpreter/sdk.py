"""AWS SDK and Lambda integrations: names, casing, errors, and who calls."""

from __future__ import annotations

import datetime
import json
import re
import sys
import threading
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
import botocore.loaders
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError, ParamValidationError
from botocore.model import ServiceModel
from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.state.exec.state_map.item_reader.eval.resource_eval_s3 import (  # noqa: E501
    ResourceEvalS3,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_aws_sdk as aws_sdk,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_lambda import (  # noqa: E501
    StateTaskServiceLambda,
)
from moto.stepfunctions.parser.asl.utils import boto_client

from local.caller import acting_as
from local.interpreter.failures import RUNTIME, failure

if TYPE_CHECKING:
    from botocore.model import OperationModel, Shape

    from local.interpreter.patches import Patches

# Where botocore's name is not the one in the integration's ARN.
_BOTO_NAMES = {
    "cloudwatchlogs": "logs",
    "customerprofiles": "customer-profiles",
    "eventbridge": "events",
    "sfn": "stepfunctions",
}

_loader = botocore.loaders.Loader()
_making_a_client = threading.Lock()


def _words(name: str) -> list[str]:
    """Tell a name's words apart as the AWS SDK for Java does, which Step Functions uses."""
    name = re.sub(r"[^A-Za-z0-9]+", " ", name)
    name = re.sub(r"(?<=[a-z])(?=[A-Z]([a-zA-Z]|[0-9]))", " ", name)
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1 \2", name)
    name = re.sub(r"([0-9])([a-zA-Z])", r"\1 \2", name)
    return name.split()


@cache
def pascal(name: str) -> str:
    """Name a member as Step Functions does: ``FlowName``, ``SsekmsKeyId``."""
    return "".join(word.lower().capitalize() for word in _words(name))


@cache
def _service_model(boto_name: str) -> ServiceModel:
    return ServiceModel(_loader.load_service_model(boto_name, "service-2"), boto_name)


@cache
def _operation(boto_name: str, action: str) -> OperationModel:
    if not action[:1].islower():
        raise ValueError(f"The action {action} must be in camelCase.")
    model = _service_model(boto_name)
    for name in model.operation_names:
        if xform_name(name) == xform_name(action):
            return model.operation_model(name)
    raise ValueError(f"{boto_name} has no action {action}.")


def _boto_name(api_name: str) -> str:
    return _BOTO_NAMES.get(api_name, api_name)


@cache
def _new_client(service: str, region: str) -> Any:
    return boto3.session.Session().client(  # type: ignore[call-overload]
        service,
        region_name=region,
        aws_access_key_id="ak",
        aws_secret_access_key="sk",  # noqa: S106 - nobody's
        config=Config(retries={"total_max_attempts": 1}, max_pool_connections=100),
    )


def client_for(region: str, service: str, state_credentials: Any = None) -> Any:
    """Return the embedded cloud's client for a service; made once."""
    with _making_a_client:
        return _new_client(_boto_name(service), region)


# ------------------------------------------------------------------------------- requests


class NotSupported(Exception):  # noqa: N818
    """A field that an API call does not have."""


def to_request(value: Any, shape: Shape) -> Any:
    """Arguments with PascalCase fields as the API wants them. Raises NotSupported."""
    if shape.type_name == "structure" and isinstance(value, dict):
        names = {pascal(name): name for name in shape.members}  # type: ignore[attr-defined]
        unknown = [name for name in value if name not in names]
        if unknown:
            raise NotSupported(unknown[0])
        return {
            names[name]: to_request(member, shape.members[names[name]])  # type: ignore[attr-defined]
            for name, member in value.items()
        }
    if shape.type_name == "list" and isinstance(value, list):
        return [to_request(member, shape.member) for member in value]  # type: ignore[attr-defined]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: to_request(member, shape.value) for key, member in value.items()}  # type: ignore[attr-defined]
    if shape.type_name == "blob":
        return json.dumps(value, separators=(",", ":")).encode()
    return value


def to_result(value: Any, shape: Shape | None) -> Any:
    """Turn an API's response into what a state gets: PascalCase fields, JSON values."""
    if shape is not None and shape.type_name == "structure" and isinstance(value, dict):
        return {
            pascal(name): to_result(member, shape.members.get(name))  # type: ignore[attr-defined]
            for name, member in value.items()
            if name != "ResponseMetadata"
        }
    if shape is not None and shape.type_name == "list" and isinstance(value, list):
        return [to_result(member, shape.member) for member in value]  # type: ignore[attr-defined]
    if shape is not None and shape.type_name == "map" and isinstance(value, dict):
        return {key: to_result(member, shape.value) for key, member in value.items()}  # type: ignore[attr-defined]
    if isinstance(value, datetime.datetime):
        return _instant(value)
    if hasattr(value, "read"):
        value = value.read()
    return value.decode() if isinstance(value, bytes) else value


def _instant(moment: datetime.datetime) -> str:
    moment = moment.astimezone(datetime.UTC)
    text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    if moment.microsecond:
        digits = f"{moment.microsecond:06d}"
        text += "." + (digits[:3] if digits.endswith("000") else digits)
    return text + "Z"


def unsupported_fields(task: dict[str, Any]) -> list[str]:
    """List the fields in a Task's literal Arguments that its API does not have."""
    match = re.fullmatch(r"arn:[\w-]+:states:::aws-sdk:(\w+):(\w+)", str(task.get("Resource")))
    arguments = task.get("Arguments")
    if match is None or not isinstance(arguments, dict):
        return []
    shape = _operation(_boto_name(match[1]), match[2]).input_shape
    try:
        if shape is not None:
            to_request(arguments, shape)
    except NotSupported as field:
        return [str(field)]
    return []


# --------------------------------------------------------------------------------- errors


def error_name(error: ClientError, boto_name: str, operation_name: str) -> str:
    """Name an API error as Step Functions does: ``Appflow.ConflictException``.

    What the operation's model does not know has the service's generic name.
    """
    model = _service_model(boto_name)
    prefix = pascal(model.service_id)
    code = error.response["Error"]["Code"]
    for shape in model.operation_model(operation_name).error_shapes:
        if code in (shape.name, shape.metadata.get("error", {}).get("code")):
            name = pascal(shape.name)
            return f"{prefix}.{name if name.endswith('Exception') else name + 'Exception'}"
    return f"{prefix}.{prefix}Exception"


def _cause(error: ClientError, boto_name: str) -> str:
    metadata = error.response.get("ResponseMetadata", {})
    return (
        f"{error.response['Error'].get('Message', '')} "
        f"(Service: {pascal(_service_model(boto_name).service_id)}, "
        f"Status Code: {metadata.get('HTTPStatusCode')}, "
        f"Request ID: {metadata.get('RequestId')})"
    )


# -------------------------------------------------------------------------------- patches


def call_in_process(patches: Patches) -> None:
    """One validating client a service; moto makes an unchecked one for every call."""
    original = boto_client.boto_client_for
    for name, module in list(sys.modules.items()):
        if (
            name.startswith("moto.stepfunctions")
            and getattr(module, "boto_client_for", None) is original
        ):
            patches.put(module, "boto_client_for", client_for)


def call_as_aws_does(patches: Patches) -> None:
    """SDK integrations take and give PascalCase, ISO 8601 times and copies; moto passes through."""

    def eval_service_task(
        self: Any,
        env: Any,
        resource_runtime_part: Any,
        normalised_parameters: dict[str, Any],
        state_credentials: Any,
    ) -> None:
        boto_name = _boto_name(self.resource.api_name)
        operation = _operation(boto_name, self.resource.api_action)
        try:
            request = (
                to_request(normalised_parameters, operation.input_shape)
                if operation.input_shape is not None
                else {}
            )
        except NotSupported as field:
            raise _unusable(
                env, normalised_parameters, f"The field '{field}' is not supported"
            ) from None
        client = client_for(resource_runtime_part.region, boto_name)
        try:
            with acting_as(state_credentials.role_arn):
                response = getattr(client, xform_name(operation.name))(**request)
        except ParamValidationError as wrong:
            raise _unusable(env, normalised_parameters, str(wrong)) from None
        env.stack.append(to_result(response, operation.output_shape))

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
    """``Appflow.ConflictException`` on AWS, ``appflow.…`` in moto, which no Retry matches."""
    from_error = aws_sdk.StateTaskServiceAwsSdk._from_error

    def from_client_error(self: Any, env: Any, ex: Exception) -> Any:
        if not isinstance(ex, ClientError):
            return from_error(self, env=env, ex=ex)
        boto_name = _boto_name(self.resource.api_name)
        operation = _operation(boto_name, self.resource.api_action)
        return self._get_task_failure_event(
            env=env,
            error=error_name(ex, boto_name, operation.name),
            cause=_cause(ex, boto_name),
        )

    patches.put(aws_sdk.StateTaskServiceAwsSdk, "_from_error", from_client_error)


def name_lambdas_errors_as_aws_does(patches: Patches) -> None:
    """Name what Invoke's model does not know, such as a denial, ``Lambda.AWSLambdaException``."""
    name_and_cause = StateTaskServiceLambda._error_cause_from_client_error

    def as_aws_does(error: ClientError) -> tuple[str, str]:
        name, cause = name_and_cause(error)
        modelled = [shape.name for shape in _operation("lambda", "invoke").error_shapes]
        known = error.response["Error"]["Code"] in modelled
        return name if known else "Lambda.AWSLambdaException", cause

    patches.put(StateTaskServiceLambda, "_error_cause_from_client_error", staticmethod(as_aws_does))


def invoke_lambda_as_the_machine(patches: Patches) -> None:
    """Invoke functions as the machine's role; in moto nobody in particular does."""
    execute = lambda_eval_utils.execute_lambda_function_integration

    def as_the_machine(env: Any, parameters: Any, region: str, state_credentials: Any) -> None:
        with acting_as(state_credentials.role_arn):
            execute(env, parameters, region, state_credentials)

    patches.put(lambda_eval_utils, "execute_lambda_function_integration", as_the_machine)


def read_items_as_the_machine(patches: Patches) -> None:
    """Failing to read a Map's items is ``States.ItemReaderFailed``; in moto it is a crash."""
    eval_resource = ResourceEvalS3.eval_resource

    def as_the_machine(self: Any, env: Any) -> None:
        try:
            with acting_as(env.aws_execution_details.role_arn):
                eval_resource(self, env)
        except (ClientError, ParamValidationError) as wrong:
            raise failure(
                env, "States.ItemReaderFailed", str(wrong), HistoryEventType.MapRunFailed
            ) from wrong

    patches.put(ResourceEvalS3, "eval_resource", as_the_machine)
