"""No gap at either end: which integration follows an import, and what it pulls."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.faults import faults
from tests.machine.contacts import contact
from tests.machine.flow_definitions import definition
from tests.machine.machine import Ended, Machine, event
from tests.machine.pages import Page

NOW = datetime(2026, 11, 23, 22, tzinfo=UTC)
FLOW = "acme-salesforce-contact"


def stored(machine: Machine, name: str = FLOW) -> dict[str, Any]:
    found = machine.cloud.client("s3").get_object(
        Bucket=machine.cloud.stack.runs_bucket, Key=f"integrations/{name}.json"
    )
    state: dict[str, Any] = json.load(found["Body"])
    return state


def described(machine: Machine, name: str = FLOW) -> dict[str, Any]:
    flow: dict[str, Any] = machine.cloud.client("appflow").describe_flow(flowName=name)
    return flow


def assert_complete(ended: Ended) -> None:
    assert ended.status == "SUCCEEDED", (ended.error, ended.message)


@pytest.mark.parametrize(
    ("overlap", "begins"),
    [(None, "21:00:00"), ("PT0S", "22:00:00"), ("PT15M", "21:45:00"), ("P1D", "22:00:00")],
)
def test_the_integration_looks_back_by_the_overlap(
    machine: Machine, overlap: str | None, begins: str
) -> None:
    ended = machine.run(ImportFrom="P3M", Overlap=overlap)
    assert_complete(ended)
    day = "2026-11-22" if overlap == "P1D" else "2026-11-23"
    assert ended.output["Integration"]["FirstExecutionFrom"] == f"{day}T{begins}Z"
    assert ended.report["Continuity"]["ContinuesFrom"] == "2026-11-23T22:00:00Z"


def test_the_report_says_when_the_first_pull_of_a_new_integration_comes(machine: Machine) -> None:
    created = machine.run("first", ImportFrom="P1M")
    kept = machine.run("again", ImportFrom="P1M")
    first_pull = described(machine)["triggerConfig"]["triggerProperties"]["Scheduled"][
        "scheduleStartTime"
    ]
    assert created.report["Continuity"]["FirstPull"] == f"{first_pull:%Y-%m-%dT%H:%M:%SZ}"
    assert first_pull - NOW >= timedelta(hours=1)
    words = f"first pull is at {first_pull:%Y-%m-%d %H:%M:%S} UTC or later"
    assert words in Page(created).source
    assert "first pull is at" not in Page(kept).source
    assert "FirstPull" not in kept.report["Continuity"]


@pytest.mark.parametrize("lag", [timedelta(seconds=45), timedelta(minutes=25), timedelta(hours=1)])
@pytest.mark.parametrize(
    ("asked", "windows"),
    [
        ({"ImportFrom": "P4M"}, 2),
        ({"ImportFrom": "P1M"}, 0),
        ({"ImportFrom": None, "Batches": [{"StartTime": "P4M", "EndTime": "P1M"}]}, 1),
    ],
)
def test_a_record_that_could_be_read_only_after_the_import_arrives(
    machine: Machine, asked: dict[str, Any], windows: int, lag: timedelta
) -> None:
    # Given a record that is stamped before the start and readable after it
    machine.load(contact("early", NOW - timedelta(days=100 if windows else 20)))
    source = machine.cloud.services.sources.get("acme-sf", "Contact")
    stamped = NOW - timedelta(seconds=30)
    source.put(contact("late", stamped), readable_at=stamped + lag)
    # When everything is imported
    ended = machine.run(**asked)
    assert_complete(ended)
    assert len(ended.batches) == windows
    # Then a later pull of the continuous integration brings it
    machine.cloud.live(timedelta(hours=3))
    assert machine.landed().keys() == {"early", "late"}


@pytest.mark.parametrize("since", ["P4M", "P1M"])
def test_records_that_are_always_late_arrive_with_a_schedule_offset_as_long(
    machine: Machine, since: str
) -> None:
    # Given a source that always shows its records up to 25 minutes late, and a flow for it
    source = machine.cloud.services.sources.get("acme-sf", "Contact")
    source.visibility_lag = timedelta(minutes=25)
    given = definition()
    given["TriggerConfig"]["TriggerProperties"]["Scheduled"]["ScheduleOffset"] = 25 * 60
    machine.load(*(contact(f"early-{n}", NOW - timedelta(minutes=n)) for n in range(20)))
    # When everything is imported, and records change for a day
    assert_complete(machine.run(ImportFrom=since, FlowDefinition=given))
    for n in range(72):
        source.put(contact(f"{n}", machine.cloud.clock.now()))
        machine.cloud.live(timedelta(minutes=20))
    # Then all of them arrive
    source.visibility_lag = None
    machine.cloud.live(timedelta(hours=2))
    assert machine.landed().keys() == machine.source().keys()
    assert len(machine.landed()) == 20 + 72


def test_a_new_field_replaces_the_integration_which_goes_on_where_it_was(
    machine: Machine,
) -> None:
    assert_complete(machine.run("first", ImportFrom="P1Y", FlowDefinition=definition()))
    machine.cloud.live(timedelta(hours=5))
    changed = definition(("Id", "Email", "Phone"))
    changed["TriggerConfig"]["TriggerProperties"]["Scheduled"]["ScheduleExpression"] = (
        "rate(15minutes)"
    )
    # When the same object is imported with one more field, and pulled more often
    foreseen = machine.run("dry", ImportFrom="P1Y", FlowDefinition=changed, DryRun=True)
    second = machine.run("second", ImportFrom="P1Y", FlowDefinition=changed)
    # Then a dry run says what happens, and it does
    assert_complete(second)
    words = ["Phone is new", "every 15 minutes instead of every hour"]
    for ended in (foreseen, second):
        assert ended.report["Continuity"]["Action"] == "REPLACED"
        assert ended.report["Continuity"]["Changes"] == words
    assert "Imported" not in foreseen.report["Continuity"]  # nothing with Phone is imported yet
    flow = described(machine)
    assert "Phone" in [task.get("destinationField") for task in flow["tasks"]]
    begins = flow["triggerConfig"]["triggerProperties"]["Scheduled"]["firstExecutionFrom"]
    assert begins <= machine.cloud.clock.now() - timedelta(hours=1)
    assert stored(machine)["Checkpoint"]["FlowDefinition"]["Tasks"] == changed["Tasks"]


def test_another_pull_field_replaces_the_integration(machine: Machine) -> None:
    assert_complete(machine.run("first", ImportFrom="P3M", FlowDefinition=definition()))
    source = event()["FlowDefinition"]["SourceFlowConfig"]
    source["IncrementalPullConfig"] = {"DatetimeTypeFieldName": "SystemModstamp"}
    changed = definition(SourceFlowConfig=source)
    second = machine.run("second", ImportFrom="P3M", FlowDefinition=changed)
    assert_complete(second)
    assert second.report["Continuity"]["Changes"] == [
        "pulled by SystemModstamp instead of LastModifiedDate"
    ]
    assert described(machine)["sourceFlowConfig"]["incrementalPullConfig"] == {
        "datetimeTypeFieldName": "SystemModstamp"
    }


def test_the_same_again_keeps_the_integration(machine: Machine) -> None:
    first = machine.run("first", ImportFrom="P3M", FlowDefinition=definition())
    again = machine.run("again", ImportFrom="P3M", FlowDefinition=definition())
    assert again.report["Continuity"]["Action"] == "KEPT"
    assert again.output["Integration"] == first.output["Integration"]


def test_two_slices_of_an_object_are_two_integrations(machine: Machine) -> None:
    for name, value in (("contacts-a", "Vienna"), ("contacts-b", "Graz")):
        given = definition(("Id", "Email", "MailingCity"), FlowName=name)
        given["Tasks"].append(
            {
                "TaskType": "Filter",
                "SourceFields": ["MailingCity"],
                "ConnectorOperator": {"Salesforce": "EQUAL_TO"},
                "TaskProperties": {"DATA_TYPE": "string", "VALUE": value},
            }
        )
        ended = machine.run(name, ImportFrom="P3M", FlowDefinition=given)
        assert_complete(ended)
        assert not any("pulls the same" in warning for warning in ended.report["Warnings"])
    assert sorted(machine.flows()) == ["contacts-a", "contacts-b"]


def test_two_names_that_pull_the_same_are_reported(machine: Machine) -> None:
    for name in ("contacts-a", "contacts-b"):
        ended = machine.run(name, ImportFrom="P3M", FlowDefinition=definition(FlowName=name))
        assert_complete(ended)
    assert "The continuous integration contacts-a pulls the same" in ended.report["Warnings"][-1]
    assert sorted(machine.flows()) == ["contacts-a", "contacts-b"]


def test_a_period_filled_later_moves_nothing(machine: Machine) -> None:
    assert_complete(machine.run("first", ImportFrom="2023-01-01"))
    machine.cloud.live(timedelta(days=1))
    before = described(machine)
    batches = [{"StartTime": "2024-01-01", "EndTime": "2024-03-01"}]
    ended = machine.run("filled", ImportFrom=None, Batches=batches)
    assert_complete(ended)
    assert len(ended.batches) == 1
    assert ended.report["Continuity"]["Action"] == "KEPT"
    assert described(machine)["createdAt"] == before["createdAt"]


def test_an_old_year_is_followed_by_windows_up_to_now(machine: Machine) -> None:
    batches = [{"StartTime": "2024-01-01", "EndTime": "2025-01-01"}]
    ended = machine.run(ImportFrom=None, Batches=batches)
    assert_complete(ended)
    assert len(ended.batches) == 1 + 12
    assert ended.output["Integration"]["FirstExecutionFrom"] == "2026-11-23T21:00:00Z"
    assert ended.report["Continuity"]["Imported"].endswith("without a gap")
    begins = {k for k, r in machine.source().items() if r["LastModifiedDate"] >= "2024-01-01"}
    assert machine.landed().keys() == begins


def test_an_old_year_beside_a_working_integration_is_followed_up_to_its_beginning(
    machine: Machine,
) -> None:
    assert_complete(machine.run("first", ImportFrom="2025-07-01"))
    before = described(machine)
    batches = [{"StartTime": "2024-01-01", "EndTime": "2025-01-01"}]
    ended = machine.run("old", ImportFrom=None, Batches=batches)
    assert_complete(ended)
    assert len(ended.batches) == 1 + 3
    assert described(machine)["createdAt"] == before["createdAt"]
    assert ended.report["Continuity"]["Imported"] == (
        "2024-01-01T00:00:00Z to 2026-11-23T22:00:00Z, without a gap"
    )


def test_batches_that_end_lately_are_followed_by_the_first_pull(machine: Machine) -> None:
    batches = [{"StartTime": "2026-01-01", "EndTime": "2026-11-01"}]
    ended = machine.run(ImportFrom=None, Batches=batches)
    assert_complete(ended)
    assert len(ended.batches) == 1
    assert ended.output["Integration"]["FirstExecutionFrom"] == "2026-10-31T23:00:00Z"


def test_an_import_without_an_integration_touches_none(machine: Machine) -> None:
    # Given an integration that works, and an old period
    assert_complete(machine.run("first", ImportFrom="P3M"))
    before = described(machine)
    batches = [{"StartTime": "2024-01-01", "EndTime": "2024-03-01"}]
    # When the period is imported alone
    ended = machine.run("alone", ImportFrom=None, Batches=batches, Continue=False)
    # Then nothing else is, the integration is as it was, and what was imported is remembered
    assert_complete(ended)
    assert len(ended.batches) == 1
    assert "Integration" not in ended.output
    assert described(machine)["createdAt"] == before["createdAt"]
    ((periods),) = stored(machine)["Imported"].values()
    assert ["2024-01-01T00:00:00Z", "2024-03-01T00:00:00Z"] in periods


def test_pulls_are_remembered_as_imported(machine: Machine) -> None:
    assert_complete(machine.run(ImportFrom="P3M"))
    machine.cloud.live(timedelta(days=1))
    ((period,),) = stored(machine)["Imported"].values()
    assert period[0] == "2026-08-23T22:00:00Z"
    assert period[1] > "2026-11-24T18"


def test_an_import_without_windows_pulls_from_its_date_on(machine: Machine) -> None:
    # Nothing before it was imported, so nothing before it is pulled again.
    ended = machine.run(ImportFrom="P1M")
    assert_complete(ended)
    assert ended.output["Integration"]["FirstExecutionFrom"] == "2026-10-23T22:00:00Z"
    assert ended.report["Continuity"]["ContinuesFrom"] == "2026-10-23T22:00:00Z"
    assert ended.report["Continuity"]["Overlap"] == "PT0S"


def test_an_overlap_does_not_reach_back_behind_the_first_window(machine: Machine) -> None:
    ended = machine.run(
        Batches=[{"StartTime": "P2D", "EndTime": "PT0S"}], ImportFrom=None, Overlap="P7D"
    )
    assert_complete(ended)
    assert ended.output["Integration"]["FirstExecutionFrom"] == "2026-11-21T22:00:00Z"
    assert ended.report["Continuity"]["Overlap"] == "PT172800S"


def test_an_integration_that_cannot_be_deleted_is_not_replaced(machine: Machine) -> None:
    # Given an integration, and another definition of it
    assert_complete(machine.run("first", ImportFrom="P1M", FlowDefinition=definition()))
    before = described(machine)
    denied = {
        "Operation": "customer-profiles:DeleteIntegration",
        "Error": "AccessDeniedException",
        "Match": {"Uri": f"{FLOW}$"},
    }
    faults.install({"Faults": [denied]})
    # When the integration cannot be deleted
    fields = ("Id", "Email", "Title")
    ended = machine.run("second", ImportFrom="P1M", FlowDefinition=definition(fields))
    # Then the execution fails by that error, and the integration is as it was
    assert (ended.status, ended.error) == ("FAILED", "AccessDeniedException")
    assert described(machine)["createdAt"] == before["createdAt"]
    assert machine.integrations() == machine.flows() == [FLOW]


def test_a_recent_import_after_a_long_one_moves_nothing(machine: Machine) -> None:
    # Everything since the first import's date is imported, or pulled by the integration.
    assert_complete(machine.run("first", ImportFrom="P6M"))
    before = described(machine)
    ended = machine.run("again", ImportFrom="P1M")
    assert_complete(ended)
    assert ended.report["Continuity"]["Action"] == "KEPT"
    assert described(machine)["createdAt"] == before["createdAt"]


def test_what_another_definition_has_replaced_is_imported_again(machine: Machine) -> None:
    # Given contacts with their e-mail addresses, and then a definition without these
    changed = NOW - timedelta(days=10)
    machine.load(contact("1", changed, Email="a@example.com", FirstName="A"))
    mapped = definition(("Id", "Email"))
    assert_complete(machine.run("first", ImportFrom="P3M", FlowDefinition=mapped))
    names = definition(("Id", "FirstName"))
    assert_complete(machine.run("second", ImportFrom="P3M", FlowDefinition=names))
    assert machine.landed()["1"] == {"Id": "1", "FirstName": "A"}
    # When the first definition is asked for again
    assert_complete(machine.run("third", ImportFrom="P20D", FlowDefinition=mapped))
    machine.cloud.live(timedelta(hours=3))
    # Then the domain has the addresses again
    assert machine.landed()["1"] == {"Id": "1", "Email": "a@example.com"}
