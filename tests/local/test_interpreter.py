"""moto's interpreter, with its gaps closed: expressions, variables, time, retries, definitions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.stepfunctions.parser.asl.component import eval_component
from moto.stepfunctions.parser.asl.component.common.retry.max_attempts_decl import MaxAttemptsDecl
from moto.stepfunctions.parser.asl.jsonata import jsonata as motos_jsonata

from tests.local.interpreter_cloud import (
    PASS,
    ROLE,
    START,
    Cloud,
    cloud_as_on_aws,
    lambda_task,
    moto_as_shipped,
)


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with cloud_as_on_aws() as cloud:
        yield cloud


@pytest.fixture
def shipped() -> Iterator[Cloud]:
    with moto_as_shipped() as cloud:
        yield cloud


def passing(output: Any, **more: Any) -> dict[str, Any]:
    return {"Pass": {**PASS, "Output": output, **more}}


class TestExpressions:
    def test_that_moto_as_shipped_has_no_evaluator(self) -> None:
        with pytest.raises(TypeError):
            motos_jsonata.eval_jsonata_expression("1")

    @pytest.mark.parametrize(
        "value",
        ['it\'s "quoted" \\ \n {% %}', "$", None, True, 0, 1.5, [], {}, [None, [1]], {"a": None}],
    )
    def test_values_are_bound_not_pasted(self, cloud: Cloud, value: Any) -> None:
        # Given a value that would break an expression's text, in the input and in a variable
        states = {
            "Keep": {"Type": "Pass", "Assign": {"v": "{% $states.input.v %}"}, "Next": "Give"},
            "Give": {**PASS, "Output": {"a": "{% $states.input.v %}", "b": "{% $v %}"}},
        }
        # When it passes through expressions
        # Then it comes out as it went in
        assert cloud.output(states, {"v": value}) == {"a": value, "b": value}

    @pytest.mark.needs("jsonata.bind_values")
    def test_a_number_beyond_all_floats_passes_as_null(self, cloud: Cloud) -> None:
        machine = cloud.machine(
            passing({"v": "{% $states.input.v %}", "all": "{% $states.input %}"})
        )
        started = cloud.sfn.start_execution(stateMachineArn=machine, input='{"v": 1e400}')
        ended = cloud.ended(started["executionArn"])
        assert json.loads(ended["output"]) == {"v": None, "all": {"v": None}}

    @pytest.mark.parametrize("constant", ["NaN", "Infinity"])
    def test_what_python_reads_and_json_does_not_have_is_refused(
        self, cloud: Cloud, constant: str
    ) -> None:
        machine = cloud.machine(passing({}))
        with pytest.raises(ClientError, match=f"{constant} is not JSON"):
            cloud.sfn.start_execution(stateMachineArn=machine, input=f'{{"v": {constant}}}')

    @pytest.mark.parametrize(
        ("expression", "value"),
        [
            ("$partition([1..5], 2)", [[1, 2], [3, 4], [5]]),
            ("$range(0, 10, 5)", [0, 5, 10]),
            ("$range(3, 1, -1)", [3, 2, 1]),
            ("$hash('a', 'MD5')", "0cc175b9c0f1b6a831c399e269772661"),
            ("$hash('a', 'SHA-1')", "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"),
            ("$random(7) = $random(7)", True),
            ("$random() < 1", True),
            ("$length($uuid())", 36),
            ("$parse('{\"a\": [1, null]}').a", [1, None]),
            ("4 / 2", 2),
            ("$millis()", int(START.timestamp() * 1000)),
            ("$now()", "2026-11-23T22:00:00.123Z"),
            ("$states.input.list[$ > 1]", [2, 3]),
            ("$exists($states.result)", False),
            ("($f := function($x) { $x + 1 }; $f(1))", 2),
        ],
    )
    def test_functions_that_aws_provides(self, cloud: Cloud, expression: str, value: Any) -> None:
        assert cloud.output(passing("{% " + expression + " %}"), {"list": [1, 2, 3]}) == value

    @pytest.mark.parametrize(
        "expression", ["$states.input.absent", "$absent", "'a' + 1", "1 / 0", "function($x) {$x}"]
    )
    @pytest.mark.needs("states.state.enter_and_leave_as_aws_does")
    def test_an_expression_without_a_value_fails_the_state(
        self, cloud: Cloud, expression: str
    ) -> None:
        execution = cloud.start(cloud.machine(passing("{% " + expression + " %}")))
        ended = cloud.ended(execution)
        assert (ended["status"], ended["error"]) == ("FAILED", "States.QueryEvaluationError")
        assert "EvaluationFailed" in cloud.kinds(execution)

    @pytest.mark.needs("states.choice.require_boolean_conditions")
    def test_a_condition_must_be_a_boolean(self, cloud: Cloud) -> None:
        choice = {"Type": "Choice", "Choices": [{"Condition": "{% 1 %}", "Next": "Pass"}]}
        ended = cloud.run({"Choose": choice, "Pass": PASS})
        assert ended["error"] == "States.QueryEvaluationError"

    @pytest.mark.needs("states.state.pass_without_a_result")
    def test_a_pass_state_has_no_result(self, cloud: Cloud) -> None:
        assert cloud.output(passing("{% $exists($states.result) %}")) is False

    @pytest.mark.needs("jsonata.keep_absent_results_absent")
    def test_the_items_of_a_map_are_selected_without_a_result(self, cloud: Cloud) -> None:
        items = {
            "Type": "Map",
            "Items": [1],
            "ItemSelector": {"there": "{% $exists($states.result) %}"},
            "ItemProcessor": {"StartAt": "P", "States": {"P": PASS}},
            "End": True,
        }
        assert cloud.output({"Map": items}) == [{"there": False}]

    @pytest.mark.needs("states.choice.choose_as_aws_does")
    def test_no_rule_matches(self, cloud: Cloud) -> None:
        choice = {"Type": "Choice", "Choices": [{"Condition": "{% false %}", "Next": "Pass"}]}
        assert cloud.run({"Choose": choice, "Pass": PASS})["error"] == "States.NoChoiceMatched"


class TestVariables:
    @pytest.mark.needs("states.state.assign_at_the_end")
    def test_assign_takes_effect_when_the_state_ends(self, cloud: Cloud) -> None:
        states = {
            "First": {"Type": "Pass", "Assign": {"v": 1}, "Next": "Second"},
            "Second": {
                "Type": "Pass",
                "Assign": {"v": 2, "w": "{% $v %}"},
                "Output": {"during": "{% $v %}"},
                "Next": "Third",
            },
            "Third": {
                **PASS,
                "Output": {
                    "during": "{% $states.input.during %}",
                    "v": "{% $v %}",
                    "w": "{% $w %}",
                },
            },
        }
        assert cloud.output(states) == {"during": 1, "v": 2, "w": 1}

    def test_a_choice_assigns_by_the_rule_that_matched(self, cloud: Cloud) -> None:
        states = {
            "Choose": {
                "Type": "Choice",
                "Choices": [
                    {"Condition": "{% $states.input.a %}", "Assign": {"v": "rule"}, "Next": "Give"}
                ],
                "Default": "Give",
                "Assign": {"v": "default"},
            },
            "Give": {**PASS, "Output": "{% $v %}"},
        }
        assert cloud.output(states, {"a": True}) == "rule"
        assert cloud.output(states, {"a": False}) == "default"

    def test_branches_see_outer_variables_and_keep_theirs(self, cloud: Cloud) -> None:
        branch = {
            "StartAt": "Set",
            "States": {
                "Set": {"Type": "Pass", "Assign": {"inner": "{% $outer + 1 %}"}, "Next": "Tell"},
                "Tell": {**PASS, "Output": "{% $inner %}"},
            },
        }
        states = {
            "Outer": {"Type": "Pass", "Assign": {"outer": 1}, "Next": "Both"},
            "Both": {"Type": "Parallel", "Branches": [branch], "Next": "After"},
            "After": {
                **PASS,
                "Output": {"branch": "{% $states.input %}", "seen": "{% $exists($inner) %}"},
            },
        }
        assert cloud.output(states) == {"branch": [2], "seen": False}


class TestTime:
    def test_everything_has_the_clocks_time(self, cloud: Cloud) -> None:
        # Given a machine that waits for a day
        states = {
            "Wait": {"Type": "Wait", "Seconds": 86_400, "Next": "Tell"},
            "Tell": {
                **PASS,
                "Output": {
                    "start": "{% $states.context.Execution.StartTime %}",
                    "entered": "{% $states.context.State.EnteredTime %}",
                },
            },
        }
        # When it runs
        execution = cloud.start(cloud.machine(states))
        ended = cloud.ended(execution)
        # Then all times are simulated, in AWS's format
        assert json.loads(ended["output"]) == {
            "start": "2026-11-23T22:00:00.123Z",
            "entered": "2026-11-24T22:00:00.123Z",
        }
        assert ended["startDate"] == START
        assert (ended["stopDate"] - ended["startDate"]).total_seconds() == 86_400
        assert cloud.events(execution)[-1]["timestamp"] == ended["stopDate"]

    def test_wait_until_a_timestamp(self, cloud: Cloud) -> None:
        wait = {"Type": "Wait", "Timestamp": "{% $states.input %}", "End": True}
        ended = cloud.run({"Wait": wait}, "2026-11-24T00:00:00Z")
        assert ended["stopDate"].isoformat().startswith("2026-11-24T00:00:00")

    @pytest.mark.parametrize("seconds", [1.5, -1, "60"])
    def test_seconds_are_a_whole_number(self, cloud: Cloud, seconds: Any) -> None:
        wait = {"Type": "Wait", "Seconds": "{% $states.input %}", "End": True}
        assert cloud.run({"Wait": wait}, seconds)["error"] == "States.QueryEvaluationError"

    def test_a_machine_times_out(self, cloud: Cloud) -> None:
        states = {"Wait": {"Type": "Wait", "Seconds": 1000, "End": True}}
        execution = cloud.start(cloud.machine(states, TimeoutSeconds=60))
        ended = cloud.ended(execution)
        assert ended["status"] == "TIMED_OUT"
        assert (ended["stopDate"] - ended["startDate"]).total_seconds() == 60
        assert cloud.kinds(execution)[-1] == "ExecutionTimedOut"

    def test_branches_wait_side_by_side(self, cloud: Cloud) -> None:
        branches = [
            {"StartAt": f"W{n}", "States": {f"W{n}": {"Type": "Wait", "Seconds": n, "End": True}}}
            for n in (100, 300, 200)
        ]
        ended = cloud.run({"All": {"Type": "Parallel", "Branches": branches, "End": True}})
        assert (ended["stopDate"] - ended["startDate"]).total_seconds() == 300


FAILS = {"StartAt": "Fail", "States": {"Fail": {"Type": "Fail", "Error": "Broken", "Cause": "so"}}}


class TestErrors:
    @staticmethod
    def failing(**more: Any) -> dict[str, Any]:
        return {"Type": "Parallel", "Branches": [FAILS], "End": True, **more}

    @pytest.mark.needs("executions.api.page_through_history")
    def test_retries_back_off_on_the_clock(self, cloud: Cloud) -> None:
        # Given a state that fails, with three retries
        retry = {
            "ErrorEquals": ["Broken"],
            "IntervalSeconds": 100,
            "BackoffRate": 3,
            "MaxDelaySeconds": 500,
            "MaxAttempts": 3,
        }
        # When it runs
        execution = cloud.start(cloud.machine({"Try": self.failing(Retry=[retry])}))
        ended = cloud.ended(execution)
        # Then it was tried four times, after 100, 300 and 500 s
        assert cloud.kinds(execution).count("ParallelStateStarted") == 4
        assert (ended["stopDate"] - ended["startDate"]).total_seconds() == 900
        assert (ended["error"], ended["cause"]) == ("Broken", "so")

    def test_full_jitter_stays_below_the_interval(self, cloud: Cloud) -> None:
        retry = {
            "ErrorEquals": ["States.ALL"],
            "IntervalSeconds": 100,
            "MaxAttempts": 1,
            "JitterStrategy": "FULL",
        }
        ended = cloud.run({"Try": self.failing(Retry=[retry])})
        assert 0 <= (ended["stopDate"] - ended["startDate"]).total_seconds() <= 100

    def test_the_retry_count_is_seen_in_a_catch(self, cloud: Cloud) -> None:
        tell = "{% $states.context.State.RetryCount & ' ' & $states.errorOutput.Error %}"
        states = {
            "Try": self.failing(
                Retry=[{"ErrorEquals": ["Broken"], "MaxAttempts": 2}],
                Catch=[
                    {
                        "ErrorEquals": ["States.ALL"],
                        "Output": {"told": tell},
                        "Assign": {"retries": "{% $states.context.State.RetryCount %}"},
                        "Next": "After",
                    }
                ],
            ),
            "After": {
                **PASS,
                "Output": {"told": "{% $states.input.told %}", "n": "{% $retries %}"},
            },
        }
        assert cloud.output(states) == {"told": "2 Broken", "n": 2}

    def test_the_retry_count_is_seen_in_a_map(self, cloud: Cloud) -> None:
        states = {
            "Try": {
                "Type": "Map",
                "Items": [1],
                "ItemProcessor": FAILS,
                "Retry": [{"ErrorEquals": ["Broken"], "MaxAttempts": 2}],
                "Catch": [
                    {
                        "ErrorEquals": ["Broken"],
                        "Output": "{% $states.context.State.RetryCount %}",
                        "Next": "After",
                    }
                ],
                "End": True,
            },
            "After": PASS,
        }
        assert cloud.output(states) == 2

    def test_the_retry_count_is_seen_in_arguments_and_output(
        self, cloud: Cloud, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Given a function that succeeds the third time
        monkeypatch.setattr("local.aws.runtime.FOLDER", tmp_path)
        (tmp_path / "third_time.py").write_text(
            "def handler(event, context):\n"
            "    if event['try'] < 2:\n"
            "        raise ValueError(event['try'])\n"
            "    return event\n"
        )
        cloud.function("third", "third_time.handler")
        task = lambda_task(
            "third",
            {"try": "{% $states.context.State.RetryCount %}"},
            Retry=[{"ErrorEquals": ["ValueError"]}],
            Assign={"assigned": "{% $states.context.State.RetryCount %}"},
            Output={
                "told": "{% $states.result.Payload.try %}",
                "seen": "{% $states.context.State.RetryCount %}",
            },
            Next="After",
        )
        after = {**PASS, "Output": "{% $merge([$states.input, {'assigned': $assigned}]) %}"}
        # When it runs, then all see the same count
        assert cloud.output({"Task": task, "After": after}) == {
            "told": 2,
            "seen": 2,
            "assigned": 2,
        }

    @pytest.mark.needs("states.errors.match_errors_as_aws_does")
    def test_all_does_not_catch_the_data_limit(self, cloud: Cloud) -> None:
        # Given a state whose result is larger than 256 KiB
        branch = {
            "StartAt": "Big",
            "States": {"Big": {**PASS, "Output": "{% $pad('', 200000, 'x') %}"}},
        }
        big = {"Type": "Parallel", "Branches": [branch, _renamed(branch)], "End": True}

        def caught_by(name: str) -> list[dict[str, Any]]:
            return [{"ErrorEquals": [name], "Output": name, "Next": "After"}]

        # When States.ALL or its own name would catch the error
        by_all = cloud.run({"Try": {**big, "Catch": caught_by("States.ALL")}, "After": PASS})
        name = "States.DataLimitExceeded"
        by_name = cloud.run({"Try": {**big, "Catch": caught_by(name)}, "After": PASS})
        # Then only its name does
        assert (by_all["status"], by_all["error"]) == ("FAILED", name)
        assert by_name["status"] == "SUCCEEDED"

    def test_a_pass_state_may_not_grow_too_large_either(self, cloud: Cloud) -> None:
        ended = cloud.run(passing("{% $pad('', 300000, 'x') %}"))
        assert ended["error"] == "States.DataLimitExceeded"

    @pytest.mark.needs("states.errors.retry_and_catch_as_aws_does")
    def test_an_error_in_a_tasks_output_can_be_caught(self, cloud: Cloud) -> None:
        states = {
            "Try": {
                "Type": "Parallel",
                "Branches": [{"StartAt": "P", "States": {"P": PASS}}],
                "Output": "{% $states.result.absent %}",
                "Catch": [{"ErrorEquals": ["States.QueryEvaluationError"], "Next": "After"}],
                "End": True,
            },
            "After": {**PASS, "Output": "{% $states.input.Error %}"},
        }
        assert cloud.output(states) == "States.QueryEvaluationError"

    def test_errors_with_a_reserved_name_leave_a_branch(self, cloud: Cloud) -> None:
        branch = {"StartAt": "Bad", "States": {"Bad": {**PASS, "Output": "{% $absent %}"}}}
        ended = cloud.run({"All": {"Type": "Parallel", "Branches": [branch], "End": True}})
        assert ended["error"] == "States.QueryEvaluationError"

    @pytest.mark.needs("states.waiting.stop_at_once")
    def test_a_failing_branch_ends_the_others(self, cloud: Cloud) -> None:
        slow = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 9, "End": True}}}
        ended = cloud.run({"All": {"Type": "Parallel", "Branches": [slow, FAILS], "End": True}})
        assert ended["error"] == "Broken"
        assert ended["stopDate"] == ended["startDate"]

    def test_a_fail_state_computes_its_error(self, cloud: Cloud) -> None:
        fail = {"Type": "Fail", "Error": "{% 'E' & $states.input.n %}", "Cause": "{% 'because' %}"}
        ended = cloud.run({"Fail": fail}, {"n": 1})
        assert (ended["error"], ended["cause"]) == ("E1", "because")


def _renamed(branch: dict[str, Any]) -> dict[str, Any]:
    (state,) = branch["States"].values()
    return {"StartAt": "Other", "States": {"Other": state}}


@pytest.mark.needs("states.retriers.count_attempts_in_one_place")
def test_attempts_are_counted_in_one_place_whichever_call_comes_first(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _names_of_a_counter(monkeypatch) == 1


def test_that_moto_as_shipped_may_lose_an_attempt(
    shipped: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _names_of_a_counter(monkeypatch) == 2


def _names_of_a_counter(monkeypatch: pytest.MonkeyPatch) -> int:
    """Count the names that a counter has had when another child asks while it is named."""
    counter = MaxAttemptsDecl(3)
    asked: list[str] = []
    names = iter(["one", "another"])

    def name() -> str:
        given = next(names)
        if given == "one":
            asked.append(counter.heap_key)
        return given

    monkeypatch.setattr(eval_component, "long_uid", name)
    asked.append(counter.heap_key)
    return len(set(asked))


class TestDefinitions:
    @pytest.mark.needs("definition.validation.refuse_what_aws_refuses")
    def test_a_transition_to_nowhere_is_refused(self, cloud: Cloud) -> None:
        with pytest.raises(ClientError, match="Missing 'Next' target"):
            cloud.machine({"P": {"Type": "Pass", "Next": "Nowhere"}})

    @pytest.mark.parametrize(
        ("states", "top", "told"),
        [
            ({"A": {"Type": "Pass", "Next": "Nowhere"}}, {}, "MISSING_TRANSITION_TARGET"),
            ({"A": PASS}, {"StartAt": "Nowhere"}, "MISSING_TRANSITION_TARGET"),
            ({"A": PASS}, {"StartAt": None}, "StartAt"),
            ({"A": PASS, "B": PASS}, {}, "not reachable"),
            ({"A": {"Type": "Pass"}}, {}, "one of Next and End"),
            ({"A": {**PASS, "Output": "{% 1 + %}"}}, {}, "invalid JSONata"),
            ({"A": {**PASS, "Output": "{% 1 "}}, {}, "expression"),
            ({"A": {**PASS, "TimeoutSeconds": 1}}, {}, "TimeoutSeconds"),
            ({"A": {**PASS, "Parameters": {}}}, {}, "Parameters"),
            ({"A": {"Type": "Parallel", "Branches": [FAILS], "TimeoutSeconds": 1}}, {}, "Timeout"),
            (
                {
                    "A": {
                        "Type": "Task",
                        "Resource": "arn:aws:states:::aws-sdk:appflow:startFlow",
                        "Arguments": {"flowName": "f"},
                        "End": True,
                    }
                },
                {},
                '"flowName" is not supported',
            ),
        ],
    )
    def test_what_aws_refuses_is_refused(
        self, cloud: Cloud, states: dict[str, Any], top: dict[str, Any], told: str
    ) -> None:
        with pytest.raises(ClientError, match=told) as refused:
            cloud.machine(states, **top)
        assert refused.value.response["Error"]["Code"] == "InvalidDefinition"

    def test_that_moto_as_shipped_accepts_a_dangling_transition(self, shipped: Cloud) -> None:
        assert shipped.machine({"A": {"Type": "Pass", "Next": "Nowhere"}})

    def test_that_moto_as_shipped_refuses_integer_percentages(self, shipped: Cloud) -> None:
        states = {
            "Map": {
                "Type": "Map",
                "Items": [],
                "ItemProcessor": {"StartAt": "P", "States": {"P": PASS}},
                "ToleratedFailurePercentage": 50,
                "End": True,
            }
        }
        with pytest.raises(ClientError):
            shipped.machine(states)


class TestExecutions:
    def test_a_name_is_made_where_none_is_given(self, cloud: Cloud) -> None:
        execution = cloud.start(cloud.machine({"P": PASS}))
        assert len(cloud.ended(execution)["name"]) == 36

    def test_a_name_is_used_once(self, cloud: Cloud) -> None:
        machine = cloud.machine({"P": PASS})
        cloud.ended(cloud.start(machine, name="once"))
        with pytest.raises(cloud.sfn.exceptions.ExecutionAlreadyExists):
            cloud.start(machine, {"other": 1}, name="once")

    @pytest.mark.parametrize("output", ["text", '"quoted"', 1, [], {"a": 1}])
    def test_an_output_is_json(self, cloud: Cloud, output: Any) -> None:
        assert cloud.output({"P": PASS}, output) == output

    @pytest.mark.needs("executions.api.stop_with_a_reason")
    def test_stop_ends_a_wait_at_once(self, cloud: Cloud) -> None:
        # Given an execution that waits for something outside
        with cloud.clock.at_work():  # time stands still
            execution = cloud.start(
                cloud.machine({"Wait": {"Type": "Wait", "Seconds": 10**6, "End": True}})
            )
            # When it is stopped
            cloud.sfn.stop_execution(executionArn=execution, error="Enough", cause="bored")
            ended = cloud.ended(execution)
        # Then it has ended, with the reason, and no time has passed
        assert (ended["status"], ended["error"], ended["cause"]) == ("ABORTED", "Enough", "bored")
        assert ended["stopDate"] == START
        assert cloud.kinds(execution)[-1] == "ExecutionAborted"

    def test_history_comes_in_pages_and_either_order(self, cloud: Cloud) -> None:
        execution = cloud.start(cloud.machine({"P": PASS}))
        cloud.ended(execution)
        page = cloud.sfn.get_execution_history(executionArn=execution, maxResults=1)
        assert [event["id"] for event in page["events"]] == [1]
        assert page["nextToken"]
        newest = cloud.sfn.get_execution_history(executionArn=execution, reverseOrder=True)
        assert newest["events"][0]["type"] == "ExecutionSucceeded"

    def test_listeners_are_notified_of_each_change(self, cloud: Cloud) -> None:
        execution = cloud.start(cloud.machine({"P": PASS}), {"a": 1})
        cloud.ended(execution)
        assert [change["status"] for change in cloud.changes] == ["RUNNING", "SUCCEEDED"]
        assert cloud.changes[1] == {
            "executionArn": execution,
            "stateMachineArn": cloud.changes[0]["stateMachineArn"],
            "name": execution.rsplit(":", 1)[1],
            "status": "SUCCEEDED",
            "startDate": int(START.timestamp() * 1000),
            "stopDate": int(START.timestamp() * 1000),
            "input": '{"a": 1}',
            "inputDetails": {"included": True},
            "output": '{"a":1}',
            "outputDetails": {"included": True},
            "error": None,
            "cause": None,
            "redriveCount": 0,
            "redriveDate": None,
            "redriveStatus": "NOT_REDRIVABLE",
            "redriveStatusReason": "Execution is SUCCEEDED and cannot be redriven",
        }

    def test_the_role_is_in_the_history(self, cloud: Cloud) -> None:
        execution = cloud.start(cloud.machine({"P": PASS}))
        cloud.ended(execution)
        assert cloud.events(execution)[0]["executionStartedEventDetails"]["roleArn"] == ROLE


@pytest.mark.parametrize(
    ("definition", "code", "location"),
    [
        ({"StartAt": "P", "States": {"P": PASS}}, None, None),
        ({"StartAt": "Q", "States": {"P": PASS}}, "MISSING_TRANSITION_TARGET", "/StartAt"),
        (
            {"StartAt": "P", "States": {"P": {**PASS, "Retri": []}}},
            "SCHEMA_VALIDATION_FAILED",
            "/States/P/Retri",
        ),
        ([], "SCHEMA_VALIDATION_FAILED", None),
    ],
)
@pytest.mark.needs("definition.validation.answer_validations")
def test_a_definition_is_validated_without_a_machine(
    cloud: Cloud, definition: Any, code: str | None, location: str | None
) -> None:
    answer = cloud.sfn.validate_state_machine_definition(definition=json.dumps(definition))
    found = [(d["code"], d.get("location")) for d in answer["diagnostics"]]
    assert found == ([(code, location)] if code else [])
    assert answer["result"] == ("FAIL" if code else "OK")
    assert cloud.sfn.list_state_machines()["stateMachines"] == []


def test_text_that_is_not_json_is_no_definition(cloud: Cloud) -> None:
    [diagnostic] = cloud.sfn.validate_state_machine_definition(definition="{")["diagnostics"]
    assert diagnostic["code"] == "INVALID_JSON_DESCRIPTION"


@pytest.mark.needs("definition.parsing.forget_what_was_refused")
def test_a_refused_definition_does_not_spoil_the_next_one(cloud: Cloud) -> None:
    def create(name: str, states: dict[str, Any], **top: Any) -> None:
        definition = {"StartAt": next(iter(states)), "States": states, **top}
        cloud.sfn.create_state_machine(name=name, roleArn=ROLE, definition=json.dumps(definition))

    unknown = {"Task": {"Type": "Task", "Resource": "arn:aws:states:::unknown:call", "End": True}}
    with pytest.raises(ClientError, match="InvalidDefinition"):
        create("refused", unknown, QueryLanguage="JSONata")
    create("next", {"Pass": {**PASS, "Parameters": {"a.$": "$.x"}}})
