"""The parts of a definition: the machines inside it, their transitions and expressions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from local.interpreter.definition.refusal import transition_problem


def machines_inside(state: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the branches or the item processor of a state, each with its path in the state."""
    for index, branch in enumerate(state.get("Branches", [])):
        yield f"/Branches[{index}]", branch
    for field in ("ItemProcessor", "Iterator"):
        if field in state:
            yield f"/{field}", state[field]


def is_distributed(state: dict[str, Any]) -> bool:
    """Return whether a state is a Distributed Map."""
    config = state.get("ItemProcessor", {}).get("ProcessorConfig", {})
    return bool(config.get("Mode") == "DISTRIBUTED")


def expressions(part: Any, where: str) -> Iterator[tuple[str, str]]:
    """Yield the JSONata expressions of a state, with their delimiters, each with its path.

    Those of the machines inside the state are left out.
    """
    if isinstance(part, str) and part.strip().startswith("{%"):
        yield where, part
    elif isinstance(part, dict):
        for key, member in part.items():
            if key not in ("ItemProcessor", "Iterator", "Branches"):
                yield from expressions(member, f"{where}/{key}")
    elif isinstance(part, list):
        for index, member in enumerate(part):
            yield from expressions(member, f"{where}[{index}]")


def check_transitions(states: dict[str, Any], start: str, at: str) -> None:
    """Refuse a transition to nowhere, and a state that cannot be reached."""
    for name, state in states.items():
        for field, target in targets(state):
            if target not in states:
                raise transition_problem(
                    f"Missing 'Next' target: {target}", f"{at}/States/{name}/{field}"
                )
    reached: set[str] = set()
    to_visit = [start]
    while to_visit:
        name = to_visit.pop()
        if name not in reached:
            reached.add(name)
            to_visit += [target for _, target in targets(states[name])]
    for name in states:
        if name not in reached:
            raise transition_problem(f'State "{name}" is not reachable.', f"{at}/States/{name}")


def targets(state: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the states that may follow a state, each with the field that names it."""
    for field in ("Next", "Default"):
        if field in state:
            yield field, state[field]
    for field in ("Choices", "Catch"):
        for index, rule in enumerate(state.get(field, [])):
            yield f"{field}[{index}]/Next", rule.get("Next")
