"""docs/compared.md has the figures of both imports of the same source."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.clock import Clock
from local.cloud import embedded_cloud
from tests.machine.comparison import COLUMNS, LIMIT, compare, recover
from tests.machine.machine import NOW, Machine
from tests.machine.runs import limit_records

PAGE = Path(__file__).parents[2] / "docs" / "compared.md"


def figures() -> dict[str, dict[str, str]]:
    """Give the rows of the page by column."""
    found: dict[str, dict[str, str]] = {}
    for column, imported in COLUMNS.items():
        found[column] = {}
        for scenario in (compare, recover):
            with embedded_cloud(Clock(start=NOW), {"LogLevel": "ERROR"}) as cloud:
                found[column] |= scenario(imported(Machine(cloud)))
    return found


def table(rows: dict[str, dict[str, str]]) -> str:
    columns = list(rows)
    lines = [f"| | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for what in rows[columns[0]]:
        lines.append(f"| {what} | {' | '.join(rows[column][what] for column in columns)} |")
    return "\n".join(lines)


def test_the_page_has_what_the_imports_of_the_same_source_gave(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limit_records(monkeypatch, LIMIT)
    found = table(figures())
    assert found in PAGE.read_text(encoding="utf-8"), f"The page should have:\n{found}"
