"""Lambda in process: invokes the handlers of this repository as moto's functions name them."""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
import traceback
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moto.awslambda.models import LambdaBackend
from moto.awslambda_simple.models import LambdaSimpleBackend

from local.caller import acting_as
from local.interpreter.patches import Patches
from local.interpreter.timing import start_thread

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from local.clock import Clock

FOLDER = Path(__file__).parent.parent / "functions"

_patches = Patches()


@dataclass
class Context:
    """What a handler gets beside its event."""

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
        """Where its logs would be."""
        return f"/aws/lambda/{self.function_name}"

    @property
    def log_stream_name(self) -> str:
        """Where in them."""
        return f"{self.began:%Y/%m/%d}/[{self.function_version}]{self.aws_request_id}"

    def get_remaining_time_in_millis(self) -> int:
        """Until the function times out, on the simulated clock."""
        return max(0, int((self.timeout_seconds - self.seconds_taken()) * 1000))

    def seconds_taken(self) -> float:
        """Since it began, on the simulated clock."""
        return (self.clock.now() - self.began).total_seconds()


class Variables:
    """The process's environment variables, as the running functions want them.

    Functions with the same variables run side by side; others take turns.
    """

    def __init__(self) -> None:
        self._free = threading.Condition()
        self._users = 0
        self._set: dict[str, str] = {}
        self._before: dict[str, str | None] = {}

    @contextmanager
    def using(self, variables: dict[str, str], clock: Clock) -> Iterator[None]:
        """Have these variables in ``os.environ``."""
        with self._free:
            if self._users and variables != self._set:
                with clock.waiting():
                    self._free.wait_for(lambda: not self._users or variables == self._set)
            if variables != self._set:
                self.clear()
                self._before = {name: os.environ.get(name) for name in variables}
                os.environ.update(variables)
                self._set = dict(variables)
            self._users += 1
        try:
            yield
        finally:
            with self._free:
                self._users -= 1
                self._free.notify_all()

    def clear(self) -> None:
        """Put the environment back as it was."""
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        self._set, self._before = {}, {}


_variables = Variables()


class FunctionFailed(Exception):  # noqa: N818
    """A function's error, as the Lambda runtime reports it."""

    def __init__(self, error_type: str, message: str, stack: list[str], request_id: str) -> None:
        super().__init__(message)
        self.report = {
            "errorMessage": message,
            "errorType": error_type,
            "requestId": request_id,
            "stackTrace": stack,
        }


def _handler(name: str, request_id: str) -> Callable[[Any, Any], Any]:
    module_name, _, attribute = name.replace("/", ".").rpartition(".")
    if str(FOLDER) not in sys.path:
        sys.path.insert(0, str(FOLDER))
    try:
        module = importlib.import_module(module_name)
    except ImportError as wrong:
        raise FunctionFailed(
            "Runtime.ImportModuleError",
            f"Unable to import module '{module_name}': {wrong}",
            [],
            request_id,
        ) from wrong
    handler: Callable[[Any, Any], Any] | None = getattr(module, attribute, None)
    if handler is None:
        raise FunctionFailed(
            "Runtime.HandlerNotFound",
            f"Handler '{attribute}' missing on module '{module_name}'",
            [],
            request_id,
        )
    return handler


def run(function: Any, payload: str | bytes | None, clock: Clock) -> bytes:
    """Call a function's handler; the JSON that it returns. Raises FunctionFailed."""
    context = Context(
        function_name=function.function_name,
        invoked_function_arn=function.function_arn,
        memory_limit_in_mb=int(function.memory_size),
        timeout_seconds=int(function.timeout),
        clock=clock,
        began=clock.now(),
        aws_request_id=str(uuid.uuid4()),
    )
    variables = {
        "AWS_REGION": function.region,
        "AWS_DEFAULT_REGION": function.region,
        **{name: str(value) for name, value in (function.environment_vars or {}).items()},
    }
    with _variables.using(variables, clock), acting_as(function.role):
        handler = _handler(function.handler, context.aws_request_id)
        result = _call(handler, json.loads(payload or "{}"), context)
    if context.seconds_taken() > context.timeout_seconds:
        raise FunctionFailed(
            "Sandbox.Timedout",
            f"RequestId: {context.aws_request_id} Error: Task timed out after "
            f"{context.timeout_seconds:.2f} seconds",
            [],
            context.aws_request_id,
        )
    try:
        return json.dumps(result).encode()
    except (TypeError, ValueError) as wrong:
        raise FunctionFailed(
            "Runtime.MarshalError",
            f"Unable to marshal response: {wrong}",
            [],
            context.aws_request_id,
        ) from wrong


def _call(handler: Callable[[Any, Any], Any], event: Any, context: Context) -> Any:
    try:
        return handler(event, context)
    except Exception as wrong:  # as the Python runtime reports whatever a handler raises
        frames = traceback.extract_tb(wrong.__traceback__)[1:]
        raise FunctionFailed(
            type(wrong).__name__,
            str(wrong),
            traceback.format_list(frames),
            context.aws_request_id,
        ) from wrong


def install(clock: Clock, ran: Callable[[str, bool], None] = lambda name, failed: None) -> None:
    """Invoke handlers in process; moto uses Docker, or echoes.

    ``ran`` is told the name of each function that has run, and whether it failed.
    """
    uninstall()

    def run_and_tell(function: Any, body: Any) -> bytes:
        failed = True
        try:
            answer = run(function, body, clock)
            failed = False
        finally:
            ran(function.function_name, failed)
        return answer

    def run_unheard(function: Any, body: Any) -> None:
        try:
            run_and_tell(function, body)
        except FunctionFailed as failed:
            print(json.dumps(failed.report), file=sys.stderr)

    def invoke(
        self: Any,
        function_name: str,
        qualifier: str | None,
        body: Any,
        headers: Any,
        response_headers: dict[str, str],
    ) -> bytes:
        function = self.get_function(function_name, qualifier)
        kind = headers.get("X-Amz-Invocation-Type", "RequestResponse")
        if kind == "DryRun":
            return b""
        if kind == "Event":
            start_thread(clock, function.function_name, lambda: run_unheard(function, body))
            return b""
        response_headers["x-amz-executed-version"] = "$LATEST"
        try:
            return run_and_tell(function, body)
        except FunctionFailed as failed:
            response_headers["x-amz-function-error"] = "Unhandled"
            return json.dumps(failed.report).encode()

    for backend in (LambdaBackend, LambdaSimpleBackend):
        _patches.put(backend, "invoke", invoke)


def uninstall() -> None:
    """Leave moto's Lambda as it was shipped."""
    _patches.undo()
    _variables.clear()
