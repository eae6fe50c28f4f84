"""The events in a history, and what happens when there are too many of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.interpreter_cloud import (
    PASS,
    Cloud,
    cloud_as_on_aws,
    distributed_map,
    lambda_task,
    sdk_task,
)

MOST = 40
RETRY = {"ErrorEquals": ["States.ALL"], "MaxAttempts": 2, "IntervalSeconds": 1}
CATCH = {"ErrorEquals": ["States.ALL"], "Next": "After"}
TOO_MANY = f"The execution reached the maximum number of history events ({MOST})."


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with cloud_as_on_aws() as cloud:
        yield cloud


@pytest.fixture
def short() -> Iterator[Cloud]:
    """A cloud in which executions have room for few events."""
    with cloud_as_on_aws(most_events=MOST) as cloud:
        yield cloud


LOOP: dict[str, Any] = {
    "Wait": {"Type": "Wait", "Seconds": 60, "Next": "Poll"},
    "Poll": sdk_task("s3", "listBuckets", {}, Next="Done"),
    "Done": {
        "Type": "Choice",
        "Choices": [{"Condition": "{% false %}", "Next": "End"}],
        "Default": "Wait",
    },
    "End": {"Type": "Succeed"},
}
"""A loop that nothing ends but its history."""
POLL = [
    "WaitStateEntered",
    "WaitStateExited",
    "TaskStateEntered",
    "TaskScheduled",
    "TaskStarted",
    "TaskSucceeded",
    "TaskStateExited",
    "ChoiceStateEntered",
    "ChoiceStateExited",
]


class TestEvents:
    def test_a_poll_of_wait_task_and_choice_is_nine(self, short: Cloud) -> None:
        execution = short.start(short.machine(LOOP))
        short.ended(execution)
        assert short.kinds(execution)[1:19] == POLL + POLL

    @pytest.mark.parametrize(
        ("states", "kinds"),
        [
            ({"Pass": PASS}, ["PassStateEntered", "PassStateExited"]),
            ({"End": {"Type": "Succeed"}}, ["SucceedStateEntered", "SucceedStateExited"]),
            ({"Fail": {"Type": "Fail", "Error": "E"}}, ["FailStateEntered"]),
            (
                {"Call": lambda_task("no-such-function", {}, Retry=[RETRY])},
                ["TaskStateEntered", *["TaskScheduled", "TaskStarted", "TaskFailed"] * 3],
            ),
            (
                {
                    "Ask": {
                        **sdk_task("s3", "listBuckets.waitForTaskToken", {}),
                        "TimeoutSeconds": 60,
                    }
                },
                [
                    *["TaskStateEntered", "TaskScheduled", "TaskStarted"],
                    *["TaskSubmitted", "TaskTimedOut"],
                ],
            ),
            (
                {
                    "Both": {
                        "Type": "Parallel",
                        "Branches": [{"StartAt": "Pass", "States": {"Pass": PASS}}],
                        "End": True,
                    }
                },
                [
                    *["ParallelStateEntered", "ParallelStateStarted"],
                    *["PassStateEntered", "PassStateExited"],
                    *["ParallelStateSucceeded", "ParallelStateExited"],
                ],
            ),
            (
                {"Map": distributed_map({"Pass": PASS}, Items=[1, 2])},
                [
                    *["MapStateEntered", "MapStateStarted", "MapRunStarted"],
                    *["MapRunSucceeded", "MapStateSucceeded", "MapStateExited"],
                ],
            ),
        ],
    )
    def test_each_state_has_those_of_aws(
        self, cloud: Cloud, states: dict[str, Any], kinds: list[str]
    ) -> None:
        execution = cloud.start(cloud.machine(states))
        cloud.ended(execution)
        assert cloud.kinds(execution)[1:-1] == kinds


class TestTheQuota:
    def test_is_25000(self, cloud: Cloud) -> None:
        # Given a loop over three states, which has three times two events
        states = {
            "A": {"Type": "Pass", "Next": "B"},
            "B": {"Type": "Pass", "Next": "C"},
            "C": {
                "Type": "Choice",
                "Choices": [{"Condition": "{% false %}", "Next": "End"}],
                "Default": "A",
            },
            "End": {"Type": "Succeed"},
        }
        # When it runs until it fails
        execution = cloud.start(cloud.machine(states))
        ended = cloud.ended(execution)
        # Then the last of 25,000 events says why
        assert (ended["status"], ended["error"]) == ("FAILED", "States.Runtime")
        assert ended["cause"] == (
            "The execution reached the maximum number of history events (25000)."
        )
        (last,) = cloud.sfn.get_execution_history(
            executionArn=execution, reverseOrder=True, maxResults=1
        )["events"]
        assert (last["id"], last["type"]) == (25_000, "ExecutionFailed")
        assert last["executionFailedEventDetails"]["error"] == "States.Runtime"

    def test_is_reached_by_success_as_well(self, short: Cloud) -> None:
        # Given as many states as have room between the first event and the last
        states: dict[str, Any] = {
            f"P{n}": {"Type": "Pass", "Next": f"P{n + 1}"} for n in range((MOST - 2) // 2 - 1)
        }
        states[f"P{len(states)}"] = PASS
        # When they run, then the last event says that the execution has succeeded
        execution = short.start(short.machine(states))
        assert short.ended(execution)["status"] == "SUCCEEDED"
        assert len(short.events(execution)) == MOST

    def test_is_neither_retried_nor_caught(self, short: Cloud) -> None:
        # Given a loop inside a state that retries and catches whatever can be caught
        branch = {"StartAt": "Wait", "States": LOOP}
        states = {
            "Try": {
                "Type": "Parallel",
                "Branches": [branch],
                "Retry": [RETRY],
                "Catch": [{"ErrorEquals": ["States.Runtime"], "Next": "After"}, CATCH],
                "Next": "After",
            },
            "After": PASS,
        }
        # When the history is full, then the execution fails
        execution = short.start(short.machine(states))
        ended = short.ended(execution)
        assert (ended["status"], ended["error"], ended["cause"]) == (
            "FAILED",
            "States.Runtime",
            TOO_MANY,
        )
        assert "PassStateEntered" not in short.kinds(execution)

    @pytest.mark.parametrize("most", range(MOST, MOST + len(POLL)))
    def test_no_call_is_made_without_room_for_its_events(self, most: int) -> None:
        # Given calls that leave something behind, and a history that is full anywhere in a poll
        put = sdk_task(
            "s3",
            "putObject",
            {"Bucket": "bucket", "Key": "{% $uuid() %}", "Body": "x"},
            Next="Done",
        )
        with cloud_as_on_aws(most_events=most) as cloud:
            # When it runs until it fails
            execution = cloud.start(cloud.machine(LOOP | {"Poll": put}))
            cloud.ended(execution)
            # Then there were as many calls as the history shows
            assert len(cloud.events(execution)) == most
            objects = cloud.s3.list_objects_v2(Bucket="bucket")["KeyCount"]
            assert objects == cloud.kinds(execution).count("TaskStarted")

    def test_prevents_a_redrive(self, short: Cloud) -> None:
        execution = short.start(short.machine(LOOP))
        ended = short.ended(execution)
        assert ended["redriveStatus"] == "NOT_REDRIVABLE"
        assert ended["redriveStatusReason"] == "Execution history event limit exceeded"
        with pytest.raises(ClientError, match="history event limit") as refused:
            short.sfn.redrive_execution(executionArn=execution)
        assert refused.value.response["Error"]["Code"] == "ExecutionNotRedrivable"


class TestTheQuotaOfChildren:
    MAP = distributed_map(
        {
            "Which": {
                "Type": "Choice",
                "Choices": [{"Condition": "{% $states.input = 0 %}", "Next": "Wait"}],
                "Default": "End",
            },
            **LOOP,
        },
        Items=[0, 1, 2],
        MaxConcurrency=1,
    )

    def test_each_has_a_history_of_its_own(self, short: Cloud) -> None:
        # Given children whose events together are more than the quota
        child = {f"P{n}": {"Type": "Pass", "Next": f"P{n + 1}"} for n in range(9)} | {"P9": PASS}
        states = {"Map": distributed_map(child, Items=[0, 1, 2])}
        assert short.run(states)["status"] == "SUCCEEDED"

    def test_one_that_reaches_it_has_failed(self, short: Cloud) -> None:
        # Given a Map that tolerates a failed child
        execution = short.start(short.machine({"Map": {**self.MAP, "ToleratedFailureCount": 1}}))
        assert short.ended(execution)["status"] == "SUCCEEDED"
        # Then that child has failed, and not its siblings
        children = short.children(execution)
        assert sorted(child["status"] for child in children) == ["FAILED", "SUCCEEDED", "SUCCEEDED"]
        (failed,) = [child for child in children if child["status"] == "FAILED"]
        described = short.sfn.describe_execution(executionArn=failed["executionArn"])
        assert (described["error"], described["cause"]) == ("States.Runtime", TOO_MANY)
        assert described["redriveStatus"] == "NOT_REDRIVABLE"
        assert len(short.events(failed["executionArn"])) == MOST

    def test_it_is_not_redriven_and_fails_its_map_again(self, short: Cloud) -> None:
        # Given a Map that one child with a full history failed
        execution = short.start(short.machine({"Map": self.MAP}))
        assert short.ended(execution)["error"] == "States.ExceedToleratedFailureThreshold"
        # When its execution is redriven
        short.sfn.redrive_execution(executionArn=execution)
        ended = short.ended(execution)
        # Then the child is as it was, and the Map fails again
        assert ended["error"] == "States.ExceedToleratedFailureThreshold"
        (failed,) = short.children(execution, statusFilter="FAILED")
        assert failed.get("redriveCount", 0) == 0
        assert len(short.events(failed["executionArn"])) == MOST
        counts = short.map_run(execution)["executionCounts"]
        assert counts["failuresNotRedrivable"] == 1

    def test_the_parents_own_can_be_reached_while_children_run(self, short: Cloud) -> None:
        # Given a parent that fills its history beside a Map whose child waits
        waits = {"WaitLong": {"Type": "Wait", "Seconds": 10**6, "End": True}}
        branches = [
            {"StartAt": "Map", "States": {"Map": distributed_map(waits, Items=[0])}},
            {"StartAt": "Wait", "States": LOOP},
        ]
        machine = short.machine({"Both": {"Type": "Parallel", "Branches": branches, "End": True}})
        execution = short.start(machine)
        # When it is full, then the execution has failed and its child is aborted
        assert short.ended(execution)["cause"] == TOO_MANY
        (child,) = short.children(execution)
        assert child["status"] == "ABORTED"
