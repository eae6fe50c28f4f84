"""Lambda functions invoked in process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import clients
from local.aws import runtime
from tests.local.interpreter_cloud import REGION, Cloud, cloud_as_on_aws, lambda_task

HANDLERS = """
import os
from local import caller

def tell(event, context):
    return {
        "event": event,
        "variable": os.environ.get("GREETING"),
        "role": caller.role.get(),
        "name": context.function_name,
        "arn": context.invoked_function_arn,
        "memory": context.memory_limit_in_mb,
        "left": context.get_remaining_time_in_millis(),
        "request": bool(context.aws_request_id),
    }

class Refused(Exception):
    pass

def refuse(event, context):
    raise Refused("because")

def odd(event, context):
    return object()
"""


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    monkeypatch.setattr(runtime, "FOLDER", tmp_path)
    (tmp_path / "some_handlers.py").write_text(HANDLERS)
    monkeypatch.syspath_prepend(str(tmp_path))
    with cloud_as_on_aws() as cloud:
        yield cloud


def invoke(name: str, event: Any = None) -> tuple[Any, dict[str, Any]]:
    client: Any = clients.client("lambda", REGION)
    answer = client.invoke(FunctionName=name, Payload=json.dumps(event))
    return json.loads(answer["Payload"].read()), answer


def test_the_handler_runs_with_the_functions_configuration(cloud: Cloud) -> None:
    # Given a function as deployed
    cloud.function("tell", "some_handlers.tell", GREETING="hello")
    # When it is invoked
    told, answer = invoke("tell", {"a": 1})
    # Then its handler has its event, variables, role and context
    assert "FunctionError" not in answer
    assert told == {
        "event": {"a": 1},
        "variable": "hello",
        "role": "arn:aws:iam::123456789012:role/tell-role",
        "name": "tell",
        "arn": "arn:aws:lambda:us-east-1:123456789012:function:tell",
        "memory": 128,
        "left": 60_000,
        "request": True,
    }


def test_functions_with_different_variables_take_turns(cloud: Cloud) -> None:
    cloud.function("one", "some_handlers.tell", GREETING="one")
    cloud.function("two", "some_handlers.tell", GREETING="two")
    cloud.function("none", "some_handlers.tell")
    said = [invoke(name)[0]["variable"] for name in ("one", "two", "none", "one")]
    assert said == ["one", "two", None, "one"]


def test_an_exception_is_reported_as_the_runtime_does(cloud: Cloud) -> None:
    cloud.function("refuse", "some_handlers.refuse")
    report, answer = invoke("refuse")
    assert answer["FunctionError"] == "Unhandled"
    assert (report["errorType"], report["errorMessage"]) == ("Refused", "because")
    assert "in refuse" in report["stackTrace"][0]


@pytest.mark.parametrize(
    ("handler", "error"),
    [
        ("no_such_module.handler", "Runtime.ImportModuleError"),
        ("some_handlers.absent", "Runtime.HandlerNotFound"),
        ("some_handlers.odd", "Runtime.MarshalError"),
    ],
)
def test_what_the_runtime_itself_refuses(cloud: Cloud, handler: str, error: str) -> None:
    cloud.function("odd", handler)
    assert invoke("odd")[0]["errorType"] == error


def test_a_state_machine_gets_the_payload_or_the_error(cloud: Cloud) -> None:
    cloud.function("tell", "some_handlers.tell", GREETING="hello")
    cloud.function("refuse", "some_handlers.refuse")
    output = cloud.output({"Call": lambda_task("tell", "{% $states.input %}")}, {"a": 1})
    assert (output["event"], output["variable"]) == ({"a": 1}, "hello")
    ended = cloud.run({"Call": lambda_task("refuse", {})})
    assert ended["error"] == "Refused"
    assert json.loads(ended["cause"])["errorMessage"] == "because"
