"""Writes docs/input.schema.json, the JSON Schema of an execution's input, from the model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bulk_ingestion.input.model import ExecutionInput, ResumeInput

DOCS = Path(__file__).parents[1]


def schema() -> dict[str, Any]:
    """Describe every key; which of them go together is for PlanWindows to say."""
    whole = ExecutionInput.model_json_schema()
    properties = {**ResumeInput.model_json_schema()["properties"], **whole["properties"]}
    nested = {key: properties[key] for key in ("FlowDefinition", "Batches")}
    properties["$schema"] = {"type": "string", "description": "the place of this schema"}
    properties["IntegrationConfig"] = {
        "type": "object",
        "description": "as in CreateIntegrationWorkflow",
        "properties": {"AppflowIntegration": {"type": "object", "properties": nested}},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Input of a bulk ingestion",
        "type": "object",
        "additionalProperties": False,
        "properties": dict(sorted(properties.items())),
        "$defs": whole["$defs"],
    }


if __name__ == "__main__":
    (DOCS / "input.schema.json").write_text(json.dumps(schema(), indent=2) + "\n")
