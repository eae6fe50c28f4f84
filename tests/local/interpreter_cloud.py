"""A moto with the interpreter's gaps closed, and short ways to use it."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from moto import mock_aws

from local import clients, interpreter
from local.aws import functions
from local.clock import Clock

REGION = "us-east-1"
START = datetime(2026, 11, 23, 22, 0, 0, 123_000, tzinfo=UTC)
CONFIG = {"stepfunctions": {"execute_state_machine": True}, "lambda": {"use_docker": False}}
ROLE = "arn:aws:iam::123456789012:role/machine"
PASS = {"Type": "Pass", "End": True}


@dataclass
class Cloud:
    """The services, and what has happened to executions."""

    clock: Clock
    changes: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sfn: Any = clients.client("stepfunctions", REGION)
        self.s3: Any = clients.client("s3", REGION)
        self.s3.create_bucket(Bucket="bucket")
        self._machines = 0

    def machine(self, states: dict[str, Any], start: str | None = None, **top: Any) -> str:
        self._machines += 1
        definition = {
            "QueryLanguage": "JSONata",
            "StartAt": start or next(iter(states)),
            "States": states,
            **top,
        }
        machine = self.sfn.create_state_machine(
            name=f"machine-{self._machines}", definition=json.dumps(definition), roleArn=ROLE
        )
        return str(machine["stateMachineArn"])

    def start(self, machine: str, given: Any = None, **more: Any) -> str:
        execution = self.sfn.start_execution(
            stateMachineArn=machine, input=json.dumps({} if given is None else given), **more
        )
        return str(execution["executionArn"])

    def run(self, states: dict[str, Any], given: Any = None, **top: Any) -> dict[str, Any]:
        return self.ended(self.start(self.machine(states, **top), given))

    def ended(self, execution: str) -> dict[str, Any]:
        interpreter.wait_for(execution, seconds=50)
        described: dict[str, Any] = self.sfn.describe_execution(executionArn=execution)
        return described

    def output(self, states: dict[str, Any], given: Any = None, **top: Any) -> Any:
        ended = self.run(states, given, **top)
        assert ended["status"] == "SUCCEEDED", (ended.get("error"), ended.get("cause"))
        return json.loads(ended["output"])

    def events(self, execution: str) -> list[dict[str, Any]]:
        pages = self.sfn.get_paginator("get_execution_history").paginate(executionArn=execution)
        return [event for page in pages for event in page["events"]]

    def kinds(self, execution: str) -> list[str]:
        return [event["type"] for event in self.events(execution)]

    def map_run(self, execution: str) -> dict[str, Any]:
        (row,) = self.sfn.list_map_runs(executionArn=execution)["mapRuns"]
        described: dict[str, Any] = self.sfn.describe_map_run(mapRunArn=row["mapRunArn"])
        return described

    def children(self, execution: str, **chosen: Any) -> list[dict[str, Any]]:
        arn = self.map_run(execution)["mapRunArn"]
        pages = self.sfn.get_paginator("list_executions").paginate(mapRunArn=arn, **chosen)
        return [row for page in pages for row in page["executions"]]

    def function(self, name: str, handler: str, **variables: str) -> None:
        iam: Any = clients.client("iam", REGION)
        role = iam.create_role(RoleName=f"{name}-role", AssumeRolePolicyDocument="{}")
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("nothing", "")
        client: Any = clients.client("lambda", REGION)
        client.create_function(
            FunctionName=name,
            Handler=handler,
            Runtime="python3.12",
            Role=role["Role"]["Arn"],
            Timeout=60,
            Code={"ZipFile": code.getvalue()},
            Environment={"Variables": variables},
        )


@contextmanager
def cloud_as_on_aws(**limits: int) -> Iterator[Cloud]:
    clock = Clock(speed=None, start=START)
    with mock_aws(config=CONFIG), interpreter.installed(clock, **limits):
        functions.install(clock)
        try:
            cloud = Cloud(clock)
            interpreter.on_status_change(cloud.changes.append)
            yield cloud
        finally:
            functions.uninstall()


@contextmanager
def moto_as_shipped() -> Iterator[Cloud]:
    interpreter.uninstall()
    with mock_aws(config=CONFIG):
        yield Cloud(Clock(speed=None, start=START))


def sdk_task(service: str, action: str, arguments: Any, **more: Any) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": f"arn:aws:states:::aws-sdk:{service}:{action}",
        "Arguments": arguments,
        **({} if "Next" in more else {"End": True}),
        **more,
    }


def lambda_task(function: str, payload: Any, **more: Any) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": function, "Payload": payload},
        "Output": "{% $states.result.Payload %}",
        **({} if "Next" in more else {"End": True}),
        **more,
    }


def distributed_map(states: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "Type": "Map",
        "Label": "Children",
        "MaxConcurrency": 5,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": next(iter(states)),
            "States": states,
        },
        **({} if "Next" in more else {"End": True}),
        **more,
    }
