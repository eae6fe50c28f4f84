"""Writes the tables of docs/errors.md from the functions' table of errors."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path

from bulk_ingestion.remediation import ROWS, WINDOWS, Remediation

PAGE = Path(__file__).parents[1] / "errors.md"
_TABLE = re.compile(r"^## (?P<section>[^\n]+)\n(?P<text>[^#]*?)(?P<table>(?:\|[^\n]*\n)+)", re.M)


def table(section: str) -> str:
    """Give the table of a section of the page."""
    rows = [row for row in ROWS if row.page == section]
    assert rows, section
    first = "reason" if section == WINDOWS else "error"
    head = f"| {first} | meaning | what to do |\n|---|---|---|\n"
    return head + "".join(_row(row) for row in rows)


def _row(row: Remediation) -> str:
    names = ", ".join(f"`{name}`" for name in row.errors)
    return f"| {names} | {row.meaning} | {row.text} |\n"


def with_tables(page: str) -> str:
    """Put the tables into the page; every section has one."""
    written = [found["section"] for found in _TABLE.finditer(page)]
    assert written == [section for section, _ in groupby(row.page for row in ROWS) if section]
    return _TABLE.sub(
        lambda found: f"## {found['section']}\n{found['text']}{table(found['section'])}", page
    )


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text()))
