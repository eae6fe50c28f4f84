"""The pictures in docs/ are of what there is."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def states(machine: dict[str, Any]) -> Iterator[str]:
    for name, state in machine["States"].items():
        yield name
        for inner in [state.get("ItemProcessor"), *state.get("Branches", [])]:
            if inner:
                yield from states(inner)


@pytest.mark.parametrize(
    ("machine", "file"),
    [("bulk_ingestion", "machine.svg"), ("monitor_integrations", "machine-monitor.svg")],
)
def test_every_state_of_a_definition_is_in_its_picture(machine: str, file: str) -> None:
    definition = json.loads((ROOT / "statemachine" / f"{machine}.asl.json").read_text())
    picture = (ROOT / "docs" / file).read_text()
    assert {name for name in states(definition) if f"{name}" not in picture} == set()


def test_every_metric_widget_of_the_dashboard_is_in_its_picture() -> None:
    template = (ROOT / "template.yaml").read_text()
    titles = re.findall(r'"title": "([^"]+)"', template)
    picture = html.unescape((ROOT / "docs" / "dashboard.svg").read_text())
    assert len(titles) > 10
    assert [title for title in titles if title not in picture] == []


def test_no_picture_fetches_anything() -> None:
    for picture in (ROOT / "docs").glob("*.svg"):
        text = picture.read_text()
        assert "url(http" not in text.replace('url("http', "url(http"), picture
        assert "<image" not in text, picture
