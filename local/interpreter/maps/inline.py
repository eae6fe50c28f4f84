"""Inline Maps: iterations inside the execution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration import (
    inline_iteration_component as inline,
)

from local.interpreter.maps.items import item_input, set_item
from local.interpreter.states.branches import run_branches
from local.interpreter.states.events import add_event

if TYPE_CHECKING:
    from local.interpreter.patches import Patches

MOST_ITERATIONS = 40
"""Iterations at a time, AWS's limit."""


def iterate_on_the_clock(patches: Patches) -> None:
    """Wait for iterations without holding up the clock, and end them all when one fails."""

    def eval_body(self: Any, env: Any) -> None:
        eval_input = env.stack.pop()
        items = eval_input.input_items
        map_input = env.states.get_input()
        program = self._get_iteration_program()

        def input_of(index: int, frame: Any) -> Any:
            set_item(frame, index, items[index])
            selector = eval_input.item_selector or eval_input.parameters
            return item_input(frame, map_input, items[index], selector)

        def report(index: int, status: str) -> None:
            details = {"name": eval_input.state_name, "index": index}
            add_event(env, f"MapIteration{status}", details)

        concurrency = min(eval_input.max_concurrency or MOST_ITERATIONS, MOST_ITERATIONS)
        env.stack.append(run_branches(env, [program] * len(items), input_of, concurrency, report))

    patches.put(inline.InlineIterationComponent, "_eval_body", eval_body)
