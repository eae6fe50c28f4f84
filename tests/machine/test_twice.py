"""What the functions do is safe to do twice: whole executions in which each does it again.

Functions end after their effect, or in its midst: they time out, run out of memory, or their answer
is lost. Step Functions, or Lambda for an event, invokes them again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from bulk_ingestion.times import iso
from local.aws import runtime
from local.caller import acting_as
from local.faults import faults
from local.services import simulation
from tests.machine.contacts import spread
from tests.machine.keeper import FLOW, Keeper
from tests.machine.machine import NOW, Ended, Machine
from tests.machine.metrics import statistic, total, windows

AFTER_ALL = ["TimedOut", "OutOfMemory", "ClientTimeout"]
"""How a function ends after its handler took effect: every other invocation does."""
IN_THE_MIDST = {"Dies before a call": "before", "Dies after a call": "after"}
"""How the nth invocation of a function ends: before or after its nth call of AWS."""
WAYS = [*AFTER_ALL, *IN_THE_MIDST]
FUNCTIONS = {
    "import": ["plan-windows", "review-windows", "create-integration"],
    "check": ["find-integrations", "check-integration", "repair-integration"],
}
FAILING = {"Run": {"Flow": "-0002"}, "Ends": "Error", "Message": "It broke."}
MOST = 30
"""Invocations of one function in a test, at most."""


def do_twice(way: str, *more: dict[str, Any], step: int = 1) -> None:
    """Have the functions end in a way, besides other faults.

    ``step`` is how many more calls each invocation gets through than the one before.
    """
    faults.install({"Faults": [*(_every_other(way) if way in AFTER_ALL else []), *more]})
    if way in IN_THE_MIDST:

        def ends_at(function: str, invocation: int) -> int | None:
            return None if is_started_by_events(function) else step * invocation

        simulation.current.intercept = Dying(IN_THE_MIDST[way], ends_at).intercept


def _every_other(ends: str) -> list[dict[str, Any]]:
    """Have every other invocation of each function fail after its effect.

    An invocation is counted by the faults up to the one that strikes it, so that the nth fault's
    nth is the (2n - 1)th of all.
    """
    return [
        {"Function": ".", "Ends": ends, "Moment": "After", "Each": True, "Nth": n}
        for n in range(1, MOST)
    ]


class Dying:
    """Ends functions at a call of AWS: before it, or after it took effect.

    ``ends_at`` gives the number of the call for the name of a function and the number of its
    invocation; None for one that gets through.
    """

    def __init__(self, moment: str, ends_at: Callable[[str, int], int | None]) -> None:
        self._moment = moment
        self._ends_at = ends_at
        self._otherwise = simulation.current.intercept
        self._invocations = Counter[str]()
        self._last: dict[str, int | None] = {}
        self._calls = Counter[str]()

    def intercept(self, service: str, operation: str, request: Any, moment: Any) -> None:
        context = runtime.running.get()
        if context is not None and moment == self._moment:
            invocation, function = context.aws_request_id, context.function_name
            if invocation not in self._last:
                self._invocations[function] += 1
                self._last[invocation] = self._ends_at(function, self._invocations[function])
            self._calls[invocation] += 1
            if self._calls[invocation] == self._last[invocation]:
                raise runtime.OutOfTime
        self._otherwise(service, operation, request, moment)


def is_started_by_events(function: str) -> bool:
    """Whether a function is started by events, and then three times at most."""
    return function.endswith(("clean-up", "notify"))


def invocations(machine: Machine, function: str) -> float:
    """Count the invocations of a function."""
    name = {"FunctionName": f"bulk-ingestion-{function}"}
    return statistic(machine.cloud, "AWS/Lambda", "Invocations", name)


def counted_once(way: str, counted: float, right: float) -> bool:
    """Whether a metric is right; it is lost if a function ends between its effect and the metric.

    This is the only moment at which it is lost, and it is never counted twice.
    """
    return counted == right or (IN_THE_MIDST.get(way) == "after" and counted < right)


def assert_each_ran_again(machine: Machine, of: str) -> None:
    for function in FUNCTIONS[of]:
        assert invocations(machine, function) >= 2, function


@pytest.mark.parametrize("way", WAYS)
def test_an_import(machine: Machine, way: str) -> None:
    machine.load(*spread(40))
    do_twice(way)
    ended = machine.run(ImportFrom="P200D", BatchSize="P40D")

    assert ended.status == "SUCCEEDED", ended.message
    assert machine.puts() == dict.fromkeys(machine.source(), 1)
    assert machine.flows() == machine.integrations() == [FLOW]
    assert counted_once(way, windows(machine, "COMPLETE"), 5)
    assert counted_once(way, total(machine, "RecordsProcessed"), 40)
    assert counted_once(way, total(machine, "Attempts"), 5)
    assert counted_once(way, total(machine, "WindowSeconds", "SampleCount"), 5)
    assert counted_once(way, total(machine, "WindowsPlanned"), 5)
    assert_each_ran_again(machine, "import")


@pytest.mark.parametrize("way", WAYS)
def test_an_import_that_fails_and_its_redrive(machine: Machine, way: str) -> None:
    # Given a window that is too large, and one whose runs fail
    machine.load(*spread(40))
    large = {"Run": {"Flow": "-0004$"}, "Ends": "Error", "Message": "The result is too large."}
    do_twice(way, large, FAILING)
    ended = machine.run(ImportFrom="P200D", BatchSize="P40D")
    machine.cloud.events.settle()
    # Then it fails as it would if each function did everything once
    assert (ended.status, ended.error) == ("FAILED", "WindowsFailed")
    assert set(ended.statuses.values()) == {"COMPLETE", "SPLIT", "FAILED"}
    assert machine.flows() == machine.integrations() == []
    told = [message.subject for message in machine.cloud.messages()]
    assert set(told) == {"bulk-ingestion: run FAILED"}
    assert len(told) <= 2
    failed = list(ended.statuses.values()).count("FAILED")
    # And a redrive completes it, with everything counted once
    do_twice(way)
    again = ended.redrive()
    assert again.status == "SUCCEEDED", again.message
    assert machine.puts() == dict.fromkeys(machine.source(), 1)
    assert machine.flows() == machine.integrations() == [FLOW]
    statuses = list(again.statuses.values())
    assert counted_once(way, windows(machine, "COMPLETE"), statuses.count("COMPLETE"))
    assert counted_once(way, windows(machine, "SPLIT"), statuses.count("SPLIT"))
    assert counted_once(way, windows(machine, "FAILED"), failed)
    assert counted_once(way, total(machine, "RecordsProcessed"), 40)
    attempts = sum(batch["Attempts"] for batch in again.report["Batches"])
    assert counted_once(way, total(machine, "Attempts"), attempts)


@pytest.mark.parametrize("way", WAYS)
def test_an_import_that_is_resumed(machine: Machine, way: str) -> None:
    machine.load(*spread(40))
    faults.install({"Faults": [FAILING]})
    assert machine.run("old", ImportFrom="P200D", BatchSize="P40D").status == "FAILED"
    do_twice(way, step=3)
    ended = machine.wait(machine.start({"Resume": "old"}, "new"))

    assert ended.status == "SUCCEEDED", ended.message
    assert machine.puts() == dict.fromkeys(machine.source(), 1)
    assert machine.flows() == machine.integrations() == [FLOW]


def stop_when_a_run_ends(machine: Machine) -> Ended:
    """Run an import that is stopped in the midst of its windows, and wait for what follows."""

    def stop(told: dict[str, Any]) -> None:
        if "End" in told["detail-type"]:
            with acting_as(None):
                machine.cloud.client("stepfunctions").stop_execution(executionArn=arn)

    arn = machine.arn_of("run")
    machine.load(*spread(40))
    machine.cloud.services.on_event(stop)
    ended = machine.run(ImportFrom="P200D", BatchSize="P40D", MaxConcurrency=3)
    machine.cloud.events.settle()
    return ended


@pytest.mark.parametrize("way", AFTER_ALL)
def test_an_import_that_is_stopped(machine: Machine, way: str) -> None:
    do_twice(way)
    ended = stop_when_a_run_ends(machine)

    assert (ended.status, ended.report["Status"]) == ("ABORTED", "CANCELLED")
    assert machine.flows() == machine.integrations() == []
    assert invocations(machine, "clean-up") == 2
    statuses = list(ended.statuses.values())
    assert windows(machine, "CANCELLED") == statuses.count("CANCELLED") > 0


def die_at(call: int, times: int) -> None:
    """End the first invocations that an event leads to after the same call; it leads to three."""

    def ends_at(function: str, invocation: int) -> int | None:
        return call if is_started_by_events(function) and invocation <= times else None

    faults.clear()
    simulation.current.intercept = Dying("after", ends_at).intercept


@pytest.mark.parametrize("call", [1, 2, 4, 7, 11, 15])
def test_cleanup_that_ends_in_its_midst(machine: Machine, call: int) -> None:
    die_at(call, times=2)
    ended = stop_when_a_run_ends(machine)

    assert ended.report["Status"] == "CANCELLED"
    assert machine.flows() == machine.integrations() == []
    assert invocations(machine, "clean-up") == 3


@pytest.mark.parametrize(("call", "sent"), [(1, 1), (2, 1), (3, 1), (4, 2), (5, 1)])
def test_a_notification_that_ends_in_its_midst(machine: Machine, call: int, sent: int) -> None:
    # Given that an invocation ends: after it published it, which is the fourth call, or elsewhere
    die_at(call, times=1)
    assert machine.run(ImportFrom="soon").error == "InvalidInput"
    machine.cloud.events.settle()
    # Then it is sent, and again only if it is not known whether it was
    subjects = [message.subject for message in machine.cloud.messages()]
    assert subjects == ["bulk-ingestion: run FAILED"] * sent


@pytest.fixture
def keeper(machine: Machine) -> Keeper:
    """Give an integration that has pulled for two hours."""
    keeper = Keeper(machine)
    keeper.establish()
    keeper.wait(hours=2)
    return keeper


@pytest.mark.parametrize("way", WAYS)
def test_a_check_that_repairs(keeper: Keeper, way: str) -> None:
    machine = keeper.machine
    last = keeper.last_pull
    keeper.change()
    machine.cloud.client("appflow").delete_flow(flowName=FLOW, forceDelete=True)
    do_twice(way, step=2)  # a missing flow is looked for in more calls than there are tries
    ended = keeper.check()

    assert ended.status == "SUCCEEDED", ended.message
    assert machine.flows() == machine.integrations() == [FLOW]
    assert keeper.begins <= last
    assert counted_once(way, total(machine, "IntegrationsRepaired"), 1)
    assert len(keeper.kept["Repairs"]) == 1
    assert set(keeper.told) == {f"Integration repaired: {FLOW}"}
    assert len(keeper.told) <= 2
    assert_each_ran_again(machine, "check")
    keeper.wait(hours=2)
    assert keeper.health() == "HEALTHY"
    assert keeper.is_whole()


@pytest.mark.parametrize("way", WAYS)
def test_a_check_that_starts_a_bulk_ingestion(keeper: Keeper, way: str) -> None:
    machine = keeper.machine
    machine.cloud.client("appflow").stop_flow(flowName=FLOW)
    keeper.change()
    keeper.wait(days=100)
    keeper.change()
    do_twice(way)
    keeper.check()
    keeper.settle_executions()
    keeper.wait(hours=2)

    listed = machine.cloud.client("stepfunctions").list_executions(
        stateMachineArn=machine.cloud.stack.state_machine_arn
    )
    assert [execution["status"] for execution in listed["executions"]] == ["SUCCEEDED"] * 2
    assert machine.flows() == machine.integrations() == [FLOW]
    assert keeper.health() == "HEALTHY"
    assert keeper.is_whole()


@pytest.mark.parametrize("way", WAYS)
def test_a_check_that_sends_a_notification(keeper: Keeper, way: str) -> None:
    refused = {"Source": "acme-sf", "LosesAuthentication": True}
    do_twice(way, refused)
    keeper.wait(hours=2)
    assert [keeper.check().status for _ in range(3)] == ["SUCCEEDED"] * 3
    keeper.settle()  # the checks that AppFlow's events have started

    assert set(keeper.told) == {f"Integration needs attention: {FLOW}"}
    assert len(keeper.told) <= 2


@pytest.mark.parametrize("way", WAYS)
def test_a_check_that_counts_records_that_were_not_put(keeper: Keeper, way: str) -> None:
    do_twice(way, {"Run": {"Flow": FLOW}, "PutFailures": 2, "Times": 1})
    for _ in range(3):
        keeper.change()
    keeper.wait(hours=1)
    assert [keeper.check().status for _ in range(3)] == ["SUCCEEDED"] * 3
    keeper.settle()

    assert set(keeper.told) == {f"Records not sent: {FLOW}"}
    assert len(keeper.told) <= 2
    assert counted_once(way, total(keeper.machine, "RecordsFailed"), 2)


def test_a_plan_whose_answer_comes_late_overwrites_no_report(machine: Machine) -> None:
    # Given an execution that is complete
    machine.load(*spread(20))
    ended = machine.run(ImportFrom="P200D", BatchSize="P100D")
    before = ended.report
    assert before["Status"] == "COMPLETE"
    # When an invocation that Step Functions has given up on comes to its end
    function = machine.cloud.stack.resources["PlanWindowsFunction"].physical_id
    told = {"Id": ended.arn, "Name": ended.name, "StartTime": iso(NOW), "Input": ended.input}
    answer = machine.cloud.client("lambda").invoke(
        FunctionName=function, Payload=json.dumps({"Execution": told})
    )
    assert "FunctionError" not in answer
    # Then the report says what it said
    assert ended.report == before
