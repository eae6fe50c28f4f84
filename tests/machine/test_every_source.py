"""Each connector of the table: its records go from an execution's input to the domain."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from bulk_ingestion.errors import InvalidInput
from bulk_ingestion.flow.api_model import service_model
from bulk_ingestion.flow.connectors import CONNECTORS
from bulk_ingestion.flow.definitions import transfer_tasks
from bulk_ingestion.input.request import read
from local.interpreter.integrations.casing import pascal
from local.services.entities import Entity, epoch_milliseconds, known_entities
from tests.machine.machine import NOW, Ended, Machine

START = datetime.fromisoformat("2026-04-23T22:00:00Z")
"""Seven months before now: four windows of two months, and eight of thirty days."""


@dataclass(frozen=True)
class Row:
    """A connector, with one of its objects in the embedded cloud."""

    connector: str
    profile: str
    object: str
    object_type: str
    windows: int = 4

    @property
    def entity(self) -> Entity:
        return known_entities(self.connector)[self.object]

    @property
    def field(self) -> str | None:
        """The field with the time of a record's last change."""
        stamps = [field.name for field in self.entity.fields.values() if field.is_timestamp]
        return stamps[-1] if stamps else None

    @property
    def input(self) -> dict[str, Any]:
        return {
            "DomainName": "acme",
            "ImportFrom": START.isoformat(),
            "Application": CONNECTORS[self.connector].properties,
            "Object": self.object,
            "ConnectorProfileName": self.profile,
            "ObjectTypeName": self.object_type,
            "DatetimeTypeFieldName": self.field,
        }


ROWS = {
    row.connector: row
    for row in (
        Row("Salesforce", "acme-sf", "Contact", "Salesforce-Contact"),
        Row("Marketo", "acme-mkto", "leads", "Marketo-leads", windows=8),
        Row("Servicenow", "acme-snow", "sys_user", "Servicenow-sys_user", windows=7),
        Row("Zendesk", "acme-zd", "users", "Zendesk-users", windows=1),
        Row("Datadog", "acme-dd", "users", "Datadog-users"),
        Row("Dynatrace", "acme-dt", "users", "Dynatrace-users"),
        Row("Infornexus", "acme-nexus", "contacts", "Infornexus-contacts"),
        Row(
            "SAPOData", "acme-sap", "API_BUSINESS_PARTNER/A_BusinessPartner", "SAP-BusinessPartner"
        ),
        Row("Slack", "acme-slack", "users", "Slack-users"),
        Row("Veeva", "acme-vault", "person__sys", "Veeva-person"),
    )
}
FILES = Row("S3", "S3", "acme-exports/customers", "Exported-customers", windows=1)


@dataclass(frozen=True)
class Ingestion:
    """One row's import on a machine."""

    machine: Machine
    row: Row

    def run(self, **changes: Any) -> Ended:
        return self.machine.wait(self.machine.start({**self.row.input, **changes}))

    @property
    def source(self) -> Any:
        return self.machine.cloud.services.sources.get(self.row.profile, self.row.object)

    def at_the_source(self, since: datetime | None = None) -> set[str]:
        """Give the keys of the source's records that changed since an instant."""
        moment = since.timestamp() * 1000 if since else 0
        return {
            record[self.row.entity.primary_key]
            for record in self.source.records()
            if not since or (epoch_milliseconds(record[self.row.field or ""]) or 0) >= moment
        }

    def landed(self) -> dict[str, dict[str, Any]]:
        """Give the domain's objects by their keys."""
        objects = self.machine.cloud.services.domain_objects("acme", self.row.object_type)
        return {record[self.row.entity.primary_key]: record for record in objects}

    def change(self) -> str:
        """Have one record change now; give its key."""
        [first, *_] = self.source.records()
        dated = {self.row.field: self.row.entity.format(self.machine.cloud.clock.now())}
        self.source.put(first | (dated if self.row.field else {}) | {"email": "changed@acme.org"})
        return str(first[self.row.entity.primary_key])

    def goes_on(self) -> bool:
        """Whether one flow is left, which is an integration and brings what changes."""
        [name] = self.machine.flows()
        assert self.machine.integrations() == [name]
        self.machine.cloud.clock.advance(2 * 3600)
        puts = self.machine.puts(self.row.object_type)
        key = self.change()
        self.machine.cloud.clock.advance(2 * 3600)
        return self.machine.puts(self.row.object_type)[key] == puts.get(key, 0) + 1


FILES_INPUT = {
    "DomainName": "acme",
    "ObjectTypeName": FILES.object_type,
    "ImportFrom": START.isoformat(),
    "FlowDefinition": {
        "FlowName": "exported-customers",
        "SourceFlowConfig": {
            "ConnectorType": "S3",
            "SourceConnectorProperties": {
                "S3": {"BucketName": "acme-exports", "BucketPrefix": "customers"}
            },
        },
        "Tasks": transfer_tasks(FILES.entity.fields, CONNECTORS["S3"]),
        "TriggerConfig": {
            "TriggerType": "Scheduled",
            "TriggerProperties": {
                "Scheduled": {
                    "ScheduleExpression": "rate(15minutes)",
                    "DataPullMode": "Incremental",
                }
            },
        },
    },
}
"""As in Customer Profiles' guide: no connector profile, and no field with a time.

https://docs.aws.amazon.com/connect/latest/adminguide/customerprofiles-s3-integration.html
"""


def test_every_row_of_the_table_is_here() -> None:
    assert {*ROWS, FILES.connector} == set(CONNECTORS)


def members(shape: Any, known: set[str]) -> Iterator[str]:
    """Give the names of all members within a shape of botocore's model."""
    if shape.name in known:
        return
    known.add(shape.name)
    if shape.type_name == "structure":
        yield from shape.members
    for inner in getattr(shape, "members", {}).values():
        yield from members(inner, known)
    for part in ("member", "value"):
        if hasattr(shape, part):
            yield from members(getattr(shape, part), known)


def test_step_functions_names_each_member_of_create_flow_as_we_do() -> None:
    """Its names follow the rule of the AWS SDK for Java; see ``casing``."""
    ours = {known.properties: known.sdk_name for known in CONNECTORS.values()}
    request = service_model("appflow").shape_for("CreateFlowRequest")
    names = set(members(request, set()))
    assert ours.keys() < names
    assert {name: pascal(name) for name in names} == {
        name: ours.get(name, name[0].upper() + name[1:]) for name in names
    }


@pytest.mark.parametrize("connector", ROWS)
def test_a_source_arrives_in_windows_and_goes_on(machine: Machine, connector: str) -> None:
    ingestion = Ingestion(machine, ROWS[connector])
    ended = ingestion.run()

    assert ended.status == "SUCCEEDED", ended.message
    wanted = ingestion.at_the_source(since=START)
    assert wanted
    assert ingestion.landed().keys() == wanted
    assert set(machine.puts(ingestion.row.object_type).values()) == {1}
    assert ended.output["Metrics"]["RecordsProcessed"] == len(wanted)
    assert ended.output["Metrics"]["TotalSteps"] == ingestion.row.windows
    assert ingestion.goes_on()


@pytest.mark.parametrize("connector", ROWS)
def test_a_source_that_began_lately_goes_on_without_windows(
    machine: Machine, connector: str
) -> None:
    ingestion = Ingestion(machine, ROWS[connector])
    ended = ingestion.run(ImportFrom="P50D")

    assert ended.status == "SUCCEEDED", ended.message
    assert ended.output["Metrics"]["TotalSteps"] == 0
    assert ingestion.goes_on()
    assert ingestion.landed().keys() == ingestion.at_the_source(since=NOW - timedelta(days=50))


def run(files: Ingestion, name: str = "run", **changes: Any) -> Ended:
    return files.machine.wait(files.machine.start({**FILES_INPUT, **changes}, name))


class TestFiles:
    """S3: files in a bucket, under a prefix."""

    @pytest.fixture
    def files(self, machine: Machine) -> Ingestion:
        return Ingestion(machine, FILES)

    def test_arrive_in_one_run_whatever_their_time_and_go_on(self, files: Ingestion) -> None:
        ended = run(files)

        assert ended.status == "SUCCEEDED", ended.message
        assert files.landed().keys() == files.at_the_source()
        assert ended.output["Metrics"]["TotalSteps"] == 1
        [warning] = [
            text for text in ended.report["Warnings"] if "filter files by their time" in text
        ]
        assert "AppFlow can't filter files by their time" in warning
        assert files.goes_on()

    def test_that_are_recent_go_on_without_a_window(self, files: Ingestion) -> None:
        ended = run(files, ImportFrom="P50D")
        assert (ended.status, ended.output["Metrics"]["TotalSteps"]) == ("SUCCEEDED", 0)
        assert files.goes_on()

    def test_take_no_batches(self, files: Ingestion) -> None:
        batches = [{"StartTime": "2024-01-01", "EndTime": "2024-03-01"}]
        given = {key: value for key, value in FILES_INPUT.items() if key != "ImportFrom"}
        ended = files.machine.wait(files.machine.start({**given, "Batches": batches}))
        assert ended.error == "InvalidInput"
        assert "Batches: can't be used with S3, because AppFlow can't filter" in ended.message

    def test_are_kept_by_a_second_import_and_repaired_by_a_check(self, files: Ingestion) -> None:
        first = run(files, "first")
        second = run(files, "second")
        assert second.output["Integration"]["Uri"] == first.output["Integration"]["Uri"]
        files.machine.cloud.client("appflow").delete_flow(
            flowName="exported-customers", forceDelete=True
        )
        checked = files.machine.cloud.client("stepfunctions").start_execution(
            stateMachineArn=files.machine.cloud.stack.outputs["MonitorIntegrationsArn"]
        )
        assert files.machine.wait(checked["executionArn"]).output["Repaired"] == 1
        assert files.goes_on()

    @pytest.mark.parametrize("key", ["ConnectorProfileName", "IncrementalPullConfig"])
    def test_take_no_connection_and_no_field(self, key: str) -> None:
        given: Any = json.loads(json.dumps(FILES_INPUT))
        given["FlowDefinition"]["SourceFlowConfig"] |= {
            "ConnectorProfileName": "acme-s3",
            "IncrementalPullConfig": {"DatetimeTypeFieldName": "changed"},
        }
        with pytest.raises(InvalidInput) as refused:
            read(given, NOW)
        assert f"SourceFlowConfig.{key}: does not go with S3" in str(refused.value)
