"""AppFlow's sources that Customer Profiles does not know: named in four lines and two more."""

from __future__ import annotations

from typing import Any

import pytest

from bulk_ingestion.flow.api_model import enum_values, member_names
from bulk_ingestion.flow.connectors import CONNECTORS, Connector
from local.faults import faults
from tests.machine.machine import Machine

VEEVA = {
    "Application": "Veeva",
    "Object": "person__sys",
    "ConnectorProfileName": "acme-vault",
    "ImportFrom": "P7M",
    "ObjectTypeName": "Veeva-person",
    "DatetimeTypeFieldName": "modified_date__v",
}
NAME = "Customer_Profiles_acme_Veeva_acme-vault_person__sys"


def run(machine: Machine, name: str = "run", **changes: Any) -> Any:
    return machine.wait(machine.start({**VEEVA, **changes}, name))


def test_it_is_imported_in_windows_and_goes_on_by_a_flow_that_appflow_makes(
    machine: Machine,
) -> None:
    ended = run(machine)
    assert ended.status == "SUCCEEDED", ended.message
    assert ended.output["Metrics"]["TotalSteps"] == 4
    landed = machine.landed("Veeva-person")
    assert len(landed) == ended.output["Metrics"]["RecordsProcessed"] > 100
    # And one flow is left, started and registered, which goes on where the windows ended
    assert machine.flows() == machine.integrations() == [NAME]
    flow = machine.cloud.client("appflow").describe_flow(flowName=NAME)
    scheduled = flow["triggerConfig"]["triggerProperties"]["Scheduled"]
    assert flow["flowStatus"] == "Active"
    assert scheduled["firstExecutionFrom"].isoformat() == "2026-11-23T21:00:00+00:00"
    assert flow["tags"]["awsOwningService"] == "customer-profiles-integration-workflow"
    # And it brings what changes from then on
    changed = {**next(iter(landed.values())), "name__v": "Changed"}
    changed["modified_date__v"] = "2026-11-23T22:30:00.000Z"
    machine.cloud.services.sources.get("acme-vault", "person__sys").put(changed)
    machine.cloud.clock.advance(2 * 3600)
    assert machine.landed("Veeva-person")[changed["id"]]["name__v"] == "Changed"


def test_a_second_import_keeps_the_flow_and_its_first_instant(machine: Machine) -> None:
    first = run(machine, "first")
    machine.cloud.clock.advance(86_400)
    second = run(machine, "second")
    assert second.output["Integration"] == first.output["Integration"]
    assert machine.flows() == machine.integrations() == [NAME]


@pytest.mark.parametrize(
    ("operation", "moment"),
    [
        ("appflow:CreateFlow", "Before"),
        ("appflow:CreateFlow", "After"),
        ("customer-profiles:PutIntegration", "Before"),
        ("customer-profiles:PutIntegration", "After"),
        ("appflow:StartFlow", "Before"),
        ("appflow:StartFlow", "After"),
    ],
)
def test_failing_half_way_is_tried_again(machine: Machine, operation: str, moment: str) -> None:
    # Given a call of the hand-over that is refused once, before or after it took effect
    pattern = {"flowName": "^Customer", "Uri": "Customer"}
    key = "Uri" if "Put" in operation else "flowName"
    fault = {
        "Operation": operation,
        "Moment": moment,
        "Error": "AccessDeniedException",
        "Match": {key: pattern[key]},
        "Times": 1,
    }
    faults.install({"Faults": [fault]})
    ended = run(machine, ImportFrom="P30D")
    # Then it is made again, by a redrive where a denial is believed at once, and one flow works
    ended = ended.redrive() if "CreateFlow" in operation else ended
    assert ended.status == "SUCCEEDED", ended.message
    assert machine.flows() == machine.integrations() == [NAME]


def test_a_denial_that_stays_is_the_error_that_is_reported(machine: Machine) -> None:
    # Given a flow that is created but can never be registered
    denied = {
        "Operation": "customer-profiles:PutIntegration",
        "Error": "AccessDeniedException",
        "Match": {"Uri": "Customer"},
    }
    faults.install({"Faults": [denied]})
    # When the integration is to be created
    ended = run(machine, ImportFrom="P30D")
    # Then the execution fails by the denial, and a redrive without it goes on
    assert (ended.status, ended.error) == ("FAILED", "AccessDeniedException")
    faults.clear()
    assert ended.redrive().status == "SUCCEEDED"
    assert machine.flows() == machine.integrations() == [NAME]


def test_a_foreign_flow_of_that_name_is_left_alone(machine: Machine) -> None:
    run(machine, "first", ImportFrom="P30D")
    appflow = machine.cloud.client("appflow")
    arn = appflow.describe_flow(flowName=NAME)["flowArn"]
    appflow.tag_resource(resourceArn=arn, tags={"bulkIngestionStack": "another"})
    ended = run(machine, "second", ImportFrom="P30D")
    assert (ended.status, ended.error) == ("FAILED", "PreflightFailed")
    assert f"a flow named {NAME} exists" in ended.message
    assert machine.flows() == [NAME]


@pytest.mark.parametrize("connector", CONNECTORS.values(), ids=lambda known: known.type)
def test_the_table_says_of_each_connector_what_appflows_model_does(connector: Connector) -> None:
    assert connector.type in enum_values("appflow", "ConnectorType")
    operators = enum_values("appflow", f"{connector.properties}ConnectorOperator")
    assert {"PROJECTION", "NO_OP"} <= set(operators)
    if not connector.reads_files:
        assert connector.window_operator in operators
        assert connector.has_windows == ("BETWEEN" in operators)
    properties = member_names("appflow", f"{connector.properties}SourceProperties")
    if connector.object_key:
        assert connector.object_key.lower() in [name.lower() for name in properties]


def test_every_source_whose_filters_allow_windows_is_in_the_table() -> None:
    # A custom connector reads filters as it likes, datetimes among them
    sources = set(member_names("appflow", "SourceConnectorProperties")) - {"CustomConnector"}
    able = {
        key
        for key in sources
        if {"BETWEEN", "PROJECTION", "NO_OP"}
        <= set(enum_values("appflow", f"{key}ConnectorOperator"))
    }
    assert {known.properties for known in CONNECTORS.values()} == able | {"Zendesk"}
