"""How a defect gets into the functions' code, into a definition, or into the template."""

from __future__ import annotations

import copy
import importlib
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any
from unittest.mock import patch

from local.cloud import Cloud
from local.stack import template
from tests.template.deployed import DEFINITIONS

Definition = dict[str, Any]
State = dict[str, Any]
Mutation = Callable[[Cloud], AbstractContextManager[None]]
"""Puts a defect into what is deployed, for as long as the context."""

BULK, MONITOR = "BulkIngestion", "MonitorIntegrations"


def code(module: str, *pieces: str) -> Mutation:
    """Replace pieces of a module's functions, each of which is there once: before, after, …"""

    @contextmanager
    def mutation(cloud: Cloud) -> Iterator[None]:
        loaded = importlib.import_module(f"bulk_ingestion.{module}")
        path = Path(str(loaded.__file__))
        text = path.read_text()
        mutated = text
        for before, after in zip(pieces[::2], pieces[1::2], strict=True):
            assert text.count(before) == 1, f"{text.count(before)} times in {path.name}: {before}"
            mutated = mutated.replace(before, after)
        right, wrong = (_codes(compile(source, path, "exec")) for source in (text, mutated))
        functions = _functions(loaded)
        changed = [name for name in right if right[name] != wrong[name]]
        assert changed, f"no function of {path.name} changes"
        kept = {name: functions[name].__code__ for name in changed}
        for name in changed:
            functions[name].__code__ = wrong[name]
        try:
            yield
        finally:
            for name in changed:
                functions[name].__code__ = kept[name]

    return mutation


def constant(module: str, name: str, value: Any) -> Mutation:
    """Replace a constant of a module."""

    @contextmanager
    def mutation(cloud: Cloud) -> Iterator[None]:
        with patch.object(importlib.import_module(f"bulk_ingestion.{module}"), name, value):
            yield

    return mutation


def resource(logical_id: str, *path: str, value: Any) -> Mutation:
    """Set a value of a resource in the template that the suite ``template`` reads."""
    expand = template.expand

    def expanded(*given: Any, **more: Any) -> dict[str, Any]:
        found = expand(*given, **more)
        with_value(*path, value=value)(found["Resources"][logical_id])
        return found

    @contextmanager
    def mutation(cloud: Cloud) -> Iterator[None]:
        with patch.object(template, "expand", expanded):
            yield

    return mutation


def _codes(within: CodeType, prefix: str = "") -> dict[str, CodeType]:
    """Find the code of functions and methods, by their qualified names."""
    found = {}
    for constant in within.co_consts:
        if isinstance(constant, CodeType):
            name = f"{prefix}{constant.co_name}"
            if constant.co_flags & 0x2:  # CO_NEWLOCALS: a function, and not the body of a class
                found[name] = constant
            else:
                found |= _codes(constant, f"{name}.")
    return found


def _functions(owner: Any, prefix: str = "") -> dict[str, FunctionType]:
    """Find functions and methods, by their qualified names, also those that are decorated."""
    found = {}
    for name, value in vars(owner).items():
        function = getattr(value, "fget", None) or getattr(value, "__func__", value)
        function = getattr(function, "__wrapped__", function)
        if isinstance(function, FunctionType):
            found[f"{prefix}{name}"] = function
        elif isinstance(value, type) and not prefix:
            found |= _functions(value, f"{name}.")
    return found


# ------------------------------------------------------------------------------ the definitions


def state(name: str, change: Callable[[State], Any], machine: str = BULK) -> Mutation:
    """Change a state of a machine."""
    return definition(lambda found: change(states_of(found)[name]), machine)


def state_as_read(name: str, change: Callable[[State], Any], machine: str = BULK) -> Mutation:
    """Change a state of a machine that the suite ``template`` reads."""
    return as_read(lambda found: change(states_of(found)[name]), machine)


def definition(change: Callable[[Definition], Any], machine: str = BULK) -> Mutation:
    """Change the definition of a machine that is deployed."""

    @contextmanager
    def mutation(cloud: Cloud) -> Iterator[None]:
        client = cloud.client("stepfunctions")
        arn = cloud.stack.resources[f"{machine}StateMachine"].physical_id
        deployed = client.describe_state_machine(stateMachineArn=arn)["definition"]
        mutated = json.loads(deployed)
        change(mutated)
        assert mutated != json.loads(deployed), "nothing changes"
        client.update_state_machine(stateMachineArn=arn, definition=json.dumps(mutated))
        try:
            yield
        finally:
            client.update_state_machine(stateMachineArn=arn, definition=deployed)

    return mutation


def as_read(change: Callable[[Definition], Any], machine: str = BULK) -> Mutation:
    """Change the definition of a machine that the suite ``template`` reads."""

    @contextmanager
    def mutation(cloud: Cloud) -> Iterator[None]:
        read = DEFINITIONS[machine]
        kept = {name: copy.deepcopy(found) for name, found in states_of(read).items()}
        whole = {key: value for key, value in read.items() if key != "States"}
        change(read)
        assert read["States"].keys() <= kept.keys()
        try:
            yield
        finally:
            _restore(read, whole, kept)

    return mutation


def _restore(read: Definition, whole: Definition, kept: dict[str, State]) -> None:
    """Restore a definition in place, since others hold its states."""
    read.update(whole)
    for name, found in states_of(read).items():
        found_before = kept[name]
        for key in [key for key in found if key not in found_before]:
            del found[key]
        for key, value in found_before.items():
            if key not in ("Branches", "ItemProcessor"):
                found[key] = value


def states_of(machine: Definition) -> dict[str, State]:
    """Give every state of a machine by its name, those of Maps and branches included."""
    found: dict[str, State] = {}
    for name, each in machine["States"].items():
        found[name] = each
        for inner in [*each.get("Branches", []), *filter(None, [each.get("ItemProcessor")])]:
            found |= states_of(inner)
    return found


def without(key: str) -> Callable[[State], Any]:
    """Take a key away."""
    return lambda found: found.pop(key)


def with_value(*path: Any, value: Any) -> Callable[[State], Any]:
    """Set a value, by the keys and indices that lead to it."""

    def change(found: State) -> None:
        inner: Any = found
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = value

    return change


def replaced(*path: Any, before: str, after: str) -> Callable[[State], Any]:
    """Replace a piece of an expression, which is there once."""

    def change(found: State) -> None:
        inner: Any = found
        for key in path[:-1]:
            inner = inner[key]
        assert inner[path[-1]].count(before) == 1, inner[path[-1]]
        inner[path[-1]] = inner[path[-1]].replace(before, after)

    return change
