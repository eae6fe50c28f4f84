"""The embedded cloud takes nothing from the shell's AWS configuration, and calls nobody."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.end_to_end.commands import BULK, ROOT, THIS_CLONE, bulk_here, client_of, serving

SERVICES = (
    "APPFLOW",
    "CUSTOMER_PROFILES",
    "CLOUDFORMATION",
    "CLOUDWATCH",
    "EVENTBRIDGE",
    "IAM",
    "LAMBDA",
    "S3",
    "SCHEDULER",
    "SERVICE_QUOTAS",
    "SFN",
    "SNS",
    "SQS",
    "STS",
)


@pytest.fixture
def listener() -> Iterator[tuple[str, list[bytes]]]:
    """Give the address of a server, and the requests that it has heard."""
    heard: list[bytes] = []
    with listening(heard) as port:
        yield f"http://127.0.0.1:{port}", heard


@contextmanager
def listening(heard: list[bytes]) -> Iterator[int]:
    server = socket.create_server(("127.0.0.1", 0))

    def listen() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                heard.append(connection.recv(1000))

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


def in_variables(address: str, _: Path) -> dict[str, str]:
    of_services = {f"AWS_ENDPOINT_URL_{service}": address for service in SERVICES}
    return {
        "AWS_ENDPOINT_URL": address,
        **of_services,
        "AWS_PROFILE": "missing",
        "AWS_USE_DUALSTACK_ENDPOINT": "true",
        "AWS_USE_FIPS_ENDPOINT": "true",
        "AWS_REGION": "eu-central-1",
        "TEST_SERVER_MODE": "true",
        "TEST_SERVER_MODE_ENDPOINT": address,
    }


def in_files(address: str, folder: Path) -> dict[str, str]:
    configuration = folder / "configuration"
    configuration.write_text(
        f"[default]\nregion = eu-central-1\nendpoint_url = {address}\nuse_fips_endpoint = true\n"
    )
    return {"AWS_CONFIG_FILE": str(configuration), "AWS_SHARED_CREDENTIALS_FILE": "/missing"}


@pytest.mark.parametrize("configured", [in_variables, in_files])
def test_an_import_sends_nothing_to_the_endpoints_of_the_shell(
    configured: object, listener: tuple[str, list[bytes]], tmp_path: Path
) -> None:
    address, heard = listener
    assert callable(configured)
    shell = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}

    ran = subprocess.run(
        [BULK, "run", str(ROOT / "events/salesforce-contact.json"), "--name", "isolated"],
        cwd=tmp_path,
        env={**shell, **THIS_CLONE, **configured(address, tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert heard == []


def test_a_server_keeps_to_itself_beside_another_one(tmp_path: Path) -> None:
    # Given two servers, one of which was started in a shell that is set up for the other
    with (
        serving(tmp_path) as other,
        serving(tmp_path, **in_variables(other, tmp_path)) as server,
    ):
        example = str(ROOT / "events/four-lines.json")
        started = bulk_here("start", example, "--watch", "--endpoint", server, cwd=tmp_path)
        listed = [
            json.loads(bulk_here("list", "--json", "--endpoint", address, cwd=tmp_path).stdout)
            for address in (server, other)
        ]
        stored = [_stored(address) for address in (server, other)]
    # Then an import leaves its execution, its flow and its files in its own server alone
    assert started.returncode == 0, started.stdout + started.stderr
    assert [len(executions) for executions in listed] == [1, 0]
    assert [flows for flows, _ in stored] == [1, 0]
    assert stored[0][1] > 0
    assert stored[1][1] == 0


def _stored(address: str) -> tuple[int, int]:
    """Count the flows, and the files in all buckets."""
    s3, appflow = client_of(address, "s3"), client_of(address, "appflow")
    files = [
        s3.list_objects_v2(Bucket=bucket["Name"]).get("KeyCount", 0)
        for bucket in s3.list_buckets()["Buckets"]
    ]
    return len(appflow.list_flows()["flows"]), sum(files)
