"""What differs from one source connector to the next, read from ``connectors.json``."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from bulk_ingestion import api_model


@dataclass(frozen=True)
class Preset:
    """What Customer Profiles' template for a featured object goes by."""

    object_type: str
    datetime_field: str


@dataclass(frozen=True)
class Connector:
    """One connector type of AppFlow, as a source of records for Customer Profiles."""

    type: str
    """The value of ``ConnectorType``, such as ``Servicenow``."""
    properties: str
    """Its key in ``SourceConnectorProperties`` and ``ConnectorOperator``: ``ServiceNow``."""
    window_operator: str
    """``BETWEEN``, or ``GREATER_THAN`` where the connector's filters have no upper bound."""
    object_key: str | None = "Object"
    """What its properties call the object; None where more than a name is needed (S3)."""
    max_concurrency: int | None = None
    """Flow runs at a time that the source bears, where AWS names a number."""
    record_limit: int | None = None
    """Records that one flow run can transfer (AppFlow's service quotas)."""
    minutes_between_runs: int = 1
    """What a schedule leaves at least between two runs (AppFlow's service quotas)."""
    presets: dict[str, Preset] = field(default_factory=dict)
    """The featured objects, by the source's name for them."""

    @property
    def has_windows(self) -> bool:
        """Whether the connector's filters can cut the past into windows."""
        return self.window_operator == "BETWEEN"

    @property
    def is_customer_profiles_own(self) -> bool:
        """Whether a FlowDefinition of Customer Profiles may have it; if not, AppFlow alone may."""
        return self.type in api_model.enum_values("customer-profiles", "SourceConnectorType")


def _read() -> dict[str, Connector]:
    table = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
    return {
        name: Connector(
            type=name,
            properties=row["Properties"],
            window_operator=row["WindowOperator"],
            object_key=row.get("ObjectKey", "Object"),
            max_concurrency=row.get("MaxConcurrency"),
            record_limit=row.get("RecordLimit"),
            minutes_between_runs=row.get("MinutesBetweenRuns", 1),
            presets={
                name: Preset(preset["ObjectTypeName"], preset["DatetimeField"])
                for name, preset in row.get("Objects", {}).items()
            },
        )
        for name, row in table.items()
    }


CONNECTORS = _read()
"""Every connector that records can be taken from, by ``ConnectorType``."""

APPLICATIONS = {known.type.lower(): known for known in CONNECTORS.values() if known.object_key}
"""Those that an input may name as its ``Application``, in lower case."""
