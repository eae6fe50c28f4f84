"""Requests to AWS's APIs over HTTP: those that no SDK sends are refused as AWS refuses them."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING

from moto.moto_server import werkzeug_app
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.wrappers import Request, Response

from bulk_ingestion.flow import api_model
from local import iam, strict_json
from local.iam.operations import TRUSTS
from local.services.rest_json import detected

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_TARGET = "X-Amz-Target"
_SIGNED_FOR = re.compile(r"Credential=[^,]*/([\w-]+)/aws4_request")
_REST_JSON = ("appflow", "profile", "lambda", "scheduler")
"""The services, by their names in signatures, whose requests need no content type."""
_MODELS = {"AWSStepFunctions": "stepfunctions"}
"""The services whose requests are checked against botocore's models here, by the first part of
X-Amz-Target. AppFlow and Customer Profiles check theirs themselves."""

_log = logging.getLogger(__name__)


class _Refused(Exception):  # noqa: N818
    """A request that AWS would not have carried out."""

    def __init__(self, status: int, code: str, message: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def aws_apis() -> WSGIApplication:
    """Give the APIs of moto's services and of ours, which answer every error as AWS does.

    Without that, moto ends what it cannot read, or does not know, in a page for people.
    """
    werkzeug_app.DISABLE_GLOBAL_CORS = True  # or it lets pages of every origin read its answers
    services = DomainDispatcherApplication(create_backend_app)

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        try:
            _check(request)
            answered = Response.from_app(services, request.environ)
            if answered.status_code >= 400 and answered.mimetype == "text/html":
                raise _Refused(answered.status_code, "UnknownOperationException")
        except _Refused as refused:
            answered = _error(request, refused.status, refused.code, str(refused))
        except NotImplementedError as unknown:
            answered = _error(
                request,
                501,
                "NotImplemented",
                f"The embedded cloud does not simulate this: {unknown}",
            )
        except Exception as wrong:
            _log.exception("%s %s", request.method, request.path)
            answered = _error(request, 500, "InternalFailure", repr(wrong))
        return answered(environ, start_response)

    return answer


def _check(request: Request) -> None:
    if request.path.startswith("/moto-api"):
        raise _Refused(404, "UnknownOperationException", "Use /local in place of /moto-api.")
    target = request.headers.get(_TARGET)
    if target is None:
        return
    if "Authorization" not in request.headers:
        raise _Refused(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
    body = request.get_data()
    request.environ["wsgi.input"] = BytesIO(body)  # the service reads it, too
    try:
        values = strict_json.loads(body or b"{}")
    except ValueError as wrong:
        raise _Refused(400, "SerializationException", f"The body is not JSON: {wrong}.") from None
    if not isinstance(values, dict):
        raise _Refused(400, "SerializationException", "The body must be a JSON object.")
    prefix, _, operation = target.partition(".")
    if prefix in _MODELS:
        _check_against_model(_MODELS[prefix], operation, values)


def _check_against_model(service: str, operation: str, values: dict[str, object]) -> None:
    model = api_model.service_model(service)
    if operation not in model.operation_names:
        raise _Refused(400, "UnknownOperationException", f"There is no operation {operation!r}.")
    shape = model.operation_model(operation).input_shape
    problems = api_model.problems(service, shape.name, values) if shape else []
    if problems:
        raise _Refused(400, "ValidationException", detected(problems))
    trust = TRUSTS.get((service, operation))
    if trust and not iam.trusts(trust.role.format_map(values), trust.service, trust.tells_account):
        raise _Refused(trust.status, trust.code, trust.message)


def _expects_json(request: Request) -> bool:
    """Whether a client reads errors as JSON; a GET says so only by the service that it is for."""
    signed_for = _SIGNED_FOR.search(request.headers.get("Authorization", ""))
    is_rest_json = signed_for is not None and signed_for[1] in _REST_JSON
    return (
        is_rest_json
        or _TARGET in request.headers
        or "json" in request.headers.get("Content-Type", "")
    )


def _error(request: Request, status: int, code: str, message: str) -> Response:
    """Give an error in the format of the request: JSON, or XML for those that are not JSON."""
    if _expects_json(request):
        body = json.dumps({"__type": code, "message": message})
        answered = Response(body, status, mimetype="application/x-amz-json-1.0")
        answered.headers["x-amzn-errortype"] = code
        return answered
    error = f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
    return Response(f"<ErrorResponse>{error}</ErrorResponse>", status, mimetype="text/xml")
