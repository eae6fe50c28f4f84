"""What no ASL validator looks at: integrations, error names, expressions, variables and scope.

``problems`` returns one sentence for each defect, beginning with the path of its state.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.interpreter.definition import scopes
from tests.template.expressions import FUNCTIONS, Expression, UnreadableError, is_expression, read
from tests.template.integrations import (
    Integration,
    NoSuchIntegrationError,
    integration,
    waits_for_a_token,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

State = dict[str, Any]

STATES_ERRORS = frozenset(
    f"States.{name}"
    for name in """
    ALL BranchFailed DataLimitExceeded ExceedToleratedFailureThreshold HeartbeatTimeout
    IntrinsicFailure ItemReaderFailed NoChoiceMatched ParameterPathFailure Permissions
    QueryEvaluationError ResultPathMatchFailure ResultWriterFailed Runtime TaskFailed Timeout
    """.split()  # noqa: SIM905
)
_QUOTED = re.compile(r"'([\w.]+)'")
CONTEXT = {
    "Execution": {"Id", "Input", "Name", "RedriveCount", "RedriveTime", "RoleArn", "StartTime"},
    "State": {"EnteredTime", "Name", "RetryCount"},
    "StateMachine": {"Id", "Name"},
    "Task": {"Token"},
    "Map": {"Item"},
}
_HAS_RESULT = ("Task", "Parallel", "Map")


@dataclass(frozen=True)
class Machine:
    """A definition, a branch or an item processor: states and the variables around them."""

    path: str
    start: str
    states: dict[str, State]
    outer: frozenset[str] = frozenset()
    """Variables of the machines around this one that are sure to be assigned.

    Whether its states may read them is checked with the scopes.
    """


@dataclass(frozen=True)
class Field:
    """One part of a state that may hold expressions, and what `$states` offers there."""

    name: str
    value: Any
    states: frozenset[str] = frozenset({"input", "context"})
    map_item: bool = False


@dataclass
class Checker:
    """Collects the problems of one definition."""

    raised: set[str]
    found: list[str] = field(default_factory=list)

    def machine(self, machine: Machine) -> None:
        """Check every state, with the variables that are sure to be assigned when it runs."""
        assigned = _assigned_before(machine)
        everywhere = machine.outer | _assigned_in(machine)
        for name, state in machine.states.items():
            path = f"{machine.path}{name}"
            before = assigned.get(name)
            if before is None:
                self._add(path, ["it cannot be reached"])
                continue
            self._add(path, _task_problems(state))
            self._add(path, self._error_names(state))
            for part in _fields(state):
                for problem in _expression_problems(part, before, everywhere):
                    self._add(path, [f"{part.name}: {problem}"])
            for inner in _inner_definitions(state):
                self.machine(Machine(f"{path}/", inner["StartAt"], inner["States"], before))

    def _add(self, path: str, problems: Collection[str] | Iterator[str]) -> None:
        self.found.extend(f"{path}: {problem}" for problem in problems)

    def _error_names(self, state: State) -> Iterator[str]:
        known = STATES_ERRORS | self.raised
        for called in integrations(state):
            known |= called.errors()
        for key in ("Retry", "Catch"):
            for rule in state.get(key, []):
                names = rule["ErrorEquals"]
                for name in names:
                    if name not in known:
                        yield f"{key} names {name}, which nothing here raises"
                if "States.ALL" in names and (len(names) > 1 or rule is not state[key][-1]):
                    yield f"{key} has States.ALL beside or before others"


def problems(definition: Mapping[str, Any], raised: Collection[str] = ()) -> list[str]:
    """Check a definition; ``raised`` are the names of the errors that its functions raise."""
    checker = Checker({*raised, *_named_errors(definition)})
    if "TimeoutSeconds" not in definition:
        checker.found.append("definition: without TimeoutSeconds it may run for a year")
    if definition.get("QueryLanguage") != "JSONata":
        checker.found.append("definition: it is not in JSONata")
    checker.machine(Machine("", definition["StartAt"], definition["States"]))
    return checker.found + [str(problem) for problem in scopes.problems(definition)]


# Tasks -------------------------------------------------------------------------------------------


def _task_problems(state: State) -> Iterator[str]:
    called = [(state["Resource"], state)] if state["Type"] == "Task" else []
    called += [
        (state[k]["Resource"], state[k]) for k in ("ItemReader", "ResultWriter") if k in state
    ]
    for resource, caller in called:
        try:
            yield from integration(resource).problems(caller.get("Arguments", {}))
        except NoSuchIntegrationError as error:
            yield str(error)
        except UnreadableError:
            pass  # told once, where expressions are checked
    passes_token = "$states.context.Task.Token" in str(state.get("Arguments"))
    if waits_for_a_token(state) and not passes_token:
        yield "it waits for a task token that it gives to nobody"
    if passes_token and not waits_for_a_token(state):
        yield "it gives a task token away, but does not wait for it"
    if state["Type"] == "Task" and "TimeoutSeconds" not in state:
        yield "a Task without TimeoutSeconds waits for a lost answer for ever"
    if state["Type"] == "Map" and "MaxConcurrency" not in state:
        yield "a Map without MaxConcurrency runs up to 10,000 items at a time"
    if state["Type"] in ("Parallel", "Map") and "TimeoutSeconds" in state:
        yield f"a {state['Type']} takes no TimeoutSeconds"


def integrations(state: State) -> Iterator[Integration]:
    """Find every action that is called in a state or inside it."""
    for owner in (state, state.get("ItemReader", {}), state.get("ResultWriter", {})):
        if "Resource" in owner:
            try:
                yield integration(owner["Resource"])
            except NoSuchIntegrationError:
                continue
    for inner in _inner_definitions(state):
        for inner_state in inner["States"].values():
            yield from integrations(inner_state)


def _named_errors(node: Any) -> Iterator[str]:
    """Names that the definition gives to errors of its own: in a Fail, or on the way to one."""
    if isinstance(node, list):
        for item in node:
            yield from _named_errors(item)
    elif isinstance(node, dict):
        error = node.get("Error")
        if isinstance(error, str):
            yield from _QUOTED.findall(error) if is_expression(error) else [error]
        for value in node.values():
            yield from _named_errors(value)


# Variables ---------------------------------------------------------------------------------------


def _edges(state: State) -> Iterator[tuple[str, frozenset[str]]]:
    """Where a state leads, and what it assigns on the way."""
    own = frozenset(state.get("Assign", {}))
    if "Next" in state:
        yield state["Next"], own
    if "Default" in state:
        yield state["Default"], own
    for rule in [*state.get("Choices", []), *state.get("Catch", [])]:
        yield rule["Next"], frozenset(rule.get("Assign", {}))


def _assigned_before(machine: Machine) -> dict[str, frozenset[str]]:
    """For every state that can be reached, the variables assigned on every way to it."""
    before = {machine.start: machine.outer}
    pending = [machine.start]
    while pending:
        name = pending.pop()
        for target, assigned in _edges(machine.states.get(name, {})):
            arriving = before[name] | assigned
            known = before.get(target, arriving) & arriving
            if before.get(target) != known:
                before[target] = known
                pending.append(target)
    return before


def _assigned_in(machine: Machine) -> frozenset[str]:
    return frozenset[str]().union(
        *(assigned for state in machine.states.values() for _, assigned in _edges(state)),
        *(frozenset(state.get("Assign", {})) for state in machine.states.values()),
    )


def _inner_definitions(state: State) -> list[Mapping[str, Any]]:
    processor = [state["ItemProcessor"]] if "ItemProcessor" in state else []
    return [*state.get("Branches", []), *processor]


# Expressions -------------------------------------------------------------------------------------

_STRUCTURE = {"Type", "Comment", "Next", "End", "Default", "Resource", "Label", "QueryLanguage"}
_ELSEWHERE = {"Branches", "ItemProcessor", "Retry", "Catch", "Choices"}


def _fields(state: State) -> Iterator[Field]:
    plain = frozenset({"input", "context"})
    after = plain | {"result"} if state["Type"] in _HAS_RESULT else plain
    for name, value in state.items():
        if name in ("Output", "Assign"):
            yield Field(name, value, after)
        elif name == "ItemSelector":
            yield Field(name, value, map_item=True)
        elif name not in _STRUCTURE | _ELSEWHERE:
            yield Field(name, value)
    for index, rule in enumerate(state.get("Choices", [])):
        for name in rule.keys() - {"Next", "Comment"}:
            yield Field(f"Choices[{index}].{name}", rule[name])
    for index, rule in enumerate(state.get("Catch", [])):
        for name in rule.keys() - {"Next", "Comment", "ErrorEquals"}:
            yield Field(f"Catch[{index}].{name}", rule[name], plain | {"errorOutput"})


def _strings(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    for item in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _strings(item)


def _expression_problems(
    part: Field, before: frozenset[str], everywhere: frozenset[str]
) -> Iterator[str]:
    for text in _strings(part.value):
        if "{%" not in text and "%}" not in text:
            continue
        try:
            expression = read(text)
        except UnreadableError as error:
            yield f"{text} is no JSONata: {error}"
            continue
        for name in sorted(expression.functions - FUNCTIONS):
            yield f"there is no function ${name}"
        for name in sorted(expression.variables - before):
            yield f"${name} {_why_missing(name, everywhere)}"
        yield from _states_problems(expression, part)


def _why_missing(name: str, everywhere: frozenset[str]) -> str:
    if name in everywhere:
        return "is not assigned on every way to here"
    return "is never assigned"


def _states_problems(expression: Expression, part: Field) -> Iterator[str]:
    for names in sorted(expression.states):
        root, *rest = names or ("",)
        if root not in part.states:
            yield f"$states.{root} is not defined here"
        elif root == "context" and rest:
            yield from _context_problems(rest, part)


def _context_problems(names: list[str], part: Field) -> Iterator[str]:
    group, *rest = names
    if group not in CONTEXT:
        yield f"the context object has no {group}"
    elif group == "Map" and not part.map_item:
        yield "$states.context.Map is there for an ItemSelector alone"
    elif rest and rest[0] not in CONTEXT[group]:
        yield f"the context object's {group} has no {rest[0]}"
