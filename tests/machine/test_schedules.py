"""The schedules of docs/schedules.md, on the embedded cloud: by the template, and by Scheduler."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from samcli.cli.types import CfnParameterOverridesType

from local.clock import Clock
from local.cloud import embedded_cloud
from tests.machine.machine import EVENTS, NOW, Ended, Machine, event

PAGE = (Path(__file__).parents[2] / "docs" / "schedules.md").read_text()
EXPRESSIONS = dict(re.findall(r"--name (\S+) .*\n  --schedule-expression '(.+?)'", PAGE))


def text(name: str) -> str:
    return (EVENTS / f"{name}.json").read_text()


@contextmanager
def deployed(**parameters: str) -> Iterator[Machine]:
    rarely = {"CheckExpression": "rate(300 days)"}  # what is shown here does without the checks
    with embedded_cloud(Clock(start=NOW), {"LogLevel": "ERROR", **rarely, **parameters}) as cloud:
        yield Machine(cloud)


def executions(machine: Machine) -> list[Ended]:
    """Wait for every execution that was started; the oldest first."""
    machine.cloud.targets.settle()
    listed = machine.cloud.client("stepfunctions").list_executions(
        stateMachineArn=machine.cloud.stack.state_machine_arn
    )
    return [machine.wait(execution["executionArn"]) for execution in reversed(listed["executions"])]


def started(machine: Machine, ended: Ended) -> datetime:
    states = machine.cloud.client("stepfunctions")
    at: datetime = states.describe_execution(executionArn=ended.arn)["startDate"]
    return at.astimezone(UTC)


def create(machine: Machine, expression: str, given: dict[str, Any], **more: str) -> None:
    """Make a schedule as the page says, with Scheduler's own API."""
    resources = machine.cloud.stack.resources
    machine.cloud.client("scheduler").create_schedule(
        Name="contacts",
        ScheduleExpression=expression,
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": machine.cloud.stack.state_machine_arn,
            "RoleArn": resources["ScheduleRole"].arn,
            "DeadLetterConfig": {"Arn": resources["DeadLetters"].arn},
            "Input": json.dumps(given),
        },
        **more,
    )


def test_the_pages_parameters_start_one_execution_at_two_in_vienna() -> None:
    # Given the samconfig of the page, read as the SAM CLI reads it
    [toml] = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    overrides = tomllib.loads(toml)["default"]["deploy"]["parameters"]["parameter_overrides"]
    parameters = CfnParameterOverridesType().convert(tuple(overrides), None, None)
    assert json.loads(parameters["ScheduleInput"]) == json.loads(text("once-at-night"))
    with deployed(**parameters) as machine:
        # When ten days pass
        machine.cloud.live(timedelta(days=10))
        # Then there was one start, at the time that was said, and it brought everything
        [ended] = executions(machine)
        assert started(machine, ended) == datetime(2026, 12, 1, 1, tzinfo=UTC)
        assert ended.status == "SUCCEEDED", ended.message
        landed = machine.landed("Servicenow-incident")
        since = "2023-01-01"
        source = machine.source("acme-snow", "incident")
        assert landed.keys() == {k for k, r in source.items() if r["sys_updated_on"] >= since}


def test_every_month_the_last_ninety_days_are_put_again_and_the_integration_stays() -> None:
    with deployed() as machine:
        # Given an import that has been handed over, and the page's schedule
        machine.run("first", "every-month", ImportFrom="P1Y")
        before, puts = machine.flows(), machine.puts()
        expression = EXPRESSIONS["contacts-every-month"]
        create(
            machine, expression, event("every-month"), ScheduleExpressionTimezone="Europe/Vienna"
        )
        # And a record of the last month that somebody has deleted in the domain
        lost = max(machine.source().values(), key=lambda record: record["LastModifiedDate"])
        domain = machine.cloud.services._profiles.domains["acme"]
        domain.objects.delete("Salesforce-Contact", lost["Id"])
        # When two months pass
        machine.cloud.live(timedelta(days=60))
        # Then there were two starts, each with windows
        starts = executions(machine)[1:]
        assert [started(machine, ended).isoformat() for ended in starts] == [
            "2026-12-01T01:00:00+00:00",
            "2027-01-01T01:00:00+00:00",
        ]
        assert [ended.output["Metrics"]["TotalSteps"] for ended in starts] == [2, 2]
        # And what was deleted is there again, what is old was not touched, and nothing was doubled
        assert machine.landed()[lost["Id"]]["LastModifiedDate"] == lost["LastModifiedDate"]
        again = {key for key, times in machine.puts().items() if times > puts[key]}
        modified = {key: record["LastModifiedDate"] for key, record in machine.source().items()}
        assert lost["Id"] in again
        assert min(modified[key] for key in again) >= "2026-09-02"
        assert machine.flows() == machine.integrations() == before


def test_every_week_the_last_eight_days_are_put_again_and_the_integration_stays() -> None:
    with deployed() as machine:
        # Given an import that was handed over, and has been pulled on for ten days
        machine.run("first", "every-month", ImportFrom="P1Y")
        machine.cloud.live(timedelta(days=10))
        before, puts = machine.flows(), machine.puts()
        since = machine.cloud.clock.now() - timedelta(days=15)
        create(
            machine,
            EXPRESSIONS["contacts-every-week"],
            event("every-week"),
            ScheduleExpressionTimezone="Europe/Vienna",
        )
        # When a Monday has passed
        machine.cloud.live(timedelta(days=7))
        # Then the records of its last eight days were put once more, and no others
        [ended] = executions(machine)[1:]
        assert ended.status == "SUCCEEDED", ended.message
        [batch] = ended.report["Batches"]
        start, end = (batch[f"BatchRecords{edge}Time"] for edge in ("Start", "End"))
        again = {key for key, times in machine.puts().items() if times > puts[key]}
        assert again == {
            key
            for key, record in machine.source().items()
            if start[:19] <= record["LastModifiedDate"][:19] < end[:19]
        }
        assert start > since.strftime("%Y-%m-%d")
        assert machine.flows() == machine.integrations() == before


def test_a_week_every_day_fetches_nothing_again_and_repairs_an_integration_that_is_gone() -> None:
    with deployed() as machine:
        # Given an import that was handed over ten days ago, and a schedule that reaches back seven
        machine.run("first", "every-month", ImportFrom="P1Y")
        machine.cloud.live(timedelta(days=10))
        puts = machine.puts()
        create(machine, "rate(1 day)", event("every-month", ImportFrom="P7D"))
        # When three days pass, then nothing is fetched again
        machine.cloud.live(timedelta(days=3))
        outputs = [ended.output for ended in executions(machine)[1:]]
        assert [output["Metrics"]["TotalSteps"] for output in outputs] == [0, 0, 0]
        assert machine.puts() == puts
        # When somebody deletes the integration, and a record changes before the next start
        [name] = machine.flows()
        uri = outputs[0]["Integration"]["Uri"]
        machine.cloud.client("customer-profiles").delete_integration(DomainName="acme", Uri=uri)
        assert machine.flows() == []
        changed = next(iter(machine.source().values())) | {
            "FirstName": "Changed",
            "LastModifiedDate": machine.cloud.clock.now().strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
        }
        machine.cloud.services.sources.get("acme-sf", "Contact").put(changed)
        machine.cloud.live(timedelta(days=2))
        # Then the next start makes it again, from a week before on
        assert machine.flows() == machine.integrations() == [name]
        assert machine.landed()[changed["Id"]]["FirstName"] == "Changed"
