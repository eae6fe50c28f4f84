"""docs/errors.md names every error that an execution can end in."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bulk_ingestion import errors

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "errors.md").read_text()
DEFINITIONS = [
    json.loads(path.read_text()) for path in sorted((ROOT / "statemachine").glob("*.asl.json"))
]


def walk(node: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield key, value
            yield from walk(value)
    elif isinstance(node, list):
        for value in node:
            yield from walk(value)


def test_every_error_class_is_on_the_page() -> None:
    raised = {name for name, item in inspect.getmembers(errors, inspect.isclass)}
    assert raised
    assert {name for name in raised if f"`{name}`" not in PAGE} == set()


def test_every_error_of_the_definition_is_on_the_page() -> None:
    named: set[str] = set()
    for key, value in walk(DEFINITIONS):
        if key == "Error" and isinstance(value, str) and not value.startswith("{%"):
            named.add(value)
        if key == "Systemic" and isinstance(value, str):
            named |= set(re.findall(r"'([\w.]+)'", value))
        if key == "Retry":
            named |= {name for rule in value for name in rule["ErrorEquals"]}
    own = {"States.ItemReaderFailed"}
    assert len(named) > 20
    assert {name for name in named - own if f"`{name}`" not in PAGE} == set()
