"""docs/errors.md names every error that an execution can end in."""

from __future__ import annotations

import inspect
import json
import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bulk_ingestion import errors, remediation
from bulk_ingestion.remediation import Then

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


def test_the_page_says_what_the_table_of_errors_says() -> None:
    written = runpy.run_path(str(ROOT / "docs" / "drawings" / "write_errors.py"))
    assert written["with_tables"](PAGE) == PAGE, "run python docs/drawings/write_errors.py"


def test_an_error_has_one_row() -> None:
    errors_ = [error for row in remediation.ROWS for error in row.errors]
    assert len(errors_) == len(set(errors_))


@pytest.mark.parametrize(
    ("error", "then"),
    [
        ("Appflow.ValidationException", Then.RESUME),
        ("CustomerProfiles.ValidationException", Then.RESUME),
        ("RunFailed", Then.EITHER),
        ("RunCanceled", Then.REDRIVE),
        ("InvalidInput", Then.START),
        ("Appflow.AccessDeniedException", Then.REDRIVE),
        ("SomethingNew", Then.REDRIVE),
    ],
)
def test_how_to_go_on_follows_from_the_error(error: str, then: Then) -> None:
    assert remediation.find(error).then is then
    assert remediation.remediation(error).endswith(then)
    assert "redrive" not in remediation.flow_remediation(error) or error == "RunFailed"


def test_a_redrive_is_not_suggested_where_it_would_repeat_a_failure() -> None:
    for row in remediation.ROWS:
        if row.then in (Then.RESUME, Then.START):
            assert "Then redrive" not in row.text
    failed = ["RunFailed", "Appflow.ValidationException", "RunTooLarge"]
    assert remediation.then_for(failed) is Then.RESUME
    assert remediation.then_for(["RunCanceled", "RunFailed"]) is Then.EITHER
    assert remediation.then_for(["RunTooLarge"]) is Then.NOTHING


def test_every_error_class_is_on_the_page() -> None:
    raised = {name for name, item in inspect.getmembers(errors, inspect.isclass)}
    assert raised
    assert {name for name in raised if f"`{name}`" not in PAGE} == set()


def test_every_error_of_the_definition_is_on_the_page() -> None:
    named: set[str] = set()
    for key, value in walk(DEFINITIONS):
        if key == "Error" and isinstance(value, str) and not value.startswith("{%"):
            named.add(value)
        if key in ("Error", "Systemic") and isinstance(value, str):
            named |= set(re.findall(r"'(\w[\w.]+)'", value))
        if key == "Retry":
            named |= {name for rule in value for name in rule["ErrorEquals"]}
    own = {"States.ALL", "States.ItemReaderFailed"}
    assert len(named) > 20
    assert {name for name in named - own if f"`{name}`" not in PAGE} == set()
