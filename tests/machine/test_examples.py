"""Every example that a reader may copy: it fits the schema, and it runs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from local.clock import Clock
from local.cloud import embedded_cloud
from local.faults import spec
from tests.machine.machine import NOW, Machine

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "docs" / "input.schema.json").read_text())
Example = dict[str, Any]


def blocks() -> Iterator[tuple[str, Example]]:
    """Give each fenced piece of JSON with the place where it stands."""
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        text = path.read_text()
        for block in re.finditer(r"^```json\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
            line = text[: block.start()].count("\n") + 1
            yield f"{path.name}:{line}", json.loads(block[1])


def kind(example: Example) -> str:
    """Tell inputs from what else is shown, by the keys that only these have."""
    marks = {"Status": "output", "Faults": "faults", "Arn": "target of a schedule"}
    return next((name for mark, name in marks.items() if mark in example), "input")


EVENTS = [
    (path.name, json.loads(path.read_text())) for path in sorted((ROOT / "events").glob("*.json"))
]
BLOCKS = list(blocks())
INPUTS = EVENTS + [(place, block) for place, block in BLOCKS if kind(block) == "input"]


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with embedded_cloud(Clock(start=NOW), {"LogLevel": "ERROR"}) as cloud:
        yield Machine(cloud)


def test_there_are_examples() -> None:
    assert len(EVENTS) >= 9
    assert len(INPUTS) - len(EVENTS) >= 4
    assert {kind(block) for _, block in BLOCKS} >= {"input", "output", "faults"}


@pytest.mark.parametrize("given", [g for _, g in INPUTS], ids=[place for place, _ in INPUTS])
def test_an_input_fits_the_schema_and_runs(
    machine: Machine, given: Example, request: pytest.FixtureRequest
) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(given)
    name = re.sub(r"\W", "-", request.node.callspec.id)
    ended = machine.wait(machine.start(given, name))
    assert ended.status == "SUCCEEDED", ended.message
    wanted = "NOT_STARTED" if given.get("DryRun") else "COMPLETE"
    assert ended.output["Status"] == wanted
    if wanted == "COMPLETE":
        landed = machine.puts(ended.read("request.json")["ObjectTypeName"])
        assert len(landed) >= ended.output["Metrics"]["RecordsProcessed"] > 0


@pytest.mark.parametrize(
    ("place", "shown"),
    [(p, b) for p, b in BLOCKS if kind(b) == "output"],
    ids=lambda v: str(v)[:12],
)
def test_an_output_is_what_the_input_before_it_gives(
    machine: Machine, place: str, shown: Example
) -> None:
    before = BLOCKS[[at for at, _ in BLOCKS].index(place) - 1][1]
    given = before if kind(before) == "input" else EVENTS[0][1]
    ended = machine.wait(machine.start(given, re.sub(r"\W", "-", f"again-{place}")))
    assert ended.output.keys() == shown.keys()
    assert ended.output["Metrics"].keys() == shown["Metrics"].keys()
    if given.get("DryRun"):
        assert ended.output["Metrics"] == shown["Metrics"]
        assert ended.output["Estimate"] == shown["Estimate"]
    else:
        assert ended.output["Integration"].keys() == shown["Integration"].keys()


@pytest.mark.parametrize("block", [b for _, b in BLOCKS if kind(b) == "faults"])
def test_faults_that_are_shown_can_be_asked_for(tmp_path: Path, block: Example) -> None:
    path = tmp_path / "faults.json"
    path.write_text(json.dumps(block))
    assert spec.read(path)
