"""Every command that the README and the docs print works as it is printed.

A shell that knows nothing but the clone runs it, in the environment that ``make`` made.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.end_to_end.commands import CREDENTIALS, ROOT, bulk, serving

PAGES = {path.name: path.read_text() for path in (ROOT / "README.md", *ROOT.glob("docs/*.md"))}
COMMAND = re.compile(r"(?:^|(?<=`))(?:\.venv/bin/bulk|make) [^`#\n]+", re.MULTILINE)
COMMANDS = sorted({match[0].strip() for page in PAGES.values() for match in COMMAND.finditer(page)})
KEPT = " --old-file=.venv/installed"  # no make in a test installs the test's own environment anew

SUCCEEDING = (0, "equal to the source")
FAILING = (1, "99 records are missing or out of date")
FAILING_RUNS = "docs/faults/failed-runs.json"

ON_A_STACK = ["plan", "start", "watch", "report", "redrive", "resume", "stop", "list", "inspect"]

NAME, FLOW, REGION = "printed-command", "acme-salesforce-contact", "us-east-1"
PROFILE = f"[profile P]\nregion={REGION}\naws_access_key_id=local\naws_secret_access_key=local\n"


def printed(*words: str) -> list[str]:
    return [command for command in COMMANDS if command.split()[1] in words]


def fresh(home: Path) -> dict[str, str]:
    """The variables of a shell that a person has just opened."""
    folders = os.environ["PATH"].split(os.pathsep)
    path = os.pathsep.join(folder for folder in folders if not folder.startswith(str(ROOT)))
    return {"PATH": path, "HOME": str(home)}


def ran(command: str, home: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=ROOT,
        env={**fresh(home), **variables},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("server")) as at:
        yield at


@pytest.fixture(scope="module")
def execution(address: str) -> str:
    """Import the example into the server; gives the execution's name."""
    start(address, "done")
    return "done"


def start(address: str, name: str, *faults: dict[str, Any], until_it_ends: bool = True) -> None:
    """Start the example with faults, and follow it to its end."""
    put = Request(f"{address}/local/faults", json.dumps({"Faults": faults}).encode(), method="PUT")
    with urlopen(put):
        pass
    example = str(ROOT / "events" / "salesforce-contact.json")
    options = ["--watch"] * until_it_ends
    bulk("start", example, "--name", name, "--endpoint", address, *options, cwd=ROOT)
    with urlopen(Request(put.full_url, b'{"Faults": []}', method="PUT")):
        pass


def test_commands_of_every_kind_are_printed_and_none_without_its_path() -> None:
    assert {c.split()[1] for c in COMMANDS} >= {"run", "serve", "test", *ON_A_STACK}
    bare = re.compile(rf"(?:^|`)bulk (?:run|serve|{'|'.join(ON_A_STACK)})", re.MULTILINE)
    assert [name for name, page in PAGES.items() if bare.search(page)] == []


def test_the_environment_runs_the_code_of_this_clone(tmp_path: Path) -> None:
    code = "import cli, local, bulk_ingestion as b; print(cli.__file__, local.__file__, b.__file__)"
    told = ran(f".venv/bin/python -P -c '{code}'", tmp_path).stdout.split()
    assert [Path(file).parents[1] for file in told] == [ROOT, ROOT, ROOT / "functions"], (
        "The environment belongs to another clone. Remove .venv and run make .venv/installed."
    )


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make")])
def test_make_has_the_target(command: str, tmp_path: Path) -> None:
    asked = ran(f"{command} --dry-run {KEPT}", tmp_path)
    assert asked.returncode == 0, asked.stderr


@pytest.mark.parametrize("command", printed("run"))
def test_a_run_ends_as_the_docs_say(command: str, tmp_path: Path) -> None:
    command = command.replace("FILE", "docs/faults/month.json")
    if command.startswith("make"):
        command += KEPT
    else:  # quickly, and a day in place of many
        command += f" --speed max --name {NAME}" + " --days 1" * ("--days" in command)
    try:
        shown = ran(command, tmp_path)
    finally:
        shutil.rmtree(ROOT / "runs" / NAME, ignore_errors=True)
    code, last_words = FAILING if FAILING_RUNS in command else SUCCEEDING
    assert shown.returncode == code, shown.stdout + shown.stderr
    assert last_words in shown.stdout


@pytest.mark.parametrize("command", printed("serve"))
def test_a_server_answers(command: str, tmp_path: Path) -> None:
    if command.startswith("make"):
        command = ran(f"{command} --dry-run {KEPT}", tmp_path).stdout
    with serving(tmp_path, command.split(), **fresh(tmp_path), PYTHONPATH="") as address:
        assert address.startswith("http://127.0.0.1:")


FAULTS: dict[str, dict[str, Any]] = {
    "redrive": {"Run": {"Flow": "-0002"}, "Ends": "Error", "Message": "It is locked."},
    "stop": {"Run": {}, "Takes": "P2D"},
}
"""What has to be wrong with an execution for a command to have something to do."""


@pytest.mark.parametrize("command", printed(*ON_A_STACK))
def test_a_command_on_a_stack_does_what_it_says_with_every_option(
    command: str, address: str, execution: str, tmp_path: Path
) -> None:
    verb, name = command.split()[1], execution
    if verb in FAULTS:
        name = f"{verb}-{COMMANDS.index(command)}"
        start(address, name, FAULTS[verb], until_it_ends=verb == "redrive")
    elif verb == "watch":  # the latest one, too, is to end well
        name = f"{verb}-{COMMANDS.index(command)}"
        start(address, name)
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text(PROFILE)
    words = {"NAME": name, "FLOW": FLOW, "R": REGION, "INPUT": "events/four-lines.json"}
    command = re.sub(r"\b(NAME|FLOW|R|INPUT)\b", lambda word: words[word[0]], command)
    command = re.sub(r"[][]", "", command).replace("http://127.0.0.1:4566", address)
    access = {**CREDENTIALS, "AWS_DEFAULT_REGION": REGION, "AWS_ENDPOINT_URL": address}
    try:
        shown = ran(command, tmp_path, **access, BROWSER="true")
    finally:
        shutil.rmtree(ROOT / "runs" / name, ignore_errors=True)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert shown.stdout
