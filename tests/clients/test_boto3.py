"""boto3 as its users have it: paginators, pages by hand, and what the AWS CLI cannot call here."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.clients.server import ROOT, Server, salesforce_flow

INPUT = (ROOT / "events/four-lines.json").read_text()
DEFINITION = json.loads((ROOT / "events/salesforce-contact.json").read_text())["FlowDefinition"]


def until(answer: Any, key: str, *statuses: str) -> Any:
    """Call again until the answer has another status than those."""
    for _ in range(400):
        if (found := answer())[key] not in statuses:
            return found
        time.sleep(0.05)
    pytest.fail(f"{key} stayed {' or '.join(statuses)}.")


def execution(server: Server, name: str) -> str:
    """Import to the end, and give the execution's ARN."""
    states = server.client("stepfunctions")
    arn = states.start_execution(stateMachineArn=server.machine, name=name, input=INPUT)[
        "executionArn"
    ]
    ended = until(lambda: states.describe_execution(executionArn=arn), "status", "RUNNING")
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    return str(arn)


def test_paginators_give_on_small_pages_what_one_page_has(server: Server) -> None:
    # Given an import
    states, arn = server.client("stepfunctions"), execution(server, "paginated")
    [map_run] = states.list_map_runs(executionArn=arn)["mapRuns"]
    calls: dict[str, tuple[str, dict[str, Any]]] = {
        "get_execution_history": ("events", {"executionArn": arn}),
        "list_executions": ("executions", {"mapRunArn": map_run["mapRunArn"]}),
        "list_state_machines": ("stateMachines", {}),
        "list_map_runs": ("mapRuns", {"executionArn": arn}),
    }
    for operation, (key, request) in calls.items():
        # When it is read in small pages, and in one
        pages = states.get_paginator(operation).paginate(
            **request, PaginationConfig={"PageSize": 2}
        )
        small = [page[key] for page in pages]
        [whole] = [page[key] for page in states.get_paginator(operation).paginate(**request)]
        # Then both are the same
        assert [row for page in small for row in page] == whole, operation
        assert all(len(page) <= 2 for page in small), operation


def test_what_has_no_paginator_comes_in_pages_by_its_token(server: Server) -> None:
    appflow, profiles = server.client("appflow"), server.client("customer-profiles")
    for number in range(3):
        appflow.create_flow(**salesforce_flow(f"page-{number}"))

    names: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = appflow.list_flows(maxResults=1, **token)
        names += [flow["flowName"] for flow in page["flows"]]
        if not page.get("nextToken"):
            break
        token = {"nextToken": page["nextToken"]}
    assert {f"page-{number}" for number in range(3)} <= set(names)
    assert len(names) == len(set(names))

    first = profiles.list_profile_object_types(DomainName="acme", MaxResults=2)
    second = profiles.list_profile_object_types(
        DomainName="acme", MaxResults=2, NextToken=first["NextToken"]
    )
    types = [item["ObjectTypeName"] for page in (first, second) for item in page["Items"]]
    assert len(set(types)) == 4


def test_the_managed_workflow_from_its_creation_to_its_deletion(server: Server) -> None:
    # Given a role, and the body that AWS documents
    profiles = server.client("customer-profiles")
    role = server.client("iam").create_role(RoleName="workflow", AssumeRolePolicyDocument="{}")
    starts = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
    batches = [
        {"StartTime": start, "EndTime": end}
        for start, end in zip(starts, (*starts[1:], datetime(2026, 5, 1, tzinfo=UTC)), strict=True)
    ]
    definition = {**DEFINITION, "FlowName": "managed"}
    created = profiles.create_integration_workflow(
        DomainName="acme",
        WorkflowType="APPFLOW_INTEGRATION",
        ObjectTypeName="Salesforce-Contact",
        IntegrationConfig={
            "AppflowIntegration": {"FlowDefinition": definition, "Batches": batches}
        },
        RoleArn=role["Role"]["Arn"],
    )
    about = {"DomainName": "acme", "WorkflowId": created["WorkflowId"]}
    # When it has ended
    ended = until(lambda: profiles.get_workflow(**about), "Status", "NOT_STARTED", "IN_PROGRESS")
    # Then its steps, the list and its integration say so, until it is deleted
    assert ended["Status"] == "COMPLETE", ended.get("ErrorDescription")
    steps = profiles.get_workflow_steps(**about)["Items"]
    assert [step["AppflowIntegration"]["Status"] for step in steps] == ["COMPLETE"] * 2
    listed = profiles.list_workflows(DomainName="acme", Status="COMPLETE")["Items"]
    assert about["WorkflowId"] in [item["WorkflowId"] for item in listed]
    uri = server.client("appflow").describe_flow(flowName="managed")["flowArn"]
    integration = profiles.get_integration(DomainName="acme", Uri=uri)
    assert integration["WorkflowId"] == about["WorkflowId"]
    profiles.delete_workflow(**about)
    with pytest.raises(profiles.exceptions.ResourceNotFoundException):
        profiles.get_workflow(**about)


def test_a_single_state_can_be_tried(server: Server) -> None:
    states = boto3.client(
        "stepfunctions",
        endpoint_url=server.endpoint,
        config=Config(inject_host_prefix=False),
    )
    tried = states.test_state(
        definition=(ROOT / "statemachine/bulk_ingestion.asl.json").read_text(),
        stateName="AnythingToRun",
        input='{"DryRun": true, "Output": {"Status": "COMPLETE"}}',
    )
    assert (tried["status"], tried["nextState"]) == ("SUCCEEDED", "Planned")
    assert json.loads(tried["output"]) == {"Status": "COMPLETE"}
