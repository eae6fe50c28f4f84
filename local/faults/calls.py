"""Calls that fail: with an error or in transport, before or after they took effect."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from botocore.model import StructureShape
from moto.core.exceptions import ServiceException
from pydantic import Field, field_validator, model_validator

from bulk_ingestion.flow import api_model
from local import caller
from local.faults import interception, transport
from local.faults.fields import CountedFault, Pattern
from local.faults.transport import TransportError

_DEFAULT_ERRORS = {
    "appflow": "InternalServerException",
    "customer-profiles": "InternalServerException",
    "s3": "InternalError",
    "lambda": "ServiceException",
    "stepfunctions": "InternalServerError",
    "sns": "InternalErrorException",
    "service-quotas": "ServiceException",
}
_SUBJECTS = (
    "flowName",
    "Uri",
    "Key",
    "FunctionName",
    "connectorEntityName",
    "ObjectTypeName",
    "DomainName",
)
"""Members of requests that say what a call is about, the first one that is there."""


class OperationFails(CountedFault):
    """An operation that answers an error, or whose answer does not arrive."""

    Operation: str = Field(description="service:Operation, such as appflow:StartFlow or s3:*")
    Moment: Literal["Before", "After"] = Field(
        default="Before", description="Before or After it took effect"
    )
    Error: str | None = Field(default=None, min_length=1, description="an error's code")
    Message: str | None = Field(default=None, min_length=1, description="a text")
    Transport: TransportError | None = Field(
        default=None, description=f"one of {', '.join(transport.NAMES)}"
    )
    Match: dict[str, Pattern] = Field(
        default_factory=dict, description="regular expressions by the request's members"
    )

    @field_validator("Operation")
    @classmethod
    def _exists(cls, value: str) -> str:
        service, _, name = value.partition(":")
        if service not in _DEFAULT_ERRORS:
            raise ValueError(
                f"{value!r} is of no service that can fail; known are {', '.join(_DEFAULT_ERRORS)}"
            )
        names = api_model.service_model(service).operation_names
        if name != "*" and name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            raise ValueError(
                f"{service} has no operation {name!r}"
                + (f"; did you mean {near[0]}?" if near else "; * stands for all")
            )
        return value

    @model_validator(mode="after")
    def _matches_members(self) -> OperationFails:
        known = sorted(
            {
                member
                for operation in self._operations()
                for member in _members(self.service, operation)
            }
        )
        unknown = [name for name in self.Match if name not in known]
        if unknown:
            raise ValueError(
                f"Match: {self.Operation} has no {', '.join(unknown)}; "
                f"known are {', '.join(known) or 'none'}"
            )
        return self

    @model_validator(mode="after")
    def _fails_in_one_way(self) -> OperationFails:
        if self.Transport is None:
            return self
        if self.Error is not None or self.Message is not None:
            raise ValueError("Transport excludes Error and Message: nothing is answered")
        if self.Moment == "After" and not transport.may_have_been_sent(self.Transport):
            raise ValueError(f"{self.Transport} is always Before: the request is not sent")
        return self

    @property
    def service(self) -> str:
        """The service, as botocore names it."""
        return self.Operation.partition(":")[0]

    def matches(
        self, service: str, operation: str, request: Mapping[str, Any], moment: str
    ) -> bool:
        """Whether it means a call. Only calls of the stack's roles fail in transport."""
        return (
            (self.Transport is None or caller.role.get() is not None)
            and self.Operation in (f"{service}:{operation}", f"{service}:*")
            and self.Moment.lower() == moment
            and all(
                pattern.search(_text(request.get(name, ""))) for name, pattern in self.Match.items()
            )
        )

    def error(self, operation: str) -> Exception:
        """Give the error that the caller gets: the service's, or that of botocore's transport."""
        if self.Transport is not None:
            return transport.error(self.Transport, self.service)
        effect = "its answer was lost" if self.Moment == "After" else "it did nothing"
        error: Exception = ServiceException(
            self.Error or _DEFAULT_ERRORS[self.service],
            self.Message or f"{operation} failed because a fault was asked for; {effect}.",
        )
        return error

    def _operations(self) -> Sequence[str]:
        name = self.Operation.partition(":")[2]
        return api_model.service_model(self.service).operation_names if name == "*" else [name]


def subject(request: Mapping[str, Any]) -> str:
    """Name what a call is about: a flow, an integration, a file or a function."""
    definition = request.get("FlowDefinition", {})
    if definition:
        return str(definition.get("FlowName", ""))
    return str(next((request[name] for name in _SUBJECTS if name in request), ""))


def _members(service: str, operation: str) -> Sequence[str]:
    if service in interception.MEMBERS:
        return interception.MEMBERS[service]
    shape = api_model.service_model(service).operation_model(operation).input_shape
    return list(shape.members) if isinstance(shape, StructureShape) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
