"""The interpreter's replacements by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from local.interpreter.patches import Patches

ADAPTATIONS = {
    # simulated time, which moto does not have
    "states.program.run_in_the_callers_thread",
    "states.retriers.back_off_on_the_clock",
    "states.tokens.wait_for_tokens_on_the_clock",
    "states.wait.wait_on_the_clock",
    # what the interpreter of this package keeps beside what moto keeps
    "maps.map_run.keep_map_runs",
    "states.frames.extend_frames",
    # the machine's role, and other clients than moto's
    "integrations.clients.call_with_one_client",
    "integrations.lambda_functions.invoke_as_the_machine",
    "maps.items.read_items_as_the_machine",
    # a log that can be read
    "states.program.log_no_failures",
}
"""Replacements that no later version of moto will make unnecessary."""

Replacement = Callable[[Patches], None]


def names(replacements: Iterable[Replacement]) -> dict[str, Replacement]:
    """Give each replacement by its module and function, ``states.choice.choose_as_aws_does``."""
    return {
        f"{one.__module__.removeprefix('local.interpreter.')}.{one.__name__}": one
        for one in replacements
    }
