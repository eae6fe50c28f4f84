"""The source connectors and their differences, read from ``connectors.json``."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bulk_ingestion.flow import api_model


@dataclass(frozen=True)
class Default:
    """The default of a key of the input, and the reason for it."""

    value: Any
    reason: str
    """A sentence."""


@dataclass(frozen=True)
class Preset:
    """The settings for an object that Customer Profiles has a template for."""

    object_type: str
    datetime_field: str
    many_per_profile: bool = False
    """Whether one profile may have many of these objects, such as tickets."""
    profiles_from: tuple[str, ...] = ()
    """The objects of the same application that create the profiles to which these belong."""


@dataclass(frozen=True)
class Connector:
    """One connector type of AppFlow, as a source of records for Customer Profiles."""

    type: str
    """The value of ``ConnectorType``, such as ``Servicenow``."""
    properties: str
    """Its key in ``SourceConnectorProperties`` and ``ConnectorOperator``: ``ServiceNow``."""
    sdk_name: str
    """The same key in Step Functions, which names members like the AWS SDK for Java."""
    window_operator: str | None
    """``BETWEEN``, or ``GREATER_THAN`` if the connector's filters have no upper bound; None for
    files, which AppFlow pulls by their own time and can't filter by it."""
    object_key: str | None = "Object"
    """The key of the object in its properties; None if more than a name is needed (S3)."""
    defaults: dict[str, Default] = field(default_factory=dict)
    """Defaults of the input's keys that differ from the general ones: ``BatchSize``,
    ``MaxConcurrency``."""
    record_limit: int | None = None
    """The largest number of records that one flow run transfers (AppFlow's service quotas)."""
    minutes_between_runs: int = 1
    """The smallest number of minutes between two scheduled runs (AppFlow's service quotas)."""
    presets: dict[str, Preset] = field(default_factory=dict)
    """The objects with a template, by their name at the source."""

    @property
    def has_windows(self) -> bool:
        """Whether the connector's filters can cut the past into windows."""
        return self.window_operator == "BETWEEN"

    @property
    def reads_files(self) -> bool:
        """Whether it reads files, which need no connection and have their own time."""
        return self.window_operator is None

    @property
    def why_undivided(self) -> str:
        """The reason why the past can't be cut into windows; empty if it can."""
        if self.has_windows:
            return ""
        if self.reads_files:
            return "AppFlow can't filter files by their time, and always fetches older files too"
        return "its filters have no upper bound"

    @property
    def is_customer_profiles_own(self) -> bool:
        """Whether Customer Profiles accepts it in a FlowDefinition; if not, only AppFlow does."""
        return self.type in api_model.enum_values("customer-profiles", "SourceConnectorType")


def _read() -> dict[str, Connector]:
    table = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
    return {
        name: Connector(
            type=name,
            properties=row["Properties"],
            sdk_name=row.get("SdkName", row["Properties"]),
            window_operator=row["WindowOperator"],
            object_key=row.get("ObjectKey", "Object"),
            defaults={
                key: Default(row[key]["Value"], row[key]["Reason"])
                for key in ("BatchSize", "MaxConcurrency")
                if key in row
            },
            record_limit=row.get("RecordLimit"),
            minutes_between_runs=row.get("MinutesBetweenRuns", 1),
            presets={
                name: Preset(
                    preset["ObjectTypeName"],
                    preset["DatetimeField"],
                    preset.get("ManyPerProfile", False),
                    tuple(preset.get("ProfilesFrom", ())),
                )
                for name, preset in row.get("Objects", {}).items()
            },
        )
        for name, row in table.items()
    }


CONNECTORS = _read()
"""All connectors that can be a source, by ``ConnectorType``."""

APPLICATIONS = {known.type.lower(): known for known in CONNECTORS.values() if known.object_key}
"""The connectors that an input can have as its ``Application``, in lower case."""
