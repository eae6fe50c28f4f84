"""The second machine: what is broken is noticed, and repaired without a gap, or told once."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from bulk_ingestion.aws import young
from bulk_ingestion.flow import needs
from bulk_ingestion.integration import create
from local.aws.messages import Message
from local.caller import acting_as
from local.clock import Clock
from local.cloud import embedded_cloud
from local.faults import faults
from local.services import simulation
from local.services.simulation import Knobs
from tests.machine.contacts import contact
from tests.machine.flow_definitions import definition
from tests.machine.keeper import FILE, FLOW, Keeper
from tests.machine.machine import NOW, Machine, event
from tests.machine.metrics import total
from tests.machine.runs import limit_records

OWNER = {"awsOwningService": "customer-profiles-integration-workflow"}
REPAIRED = f"Integration repaired: {FLOW}"
NEEDS_ATTENTION = f"Integration needs attention: {FLOW}"


@pytest.fixture
def keeper(machine: Machine) -> Keeper:
    return Keeper(machine)


@pytest.fixture
def established(keeper: Keeper) -> Keeper:
    """Give an integration that has pulled for two hours."""
    keeper.establish()
    keeper.wait(hours=2)
    assert keeper.health() == "HEALTHY"
    return keeper


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


# How it is ---------------------------------------------------------------------------------------


def test_a_healthy_integration_is_left_alone_and_its_last_pull_is_kept(
    established: Keeper,
) -> None:
    # Given an integration that has pulled since the last check
    created = established.flow.created_at
    established.wait(hours=3)
    # When it is checked
    assert established.health() == "HEALTHY"
    # Then the end of its last pull is kept, and nothing else was done
    assert instant(established.kept["Checkpoint"]["PulledUntil"]) == established.last_pull
    assert established.now - established.last_pull < timedelta(hours=1)
    assert established.flow.created_at == created
    assert established.told == []


def test_there_may_be_nothing_to_keep(keeper: Keeper) -> None:
    ended = keeper.check()
    assert (ended.status, ended.output) == ("SUCCEEDED", {"Integrations": {}, "Repaired": 0})
    assert set(ended.states()) == {"FindIntegrations", "AnythingToCheck", "IntegrationsChecked"}


OVERLAP = timedelta(hours=1)


def delete_flow(keeper: Keeper) -> None:
    keeper.machine.cloud.client("appflow").delete_flow(flowName=FLOW, forceDelete=True)


def delete_integration(keeper: Keeper) -> None:
    arn = keeper.flow.arn
    keeper.machine.cloud.client("customer-profiles").delete_integration(DomainName="acme", Uri=arn)


def delete_integration_alone(keeper: Keeper) -> None:
    flow = keeper.flow
    delete_integration(keeper)
    keeper.machine.cloud.services._appflow.flows[FLOW] = flow


def stop_flow(keeper: Keeper) -> None:
    keeper.machine.cloud.client("appflow").stop_flow(flowName=FLOW)


def forget_to_pull(keeper: Keeper) -> None:
    keeper.flow.next_pull = None
    keeper.wait(hours=5)


def begin_later(keeper: Keeper) -> None:
    """Make the flow anew by hand, with the tags of the stack."""
    flow = keeper.flow
    keeper.wait(hours=3)
    trigger = flow.definition["triggerConfig"]["triggerProperties"]["Scheduled"]
    trigger["firstExecutionFrom"] = keeper.now
    flow.pulled_until = None
    flow.created_at = keeper.now
    flow.runs.clear()


@pytest.mark.parametrize(
    ("breaks", "health"),
    [
        (delete_flow, "MISSING"),
        (delete_integration, "MISSING"),
        (delete_integration_alone, "MISSING"),
        (stop_flow, "STOPPED"),
        (forget_to_pull, "LATE"),
        (begin_later, "LATE"),
    ],
)
def test_what_is_broken_is_repaired_from_its_last_pull_on_and_notified_once(
    established: Keeper, breaks: Callable[[Keeper], None], health: str
) -> None:
    # Given an integration that stops working, and a source that goes on changing
    last = instant(established.kept["Checkpoint"]["PulledUntil"])
    breaks(established)
    established.change()
    established.wait(hours=1)
    established.change()
    # When it is checked
    assert established.health() == health
    # Then it is there again, once, and begins where its last pull ended
    assert established.begins == last - OVERLAP
    assert established.machine.integrations() == established.machine.flows() == [FLOW]
    assert established.told == [REPAIRED]
    [message] = established.notified
    assert "Its first pull is at 2026-11-24T" in message.text
    # And with its next pull the domain has all that the source has
    established.wait(hours=2)
    assert established.health() == "HEALTHY"
    assert established.is_whole()
    assert established.told == [REPAIRED]


@pytest.mark.parametrize(
    ("ago", "lag"),
    [
        (timedelta(seconds=90), timedelta(minutes=25)),
        (timedelta(seconds=1), OVERLAP),
    ],
)
@pytest.mark.parametrize("days", [0, 75])
def test_records_that_are_readable_late_arrive_after_a_repair(
    established: Keeper, days: int, ago: timedelta, lag: timedelta
) -> None:
    # Given a record with a timestamp before the end of the last pull, which did not read it
    def put(key: str, stamped: datetime) -> None:
        record = contact(key, stamped)
        established.source.put(record, readable_at=max(established.now, stamped + lag))

    put("before the outage", established.last_pull - ago)
    stop_for(established, days)
    # And one with a timestamp before the repair, which is readable after it
    put("before the repair", established.now - ago)
    # When the integration is repaired, by a bulk ingestion if it stopped long ago
    assert established.health() == "STOPPED"
    established.settle_executions()
    # Then both arrive
    established.wait(hours=3)
    assert established.machine.landed().keys() >= {"before the outage", "before the repair"}
    assert established.is_whole()


def test_a_repair_does_not_pull_again_what_an_import_has_brought_meanwhile(
    keeper: Keeper,
) -> None:
    # Given an integration that is to pull five days, and then an import of longer ago that keeps it
    keeper.establish(ImportFrom="P5D")
    imported = keeper.now
    keeper.establish(name="longer", ImportFrom="P70D")
    assert keeper.begins == NOW - timedelta(days=5)
    # When it is deleted before its first pull
    keeper.machine.cloud.client("appflow").delete_flow(flowName=FLOW, forceDelete=True)
    assert keeper.check().output["Repaired"] == 1
    # Then it goes on from the import's end, less the overlap
    assert keeper.begins >= imported - timedelta(hours=1)
    keeper.wait(hours=3)
    assert keeper.is_whole()


def test_after_three_failed_runs_the_event_of_the_last_one_brings_the_repair(
    established: Keeper,
) -> None:
    last = instant(established.kept["Checkpoint"]["PulledUntil"])
    faults.install({"Faults": [{"Run": {"Flow": FLOW}, "Ends": "Error", "Times": 3}]})
    for repairs in ([], [], [REPAIRED]):
        established.wait(hours=1)
        established.settle()
        assert established.told == repairs
    assert established.begins == last - OVERLAP


def test_failed_runs_are_awaited_since_the_next_pull_makes_up_for_them(
    established: Keeper,
) -> None:
    created = established.flow.created_at
    faults.install({"Faults": [{"Run": {"Flow": FLOW}, "Ends": "Error", "Times": 2}]})
    established.wait(hours=2)
    assert established.health() == "FAILING"
    assert established.flow.created_at == created
    established.wait(hours=1)
    assert established.health() == "HEALTHY"
    assert established.told == []


def test_a_flow_that_was_made_and_not_started_is_started(established: Keeper) -> None:
    # Given a hand-over that stopped half-way, a while ago
    established.flow.status, established.flow.next_pull = "Draft", None
    established.wait(hours=1)
    assert established.health() == "STOPPED"
    assert established.flow.status == "Active"


def test_a_flow_that_is_being_created_is_left_to_the_execution_that_creates_it(
    established: Keeper,
) -> None:
    established.flow.status = "Draft"
    established.flow.created_at = established.now
    assert established.health() == "HEALTHY"
    assert established.flow.status == "Draft"


def test_a_flow_whose_schedule_has_ended_is_not_late(established: Keeper) -> None:
    trigger = established.flow.definition["triggerConfig"]["triggerProperties"]["Scheduled"]
    trigger["scheduleEndTime"] = established.now + timedelta(hours=1)
    established.wait(days=3)
    assert established.health() == "HEALTHY"


@pytest.mark.parametrize("breaks", [delete_flow, delete_integration])
def test_one_whose_schedule_has_ended_is_not_recreated_and_notified_once(
    keeper: Keeper, breaks: Callable[[Keeper], None]
) -> None:
    # Given an integration whose schedule has ended
    given = definition()
    scheduled = given["TriggerConfig"]["TriggerProperties"]["Scheduled"]
    scheduled["ScheduleEndTime"] = "2026-11-24T06:00:00Z"
    keeper.establish(FlowDefinition=given)
    keeper.wait(hours=12)
    assert keeper.health() == "HEALTHY"
    # When it is deleted
    breaks(keeper)
    # Then the checks don't fail, and one notification says what to do
    for _ in range(3):
        assert keeper.health() == "MISSING"
        keeper.wait(hours=1)
    assert keeper.told == [NEEDS_ATTENTION]
    assert "its schedule ends at 2026-11-24T06:00:00Z" in keeper.notified[0].text


def test_a_run_that_takes_long_is_not_late_until_appflow_would_have_ended_it(
    established: Keeper,
) -> None:
    faults.install({"Faults": [{"Run": {"Flow": FLOW}, "Ends": "Never", "Nth": 1}]})
    established.wait(hours=40)
    assert established.health() == "HEALTHY"
    established.wait(hours=10)
    assert established.health() == "LATE"
    assert established.told == [REPAIRED]


def test_a_run_is_found_on_whichever_page_it_is(established: Keeper) -> None:
    # Given 250 other runs that are listed before those of an integration that works
    established.wait(hours=1)
    faults.install({"Faults": [{"Run": {"Flow": FLOW}, "OnLaterPage": True, "Times": 2}]})
    established.wait(hours=2)
    # When it is checked, and the first page tells of none
    assert established.health() == "HEALTHY"
    # Then its last pull is found
    assert instant(established.kept["Checkpoint"]["PulledUntil"]) == established.last_pull


def test_records_that_a_pull_could_not_put_are_reported_and_counted_once(
    established: Keeper,
) -> None:
    # Given pulls of which one could not put two records
    faults.install({"Faults": [{"Run": {"Flow": FLOW}, "PutFailures": 2, "Times": 1}]})
    for _ in range(3):
        established.change()
    established.wait(hours=1)
    # When it is checked more than once
    assert [established.health(), established.health()] == ["HEALTHY", "HEALTHY"]
    established.wait(hours=1)
    assert established.health() == "HEALTHY"
    # Then a person was told once, and the metric has them once
    assert established.told == [f"Records not sent: {FLOW}"]
    assert "2 records" in established.notified[0].text
    assert total(established.machine, "RecordsFailed") == 2


# Not ours to touch -------------------------------------------------------------------------------


def test_one_whose_tags_were_edited_is_not_touched_and_one_notification_is_sent(
    established: Keeper,
) -> None:
    established.machine.cloud.client("appflow").untag_resource(
        resourceArn=established.flow.arn, tagKeys=["bulkIngestionStack"]
    )
    stop_flow(established)
    assert [established.health(), established.health()] == ["UNMANAGED", "UNMANAGED"]
    assert established.flow.status == "Suspended"
    assert established.told == [NEEDS_ATTENTION]


def test_one_that_was_created_manually_is_ignored(keeper: Keeper) -> None:
    keeper.machine.cloud.client("customer-profiles").put_integration(
        DomainName="acme",
        ObjectTypeName="Salesforce-Contact",
        FlowDefinition=event()["FlowDefinition"],
    )
    assert keeper.check().output == {"Integrations": {}, "Repaired": 0}


def test_one_without_its_definition_is_monitored_and_a_notification_says_what_to_do(
    established: Keeper,
) -> None:
    # Given an integration that was made before definitions were kept
    bucket = established.machine.cloud.stack.runs_bucket
    established.machine.cloud.client("s3").delete_object(Bucket=bucket, Key=FILE)
    assert established.health() == "HEALTHY"
    # When it stops
    stop_flow(established)
    assert [established.health(), established.health()] == ["STOPPED", "STOPPED"]
    # Then a person is told once, and does what is said
    assert established.told == [NEEDS_ATTENTION]
    ended = established.machine.run("again", ImportFrom="P20D")
    assert ended.status == "SUCCEEDED"
    # And from then on it is kept as any other
    assert established.health() == "HEALTHY"
    assert established.kept["Checkpoint"]["FlowDefinition"]["FlowName"] == FLOW
    delete_flow(established)
    assert established.health() == "MISSING"
    assert established.told == [NEEDS_ATTENTION, REPAIRED]


# What no repair helps ----------------------------------------------------------------------------


def lose_credentials(keeper: Keeper) -> None:
    faults.install({"Faults": [{"Source": "acme-sf", "LosesAuthentication": True}]})
    keeper.wait(hours=1)


def delete_connection(keeper: Keeper) -> None:
    stop_flow(keeper)
    keeper.machine.cloud.client("appflow").delete_connector_profile(
        connectorProfileName="acme-sf", forceDelete=True
    )


def delete_object_type(keeper: Keeper) -> None:
    stop_flow(keeper)
    profiles = keeper.machine.cloud.client("customer-profiles")
    profiles.delete_profile_object_type(DomainName="acme", ObjectTypeName="Contacts-of-ours")


def delete_field(keeper: Keeper) -> None:
    stop_flow(keeper)
    faults.install({"Faults": [{"Source": "acme-sf/Contact", "LosesField": "Email"}]})


@pytest.mark.parametrize(
    ("breaks", "what"),
    [
        (lose_credentials, "reconnect it"),
        (delete_connection, "has no Salesforce connection acme-sf"),
        (delete_field, "has no Email"),
    ],
)
def test_what_no_repair_helps_is_notified_once_with_what_to_do_and_nothing_is_deleted(
    established: Keeper, breaks: Callable[[Keeper], None], what: str
) -> None:
    created = established.flow.created_at
    breaks(established)
    for _ in range(3):
        established.check()
        established.wait(hours=1)
    assert established.flow.created_at == created
    assert established.told == [NEEDS_ATTENTION]
    [message] = established.notified
    assert what in message.text
    assert "console.aws.amazon.com/appflow" in message.text


def test_credentials_that_are_given_anew_end_the_trouble_without_a_gap(
    established: Keeper,
) -> None:
    lose_credentials(established)
    established.health()
    established.change()
    stop_flow(established)  # as AppFlow does with a flow that keeps failing
    established.health()
    assert established.told == [NEEDS_ATTENTION]
    faults.clear()
    assert established.health() == "STOPPED"
    established.wait(hours=2)
    assert established.health() == "HEALTHY"
    assert established.is_whole()
    assert established.told == [NEEDS_ATTENTION, REPAIRED]


# No flapping, no doubling ------------------------------------------------------------------------


def test_after_three_repairs_in_a_day_a_person_is_asked_and_the_next_day_it_is_tried_again(
    established: Keeper,
) -> None:
    for _ in range(5):
        stop_flow(established)
        established.health()
        established.wait(minutes=90)
    assert established.told == [REPAIRED] * 3 + [NEEDS_ATTENTION]
    established.wait(days=1)
    assert established.health() == "STOPPED"
    assert established.told == [REPAIRED] * 3 + [NEEDS_ATTENTION, REPAIRED]


def test_a_repair_that_fails_half_way_is_taken_up_by_the_next_check(established: Keeper) -> None:
    last = instant(established.kept["Checkpoint"]["PulledUntil"])
    stop_flow(established)
    # Given Customer Profiles that fails for as long as a repair is tried
    faults.install({"Faults": [{"Operation": "customer-profiles:PutIntegration"}]})
    ended = established.check()
    assert (ended.status, ended.error) == ("FAILED", "ChecksFailed")
    assert FLOW in ended.message
    assert established.machine.flows() == []
    # When it does not fail any more
    faults.clear()
    established.wait(hours=1)
    assert established.health() == "MISSING"
    # Then nothing is lost, and a person is told of it as well
    assert established.begins == last - OVERLAP
    assert established.machine.integrations() == [FLOW]
    established.machine.cloud.events.settle()
    assert established.told[-1] == REPAIRED
    assert len(established.told) == 2


@pytest.mark.parametrize(
    "operation",
    [
        "customer-profiles:DeleteIntegration",
        "appflow:DeleteFlow",
        "customer-profiles:PutIntegration",
        "appflow:StartFlow",
        "s3:PutObject",
        "lambda:Invoke",
    ],
)
def test_an_answer_that_is_lost_changes_nothing(established: Keeper, operation: str) -> None:
    stop_flow(established)
    faults.install({"Faults": [{"Operation": operation, "Moment": "After", "Nth": 1}]})
    established.health()
    established.wait(hours=1)
    assert established.machine.integrations() == established.machine.flows() == [FLOW]
    assert len(established.kept["Repairs"]) == 1
    assert established.told == [REPAIRED]


def test_two_checks_at_once_repair_once(established: Keeper) -> None:
    stop_flow(established)
    checks = [established.start() for _ in range(3)]
    ended = [established.machine.wait(arn) for arn in checks]
    assert [end.status for end in ended] == ["SUCCEEDED"] * 3
    assert sum(end.output["Repaired"] for end in ended) == 1
    assert established.told == [REPAIRED]
    assert established.machine.integrations() == established.machine.flows() == [FLOW]


def test_a_check_that_was_overtaken_leaves_the_integration_alone(
    established: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given another check that comes between this one's look and its lease
    look, others = needs.check, iter([True])

    def overtaken(*args: Any, **options: Any) -> Any:
        found = look(*args, **options)
        if next(others, False):
            with acting_as(None):
                assert established.check().output["Repaired"] == 1
        return found

    stop_flow(established)
    monkeypatch.setattr(needs, "check", overtaken)
    # When both have ended
    ended = established.check()
    # Then the first one has repaired it, and this one has done nothing
    assert ended.output["Repaired"] == 0
    assert established.told == [REPAIRED]
    assert len(established.kept["Repairs"]) == 1


def test_a_check_that_comes_while_another_repairs_leaves_the_integration_to_it(
    established: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a repair that has deleted the integration, and not made it again
    ensure = create.ensure

    def slowly(*args: Any) -> Any:
        with acting_as(None):
            assert established.check().output == {"Integrations": {"MISSING": 1}, "Repaired": 0}
        return ensure(*args)

    stop_flow(established)
    monkeypatch.setattr(create, "ensure", slowly)
    monkeypatch.setattr(
        young, "WAITS", ()
    )  # no time passes while a function waits for an execution
    # When both have ended
    assert established.check().output["Repaired"] == 1
    # Then one has repaired it, and told it
    assert established.told == [REPAIRED]
    assert len(established.kept["Repairs"]) == 1


def test_another_name_is_another_integration_and_two_that_pull_the_same_are_reported(
    established: Keeper,
) -> None:
    # Given an import of the same records, with another name for the continuous flow
    definition = event()["FlowDefinition"] | {"FlowName": "contacts"}
    ended = established.machine.run("longer", ImportFrom="P50D", FlowDefinition=definition)
    assert ended.output["Integration"]["FlowName"] == "contacts"
    # When the integrations are checked, again and again
    for _ in range(2):
        established.check()
        established.machine.cloud.events.settle()
    # Then both are there, and the notification says once which pulls the same as which
    assert sorted(established.machine.flows()) == [FLOW, "contacts"]
    problem = "pulls the same records as"
    sent = [message for message in established.notified if problem in message.text]
    assert len(sent) == 2


# Longer ago than a pull may reach back -----------------------------------------------------------


def stop_for(keeper: Keeper, days: int) -> None:
    """Stop it, and let the source change once a day without anybody looking."""
    stop_flow(keeper)
    for _ in range(days):
        keeper.wait(days=1)
        keeper.change()


def test_what_is_longer_ago_than_two_months_is_brought_in_by_a_bulk_ingestion(
    established: Keeper,
) -> None:
    last = instant(established.kept["Checkpoint"]["PulledUntil"])
    stop_for(established, 75)
    # When it is checked, and again before the bulk ingestion has ended
    ended = established.check()
    assert ended.output == {"Integrations": {"STOPPED": 1}, "Repaired": 1}
    # Then one bulk ingestion runs from the last pull on, and hands over
    client = established.machine.cloud.client("stepfunctions")
    arn = established.machine.cloud.stack.state_machine_arn
    [backfill, _] = client.list_executions(stateMachineArn=arn)["executions"]
    filled = established.machine.wait(backfill["executionArn"])
    assert filled.status == "SUCCEEDED", filled.message
    assert min(batch["BatchRecordsStartTime"] for batch in filled.batches.values()) == (
        f"{last - OVERLAP:%Y-%m-%dT%H:%M:%S}Z"
    )
    established.wait(hours=2)
    assert established.health() == "HEALTHY"
    assert established.is_whole()
    assert established.told == [REPAIRED]


def test_a_bulk_ingestion_that_fails_in_its_place_needs_a_person_and_a_redrive(
    established: Keeper,
) -> None:
    stop_for(established, 75)
    faults.install({"Faults": [{"Run": {"Flow": "^bulk-"}, "Ends": "Error"}]})
    established.check()
    client = established.machine.cloud.client("stepfunctions")
    arn = established.machine.cloud.stack.state_machine_arn
    backfill = client.list_executions(stateMachineArn=arn)["executions"][0]["executionArn"]
    failed = established.machine.wait(backfill)
    established.machine.cloud.events.settle()
    assert failed.status == "FAILED"
    # When it is checked again and again
    for _ in range(3):
        assert established.health() == "MISSING"
        established.wait(hours=1)
    # Then no other one was started, and a person was told of the failure and of what to redrive
    assert len(client.list_executions(stateMachineArn=arn)["executions"]) == 2
    assert established.told[0] == REPAIRED
    assert established.told[1].startswith("bulk-ingestion: ")
    assert established.told[2:] == [NEEDS_ATTENTION]
    assert backfill in established.notified[-1].text
    # And a redrive brings in everything
    faults.clear()
    assert failed.redrive().status == "SUCCEEDED"
    established.wait(hours=2)
    assert established.health() == "HEALTHY"
    assert established.is_whole()


# Events ------------------------------------------------------------------------------------------


def test_a_failed_run_of_the_flow_starts_a_check_of_it_alone(established: Keeper) -> None:
    faults.install({"Faults": [{"Run": {"Flow": FLOW}, "Ends": "Error", "Times": 1}]})
    established.wait(hours=1)
    [*_, latest] = established.settle()
    assert latest.input["detail"]["flow-name"] == FLOW
    assert latest.output["Integrations"] == {"FAILING": 1}


def test_an_event_about_a_foreign_flow_checks_nothing(established: Keeper) -> None:
    ended = established.check({"detail": {"flow-name": "somebody-elses"}})
    assert ended.output == {"Integrations": {}, "Repaired": 0}


def test_a_windows_failed_run_starts_no_check(keeper: Keeper) -> None:
    faults.install({"Faults": [{"Run": {"Flow": "^bulk-"}, "Ends": "Error", "Nth": 1}]})
    assert keeper.machine.run("run", ImportFrom="P3M").status == "SUCCEEDED"
    assert keeper.settle() == []


# A failed execution is told ----------------------------------------------------------------------


def test_a_failed_execution_is_notified_once_with_why_and_what_to_do(keeper: Keeper) -> None:
    ended = keeper.machine.run("wrong", ImportFrom="2030-01-01")
    keeper.machine.cloud.events.settle()
    # When EventBridge delivers the event once more
    stopped = keeper.machine.cloud.client("stepfunctions").describe_execution(
        executionArn=ended.arn
    )["stopDate"]
    keeper.machine.cloud.events.execution_changed(
        {
            "executionArn": ended.arn,
            "stateMachineArn": keeper.machine.cloud.stack.state_machine_arn,
            "name": "wrong",
            "status": "FAILED",
            "stopDate": int(stopped.timestamp() * 1000),
        }
    )
    keeper.machine.cloud.events.settle()
    # Then a person has been told once
    [message] = keeper.notified
    assert message.subject == "bulk-ingestion: wrong FAILED"
    assert "InvalidInput" in message.text
    assert "ImportFrom: " in message.text
    assert "console.aws.amazon.com/states" in message.text


def test_checks_that_fail_alike_are_notified_once_a_day_for_each_error(established: Keeper) -> None:
    checks = "bulk-ingestion-monitor-integrations"

    def told() -> list[Message]:
        return established.notified

    # Given a call that fails in each check, and so half a day of checks that fail
    faults.install({"Faults": [{"Operation": "appflow:DescribeFlow", "Match": {"flowName": FLOW}}]})
    for _ in range(12):
        assert established.check().error == "ChecksFailed"
        established.wait(hours=1)
    established.machine.cloud.events.settle()
    # Then a person was told on each day that the checks came on, and not by every check
    days = {message.at.date() for message in told()}
    assert len(told()) == len(days) <= 2
    assert all(m.subject.startswith(checks) and "ChecksFailed" in m.text for m in told())
    # And another error is told beside it
    faults.install({"Faults": [{"Operation": "lambda:*", "Match": {"FunctionName": "find-int"}}]})
    assert established.check().error == "Lambda.ServiceException"
    established.machine.cloud.events.settle()
    assert "Lambda.ServiceException" in told()[-1].text


def test_without_an_address_nothing_is_sent_and_all_the_rest_is_done() -> None:
    with embedded_cloud(Clock(start=NOW), {"LogLevel": "ERROR", "NotifyEmail": ""}) as cloud:
        keeper = Keeper(Machine(cloud))
        keeper.establish()
        stop_flow(keeper)
        assert keeper.health() == "STOPPED"
        assert keeper.machine.integrations() == [FLOW]
        keeper.machine.run("wrong", ImportFrom="2030-01-01")
        cloud.events.settle()
        assert keeper.told == []


# Many --------------------------------------------------------------------------------------------


def test_hundreds_of_integrations_are_found_on_every_page_and_no_payload_is_too_large() -> None:
    # Given 230 integrations with long names, of which some do not work
    many = 230
    knobs = Knobs(integrations_per_domain=many)
    with embedded_cloud(Clock(start=NOW), {"LogLevel": "ERROR"}, knobs) as cloud:
        keeper = Keeper(Machine(cloud))
        definition = event()["FlowDefinition"]
        tags = {**OWNER, "bulkIngestionStack": cloud.stack.name}
        for n in range(many):
            cloud.client("customer-profiles").put_integration(
                DomainName="acme",
                ObjectTypeName="Salesforce-Contact",
                FlowDefinition=definition | {"FlowName": f"{n:03}-{'x' * 190}"},
                Tags=tags,
            )
        keeper.wait(hours=1)
        # When they are checked
        ended = keeper.check()
        # Then each was, and what the Map returned fits
        assert ended.output == {"Integrations": {"STOPPED": many}, "Repaired": 0}
        client = cloud.client("stepfunctions")
        pages = client.get_paginator("get_execution_history").paginate(executionArn=ended.arn)
        assert max(len(json.dumps(e, default=str)) for p in pages for e in p["events"]) < 128 * 1024


def test_one_that_cannot_be_checked_does_not_keep_the_others_from_it(
    established: Keeper,
) -> None:
    established.machine.run("other", "marketo-leads", ImportFrom="P20D", BatchSize=None)
    faults.install({"Faults": [{"Operation": "appflow:DescribeFlow", "Match": {"flowName": FLOW}}]})
    ended = established.check()
    assert (ended.status, ended.error) == ("FAILED", "ChecksFailed")
    assert ended.message.startswith("1 integration could not be checked or repaired.")
    assert f"{FLOW}: InternalServerException" in ended.message
    assert ended.states()["Checked"] == 1


def test_a_child_that_is_denied_is_notified_by_the_executions_failure(
    established: Keeper,
) -> None:
    faults.install(
        {
            "Faults": [
                {"Operation": "appflow:DescribeFlow", "Error": "AccessDeniedException"},
            ]
        }
    )
    assert established.check().error == "ChecksFailed"
    established.machine.cloud.events.settle()
    assert established.told[0].startswith("bulk-ingestion-monitor-integrations: check-")


# More than one pull carries ----------------------------------------------------------------------


def test_a_pull_that_was_cut_at_the_connectors_limit_is_made_up_for_by_a_bulk_ingestion(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a connector that transfers seven records a run, and says nothing when there are more
    limit_records(monkeypatch, 7)
    monkeypatch.setattr(
        simulation.current, "knobs", Knobs(records_per_run={"Salesforce": 7}, made_up_records=0)
    )
    keeper = Keeper(machine)
    keeper.establish()
    keeper.wait(hours=4)
    # And twenty changes while it was stopped
    stop_flow(keeper)
    for _ in range(20):
        keeper.change()
        keeper.wait(hours=1)
    # When it is checked until it works again
    for _ in range(3):
        keeper.health()
        keeper.settle_executions()
        keeper.wait(hours=2)
    # Then a bulk ingestion with windows that were split has brought all of them
    assert keeper.health() == "HEALTHY"
    assert keeper.is_whole()
    assert keeper.machine.integrations() == keeper.machine.flows() == [FLOW]


def test_a_check_while_windows_run_finds_none_of_them(keeper: Keeper) -> None:
    # Given a check that starts when the first window runs
    started: list[str] = []

    def check(happened: dict[str, Any]) -> None:
        if "Start" in happened["detail-type"] and not started:
            with acting_as(None):
                started.append(keeper.start())

    keeper.machine.cloud.services.on_event(check)
    keeper.establish(ImportFrom="P4M")
    # Then it checks nothing, because there is no continuous integration yet
    ended = keeper.machine.wait(started[0])
    assert ended.output == {"Integrations": {}, "Repaired": 0}
