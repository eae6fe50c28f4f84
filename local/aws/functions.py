"""Lambda in process: invokes the handlers of this repository as moto's functions name them."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

from moto.awslambda.models import LambdaBackend, LambdaFunction
from moto.awslambda_simple.models import LambdaSimpleBackend

from local.aws import runtime
from local.aws.runtime import FunctionFailed
from local.interpreter.integrations.lambda_functions import ClientExecutionTimeout
from local.interpreter.patches import Patches
from local.interpreter.timing import start_thread
from local.services import simulation

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.clock import Clock
    from local.services.simulation import Invocation

_patches = Patches()


class _Lambda:
    """Invokes functions, each as the installed faults direct."""

    def __init__(self, clock: Clock, ran: Callable[[str, bool], None]) -> None:
        self._clock = clock
        self._ran = ran

    def invoke(self, function: Any, body: Any) -> bytes:
        """Return the result's JSON. Raises FunctionFailed, and ClientExecutionTimeout."""
        invocation = simulation.current.direct_invocation(function.function_name)
        if invocation.moment == "before":
            self._delay(invocation)
        try:
            return self._run(function, body, invocation)
        finally:
            if invocation.moment == "after":
                self._delay(invocation)

    def invoke_as_event(self, function: Any, body: Any) -> None:
        """Invoke a function in a thread; its report goes to the log."""

        def work() -> None:
            try:
                self.invoke(function, body)
            except FunctionFailed as failed:
                print(json.dumps(failed.report), file=sys.stderr)

        start_thread(self._clock, function.function_name, work)

    def _delay(self, invocation: Invocation) -> None:
        if invocation.takes:
            self._clock.sleep(invocation.takes.total_seconds())
        if invocation.ends == "ClientTimeout":
            raise ClientExecutionTimeout

    def _run(self, function: Any, body: Any, invocation: Invocation) -> bytes:
        failed = True
        try:
            answer = runtime.run(function, body, self._clock, invocation)
            failed = False
        finally:
            self._ran(function.function_name, failed)
        return answer


def install(clock: Clock, ran: Callable[[str, bool], None] = lambda name, failed: None) -> None:
    """Invoke handlers in process; moto uses Docker, or echoes.

    ``ran`` is called with the name of each function that has run, and whether it failed.
    """
    uninstall()
    service = _Lambda(clock, ran)

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
            service.invoke_as_event(function, body)
            return b""
        response_headers["x-amz-executed-version"] = "$LATEST"
        try:
            return service.invoke(function, body)
        except FunctionFailed as failed:
            response_headers["x-amz-function-error"] = "Unhandled"
            return json.dumps(failed.report).encode()

    created = LambdaFunction.__init__

    def create(self: Any, *, spec: dict[str, Any], **rest: Any) -> None:
        self.logging_config = spec.get("LoggingConfig", {})  # which moto drops
        created(self, spec=spec, **rest)

    _patches.put(LambdaFunction, "__init__", create)
    for backend in (LambdaBackend, LambdaSimpleBackend):
        _patches.put(backend, "invoke", invoke)
    _patches.put(time, "sleep", _sleep_until_timeout(time.sleep))


def _sleep_until_timeout(sleep: Callable[[float], None]) -> Callable[[float], None]:
    """Let functions sleep on the clock, and no longer than their Timeout."""

    def sleep_in_function(seconds: float) -> None:
        context = runtime.running.get()
        (sleep if context is None else context.sleep)(seconds)

    return sleep_in_function


def uninstall() -> None:
    """Restore moto's Lambda as it was shipped."""
    _patches.undo()
    runtime.environment.restore()
