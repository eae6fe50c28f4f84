"""TestState in the embedded cloud: single states, and those of the product's machines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.interpreter.definition.structure import machines_inside
from tests.local.interpreter_cloud import ROLE, Cloud, cloud_as_on_aws

MACHINES = Path(__file__).parents[2] / "statemachine"
BULK = (MACHINES / "bulk_ingestion.asl.json").read_text(encoding="utf-8")
PUT = "arn:aws:states:::aws-sdk:s3:putObject"


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with cloud_as_on_aws() as cloud:
        yield cloud


def tried(cloud: Cloud, state: Any, given: Any = None, **more: Any) -> dict[str, Any]:
    """Try a state, given as an object, or as a definition's text with a stateName."""
    definition = state if isinstance(state, str) else json.dumps(state)
    answer = cloud.sfn.test_state(
        definition=definition, roleArn=ROLE, input=json.dumps(given or {}), **more
    )
    del answer["ResponseMetadata"]
    found: dict[str, Any] = answer
    return found


def jsonata(kind: str, **fields: Any) -> dict[str, Any]:
    return {"Type": kind, "QueryLanguage": "JSONata", **fields}


def task(**fields: Any) -> dict[str, Any]:
    arguments = {"Bucket": "{% $states.input.bucket %}", "Key": "key", "Body": "text"}
    return jsonata("Task", Resource=PUT, Arguments=arguments, Next="Later", **fields)


def test_a_state_answers_its_output_and_the_state_after_it(cloud: Cloud) -> None:
    state = jsonata("Pass", Output={"sum": "{% $states.input.one + $two %}"}, Next="Later")
    answer = tried(cloud, state, {"one": 1}, variables='{"two": 2}')
    assert answer == {"status": "SUCCEEDED", "output": '{"sum":3}', "nextState": "Later"}


def test_a_choice_answers_the_state_that_it_chooses(cloud: Cloud) -> None:
    rule = {"Condition": "{% $states.input.size > 3 %}", "Next": "Large"}
    state = jsonata("Choice", Choices=[rule], Default="Small")
    assert [tried(cloud, state, {"size": size})["nextState"] for size in (4, 3)] == [
        "Large",
        "Small",
    ]


def test_a_state_that_follows_itself_runs_once(cloud: Cloud) -> None:
    state = jsonata("Wait", Seconds=10, Next="TestState")
    assert tried(cloud, state)["nextState"] == "TestState"


def test_the_last_state_has_none_after_it_and_a_failure_no_output(cloud: Cloud) -> None:
    assert tried(cloud, {"Type": "Succeed"}, {"a": 1}) == {
        "status": "SUCCEEDED",
        "output": '{"a":1}',
    }
    assert tried(cloud, {"Type": "Fail", "Error": "Bad", "Cause": "Why"}) == {
        "status": "FAILED",
        "error": "Bad",
        "cause": "Why",
    }


def test_a_task_calls_its_service(cloud: Cloud) -> None:
    answer = tried(cloud, task(), {"bucket": "bucket"}, inspectionLevel="DEBUG")
    stored = cloud.s3.get_object(Bucket="bucket", Key="key")["Body"].read()

    assert (answer["status"], answer["nextState"], stored) == ("SUCCEEDED", "Later", b'"text"')
    inspected = answer["inspectionData"]
    assert json.loads(inspected["afterArguments"])["Bucket"] == "bucket"
    assert "ETag" in json.loads(inspected["result"])


@pytest.mark.parametrize(
    ("handlers", "status"),
    [
        ({}, "FAILED"),
        ({"Retry": [{"ErrorEquals": ["S3.S3Exception"]}]}, "RETRIABLE"),
        ({"Retry": [{"ErrorEquals": ["S3.Other"]}]}, "FAILED"),
        ({"Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 0}]}, "FAILED"),
        ({"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Handle"}]}, "CAUGHT_ERROR"),
        (
            {
                "Retry": [{"ErrorEquals": ["States.TaskFailed"]}],
                "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Handle"}],
            },
            "RETRIABLE",
        ),
    ],
    ids=["nothing", "retried", "not retried", "no attempt", "caught", "retried first"],
)
def test_an_error_is_answered_as_it_would_be_handled(
    cloud: Cloud, handlers: dict[str, Any], status: str
) -> None:
    answer = tried(cloud, task(**handlers), {"bucket": "nothing"})

    assert answer["status"] == status
    assert answer["error"] == "S3.S3Exception"
    assert answer.get("nextState") == ("Handle" if status == "CAUGHT_ERROR" else None)


def test_an_inspection_tells_which_handler_it_was_and_how_long_it_waits(cloud: Cloud) -> None:
    retrier = {"ErrorEquals": ["S3.Slow"], "IntervalSeconds": 2, "MaxDelaySeconds": 7}
    others = {"ErrorEquals": ["S3.Other"]}
    catcher = {"ErrorEquals": ["States.ALL"], "Next": "Handle"}
    state = task(Retry=[others, retrier], Catch=[{**others, "Next": "Handle"}, catcher])

    def details(error: str, count: int) -> Any:
        answer = tried(
            cloud,
            state,
            {"bucket": "b"},
            mock={"errorOutput": {"error": error, "cause": ""}},
            stateConfiguration={"retrierRetryCount": count},
            inspectionLevel="DEBUG",
        )
        return answer["inspectionData"]["errorDetails"]

    assert [details("S3.Slow", count) for count in (0, 1, 2)] == [
        {"retryIndex": 1, "retryBackoffIntervalSeconds": wait} for wait in (2, 4, 7)
    ]
    assert details("S3.Slow", 3) == {"catchIndex": 1}


def test_a_mock_is_the_result_of_a_task_without_a_call(cloud: Cloud) -> None:
    answer = tried(
        cloud,
        task(Output="{% $states.result.ETag & $states.context.Execution.Name %}"),
        {"bucket": "nothing"},
        mock={"result": '{"ETag": "mocked "}'},
        context='{"Execution": {"Name": "night"}}',
    )
    assert answer["output"] == '"mocked night"'


@pytest.mark.parametrize("kind", ["Map", "Parallel", "callback"])
def test_what_runs_other_states_or_waits_needs_a_mock(cloud: Cloud, kind: str) -> None:
    inner = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
    given: dict[str, dict[str, Any]] = {
        "Map": {"ItemProcessor": inner},
        "Parallel": {"Branches": [inner]},
        "callback": {"Resource": f"{PUT}.waitForTaskToken", "Arguments": {}},
    }
    state = jsonata("Task" if kind == "callback" else kind, **given[kind], End=True)
    with pytest.raises(ClientError, match="can only be tested with a mock"):
        tried(cloud, state)
    assert tried(cloud, state, mock={"result": "[1, 2]"})["output"] == "[1,2]"


@pytest.mark.parametrize(
    ("state", "more", "words"),
    [
        ({"Type": "Nothing"}, {}, "unknown or missing Type"),
        ({"Next": "Later"}, {}, "malformed: KeyError"),
        ({"Type": "Choice", "Choices": [1]}, {}, "malformed: AttributeError"),
        ({"Type": "Succeed"}, {"mock": {"result": "1"}}, "can only be specified for Task"),
        ({"Type": "Succeed"}, {"context": "{}", "variables": "[]"}, "variables must be a JSON"),
        ({"Type": "Succeed"}, {"context": '{"Map": {}}'}, "only be specified with a mock"),
        (task(), {"mock": {"result": "1"}, "context": '{"Map": 1}'}, "context.Map must be"),
        (task(), {"mock": {"result": "nothing"}}, "mock.result is not JSON"),
        ("{", {}, "definition is not JSON"),
        (BULK, {"stateName": "Nothing"}, "no state Nothing"),
    ],
    ids=[
        "type",
        "no type",
        "choices",
        "mock",
        "variables",
        "context",
        "context member",
        "result",
        "JSON",
        "name",
    ],
)
def test_a_request_that_makes_no_sense_is_refused(
    cloud: Cloud, state: Any, more: dict[str, Any], words: str
) -> None:
    with pytest.raises(ClientError, match=words):
        tried(cloud, state, **more)


def test_nothing_of_a_trial_is_left_and_nobody_is_notified(cloud: Cloud) -> None:
    tried(cloud, {"Type": "Succeed"})
    assert cloud.sfn.list_state_machines()["stateMachines"] == []
    assert cloud.changes == []


def test_a_wait_takes_its_time_and_five_minutes_at_most(cloud: Cloud) -> None:
    before = cloud.clock.now()
    assert tried(cloud, jsonata("Wait", Seconds=200, End=True))["status"] == "SUCCEEDED"
    assert (cloud.clock.now() - before).total_seconds() == 200

    ended = tried(cloud, jsonata("Wait", Seconds=400, End=True))
    assert (ended["status"], ended["error"]) == ("FAILED", "States.Timeout")


def product_states(machine: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, state in machine["States"].items():
        yield name, state
        for _, inner in machines_inside(state):
            yield from product_states(inner)


VARIABLES = {
    "executionId": "id",
    "ingestion": {"Tags": {}, "DomainName": "d", "ObjectTypeName": "o", "Bucket": "b"},
    "nextList": {},
    "outcome": {},
    "page": {},
    "window": {"FlowName": "f", "FlowArn": "a", "Key": "k", "Filter": {}},
}
INPUT = {
    "FailureTexts": {},
    "Flow": {"KmsArn": "k", "SourceFlowConfig": {}, "Tasks": [], "WindowFilter": {}},
    "FlowName": "f",
    "Ingestion": VARIABLES["ingestion"],
    "Round": {},
    "Window": VARIABLES["window"],
}
TASKS = [
    pytest.param(text, name, state["Retry"][-1]["ErrorEquals"][0], id=f"{path.stem}-{name}")
    for path in sorted(MACHINES.glob("*.json"))
    for text in [path.read_text(encoding="utf-8")]
    for name, state in product_states(json.loads(text))
    if state["Type"] == "Task" and state.get("Retry")
]


@pytest.mark.parametrize(("definition", "name", "error"), TASKS)
def test_every_task_of_the_product_is_retried_for_what_it_names(
    cloud: Cloud, definition: str, name: str, error: str
) -> None:
    answer = tried(
        cloud,
        definition,
        INPUT,
        stateName=name,
        variables=json.dumps(VARIABLES),
        mock={"errorOutput": {"error": error, "cause": "It passes."}},
    )
    assert answer == {"status": "RETRIABLE", "error": error, "cause": "It passes."}
