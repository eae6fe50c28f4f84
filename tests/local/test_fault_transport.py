"""Calls that fail in transport: in clients, in functions, and in state machines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore import exceptions
from moto import mock_aws

from local.aws import runtime
from local.caller import acting_as
from local.faults import faults, interception, spec, transport
from local.services import installation
from local.services.simulation import Knobs
from tests.local.interpreter_cloud import (
    PASS,
    ROLE,
    cloud_as_on_aws,
    distributed_map,
    lambda_task,
    sdk_task,
)
from tests.local.interpreter_cloud import Cloud as Machines
from tests.local.services_cloud import Cloud as Services
from tests.local.services_cloud import flow

MAY_HAVE_BEEN_SENT = [name for name in transport.NAMES if transport.may_have_been_sent(name)]
HANDLERS = """
import boto3

def put(event, context):
    boto3.client("s3").put_object(Bucket="bucket", Key="by-function", Body=b"x")
"""


def ask(**fault: Any) -> None:
    faults.install({"Faults": [fault]})


@pytest.fixture
def services() -> Iterator[Services]:
    with mock_aws():
        cloud = Services(Knobs())
        with interception.possible(cloud.clock):
            yield cloud
        faults.clear()


@pytest.fixture
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machines]:
    monkeypatch.setattr(runtime, "FOLDER", tmp_path)
    (tmp_path / "putting.py").write_text(HANDLERS)
    monkeypatch.syspath_prepend(str(tmp_path))
    with cloud_as_on_aws() as cloud, interception.possible(cloud.clock):
        installation.install(cloud.clock)
        cloud.function("put", "putting.put")
        yield cloud
        faults.clear()


def keys(cloud: Machines) -> list[str]:
    listed = cloud.s3.list_objects_v2(Bucket="bucket").get("Contents", [])
    return [entry["Key"] for entry in listed]


class TestClients:
    @pytest.mark.parametrize("name", transport.NAMES)
    def test_raise_botocores_error_and_nothing_happened(
        self, services: Services, name: str
    ) -> None:
        ask(Operation="appflow:CreateFlow", Transport=name)
        with acting_as(ROLE), pytest.raises(getattr(exceptions, name)) as raised:
            services.appflow.create_flow(**flow("contacts"))
        assert type(raised.value).__name__ == name
        assert services.appflow.list_flows()["flows"] == []

    @pytest.mark.parametrize("name", MAY_HAVE_BEEN_SENT)
    def test_raise_it_after_the_call_took_effect(self, services: Services, name: str) -> None:
        ask(Operation="appflow:CreateFlow", Transport=name, Moment="After")
        with acting_as(ROLE), pytest.raises(getattr(exceptions, name)):
            services.appflow.create_flow(**flow("contacts"))
        (created,) = services.appflow.list_flows()["flows"]
        assert created["flowName"] == "contacts"

    @pytest.mark.parametrize(("moment", "left"), [("Before", []), ("After", ["file"])])
    def test_of_motos_own_services_fail_in_the_same_way(
        self, machines: Machines, moment: str, left: list[str]
    ) -> None:
        ask(Operation="s3:PutObject", Transport="ReadTimeoutError", Moment=moment)
        with acting_as(ROLE), pytest.raises(exceptions.ReadTimeoutError):
            machines.s3.put_object(Bucket="bucket", Key="file", Body=b"x")
        assert keys(machines) == left

    def test_without_a_role_never_fail_in_transport(self, services: Services) -> None:
        ask(Operation="appflow:ListFlows", Transport="ReadTimeoutError")
        assert services.appflow.list_flows()["flows"] == []
        assert faults.status()["Faults"][0]["Struck"] == 0


class TestFunctions:
    def test_report_the_class_of_an_error_that_no_handler_catches(self, machines: Machines) -> None:
        ask(Operation="s3:PutObject", Transport="ReadTimeoutError", Moment="After")
        ended = machines.run({"Put": lambda_task("put", {})})
        assert ended["error"] == "ReadTimeoutError"
        assert json.loads(ended["cause"])["errorType"] == "ReadTimeoutError"
        assert keys(machines) == ["by-function"]

    def test_whose_client_gets_an_answer_in_the_end_succeed(self, machines: Machines) -> None:
        ask(Operation="s3:PutObject", Transport="ConnectTimeoutError", Times=2)
        assert machines.run({"Put": lambda_task("put", {})})["status"] == "SUCCEEDED"
        assert faults.status()["Faults"][0]["Struck"] == 2


class TestStateMachines:
    @pytest.mark.parametrize("name", transport.NAMES)
    def test_name_it_sdk_client_exception(self, machines: Machines, name: str) -> None:
        ask(Operation="appflow:DescribeFlow", Transport=name)
        task = sdk_task("appflow", "describeFlow", {"FlowName": "contacts"})
        ended = machines.run({"Describe": task})
        assert ended["error"] == "Appflow.SdkClientException"
        assert ended["cause"].startswith("Unable to execute HTTP request: ")

    @pytest.mark.parametrize(("moment", "left"), [("Before", []), ("After", ["file"])])
    def test_can_catch_it(self, machines: Machines, moment: str, left: list[str]) -> None:
        ask(Operation="s3:PutObject", Transport="ReadTimeoutError", Moment=moment)
        task = sdk_task(
            "s3",
            "putObject",
            {"Bucket": "bucket", "Key": "file", "Body": "x"},
            Catch=[{"ErrorEquals": ["S3.SdkClientException"], "Next": "After"}],
        )
        assert machines.run({"Put": task, "After": PASS})["status"] == "SUCCEEDED"
        assert keys(machines) == left

    @pytest.mark.parametrize(("moment", "left"), [("Before", []), ("After", ["by-function"])])
    def test_name_it_so_for_lambda_as_well(
        self, machines: Machines, moment: str, left: list[str]
    ) -> None:
        ask(Operation="lambda:Invoke", Transport="ConnectionClosedError", Moment=moment)
        ended = machines.run({"Put": lambda_task("put", {})})
        assert ended["error"] == "Lambda.SdkClientException"
        assert keys(machines) == left

    def test_cannot_read_a_maps_items(self, machines: Machines) -> None:
        ask(Operation="s3:GetObject", Transport="ReadTimeoutError")
        reader = {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSON"},
            "Arguments": {"Bucket": "bucket", "Key": "items.json"},
        }
        machines.s3.put_object(Bucket="bucket", Key="items.json", Body=b"[1]")
        ended = machines.run({"Map": distributed_map({"Pass": PASS}, ItemReader=reader)})
        assert ended["error"] == "States.ItemReaderFailed"
        assert "Read timeout" in ended["cause"]


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        (
            {"Transport": "ReadTimeout"},
            f'Faults[0].Transport: cannot be "ReadTimeout"; give one of '
            f"{', '.join(transport.NAMES)}",
        ),
        (
            {"Transport": "ConnectTimeoutError", "Moment": "After"},
            "Faults[0]: ConnectTimeoutError is always Before: the request is not sent",
        ),
        (
            {"Transport": "ReadTimeoutError", "Error": "InternalServerException"},
            "Faults[0]: Transport excludes Error and Message: nothing is answered",
        ),
    ],
)
def test_a_spec_that_makes_no_sense_is_refused(fault: dict[str, Any], problem: str) -> None:
    with pytest.raises(spec.InvalidFaults) as refused:
        spec.parse({"Faults": [{"Operation": "appflow:StartFlow", **fault}]})
    assert refused.value.problems == [problem]
