"""The scopes of variables, and what AWS does not let a definition do with them.

A machine, a branch of a Parallel state and an item processor each have a scope, inside the scope
of the state around them. From the Step Functions Developer Guide, "Passing data between states
with variables": a variable of an inner scope cannot have the name of one of an outer scope, and
Distributed Map states cannot reference variables of outer scopes. The guide does not say whether
this is about the fields of a Distributed Map or about its child executions; here it is about both.
A variable that is named like a function of JSONata would hide the function, so it is refused too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any

from jsonata.jexception import JException

from local.interpreter import jsonata
from local.interpreter.definition.structure import expressions, is_distributed, machines_inside


@dataclass(frozen=True)
class Problem:
    """Something that a definition does wrong, and where."""

    what: str
    where: str
    """A path, such as ``/States/Plan/Assign``."""

    def __str__(self) -> str:
        return f"{self.what} at {self.where}"


def problems(definition: Mapping[str, Any]) -> list[Problem]:
    """List what a definition does wrong with variables, in the order of its states."""
    return list(_problems(definition, "", {}, frozenset()))


def _problems(
    machine: Mapping[str, Any], at: str, outer: Mapping[str, str], hidden: Set[str]
) -> Iterator[Problem]:
    """Check one scope and those inside it.

    ``outer`` are the variables of the scopes around it, with the paths where they are assigned;
    ``hidden`` are those of them that are out of reach.
    """
    own: dict[str, str] = {}
    for name, where in _assignments(machine, at):
        own.setdefault(name, where)
        yield from _name_problems(name, where, outer)
    variables = {**own, **outer}
    for state_name, state in machine["States"].items():
        path = f"{at}/States/{state_name}"
        out_of_reach = variables.keys() if is_distributed(state) else hidden - own.keys()
        for where, text in expressions(state, path):
            for name in sorted(_variables_in(text) & out_of_reach):
                what = f"Variable '{name}', assigned at {variables[name]}, is out of reach"
                yield Problem(f"{what} of a Distributed Map and its child executions", where)
        for inner_at, inner in machines_inside(state):
            yield from _problems(inner, f"{path}{inner_at}", variables, out_of_reach)


def _variables_in(text: str) -> set[str]:
    try:
        return jsonata.variables_in(text)
    except JException:  # not an expression, which is not a matter of scopes
        return set()


def _assignments(machine: Mapping[str, Any], at: str) -> Iterator[tuple[str, str]]:
    """Yield each variable that the states of a scope assign, with the path of its Assign."""
    for state_name, state in machine["States"].items():
        path = f"{at}/States/{state_name}"
        owners = [(path, state)]
        for field in ("Choices", "Catch"):
            owners += [
                (f"{path}/{field}[{index}]", rule)
                for index, rule in enumerate(state.get(field, []))
            ]
        for where, owner in owners:
            for name in owner.get("Assign", {}):
                yield name, f"{where}/Assign"


def _name_problems(name: str, where: str, outer: Mapping[str, str]) -> Iterator[Problem]:
    if name in outer:
        what = f"Variable '{name}' has the name of a variable of an outer scope, assigned"
        yield Problem(f"{what} at {outer[name]}: choose another name", where)
    if name == "states":
        yield Problem("Variable 'states' has a reserved name: choose another name", where)
    if name in jsonata.FUNCTIONS:
        what = f"Variable '{name}' has the name of a JSONata function"
        yield Problem(f"{what}: choose another name", where)
