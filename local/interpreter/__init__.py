"""Makes moto's Step Functions interpreter behave as AWS does.

Moto runs real definitions, but in many places not as AWS runs them. Each difference is removed
by one function of this package, named after what AWS does; :func:`install` calls them all. They
replace internals of moto 5.2.5 that no later version promises to keep, so moto is pinned. Tests
marked with ``needs`` run without a replacement too, and report when moto needs it no longer.

A package for each concept of the States Language:

- ``definition``: what CreateStateMachine accepts and refuses, and how definitions are parsed
- ``executions``: how executions start and end, their history, and the API that shows them
- ``states``: entering and leaving states, errors, choices, waits, branches, task tokens
- ``maps``: inline Maps, and Map Runs with their child executions
- ``integrations``: the calls that Tasks make
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from moto.core import DEFAULT_ACCOUNT_ID
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from local.interpreter import jsonata, jsonpath, timing
from local.interpreter.definition import parsing, validation
from local.interpreter.executions import api, execution, lookup, single_state, starting
from local.interpreter.executions.history import MOST_EVENTS
from local.interpreter.integrations import clients, executions, lambda_functions, sdk
from local.interpreter.maps import distributed, inline, items, map_run
from local.interpreter.patches import Patches
from local.interpreter.states import (
    branches,
    choice,
    errors,
    frames,
    program,
    retriers,
    state,
    tokens,
    wait,
    waiting,
)

if TYPE_CHECKING:
    from local.clock import Clock
    from local.interpreter.executions.execution import Execution, StatusListener

__all__ = ["install", "installed", "on_status_change", "uninstall", "wait_for"]

_patches = Patches()
_SECONDS_TO_END = 60.0

REPLACEMENTS: tuple[Callable[[Patches], None], ...] = (
    jsonata.bind_values,
    jsonata.keep_absent_results_absent,
    jsonpath.read_paths_as_aws_does,
    validation.refuse_what_aws_refuses,
    validation.answer_validations,
    parsing.accept_any_error_name,
    parsing.forget_what_was_refused,
    frames.extend_frames,
    waiting.stop_at_once,
    program.run_in_the_callers_thread,
    program.log_no_failures,
    state.enter_and_leave_as_aws_does,
    state.assign_at_the_end,
    state.pass_without_a_result,
    errors.retry_and_catch_as_aws_does,
    errors.match_errors_as_aws_does,
    retriers.count_attempts_in_one_place,
    retriers.back_off_on_the_clock,
    choice.choose_as_aws_does,
    choice.require_boolean_conditions,
    wait.wait_on_the_clock,
    branches.run_parallel_states_on_the_clock,
    tokens.wait_for_tokens_on_the_clock,
    tokens.answer_as_aws_does,
    items.read_items_as_the_machine,
    inline.iterate_on_the_clock,
    map_run.keep_map_runs,
    distributed.run_each_item_as_an_execution,
    distributed.redrive_map_runs,
    clients.call_with_one_client,
    sdk.call_as_aws_does,
    sdk.name_errors_as_aws_does,
    lambda_functions.invoke_as_the_machine,
    lambda_functions.name_errors_as_aws_does,
    executions.start_as_aws_does,
    lookup.look_up_children,
    api.describe_executions,
    api.page_through_history,
    api.list_executions_of_map_runs,
    api.stop_with_a_reason,
    api.redrive_executions,
    api.describe_map_runs,
    api.fail_tasks_with_a_cause,
)


def install(clock: Clock, most_events: Callable[[], int] = lambda: MOST_EVENTS) -> None:
    """Make all replacements.

    Executions take their time from ``clock``, and fail when their history reaches as many events
    as ``most_events`` returned at their start. Installing again replaces both.
    """
    uninstall()
    starting.start_as_aws_does(_patches, clock, most_events)
    single_state.test_states(_patches, clock)
    for replace in REPLACEMENTS:
        replace(_patches)


def uninstall() -> None:
    """Restore moto as it was shipped, stop running executions, and forget listeners."""
    for running in list(execution.running):
        running.halt("ABORTED", None, None)
    timing.join_threads(_SECONDS_TO_END)
    _patches.undo()
    execution.listeners.clear()


@contextmanager
def installed(clock: Clock, most_events: int = MOST_EVENTS) -> Iterator[None]:
    """Make all replacements for as long as the context."""
    install(clock, lambda: most_events)
    try:
        yield
    finally:
        uninstall()


def on_status_change(listener: StatusListener) -> None:
    """Call ``listener`` with the detail of a Status Change event, for each change of status."""
    execution.listeners.append(listener)


def wait_for(
    execution_arn: str, seconds: float = 60, account: str = DEFAULT_ACCOUNT_ID
) -> Execution:
    """Wait (in real time) until an execution has ended and its threads are done.

    For a thread that the clock counts, time goes on meanwhile. Raises TimeoutError.
    """
    region = execution_arn.split(":")[3]
    backend = stepfunctions_parser_backends[account][region]
    waited_for = lookup.find_execution(backend, execution_arn)
    if not waited_for.wait(seconds):
        raise TimeoutError(f"{execution_arn} is still {waited_for.status} after {seconds:g} s.")
    return waited_for
