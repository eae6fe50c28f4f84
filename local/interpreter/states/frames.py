"""What moto's frames remember beyond what moto keeps in them.

Moto evaluates an execution in an environment, and each Task, branch and iteration in a frame of
it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moto.stepfunctions.parser.asl.eval.environment import Environment

if TYPE_CHECKING:
    from local.interpreter.patches import Patches


@dataclass
class Entered:
    """A state as it was entered: where a redrive resumes."""

    state: str
    input: Any
    variables: dict[str, Any]
    inner: Any = None
    """What the state had started: a list of branches or iterations, or a Map Run."""


def extend_frames(patches: Patches) -> None:
    """Let frames know their execution, their Map's item and where they are."""
    init = Environment.__init__
    as_inner_frame_of = Environment.__dict__["as_inner_frame_of"].__func__

    def init_with_more(self: Any, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        self.execution = None  # the Execution
        self.wake = None  # the Signal its thread waits for
        self.entered = None  # the Entered state
        self.resume = None  # the Entered state to resume
        self.resume_inner = None  # what that state had started
        self.assigned = None  # variables to set when the state ends
        self.component = None  # the state that runs in this frame
        self.map_run = None  # the distributed Map's run in this frame

    def as_inner_frame(cls: Any, env: Any, *args: Any, **kwargs: Any) -> Any:
        frame = as_inner_frame_of(cls, env, *args, **kwargs)
        frame.execution = env.execution
        context = env.states.context_object.context_object_data
        if "Map" in context:
            frame.states.context_object.context_object_data["Map"] = context["Map"]
        return frame

    patches.put(Environment, "__init__", init_with_more)
    patches.put(Environment, "as_inner_frame_of", classmethod(as_inner_frame))


def resume_at(env: Any, entered: Entered) -> None:
    """Put an environment where it was when it entered a state."""
    env.resume = entered
    env.variable_store._inner_scope.clear()
    env.variable_store._inner_scope.update(entered.variables)
    env.states.reset(input_value=entered.input)
