"""The commands on a stack's executions, against a server in another process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.end_to_end.commands import ROOT, bulk, bulk_here, client_of, serving

INPUT = str(ROOT / "events" / "four-lines.json")
FAILING = {"Run": {"Flow": "-0002"}, "Ends": "Error", "Message": "The source is locked."}


class Stack:
    """Runs commands on the stack of a server."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address = address
        self.folder = folder

    def __call__(self, *words: str) -> CompletedProcess[str]:
        return bulk_here(*words, "--endpoint", self.address, cwd=self.folder)

    def json(self, *words: str) -> Any:
        ran = self(*words, "--json")
        assert ran.returncode in (0, 1), ran.stderr
        assert ran.stderr == ""
        return json.loads(ran.stdout)

    def client(self, service: str) -> Any:
        return client_of(self.address, service)

    def input(self, **changes: Any) -> str:
        given = json.loads(Path(INPUT).read_text()) | changes
        path = self.folder / "input.json"
        path.write_text(json.dumps(given))
        return str(path)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("server")) as at:
        yield at


@pytest.fixture
def stack(address: str, tmp_path: Path) -> Stack:
    ask(address, "POST", "reset")
    return Stack(address, tmp_path)


def ask(address: str, method: str, path: str, body: Any = None) -> None:
    from urllib.request import Request, urlopen

    data = json.dumps(body).encode()
    with urlopen(Request(f"{address}/local/{path}", data, method=method)):
        pass


def test_an_import_is_planned_started_watched_listed_and_reported_by_name(stack: Stack) -> None:
    # Given nothing yet
    assert "has no executions yet" in stack("list").stdout
    assert "has no executions yet" in stack("watch").stderr
    # When an import is planned, it says what would happen
    planned = stack("plan", INPUT)
    assert planned.returncode == 0, planned.stderr
    assert "dry run" in planned.stdout.splitlines()[0]
    assert "Estimated cost" in planned.stdout
    assert "as expected: Created" in planned.stdout
    # And when it is started, it says how to follow it
    started = stack("start", INPUT, "--name", "mine")
    assert started.returncode == 0, started.stderr
    assert f"bulk watch mine --endpoint {stack.address}" in started.stdout
    watched = stack("watch", "mine")
    assert watched.returncode == 0, watched.stdout + watched.stderr
    assert "18 of 18 windows" in watched.stdout
    # Then it is found by its name, by its ARN, and as the latest
    [latest, first] = stack.json("list")
    assert (latest["Name"], latest["Status"]) == ("mine", "SUCCEEDED")
    assert first["Name"].startswith("four-lines-plan-")
    for words in (("watch", "mine"), ("watch", latest["ExecutionArn"]), ("watch",)):
        assert stack.json(*words)["Metrics"]["StepsCompleted"] == 18
    # And its report is here
    assert stack("report").returncode == 0
    assert "<html" in (stack.folder / "runs" / "mine" / "report.html").read_text()
    assert stack.json("report", "mine")["Status"] == "COMPLETE"


def test_a_failed_import_is_redriven_and_resumed(stack: Stack) -> None:
    ask(stack.address, "PUT", "faults", {"Faults": [FAILING]})
    failed = stack("start", INPUT, "--name", "failing", "--watch")
    assert failed.returncode == 1
    assert "WindowsFailed" in failed.stdout
    assert "The source is locked." in failed.stdout
    assert stack.json("watch")["Error"] == "WindowsFailed"
    # When the cause is not fixed, a new execution that resumes it fails as well
    resumed = stack("resume", "failing", "--watch")
    assert resumed.returncode == 1
    # And after it is fixed, a redrive completes the first one
    ask(stack.address, "PUT", "faults", {"Faults": []})
    redriven = stack("redrive", "failing", "--watch")
    assert redriven.returncode == 0, redriven.stdout + redriven.stderr
    assert "19 of 19 windows" in redriven.stdout
    # And what is complete can't be redriven
    again = stack("redrive", "failing")
    assert again.returncode == 2
    assert "can't be redriven" in again.stderr


def test_an_import_is_stopped_with_a_cause(stack: Stack) -> None:
    # Given runs that never end
    endless = {"Run": {}, "Takes": "P2D"}
    ask(stack.address, "PUT", "faults", {"Faults": [endless]})
    assert stack("start", INPUT, "--name", "long").returncode == 0
    stopped = stack("stop", "--cause", "The wrong year.")
    assert stopped.returncode == 0, stopped.stderr
    watched = stack("watch", "long")
    assert watched.returncode == 1
    assert "Execution long  CANCELLED" in watched.stdout
    assert "The wrong year." in watched.stdout
    assert stack("stop").returncode == 2


def test_an_input_is_checked_before_it_is_sent(stack: Stack) -> None:
    wrong = stack("start", stack.input(BatchSize="2M", Objekt="Contact"))
    assert wrong.returncode == 2
    assert 'BatchSize: "2M" is not a duration' in wrong.stderr
    assert "Objekt: is unknown" in wrong.stderr
    assert stack.json("list") == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("watch", "nowhere"), "has no execution nowhere in us-east-1. To list"),
        (("report", "nowhere"), "has no execution nowhere"),
        (("redrive", "nowhere"), "has no execution nowhere"),
        (("stop", "nowhere"), "has no execution nowhere"),
        (("resume", "nowhere"), "has no execution nowhere"),
        (("list", "--stack", "other"), "there is no stack other in us-east-1. Pass --stack"),
        (("start", INPUT, "--stack", "other"), "there is no stack other"),
    ],
)
def test_what_does_not_exist_is_named(stack: Stack, words: tuple[str, ...], expected: str) -> None:
    ran = stack(*words)
    assert ran.returncode == 2
    assert expected in ran.stderr
    assert "Traceback" not in ran.stderr


def test_without_a_server_it_says_how_to_start_one(tmp_path: Path) -> None:
    ran = bulk_here("list", "--endpoint", "http://127.0.0.1:9", cwd=tmp_path)
    assert ran.returncode == 2
    assert "To start it, run bulk serve." in ran.stderr


def test_a_shell_completes_the_names_of_executions(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stack("start", INPUT, "--name", "contacts-2026", "--watch")
    for name, value in {
        "_BULK_COMPLETE": "complete_bash",
        "COMP_WORDS": "bulk watch cont",
        "COMP_CWORD": "2",
        "AWS_ENDPOINT_URL": stack.address,
    }.items():
        monkeypatch.setenv(name, value)
    assert bulk(cwd=tmp_path).stdout.split() == ["contacts-2026"]


def test_the_version_and_every_commands_help_have_examples(tmp_path: Path) -> None:
    assert bulk_here("--version", cwd=tmp_path).stdout.startswith("bulk 0.")
    overview = bulk_here("--help", cwd=tmp_path).stdout
    assert "130 interrupted" in " ".join(overview.split())
    listed = overview.partition("Commands:")[2].partition("\n\n")[0]
    commands = [line.split()[0] for line in listed.strip().splitlines()]
    assert len(commands) == 11
    for command in commands:
        told = bulk_here(command, "--help", cwd=tmp_path).stdout
        assert f"Examples:\n    bulk {command}" in told
        assert "--json" in told
