"""What CloudWatch knows of an execution, in the embedded cloud."""

from __future__ import annotations

from typing import Any

import pytest

from local.services import simulation
from local.services.simulation import RunOutcome
from tests.machine.contacts import spread
from tests.machine.machine import Machine
from tests.machine.metrics import statistic, total, windows
from tests.machine.runs import fail, stop_when_a_run_ends


@pytest.fixture
def loaded(machine: Machine) -> Machine:
    machine.load(*spread(40))
    return machine


def test_a_complete_execution_has_its_windows_records_and_run_times(loaded: Machine) -> None:
    ended = loaded.run(ImportFrom="P200D", BatchSize="P40D")

    assert total(loaded, "WindowsPlanned") == 5
    assert windows(loaded, "COMPLETE") == total(loaded, "Windows") == 5
    assert total(loaded, "RecordsProcessed") == ended.output["Metrics"]["RecordsProcessed"] == 40
    assert total(loaded, "RecordsFailed") == 0
    assert total(loaded, "WindowSeconds", "SampleCount") == 5
    assert total(loaded, "WindowSeconds", "Minimum") >= 40  # the simulated run's least time
    assert total(loaded, "Attempts", "Maximum") == 1


def test_a_failed_execution_and_its_redrive_count_each_window_once(loaded: Machine) -> None:
    # Given an execution of which one window has failed
    fail("-0002", message="UNABLE_TO_LOCK_ROW: not today.")
    ended = loaded.run(ImportFrom="P200D", BatchSize="P40D")
    assert (windows(loaded, "COMPLETE"), windows(loaded, "FAILED")) == (4, 1)
    # When a redrive completes it
    simulation.current.remove_faults()
    again = ended.redrive()
    assert again.status == "SUCCEEDED"
    # Then the sums are those of the whole
    assert (windows(loaded, "COMPLETE"), windows(loaded, "FAILED")) == (5, 1)
    assert total(loaded, "RecordsProcessed") == again.output["Metrics"]["RecordsProcessed"] == 40
    assert total(loaded, "Attempts") == 4 + 4 + 1


def test_a_stopped_execution_counts_what_was_cancelled(loaded: Machine) -> None:
    stop_when_a_run_ends(loaded, loaded.arn_of("run"))
    ended = loaded.run(ImportFrom="P200D", BatchSize="P40D", MaxConcurrency=3)
    loaded.cloud.events.settle()

    statuses = list(ended.statuses.values())
    assert windows(loaded, "CANCELLED") == statuses.count("CANCELLED") > 0
    assert windows(loaded, "COMPLETE") == statuses.count("COMPLETE")


def test_records_that_could_not_be_put_are_counted(loaded: Machine) -> None:
    def ending(flow: Any, execution_id: str, records: Any, at: Any) -> RunOutcome:
        return RunOutcome(records[1:], put_failures=1)

    simulation.current.end_run = ending
    loaded.run(ImportFrom="P200D", BatchSize="P40D")

    assert total(loaded, "RecordsFailed") == 5


def test_awss_own_metrics_count_executions_functions_and_runs(loaded: Machine) -> None:
    fail("-0002", message="UNABLE_TO_LOCK_ROW: not today.")
    loaded.run(ImportFrom="P200D", BatchSize="P40D")

    cloud, arn = loaded.cloud, loaded.cloud.stack.state_machine_arn
    machine = {"StateMachineArn": arn}
    assert statistic(cloud, "AWS/States", "ExecutionsStarted", machine) == 1
    assert statistic(cloud, "AWS/States", "ExecutionsFailed", machine) == 1
    assert statistic(cloud, "AWS/States", "ExecutionsSucceeded", machine) == 0
    review = {"FunctionName": "bulk-ingestion-review-windows"}
    assert statistic(cloud, "AWS/Lambda", "Invocations", review) == 1
    assert statistic(cloud, "AWS/Lambda", "Errors", review) == 1
    listed = cloud.client("cloudwatch").list_metrics(
        Namespace="AWS/AppFlow", MetricName="FlowExecutionsFailed"
    )["Metrics"]
    flows = [metric["Dimensions"][0]["Value"] for metric in listed]
    failed = {
        flow: statistic(cloud, "AWS/AppFlow", "FlowExecutionsFailed", {"FlowName": flow})
        for flow in flows
    }
    assert sorted(failed.values()) == [0, 0, 0, 0, 4]
    assert next(flow for flow, runs in failed.items() if runs).endswith("-0002")


def test_executions_side_by_side_keep_their_metrics_apart(loaded: Machine) -> None:
    arns = [
        loaded.start(
            {
                "DomainName": "acme",
                "Application": "Salesforce",
                "Object": of,
                "ConnectorProfileName": "acme-sf",
                "ImportFrom": "P200D",
            },
            of,
        )
        for of in ("Contact", "Account", "Asset")
    ]
    ended = [loaded.wait(arn) for arn in arns]

    assert [one.status for one in ended] == ["SUCCEEDED"] * 3
    counted = [one.output["Metrics"] for one in ended]
    assert windows(loaded, "COMPLETE") == sum(one["TotalSteps"] for one in counted)
    assert total(loaded, "RecordsProcessed") == sum(one["RecordsProcessed"] for one in counted)
