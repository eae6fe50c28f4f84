"""Tasks that wait for a callback with a task token."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.interpreter_cloud import Cloud, cloud_as_on_aws

ASK = {
    "Type": "Task",
    "Resource": "arn:aws:states:::aws-sdk:s3:putObject.waitForTaskToken",
    "Arguments": {
        "Bucket": "bucket",
        "Key": "{% $uuid() %}",
        "Body": "{% $states.context.Task.Token %}",
    },
    "TimeoutSeconds": 3600,
    "End": True,
}


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with cloud_as_on_aws() as cloud:
        yield cloud


def tokens(cloud: Cloud) -> list[str]:
    """Read the tokens that the tasks have handed out."""
    objects = cloud.s3.list_objects_v2(Bucket="bucket").get("Contents", [])
    return [
        json.loads(cloud.s3.get_object(Bucket="bucket", Key=entry["Key"])["Body"].read())
        for entry in objects
    ]


def token_of(cloud: Cloud, but: list[str]) -> str:
    """Wait for another token than those known before."""
    while not (new := [token for token in tokens(cloud) if token not in but]):
        pass
    return new[0]


def error_of(call: Callable[..., Any], **request: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**request)
    return str(refused.value.response["Error"]["Code"])


def answers(cloud: Cloud, token: str) -> list[str]:
    """Answer with a token in every way; give the errors."""
    return [
        error_of(cloud.sfn.send_task_success, taskToken=token, output="{}"),
        error_of(cloud.sfn.send_task_failure, taskToken=token),
        error_of(cloud.sfn.send_task_heartbeat, taskToken=token),
    ]


def test_the_answer_is_the_result(cloud: Cloud) -> None:
    with cloud.clock.at_work():  # time stands still
        execution = cloud.start(cloud.machine({"Ask": ASK}))
        token = token_of(cloud, [])
        cloud.sfn.send_task_heartbeat(taskToken=token)
        cloud.sfn.send_task_success(taskToken=token, output='{"a": 1}')
        assert json.loads(cloud.ended(execution)["output"]) == {"a": 1}


@pytest.mark.needs("executions.api.fail_tasks_with_a_cause")
def test_a_task_fails_with_the_error_of_the_answer(cloud: Cloud) -> None:
    with cloud.clock.at_work():
        execution = cloud.start(cloud.machine({"Ask": ASK}))
        token = token_of(cloud, [])
        cloud.sfn.send_task_failure(taskToken=token, error="No", cause="because")
        ended = cloud.ended(execution)
    assert (ended["error"], ended["cause"]) == ("No", "because")


def test_a_token_that_never_existed_is_invalid(cloud: Cloud) -> None:
    assert answers(cloud, "no-token") == ["InvalidToken"] * 3


def test_a_token_times_out_with_its_task(cloud: Cloud) -> None:
    assert cloud.run({"Ask": ASK})["error"] == "States.Timeout"
    (token,) = tokens(cloud)
    assert answers(cloud, token) == ["TaskTimedOut"] * 3


def test_a_token_can_be_used_once(cloud: Cloud) -> None:
    with cloud.clock.at_work():
        execution = cloud.start(cloud.machine({"Ask": ASK}))
        token = token_of(cloud, [])
        cloud.sfn.send_task_success(taskToken=token, output="{}")
        assert error_of(cloud.sfn.send_task_failure, taskToken=token) == "TaskTimedOut"
        assert cloud.ended(execution)["status"] == "SUCCEEDED"


def test_a_token_is_gone_when_its_execution_is_stopped(cloud: Cloud) -> None:
    with cloud.clock.at_work():
        execution = cloud.start(cloud.machine({"Ask": ASK}))
        token = token_of(cloud, [])
        cloud.sfn.stop_execution(executionArn=execution)
        cloud.ended(execution)
    assert answers(cloud, token) == ["TaskTimedOut"] * 3


def test_each_attempt_has_a_token_of_its_own(cloud: Cloud) -> None:
    # Given a task that is tried again after it failed
    retry = {"ErrorEquals": ["Again"], "IntervalSeconds": 1, "MaxAttempts": 1}
    machine = cloud.machine({"Ask": {**ASK, "Retry": [retry]}})
    with cloud.clock.at_work():
        execution = cloud.start(machine)
        first = token_of(cloud, [])
        cloud.sfn.send_task_failure(taskToken=first, error="Again")
        cloud.clock.sleep(1)
        second = token_of(cloud, [first])
        # When the first token is used again, then it is refused
        assert answers(cloud, first) == ["TaskTimedOut"] * 3
        # and the second one has an answer of its own
        cloud.sfn.send_task_success(taskToken=second, output='"second"')
        assert json.loads(cloud.ended(execution)["output"]) == "second"


def test_a_redriven_task_waits_with_a_new_token(cloud: Cloud) -> None:
    execution = cloud.start(cloud.machine({"Ask": ASK}))
    assert cloud.ended(execution)["error"] == "States.Timeout"
    (first,) = tokens(cloud)
    with cloud.clock.at_work():
        cloud.sfn.redrive_execution(executionArn=execution)
        second = token_of(cloud, [first])
        cloud.sfn.send_task_success(taskToken=second, output="{}")
        assert cloud.ended(execution)["status"] == "SUCCEEDED"


def test_heartbeats_keep_a_task_waiting(cloud: Cloud) -> None:
    # Given a task that must be heard of every minute
    machine = cloud.machine({"Ask": {**ASK, "HeartbeatSeconds": 60}})
    with cloud.clock.at_work():
        execution = cloud.start(machine)
        token = token_of(cloud, [])
        # When it is, then it still waits
        cloud.clock.sleep(50)
        cloud.sfn.send_task_heartbeat(taskToken=token)
        cloud.clock.sleep(50)
        assert cloud.sfn.describe_execution(executionArn=execution)["status"] == "RUNNING"
    # When it is not, then it fails
    assert cloud.ended(execution)["error"] == "States.Timeout"


def test_fields_of_the_call_are_checked_as_without_a_token(cloud: Cloud) -> None:
    arguments = {"bucket": "bucket", "Key": "key", "Body": "x"}
    with pytest.raises(ClientError, match='"bucket" is not supported'):
        cloud.machine({"Ask": {**ASK, "Arguments": arguments}})
