"""Definitions of flows, for tests that change parts of them."""

from __future__ import annotations

from typing import Any

from tests.machine.machine import event


def definition(fields: tuple[str, ...] = ("Id", "Email"), **changes: Any) -> dict[str, Any]:
    """Give the example's FlowDefinition with these fields, and parts changed."""
    given: dict[str, Any] = event()["FlowDefinition"] | changes
    operator = {"Salesforce": "NO_OP"}
    given["Tasks"] = [
        {
            "TaskType": "Filter",
            "SourceFields": [*fields, "LastModifiedDate"],
            "ConnectorOperator": {"Salesforce": "PROJECTION"},
        },
        *(
            {
                "TaskType": "Map",
                "SourceFields": [name],
                "DestinationField": name,
                "ConnectorOperator": operator,
                "TaskProperties": {},
            }
            for name in fields
        ),
    ]
    return given
