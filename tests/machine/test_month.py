"""Days after an import, with outages: nothing is lost, nothing is doubled, each is told."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cli.month import Day, Month
from local import interpreter
from local.clock import Clock
from local.cloud import Cloud, embedded_cloud
from local.faults import faults
from local.services.simulation import Knobs
from local.stack.stack import Stack
from tests.machine.keeper import FLOW
from tests.machine.machine import NOW, Machine, event
from tests.soak import SOAK

EXAMPLE = Path(__file__).parents[2] / "docs" / "faults" / "month.json"
REPAIRED = f"Integration repaired: {FLOW}"
NEEDS_ATTENTION = f"Integration needs attention: {FLOW}"
_RECORDS = 60

Fault = dict[str, Any]


@dataclass(frozen=True)
class Outage:
    """One kind of trouble, and what a person is told of it."""

    fault: Fault
    told: Mapping[str, tuple[int, int]]
    """Subjects, with how often at least and at most."""


def lasting(hours: int, **fault: Any) -> Fault:
    return {**fault, "For": f"PT{hours}H"}


KINDS: Mapping[str, Outage] = {
    **{
        becomes: Outage({"Flow": "acme", "Becomes": becomes}, {REPAIRED: (1, 1)})
        for becomes in ("Deactivated", "Stopped", "Deleted", "Unregistered")
    },
    "down for an hour": Outage(lasting(1, Source="acme-sf", Ends="Error"), {}),
    "down for a morning": Outage(lasting(5, Source="acme-sf", Ends="Error"), {REPAIRED: (1, 1)}),
    "storm": Outage({"Operation": "appflow:*", "Error": "ThrottlingException", "For": "PT5M"}, {}),
    "not let in": Outage(
        lasting(5, Source="acme-sf", LosesAuthentication=True), {NEEDS_ATTENTION: (1, 1)}
    ),
    "field lost": Outage(
        lasting(5, Source="acme-sf/Contact", LosesField="Phone"),
        {NEEDS_ATTENTION: (1, 1), REPAIRED: (0, 1)},
    ),
    "connection deleted": Outage(
        lasting(5, Connection="acme-sf", Becomes="Deleted"),
        {NEEDS_ATTENTION: (1, 1), REPAIRED: (0, 1)},
    ),
}
"""Trouble that ends, by itself or by a repair."""


@contextmanager
def imported(knobs: Knobs | None = None) -> Iterator[Machine]:
    """Import some contacts, and hand over to the continuous integration."""
    parameters = {"LogLevel": "ERROR", "NotifyEmail": "you@acme.example"}
    with embedded_cloud(Clock(start=NOW), parameters, knobs) as cloud:
        machine = Machine(cloud)
        made_up = cloud.services.sources.get("acme-sf", "Contact").records()
        made_up.sort(key=lambda record: str(record["LastModifiedDate"]))
        machine.load(*made_up[-_RECORDS:])
        ended = machine.run("import", ImportFrom="P2Y", BatchSize="P1Y")
        assert ended.status == "SUCCEEDED", ended.message
        yield machine


def live(machine: Machine, days: int, *asked: Fault) -> list[Day]:
    """Let days pass in which the source changes and things go wrong."""
    faults.install({"Faults": list(asked)})
    definition = event()["FlowDefinition"]
    seen = []
    for day in Month(machine.cloud, definition).days(days):
        seen.append(day)
        assert len(machine.flows()) <= 1, day
    return seen


def is_whole(machine: Machine) -> bool:
    """Whether the domain has what the source has, value by value; the rest is not mapped."""
    fields = [
        task["DestinationField"]
        for task in event()["FlowDefinition"]["Tasks"]
        if task["TaskType"] == "Map"
    ]
    wanted = {
        key: {name: record[name] for name in fields if name in record}
        for key, record in machine.source().items()
    }
    return machine.landed() == wanted


def told(cloud: Cloud) -> Counter[str]:
    subjects = (message.subject for message in cloud.messages())
    return Counter(subject for subject in subjects if not subject.endswith(" SUCCEEDED"))


def at(hour: int, minute: int, fault: Fault) -> Fault:
    return {**fault, "From": f"PT{hour}H{minute}M"}


@st.composite
def troubles(draw: st.DrawFn) -> list[tuple[int, int, str]]:
    """Draw one trouble after another, with half a day at least between them."""
    drawn = draw(
        st.lists(
            st.tuples(st.integers(13, 30), st.integers(0, 59), st.sampled_from(sorted(KINDS))),
            min_size=1,
            max_size=4,
        )
    )
    hours = 0
    found = []
    for gap, minute, kind in drawn:
        hours += gap
        found.append((hours, minute, kind))
    return found


def check_claims(inclusive: bool, drawn: Sequence[tuple[int, int, str]]) -> None:
    """Live through the troubles, and hold what the machine did against what is promised."""
    with imported(Knobs(inclusive_bounds=inclusive, made_up_records=200)) as machine:
        asked = [at(hour, minute, KINDS[kind].fault) for hour, minute, kind in drawn]
        last = drawn[-1][0] + 12
        live(machine, last // 24 + 1, *asked)
        # Every trouble came, and nothing is lost
        struck = [fault["Struck"] for fault in faults.status()["Faults"]]
        missed = {kind for (*_, kind), times in zip(drawn, struck, strict=True) if not times}
        assert missed <= {"storm"}  # five minutes in which nobody may call
        assert is_whole(machine)
        # There is one integration, which is the one that there was
        assert machine.flows() == machine.integrations() == [FLOW]
        # And of each trouble a person was told as often as it says, and of nothing else
        least, most = Counter[str](), Counter[str]()
        for *_, kind in drawn:
            for subject, (fewest, many) in KINDS[kind].told.items():
                least[subject] += fewest
                most[subject] += many
        assert least <= told(machine.cloud) <= most


@pytest.mark.parametrize("kind", KINDS)
def test_each_trouble_is_survived_without_a_loss_and_reported(kind: str) -> None:
    check_claims(False, [(2, 7, kind)])


@pytest.mark.parametrize("inclusive", [False, True], ids=["exclusive", "inclusive"])
@settings(
    max_examples=2 * max(1, SOAK),
    derandomize=not SOAK,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(drawn=troubles())
def test_any_troubles_are_outlived_without_a_loss_under_both_readings_of_bounds(
    inclusive: bool, drawn: list[tuple[int, int, str]]
) -> None:
    check_claims(inclusive, drawn)


@pytest.mark.soak
def test_the_month_of_the_docs_ends_with_both_ends_equal() -> None:
    with imported() as machine:
        asked = json.loads(EXAMPLE.read_text())["Faults"]
        days = live(machine, 30, *asked)
        assert all(fault["Struck"] for fault in faults.status()["Faults"])
        assert len(days) == 31
        assert is_whole(machine)
        assert machine.flows() == machine.integrations() == [FLOW]


# Two stacks in one account -----------------------------------------------------------------------


def test_two_stacks_in_one_account_keep_their_own_integrations_and_no_other() -> None:
    with imported() as machine:
        # Given a second stack that has an integration of its own
        cloud = machine.cloud
        second = cloud.deploy("second", NotifyEmail="they@acme.example")
        given = event("four-lines", Object="Account", ImportFrom="P1M")
        start(cloud, second, given)
        theirs = "Customer_Profiles_acme_Salesforce_acme-sf_Account"
        assert sorted(machine.flows()) == sorted([FLOW, theirs])
        # When the second stack's flow is stopped, and later the first one's is deleted
        faults.install(
            {
                "Faults": [
                    {"Flow": theirs, "Becomes": "Deactivated", "From": "PT5H"},
                    {"Flow": FLOW, "Becomes": "Deleted", "From": "PT9H"},
                ]
            }
        )
        cloud.live(timedelta(days=1))
        # Then each stack has repaired its own, and told its own people
        assert sorted(machine.flows()) == sorted([FLOW, theirs])
        topics = {m.topic: m.subject for m in cloud.messages() if "SUCCEEDED" not in m.subject}
        assert topics == {
            cloud.stack.resources["NotificationsTopic"].physical_id: REPAIRED,
            second.resources["NotificationsTopic"].physical_id: f"Integration repaired: {theirs}",
        }
        assert told(cloud).total() == 2
        # And the schedules of both have checked, every hour
        for stack in (cloud.stack, second):
            checks = cloud.client("stepfunctions").list_executions(
                stateMachineArn=stack.outputs["MonitorIntegrationsArn"], maxResults=100
            )
            assert len(checks["executions"]) >= 24


def start(cloud: Cloud, stack: Stack, given: dict[str, Any]) -> None:
    started = cloud.client("stepfunctions").start_execution(
        stateMachineArn=stack.state_machine_arn, input=json.dumps(given)
    )
    run = interpreter.wait_for(started["executionArn"], 120)
    assert run.status == "SUCCEEDED", run.cause
