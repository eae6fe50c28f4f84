"""Choice states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.state.choice.comparison.comparison import (
    ConditionStringJSONata,
)
from moto.stepfunctions.parser.asl.component.state.choice.state_choice import StateChoice

from local.interpreter.failures import QUERY_EVALUATION_ERROR, failure

if TYPE_CHECKING:
    from local.interpreter.patches import Patches


def choose_as_aws_does(patches: Patches) -> None:
    """Fail without a match, and tell a rule from Default even if both lead to the same state."""

    def eval_choice(self: Any, env: Any) -> None:
        for rule in self.choices_decl.rules:
            rule.eval(env)
            if env.stack.pop() is True:
                env.stack.append((rule.next_stmt.name, False))
                return
        if self.default_state is None:
            raise failure(env, "States.NoChoiceMatched", "No matching choice rule and no default.")
        env.stack.append((self.default_state.state_name, True))

    def eval_output(self: Any, env: Any) -> None:
        next_state, by_default = env.stack.pop()
        if by_default:
            if self.assign_decl:
                self.assign_decl.eval(env=env)
            if self.output:
                self.output.eval(env=env)
        if self._is_language_query_jsonpath():
            self.output_path.eval(env=env)
        env.next_state_name = next_state

    patches.put(StateChoice, "_eval_state", eval_choice)
    patches.put(StateChoice, "_eval_state_output", eval_output)


def require_boolean_conditions(patches: Patches) -> None:
    """Fail with an evaluation error if a Condition is not a boolean; moto fails differently."""

    def eval_condition(self: Any, env: Any) -> None:
        self.string_jsonata.eval(env=env)
        if not isinstance(env.stack[-1], bool):
            raise failure(
                env,
                QUERY_EVALUATION_ERROR,
                f"The JSONata expression '{self.string_jsonata.expression}' specified for the "
                f"field 'Condition' returned {env.stack[-1]!r}, not a boolean.",
                HistoryEventType.EvaluationFailed,
            )

    patches.put(ConditionStringJSONata, "_eval_body", eval_condition)
