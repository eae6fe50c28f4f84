"""Draws the machines' pictures from their definitions, with Graphviz's ``dot``."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1]
PICTURES = {"bulk_ingestion": "machine.svg", "monitor_integrations": "machine-monitor.svg"}

_STYLES = {
    "Choice": 'shape=diamond, height=0.5, fillcolor="#fff4d6"',
    "Fail": 'fillcolor="#fde2e1"',
    "Succeed": 'fillcolor="#dff3e3"',
    "Pass": 'fillcolor="#f1f3f5"',
    "Wait": 'fillcolor="#f1f3f5"',
}
_TASK = 'fillcolor="#dcebfb"'


def dot(definition: dict[str, Any]) -> str:
    """Describe the machine as a graph, with Maps and Parallels as boxes."""
    return "\n".join(
        [
            "digraph machine {",
            'graph [fontname="Helvetica", fontsize=12, rankdir=TB, ranksep=0.35, nodesep=0.3,'
            ' bgcolor="white", compound=true, style="rounded", color="#8795a1"]',
            'node [fontname="Helvetica", fontsize=11, shape=box, style="rounded,filled",'
            ' color="#52606d", fontcolor="#1f2933"]',
            'edge [color="#52606d", arrowsize=0.7]',
            *_states(definition["States"]),
            "}",
        ]
    )


def _states(states: dict[str, Any]) -> Iterator[str]:
    for name, state in states.items():
        inner = [state["ItemProcessor"]] if "ItemProcessor" in state else state.get("Branches", [])
        if inner:
            label = f"{name}  ({state['Type']})"
            yield f'subgraph "cluster_{name}" {{ label="{label}";'
            yield f'"{name}" [label="", shape=circle, width=0.15, fillcolor="#52606d"]'
            for part in inner:
                yield f'"{name}" -> "{part["StartAt"]}"'
                yield from _states(part["States"])
            yield "}"
        else:
            yield f'"{name}" [{_STYLES.get(state["Type"], _TASK)}]'
        yield from _edges(name, state)


def _edges(name: str, state: dict[str, Any]) -> Iterator[str]:
    following = [state.get("Next"), state.get("Default")]
    following += [rule["Next"] for rule in state.get("Choices", [])]
    caught = [rule["Next"] for rule in state.get("Catch", [])]
    box = f'ltail="cluster_{name}"' if state["Type"] in ("Map", "Parallel") else ""
    for target in dict.fromkeys(filter(None, following)):
        yield f'"{name}" -> "{target}" [{box}]'
    for target in dict.fromkeys(caught):
        if target not in following:
            yield f'"{name}" -> "{target}" [{box} style=dashed, color="#c2410c"]'


def main() -> None:
    """Draw the pictures."""
    for machine, picture in PICTURES.items():
        definition = DOCS.parent / "statemachine" / f"{machine}.asl.json"
        subprocess.run(  # noqa: S603
            ["dot", "-Tsvg", "-o", str(DOCS / picture)],  # noqa: S607
            input=dot(json.loads(definition.read_text())),
            text=True,
            check=True,
        )


if __name__ == "__main__":
    main()
