"""StartExecution."""

from __future__ import annotations

import copy
import uuid
from typing import TYPE_CHECKING, Any

from moto.stepfunctions.exceptions import InvalidExecutionInput
from moto.stepfunctions.parser.models import StepFunctionsParserBackend

from local import strict_json
from local.interpreter.executions.execution import Execution
from local.interpreter.states.payload import MOST_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.clock import Clock
    from local.interpreter.patches import Patches


def start_as_aws_does(patches: Patches, clock: Clock, most_events: Callable[[], int]) -> None:
    """Start executions on the clock; make a name where none is given, and refuse a used one."""

    def start_execution(
        self: Any,
        state_machine_arn: str,
        name: str | None = None,
        execution_input: str | None = None,
        trace_header: Any = None,
    ) -> Any:
        machine = self.describe_state_machine(state_machine_arn)
        text = execution_input or "{}"
        if name:
            self._validate_name(name)
            existing = machine._handle_name_input_idempotency(name, text)
            if existing is not None:
                return existing
        _check_input(text)
        snapshot = copy.copy(machine)
        snapshot.executions = []
        execution = Execution(
            clock=clock,
            machine=snapshot,
            account=self.account_id,
            region=self.region_name,
            arn=f"arn:{self.partition}:states:{self.region_name}:{self.account_id}:execution:"
            f"{machine.name}:{name or uuid.uuid4()}",
            execution_input=text,
            most_events=most_events(),
        )
        machine.executions.append(execution)
        execution.start()
        return execution

    patches.put(StepFunctionsParserBackend, "start_execution", start_execution)


def _check_input(text: str) -> None:
    try:
        strict_json.loads(text, finite=False)
    except ValueError as wrong:
        raise InvalidExecutionInput(f"Invalid State Machine Execution Input: '{wrong}'") from wrong
    if len(text.encode()) > MOST_BYTES:
        raise InvalidExecutionInput(f"The input is larger than {MOST_BYTES} bytes")
