"""Runs ``bulk``, as a process of its own or in this one, with the code of this clone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3

from cli.main import main
from local.account import REGION

ROOT = Path(__file__).parents[2]
BULK = str(Path(sys.executable).with_name("bulk"))
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}

# Whichever clone the environment was made in, what is tested is the code beside these tests.
THIS_CLONE = {"PYTHONPATH": os.pathsep.join((str(ROOT / "functions"), str(ROOT)))}


def bulk(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [BULK, *arguments],
        cwd=cwd,
        env={**os.environ, **CREDENTIALS, **THIS_CLONE},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def bulk_here(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command to its end in this process, which spares the start of another."""
    out, error = StringIO(), StringIO()
    with (
        chdir(cwd),
        patch.dict(os.environ, CREDENTIALS),
        redirect_stdout(out),
        redirect_stderr(error),
    ):
        try:
            code = main([*arguments])
        except SystemExit as ended:
            code = int(ended.code or 0)
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), error.getvalue())


def client_of(address: str, service: str) -> Any:
    """Give the boto3 client of a service of a server."""
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=address,
        region_name=REGION,
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )


@contextmanager
def serving(
    folder: Path, command: Sequence[str] = (BULK, "serve", "--speed", "max"), **variables: str
) -> Iterator[str]:
    """Start the server on a free port, and give its address.

    What it said first is in ``folder/welcome``.
    """
    server = subprocess.Popen(
        [*command, "--port", "0"],
        cwd=ROOT,
        env={**os.environ, **THIS_CLONE, "PYTHONUNBUFFERED": "1", **variables},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    lines = []
    for line in server.stdout:
        lines.append(line)
        if line.startswith("Listening on "):
            break
    (folder / "welcome").write_text("".join(lines))
    try:
        yield lines[-1].split()[2].rstrip(";")
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=30)
    assert server.returncode == 0
