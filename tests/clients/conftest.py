"""The server, as a process of its own, and what the clients need to find it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.server import ROOT, Server

REGION = "us-east-1"
AN_HOUR_A_SECOND = "3600"


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    command = [str(ROOT / ".venv/bin/bulk"), "serve", "--port", "0", "--speed", AN_HOUR_A_SECOND]
    with subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        facts = json.loads(process.stdout.readline())
        yield Server(facts["Endpoint"], facts["StateMachineArn"])
        process.terminate()


@pytest.fixture(autouse=True)
def environment(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Point every client at the server, and keep it from any configuration of this machine."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_PAGER", "")
