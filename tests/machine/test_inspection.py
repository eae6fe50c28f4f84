"""What ``inspect`` tells of a flow, in the embedded cloud as in AWS."""

from __future__ import annotations

import io
import json
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from rich.console import Console

from local import simulation
from local.caller import acting_as
from local.inspection import CannotInspect, DeadLetterQueue, Inspection, inspect, look, show
from local.simulation import Conduct, RunOutcome
from tests.machine.machine import Machine
from tests.machine.test_redrive import spread
from tests.machine.test_report_page import fail

FLOW = "acme-salesforce-contact"
QUEUE = "https://sqs.us-east-1.amazonaws.com/123456789012/acme-profiles-dead-letters"


@pytest.fixture
def pulling(machine: Machine) -> Machine:
    """A continuous flow that has pulled for some hours."""
    machine.load(*spread(40))
    assert machine.run(ImportFrom="P50D").status == "SUCCEEDED"
    machine.cloud.live(timedelta(hours=5))
    return machine


def seen(machine: Machine, runs: int = 10, flow: str = FLOW) -> Inspection:
    return look(machine.cloud.client, flow, runs)


def drawn(inspection: Inspection) -> str:
    console = Console(record=True, width=200, file=io.StringIO())
    console.print(show(inspection))
    return console.export_text()


def test_a_flow_that_works_is_told_with_its_ends_schedule_and_runs(pulling: Machine) -> None:
    told = seen(pulling)

    assert (told.FlowName, told.Status, told.WhatToDo) == (FLOW, "Active", "")
    assert told.Source == "Salesforce, Contact, connection acme-sf"
    assert told.Destination == "Customer Profiles, domain acme, object type Salesforce-Contact"
    assert told.Schedule.startswith("rate(1hours), Incremental, starts 2026-11-23T22:")
    assert told.Schedule.endswith("pulls what has changed since 2026-10-04T22:00:00Z")
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


def test_of_many_runs_the_latest_are_read_over_every_page(pulling: Machine) -> None:
    pulling.cloud.live(timedelta(days=10))

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


def test_failed_runs_are_told_once_with_what_to_do(pulling: Machine) -> None:
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


def test_a_source_that_refuses_is_told_as_such(pulling: Machine) -> None:
    fail("contact", message="INVALID_SESSION: please authenticate again.")
    pulling.cloud.live(timedelta(hours=1))

    assert "connect it anew" in seen(pulling).Runs[0].WhatToDo


def test_records_that_were_not_put_are_counted_with_what_to_do(pulling: Machine) -> None:
    def judge(flow: Any, execution_id: str, records: Any, at: datetime) -> RunOutcome:
        return RunOutcome(records, put_failures=3, message="3 records were refused.")

    simulation.current.judge_run = judge
    pulling.cloud.live(timedelta(hours=1))

    latest = seen(pulling).Runs[0]
    assert (latest.Status, latest.PutFailures) == ("Successful", 3)
    assert "dead-letter queue" in latest.WhatToDo


def test_a_flow_that_is_stopped_is_told_as_such(pulling: Machine) -> None:
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
    assert "you are not allowed to" in told.DeadLetterQueue.Problem
    assert "sqs:GetQueueAttributes" in told.DeadLetterQueue.Problem
    assert len(told.Runs) == 5
    assert "not counted" in drawn(told)


@pytest.mark.parametrize("url", ["", "https://sqs.us-east-1.amazonaws.com/123456789012/gone"])
def test_a_domain_without_a_queue_is_told_as_such(pulling: Machine, url: str) -> None:
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


def test_a_windows_flow_is_told_while_it_runs(machine: Machine) -> None:
    machine.load(*spread(4))
    told: list[Inspection] = []

    def judge(flow: Any, execution_id: str, records: Any, at: datetime) -> RunOutcome:
        told.append(look(machine.cloud.client, flow["flowName"], 5))
        return RunOutcome(records)

    simulation.current.judge_run = judge
    machine.run(ImportFrom="P80D", BatchSize="P80D")

    assert told[0].Schedule == "OnDemand"
    [run] = told[0].Runs
    assert (run.Status, run.EndedAt, run.RecordsProcessed) == ("InProgress", None, 0)


def test_a_pull_that_was_cancelled_is_told_as_such(pulling: Machine) -> None:
    simulation.current.direct_run = lambda *_: Conduct(ends=False)
    pulling.cloud.live(timedelta(hours=1))
    pulling.cloud.client("appflow").cancel_flow_executions(flowName=FLOW)
    pulling.cloud.live(timedelta(minutes=1))

    run = seen(pulling).Runs[0]

    assert run.Status == "Canceled"
    assert "The next pull fetches what it left out." in run.WhatToDo


def test_a_flow_that_is_not_there_is_an_error_that_says_what_to_do(machine: Machine) -> None:
    with pytest.raises(CannotInspect, match=r"no flow of that name is in us-east-1.*list-flows"):
        seen(machine, flow="nowhere")


def test_as_json_it_prints_all_that_it_knows(
    pulling: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert inspect(FLOW, None, None, None, runs=2, as_json=True) == 0

    told = json.loads(capsys.readouterr().out)
    assert told["FlowName"] == FLOW
    assert len(told["Runs"]) == 2
    assert told["DeadLetterQueue"] == {"Url": QUEUE, "Messages": 0, "Problem": ""}
