"""Reads a file of faults, and names everything that is wrong with it at once."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from bulk_ingestion.flow.api_model import Problem
from local.faults import knobs
from local.faults.calls import OperationFails
from local.faults.changes import ConnectionGoes, FlowChanges
from local.faults.functions import FunctionFails
from local.faults.others import OthersHold
from local.faults.runs import RunMisbehaves
from local.faults.sources import SourceFails

_KEYS = ("Seed", "Faults", "Knobs")
_SHOWN = 80  # characters of a refused value that a message repeats

Fault = (
    OperationFails
    | FunctionFails
    | RunMisbehaves
    | FlowChanges
    | ConnectionGoes
    | SourceFails
    | OthersHold
)

KINDS: Mapping[str, type[Fault]] = {
    "Operation": OperationFails,
    "Function": FunctionFails,
    "Run": RunMisbehaves,
    "Flow": FlowChanges,
    "Connection": ConnectionGoes,
    "Source": SourceFails,
    "Others": OthersHold,
}
"""The kinds of fault, by the key that each of them has."""


class InvalidFaults(ValueError):  # noqa: N818
    """A specification of faults is not valid. Each problem has its own line."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = [str(problem) for problem in problems]


@dataclass(frozen=True)
class Spec:
    """The faults to inject: ``given`` as they were written, and read."""

    given: Mapping[str, Any]
    faults: tuple[Fault, ...]
    knobs: BaseModel
    """What ``given`` says about the simulation's knobs."""

    @property
    def seed(self) -> int:
        """What all chance in it depends on."""
        return int(self.given.get("Seed", 1))


def read(path: Path) -> Spec:
    """Read a file of faults. Raises InvalidFaults, also for a file that cannot be read."""
    try:
        given = json.loads(path.read_text())
    except OSError as wrong:
        raise InvalidFaults([Problem("", f"It cannot be read: {wrong.strerror}.")]) from None
    except ValueError as wrong:
        raise InvalidFaults([Problem("", f"It is not JSON: {wrong}.")]) from None
    return parse(given)


def parse(given: Any) -> Spec:
    """Read faults from a JSON value. Raises InvalidFaults with every problem."""
    if not isinstance(given, dict) or not isinstance(given.get("Faults"), list):
        raise InvalidFaults([Problem("", 'It must be an object such as {"Seed": 1, "Faults": []}')])
    problems = [
        Problem(key, f"is unknown; known are {', '.join(_KEYS)}")
        for key in given
        if key not in _KEYS
    ]
    if type(given.get("Seed", 1)) is not int:
        problems.append(Problem("Seed", f"cannot be {given['Seed']!r}; give a whole number"))
    asked_knobs = knobs.model()()
    try:
        asked_knobs = knobs.model().model_validate(given.get("Knobs", {}))
    except ValidationError as error:
        problems += _problems(error, "Knobs", knobs.model())
    faults: list[Fault] = []
    for number, item in enumerate(given["Faults"]):
        try:
            faults.append(_kind(item).model_validate(item))
        except ValidationError as error:
            problems += _problems(error, f"Faults[{number}]", _kind(item))
        except ValueError as wrong:
            problems.append(Problem(f"Faults[{number}]", str(wrong)))
    if problems:
        raise InvalidFaults(problems)
    return Spec(given, tuple(faults), asked_knobs)


def _kind(item: Any) -> type[Fault]:
    found = [key for key in KINDS if isinstance(item, dict) and key in item]
    if len(found) != 1:
        raise ValueError(f"must be an object with exactly one of {', '.join(KINDS)}")
    return KINDS[found[0]]


def _problems(error: ValidationError, path: str, kind: type[BaseModel]) -> Iterator[Problem]:
    for found in error.errors():
        at, model, described = path, kind, ""
        for part in found["loc"]:
            at += f".{part}"
            known = model.model_fields.get(str(part))
            described = known.description or described if known else described
            inner = known.annotation if known else None
            model = inner if isinstance(inner, type) and issubclass(inner, BaseModel) else model
        message = found["msg"].removeprefix("Value error, ")
        if found["type"] == "extra_forbidden":
            key, names = str(found["loc"][-1]), list(model.model_fields)
            near = difflib.get_close_matches(key, names, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(names)}"
            message = f"is unknown; {hint}"
        elif found["type"] != "value_error":
            shown = json.dumps(found["input"], default=str)[:_SHOWN]
            message = f"cannot be {shown}; give {described}"
        yield Problem(at, message)
