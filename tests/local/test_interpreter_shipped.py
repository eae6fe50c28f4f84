"""The gaps of moto as shipped. A test that fails here says that one was fixed upstream.

Then the function of ``local/interpreter`` that closes it can go. Most gaps are shown by the tests
of what AWS does instead: those that are marked with ``needs`` run again without the function.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import (
    CustomErrorName,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_aws_sdk import (  # noqa: E501
    StateTaskServiceAwsSdk,
)
from moto.stepfunctions.responses import StepFunctionResponse

from local import clients, interpreter
from tests.local.interpreter_cloud import PASS, REGION, Cloud, moto_as_shipped
from tests.local.replacements import ADAPTATIONS, names


@pytest.fixture
def shipped() -> Iterator[Cloud]:
    with moto_as_shipped() as cloud:
        yield cloud


def run(cloud: Cloud, states: dict[str, Any], given: Any = None, **more: Any) -> dict[str, Any]:
    execution = cloud.start(cloud.machine(states, QueryLanguage="JSONPath"), given, **more)
    for _ in range(10_000):
        described: dict[str, Any] = cloud.sfn.describe_execution(executionArn=execution)
        if described["status"] != "RUNNING":
            return described
    raise TimeoutError(execution)


@pytest.mark.shipped("executions.api.describe_executions")
def test_an_output_that_is_a_json_string_comes_unquoted(shipped: Cloud) -> None:
    assert run(shipped, {"P": PASS}, "text")["output"] == "text"


def test_an_execution_without_a_name_is_called_none(shipped: Cloud) -> None:
    assert run(shipped, {"P": PASS})["executionArn"].endswith(":None")


def test_there_is_no_redrive(shipped: Cloud) -> None:
    ended = run(shipped, {"F": {"Type": "Fail", "Error": "E"}}, name="failed")
    with pytest.raises(NotImplementedError):
        shipped.sfn.redrive_execution(executionArn=ended["executionArn"])


def test_the_start_time_is_no_json_value(shipped: Cloud) -> None:
    tell = {**PASS, "Parameters": {"start.$": "$$.Execution.StartTime"}}
    with pytest.raises(TypeError, match="datetime is not JSON serializable"):
        run(shipped, {"P": tell})


def test_states_all_catches_everything(shipped: Cloud) -> None:
    big = {
        "Type": "Map",
        "ItemsPath": "$.items",
        "ItemProcessor": {
            "StartAt": "P",
            "States": {"P": {**PASS, "Parameters": {"v.$": "$$.Execution.Input.absent"}}},
        },
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "After"}],
        "End": True,
    }
    ended = run(shipped, {"Map": big, "After": PASS}, {"items": [1]})
    assert ended["status"] == "SUCCEEDED"  # States.Runtime was caught


def test_service_errors_have_the_apis_casing() -> None:
    assert StateTaskServiceAwsSdk._normalise_service_error_name("appflow") == "appflow"
    assert (
        StateTaskServiceAwsSdk._normalise_service_error_name("customerprofiles")
        == "customerprofiles"
    )


@pytest.mark.shipped("definition.parsing.accept_any_error_name")
def test_an_error_with_a_reserved_name_cannot_leave_a_branch() -> None:
    with pytest.raises(ValueError, match="MUST NOT begin"):
        CustomErrorName("States.QueryEvaluationError")


def test_lambda_echoes(shipped: Cloud) -> None:
    shipped.function("echo", "nothing.handler")
    client: Any = clients.client("lambda", REGION)
    answer = client.invoke(FunctionName="echo", Payload=b'{"a": 1}')
    assert json.loads(answer["Payload"].read()) == {"a": 1}


def test_an_inner_scope_may_take_the_name_of_an_outer_variable(shipped: Cloud) -> None:
    assign = {**PASS, "Assign": {"name": 1}}
    branch = {"StartAt": "Inner", "States": {"Inner": assign}}
    parallel = {"Type": "Parallel", "Branches": [branch], "End": True}
    states = {"Outer": {**assign, "Next": "Both"}, "Both": parallel}
    del states["Outer"]["End"]
    assert shipped.machine(states, QueryLanguage="JSONPath")


@pytest.mark.shipped("states.tokens.answer_as_aws_does")
def test_a_token_that_was_used_is_as_invalid_as_none(shipped: Cloud) -> None:
    ask = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:s3:putObject.waitForTaskToken",
        "Parameters": {"Bucket": "bucket", "Key": "token", "Body.$": "$$.Task.Token"},
        "End": True,
    }
    execution = shipped.start(shipped.machine({"Ask": ask}, QueryLanguage="JSONPath"))
    while not shipped.s3.list_objects_v2(Bucket="bucket")["KeyCount"]:
        pass
    token = shipped.s3.get_object(Bucket="bucket", Key="token")["Body"].read().decode()
    shipped.sfn.send_task_success(taskToken=token.strip('"'), output="{}")
    while shipped.sfn.describe_execution(executionArn=execution)["status"] == "RUNNING":
        pass
    with pytest.raises(ClientError) as refused:
        shipped.sfn.send_task_success(taskToken=token.strip('"'), output="{}")
    assert refused.value.response["Error"]["Code"] == "InvalidToken"


def test_each_gap_has_a_test_that_fails_when_moto_closes_it() -> None:
    modules = Path(__file__).parent.glob("test_*.py")
    shown = {
        name
        for module in modules
        for name in re.findall(r'@pytest\.mark\.(?:needs|shipped)\("(.*)"\)', module.read_text())
    }
    assert shown | ADAPTATIONS == names(interpreter.REPLACEMENTS).keys()
    assert not shown & ADAPTATIONS


def test_moto_has_no_test_state_nor_validation_of_its_own() -> None:
    interpreter.uninstall()
    for operation in ("test_state", "validate_state_machine_definition"):
        assert not hasattr(StepFunctionResponse, operation)
