"""docs/input.schema.json is the model's, and every example fits it."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import jsonschema
import pytest

ROOT = Path(__file__).parents[2]
FLOW = ROOT / "functions" / "bulk_ingestion" / "flow"
SCHEMA: dict[str, Any] = json.loads((ROOT / "docs" / "input.schema.json").read_text())


def test_the_schema_is_the_models() -> None:
    written = runpy.run_path(str(ROOT / "docs" / "drawings" / "write_schema.py"))["schema"]()
    assert written == SCHEMA, "run make schema"


@pytest.mark.parametrize("path", sorted((ROOT / "events").glob("*.json")), ids=lambda p: p.stem)
def test_every_example_fits(path: Path) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(path.read_text()))


@pytest.mark.parametrize(
    "given",
    [{"Importfrom": "P2Y"}, {"Order": "Newest"}, {"MaxConcurrency": 0}, {"DryRun": "yes"}],
)
def test_what_is_wrong_does_not_fit(given: dict[str, Any]) -> None:
    assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(given)


def test_the_readme_explains_every_key() -> None:
    page = (ROOT / "README.md").read_text()
    table = page.partition("## The input\n")[2].partition("\n## ")[0]
    assert [key for key in SCHEMA["properties"] if f"`{key}`" not in table] == []


def test_the_page_on_applications_explains_every_key_of_the_table() -> None:
    page = (ROOT / "docs" / "applications.md").read_text()
    table = page.partition("## Adding to the table\n")[2]
    rows = json.loads((FLOW / "connectors.json").read_text()).values()
    presets = [preset for row in rows for preset in row.get("Objects", {}).values()]
    keys = {key for row in (*rows, *presets) for key in row}
    assert [key for key in sorted(keys) if f"`{key}`" not in table] == []
