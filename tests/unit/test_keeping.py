"""What the second machine's functions make of what AWS tells, call by call."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from bulk_ingestion import aws, integration, keeping, kept
from bulk_ingestion.health import Diagnosis, Health
from bulk_ingestion.keeping import Check, Checked
from bulk_ingestion.kept import Kept, Lease, Repair
from bulk_ingestion.plan import Execution
from tests.unit.test_health import NOW, run
from tests.unit.test_kept import Files, asked, files

__all__ = ["files"]

PULLED = NOW - timedelta(hours=2)
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:bulk-ingestion"


def this(name: str = "check") -> Check:
    arn = f"arn:aws:states:us-east-1:123456789012:execution:keep:{name}"
    return Check(Execution(arn, name, "stack"), "bucket", MACHINE, "key", NOW)


# Which runs are read -----------------------------------------------------------------------------


class AppFlow:
    """Stands for AppFlow, which lists these runs, a page at a time."""

    class exceptions:  # noqa: N801
        class ResourceNotFoundException(Exception):  # noqa: N818
            pass

    def __init__(self, *pages: list[dict[str, Any]]) -> None:
        self.pages = pages
        self.read = 0

    def describe_flow_execution_records(self, **asked: Any) -> dict[str, Any]:
        if not self.pages:
            raise self.exceptions.ResourceNotFoundException
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
    monkeypatch.setattr(aws, "appflow", lambda: client)
    latest = {"mostRecentExecutionTime": NOW - timedelta(hours=1)}
    known = None if known_hours_ago is None else NOW - timedelta(hours=known_hours_ago)

    found = keeping._latest_runs({"flowName": "f", "lastRunExecutionDetails": latest}, known)

    expected = [run for page in pages[:read] for run in page]
    assert found == tuple(sorted(expected, key=lambda run: run["startedAt"], reverse=True))
    assert client.read == read


def test_a_flow_that_goes_while_it_is_looked_at_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws, "appflow", lambda: AppFlow())
    monkeypatch.setattr(integration, "describe", lambda name: {"flowName": name})
    assert keeping._look("contacts", NOW).flow is None


# What is to be done ------------------------------------------------------------------------------

STOPPED = Diagnosis(Health.STOPPED, "It is stopped.", PULLED, is_broken=True)
HEALTHY = Diagnosis(Health.HEALTHY, "It works.", PULLED)
REFILL = {"executionArn": "arn:refill"}


@pytest.fixture
def refill(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What Step Functions has of the bulk ingestion that makes up for what is missing."""
    found: dict[str, Any] = {}
    monkeypatch.setattr(keeping, "_describe_refill", lambda *of: found)
    monkeypatch.setattr(keeping, "_what_no_repair_helps", lambda *of: "")
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
    refill: dict[str, Any], status: str | None, repaired: bool, told: bool
) -> None:
    refill |= REFILL | {"status": status} if status else {}
    checked = keeping._decide(Kept("contacts", asked(PULLED)), STOPPED, this())
    assert checked.needs_repair == repaired
    assert ("redrive it: arn:refill" in checked.trouble) == told


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
    refill: dict[str, Any], hours_ago: tuple[int, ...], by: str | None, repaired: bool
) -> None:
    made = tuple(Repair(NOW - timedelta(hours=hours), PULLED) for hours in hours_ago)
    known = Kept("contacts", asked(PULLED), made, lease=Lease(by, NOW) if by else None)
    checked = keeping._decide(known, STOPPED, this())
    assert (checked.needs_repair, bool(checked.trouble)) == (repaired, not repaired)


def test_a_check_that_has_only_told_of_a_trouble_has_begun_no_repair(
    refill: dict[str, Any], files: Files, repairs: list[str]
) -> None:
    # Given a check whose message was lost after three repairs, which is repeated
    made = tuple(Repair(NOW - timedelta(hours=hours), PULLED, told=True) for hours in (3, 2, 1))
    known = Kept("contacts", asked(PULLED), made, lease=Lease("check", NOW))
    assert keeping._decide(known, STOPPED, this()).trouble
    # When it may repair after all
    kept.write("bucket", replace(known, repairs=()))
    for _ in range(2):
        keeping._act(kept.read("bucket", "contacts"), Checked(STOPPED, needs_repair=True), this())
    # Then that is noted as a repair, once
    assert kept.read("bucket", "contacts").repairs == (Repair(NOW, PULLED),)


def test_a_trouble_is_told_once_until_the_integration_has_worked_again(
    files: Files, repairs: list[str]
) -> None:
    in_trouble = Checked(STOPPED, trouble="Connect it anew.")
    keep(None)
    for checked in (in_trouble, in_trouble, Checked(HEALTHY), in_trouble):
        keeping._act(kept.read("bucket", "contacts"), checked, this())
    assert repairs == ["told", "told"]


def test_a_repair_ends_a_trouble(files: Files, repairs: list[str]) -> None:
    keep(Lease("check", NOW))
    known = kept.read("bucket", "contacts")
    kept.write("bucket", replace(known, trouble="Connect it anew."))
    keeping.repair("contacts", this())
    assert kept.read("bucket", "contacts").trouble == ""


# Who repairs -------------------------------------------------------------------------------------


@pytest.fixture
def repairs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a repair does, in order."""
    done: list[str] = []
    monkeypatch.setattr(integration, "remove", lambda domain, uri: done.append("removed"))
    monkeypatch.setattr(keeping, "tell", lambda *told: done.append("told"))

    def establish(wanted: integration.Wanted, now: datetime) -> dict[str, str]:
        done.append(f"established from {wanted.hand_off:%H:%M} on")
        return {"FlowName": "contacts"}

    monkeypatch.setattr(integration, "establish", establish)
    return done


def keep(lease: Lease | None, *earlier: Repair) -> None:
    repairs = (*earlier, Repair(NOW, PULLED))
    kept.write("bucket", Kept("contacts", asked(PULLED), repairs=repairs, lease=lease))


def test_a_repair_is_for_the_check_that_leased_it_and_done_once(
    files: Files, repairs: list[str]
) -> None:
    keep(Lease("check", NOW))
    assert [keeping.repair("contacts", this()) for _ in range(2)] == [True, False]
    assert repairs == ["removed", "established from 20:00 on", "told"]
    assert kept.read("bucket", "contacts").lease is None


@pytest.mark.parametrize("lease", [None, Lease("another", NOW + timedelta(minutes=1))])
def test_a_repair_that_another_check_has_taken_over_is_left_to_it(
    files: Files, repairs: list[str], lease: Lease | None
) -> None:
    keep(lease)
    assert not keeping.repair("contacts", this())
    assert repairs == []


def test_a_repair_that_finds_another_integration_in_its_place_keeps_that_one(
    files: Files, repairs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(Lease("check", NOW))
    monkeypatch.setattr(integration, "establish", lambda wanted, now: {"FlowName": "people"})
    assert keeping.repair("contacts", this())
    assert kept.names("bucket") == ["people"]
    assert kept.read("bucket", "people").pulled_until == PULLED


@pytest.mark.parametrize(
    ("since", "was_told", "is_told"),
    [(PULLED, True, False), (PULLED, False, True), (PULLED - timedelta(hours=1), True, True)],
)
def test_a_repair_is_told_unless_one_from_the_same_last_pull_on_was(
    files: Files, repairs: list[str], since: datetime, was_told: bool, is_told: bool
) -> None:
    keep(Lease("check", NOW), Repair(NOW - timedelta(hours=1), since, was_told))
    assert keeping.repair("contacts", this())
    assert ("told" in repairs) == is_told
