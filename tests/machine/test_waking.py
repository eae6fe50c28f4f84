"""An event wakes the window whose run has ended, and nothing depends on it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from bulk_ingestion.run import plan
from local.aws.targets import Delivery, Targets
from local.caller import acting_as
from local.services import simulation
from local.services.simulation import Conduct
from tests.machine.machine import NOW, Ended, Machine
from tests.machine.watched import CONTINUOUS, WINDOWS, Watched, failing_run, set_knobs

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


def tokens(machine: Machine) -> list[str]:
    listed = machine.cloud.client("s3").list_objects_v2(
        Bucket=machine.cloud.stack.runs_bucket, Prefix="tokens/"
    )
    return [entry["Key"] for entry in listed.get("Contents", [])]


def dead_letters(machine: Machine) -> list[Any]:
    machine.cloud.events.settle()
    queue = machine.cloud.stack.resources["DeadLetters"].physical_id
    received = machine.cloud.client("sqs").receive_message(QueueUrl=queue)
    return list(received.get("Messages", []))


def durations(ended: Ended) -> list[timedelta]:
    return [
        datetime.fromisoformat(batch["FinishedAt"]) - datetime.fromisoformat(batch["StartedAt"])
        for batch in ended.report["Batches"]
    ]


def runs_take(duration: timedelta, **knobs: Any) -> None:
    set_knobs(run_base=duration, run_per_record=timedelta(), **knobs)


def is_well(watched: Watched, ended: Ended) -> bool:
    """Whether each window had one run, and neither a token nor a dead letter is left."""
    assert ended.status == "SUCCEEDED", ended.message
    assert {key: batch["Attempts"] for key, batch in ended.batches.items()} == dict.fromkeys(
        WINDOWS, 1
    )
    assert tokens(watched.machine) == dead_letters(watched.machine) == []
    return watched.is_whole()


EVENTS: dict[str, tuple[dict[str, Any], int, timedelta]] = {
    "at once": ({}, 8, timedelta()),
    "3 s late": ({"events_late": 3 * SECOND}, 8, 3 * SECOND),
    "twice": ({"events_twice": 1}, 8, timedelta()),
    "too late": ({"events_late": 5 * MINUTE}, 8, 7 * SECOND),
    "never": ({"events_lost": 1}, 8, 7 * SECOND),
    "early": ({"events_early": 5 * SECOND}, 9, 5 * SECOND),
    "far too early": ({"events_early": 90 * SECOND}, 10, 70 * SECOND),
}
"""Knobs, the polls that a run of ten minutes may take, and how late its end may be noticed."""


@pytest.mark.parametrize("events", EVENTS)
def test_events_only_save_time(watched: Watched, events: str) -> None:
    # Given runs of ten minutes, and events that come as the name says
    knobs, polls, late = EVENTS[events]
    runs_take(10 * MINUTE, **knobs)
    ended = watched.run()
    # Then every end is noticed in time, in few polls
    assert is_well(watched, ended)
    assert all(took - 10 * MINUTE <= late for took in durations(ended))
    assert ended.states()["DescribeRun"] <= polls * len(WINDOWS)
    # And the report tells how
    by_poll = len(WINDOWS) if late > 3 * SECOND else 0
    assert ended.report["EndsNoticed"] == {"Event": len(WINDOWS) - by_poll, "Poll": by_poll}


def test_an_event_that_comes_before_the_token_does_no_harm(watched: Watched) -> None:
    # Given runs that end at once, and tokens that are written two minutes later
    runs_take(timedelta())
    ended = watched.run({"Operation": "s3:PutObject", "Match": {"Key": "^tokens/"}, "For": "PT2M"})
    assert is_well(watched, ended)
    assert ended.report["EndsNoticed"] == {"Event": 0, "Poll": len(WINDOWS)}


def test_an_event_about_an_earlier_run_does_no_harm(watched: Watched) -> None:
    # Given a window whose first run fails, and events that come while its second one runs
    runs_take(20 * MINUTE, events_late=15 * MINUTE)
    ended = watched.run(failing_run("-0002", Times=1))
    # Then the second run is waited for until its own end
    assert ended.status == "SUCCEEDED", ended.message
    assert ended.batches["0002"]["Attempts"] == 2
    assert watched.runs["0002"] == 2
    assert watched.is_whole()


def test_an_event_about_a_flow_of_another_stack_wakes_nobody(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = watched.machine
    started: list[str] = []
    start = Targets.start

    def note(targets: Targets, delivery: Delivery) -> None:
        started.append(delivery.target["Arn"])
        start(targets, delivery)

    monkeypatch.setattr(Targets, "start", note)
    for name in ("bulk-of-another-stack-0badcafe-0001", "bulk-", CONTINUOUS):
        machine.cloud.events.emit(
            {
                "source": "aws.appflow",
                "detail-type": "AppFlow End Flow Run Report",
                "detail": {"flow-name": name, "status": "Execution Successful"},
            }
        )
    assert dead_letters(machine) == []
    assert [arn.rpartition("-ingestion-")[2] for arn in started] == ["wake-window"] * 2


def test_a_wait_without_a_token_is_a_wait_all_the_same(watched: Watched) -> None:
    # Given a bucket that never takes a token
    runs_take(10 * MINUTE)
    ended = watched.run({"Operation": "s3:PutObject", "Match": {"Key": "^tokens/"}})
    assert is_well(watched, ended)
    assert ended.report["EndsNoticed"] == {"Event": 0, "Poll": len(WINDOWS)}


def test_a_window_that_waits_is_stopped_and_redriven_with_a_new_token(watched: Watched) -> None:
    # Given an execution that is stopped while its windows wait for runs of an hour
    machine, arn = watched.machine, watched.machine.arn_of("run")

    def stop(flow: Any, execution_id: str, at: datetime) -> Conduct:
        if flow["flowName"].endswith("-0001"):
            world = simulation.current
            world.direct_run = lambda *_: Conduct()

            def now() -> None:
                with acting_as(None):
                    machine.cloud.client("stepfunctions").stop_execution(executionArn=arn)

            world.schedule(simulation.ScheduledChange(at + 30 * MINUTE, now))
        return Conduct()

    runs_take(60 * MINUTE)
    simulation.current.direct_run = stop
    ended = watched.machine.run("run", ImportFrom="P7M", MaxConcurrency=4)
    assert ended.status == "ABORTED"
    machine.cloud.events.settle()
    assert machine.flows() == machine.integrations() == []
    # When it is redriven
    again = ended.redrive()
    # Then its windows notice that their flows are gone, and run again with new ones
    assert again.status == "SUCCEEDED", again.message
    assert again.states()["FlowGone"] == len(WINDOWS)
    assert again.report["EndsNoticed"] == {"Event": len(WINDOWS), "Poll": 0}
    assert tokens(machine) == []
    assert watched.has_landed()


def test_a_run_that_never_ends_is_given_up_soon_after_its_deadline(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "RUN_DEADLINE_SECONDS", 12 * 3600)
    ended = watched.run({"Run": {"Flow": "-0002$"}, "Ends": "Never", "Nth": 1})
    assert ended.status == "SUCCEEDED", ended.message
    assert ended.statuses["0002"] == "SPLIT"
    assert timedelta() < watched.machine.cloud.clock.now() - NOW - 12 * 60 * MINUTE < 61 * MINUTE
