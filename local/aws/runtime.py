"""Lambda's runtime: calls the handler of a function, and reports how it ended."""

from __future__ import annotations

import importlib
import json
import sys
import traceback
import uuid
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.aws import logs
from local.aws.environment import Environment
from local.caller import acting_as
from local.services.simulation import Invocation

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from local.clock import Clock

FOLDER = Path(__file__).parents[2] / "functions"
"""Where the handlers' modules are."""

environment = Environment()


class OutOfTime(BaseException):
    """The function's time is over. Lambda ends its process, so no handler may catch this."""


@dataclass
class Context:
    """What a handler gets besides its event."""

    function_name: str
    invoked_function_arn: str
    memory_limit_in_mb: int
    timeout_seconds: int
    clock: Clock
    began: datetime
    aws_request_id: str
    function_version: str = "$LATEST"
    identity: None = None
    client_context: None = None

    @property
    def log_group_name(self) -> str:
        """The log group that its logs would go to."""
        return f"/aws/lambda/{self.function_name}"

    @property
    def log_stream_name(self) -> str:
        """The log stream that its logs would go to."""
        return f"{self.began:%Y/%m/%d}/[{self.function_version}]{self.aws_request_id}"

    def get_remaining_time_in_millis(self) -> int:
        """Return the time until the function times out, on the simulated clock."""
        return max(0, int(self.seconds_left() * 1000))

    def seconds_left(self) -> float:
        """Return the seconds until the function times out; negative after that."""
        return self.timeout_seconds - (self.clock.now() - self.began).total_seconds()

    def sleep(self, seconds: float) -> None:
        """Let simulated time pass. Raises OutOfTime when the function times out meanwhile."""
        left = self.seconds_left()
        self.clock.sleep(max(0.0, min(seconds, left)))
        if seconds > left:
            raise OutOfTime


running: ContextVar[Context | None] = ContextVar("running", default=None)
"""The context of the function that runs in this thread."""


class FunctionFailed(Exception):  # noqa: N818
    """A function's error; ``report`` is what Invoke returns as its payload."""

    def __init__(self, error_type: str | None, message: str, **more: Any) -> None:
        super().__init__(message)
        self.report = {"errorMessage": message, "errorType": error_type, **more}
        if error_type is None:
            del self.report["errorType"]


def run(function: Any, payload: str | bytes | None, clock: Clock, invocation: Invocation) -> bytes:
    """Call a function's handler and return its result as JSON. Raises FunctionFailed."""
    context = Context(
        function_name=function.function_name,
        invoked_function_arn=function.function_arn,
        memory_limit_in_mb=int(function.memory_size),
        timeout_seconds=int(function.timeout),
        clock=clock,
        began=clock.now(),
        aws_request_id=str(uuid.uuid4()),
    )
    if invocation.moment == "before":
        _fail_as_asked(invocation, context)
    result = _result(function, payload, context)
    if invocation.moment == "after":
        _fail_as_asked(invocation, context)
    return result


def _fail_as_asked(invocation: Invocation, context: Context) -> None:
    if invocation.ends == "TimedOut":
        clock, left = context.clock, context.seconds_left()
        clock.sleep(max(0.0, left))
        raise _timed_out(context)
    if invocation.ends == "OutOfMemory":
        raise _killed(context, "Runtime.OutOfMemory", "Runtime exited with error: signal: killed")
    if invocation.ends == "Exited":
        raise _killed(context, "Runtime.ExitError", "Runtime exited with error: exit status 1")
    if invocation.ends == "Unknown":
        raise _killed(context, None, "Runtime exited")


def _killed(context: Context, error_type: str | None, message: str) -> FunctionFailed:
    """Make what Lambda reports of a function whose process it ended."""
    return FunctionFailed(error_type, f"RequestId: {context.aws_request_id} Error: {message}")


def _timed_out(context: Context) -> FunctionFailed:
    message = f"Task timed out after {context.timeout_seconds:.2f} seconds"
    return _killed(context, "Sandbox.Timedout", message)


def _result(function: Any, payload: str | bytes | None, context: Context) -> bytes:
    variables = {
        "AWS_REGION": function.region,
        "AWS_DEFAULT_REGION": function.region,
        **logs.variables(function.logging_config),
        **{name: str(value) for name, value in (function.environment_vars or {}).items()},
    }
    with environment.with_variables(variables, context.clock), acting_as(function.role):
        logs.set_level()
        handler = _handler(function.handler)
        result = _call(handler, json.loads(payload or "{}"), context)
    if context.seconds_left() < 0:
        raise _timed_out(context)
    try:
        return json.dumps(result).encode()
    except (TypeError, ValueError) as wrong:
        message = f"Unable to marshal response: {wrong}"
        raise FunctionFailed("Runtime.MarshalError", message) from wrong


def _handler(name: str) -> Callable[[Any, Any], Any]:
    module_name, _, attribute = name.replace("/", ".").rpartition(".")
    if str(FOLDER) not in sys.path:
        sys.path.insert(0, str(FOLDER))
    try:
        module = importlib.import_module(module_name)
    except ImportError as wrong:
        message = f"Unable to import module '{module_name}': {wrong}"
        raise FunctionFailed("Runtime.ImportModuleError", message) from wrong
    handler: Callable[[Any, Any], Any] | None = getattr(module, attribute, None)
    if handler is None:
        message = f"Handler '{attribute}' missing on module '{module_name}'"
        raise FunctionFailed("Runtime.HandlerNotFound", message)
    return handler


def _call(handler: Callable[[Any, Any], Any], event: Any, context: Context) -> Any:
    token = running.set(context)
    try:
        return handler(event, context)
    except OutOfTime:
        raise _timed_out(context) from None
    except Exception as wrong:  # the Python runtime reports whatever a handler raises
        frames = traceback.extract_tb(wrong.__traceback__)[1:]
        raise FunctionFailed(
            type(wrong).__name__,
            str(wrong),
            requestId=context.aws_request_id,
            stackTrace=traceback.format_list(frames),
        ) from wrong
    finally:
        running.reset(token)
