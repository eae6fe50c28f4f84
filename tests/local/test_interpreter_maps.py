"""Maps on moto's interpreter with its gaps closed: children, tolerated failures, redrives."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from local.interpreter.maps import children
from local.interpreter.states import branches
from tests.local.interpreter_cloud import (
    PASS,
    START,
    Cloud,
    cloud_as_on_aws,
    distributed_map,
    moto_as_shipped,
    sdk_task,
)

ITEM = "{% $states.context.Map.Item.Value %}"
NOT_TOLERATED = "States.ExceedToleratedFailureThreshold"


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with cloud_as_on_aws() as cloud:
        yield cloud


def failing_when(condition: str) -> dict[str, Any]:
    """Children of which some fail after a minute, and the others end after two."""
    return {
        "Wait1": {"Type": "Wait", "Seconds": 60, "Next": "Choose"},
        "Choose": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% " + condition + " %}", "Next": "Break"}],
            "Default": "Wait2",
        },
        "Break": {"Type": "Fail", "Error": "Broken"},
        "Wait2": {"Type": "Wait", "Seconds": 60, "Next": "End"},
        "End": PASS,
    }


class TestInline:
    def test_items_in_order_with_their_context(self, cloud: Cloud) -> None:
        processor = {"StartAt": "P", "States": {"P": {**PASS, "Output": "{% $states.input %}"}}}
        states = {
            "Map": {
                "Type": "Map",
                "Items": "{% $states.input %}",
                "MaxConcurrency": 2,
                "ItemSelector": {
                    "i": "{% $states.context.Map.Item.Index %}",
                    "v": ITEM,
                },
                "ItemProcessor": processor,
                "End": True,
            }
        }
        assert cloud.output(states, ["a", "b", "c"]) == [
            {"i": 0, "v": "a"},
            {"i": 1, "v": "b"},
            {"i": 2, "v": "c"},
        ]

    def test_no_items_no_iterations(self, cloud: Cloud) -> None:
        processor = {"StartAt": "P", "States": {"P": PASS}}
        states = {"Map": {"Type": "Map", "Items": [], "ItemProcessor": processor, "End": True}}
        assert cloud.output(states) == []

    def test_a_failing_iteration_ends_the_others(self, cloud: Cloud) -> None:
        processor = {"StartAt": "Wait1", "States": failing_when("$states.input = 2")}
        states = {
            "Map": {"Type": "Map", "Items": [1, 2, 3], "ItemProcessor": processor, "End": True}
        }
        ended = cloud.run(states)
        assert ended["error"] == "Broken"
        assert (ended["stopDate"] - ended["startDate"]).total_seconds() == 60


class TestChildren:
    @pytest.mark.needs("executions.api.list_executions_of_map_runs")
    @pytest.mark.needs("executions.lookup.look_up_children")
    @pytest.mark.needs("maps.distributed.run_each_item_as_an_execution")
    def test_a_child_is_an_execution_of_its_own(self, cloud: Cloud) -> None:
        # Given a machine whose children return what they see
        told = {
            "execution": "{% $states.context.Execution.Id %}",
            "name": "{% $states.context.Execution.Name %}",
            "input": "{% $states.context.Execution.Input %}",
            "map": "{% $exists($states.context.Map) %}",
        }
        states = {
            "Set": {"Type": "Pass", "Output": {"outer": 1}, "Next": "Map"},
            "Map": distributed_map(
                {"Tell": {**PASS, "Output": told}},
                Items=[7],
                ItemSelector={"item": ITEM, "outer": "{% $states.input.outer %}"},
            ),
        }
        # When it runs
        execution = cloud.start(cloud.machine(states))
        (output,) = json.loads(cloud.ended(execution)["output"])
        # Then the child has its own name, id and input
        (child,) = cloud.children(execution)
        assert output == {
            "execution": child["executionArn"],
            "name": child["name"],
            "input": {"item": 7, "outer": 1},
            "map": False,
        }
        assert child["executionArn"].split(":")[6] == "machine-1/Children"
        assert child["name"] not in execution
        # and its own history and description
        assert cloud.kinds(child["executionArn"]) == [
            "ExecutionStarted",
            "PassStateEntered",
            "PassStateExited",
            "ExecutionSucceeded",
        ]
        described = cloud.sfn.describe_execution(executionArn=child["executionArn"])
        assert described["mapRunArn"] == cloud.map_run(execution)["mapRunArn"]
        assert "PassStateEntered" not in cloud.kinds(execution)[3:]

    def test_items_are_read_from_s3(self, cloud: Cloud) -> None:
        cloud.s3.put_object(Bucket="bucket", Key="plan.json", Body=json.dumps([{"n": 1}, {"n": 2}]))
        reader = {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSON"},
            "Arguments": {"Bucket": "bucket", "Key": "{% $states.input.key %}"},
        }
        states = {"Map": distributed_map({"P": PASS}, ItemReader=reader)}
        assert cloud.output(states, {"key": "plan.json"}) == [{"n": 1}, {"n": 2}]
        assert cloud.run(states, {"key": "absent"})["error"] == "States.ItemReaderFailed"

    def test_csv_items_are_read_from_s3(self, cloud: Cloud) -> None:
        cloud.s3.put_object(Bucket="bucket", Key="plan.csv", Body="a,b\n1,2\n3,4\n")
        reader = {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"},
            "Arguments": {"Bucket": "bucket", "Key": "plan.csv"},
        }
        states = {"Map": distributed_map({"P": PASS}, ItemReader=reader)}
        assert cloud.output(states) == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]

    def test_concurrency_is_bounded(self, cloud: Cloud) -> None:
        states = {
            "Map": distributed_map(
                {"Wait": {"Type": "Wait", "Seconds": 60, "End": True}},
                Items="{% [1..7] %}",
                MaxConcurrency="{% 3 %}",
            )
        }
        ended = cloud.run(states)
        assert (ended["stopDate"] - ended["startDate"]).total_seconds() == 180

    def test_many_items_side_by_side(self, cloud: Cloud) -> None:
        # Given 1,500 windows of a few transitions each, five at a time
        children = {
            "Keep": {"Type": "Pass", "Assign": {"n": "{% $states.input.n %}"}, "Next": "Both"},
            "Both": {
                "Type": "Parallel",
                "Branches": [
                    {
                        "StartAt": "Wait",
                        "States": {
                            "Wait": {"Type": "Wait", "Seconds": 30, "Next": "Give"},
                            "Give": {**PASS, "Output": "{% $n * 2 %}"},
                        },
                    }
                ],
                "Output": "{% $states.result[0] %}",
                "End": True,
            },
        }
        states = {
            "Map": distributed_map(children, Items="{% [1..1500].{'n': $} %}"),
        }
        # When they run, then none is lost or mixed up, and time has passed for rows of five
        execution = cloud.start(cloud.machine(states))
        ended = cloud.ended(execution)
        assert json.loads(ended["output"]) == [2 * n for n in range(1, 1501)]
        assert (ended["stopDate"] - ended["startDate"]).total_seconds() == 1500 / 5 * 30
        assert cloud.map_run(execution)["executionCounts"]["succeeded"] == 1500

    def test_results_are_written(self, cloud: Cloud) -> None:
        writer = {
            "Resource": "arn:aws:states:::s3:putObject",
            "Arguments": {"Bucket": "bucket", "Prefix": "{% $states.input %}"},
        }
        states = {"Map": distributed_map({"P": PASS}, Items=[1, 2], ResultWriter=writer)}
        details = cloud.output(states, "results")["ResultWriterDetails"]
        manifest = json.loads(cloud.s3.get_object(**details)["Body"].read())
        (file,) = manifest["ResultFiles"]["SUCCEEDED"]
        written = json.loads(cloud.s3.get_object(Bucket="bucket", Key=file["Key"])["Body"].read())
        assert sorted(row["Output"] for row in written) == ["1", "2"]

    def test_listeners_hear_of_children(self, cloud: Cloud) -> None:
        cloud.run({"Map": distributed_map({"P": PASS}, Items=[1])})
        assert [change["status"] for change in cloud.changes] == [
            "RUNNING",
            "RUNNING",
            "SUCCEEDED",
            "SUCCEEDED",
        ]


class TestToleratedFailures:
    def test_one_failure_fails_the_map_and_aborts_the_running(self, cloud: Cloud) -> None:
        # Given ten items of which the second fails after a minute
        states = {"Map": distributed_map(failing_when("$states.input = 2"), Items="{% [1..10] %}")}
        # When they run
        execution = cloud.start(cloud.machine(states))
        ended = cloud.ended(execution)
        # Then the Map fails at once, what ran is aborted, and nothing more is started
        assert (ended["status"], ended["error"]) == ("FAILED", NOT_TOLERATED)
        assert (ended["stopDate"] - ended["startDate"]).total_seconds() == 60
        counts = cloud.map_run(execution)["executionCounts"]
        assert counts["failed"] == 1
        assert counts["aborted"] + counts["pending"] == 9
        assert counts["running"] == 0
        assert cloud.map_run(execution)["status"] == "FAILED"
        assert {"MapRunStarted", "MapRunFailed", "MapStateFailed"} <= set(cloud.kinds(execution))
        aborted = cloud.children(execution, statusFilter="ABORTED")
        assert cloud.kinds(aborted[0]["executionArn"])[-1] == "ExecutionAborted"

    @pytest.mark.parametrize(
        ("tolerance", "status"),
        [
            ({"ToleratedFailureCount": 3}, "SUCCEEDED"),
            ({"ToleratedFailureCount": 2}, "FAILED"),
            ({"ToleratedFailurePercentage": 30}, "SUCCEEDED"),
            ({"ToleratedFailurePercentage": 29}, "FAILED"),
            ({"ToleratedFailurePercentage": "{% 100 %}"}, "SUCCEEDED"),
            ({"ToleratedFailureCount": "{% 3 %}"}, "SUCCEEDED"),
            ({"ToleratedFailureCount": 1, "ToleratedFailurePercentage": 100}, "FAILED"),
        ],
    )
    def test_count_and_percentage(
        self, cloud: Cloud, tolerance: dict[str, Any], status: str
    ) -> None:
        children = failing_when("$states.input <= 3")
        ended = cloud.run({"Map": distributed_map(children, Items="{% [1..10] %}", **tolerance)})
        assert ended["status"] == status
        if status == "SUCCEEDED":
            assert json.loads(ended["output"]) == [4, 5, 6, 7, 8, 9, 10]

    def test_the_threshold_can_be_caught(self, cloud: Cloud) -> None:
        catch = {"ErrorEquals": [NOT_TOLERATED], "Next": "After"}
        states = {
            "Map": distributed_map(failing_when("true"), Items=[1], Catch=[catch]),
            "After": {**PASS, "Output": "{% $states.input.Error %}"},
        }
        assert cloud.output(states) == NOT_TOLERATED

    def test_that_moto_as_shipped_tolerates_everything(self) -> None:
        with moto_as_shipped() as cloud:
            states = {
                "Map": {
                    **distributed_map({"F": {"Type": "Fail", "Error": "E"}}),
                    "ItemsPath": "$",
                }
            }
            execution = cloud.start(cloud.machine(states, QueryLanguage="JSONPath"), [1])
            for _ in range(10_000):
                ended = cloud.sfn.describe_execution(executionArn=execution)
                if ended["status"] != "RUNNING":
                    break
            assert ended["status"] == "SUCCEEDED"


@pytest.mark.needs("executions.api.describe_map_runs")
def test_map_runs_are_listed_in_pages(cloud: Cloud) -> None:
    first = distributed_map({"P": PASS}, Items=[1], Next="Second")
    second = distributed_map({"Q": PASS}, Items=[1])
    execution = cloud.start(cloud.machine({"First": first, "Second": second}))
    cloud.ended(execution)
    page = cloud.sfn.list_map_runs(executionArn=execution, maxResults=1)
    rest = cloud.sfn.list_map_runs(executionArn=execution, nextToken=page["nextToken"])
    assert len(page["mapRuns"]) == len(rest["mapRuns"]) == 1


class TestStopping:
    def test_stopping_the_parent_aborts_its_children_where_they_stand(self, cloud: Cloud) -> None:
        # Given children that would each write an object after an hour
        write = sdk_task(
            "s3", "putObject", {"Bucket": "bucket", "Key": "{% $states.input %}", "Body": {}}
        )
        children = {"Wait": {"Type": "Wait", "Seconds": 3600, "Next": "Write"}, "Write": write}
        machine = cloud.machine({"Map": distributed_map(children, Items=["a", "b", "c"])})
        with cloud.clock.at_work():  # time stands still
            execution = cloud.start(machine)
            while self.running(cloud, execution) != 3:
                pass
            # When the parent is stopped
            cloud.sfn.stop_execution(executionArn=execution)
            cloud.ended(execution)
        # Then all are aborted, and nothing was written
        assert {child["status"] for child in cloud.children(execution)} == {"ABORTED"}
        assert cloud.map_run(execution)["status"] == "ABORTED"
        assert "Contents" not in cloud.s3.list_objects_v2(Bucket="bucket")
        assert cloud.clock.now() == START

    @staticmethod
    def running(cloud: Cloud, execution: str) -> int:
        rows = cloud.sfn.list_map_runs(executionArn=execution)["mapRuns"]
        return len(cloud.children(execution, statusFilter="RUNNING")) if rows else 0

    def test_a_machine_that_times_out_aborts_its_children(self, cloud: Cloud) -> None:
        children = {"Wait": {"Type": "Wait", "Seconds": 3600, "End": True}}
        states = {"Map": distributed_map(children, Items=[1, 2])}
        execution = cloud.start(cloud.machine(states, TimeoutSeconds=60))
        ended = cloud.ended(execution)
        assert ended["status"] == "TIMED_OUT"
        assert (ended["stopDate"] - ended["startDate"]).total_seconds() == 60
        assert {child["status"] for child in cloud.children(execution)} == {"ABORTED"}


def needs(key: str, **more: Any) -> dict[str, Any]:
    """A Task that fails until the object is there."""
    return sdk_task("s3", "getObject", {"Bucket": "bucket", "Key": key}, **more)


class TestRedrive:
    def redriven(self, cloud: Cloud, execution: str) -> dict[str, Any]:
        cloud.sfn.redrive_execution(executionArn=execution)
        return cloud.ended(execution)

    def test_goes_on_from_the_state_that_failed(self, cloud: Cloud) -> None:
        # Given an execution that failed for want of something, after two states
        tell = {
            "input": "{% $states.input %}",
            "variable": "{% $v %}",
            "count": "{% $states.context.Execution.RedriveCount %}",
            "time": "{% $exists($states.context.Execution.RedriveTime) %}",
        }
        states = {
            "First": {"Type": "Pass", "Assign": {"v": 1}, "Output": {"a": 1}, "Next": "Second"},
            "Second": needs("wanted", Output="{% $states.input %}", Next="Tell"),
            "Tell": {**PASS, "Output": tell},
        }
        execution = cloud.start(cloud.machine(states))
        failed = cloud.ended(execution)
        assert (failed["status"], failed["redriveStatus"]) == ("FAILED", "REDRIVABLE")
        # When it is fixed and redriven
        cloud.s3.put_object(Bucket="bucket", Key="wanted", Body=b"")
        ended = self.redriven(cloud, execution)
        # Then it goes on there, with the input and the variables that were
        assert json.loads(ended["output"]) == {
            "input": {"a": 1},
            "variable": 1,
            "count": 1,
            "time": True,
        }
        assert (ended["status"], ended["redriveCount"]) == ("SUCCEEDED", 1)
        kinds = cloud.kinds(execution)
        assert kinds.count("ExecutionStarted") == kinds.count("ExecutionRedriven") == 1
        assert kinds.index("ExecutionRedriven") == kinds.index("ExecutionFailed") + 1
        assert [e["id"] for e in cloud.events(execution)] == list(range(1, len(kinds) + 1))

    @pytest.mark.needs("executions.api.redrive_executions")
    def test_a_stopped_wait_waits_again(self, cloud: Cloud) -> None:
        with cloud.clock.at_work():
            states = {"Wait": {"Type": "Wait", "Seconds": 60, "End": True}}
            execution = cloud.start(cloud.machine(states))
            cloud.sfn.stop_execution(executionArn=execution)
            cloud.ended(execution)
        assert self.redriven(cloud, execution)["status"] == "SUCCEEDED"

    def test_only_what_failed_can_be_redriven(self, cloud: Cloud) -> None:
        execution = cloud.start(cloud.machine({"P": PASS}))
        cloud.ended(execution)
        with pytest.raises(cloud.sfn.exceptions.ExecutionNotRedrivable):
            cloud.sfn.redrive_execution(executionArn=execution)

    @pytest.mark.needs("states.branches.run_parallel_states_on_the_clock")
    def test_only_the_failed_branches_run_again(self, cloud: Cloud) -> None:
        branches = [
            {"StartAt": "Good", "States": {"Good": {**PASS, "Output": "good"}}},
            {"StartAt": "P", "States": {"P": {"Type": "Pass", "Next": "N"}, "N": needs("wanted")}},
        ]
        states = {
            "Both": {
                "Type": "Parallel",
                "Branches": branches,
                "Output": "{% $states.result[0] %}",
                "End": True,
            }
        }
        execution = cloud.start(cloud.machine(states))
        assert cloud.ended(execution)["error"] == "S3.NoSuchKeyException"
        cloud.s3.put_object(Bucket="bucket", Key="wanted", Body=b"")
        assert json.loads(self.redriven(cloud, execution)["output"]) == "good"
        entered = [
            event["stateEnteredEventDetails"]["name"]
            for event in cloud.events(execution)
            if "stateEnteredEventDetails" in event
        ]
        assert (entered.count("Good"), entered.count("P"), entered.count("N")) == (1, 1, 2)

    @pytest.mark.needs("maps.distributed.redrive_map_runs")
    def test_only_the_unsuccessful_children_run_again(self, cloud: Cloud) -> None:
        # Given a Map of which one child failed, one was aborted and some had succeeded
        children = {"First": {"Type": "Pass", "Next": "Need"}, "Need": needs("{% $states.input %}")}
        for key in ("a", "b", "d"):
            cloud.s3.put_object(Bucket="bucket", Key=key, Body=b"")
        states = {
            "Map": distributed_map(
                children, Items=["a", "b", "c", "d"], MaxConcurrency=1, Output="done"
            )
        }
        execution = cloud.start(cloud.machine(states))
        assert cloud.ended(execution)["error"] == NOT_TOLERATED
        before = cloud.map_run(execution)
        assert before["executionCounts"]["succeeded"] == 2
        assert before["executionCounts"]["pending"] == 1
        # When it is fixed and redriven
        cloud.s3.put_object(Bucket="bucket", Key="c", Body=b"")
        ended = self.redriven(cloud, execution)
        # Then the same Map Run ends well
        assert ended["status"] == "SUCCEEDED"
        after = cloud.map_run(execution)
        assert after["mapRunArn"] == before["mapRunArn"]
        assert (after["status"], after["redriveCount"]) == ("SUCCEEDED", 1)
        assert after["executionCounts"]["succeeded"] == 4
        assert "MapRunRedriven" in cloud.kinds(execution)
        # and only the child that failed ran again, from where it had failed
        (redriven,) = cloud.children(execution, redriveFilter="REDRIVEN")
        kinds = cloud.kinds(redriven["executionArn"])
        assert kinds.count("PassStateEntered") == 1
        assert kinds.count("ExecutionRedriven") == 1
        assert kinds[-1] == "ExecutionSucceeded"

    def test_failures_before_the_redrive_do_not_count_again(self, cloud: Cloud) -> None:
        # Given two children that failed, of which one would be tolerated
        states = {
            "Map": distributed_map(
                {"Need": needs("{% $states.input %}")},
                Items=["a", "b", "c"],
                MaxConcurrency=1,
                ToleratedFailureCount=1,
                Output="done",
            )
        }
        execution = cloud.start(cloud.machine(states))
        assert cloud.ended(execution)["error"] == NOT_TOLERATED
        # When one is fixed, and the Map redriven
        for key in ("b", "c"):
            cloud.s3.put_object(Bucket="bucket", Key=key, Body=b"")
        ended = self.redriven(cloud, execution)
        # Then only the other has failed
        assert ended["status"] == "SUCCEEDED"
        assert cloud.map_run(execution)["executionCounts"]["failed"] == 1

    def test_a_stopped_parent_goes_on_with_its_children(self, cloud: Cloud) -> None:
        children = {
            "First": {"Type": "Pass", "Next": "Wait"},
            "Wait": {"Type": "Wait", "Seconds": 60, "End": True},
        }
        machine = cloud.machine({"Map": distributed_map(children, Items=[1, 2, 3])})
        with cloud.clock.at_work():  # time stands still
            execution = cloud.start(machine)
            while TestStopping.running(cloud, execution) != 3:
                pass
            cloud.sfn.stop_execution(executionArn=execution)
            cloud.ended(execution)
        assert json.loads(self.redriven(cloud, execution)["output"]) == [1, 2, 3]
        for child in cloud.children(execution):
            assert cloud.kinds(child["executionArn"]).count("PassStateEntered") <= 1


@pytest.mark.parametrize("items", [1, 4])
def test_an_exception_in_a_worker_fails_a_distributed_map(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, items: int
) -> None:
    def break_down(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(children, "_run_child", break_down)
    ended = cloud.run({"Map": distributed_map({"Pass": PASS})}, list(range(items)))
    assert ended["status"] == "FAILED"


@pytest.mark.parametrize("items", [1, 4])
@pytest.mark.needs("maps.inline.iterate_on_the_clock")
def test_an_exception_in_a_worker_fails_an_inline_map(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, items: int
) -> None:
    def break_down(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(branches, "_run_branch", break_down)
    inline = distributed_map({"Pass": PASS})
    inline["ItemProcessor"]["ProcessorConfig"] = {"Mode": "INLINE"}
    del inline["Label"]
    ended = cloud.run({"Map": inline}, list(range(items)))
    assert ended["status"] == "FAILED"
