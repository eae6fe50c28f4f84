"""The applications that are imported from, read off the example inputs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from local.services.entities import Entity, known_entities

EVENTS = Path(__file__).parents[2] / "events"


@dataclass(frozen=True)
class Application:
    """An application, read off the example input that imports from it."""

    name: str
    event: str
    text_field: str
    """A field that tells one version of a record from the next."""

    @property
    def input(self) -> dict[str, Any]:
        given: dict[str, Any] = json.loads(_text(self.event))
        return given

    @property
    def _config(self) -> dict[str, Any]:
        config: dict[str, Any] = self.input["FlowDefinition"]["SourceFlowConfig"]
        return config

    @property
    def profile(self) -> str:
        return str(self._config["ConnectorProfileName"])

    @property
    def object(self) -> str:
        [properties] = self._config["SourceConnectorProperties"].values()
        return str(properties["Object"])

    @property
    def object_type(self) -> str:
        return str(self.input["ObjectTypeName"])

    @property
    def date_field(self) -> str:
        return str(self._config["IncrementalPullConfig"]["DatetimeTypeFieldName"])

    @property
    def created_field(self) -> str:
        return str(self.entity.template["created"])

    @property
    def key_field(self) -> str:
        return self.entity.primary_key

    @property
    def entity(self) -> Entity:
        return known_entities(self.name)[self.object]

    @property
    def has_windows(self) -> bool:
        return self.name != "Zendesk"

    def record(self, key: str, changed: datetime, text: str) -> dict[str, Any]:
        """Write a record as the application does; it was created long before."""
        return {
            self.key_field: key,
            self.date_field: self.entity.format(changed),
            self.created_field: self.entity.format(changed - timedelta(days=400)),
            self.text_field: text,
        }

    def changed(self, record: dict[str, Any]) -> datetime:
        """Read when a record last changed."""
        text = str(record[self.date_field]).replace("+0000", "Z")
        changed = datetime.fromisoformat(text)
        return changed if changed.tzinfo else changed.replace(tzinfo=UTC)


@lru_cache
def _text(event: str) -> str:
    return (EVENTS / f"{event}.json").read_text()


SALESFORCE = Application("Salesforce", "salesforce-contact", "FirstName")
SERVICENOW = Application("Servicenow", "servicenow-incident", "short_description")
MARKETO = Application("Marketo", "marketo-leads", "firstName")
ZENDESK = Application("Zendesk", "zendesk-tickets", "subject")
