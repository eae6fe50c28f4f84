"""What the second machine's functions make of what AWS tells, call by call."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from bulk_ingestion.aws import clients, observed
from bulk_ingestion.flow.target import Integration
from bulk_ingestion.integration import backfill as backfills
from bulk_ingestion.integration import create, monitoring, state
from bulk_ingestion.integration.health import Diagnosis, Health
from bulk_ingestion.integration.monitoring import Check, Checked
from bulk_ingestion.integration.state import Lease, Repair, State
from bulk_ingestion.integration.transition import Action, Transition
from bulk_ingestion.run.job import Execution
from bulk_ingestion.times import iso
from tests.unit.described_flows import NOW, run
from tests.unit.stored_state import Files, checkpoint

PULLED = NOW - timedelta(hours=2)
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:bulk-ingestion"


def this(name: str = "check") -> Check:
    arn = f"arn:aws:states:us-east-1:123456789012:execution:keep:{name}"
    return Check(Execution(arn, name, "stack"), "bucket", MACHINE, "key", NOW)


# Which runs are read -----------------------------------------------------------------------------


class AppFlow:
    """Stands for AppFlow, which lists these runs, a page at a time."""

    def __init__(self, *pages: list[dict[str, Any]]) -> None:
        self.pages = pages
        self.read = 0

    def describe_flow_execution_records(self, **asked: Any) -> dict[str, Any]:
        if not self.pages:
            gone = {"Error": {"Code": "ResourceNotFoundException"}}
            raise ClientError(gone, "DescribeFlowExecutionRecords")  # type: ignore[arg-type]
        self.read += 1
        number = int(asked.get("nextToken", 0))
        more = {"nextToken": str(number + 1)} if number + 1 < len(self.pages) else {}
        return {"flowExecutions": self.pages[number], **more}


@pytest.mark.parametrize(
    ("known_hours_ago", "pages", "read"),
    [
        (2, [[run(1), run(2)], [run(3)]], 1),  # both are there
        (2.5, [[run(1), run(2)], [run(3)], [run(4)]], 2),  # what is known is not, at first
        (2, [[run(3), run(2)], [run(1)], [run(0)]], 2),  # nor the latest one
        (2, [[run(1), run(2, "Error")], [run(3)], [run(4)]], 2),  # who failed has pulled nothing
        (None, [[run(1), run(2)], [run(3)]], 2),
    ],
)
def test_runs_are_read_until_the_latest_and_a_known_one_are_among_them(
    monkeypatch: pytest.MonkeyPatch, known_hours_ago: float | None, pages: Any, read: int
) -> None:
    client = AppFlow(*pages)
    monkeypatch.setattr(clients, "appflow", lambda: client)
    latest = {"mostRecentExecutionTime": NOW - timedelta(hours=1)}
    known = None if known_hours_ago is None else NOW - timedelta(hours=known_hours_ago)

    found = monitoring._runs({"flowName": "f", "lastRunExecutionDetails": latest}, known)

    expected = [run for page in pages[:read] for run in page]
    assert found == tuple(sorted(expected, key=lambda run: run["startedAt"], reverse=True))
    assert client.read == read


def test_a_flow_that_goes_while_it_is_looked_at_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "appflow", lambda: AppFlow())
    monkeypatch.setattr(observed, "describe_flow", lambda name: {"flowName": name})
    assert monitoring._observe("contacts", NOW).flow is None


# What is to be done ------------------------------------------------------------------------------

STOPPED = Diagnosis(Health.STOPPED, "It is stopped.", PULLED, is_broken=True)
HEALTHY = Diagnosis(Health.HEALTHY, "It works.", PULLED)
BACKFILL = {"executionArn": "arn:backfill"}


@pytest.fixture
def backfill(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What Step Functions has of the bulk ingestion that makes up for what is missing."""
    found: dict[str, Any] = {}
    monkeypatch.setattr(backfills, "describe", lambda *of: found)
    monkeypatch.setattr(monitoring, "_what_prevents_repair", lambda *of: "")
    return found


@pytest.mark.parametrize(
    ("status", "repaired", "told"),
    [
        (None, True, False),
        ("RUNNING", False, False),
        ("SUCCEEDED", True, False),
        ("FAILED", False, True),
        ("ABORTED", False, True),
    ],
)
def test_while_a_bulk_ingestion_makes_up_for_it_nothing_else_does(
    backfill: dict[str, Any], status: str | None, repaired: bool, told: bool
) -> None:
    backfill |= BACKFILL | {"status": status} if status else {}
    checked = monitoring._decide(State("contacts", checkpoint(PULLED)), STOPPED, this())
    assert checked.needs_repair == repaired
    assert ("redrive it: arn:backfill" in checked.problem) == told


@pytest.mark.parametrize(
    ("hours_ago", "by", "repaired"),
    [
        ((23, 22), None, True),
        ((23, 22, 21), None, False),
        ((24, 22, 21), None, True),
        ((23, 22, 0), "check", True),  # the third one is this check's own
        ((23, 22, 0), "another", False),
    ],
)
def test_a_check_begins_no_fourth_repair_within_a_day_and_ends_the_one_it_began(
    backfill: dict[str, Any], hours_ago: tuple[int, ...], by: str | None, repaired: bool
) -> None:
    made = tuple(Repair(NOW - timedelta(hours=hours), PULLED) for hours in hours_ago)
    known = State("contacts", checkpoint(PULLED), made, lease=Lease(by, NOW) if by else None)
    checked = monitoring._decide(known, STOPPED, this())
    assert (checked.needs_repair, bool(checked.problem)) == (repaired, not repaired)


def test_a_check_that_has_only_notified_has_begun_no_repair(
    backfill: dict[str, Any], files: Files, repairs: list[str]
) -> None:
    # Given a check whose message was lost after three repairs, which is repeated
    made = tuple(Repair(NOW - timedelta(hours=hours), PULLED, notified=True) for hours in (3, 2, 1))
    known = State("contacts", checkpoint(PULLED), made, lease=Lease("check", NOW))
    assert monitoring._decide(known, STOPPED, this()).problem
    # When it may repair after all
    state.write("bucket", replace(known, repairs=()))
    for _ in range(2):
        monitoring._act(
            state.read("bucket", "contacts"), Checked(STOPPED, needs_repair=True), this()
        )
    # Then that is noted as a repair, once
    assert state.read("bucket", "contacts").repairs == (Repair(NOW, PULLED),)


def test_a_trouble_is_notified_once_until_the_integration_has_worked_again(
    files: Files, repairs: list[str]
) -> None:
    needs_you = Checked(STOPPED, problem="Connect it anew.")
    keep(None)
    for checked in (needs_you, needs_you, Checked(HEALTHY), needs_you):
        monitoring._act(state.read("bucket", "contacts"), checked, this())
    assert repairs == ["notified", "notified"]


def test_a_repair_ends_a_trouble(files: Files, repairs: list[str]) -> None:
    keep(Lease("check", NOW))
    known = state.read("bucket", "contacts")
    state.write("bucket", replace(known, problem="Connect it anew."))
    monitoring.repair("contacts", this())
    assert state.read("bucket", "contacts").problem == ""


# Who repairs -------------------------------------------------------------------------------------


@pytest.fixture
def repairs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a repair does, in order."""
    done: list[str] = []
    monkeypatch.setattr(create, "remove", lambda domain, uri: done.append("removed"))
    monkeypatch.setattr(monitoring, "notify", lambda *message, **_: done.append("notified"))

    def ensure(desired: create.DesiredIntegration, now: datetime) -> create.Ensured:
        begins = desired.hand_off - desired.overlap
        done.append(f"created from {begins:%H:%M} on")
        created: Integration = {
            "Uri": "arn",
            "FlowName": "contacts",
            "FirstExecutionFrom": iso(begins),
        }
        return create.Ensured(created, Transition(Action.CREATE, desired.hand_off), now)

    monkeypatch.setattr(create, "ensure", ensure)
    return done


def keep(lease: Lease | None, *earlier: Repair) -> None:
    repairs = (*earlier, Repair(NOW, PULLED))
    state.write("bucket", State("contacts", checkpoint(PULLED), repairs=repairs, lease=lease))


def test_a_repair_is_for_the_check_that_leased_it_and_done_once(
    files: Files, repairs: list[str]
) -> None:
    keep(Lease("check", NOW))
    assert [monitoring.repair("contacts", this()) for _ in range(2)] == [True, False]
    assert repairs == ["removed", "created from 19:00 on", "notified"]
    assert state.read("bucket", "contacts").lease is None


@pytest.mark.parametrize("lease", [None, Lease("another", NOW + timedelta(minutes=1))])
def test_a_repair_that_another_check_has_taken_over_is_left_to_it(
    files: Files, repairs: list[str], lease: Lease | None
) -> None:
    keep(lease)
    assert not monitoring.repair("contacts", this())
    assert repairs == []


@pytest.mark.parametrize(
    ("since", "was_told", "is_told"),
    [(PULLED, True, False), (PULLED, False, True), (PULLED - timedelta(hours=1), True, True)],
)
def test_a_repair_is_notified_unless_one_from_the_same_last_pull_on_was(
    files: Files, repairs: list[str], since: datetime, was_told: bool, is_told: bool
) -> None:
    keep(Lease("check", NOW), Repair(NOW - timedelta(hours=1), since, was_told))
    assert monitoring.repair("contacts", this())
    assert ("notified" in repairs) == is_told
