"""The commands, as a person types them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.commands import (
    BULK,
    CREDENTIALS,
    ROOT,
    THIS_CLONE,
    bulk,
    bulk_here,
    client_of,
    serving,
)

FLOW = "acme-salesforce-contact"
REGION = ("--region", "us-east-1")
EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:bulk-ingestion:first"


def example(tmp_path: Path, **changes: Any) -> str:
    given = json.loads((ROOT / "events" / "salesforce-contact.json").read_text()) | changes
    path = tmp_path / "input.json"
    path.write_text(json.dumps(given))
    return str(path)


def test_run_shows_the_windows_the_output_and_both_counts(tmp_path: Path) -> None:
    ran = bulk_here("run", example(tmp_path, ImportFrom="P6M"), "--speed", "max", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "3 of 3 windows" in ran.stdout
    assert ran.stdout.count("COMPLETE") == 4
    source, domain = (
        next(line for line in ran.stdout.splitlines() if line.startswith(label)).split()[3]
        for label in ("At the source", "In the domain")
    )
    assert source == domain
    assert list((tmp_path / "runs").glob("*/report.json"))


def test_run_says_what_it_has_made_up_and_refuses_a_file_that_is_not_there(
    tmp_path: Path,
) -> None:
    definition = json.loads((ROOT / "events" / "salesforce-contact.json").read_text())
    definition = definition["FlowDefinition"]
    definition["Tasks"][0]["SourceFields"].append("Loyalty__c")
    given = example(tmp_path, ImportFrom="P4M", FlowDefinition=definition)
    ran = bulk_here("run", given, "--speed", "max", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("The simulated source had no Loyalty__c; it has now.\n")
    absent = bulk_here("run", given, "--source", "absent.csv", cwd=tmp_path)
    assert absent.returncode == 2
    assert "absent.csv: No such file or directory" in absent.stderr


def test_run_as_json_prints_the_output_and_nothing_else(tmp_path: Path) -> None:
    given = example(tmp_path, ImportFrom="P6M")
    ran = bulk("run", given, "--json", "--speed", "max", "--name", "mine", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["Status"] == "COMPLETE"
    assert ran.stderr == ""


def fault_file(tmp_path: Path, *asked: dict[str, Any]) -> str:
    path = tmp_path / "faults.json"
    path.write_text(json.dumps({"Faults": asked}))
    return str(path)


def test_run_simulates_days_and_reports_what_happened_and_that_both_ends_are_equal(
    tmp_path: Path,
) -> None:
    deactivated = {"Flow": "acme", "Becomes": "Deactivated", "From": "P1D"}
    ran = bulk_here(
        *("run", example(tmp_path, ImportFrom="P3M"), "--speed", "max", "--days", "2"),
        *("--faults", fault_file(tmp_path, deactivated)),
        cwd=tmp_path,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    days = [line for line in ran.stdout.splitlines() if " until " in line]
    assert [line.partition("until")[0].split() for line in days] == [
        ["day", "1"],
        ["day", "2"],
        ["after"],
    ]
    assert all(int(line.split(" pulls")[0].split()[-1]) for line in days)
    assert "AppFlow deactivated acme-salesforce-contact" in ran.stdout
    broken, repaired = (
        next(line.strip() for line in ran.stdout.splitlines() if word in line)
        for word in ("  broken: AppFlow deactivated", "  repaired: acme-salesforce-contact, ")
    )
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d  broken", broken)
    assert broken < repaired
    assert re.search(r"repaired: \S+ .* after AppFlow deactivated it$", repaired)
    assert re.search(r"^2 days: \d+ pulls, .* 1 repairs", ran.stdout, re.MULTILINE)
    [page] = (tmp_path / "runs").glob("*/report.html")
    assert "The days after" in page.read_text()
    assert "equal to the source, value by value" in ran.stdout


def test_days_that_end_with_a_source_that_is_down_end_in_1(tmp_path: Path) -> None:
    down = {"Source": "acme-sf", "Ends": "Error", "From": "PT18H"}
    ran = bulk_here(
        *("run", example(tmp_path, ImportFrom="P1M"), "--json", "--speed", "max", "--days", "1"),
        *("--faults", fault_file(tmp_path, down)),
        cwd=tmp_path,
    )
    assert ran.returncode == 1, ran.stdout + ran.stderr
    told = json.loads(ran.stdout)
    assert told["Output"]["Status"] == "COMPLETE"
    assert [day["number"] for day in told["Days"]] == [1, None]
    assert any("could not be reached" in note for note in told["Days"][0]["notes"])
    assert told["Ends"]["missing"] > 0


def test_batches_that_end_before_now_leave_nothing_missing(tmp_path: Path) -> None:
    body = str(ROOT / "events" / "create-integration-workflow.json")
    ran = bulk_here("run", body, "--speed", "max", cwd=tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "equal to the source, value by value" in ran.stdout


def test_a_domain_that_lacks_what_no_pull_brings_ends_in_1_and_says_what(tmp_path: Path) -> None:
    silent = {"Run": {"Flow": "-0001$"}, "CutAt": 10}
    for options in ((), ("--json",)):
        ran = bulk_here(
            *("run", example(tmp_path, ImportFrom="P6M"), "--speed", "max", *options),
            *("--faults", fault_file(tmp_path, silent)),
            cwd=tmp_path,
        )
        assert ran.returncode == 1, ran.stdout + ran.stderr
        assert "records are missing or out of date, and no later pull" in ran.stdout + ran.stderr
        assert "COMPLETE" in ran.stdout
    assert json.loads(ran.stdout)["Status"] == "COMPLETE"


def test_a_dry_run_compares_nothing_and_has_no_days_after_it(tmp_path: Path) -> None:
    nothing = {"Flow": "nowhere", "Becomes": "Deleted"}
    given = example(tmp_path, DryRun=True)
    ran = bulk_here(
        *("run", given, "--speed", "max", "--days", "5"),
        *("--faults", fault_file(tmp_path, nothing)),
        cwd=tmp_path,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "NOT_STARTED" in ran.stdout
    assert "In the domain" not in ran.stdout
    assert " pulls, " not in ran.stdout
    # And a fault that never struck is named
    assert f"This fault never struck: {json.dumps(nothing)}" in ran.stdout


def test_a_name_that_is_used_again_leaves_nothing_of_the_run_before(tmp_path: Path) -> None:
    given = example(tmp_path, ImportFrom="P1M")
    assert bulk_here("run", given, "--speed", "max", "--name", "x", cwd=tmp_path).returncode == 0
    given = example(tmp_path, BatchSize="2M")
    ran = bulk_here("run", given, "--speed", "max", "--name", "x", cwd=tmp_path)
    assert ran.returncode == 1
    assert "In the domain" not in ran.stdout
    assert not list((tmp_path / "runs" / "x").glob("*"))


def test_a_failed_execution_says_why_and_ends_in_1(tmp_path: Path) -> None:
    ran = bulk_here("run", example(tmp_path, BatchSize="2M"), "--speed", "max", cwd=tmp_path)
    assert ran.returncode == 1
    assert "InvalidInput" in ran.stdout
    assert 'BatchSize: "2M" is not a duration' in ran.stdout
    assert "Traceback" not in ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run", "nowhere.json"], "nowhere.json: No such file"),
        (["run", "x.json", "--speed", "0"], "'0' is not a speed. Use a number greater than 0"),
        (["run", "x.json", "--speed", "fast"], "'fast' is not a speed"),
        (["run", "x.json", "--days", "0"], "'0' is not a number of days. Use a whole number"),
        (["run", "x.json", "--faults", "nofaults.json"], "nofaults.json is not valid."),
        (["run", "broken.json"], "broken.json is not JSON: "),
        (["run", "x.json", "--name", "a/b"], "'a/b' is not a name. Use 1 to 80 letters"),
        (["run", "x.json", "--name", ".."], "'..' is not a name"),
        (["run", "good.json", "--picture", "no/x.svg"], "no/x.svg: No such file or directory."),
        (["serve", "--port", "70000"], "'70000' is not a port"),
        (["watch", "arn:x"], "'arn:x' is not the ARN of an execution, such as arn:aws:states:"),
        (["watch", "a/b"], "'a/b' is not a name. Use 1 to 80 letters"),
        (["watch", "--endpoint", "here"], "'here' is not an endpoint, such as http://127.0.0.1"),
        (["start", "nowhere.json"], "nowhere.json: No such file"),
        (["start", "broken.json"], "broken.json is not JSON: "),
        (["resume", "--corrections", "broken.json"], "broken.json is not JSON: "),
        (["runn"], "No such command 'runn'. Did you mean 'run'?"),
        (["inspect", "x", "--runs", "0"], "'0' is not a number of runs. Use a whole number"),
        (["run"], "Missing argument 'INPUT'"),
    ],
)
def test_a_wrong_command_line_says_what_is_wrong_and_ends_in_2(
    tmp_path: Path, arguments: list[str], expected: str
) -> None:
    (tmp_path / "broken.json").write_text('{"DomainName": ')
    (tmp_path / "good.json").write_text("{}")
    ran = bulk_here(*arguments, cwd=tmp_path)
    assert ran.returncode == 2
    assert expected in ran.stderr
    assert "Traceback" not in ran.stderr


def ask(method: str, url: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, method=method)) as answer:
        return json.load(answer)


def test_the_server_answers_boto3_and_fills_sources_and_shows_what_has_landed(
    served: Path, address: str, tmp_path: Path
) -> None:
    # Given what the server says of itself
    welcome = (served / "welcome").read_text()
    machine = welcome.splitlines()[1].strip()
    assert "start-execution --state-machine-arn" in welcome
    assert f"bulk start events/four-lines.json --watch --endpoint {address}" in welcome
    # And a source with two records
    records = [
        {"Id": "1", "FirstName": "Ada", "LastModifiedDate": "2026-01-02T03:04:05.678+0000"},
        {"Id": "2", "FirstName": 'O\'Neil "x"', "LastModifiedDate": "2025-12-31T00:00:00Z"},
    ]
    source = f"{address}/local/sources/acme-sf/Contact"
    assert ask("PUT", source, records) == {"Records": 2}
    assert ask("GET", source) == records
    # When an execution is started over HTTP, and followed from another process to its end
    states, appflow = client_of(address, "stepfunctions"), client_of(address, "appflow")
    arn = states.start_execution(
        stateMachineArn=machine,
        name="first",
        input=(ROOT / "events" / "salesforce-contact.json").read_text(),
    )["executionArn"]
    watched = bulk_here("watch", arn, "--endpoint-url", address, cwd=tmp_path)
    assert watched.returncode == 0, watched.stdout + watched.stderr
    assert "18 of 18 windows" in watched.stdout
    assert states.describe_execution(executionArn=arn)["status"] == "SUCCEEDED"
    # Then both records have landed, with the mapped fields
    landed = ask("GET", f"{address}/local/domains/acme/objects/Salesforce-Contact")
    assert sorted(landed, key=lambda record: str(record["Id"])) == records
    assert [f["flowName"] for f in appflow.list_flows()["flows"]] == ["acme-salesforce-contact"]
    # And the flow can be inspected from another process
    inspected = bulk_here("inspect", FLOW, "--endpoint-url", address, cwd=tmp_path)
    assert inspected.returncode == 0, inspected.stdout + inspected.stderr
    assert "Salesforce, Contact, connection acme-sf" in inspected.stdout
    as_json = bulk_here("inspect", FLOW, "--json", "--endpoint-url", address, cwd=tmp_path)
    told = json.loads(as_json.stdout)
    assert (told["Status"], told["DeadLetterQueue"]["Messages"]) == ("Active", 0)
    assert told["Imported"]["Line"].endswith(", without a gap")
    # And time can be skipped, and everything emptied
    assert ask("POST", f"{address}/local/advance", {"Seconds": 60})["Now"]
    assert ask("POST", f"{address}/local/reset")["StateMachineArn"] == machine
    assert appflow.list_flows()["flows"] == []
    assert ask("GET", source) != records


def test_a_used_port_is_told_before_anything_is_deployed(address: str, tmp_path: Path) -> None:
    port = address.rpartition(":")[2]
    refused = bulk_here("serve", "--port", port, cwd=tmp_path)
    assert refused.returncode == 2
    assert f"port {port} is in use, perhaps by another embedded cloud" in refused.stderr
    assert refused.stdout == ""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_server_ends_with_the_executions_that_run_and_logs_requests(
    how: signal.Signals, tmp_path: Path
) -> None:
    command = [BULK, "serve", "--port", "0", "--json", "--verbose", "--speed", "1"]
    server = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **THIS_CLONE},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell has the commands that it runs in the background ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert server.stdout is not None
    facts = json.loads(server.stdout.readline())
    started = bulk_here(
        *("start", example(tmp_path), "--endpoint", facts["Endpoint"], "--json"), cwd=tmp_path
    )
    assert started.returncode == 0, started.stderr
    server.send_signal(how)
    out, log = server.communicate(timeout=60)
    assert server.returncode == 0
    assert "POST AWSStepFunctions.StartExecution 200" in log
    assert "Traceback" not in out + log


def test_inspecting_a_flow_that_is_not_there_says_so(address: str, tmp_path: Path) -> None:
    told = bulk_here("inspect", "nowhere", "--endpoint-url", address, cwd=tmp_path)
    assert told.returncode == 2
    assert "there is no flow with this name in us-east-1" in told.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("inspect", FLOW, *REGION), "there are no AWS credentials. Pass --profile"),
        (("inspect", FLOW), "no AWS Region is set. Pass --region"),
        (
            ("inspect", FLOW, "--profile", "nobody"),
            "To list your profiles, run aws configure list-profiles",
        ),
        (("watch", EXECUTION), "there are no AWS credentials. Pass --profile"),
    ],
)
def test_looking_at_aws_without_access_says_what_is_missing(
    arguments: tuple[str, ...], expected: str, tmp_path: Path, without_access: None
) -> None:
    told = bulk_here(*arguments, cwd=tmp_path)
    assert told.returncode == 2
    assert expected in told.stderr
    assert "Traceback" not in told.stderr


def test_looking_at_the_embedded_cloud_needs_no_region_and_no_credentials(
    address: str, tmp_path: Path, without_access: None
) -> None:
    inspected = bulk_here("inspect", FLOW, "--endpoint-url", address, cwd=tmp_path)
    assert "there is no flow with this name in us-east-1" in inspected.stderr
    watched = bulk_here("watch", EXECUTION, "--endpoint-url", address, cwd=tmp_path)
    assert "has no execution first in us-east-1" in watched.stderr


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
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of what the server says."""
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def address(served: Path) -> Iterator[str]:
    with serving(served) as at:
        yield at
