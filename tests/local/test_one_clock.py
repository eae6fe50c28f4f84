"""Whatever a client sees is simulated time: answers of every service, headers, and logs."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import boto3
import pytest

from bulk_ingestion.aws import observability
from local.clock import Clock
from local.cloud import Cloud, embedded_cloud
from local.server import serving
from tests.machine.machine import Machine, event

START = datetime(2031, 5, 1, tzinfo=UTC)
CALLS: list[tuple[str, str, dict[str, str]]] = [
    ("appflow", "list_flows", {}),
    ("appflow", "describe_connector_profiles", {}),
    ("cloudformation", "describe_stacks", {}),
    ("cloudwatch", "describe_alarms", {}),
    ("cloudwatch", "list_dashboards", {}),
    ("customer-profiles", "list_domains", {}),
    ("customer-profiles", "list_integrations", {"DomainName": "acme"}),
    ("customer-profiles", "list_profile_object_types", {"DomainName": "acme"}),
    ("events", "list_rules", {}),
    ("iam", "list_roles", {}),
    ("lambda", "list_functions", {}),
    ("logs", "describe_log_groups", {}),
    ("s3", "list_buckets", {}),
    ("s3", "list_objects_v2", {"Bucket": "{bucket}"}),
    ("s3", "head_object", {"Bucket": "{bucket}", "Key": "runs/first/report.json"}),
    ("scheduler", "list_schedules", {}),
    ("sns", "list_topics", {}),
    ("sqs", "list_queues", {}),
    ("stepfunctions", "list_state_machines", {}),
    ("stepfunctions", "describe_state_machine", {"stateMachineArn": "{machine}"}),
    ("stepfunctions", "list_executions", {"stateMachineArn": "{machine}"}),
]
UNDATED = {"sns", "sqs", "events", "scheduler"}
"""The services whose answers here have no dates; the header has."""


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[str, Cloud]]:
    """The endpoint of a cloud in which an import has run."""
    with embedded_cloud(Clock(start=START), {"LogLevel": "ERROR"}) as cloud:
        machine = Machine(cloud)
        machine.wait(machine.start({**event(), "ImportFrom": "P3M"}, "first"))
        with serving(cloud) as endpoint:
            yield endpoint, cloud


def dates(value: Any) -> Iterator[datetime]:
    """Find the dates in an answer; a Lambda function's and a log group's are not datetimes."""
    if isinstance(value, dict):
        for key, member in value.items():
            if key == "creationTime":
                yield datetime.fromtimestamp(member / 1000, UTC)
            elif key == "LastModified" and isinstance(member, str):
                yield datetime.fromisoformat(member)
            else:
                yield from dates(member)
    elif isinstance(value, list):
        for member in value:
            yield from dates(member)
    elif isinstance(value, datetime):
        yield value


@pytest.mark.parametrize(
    ("service", "operation", "asked"), CALLS, ids=[f"{call[0]} {call[1]}" for call in CALLS]
)
def test_answers_and_their_headers_are_dated_by_the_clock(
    served: tuple[str, Cloud], service: str, operation: str, asked: dict[str, str]
) -> None:
    endpoint, cloud = served
    names = {"bucket": cloud.stack.runs_bucket, "machine": cloud.stack.state_machine_arn}
    session = boto3.Session("local", "local", region_name="us-east-1")
    client: Any = session.client(service, endpoint_url=endpoint)  # type: ignore[call-overload]
    answer = getattr(client, operation)(**{k: v.format(**names) for k, v in asked.items()})
    header = answer.pop("ResponseMetadata")["HTTPHeaders"]["date"]
    found = [parsedate_to_datetime(header), *dates(answer)]
    assert {moment.year for moment in found} == {START.year}
    assert len(found) > 1 or service in UNDATED


@pytest.mark.usefixtures("served")
def test_logs_are_dated_by_the_clock() -> None:
    handler: Any = observability.logger.registered_handler
    record = logging.LogRecord("bulk", logging.ERROR, "", 1, "It is late.", None, None)
    assert handler.filter(record)
    line = json.loads(handler.format(record))
    assert line["timestamp"].startswith("2031-05-01")
