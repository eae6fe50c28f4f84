"""Strict requests for moto services with the rest-json protocol."""

from __future__ import annotations

import base64
import binascii
import copy
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, ClassVar, TypeVar

from botocore import xform_name
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse
from moto.core.routing import get_service_router
from werkzeug.exceptions import NotFound

from bulk_ingestion.flow import api_model
from bulk_ingestion.flow.api_model import Problem
from local import strict_json
from local.services import simulation
from local.services.statuses import http_status

Item = TypeVar("Item")


class StrictResponse(BaseResponse):  # type: ignore[misc]
    """Refuses what the service's model refuses, then calls the backend.

    The backend has one method an operation (``CreateFlow``: ``create_flow``). It takes the
    request's members as a dictionary, timestamps as datetimes, answers the response's members,
    and raises moto's ServiceException with the code of a modelled error.
    """

    invalid_request: ClassVar[type[ServiceException]]
    """The service's error for a request that the model refuses."""

    @property
    def backend(self) -> Any:
        """The backend of the request's account and Region."""
        raise NotImplementedError

    def call_action(self) -> tuple[int, dict[str, str], Any]:
        """Answer the request that moto has set up."""
        router = get_service_router(self.boto3_service_name)
        try:
            operation, uri_values = router.match(self.normalized_request)
        except NotFound:
            return 404, {"x-amzn-errortype": "UnknownOperationException"}, "{}"
        with simulation.current.changing():
            result = self._perform(operation, uri_values)
        status, headers, body = self.serialized(ActionResult(result))
        if isinstance(result, ServiceException):
            status = http_status(self.boto3_service_name, result.code)
        headers["date"] = format_datetime(simulation.current.now(), usegmt=True)
        headers, body = self._enrich_response(headers, body)
        return status, headers, body

    def _perform(self, operation: OperationModel, uri_values: Mapping[str, Any]) -> Any:
        perform = getattr(self.backend, xform_name(operation.name), None)
        if perform is None:
            raise NotImplementedError(f"{operation.name} of {self.boto3_service_name}")
        world, service = simulation.current, self.boto3_service_name
        try:
            request = self._read(operation, uri_values)
            world.intercept(service, operation.name, request, "before")
            self.backend.settle()
            self.backend.refuse_young(operation.name, request)
            answer = perform(request)
            world.intercept(service, operation.name, request, "after")
        except ServiceException as error:
            # moto finds the service's model by the module of the error's class
            return self.invalid_request(error.code, error.message)
        return copy.deepcopy(answer)

    def _read(self, operation: OperationModel, uri_values: Mapping[str, Any]) -> dict[str, Any]:
        shape = operation.input_shape
        assert isinstance(shape, StructureShape)  # every operation of these services takes input
        request = {
            name: value for name, value in self._json_body().items() if value is not None
        } | self._values_outside_the_body(shape, uri_values)
        problems = api_model.problems(self.boto3_service_name, shape.name, request)
        if problems:
            raise self.invalid_request(detected(problems))
        return dict(_with_datetimes(shape, request))

    def _json_body(self) -> dict[str, Any]:
        try:
            body = strict_json.loads(self.body) if self.body else {}
        except ValueError as wrong:
            problem = f"The body is not JSON: {wrong}."
            raise ServiceException("SerializationException", problem) from None
        if not isinstance(body, dict):
            raise ServiceException("SerializationException", "The body must be a JSON object.")
        return body

    def _values_outside_the_body(
        self, shape: StructureShape, uri_values: Mapping[str, Any]
    ) -> dict[str, Any]:
        values: dict[str, Any] = {}
        members: Mapping[str, Shape] = shape.members
        for name, member in members.items():
            where = member.serialization.get("location")
            key = member.serialization.get("name", name)
            if where == "uri":
                values[name] = uri_values.get(key, uri_values.get(name))
            elif where == "querystring":
                given = self.normalized_request.args.getlist(key)
                if given:
                    values[name] = _QUERY_VALUES.get(member.type_name, _first)(given)
        return values


def detected(problems: Sequence[Problem]) -> str:
    """Say what a service's model refuses, as AWS introduces it."""
    noun = "validation error" if len(problems) == 1 else "validation errors"
    return f"{len(problems)} {noun} detected: {'; '.join(map(str, problems))}"


def _first(given: list[str]) -> Any:
    return given[0]


def _first_number(given: list[str]) -> Any:
    return int(given[0]) if given[0].lstrip("-").isdigit() else given[0]


def _first_boolean(given: list[str]) -> Any:
    return {"true": True, "false": False}.get(given[0].lower(), given[0])


def _all(given: list[str]) -> Any:
    return given


_QUERY_VALUES: Mapping[str, Callable[[list[str]], Any]] = {
    "integer": _first_number,
    "long": _first_number,
    "boolean": _first_boolean,
    "list": _all,
}


def _instant(value: Any) -> datetime:
    """Read a timestamp that the model has accepted, with its fraction of a second."""
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC)
    return datetime.fromisoformat(value).astimezone(UTC)


def _with_datetimes(shape: Shape, value: Any) -> Any:
    if isinstance(shape, StructureShape):
        members: Mapping[str, Shape] = shape.members
        return {
            name: _with_datetimes(members[name], member)
            for name, member in value.items()
            if member is not None
        }
    if isinstance(shape, ListShape):
        return [_with_datetimes(shape.member, element) for element in value]
    if isinstance(shape, MapShape):
        return {key: _with_datetimes(shape.value, element) for key, element in value.items()}
    return _instant(value) if shape.type_name == "timestamp" else value


def page(
    items: Sequence[Item], size: int, token: str | None, invalid_token: ServiceException
) -> tuple[list[Item], str | None]:
    """Cut one page out of a list; answers it and the token of the next one, if there is one."""
    try:
        start = int(base64.urlsafe_b64decode(token)) if token else 0
    except (ValueError, binascii.Error):
        raise invalid_token from None
    end = start + size
    following = base64.urlsafe_b64encode(str(end).encode()).decode() if end < len(items) else None
    return list(items[start:end]), following
