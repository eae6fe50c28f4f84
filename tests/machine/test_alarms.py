"""The dashboard and the alarms, held against what a machine in trouble really measures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from docs.drawings.dashboard import Metric, Search, shown, state, watched
from local.faults import faults, spec
from local.services import simulation
from local.services.simulation import RunOutcome
from tests.machine.contacts import spread
from tests.machine.machine import Machine
from tests.machine.runs import fail, stop_when_a_run_ends

DOCUMENTED = {
    # Monitoring AppFlow with CloudWatch (AppFlow's user guide)
    ("AWS/AppFlow", "FlowExecutionRecordsProcessed"): {"FlowName"},
    ("AWS/AppFlow", "FlowExecutionsFailed"): {"FlowName"},
    # Types of metrics for Lambda functions (Lambda's developer guide)
    ("AWS/Lambda", "Errors"): {"FunctionName"},
    # Available CloudWatch metrics for SQS (SQS's developer guide)
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): {"QueueName"},
    # Monitoring Step Functions metrics (Step Functions' developer guide)
    ("AWS/States", "ExecutionThrottled"): {"StateMachineArn"},
    ("AWS/States", "ExecutionsAborted"): {"StateMachineArn"},
    ("AWS/States", "ExecutionsFailed"): {"StateMachineArn"},
    ("AWS/States", "ExecutionsStarted"): {"StateMachineArn"},
    ("AWS/States", "ExecutionsSucceeded"): {"StateMachineArn"},
    ("AWS/States", "ExecutionsTimedOut"): {"StateMachineArn"},
}
"""AWS's own metrics, with their dimensions."""


@pytest.fixture
def cloudwatch(machine: Machine) -> Any:
    machine.load(*spread(40))
    return machine.cloud.client("cloudwatch")


def alarms(cloudwatch: Any) -> dict[str, dict[str, Any]]:
    """Give the alarms by their logical ids."""
    listed = cloudwatch.describe_alarms()["MetricAlarms"]
    return {alarm["AlarmName"].rpartition("-")[2]: alarm for alarm in listed}


def ringing(machine: Machine, cloudwatch: Any) -> set[str]:
    now = machine.cloud.clock.now() + timedelta(seconds=1)
    return {
        name
        for name, alarm in alarms(cloudwatch).items()
        if state(cloudwatch, alarm, now) == "ALARM"
    }


def named(cloudwatch: Any) -> Iterator[Metric]:
    """Give every metric that the dashboard shows and that an alarm watches."""
    body = json.loads(cloudwatch.get_dashboard(DashboardName="bulk-ingestion")["DashboardBody"])
    for widget in body["widgets"]:
        if widget["type"] == "metric":
            for each in shown(widget):
                found = each.metrics(cloudwatch) if isinstance(each, Search) else [each]
                assert found, each
                yield from found
    yield from map(watched, alarms(cloudwatch).values())


def test_every_metric_that_is_shown_or_watched_exists(machine: Machine, cloudwatch: Any) -> None:
    # Given an execution that splits a window, one that stops at the first, and one that is stopped
    call_too_large("-0002")
    assert machine.run("split", ImportFrom="P200D", BatchSize="P40D").status == "SUCCEEDED"
    fail("-0003", message="INVALID_SESSION: please authenticate.")
    machine.run("refused", ImportFrom="P200D", BatchSize="P40D", MaxConcurrency=1)
    simulation.current.remove_faults()
    stop_when_a_run_ends(machine, machine.arn_of("stopped"))
    machine.run("stopped", ImportFrom="P200D", BatchSize="P40D", MaxConcurrency=2)
    machine.cloud.events.settle()
    # And a continuous integration that somebody stops, which is noticed and repaired
    machine.cloud.client("appflow").stop_flow(flowName="acme-salesforce-contact")
    machine.cloud.live(timedelta(hours=3))
    # When all metrics are listed
    pages = cloudwatch.get_paginator("list_metrics").paginate(Namespace="BulkIngestion")
    measured = [
        (metric["MetricName"], {each["Name"]: each["Value"] for each in metric["Dimensions"]})
        for page in pages
        for metric in page["Metrics"]
    ]
    # Then ours are among them, and AWS's are as documented
    for metric in named(cloudwatch):
        if metric.namespace == "BulkIngestion":
            seen = {**metric.dimensions}
            if "Health" in seen:  # of which one integration shows but two
                seen["Health"] = "HEALTHY"
            assert (metric.name, seen) in measured
        else:
            assert DOCUMENTED[metric.namespace, metric.name] == metric.dimensions.keys()


def call_too_large(window: str) -> None:
    def ending(flow: Any, execution_id: str, records: Any, at: Any) -> RunOutcome:
        if flow["flowName"].endswith(window):
            return RunOutcome([], "Error", "The result is too large.")
        return RunOutcome(records)

    simulation.current.end_run = ending


@pytest.fixture
def kept(machine: Machine, cloudwatch: Any) -> Machine:
    """A machine whose integrations have been checked for some hours."""
    assert machine.run("kept", ImportFrom="P50D").status == "SUCCEEDED"
    machine.cloud.live(timedelta(hours=4))
    return machine


def test_no_alarm_rings_after_a_good_run_nor_a_day_later(kept: Machine, cloudwatch: Any) -> None:
    assert kept.run(ImportFrom="P200D", BatchSize="P40D").status == "SUCCEEDED"
    assert ringing(kept, cloudwatch) == set()

    kept.cloud.live(timedelta(days=1))

    assert ringing(kept, cloudwatch) == set()


def test_a_failed_execution_rings(kept: Machine, cloudwatch: Any) -> None:
    fail("-0002", message="UNABLE_TO_LOCK_ROW: not today.")
    kept.run(ImportFrom="P200D", BatchSize="P40D")

    assert ringing(kept, cloudwatch) == {"ExecutionsFailedAlarm"}


def test_records_that_could_not_be_put_ring(kept: Machine, cloudwatch: Any) -> None:
    def ending(flow: Any, execution_id: str, records: Any, at: Any) -> RunOutcome:
        return RunOutcome(records[1:], put_failures=1)

    simulation.current.end_run = ending
    kept.run(ImportFrom="P200D", BatchSize="P40D")

    assert ringing(kept, cloudwatch) == {"RecordsFailedAlarm"}


def test_checks_that_do_not_come_ring(kept: Machine, cloudwatch: Any) -> None:
    scheduler, name = kept.cloud.client("scheduler"), "bulk-ingestion-checks"
    schedule = scheduler.get_schedule(Name=name)
    asked = ("ScheduleExpression", "FlexibleTimeWindow", "Target")
    scheduler.update_schedule(Name=name, State="DISABLED", **{key: schedule[key] for key in asked})

    kept.cloud.live(timedelta(hours=4))

    assert ringing(kept, cloudwatch) == {"ChecksMissingAlarm"}


def test_a_source_that_is_down_for_two_days_rings(kept: Machine, cloudwatch: Any) -> None:
    fail("contact", message="The source is down.")
    kept.cloud.live(timedelta(days=1))
    assert "NoPullAlarm" not in ringing(kept, cloudwatch)

    kept.cloud.live(timedelta(hours=4))

    assert "NoPullAlarm" in ringing(kept, cloudwatch)


def test_an_integration_without_credentials_rings_until_it_has_them(
    kept: Machine, cloudwatch: Any
) -> None:
    down = {"Source": "acme-sf", "LosesAuthentication": True, "For": "PT5H"}
    faults.install(spec.parse({"Faults": [down]}))
    kept.cloud.live(timedelta(hours=3))
    assert ringing(kept, cloudwatch) == {"IntegrationNeedsAttentionAlarm"}

    kept.cloud.live(timedelta(hours=6))

    assert ringing(kept, cloudwatch) == set()
