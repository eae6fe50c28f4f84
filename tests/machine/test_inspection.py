"""What ``inspect`` tells of a flow, in the embedded cloud as in AWS."""

from __future__ import annotations

import io
import json
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from rich.console import Console

from cli.clients import CannotDo, Place
from cli.coverage import Imported
from cli.inspection import DeadLetterQueue, Inspection, inspect, look, show
from cli.terminal import write
from local.caller import acting_as
from local.services import simulation
from local.services.simulation import Conduct, RunOutcome
from tests.machine.contacts import spread
from tests.machine.machine import Machine, event
from tests.machine.runs import fail

FLOW = "acme-salesforce-contact"
QUEUE = "https://sqs.us-east-1.amazonaws.com/123456789012/acme-profiles-dead-letters"


@pytest.fixture
def pulling(machine: Machine) -> Machine:
    """A continuous flow that has pulled for some hours."""
    machine.load(*spread(40))
    assert machine.run(ImportFrom="P50D").status == "SUCCEEDED"
    machine.cloud.live(timedelta(hours=5, minutes=55))
    return machine


def seen(machine: Machine, runs: int = 10, flow: str = FLOW) -> Inspection:
    return look(machine.cloud.client, flow, runs)


def drawn(inspection: Inspection, width: int = 200) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    with console.capture() as captured:
        write(console, *show(inspection))
    return captured.get()


def test_a_flow_that_works_is_shown_with_its_ends_schedule_and_runs(pulling: Machine) -> None:
    told = seen(pulling)

    assert (told.FlowName, told.Status, told.WhatToDo) == (FLOW, "Active", "")
    assert told.Source == "Salesforce, Contact, connection acme-sf"
    assert told.Destination == "Customer Profiles, domain acme, object type Salesforce-Contact"
    assert told.Schedule.startswith("rate(1hours), Incremental, starts 2026-11-23T23:")
    assert told.Schedule.endswith("pulls changes since 2026-10-04T22:00:00Z")
    assert told.Console == (
        f"https://us-east-1.console.aws.amazon.com/appflow/home?region=us-east-1#/details/{FLOW}"
    )
    assert told.DeadLetterQueue == DeadLetterQueue(QUEUE, 0)
    # And its runs, the newest first, each beginning where the one before ended
    assert len(told.Runs) == 5
    assert {run.Status for run in told.Runs} == {"Successful"}
    for later, earlier in pairwise(told.Runs):
        assert later.DataPullStartTime == earlier.DataPullEndTime
    assert sum(run.RecordsProcessed for run in told.Runs) == len(pulling.landed()) > 0


def test_what_is_imported_is_shown_as_a_line_up_to_the_last_pull(pulling: Machine) -> None:
    told = seen(pulling)

    assert told.Imported == Imported(
        "2026-10-04T22:00:00Z",
        told.Runs[0].DataPullEndTime,
        Line=f"2026-10-04T22:00:00Z to {told.Runs[0].DataPullEndTime}, without a gap",
    )
    assert f"Imported     {told.Imported.Line}" in drawn(told)


def test_gaps_in_what_is_imported_are_shown_each(pulling: Machine) -> None:
    months = [("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"), ("2026-04-01", "2026-05-01")]
    batches = [{"StartTime": start, "EndTime": end} for start, end in months]
    ended = pulling.run("months", Batches=batches, ImportFrom=None, Continue=False)
    assert ended.status == "SUCCEEDED", ended.message

    told = seen(pulling)

    assert told.Imported is not None
    assert told.Imported.From == "2026-01-01T00:00:00Z"
    assert told.Imported.Gaps == (
        ("2026-02-01T00:00:00Z", "2026-04-01T00:00:00Z"),
        ("2026-05-01T00:00:00Z", "2026-10-04T22:00:00Z"),
    )
    text = drawn(told)
    assert ", except 2026-02-01T00:00:00Z to 2026-04-01T00:00:00Z and 2026-05-01T00:00:00Z" in text
    assert "Gap          2026-02-01T00:00:00Z to 2026-04-01T00:00:00Z" in text


def test_what_may_not_be_read_or_is_not_stored_is_said_so(pulling: Machine) -> None:
    # Given a role that may read flows, but neither functions nor files
    with acting_as(pulling.cloud.stack.resources["CheckIntegrationRole"].arn):
        told = seen(pulling)
    assert told.Imported is not None
    assert "GetFunctionConfiguration: you don't have permission" in told.Imported.Problem
    assert "not known. GetFunctionConfiguration" in drawn(told)
    # And an integration without a state
    pulling.cloud.client("s3").delete_object(
        Bucket=pulling.cloud.stack.runs_bucket, Key=f"integrations/{FLOW}.json"
    )
    told = seen(pulling)
    assert told.Imported is not None
    assert "NoSuchKey" in told.Imported.Problem


def test_of_another_owners_flow_no_periods_are_known(machine: Machine) -> None:
    definition = event()["FlowDefinition"] | {"FlowName": "theirs"}
    machine.cloud.client("customer-profiles").put_integration(
        DomainName="acme", ObjectTypeName="Salesforce-Contact", FlowDefinition=definition
    )
    told = seen(machine, flow="theirs")

    assert told.Imported is None
    assert "Imported" not in drawn(told)


def test_of_many_runs_the_latest_are_read_over_every_page(pulling: Machine) -> None:
    pulling.cloud.clock.advance(timedelta(days=10).total_seconds())
    pulling.cloud.services.settle()

    everything = seen(pulling, runs=1000).Runs

    assert len(everything) == 245
    assert seen(pulling, runs=120).Runs == everything[:120]
    assert seen(pulling, runs=1).Runs == everything[:1]


@pytest.mark.parametrize("newest_first", [True, False])
def test_the_latest_run_is_found_in_whichever_order_appflow_lists_them(
    pulling: Machine, newest_first: bool
) -> None:
    # Given runs that come two a page, in one order or the other
    client = pulling.cloud.client("appflow")
    runs = sorted(
        client.describe_flow_execution_records(flowName=FLOW)["flowExecutions"],
        key=lambda run: run["startedAt"],
        reverse=newest_first,
    )

    class Paged:
        meta, describe_flow = client.meta, client.describe_flow

        def describe_flow_execution_records(self, nextToken: str = "0", **_: Any) -> Any:  # noqa: N803
            at = int(nextToken)
            more = {"nextToken": str(at + 2)} if at + 2 < len(runs) else {}
            return {"flowExecutions": runs[at : at + 2], **more}

    # When two are asked for, then it is the latest two
    told = look(
        lambda service: Paged() if service == "appflow" else pulling.cloud.client(service), FLOW, 2
    )
    assert told.Runs == seen(pulling, runs=2).Runs


def test_failed_runs_are_shown_once_with_what_to_do(pulling: Machine) -> None:
    fail("contact", message="The field Email was deleted.")
    pulling.cloud.live(timedelta(hours=2))

    told = seen(pulling)

    failed = [run for run in told.Runs if run.Status == "Error"]
    assert len(failed) == 2
    assert {run.Message for run in failed} == {"The field Email was deleted."}
    assert "may read the object and its fields" in failed[0].WhatToDo
    assert "redrive" not in failed[0].WhatToDo
    text = drawn(told)
    assert text.count("The field Email was deleted.") == 1
    assert "2 runs, the last at" in text


def test_a_source_that_refuses_is_shown_as_such(pulling: Machine) -> None:
    fail("contact", message="INVALID_SESSION: please authenticate again.")
    pulling.cloud.live(timedelta(hours=1))

    assert "reconnect it" in seen(pulling).Runs[0].WhatToDo


def test_records_that_were_not_put_are_counted_with_what_to_do(pulling: Machine) -> None:
    def ending(flow: Any, execution_id: str, records: Any, at: datetime) -> RunOutcome:
        return RunOutcome(records, put_failures=3, message="3 records were refused.")

    simulation.current.end_run = ending
    pulling.cloud.live(timedelta(hours=1))

    latest = seen(pulling).Runs[0]
    assert (latest.Status, latest.PutFailures) == ("Successful", 3)
    assert "dead-letter queue" in latest.WhatToDo


def test_a_flow_that_is_stopped_is_shown_as_such(pulling: Machine) -> None:
    pulling.cloud.client("appflow").stop_flow(flowName=FLOW)

    told = seen(pulling)

    assert told.Status == "Suspended"
    assert "It pulls nothing." in told.WhatToDo
    assert "It pulls nothing." in drawn(told)


def test_messages_in_the_dead_letter_queue_are_counted_those_in_flight_too(
    pulling: Machine,
) -> None:
    sqs = pulling.cloud.client("sqs")
    for body in ("one", "two", "three"):
        sqs.send_message(QueueUrl=QUEUE, MessageBody=body)
    sqs.receive_message(QueueUrl=QUEUE)

    assert seen(pulling).DeadLetterQueue == DeadLetterQueue(QUEUE, 3)
    assert "3 messages" in drawn(seen(pulling))


def test_a_queue_that_may_not_be_read_hides_nothing_else(pulling: Machine) -> None:
    # Given a role that may look at flows and domains, but at no queue
    with acting_as(pulling.cloud.stack.resources["CheckIntegrationRole"].arn):
        told = seen(pulling)

    assert told.DeadLetterQueue is not None
    assert told.DeadLetterQueue.Messages is None
    assert "you don't have permission" in told.DeadLetterQueue.Problem
    assert "sqs:GetQueueAttributes" in told.DeadLetterQueue.Problem
    assert len(told.Runs) == 5
    assert "not counted" in drawn(told)


@pytest.mark.parametrize("url", ["", "https://sqs.us-east-1.amazonaws.com/123456789012/gone"])
def test_a_domain_without_a_queue_is_shown_as_such(pulling: Machine, url: str) -> None:
    pulling.cloud.client("customer-profiles").update_domain(
        DomainName="acme", DeadLetterQueueUrl=url
    )

    queue = seen(pulling).DeadLetterQueue

    if url:
        assert queue is not None
        assert (queue.Url, queue.Messages) == (url, None)
        assert "NonExistentQueue" in queue.Problem
    else:
        assert queue is None


def test_a_windows_flow_is_reported_while_it_runs(machine: Machine) -> None:
    machine.load(*spread(4))
    told: list[Inspection] = []

    def ending(flow: Any, execution_id: str, records: Any, at: datetime) -> RunOutcome:
        told.append(look(machine.cloud.client, flow["flowName"], 5))
        return RunOutcome(records)

    simulation.current.end_run = ending
    machine.run(ImportFrom="P80D", BatchSize="P80D")

    assert told[0].Schedule == "OnDemand"
    assert told[0].Imported is None
    [run] = told[0].Runs
    assert (run.Status, run.EndedAt, run.RecordsProcessed) == ("InProgress", None, 0)


def test_a_pull_that_was_cancelled_is_shown_as_such(pulling: Machine) -> None:
    simulation.current.direct_run = lambda *_: Conduct(ends=False)
    pulling.cloud.live(timedelta(hours=1))
    pulling.cloud.client("appflow").cancel_flow_executions(flowName=FLOW)
    pulling.cloud.live(timedelta(minutes=1))

    run = seen(pulling).Runs[0]

    assert run.Status == "Canceled"
    assert "The next pull fetches what it left out." in run.WhatToDo


def test_a_flow_that_is_not_there_is_an_error_that_says_what_to_do(machine: Machine) -> None:
    with pytest.raises(CannotDo, match=r"there is no flow with this name in us-east-1.*list-flows"):
        seen(machine, flow="nowhere")


@pytest.mark.parametrize("width", [80, 200])
def test_nothing_is_cut_and_links_are_lines_of_their_own(pulling: Machine, width: int) -> None:
    told = seen(pulling)
    lines = [line.rstrip() for line in drawn(told, width).splitlines()]
    assert told.Console in lines
    assert QUEUE in lines
    assert "…" not in "".join(lines)
    assert max(len(line) for line in lines if line not in (told.Console, QUEUE)) <= width
    for run in told.Runs:
        row = next(
            line for line in lines if line.startswith(str(run.StartedAt)[:16].replace("T", " "))
        )
        assert run.Status in row
        assert str(run.RecordsProcessed) in row


def test_as_json_it_prints_all_that_it_knows(
    pulling: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert inspect(Place(region="us-east-1"), FLOW, runs=2, as_json=True) == 0

    told = json.loads(capsys.readouterr().out)
    assert told["FlowName"] == FLOW
    assert len(told["Runs"]) == 2
    assert told["DeadLetterQueue"] == {"Url": QUEUE, "Messages": 0, "Problem": ""}
