"""AWS SDK integrations on moto's interpreter with its gaps closed."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from local import caller
from local.interpreter.integrations import casing, clients, sdk
from tests.local.interpreter_cloud import PASS, ROLE, Cloud, cloud_as_on_aws, sdk_task


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with cloud_as_on_aws() as cloud:
        yield cloud


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Any]]:
    """Let AppFlow and Customer Profiles answer so, and tell what they were asked."""
    real = BaseClient._make_api_call  # type: ignore[attr-defined]

    def answer(response: Any) -> list[Any]:
        asked: list[Any] = []

        def call(self: Any, operation: str, request: dict[str, Any]) -> Any:
            service = self.meta.service_model.service_name
            if service not in ("appflow", "customer-profiles"):
                return real(self, operation, request)
            asked.append((service, operation, copy.deepcopy(request), caller.role.get()))
            if isinstance(response, Exception):
                raise response
            return response

        monkeypatch.setattr(BaseClient, "_make_api_call", call)
        return asked

    return answer


def refusal(code: str, operation: str = "CreateFlow") -> ClientError:
    metadata: Any = {"HTTPStatusCode": 409, "RequestId": "r-1"}
    return ClientError(
        {"Error": {"Code": code, "Message": "No."}, "ResponseMetadata": metadata}, operation
    )


class TestNames:
    @pytest.mark.parametrize(
        ("api", "states"),
        [
            ("flowName", "FlowName"),
            ("ETag", "ETag"),
            ("SSEKMSKeyId", "SsekmsKeyId"),
            ("ChecksumCRC32", "ChecksumCrc32"),
            ("kmsArn", "KmsArn"),
            ("Uri", "Uri"),
        ],
    )
    def test_members_are_named_as_the_java_sdk_names_them(self, api: str, states: str) -> None:
        assert casing.pascal(api) == states

    @pytest.mark.parametrize(
        ("service", "operation", "code", "name"),
        [
            ("appflow", "CreateFlow", "ConflictException", "Appflow.ConflictException"),
            ("appflow", "CreateFlow", "ThrottlingException", "Appflow.ThrottlingException"),
            ("appflow", "StartFlow", "ThrottlingException", "Appflow.AppflowException"),
            ("appflow", "StartFlow", "SomethingNew", "Appflow.AppflowException"),
            (
                "customer-profiles",
                "PutIntegration",
                "BadRequestException",
                "CustomerProfiles.BadRequestException",
            ),
            ("s3", "GetObject", "NoSuchKey", "S3.NoSuchKeyException"),
            ("s3", "GetObject", "AccessDenied", "S3.S3Exception"),
        ],
    )
    def test_errors(self, service: str, operation: str, code: str, name: str) -> None:
        modelled = {
            shape.name
            for shape in clients.service_model(service).operation_model(operation).error_shapes
        }
        expected = name
        if code == "ThrottlingException" and code not in modelled:
            expected = "Appflow.AppflowException"
        assert sdk.error_name(refusal(code), service, operation) == expected


class TestCalls:
    def test_arguments_and_responses_are_in_pascal_case(
        self, cloud: Cloud, answering: Callable[..., list[Any]]
    ) -> None:
        # Given AppFlow with camelCase fields, times, and an answer that it keeps
        created = datetime(2026, 1, 1, tzinfo=UTC)
        kept = {
            "flowName": "f",
            "createdAt": created,
            "lastUpdatedAt": created.replace(microsecond=120_000),
            "tags": {"camelKey": "v"},
            "tasks": [{"sourceFields": ["Id"], "taskType": "Filter"}],
        }
        as_kept = copy.deepcopy(kept)
        asked = answering(kept)
        # When a state describes a flow
        task = sdk_task("appflow", "describeFlow", {"FlowName": "{% $states.input %}"})
        output = cloud.output({"Describe": task}, "f")
        # Then it speaks PascalCase and ISO 8601; the API camelCase; keys of maps are left alone
        assert asked == [("appflow", "DescribeFlow", {"flowName": "f"}, ROLE)]
        assert output == {
            "FlowName": "f",
            "CreatedAt": "2026-01-01T00:00:00Z",
            "LastUpdatedAt": "2026-01-01T00:00:00.120Z",
            "Tags": {"camelKey": "v"},
            "Tasks": [{"SourceFields": ["Id"], "TaskType": "Filter"}],
        }
        # and what the service keeps is as it was
        assert kept == as_kept

    def test_customerprofiles_is_customer_profiles(
        self, cloud: Cloud, answering: Callable[..., list[Any]]
    ) -> None:
        asked = answering({"DomainName": "d"})
        task = sdk_task("customerprofiles", "getDomain", {"DomainName": "d"})
        assert cloud.output({"Get": task}) == {"DomainName": "d"}
        assert asked == [("customer-profiles", "GetDomain", {"DomainName": "d"}, ROLE)]

    @pytest.mark.needs("integrations.sdk.name_errors_as_aws_does")
    def test_errors_meet_the_retries_that_name_them(
        self, cloud: Cloud, answering: Callable[..., list[Any]]
    ) -> None:
        asked = answering(refusal("ConflictException"))
        retry = [{"ErrorEquals": ["Appflow.ConflictException"], "MaxAttempts": 2}]
        task = sdk_task(
            "appflow", "deleteFlow", {"FlowName": "f", "ForceDelete": True}, Retry=retry
        )
        ended = cloud.run({"Delete": task})
        assert ended["error"] == "Appflow.ConflictException"
        assert "No. (Service: Appflow, Status Code: 409" in ended["cause"]
        assert len(asked) == 3

    @pytest.mark.parametrize(
        "arguments",
        [
            "{% {'flowName': 'f'} %}",  # camelCase
            "{% {'FlowName': 1} %}",  # not a string
            "{% {} %}",  # a field is missing
        ],
    )
    def test_arguments_that_the_api_does_not_take_fail_the_state(
        self, cloud: Cloud, answering: Callable[..., list[Any]], arguments: str
    ) -> None:
        answering(refusal("ParamValidationError"))
        ended = cloud.run({"Describe": sdk_task("appflow", "describeFlow", arguments)})
        assert ended["status"] == "FAILED"
        if "flowName" in arguments:
            assert ended["error"] == "States.Runtime"

    def test_s3_writes_json_and_reads_text(self, cloud: Cloud) -> None:
        put = sdk_task(
            "s3",
            "putObject",
            {"Bucket": "bucket", "Key": "k", "Body": {"a": [1, None]}},
            Next="Get",
        )
        get = sdk_task(
            "s3", "getObject", {"Bucket": "bucket", "Key": "k"}, Output="{% $states.result.Body %}"
        )
        assert json.loads(cloud.output({"Put": put, "Get": get})) == {"a": [1, None]}

    def test_real_validation_is_on(self, cloud: Cloud) -> None:
        task = sdk_task("s3", "getObject", "{% {'Bucket': 'bucket', 'Key': 1} %}")
        assert cloud.run({"Get": task})["error"] == "States.Runtime"

    def test_a_result_that_is_too_large(
        self, cloud: Cloud, answering: Callable[..., list[Any]]
    ) -> None:
        answering({"flowName": "x" * 300_000})
        task = sdk_task("appflow", "describeFlow", {"FlowName": "f"}, Output="{% 'small' %}")
        assert cloud.run({"Describe": task})["error"] == "States.DataLimitExceeded"

    def test_a_call_that_takes_too_long(
        self, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Given an API that answers after an hour
        def slow(self: Any, operation: str, request: dict[str, Any]) -> Any:
            cloud.clock.sleep(3600)
            return {}

        real = BaseClient._make_api_call  # type: ignore[attr-defined]
        monkeypatch.setattr(
            BaseClient,
            "_make_api_call",
            lambda self, *a: (
                slow(self, *a)
                if self.meta.service_model.service_name == "appflow"
                else real(self, *a)
            ),
        )
        task = sdk_task(
            "appflow",
            "describeFlow",
            {"FlowName": "f"},
            TimeoutSeconds=60,
            Catch=[{"ErrorEquals": ["States.Timeout"], "Next": "After"}],
        )
        ended = cloud.run({"Describe": task, "After": PASS})
        assert ended["status"] == "SUCCEEDED"
        assert (ended["stopDate"] - ended["startDate"]).total_seconds() == 60
