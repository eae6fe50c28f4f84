"""Makes moto's Step Functions interpreter behave as AWS does.

moto runs real ASL definitions, but in many places not as AWS runs them. Each such gap is
closed by one function of this package, named after what AWS does; :func:`install` applies
them all. It builds on moto 5.2.5 and on nothing that moto promises to keep: moto is pinned.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from moto.core import DEFAULT_ACCOUNT_ID
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from local.interpreter import api, definitions, executions, jsonata, maps, sdk, states
from local.interpreter.patches import Patches

if TYPE_CHECKING:
    from local.clock import Clock
    from local.interpreter.executions import Run, StatusListener

__all__ = ["install", "installed", "on_status_change", "uninstall", "wait_for"]

_patches = Patches()
_SECONDS_TO_END = 5.0

_ON_THE_CLOCK = (executions.start_as_aws_does, executions.keep_history_on_the_clock)
_PLAIN = (
    jsonata.bind_values,
    jsonata.keep_absent_results_absent,
    definitions.refuse_what_aws_refuses,
    definitions.parse_what_aws_accepts,
    definitions.name_any_error,
    states.carry_the_run,
    states.stop_at_once,
    states.run_in_this_thread,
    states.keep_quiet,
    states.enter_and_leave_as_aws_does,
    states.assign_at_the_end,
    states.retry_and_catch_as_aws_does,
    states.wait_on_the_clock,
    states.count_attempts_of_threads_apart,
    states.back_off_on_the_clock,
    states.match_errors_as_aws_does,
    states.choose_as_aws_does,
    states.insist_on_boolean_conditions,
    states.pass_without_a_result,
    states.branch_on_the_clock,
    states.wait_for_tokens_on_the_clock,
    maps.iterate_on_the_clock,
    maps.keep_map_runs,
    maps.run_children,
    maps.redrive_children,
    sdk.call_in_process,
    sdk.call_as_aws_does,
    sdk.name_errors_as_aws_does,
    sdk.name_lambdas_errors_as_aws_does,
    sdk.invoke_lambda_as_the_machine,
    sdk.read_items_as_the_machine,
    executions.look_up_children,
    api.describe_executions,
    api.page_through_history,
    api.list_executions_of_map_runs,
    api.stop_with_a_reason,
    api.redrive_executions,
    api.describe_map_runs,
    api.fail_tasks_with_a_cause,
)


def install(clock: Clock) -> None:
    """Close every gap; all time is this clock's. Installing again changes the clock."""
    uninstall()
    for on_the_clock in _ON_THE_CLOCK:
        on_the_clock(_patches, clock)
    for plain in _PLAIN:
        plain(_patches)


def uninstall() -> None:
    """Leave moto as it was shipped. What runs is stopped, and listeners are forgotten."""
    for run in list(executions.running):
        run.halt("ABORTED", None, None)
        run.finished.wait(_SECONDS_TO_END)
    _patches.undo()
    executions.listeners.clear()


@contextmanager
def installed(clock: Clock) -> Iterator[None]:
    """Close every gap for a while."""
    install(clock)
    try:
        yield
    finally:
        uninstall()


def on_status_change(listener: StatusListener) -> None:
    """Call ``listener`` with the detail of a Status Change event, for each change of status."""
    executions.listeners.append(listener)


def wait_for(execution_arn: str, seconds: float = 60, account: str = DEFAULT_ACCOUNT_ID) -> Run:
    """Wait (in real time) until an execution has ended and its threads are done.

    For threads that are not at work on the clock, such as a test's.
    """
    region = execution_arn.split(":")[3]
    run = executions.find(stepfunctions_parser_backends[account][region], execution_arn)
    until = time.monotonic() + seconds
    while not run.finished.wait(max(0.0, until - time.monotonic())):
        if time.monotonic() >= until:
            raise TimeoutError(f"{execution_arn} is still {run.status} after {seconds:g} s.")
    return run
