"""Calls of functions that get no answer, because the network fails: made again until it works."""

from __future__ import annotations

from typing import Any

import pytest

from local.caller import acting_as
from local.faults import faults
from tests.machine.contacts import spread
from tests.machine.keeper import FLOW, Keeper
from tests.machine.machine import Ended, Machine

FIVE_MINUTES = [
    ("appflow", "ReadTimeoutError"),
    ("customer-profiles", "ConnectTimeoutError"),
    ("s3", "EndpointConnectionError"),
    ("s3", "ResponseStreamingError"),
    ("lambda", "HTTPClientError"),
]


def lose(service: str, error: str, lasts: str = "PT5M") -> None:
    faults.install({"Faults": [{"Operation": f"{service}:*", "Transport": error, "For": lasts}]})


def failures(ended: Ended) -> set[str]:
    """Give the errors that the functions of an execution have failed with, before a retry."""
    pages = (
        ended.machine.cloud.client("stepfunctions")
        .get_paginator("get_execution_history")
        .paginate(executionArn=ended.arn)
    )
    return {
        happened["taskFailedEventDetails"]["error"]
        for page in pages
        for happened in page["events"]
        if "taskFailedEventDetails" in happened
    }


@pytest.mark.parametrize(("service", "error"), FIVE_MINUTES)
def test_five_minutes_are_outlasted_by_an_import(
    machine: Machine, service: str, error: str
) -> None:
    machine.load(*spread(20))
    lose(service, error)
    ended = machine.run(ImportFrom="P200D", BatchSize="P100D")

    assert faults.status()["Faults"][0]["Struck"] > 1
    assert ended.status == "SUCCEEDED", ended.message
    assert failures(ended) <= {"TransportFailed", "Lambda.SdkClientException"}
    assert dict.fromkeys(machine.source(), 1) == machine.puts()
    assert machine.flows() == machine.integrations() == [FLOW]


@pytest.mark.parametrize(
    ("service", "error"), [*FIVE_MINUTES, ("stepfunctions", "ConnectionClosedError")]
)
def test_five_minutes_are_outlasted_by_a_check_and_its_repair(
    machine: Machine, service: str, error: str
) -> None:
    keeper = Keeper(machine)
    keeper.establish()
    keeper.wait(hours=2)
    machine.cloud.client("appflow").delete_flow(flowName=FLOW, forceDelete=True)
    lose(service, error)
    ended = keeper.check()

    assert faults.status()["Faults"][0]["Struck"] > 1
    assert ended.status == "SUCCEEDED", ended.message
    assert ended.output["Repaired"] == 1
    assert keeper.told == [f"Integration repaired: {FLOW}"]
    assert machine.flows() == machine.integrations() == [FLOW]


@pytest.mark.parametrize("service", ["s3", "stepfunctions", "appflow", "customer-profiles"])
def test_two_minutes_are_outlasted_by_cleanup(machine: Machine, service: str) -> None:
    # Given an execution that somebody stops while it runs, when the network fails
    machine.load(*spread(40))

    def stop(told: dict[str, Any]) -> None:
        if not faults.status()["Faults"]:
            lose(service, "ReadTimeoutError", "PT2M")
            with acting_as(None):
                client = machine.cloud.client("stepfunctions")
                client.stop_execution(executionArn=machine.arn_of("run"))

    machine.cloud.services.on_event(stop)
    ended = machine.run(ImportFrom="P200D", BatchSize="P40D", MaxConcurrency=3)
    # When cleanup has followed, then nothing is left
    machine.cloud.events.settle()
    assert (ended.status, ended.report["Status"]) == ("ABORTED", "CANCELLED")
    assert machine.flows() == machine.integrations() == []
    assert faults.status()["Faults"][0]["Struck"] > 0
    assert dead_letters(machine) == 0


@pytest.mark.parametrize(
    ("service", "error"),
    [
        ("s3", "ConnectionClosedError"),
        ("stepfunctions", "ConnectionClosedError"),
        ("sns", "EndpointConnectionError"),  # after others, SNS may have sent the message
    ],
)
def test_two_minutes_are_outlasted_by_a_notification(
    machine: Machine, service: str, error: str
) -> None:
    lose(service, error, "PT2M")
    assert machine.run(ImportFrom="soon").error == "InvalidInput"
    machine.cloud.events.settle()

    [message] = machine.cloud.messages()
    assert message.subject == "bulk-ingestion: run FAILED"
    assert faults.status()["Faults"][0]["Struck"] > 0
    assert dead_letters(machine) == 0


def dead_letters(machine: Machine) -> int:
    """Count the events that were given up on."""
    sqs = machine.cloud.client("sqs")
    [url] = [url for url in sqs.list_queues()["QueueUrls"] if "dead-letters" in url]
    counted = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return int(counted["ApproximateNumberOfMessages"])
