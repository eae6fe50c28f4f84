"""The stored state of an integration, without a bucket."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from bulk_ingestion.aws.folder import ConflictingWrite
from bulk_ingestion.flow.target import Target
from bulk_ingestion.integration import state
from bulk_ingestion.integration.state import Checkpoint
from tests.unit.described_flows import NOW

OVERLAP = timedelta(hours=1)


class Files:
    """Stands for the folder of what is kept, with the conditional writes of S3."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[Any, str]] = {}
        self.before_write: list[Callable[[], None]] = []

    def read_version(self, name: str) -> tuple[Any, str | None]:
        return self.files.get(name, (None, None))

    def replace(self, name: str, value: Any, etag: str | None) -> str:
        if self.before_write:
            self.before_write.pop()()
        if self.read_version(name)[1] != etag:
            raise ConflictingWrite(name)
        self.files[name] = value, f"{etag}+"
        return self.files[name][1]

    def names(self) -> list[str]:
        return sorted(self.files)

    def read_all(self, prefix: str) -> list[Any]:
        return [self.files[name][0] for name in self.names() if name.startswith(prefix)]

    def delete(self, name: str) -> None:
        del self.files[name]


def stored_in(monkeypatch: pytest.MonkeyPatch) -> Files:
    """Have the states of integrations stored in such a folder, which is empty."""
    files = Files()
    monkeypatch.setattr(state, "folder", lambda bucket: files)
    return files


def target(description: str = "", read: str = "Contact", fields: tuple[str, ...] = ()) -> Target:
    definition = {
        "FlowName": "contacts",
        "Description": description,
        "Tasks": [
            {"TaskType": "Map", "SourceFields": [name], "DestinationField": name} for name in fields
        ],
        "SourceFlowConfig": {
            "ConnectorType": "Salesforce",
            "ConnectorProfileName": "sales",
            "SourceConnectorProperties": {"Salesforce": {"Object": read}},
            "IncrementalPullConfig": {"DatetimeTypeFieldName": "LastModifiedDate"},
        },
    }
    return Target("acme", "Contact", definition, {})


def checkpoint(until: datetime = NOW, description: str = "", read: str = "Contact") -> Checkpoint:
    return Checkpoint(target(description, read), until, OVERLAP)
