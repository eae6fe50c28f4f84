from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from moto import mock_aws

from local.stack import Stack, deploy
from local.template import REGION, TEMPLATE, expand

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = TEMPLATE.parent
FILES = {
    "BulkIngestion": ROOT / "statemachine" / "bulk_ingestion.asl.json",
    "KeepIntegrations": ROOT / "statemachine" / "keep_integrations.asl.json",
}
DEFINITIONS: dict[str, dict[str, Any]] = {
    machine: json.loads(path.read_text()) for machine, path in FILES.items()
}
KEY = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
PARAMETERS = {"KmsKeyArn": KEY, "DomainName": "acme", "ConnectorProfileNames": "sales,support"}


@pytest.fixture(scope="session")
def expanded() -> dict[str, Any]:
    return expand(parameters=PARAMETERS)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws():
        yield


@pytest.fixture
def stack(aws: None) -> Stack:
    return deploy(PARAMETERS)


@pytest.fixture
def installed() -> Path:
    """The folder that `make tests/template/node_modules/installed` fills."""
    folder = Path(__file__).parent / "node_modules"
    assert folder.is_dir(), "run make tests/template/node_modules/installed"
    return folder
