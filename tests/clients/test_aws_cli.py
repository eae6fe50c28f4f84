"""The AWS CLI, as one types it: an import, a flow of one's own, and what has landed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.clients.server import ROOT, Server, salesforce_flow

AWS = Path(sys.executable).with_name("aws")


def aws(*words: str, code: int = 0) -> Any:
    """Run a command; gives its JSON, or what it says of its failure."""
    ran = subprocess.run([AWS, *words], capture_output=True, text=True, check=False)
    assert ran.returncode == code, ran.stderr
    if code:
        return ran.stderr
    return json.loads(ran.stdout) if ran.stdout.startswith(("{", "[")) else ran.stdout


def poll(*words: str, until: str) -> Any:
    """Repeat a command, as one does, until its answer has a text."""
    for _ in range(200):
        answer = aws(*words)
        if until in json.dumps(answer):
            return answer
        time.sleep(0.05)
    pytest.fail(f"{' '.join(words)} never had {until}.")


def test_an_import_from_its_start_to_its_report(server: Server) -> None:
    started = aws(
        *("stepfunctions", "start-execution", "--state-machine-arn", server.machine),
        *("--name", "cli", "--input", f"file://{ROOT}/events/four-lines.json"),
    )
    named = ("--execution-arn", started["executionArn"])
    ended = poll("stepfunctions", "describe-execution", *named, until="SUCCEEDED")
    output = json.loads(ended["output"])
    report = json.loads(json.dumps(aws("s3", "cp", output["Report"], "-")))
    assert report["Status"] == output["Status"] == "COMPLETE"
    page = aws("s3", "ls", output["Page"])
    assert page.endswith("report.html\n")
    history = aws("stepfunctions", "get-execution-history", *named, "--max-items", "5")
    assert history["events"][0]["type"] == "ExecutionStarted"
    flow = output["Integration"]["FlowName"]
    assert aws("appflow", "describe-flow", "--flow-name", flow)["flowStatus"] == "Active"


def test_a_flow_of_ones_own_lands_in_profiles() -> None:
    # Given a flow that Customer Profiles knows
    created = aws("appflow", "create-flow", "--cli-input-json", json.dumps(salesforce_flow("cli")))
    integration = ("--domain-name", "acme", "--uri", created["flowArn"])
    aws("customer-profiles", "put-integration", *integration, *CONTACT)
    # When it has run
    aws("appflow", "start-flow", "--flow-name", "cli")
    runs = poll(
        *("appflow", "describe-flow-execution-records", "--flow-name", "cli"), until="Successful"
    )
    assert runs["flowExecutions"][0]["executionResult"]["recordsProcessed"] > 0
    # Then its records are found by their key, and each is an object of a profile
    key = ("--key-name", "_salesforceContactId", "--values", "003000000000001001")
    found = aws("customer-profiles", "search-profiles", "--domain-name", "acme", *key)
    [profile] = found["Items"]
    assert "@" in profile["EmailAddress"]
    of_profile = ("--domain-name", "acme", "--profile-id", profile["ProfileId"])
    objects = aws("customer-profiles", "list-profile-objects", *of_profile, *CONTACT)
    assert json.loads(objects["Items"][0]["Object"])["Id"] == "003000000000001001"


CONTACT = ("--object-type-name", "Salesforce-Contact")


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("appflow list-flows --max-results 1", "flows"),
        ("appflow list-connectors", "connectors"),
        ("appflow describe-connector --connector-type Marketo", "connectorConfiguration"),
        ("appflow describe-connectors --connector-types Salesforce", "connectorConfigurations"),
        ("appflow describe-connector-profiles", "connectorProfileDetails"),
        ("appflow list-connector-entities --connector-profile-name acme-sf", "connectorEntityMap"),
        (
            "appflow list-connector-entities --connector-profile-name acme-sf "
            "--entities-path Contact",
            "connectorEntityMap",
        ),
        (
            "appflow describe-connector-entity --connector-profile-name acme-sf "
            "--connector-entity-name Contact",
            "connectorEntityFields",
        ),
        ("customer-profiles list-domains", "Items"),
        ("customer-profiles get-domain --domain-name acme", "Stats"),
        ("customer-profiles list-integrations --domain-name acme --include-hidden", "Items"),
        ("stepfunctions list-state-machines", "stateMachines"),
        ("stepfunctions validate-state-machine-definition --definition {}", "diagnostics"),
        ("cloudformation describe-stacks", "Stacks"),
        ("logs describe-log-groups", "logGroups"),
        ("scheduler list-schedules", "Schedules"),
    ],
)
def test_a_command_gets_what_it_asks_for(words: str, shown: str) -> None:
    assert shown in aws(*words.split())


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("appflow describe-flow --flow-name absent", "ResourceNotFoundException"),
        ("appflow unregister-connector --connector-label mine", "NotImplemented"),
        ("customer-profiles get-domain --domain-name absent", "ResourceNotFoundException"),
        ("customer-profiles get-matches --domain-name acme", "NotImplemented"),
    ],
)
def test_a_command_is_refused_with_the_errors_name(words: str, error: str) -> None:
    assert f"({error})" in aws(*words.split(), code=255)
