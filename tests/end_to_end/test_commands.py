"""The commands, as a person types them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest

ROOT = Path(__file__).parents[2]
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}


FLOW = "acme-salesforce-contact"
REGION = ("--region", "us-east-1")
EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:bulk-ingestion:first"


def local(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "local", *arguments],
        cwd=cwd,
        env={**os.environ, **CREDENTIALS, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def example(tmp_path: Path, **changes: Any) -> str:
    given = json.loads((ROOT / "events" / "salesforce-contact.json").read_text()) | changes
    path = tmp_path / "input.json"
    path.write_text(json.dumps(given))
    return str(path)


def test_run_shows_the_windows_the_output_and_both_counts(tmp_path: Path) -> None:
    ran = local("run", example(tmp_path, ImportFrom="P6M"), "--speed", "max", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "3 of 3 windows" in ran.stdout
    assert ran.stdout.count("COMPLETE") == 4
    source, domain = (
        next(line for line in ran.stdout.splitlines() if line.startswith(label)).split()[3]
        for label in ("At the source", "In the domain")
    )
    assert source == domain
    assert list((tmp_path / "runs").glob("*/report.json"))


def test_run_as_json_prints_the_output_and_nothing_else(tmp_path: Path) -> None:
    given = example(tmp_path, ImportFrom="P6M")
    ran = local("run", given, "--json", "--speed", "max", "--name", "mine", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["Status"] == "COMPLETE"
    assert ran.stderr == ""


def fault_file(tmp_path: Path, *asked: dict[str, Any]) -> str:
    path = tmp_path / "faults.json"
    path.write_text(json.dumps({"Faults": asked}))
    return str(path)


def test_run_lets_days_pass_and_tells_what_happened_and_that_both_ends_are_equal(
    tmp_path: Path,
) -> None:
    deactivated = {"Flow": "acme", "Becomes": "Deactivated", "From": "P1D"}
    ran = local(
        *("run", example(tmp_path, ImportFrom="P3M"), "--speed", "max", "--days", "2"),
        *("--faults", fault_file(tmp_path, deactivated)),
        cwd=tmp_path,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    days = [line for line in ran.stdout.splitlines() if " pulls, " in line]
    assert [line.split("day")[1].split()[0] for line in days] == ["1", "2", "3"]
    assert all(int(line.split(" pulls")[0].split()[-1]) for line in days)
    assert "AppFlow deactivated acme-salesforce-contact" in ran.stdout
    assert "told: Integration repaired: acme-salesforce-contact" in ran.stdout
    assert "each as it is at the source" in ran.stdout


def test_days_that_end_with_a_source_that_is_down_end_in_1(tmp_path: Path) -> None:
    down = {"Source": "acme-sf", "Ends": "Error", "From": "PT18H"}
    ran = local(
        *("run", example(tmp_path, ImportFrom="P1M"), "--json", "--speed", "max", "--days", "1"),
        *("--faults", fault_file(tmp_path, down)),
        cwd=tmp_path,
    )
    assert ran.returncode == 1, ran.stdout + ran.stderr
    told = json.loads(ran.stdout)
    assert told["Output"]["Status"] == "COMPLETE"
    assert [day["number"] for day in told["Days"]] == [1, 2]
    assert any("could not be reached" in note for note in told["Days"][0]["notes"])
    assert told["Ends"]["missing"] > 0


def test_what_the_next_pull_brings_is_not_said_to_be_missing(tmp_path: Path) -> None:
    body = str(ROOT / "events" / "create-integration-workflow.json")
    ran = local("run", body, "--speed", "max", cwd=tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "come with the integration's next pull" in ran.stdout
    assert "missing" not in ran.stdout


def test_a_dry_run_compares_nothing_and_has_no_days_after_it(tmp_path: Path) -> None:
    nothing = {"Flow": "nowhere", "Becomes": "Deleted"}
    given = example(tmp_path, DryRun=True)
    ran = local(
        *("run", given, "--speed", "max", "--days", "5"),
        *("--faults", fault_file(tmp_path, nothing)),
        cwd=tmp_path,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "NOT_STARTED" in ran.stdout
    assert "In the domain" not in ran.stdout
    assert " pulls, " not in ran.stdout
    # And a fault that met nothing is named
    assert f"This fault met nothing: {json.dumps(nothing)}" in ran.stdout


def test_a_name_that_is_used_again_leaves_nothing_of_the_run_before(tmp_path: Path) -> None:
    given = example(tmp_path, ImportFrom="P1M")
    assert local("run", given, "--speed", "max", "--name", "x", cwd=tmp_path).returncode == 0
    given = example(tmp_path, BatchSize="2M")
    ran = local("run", given, "--speed", "max", "--name", "x", cwd=tmp_path)
    assert ran.returncode == 1
    assert "In the domain" not in ran.stdout
    assert not list((tmp_path / "runs" / "x").glob("*"))


def test_a_failed_execution_says_why_and_ends_in_1(tmp_path: Path) -> None:
    ran = local("run", example(tmp_path, BatchSize="2M"), "--speed", "max", cwd=tmp_path)
    assert ran.returncode == 1
    assert "InvalidInput" in ran.stdout
    assert "BatchSize: '2M' is not a duration" in ran.stdout
    assert "Traceback" not in ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run", "nowhere.json"], "nowhere.json: No such file"),
        (["run", "x.json", "--speed", "0"], "0 is not more than 0"),
        (["run", "x.json", "--speed", "fast"], "neither a number nor max"),
        (["run", "x.json", "--days", "0"], "'0' is not a number of days, 1 or more"),
        (["run", "x.json", "--faults", "nofaults.json"], "nofaults.json cannot be used."),
        (["run", "broken.json"], "broken.json is not JSON: "),
        (["run", "x.json", "--name", "a/b"], "'a/b' is no name: 1 to 80 letters"),
        (["run", "x.json", "--name", ".."], "'..' is no name"),
        (["run", "good.json", "--picture", "no/x.svg"], "no/x.svg: No such file or directory."),
        (["serve", "--port", "70000"], "'70000' is not a port"),
        (["watch", "x"], "'x' is no execution's ARN, arn:aws:states:REGION"),
        (["inspect", "x", "--runs", "0"], "'0' is not a whole number of 1 or more"),
        ([], "the following arguments are required"),
    ],
)
def test_a_wrong_command_line_says_what_is_wrong_and_ends_in_2(
    tmp_path: Path, arguments: list[str], expected: str
) -> None:
    (tmp_path / "broken.json").write_text('{"DomainName": ')
    (tmp_path / "good.json").write_text("{}")
    ran = local(*arguments, cwd=tmp_path)
    assert ran.returncode == 2
    assert expected in ran.stderr
    assert "Traceback" not in ran.stderr


@contextmanager
def serving(tmp_path: Path) -> Iterator[str]:
    """Start the server as a process of its own; gives its address."""
    server = subprocess.Popen(
        [sys.executable, "-m", "local", "serve", "--port", "0", "--speed", "max"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    lines = []
    for line in server.stdout:
        lines.append(line)
        if line.startswith("Listening on "):
            break
    (tmp_path / "welcome").write_text("".join(lines))
    try:
        yield lines[-1].split()[2].rstrip(";")
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=30)
    assert server.returncode == 0


def ask(method: str, url: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, method=method)) as answer:
        return json.load(answer)


def test_the_server_answers_boto3_and_fills_sources_and_shows_what_has_landed(
    tmp_path: Path,
) -> None:
    with serving(tmp_path) as address:
        # Given what the server says of itself
        welcome = (tmp_path / "welcome").read_text()
        machine = welcome.splitlines()[1].strip()
        assert "start-execution --state-machine-arn" in welcome
        assert "describe-execution --execution-arn" in welcome
        # And a source with two records
        records = [
            {"Id": "1", "FirstName": "Ada", "LastModifiedDate": "2026-01-02T03:04:05.678+0000"},
            {"Id": "2", "FirstName": 'O\'Neil "x"', "LastModifiedDate": "2025-12-31T00:00:00Z"},
        ]
        source = f"{address}/local/sources/acme-sf/Contact"
        assert ask("PUT", source, records) == {"Records": 2}
        assert ask("GET", source) == records

        def client(service: str) -> Any:
            return boto3.client(  # type: ignore[call-overload]
                service,
                endpoint_url=address,
                region_name="us-east-1",
                aws_access_key_id="local",
                aws_secret_access_key="local",
            )

        # When an execution is started over HTTP, and followed from another process to its end
        states = client("stepfunctions")
        arn = states.start_execution(
            stateMachineArn=machine,
            name="first",
            input=(ROOT / "events" / "salesforce-contact.json").read_text(),
        )["executionArn"]
        watched = local("watch", arn, "--endpoint-url", address, cwd=tmp_path)
        assert watched.returncode == 0, watched.stdout + watched.stderr
        assert "18 of 18 windows" in watched.stdout
        assert states.describe_execution(executionArn=arn)["status"] == "SUCCEEDED"
        # Then both records have landed, with the mapped fields
        landed = ask("GET", f"{address}/local/domains/acme/objects/Salesforce-Contact")
        assert sorted(landed, key=lambda record: str(record["Id"])) == records
        assert [f["flowName"] for f in client("appflow").list_flows()["flows"]] == [
            "acme-salesforce-contact"
        ]
        # And the flow can be inspected from another process
        inspected = local("inspect", FLOW, "--endpoint-url", address, cwd=tmp_path)
        assert inspected.returncode == 0, inspected.stdout + inspected.stderr
        assert "Salesforce, Contact, connection acme-sf" in inspected.stdout
        as_json = local("inspect", FLOW, "--json", "--endpoint-url", address, cwd=tmp_path)
        told = json.loads(as_json.stdout)
        assert (told["Status"], told["DeadLetterQueue"]["Messages"]) == ("Active", 0)
        # And time can be skipped, and everything emptied
        assert ask("POST", f"{address}/local/advance", {"Seconds": 60})["Now"]
        assert ask("POST", f"{address}/local/reset")["StateMachineArn"] == machine
        assert client("appflow").list_flows()["flows"] == []
        assert ask("GET", source) != records


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("PUT", "sources/acme-sf/Contact", {"Id": "1"}, 400, "an array of records"),
        ("PUT", "sources/acme-sf/Contact", [1], 400, "must be a JSON object"),
        ("PUT", "sources/acme-sf/Contact", [{"Name": "x"}], 400, "has no Id"),
        ("GET", "domains/nowhere/objects/Salesforce-Contact", None, 404, "nowhere"),
        ("POST", "advance", {"Seconds": -1}, 400, "0 or more"),
    ],
)
def test_the_server_refuses_what_it_cannot_do(
    address: str, method: str, path: str, body: Any, status: int, message: str
) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask(method, f"{address}/local/{path}", body)
    assert refused.value.code == status
    assert message in json.load(refused.value)["Message"]


def test_inspecting_a_flow_that_is_not_there_says_so(address: str, tmp_path: Path) -> None:
    told = local("inspect", "nowhere", "--endpoint-url", address, cwd=tmp_path)
    assert told.returncode == 2
    assert "nowhere cannot be inspected: no flow of that name is in us-east-1" in told.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("inspect", FLOW, *REGION), "there are no AWS credentials. Give --profile"),
        (("inspect", FLOW), "no Region is known. Give --region"),
        (("inspect", FLOW, "--profile", "nobody"), "list-profiles lists those that there are"),
        (("watch", EXECUTION), "there are no AWS credentials. Give --profile"),
    ],
)
def test_looking_at_aws_without_access_says_what_is_missing(
    arguments: tuple[str, ...], expected: str, tmp_path: Path, without_access: None
) -> None:
    told = local(*arguments, cwd=tmp_path)
    assert told.returncode == 2
    assert expected in told.stderr
    assert "Traceback" not in told.stderr


def test_looking_at_the_embedded_cloud_needs_no_region_and_no_credentials(
    address: str, tmp_path: Path, without_access: None
) -> None:
    inspected = local("inspect", FLOW, "--endpoint-url", address, cwd=tmp_path)
    assert "no flow of that name is in us-east-1" in inspected.stderr
    watched = local("watch", EXECUTION, "--endpoint-url", address, cwd=tmp_path)
    assert "cannot be watched: ExecutionDoesNotExist" in watched.stderr


@pytest.fixture
def without_access(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the commands without a Region, credentials, and files that could name them."""
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in CREDENTIALS:
        monkeypatch.setitem(CREDENTIALS, name, "")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("server")) as at:
        yield at
