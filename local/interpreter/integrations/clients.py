"""Clients and service models for the calls that state machines make."""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING, Any

import botocore.loaders
from botocore import xform_name
from botocore.exceptions import ConnectionError, HTTPClientError  # noqa: A004 - botocore's
from botocore.model import ServiceModel
from moto.stepfunctions.parser.asl.utils import boto_client

from local import clients

if TYPE_CHECKING:
    from botocore.model import OperationModel

    from local.interpreter.patches import Patches

_BOTO_NAMES = {
    "cloudwatchlogs": "logs",
    "customerprofiles": "customer-profiles",
    "eventbridge": "events",
    "sfn": "stepfunctions",
}
"""Boto's names of services, where the name in an integration's ARN is another one."""

_loader = botocore.loaders.Loader()


def boto_name(api_name: str) -> str:
    """Return boto's name of a service, given its name in an integration's ARN."""
    return _BOTO_NAMES.get(api_name, api_name)


@cache
def service_model(service: str) -> ServiceModel:
    """Load the model of a service, given boto's name."""
    return ServiceModel(_loader.load_service_model(service, "service-2"), service)


@cache
def operation(service: str, action: str) -> OperationModel:
    """Find the model of an integration's action, such as ``createFlow``. Raises ValueError."""
    if not action[:1].islower():
        raise ValueError(f"The action {action} must be in camelCase.")
    model = service_model(service)
    for name in model.operation_names:
        if xform_name(name) == xform_name(action):
            return model.operation_model(name)
    raise ValueError(f"{service} has no action {action}.")


def is_transport_error(error: Exception) -> bool:
    """Return whether a call got no answer: the Java SDK would raise an SdkClientException."""
    return isinstance(error, ConnectionError | HTTPClientError)


def transport_cause(error: Exception) -> str:
    """Return the cause of a call that got no answer."""
    return f"Unable to execute HTTP request: {error}"


def client_for(region: str, service: str, state_credentials: Any = None) -> Any:
    """Return the embedded cloud's client for a service."""
    return clients.client(boto_name(service), region)


def call_with_one_client(patches: Patches) -> None:
    """Use one client for each service, which validates; moto makes one for each call, without."""
    original = boto_client.boto_client_for
    for name, module in list(sys.modules.items()):
        if (
            name.startswith("moto.stepfunctions")
            and getattr(module, "boto_client_for", None) is original
        ):
            patches.put(module, "boto_client_for", client_for)
