"""Step Functions' integrations, held against botocore's models of the services."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.exceptions import UnknownServiceError

from tests.template.expressions import Either, Fields, Unknown, is_expression, read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.model import OperationModel, ServiceModel

_TOKEN = ".waitForTaskToken"
_RESOURCE = re.compile(
    rf"arn:(?:aws|\$\{{Partition\}}):states:::(?:aws-sdk:)?(\w+):(\w+)(?:{re.escape(_TOKEN)})?"
)
_OPTIMIZED = {
    ("lambda", "invoke"),
    ("s3", "getObject"),
    ("s3", "putObject"),
    ("s3", "listObjectsV2"),
}
_SCALARS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "timestamp": (int, float, str),
    **dict.fromkeys(("integer", "long", "float", "double"), (int, float)),
}
_OF_THE_SERVICE_ALONE = ("SdkClientException",)
_LAMBDA_ERRORS = (
    "Lambda.AWSLambdaException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.SdkClientException",
    "Lambda.ServiceException",
    "Lambda.TooManyRequestsException",
    "Lambda.Unknown",
    "Runtime.ExitError",
    "Runtime.OutOfMemory",
    "Sandbox.Timedout",
)
"""Those of Lambda itself, and of a function that timed out, was killed or ran out of memory."""


class NoSuchIntegrationError(ValueError):
    """A resource that Step Functions cannot call."""


@dataclass(frozen=True)
class Integration:
    """One action of one service, as a state calls it."""

    service: ServiceModel
    operation: OperationModel

    @property
    def prefix(self) -> str:
        """What the names of its errors begin with."""
        return _prefix(self.service)

    def errors(self) -> set[str]:
        """Every error name that a call can raise, whether modelled for it or for its service."""
        if self.prefix == "Lambda":
            return {*_LAMBDA_ERRORS, *_modelled(self.service)}
        generic = {f"{self.prefix}.{self.prefix}Exception"}
        generic |= {f"{self.prefix}.{name}" for name in _OF_THE_SERVICE_ALONE}
        return _modelled(self.service) | generic

    def problems(self, arguments: Any) -> Iterator[str]:
        """Hold a state's Arguments against the action's input."""
        shape = self.operation.input_shape
        if shape is not None:
            yield from _against(_readable(arguments), shape, "Arguments")


def waits_for_a_token(state: dict[str, Any]) -> bool:
    """Whether a state waits until somebody sends its task token back."""
    return str(state.get("Resource", "")).endswith(_TOKEN)


def integration(resource: str) -> Integration:
    """Find what a Task's or an ItemReader's Resource calls."""
    match = _RESOURCE.fullmatch(resource)
    if not match:
        raise NoSuchIntegrationError(f"{resource} is no integration")
    service_name, action = match.groups()
    if ":aws-sdk:" not in resource and (service_name, action) not in _OPTIMIZED:
        raise NoSuchIntegrationError(f"{resource} is no optimized integration")
    if ":aws-sdk:" in resource and (service_name, action) == ("lambda", "invoke"):
        raise NoSuchIntegrationError("lambda:invoke is to be called without aws-sdk")
    service = _service(service_name)
    operation = action[0].upper() + action[1:]
    if not action[0].islower() or operation not in service.operation_names:
        raise NoSuchIntegrationError(f"{service_name} has no action {action}")
    return Integration(service, service.operation_model(operation))


@cache
def _service(name: str) -> ServiceModel:
    session = botocore.session.get_session()
    names = {known.replace("-", ""): known for known in session.get_available_services()}
    try:
        return session.get_service_model(names[name])
    except (KeyError, UnknownServiceError) as error:
        raise NoSuchIntegrationError(f"there is no service {name}") from error


def _prefix(service: ServiceModel) -> str:
    return str(service.service_id).replace(" ", "")


def _modelled(service: ServiceModel) -> set[str]:
    names = {shape.name for shape in service.error_shapes}
    return {
        f"{_prefix(service)}.{name if name.endswith('Exception') else name + 'Exception'}"
        for name in names
    }


def _readable(node: Any) -> Any:
    """Turn JSON with expressions in it into values, as far as they can be read."""
    if isinstance(node, dict):
        return Fields({key: _readable(value) for key, value in node.items()})
    if isinstance(node, list):
        return [_readable(item) for item in node]
    if isinstance(node, str) and is_expression(node):
        return read(node).value
    return Unknown() if isinstance(node, str) and "${" in node else node


def _pascal(name: str) -> str:
    return name[0].upper() + name[1:]


def _against(value: Any, shape: Any, where: str) -> Iterator[str]:
    if isinstance(value, Unknown) or shape.type_name == "blob":
        return
    if isinstance(value, Either):
        for option in value.options:
            yield from _against(option, shape, where)
    elif isinstance(value, Fields):
        yield from _fields_against(value, shape, where)
    elif isinstance(value, list):
        if shape.type_name != "list":
            yield f"{where} is a list, not a {shape.type_name}"
            return
        for index, item in enumerate(value):
            yield from _against(item, shape.member, f"{where}[{index}]")
    else:
        yield from _scalar_against(value, shape, where)


def _fields_against(value: Fields, shape: Any, where: str) -> Iterator[str]:
    if shape.type_name == "map":
        for key, item in value.values.items():
            yield from _against(item, shape.value, f"{where}.{key}")
        return
    if shape.type_name != "structure":
        yield f"{where} is an object, not a {shape.type_name}"
        return
    members = {_pascal(name): member for name, member in shape.members.items()}
    for key, item in value.values.items():
        if key not in members:
            yield f"{where} has no field {key}"
        else:
            yield from _against(item, members[key], f"{where}.{key}")
    tokens = {_pascal(k) for k, m in shape.members.items() if m.metadata.get("idempotencyToken")}
    missing = {_pascal(name) for name in shape.required_members} - value.values.keys() - tokens
    if value.complete and missing:
        yield f"{where} lacks {', '.join(sorted(missing))}"


def _scalar_against(value: Any, shape: Any, where: str) -> Iterator[str]:
    wanted = _SCALARS.get(shape.type_name, ())
    if type(value) not in wanted:
        yield f"{where} is {value!r}, not a {shape.type_name}"
    elif shape.type_name == "string":
        yield from _string_against(value, shape, where)


def _string_against(value: str, shape: Any, where: str) -> Iterator[str]:
    if shape.enum and value not in shape.enum:
        yield f"{where} is {value!r}, not one of {', '.join(shape.enum)}"
    low, high = shape.metadata.get("min", 0), shape.metadata.get("max", len(value))
    if not low <= len(value) <= high:
        yield f"{where} is {len(value)} characters long, not {low} to {high}"
    pattern = shape.metadata.get("pattern")
    if pattern and not re.fullmatch(pattern, value):
        yield f"{where} is {value!r}, which {pattern} does not match"
