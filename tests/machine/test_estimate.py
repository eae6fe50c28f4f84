"""What an import takes, as a dry run estimates it and as it turned out, held against histories."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bulk_ingestion.report import estimate
from local.faults import faults
from local.services import simulation
from local.services.simulation import Knobs
from tests.machine.contacts import spread
from tests.machine.machine import Ended, Machine
from tests.machine.watched import BUSY

FIGURES = {
    "FlowRuns",
    "StateTransitions",
    "GigabytesProcessed",
    "AppFlowUsd",
    "StepFunctionsUsd",
    "WakingUsd",
    "TotalUsd",
    "Seconds",
}


def runs_take(seconds: int) -> None:
    simulation.current.knobs = Knobs(
        run_base=timedelta(seconds=seconds), run_per_record=timedelta()
    )


def transitions(ended: Ended) -> int:
    """Count what Step Functions charges: each state entered, and each retry of RunFlow."""
    entered: Counter[str] = ended.states()
    return entered.total() + entered["StartFlow"] - entered["RunFlow"]


@pytest.fixture
def source(machine: Machine) -> Machine:
    machine.load(*spread(60))
    return machine


@pytest.mark.parametrize("seconds", [1, 600, 3600])
def test_the_estimate_is_what_an_import_without_trouble_takes(
    source: Machine, seconds: int
) -> None:
    # Given runs that take as long as the estimate is told
    runs_take(seconds)
    asked: dict[str, Any] = {
        "ImportFrom": "P300D",
        "BatchSize": "P50D",
        "MaxConcurrency": 4,
        "Assumptions": {"RunDuration": f"PT{seconds}S"},
    }
    # When the same input is run dry and then in earnest
    estimated = source.run("dry", DryRun=True, **asked).report["Estimate"]
    ended = source.run("real", **asked)
    # Then both say the same, and so does the history
    took = ended.report["Cost"]
    assert {key: estimated[key] for key in ("FlowRuns", "StateTransitions")} == {
        "FlowRuns": 6,
        "StateTransitions": transitions(ended),
    }
    assert took["FlowRuns"] == estimated["FlowRuns"]
    assert took["StateTransitions"] == estimated["StateTransitions"]
    assert took["Seconds"] == pytest.approx(estimated["Seconds"], abs=1)
    assert estimated["Seconds"] == 2 * seconds
    # And what waking costs is a write for each wait, and a list, a read and a call for each end
    polls = ended.states()["AwaitRun"]
    assert took["WakingUsd"] == pytest.approx((polls * 0.005 + 6 * 0.0084) / 1000, abs=1e-6)
    assert took["WakingUsd"] == estimated["WakingUsd"]
    assert took["StepFunctionsUsd"] == pytest.approx(transitions(ended) * 0.000025)


@pytest.mark.parametrize("seconds", [40, 600, 3600])
def test_ends_that_no_event_tells_of_are_counted_with_the_polls_that_found_them(
    source: Machine, seconds: int
) -> None:
    runs_take(seconds)
    simulation.current.knobs = replace(simulation.current.knobs, events_lost=1)
    ended = source.run(ImportFrom="P300D", BatchSize="P50D", MaxConcurrency=4)
    assert ended.report["EndsNoticed"] == {"Event": 0, "Poll": 6}
    assert ended.report["Cost"]["StateTransitions"] == transitions(ended)


def test_an_import_without_windows_takes_five_transitions(source: Machine) -> None:
    ended = source.run(ImportFrom="P30D")
    assert ended.report["Estimate"]["StateTransitions"] == transitions(ended) == 5
    assert ended.report["Cost"]["StateTransitions"] == 5
    assert ended.report["Cost"]["FlowRuns"] == ended.report["Cost"]["TotalUsd"] - 0.000125 == 0


def test_attempts_and_splits_count_as_they_turned_out(source: Machine) -> None:
    # Given one window that fails twice, and one that is too large for one run
    runs_take(40)
    faults.install(
        {
            "Faults": [
                {"Run": {"Flow": "-0001$"}, "Ends": "Error", "Message": "Oops", "Times": 2},
                {"Run": {"Flow": "-0002$"}, "Ends": "Error", "Message": "Too many records"},
            ]
        }
    )
    ended = source.run(ImportFrom="P200D", BatchSize="P50D")
    # Then the runs are four, two more, and one for each half
    assert ended.status == "SUCCEEDED", ended.message
    cost = ended.report["Cost"]
    assert cost["FlowRuns"] == 4 + 2 + 2
    assert [took["FlowRuns"] for took in cost["Rounds"].values()] == [6, 2]
    # And the waits between attempts, taken for polls, are all that the transitions are off by
    assert 0 <= cost["StateTransitions"] - transitions(ended) <= 3 * 6


def test_windows_that_a_redrive_runs_again_count_twice(source: Machine) -> None:
    runs_take(40)
    faults.install({"Faults": [{"Run": {"Flow": "-0002$"}, "Ends": "Error", "Message": BUSY}]})
    ended = source.run(ImportFrom="P200D", BatchSize="P50D")
    assert ended.error == "WindowsFailed"
    before = ended.report["Cost"]
    assert before["FlowRuns"] == 3 + 4
    faults.clear()
    again = ended.redrive()
    assert again.status == "SUCCEEDED", again.message
    assert again.report["Cost"]["FlowRuns"] == 3 + 4 + 1
    assert again.report["Cost"]["StateTransitions"] > before["StateTransitions"]


def test_the_bytes_are_appflows(source: Machine) -> None:
    ended = source.run(ImportFrom="P200D", BatchSize="P50D")
    processed = sum(took["BytesProcessed"] for took in ended.report["Cost"]["Rounds"].values())
    landed = source.landed().values()
    assert processed == sum(len(str(value)) for record in landed for value in record.values())


def test_a_dry_run_shows_windows_flow_warnings_and_cost_and_its_output_has_them_in_short(
    source: Machine,
) -> None:
    source.cloud.client("customer-profiles").update_domain(DomainName="acme", DeadLetterQueueUrl="")
    ended = source.run(ImportFrom="P200D", BatchSize="P50D", DryRun=True)
    report = ended.report
    assert len(report["Batches"]) == 4
    assert "dead-letter" in report["Warnings"][0]
    scheduled = report["FlowDefinition"]["TriggerConfig"]["TriggerProperties"]["Scheduled"]
    assert report["HandOff"] == "2026-11-23T22:00:00Z"
    assert scheduled["FirstExecutionFrom"] == "2026-11-23T21:00:00Z"  # an hour of overlap
    assert report["Estimate"].keys() == {*FIGURES, "Formula", "Assumptions"}
    assert report["Estimate"]["Formula"].keys() == FIGURES
    assert ended.output["Estimate"] == {
        "FlowRuns": 4,
        "StateTransitions": 6 + 4 * (12 + 3 * 8),
        "TotalUsd": report["Estimate"]["TotalUsd"],
        "Seconds": 600,
    }


def test_prices_of_the_input_take_the_files_place(source: Machine) -> None:
    prices = dict.fromkeys([key for key in estimate.prices() if "Usd" in key], 0)
    prices |= {"UsdPerFlowRun": 1, "UsdPerGigabyte": 10, "UsdPer1000Invocations": 1000}
    ended = source.run(
        ImportFrom="P200D",
        BatchSize="P50D",
        DryRun=True,
        Assumptions=prices | {"GigabytesPerWindow": 2},
    )
    assert ended.report["Estimate"]["TotalUsd"] == 4 * 1 + 4 * 2 * 10 + 4 * 1
    assert ended.report["Estimate"]["Formula"]["AppFlowUsd"] == "4 runs × $1 + 8 GB × $10"


def test_a_resume_is_estimated_by_what_it_has_left_to_do(source: Machine) -> None:
    faults.install({"Faults": [{"Run": {"Flow": "-0002$"}, "Ends": "Error", "Message": BUSY}]})
    old = source.run(ImportFrom="P200D", BatchSize="P50D")
    faults.clear()
    ended = source.wait(
        source.start({"Resume": old.name, "Assumptions": {"UsdPerFlowRun": 1}}, "new")
    )
    assert ended.status == "SUCCEEDED", ended.message
    assert ended.report["Estimate"]["FlowRuns"] == ended.report["Cost"]["FlowRuns"] == 1
    assert ended.report["Cost"]["AppFlowUsd"] == pytest.approx(1, abs=0.01)


def test_every_price_has_its_date_and_source() -> None:
    for row in estimate.prices().values():
        assert row.keys() == {"Value", "AsOf", "Source", "Note"}
