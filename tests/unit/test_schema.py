"""docs/input.schema.json is the model's, and every example fits it."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import jsonschema
import pytest

ROOT = Path(__file__).parents[2]
SCHEMA: dict[str, Any] = json.loads((ROOT / "docs" / "input.schema.json").read_text())


def test_the_schema_is_the_models() -> None:
    written = runpy.run_path(str(ROOT / "docs" / "write_schema.py"))["schema"]()
    assert written == SCHEMA, "run python docs/write_schema.py"


@pytest.mark.parametrize("path", sorted((ROOT / "events").glob("*.json")), ids=lambda p: p.stem)
def test_every_example_fits(path: Path) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(path.read_text()))


@pytest.mark.parametrize(
    "given",
    [{"Importfrom": "P2Y"}, {"Order": "Newest"}, {"MaxConcurrency": 0}, {"DryRun": "yes"}],
)
def test_what_is_wrong_does_not_fit(given: dict[str, Any]) -> None:
    assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(given)
