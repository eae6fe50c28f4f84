"""Functions that fail or answer late, whatever their handlers do."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import clients
from local.account import REGION
from local.aws import runtime
from local.aws.targets import Delivery, Targets
from local.clock import Clock
from local.cloud import embedded_cloud
from local.faults import faults, spec
from local.services import installation
from tests.local.interpreter_cloud import START, Cloud, cloud_as_on_aws, lambda_task, sdk_task
from tests.machine.machine import Machine

TIMEOUT = 60
"""The functions' Timeout in seconds."""
HANDLERS = """
import time
from local.clients import client

def put(event, context):
    client("s3", "us-east-1").put_object(Bucket="bucket", Key=context.aws_request_id, Body=b"x")

def put_slowly(event, context):
    put(event, context)
    try:
        time.sleep(event["Seconds"])
    except Exception:
        return "no handler catches the end of its time"
    client("s3", "us-east-1").put_object(Bucket="bucket", Key="second", Body=b"x")
    return "in time"
"""
ERRORS = {
    "TimedOut": "Sandbox.Timedout",
    "OutOfMemory": "Runtime.OutOfMemory",
    "Exited": "Runtime.ExitError",
    "Unknown": "Lambda.Unknown",
    "ClientTimeout": "Lambda.ClientExecutionTimeoutException",
}
WAYS = [(ends, moment, left) for ends in ERRORS for moment, left in (("Before", 0), ("After", 1))]
BUCKET = {"Bucket": "bucket"}
PUT = lambda_task("put", {})


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    monkeypatch.setattr(runtime, "FOLDER", tmp_path)
    (tmp_path / "putting_handlers.py").write_text(HANDLERS)
    monkeypatch.syspath_prepend(str(tmp_path))
    with cloud_as_on_aws() as cloud:
        installation.install(cloud.clock)
        cloud.function("put", "putting_handlers.put")
        cloud.function("put-slowly", "putting_handlers.put_slowly")
        yield cloud
        faults.clear()


def ask(**fault: Any) -> None:
    faults.install({"Faults": [{"Function": "^put", **fault}]})


def count(cloud: Cloud) -> int:
    """Count the objects: each run of the handler puts one."""
    return int(cloud.s3.list_objects_v2(Bucket="bucket")["KeyCount"])


def seconds_of(ended: dict[str, Any]) -> float:
    return float((ended["stopDate"] - ended["startDate"]).total_seconds())


@pytest.mark.parametrize(("ends", "moment", "effects"), WAYS)
def test_a_function_fails_before_or_after_its_handler_took_effect(
    cloud: Cloud, ends: str, moment: str, effects: int
) -> None:
    ask(Ends=ends, Moment=moment)
    ended = cloud.run({"Put": PUT})
    assert (ended["status"], ended["error"]) == ("FAILED", ERRORS[ends])
    assert seconds_of(ended) == (TIMEOUT if ends == "TimedOut" else 0)
    assert count(cloud) == effects


@pytest.mark.needs("integrations.lambda_functions.name_errors_as_aws_does")
def test_an_error_of_lambda_has_the_name_that_aws_gives_it(cloud: Cloud) -> None:
    ask(Ends="Unknown")
    assert cloud.run({"Put": PUT})["error"] == "Lambda.Unknown"


@pytest.mark.parametrize(("ends", "moment", "effects"), WAYS)
def test_a_retrier_that_names_the_error_invokes_it_again(
    cloud: Cloud, ends: str, moment: str, effects: int
) -> None:
    ask(Ends=ends, Moment=moment, Times=2)
    retry = {"ErrorEquals": [ERRORS[ends]], "IntervalSeconds": 1, "MaxAttempts": 2}
    assert cloud.run({"Put": {**PUT, "Retry": [retry]}})["status"] == "SUCCEEDED"
    assert count(cloud) == 2 * effects + 1
    assert faults.status()["Faults"][0]["Struck"] == 2


@pytest.mark.parametrize(
    ("ends", "message"),
    [
        ("TimedOut", f"Task timed out after {TIMEOUT}.00 seconds"),
        ("OutOfMemory", "Runtime exited with error: signal: killed"),
    ],
)
def test_the_cause_is_what_lambda_reports(cloud: Cloud, ends: str, message: str) -> None:
    ask(Ends=ends)
    report = json.loads(cloud.run({"Put": PUT})["cause"])
    assert report.keys() == {"errorMessage", "errorType"}
    assert report["errorMessage"].startswith("RequestId: ")
    assert report["errorMessage"].endswith(f" Error: {message}")


def test_without_an_error_type_the_cause_is_unknown(cloud: Cloud) -> None:
    ask(Ends="Unknown")
    assert cloud.run({"Put": PUT})["cause"].startswith(
        "The cause could not be determined because Lambda did not return an error type. "
        'Returned payload: {"errorMessage":'
    )


@pytest.mark.parametrize(("moment", "effects"), [("Before", [0, 1]), ("After", [1, 1])])
def test_a_task_times_out_while_its_function_goes_on(
    cloud: Cloud, moment: str, effects: list[int]
) -> None:
    # Given a function that takes longer than its Task waits
    ask(Takes="PT10M", Moment=moment)
    states = {
        "Put": {
            **PUT,
            "TimeoutSeconds": 30,
            "Catch": [{"ErrorEquals": ["States.Timeout"], "Next": "Count"}],
        },
        "Count": sdk_task(
            "s3",
            "listObjectsV2",
            BUCKET,
            Assign={"first": "{% $states.result.KeyCount %}"},
            Next="Wait",
        ),
        "Wait": {"Type": "Wait", "Seconds": 3600, "Next": "CountAgain"},
        "CountAgain": sdk_task(
            "s3", "listObjectsV2", BUCKET, Output="{% [$first, $states.result.KeyCount] %}"
        ),
    }
    # When the Task has timed out, then the handler's effect still comes
    assert cloud.output(states) == effects


def test_a_function_that_goes_on_does_not_outlive_its_cloud() -> None:
    # Given an execution that did not wait for its function
    begun = set(threading.enumerate())
    with embedded_cloud(Clock(start=START), {"LogLevel": "ERROR"}) as cloud:
        faults.install({"Faults": [{"Function": "-plan-windows$", "Takes": "PT1H", "Nth": 1}]})
        ended = Machine(cloud).run()
        assert ended.status == "SUCCEEDED", ended.message
        assert set(threading.enumerate()) - begun
    # Then it has ended with the cloud, and calls nothing in the next one
    assert set(threading.enumerate()) <= begun


def test_a_late_answer_that_is_waited_for_is_the_result(cloud: Cloud) -> None:
    ask(Takes="PT10M")
    ended = cloud.run({"Put": {**PUT, "TimeoutSeconds": 900}})
    assert (ended["status"], seconds_of(ended)) == ("SUCCEEDED", 600)


def test_a_client_times_out_after_a_time(cloud: Cloud) -> None:
    ask(Ends="ClientTimeout", Takes="PT5M", Moment="After")
    ended = cloud.run({"Put": PUT})
    assert (ended["error"], seconds_of(ended)) == (ERRORS["ClientTimeout"], 300)
    assert count(cloud) == 1


def test_only_the_functions_of_the_pattern_fail(cloud: Cloud) -> None:
    ask(Function="^put$", Ends="OutOfMemory")
    slowly = lambda_task("put-slowly", {"Seconds": 0})
    assert cloud.output({"Put": slowly}) == "in time"
    assert cloud.run({"Put": PUT})["error"] == "Runtime.OutOfMemory"


@pytest.mark.parametrize("ends", ERRORS)
def test_a_function_that_an_event_starts_is_started_again(cloud: Cloud, ends: str) -> None:
    # Given an event's function, which fails twice
    ask(Ends=ends, Times=2)
    arn = "arn:aws:lambda:us-east-1:123456789012:function:put"
    delivery = Delivery({"Arn": arn}, "{}", "events.amazonaws.com", {}, letters_need_role=False)
    targets = Targets(cloud.clock, lambda service: clients.client(service, REGION))
    # When it is started, then it has run in the end
    targets.start(delivery)
    targets.settle()
    assert count(cloud) == 1
    assert faults.status()["Faults"][0]["Struck"] == 2


class TestTimeout:
    """Without a fault: a handler that takes longer than its function's Timeout."""

    def test_ends_a_handler_where_it_is(self, cloud: Cloud) -> None:
        # Given a handler that sleeps longer than its function's Timeout
        slowly = lambda_task("put-slowly", {"Seconds": TIMEOUT + 1})
        ended = cloud.run({"Put": slowly})
        # Then it does not go on, and the function ends on time
        assert (ended["error"], seconds_of(ended)) == ("Sandbox.Timedout", TIMEOUT)
        assert count(cloud) == 1

    def test_leaves_a_handler_all_of_its_time(self, cloud: Cloud) -> None:
        slowly = lambda_task("put-slowly", {"Seconds": TIMEOUT})
        assert cloud.output({"Put": slowly}) == "in time"
        assert count(cloud) == 2


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        ({}, "Faults[0]: says nothing of what happens; give one of Ends, Takes"),
        (
            {"Ends": "Timedout"},
            'Faults[0].Ends: cannot be "Timedout"; give TimedOut, OutOfMemory, Exited, Unknown '
            "or ClientTimeout",
        ),
        (
            {"Ends": "TimedOut", "Takes": "PT1M"},
            "Faults[0]: a function that is TimedOut takes its own Timeout; leave Takes out",
        ),
    ],
)
def test_a_spec_that_makes_no_sense_is_refused(fault: dict[str, Any], problem: str) -> None:
    with pytest.raises(spec.InvalidFaults) as refused:
        spec.parse({"Faults": [{"Function": "x", **fault}]})
    assert refused.value.problems == [problem]
