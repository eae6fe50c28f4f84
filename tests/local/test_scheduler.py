"""EventBridge Scheduler in the embedded cloud: when schedules start what, and in whose name."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from pathlib import Path
from queue import Queue
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from moto.scheduler.exceptions import ValidationException

from local import server
from local.aws import schedules
from local.clock import Clock
from local.cloud import Cloud, embedded_cloud
from local.stack import stack
from local.stack.stack import Stack

NOW = datetime(2026, 11, 23, 22, tzinfo=UTC)
PASS = {"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": {"Type": "Succeed"}}}
TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  MachineRole:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement:
          - {Effect: Allow, Action: sts:AssumeRole, Principal: {Service: states.amazonaws.com}}
  ScheduleRole:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement:
          - {Effect: Allow, Action: sts:AssumeRole, Principal: {Service: scheduler.amazonaws.com}}
      Policies:
        - PolicyName: Start
          PolicyDocument:
            Version: "2012-10-17"
            Statement:
              - {Effect: Allow, Action: states:StartExecution, Resource: !Ref Machine}
              - {Effect: Allow, Action: sqs:SendMessage, Resource: !GetAtt Letters.Arn}
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      Name: !Sub ${AWS::StackName}-machine
      DefinitionUri: pass.asl.json
      Role: !GetAtt MachineRole.Arn
  Letters: {Type: AWS::SQS::Queue}
"""


def times(
    expression: str, timezone: str = "UTC", since: datetime = NOW, many: int = 3
) -> list[str]:
    """List the first times of a schedule, in UTC."""
    next_after = schedules.read(expression, timezone, since)
    found: list[str] = []
    at: datetime | None = since - timedelta(microseconds=1)
    while at is not None and len(found) < many and (at := next_after(at)):
        found.append(at.strftime("%Y-%m-%dT%H:%M"))
    return found


@pytest.mark.parametrize(
    ("expression", "timezone", "expected"),
    [
        ("rate(1 hour)", "UTC", ["2026-11-23T22:00", "2026-11-23T23:00", "2026-11-24T00:00"]),
        ("rate(30 days)", "UTC", ["2026-11-23T22:00", "2026-12-23T22:00", "2027-01-22T22:00"]),
        ("at(2026-12-01T02:00:00)", "UTC", ["2026-12-01T02:00"]),
        ("at(2026-12-01T02:00:00)", "Europe/Vienna", ["2026-12-01T01:00"]),
        ("at(2026-11-01T02:00:00)", "UTC", []),
        ("at(2027-03-28T02:30:00)", "Europe/Vienna", []),
        (
            "cron(30 2 * * ? *)",
            "Europe/Vienna",
            ["2026-11-24T01:30", "2026-11-25T01:30", "2026-11-26T01:30"],
        ),
        (
            "cron(0 9 ? * MON-FRI *)",
            "America/New_York",
            ["2026-11-24T14:00", "2026-11-25T14:00", "2026-11-26T14:00"],
        ),
        (
            "cron(0 0 L * ? *)",
            "UTC",
            ["2026-11-30T00:00", "2026-12-31T00:00", "2027-01-31T00:00"],
        ),
        (
            "cron(0 0 1W * ? *)",
            "UTC",
            ["2026-12-01T00:00", "2027-01-01T00:00", "2027-02-01T00:00"],
        ),
        (
            "cron(0 0 ? * 2#1 *)",
            "UTC",
            ["2026-12-07T00:00", "2027-01-04T00:00", "2027-02-01T00:00"],
        ),
        ("cron(15 12 24 12 ? 2026)", "UTC", ["2026-12-24T12:15"]),
        ("cron(0 0 29 2 ? *)", "UTC", ["2028-02-29T00:00", "2032-02-29T00:00", "2036-02-29T00:00"]),
    ],
)
def test_an_expression_has_the_times_that_eventbridge_scheduler_gives_it(
    expression: str, timezone: str, expected: list[str]
) -> None:
    assert times(expression, timezone) == expected


def test_an_hour_that_the_clock_skips_has_no_times_and_one_that_it_repeats_has_them_once() -> None:
    spring = datetime(2027, 3, 27, 12, tzinfo=UTC)
    assert times("cron(30 2 * * ? *)", "Europe/Vienna", spring, 2) == [
        "2027-03-29T00:30",
        "2027-03-30T00:30",
    ]
    autumn = datetime(2027, 10, 30, 12, tzinfo=UTC)
    assert times("cron(30 2 * * ? *)", "Europe/Vienna", autumn, 2) == [
        "2027-10-31T00:30",
        "2027-11-01T01:30",
    ]


@given(
    st.integers(0, 59),
    st.integers(0, 23),
    st.sampled_from(["UTC", "Europe/Vienna", "America/New_York", "Australia/Lord_Howe"]),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)),
)
def test_a_daily_time_comes_once_a_day_whatever_the_clocks_do(
    minute: int, hour: int, timezone: str, since: datetime
) -> None:
    found = times(f"cron({minute} {hour} * * ? *)", timezone, since.replace(tzinfo=UTC), 4)

    days = [datetime.fromisoformat(at) for at in found]
    gaps = {round((b - a) / timedelta(days=1)) for a, b in pairwise(days)}
    assert gaps <= {1, 2}  # two where one day's time is skipped
    assert sum(b - a > timedelta(days=1.5) for a, b in pairwise(days)) <= 1


@pytest.mark.parametrize(
    ("expression", "timezone"),
    [
        ("rate(0 hours)", "UTC"),
        ("rate(1hours)", "UTC"),
        ("rate(1 week)", "UTC"),
        ("at(2026-12-01)", "UTC"),
        ("at(2026-13-01T00:00:00)", "UTC"),
        ("cron(0 0 * * *)", "UTC"),
        ("cron(0 0 1 * MON *)", "UTC"),
        ("cron(0 25 * * ? *)", "UTC"),
        ("every night", "UTC"),
        ("rate(1 hour)", "Europe/Wien"),
        ("rate(1 hour)", "../etc"),
    ],
)
def test_an_expression_that_says_nothing_is_refused(expression: str, timezone: str) -> None:
    with pytest.raises(ValidationException):
        schedules.read(expression, timezone, NOW)


# Schedules of a cloud ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with embedded_cloud(Clock(start=NOW), {"LogLevel": "ERROR"}) as cloud:
        scheduler = cloud.client("scheduler")
        for listed in scheduler.list_schedules()["Schedules"]:
            scheduler.delete_schedule(Name=listed["Name"])
        yield cloud


numbers = count()


class Deployed:
    """A machine that schedules start, in a stack of its own."""

    def __init__(self, cloud: Cloud, deployed: Stack) -> None:
        self.cloud = cloud
        self.began = cloud.clock.now()
        self.resources = deployed.resources
        self.name = deployed.name
        self.scheduler = cloud.client("scheduler")

    def schedule(self, expression: str, **more: Any) -> dict[str, Any]:
        target = {
            "Arn": self.resources["Machine"].arn,
            "RoleArn": self.resources["ScheduleRole"].arn,
            "Input": '{"At": "<aws.scheduler.scheduled-time>"}',
            "DeadLetterConfig": {"Arn": self.resources["Letters"].attributes["Arn"]},
            **more.pop("Target", {}),
        }
        return {
            "Name": self.name,
            "ScheduleExpression": expression,
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {key: value for key, value in target.items() if value is not None},
            **more,
        }

    def create(self, expression: str, **more: Any) -> None:
        self.scheduler.create_schedule(**self.schedule(expression, **more))

    def live(self, **period: float) -> None:
        self.cloud.live(timedelta(**period))
        self.cloud.targets.settle()

    def executions(self) -> list[dict[str, Any]]:
        states = self.cloud.client("stepfunctions")
        pages = states.get_paginator("list_executions").paginate(
            stateMachineArn=self.resources["Machine"].arn
        )
        arns = [e["executionArn"] for page in pages for e in page["executions"]]
        return [states.describe_execution(executionArn=arn) for arn in reversed(arns)]

    def started(self) -> list[timedelta]:
        """Tell when executions started, since the beginning."""
        return [execution["startDate"] - self.began for execution in self.executions()]

    def letters(self) -> list[dict[str, Any]]:
        received = self.cloud.client("sqs").receive_message(
            QueueUrl=self.resources["Letters"].physical_id,
            MessageAttributeNames=["All"],
            MaxNumberOfMessages=10,
        )
        letters: list[dict[str, Any]] = received.get("Messages", [])
        return letters


@pytest.fixture
def deployed(cloud: Cloud, tmp_path: Path) -> Iterator[Deployed]:
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    (tmp_path / "pass.asl.json").write_text(json.dumps(PASS))
    name = f"stack-{next(numbers)}"
    made = Deployed(cloud, stack.deploy({}, name, path=tmp_path / "template.yaml"))
    yield made
    for listed in made.scheduler.list_schedules(NamePrefix=name)["Schedules"]:
        made.scheduler.delete_schedule(Name=listed["Name"])


def hours(*numbers: float) -> list[timedelta]:
    return [timedelta(hours=number) for number in numbers]


def test_a_rate_starts_its_target_at_once_and_then_every_so_often(deployed: Deployed) -> None:
    deployed.create("rate(2 hours)")

    deployed.live(hours=5)

    assert deployed.started() == hours(0, 2, 4)
    first = json.loads(deployed.executions()[0]["input"])
    assert first == {"At": deployed.began.strftime("%Y-%m-%dT%H:%M:%SZ")}
    assert deployed.letters() == []


def test_a_schedule_that_is_disabled_updated_or_deleted_starts_as_it_says_now(
    deployed: Deployed,
) -> None:
    deployed.create("rate(1 hour)", State="DISABLED")
    deployed.live(hours=3)
    assert deployed.started() == []

    deployed.scheduler.update_schedule(**deployed.schedule("rate(2 hours)"))
    deployed.live(hours=3)
    assert deployed.started() == hours(3, 5)

    deployed.scheduler.delete_schedule(Name=deployed.name)
    deployed.live(hours=3)
    assert deployed.started() == hours(3, 5)


def test_nothing_starts_before_the_start_date_or_after_the_end_date(deployed: Deployed) -> None:
    start, end = (deployed.began + timedelta(hours=n) for n in (2.5, 4.5))
    deployed.create("rate(1 hour)", StartDate=start, EndDate=end)

    deployed.live(hours=8)

    assert deployed.started() == hours(2.5, 3.5, 4.5)
    with pytest.raises(ClientError, match="5 minutes ago"):
        deployed.create("rate(1 hour)", Name="past", StartDate=deployed.began - timedelta(hours=1))


def test_a_one_time_schedule_starts_once_in_its_time_zone_and_may_then_delete_itself(
    deployed: Deployed,
) -> None:
    at = (deployed.began + timedelta(hours=3)).strftime("%Y-%m-%dT%H:%M:%S")  # in UTC-2: 5 hours
    deployed.create(
        f"at({at})",
        ScheduleExpressionTimezone="Atlantic/South_Georgia",
        ActionAfterCompletion="DELETE",
    )

    deployed.live(days=2)

    expected = timedelta(hours=5) - timedelta(microseconds=deployed.began.microsecond)
    assert deployed.started() == [expected]
    with pytest.raises(ClientError, match="does not exist"):
        deployed.scheduler.get_schedule(Name=deployed.name)


def test_a_flexible_window_starts_somewhere_in_it(deployed: Deployed) -> None:
    window = {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 60}
    deployed.create("rate(1 hour)", FlexibleTimeWindow=window)

    deployed.live(hours=20)

    late = [at - timedelta(hours=n) for n, at in enumerate(deployed.started())]
    assert len(late) >= 19
    assert all(timedelta() <= one < timedelta(hours=1) for one in late)
    assert len(set(late)) > 10


def test_missed_times_are_made_up_for_once(deployed: Deployed) -> None:
    deployed.create("rate(1 hour)")
    deployed.cloud.clock.advance(10.5 * 3600)

    deployed.live(hours=1)

    assert deployed.started() == hours(10.5, 11)


def test_without_an_input_the_target_gets_schedulers_own_event(deployed: Deployed) -> None:
    deployed.create("rate(1 hour)", Target={"Input": None})

    deployed.live(minutes=1)

    [execution] = deployed.executions()
    told = json.loads(execution["input"])
    assert (told["source"], told["detail-type"]) == ("aws.scheduler", "Scheduled Event")
    assert told["resources"] == [deployed.scheduler.get_schedule(Name=deployed.name)["Arn"]]


@pytest.mark.parametrize("broken", ["permission", "trust", "target"])
def test_a_start_that_cannot_succeed_is_kept_at_once(deployed: Deployed, broken: str) -> None:
    iam, role = deployed.cloud.client("iam"), deployed.resources["ScheduleRole"].physical_id
    target: dict[str, Any] = {}
    if broken == "permission":
        document = iam.get_role_policy(RoleName=role, PolicyName="Start")["PolicyDocument"]
        kept = {**document, "Statement": document["Statement"][1:]}
        iam.put_role_policy(RoleName=role, PolicyName="Start", PolicyDocument=json.dumps(kept))
    elif broken == "target":
        target = {"Arn": deployed.resources["Machine"].arn[:-1]}
    deployed.create("at(2099-01-01T00:00:00)", Target=target)
    if broken == "trust":
        machine_role = iam.get_role(RoleName=deployed.resources["MachineRole"].physical_id)
        document = machine_role["Role"]["AssumeRolePolicyDocument"]
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(document))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("local.iam._check_trust", lambda *_: None)
        deployed.scheduler.update_schedule(**deployed.schedule("rate(1 day)", Target=target))

    deployed.live(hours=1)

    [letter] = deployed.letters()
    attributes = {k: v["StringValue"] for k, v in letter["MessageAttributes"].items()}
    codes = {
        "permission": "AccessDeniedException",
        "trust": "AccessDenied",
        "target": "AccessDeniedException",
    }
    assert attributes["ERROR_CODE"] == codes[broken]
    assert attributes["RETRY_ATTEMPTS"] == "0"
    assert attributes["SCHEDULE_ARN"].endswith(f"/default/{deployed.name}")
    assert json.loads(letter["Body"])["At"]
    assert deployed.executions() == []


@pytest.mark.parametrize(
    ("policy", "expected", "why"),
    [
        ({"MaximumRetryAttempts": 3}, "3", "MaximumRetryAttempts"),
        ({"MaximumEventAgeInSeconds": 60}, "5", "MaximumEventAgeInSeconds"),
    ],
)
def test_a_start_that_is_throttled_is_tried_again_as_the_policy_says_and_then_kept(
    deployed: Deployed,
    policy: dict[str, int],
    expected: str,
    why: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def throttle(arn: str, payload: str) -> None:
        error = {"Error": {"Code": "ThrottlingException", "Message": "Slow down."}}
        raise ClientError(error, "StartExecution")  # type: ignore[arg-type]

    deployed.create("rate(1 day)", Target={"RetryPolicy": policy})
    with monkeypatch.context() as patch:
        patch.setitem(deployed.cloud.targets._starts, "states", throttle)
        deployed.live(hours=2)

    [letter] = deployed.letters()
    attributes = {k: v["StringValue"] for k, v in letter["MessageAttributes"].items()}
    assert attributes["RETRY_ATTEMPTS"] == expected
    assert attributes["EXHAUSTED_RETRY_CONDITION"] == why


def test_a_cloud_that_is_left_alone_starts_nothing_and_does_not_spin(deployed: Deployed) -> None:
    deployed.create("rate(1 minute)")

    assert deployed.cloud.clock.now() == deployed.began
    assert deployed.executions() == []


def test_a_schedule_made_over_http_starts_its_target_when_time_is_skipped(
    deployed: Deployed,
) -> None:
    with server.serving(deployed.cloud) as address:
        scheduler = boto3.client(
            "scheduler",
            endpoint_url=address,
            region_name="us-east-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )
        scheduler.create_schedule(**deployed.schedule("rate(1 hour)"))
        body = json.dumps({"Seconds": 3 * 3600}).encode()
        with urllib.request.urlopen(f"{address}/local/advance", body) as answer:
            now = json.load(answer)["Now"]
        deployed.cloud.targets.settle()
        scheduler.delete_schedule(Name=deployed.name)

    assert deployed.started() == hours(0, 1, 2)
    assert now == (deployed.began + timedelta(hours=3)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_living_cloud_starts_what_is_due_as_time_passes(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: Queue[str] = Queue()
    monkeypatch.setitem(
        deployed.cloud.targets._starts, "states", lambda arn, payload: started.put(payload)
    )
    deployed.cloud.clock.run_at(36_000)
    try:
        with deployed.cloud.living():
            # A schedule that is made while the cloud lives, and sleeps until later, wakes it
            deployed.create("rate(1 hour)")
            told = [json.loads(started.get(timeout=60))["At"] for _ in range(3)]
    finally:
        deployed.cloud.clock.run_at(None)

    first, *rest = (datetime.fromisoformat(at) for at in told)
    assert [at - first for at in rest] == hours(1, 2)
