"""When two targets import the same, part by part."""

from __future__ import annotations

from typing import Any

import pytest

from bulk_ingestion.flow.target import Target
from tests.machine.machine import event


def target(**changed: str) -> Target:
    given: dict[str, Any] = {**event(), "Tags": {}}
    config = given["FlowDefinition"]["SourceFlowConfig"]
    for part, value in changed.items():
        if part == "Object":
            config["SourceConnectorProperties"]["Salesforce"]["Object"] = value
        elif part == "DatetimeTypeFieldName":
            config["IncrementalPullConfig"][part] = value
        else:
            (config if part in config else given)[part] = value
    return Target.from_json(given)


@pytest.mark.parametrize(
    "changed",
    [
        {"DomainName": "other"},
        {"ObjectTypeName": "other"},
        {"ConnectorProfileName": "other"},
        {"Object": "Account"},
        {"DatetimeTypeFieldName": "SystemModstamp"},
    ],
)
def test_targets_are_the_same_if_they_import_the_same(changed: dict[str, str]) -> None:
    assert target().is_same(target())
    assert not target().is_same(target(**changed))
