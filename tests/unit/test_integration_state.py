"""What is kept of an integration outlives other writes at the same time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest

from bulk_ingestion.aws.folder import ConflictingWrite
from bulk_ingestion.integration import state
from bulk_ingestion.integration.coverage import Coverage
from bulk_ingestion.integration.state import Checkpoint, State
from tests.unit.described_flows import NOW
from tests.unit.stored_state import OVERLAP, Files, checkpoint, target

NOTHING: dict[str, Any] = {
    "Checkpoint": None,
    "Repairs": [],
    "Problem": "",
    "Lease": None,
    "Imported": {},
    "Cuts": [],
}
EARLIER, LATER = NOW - timedelta(days=1), NOW + timedelta(days=1)


def known(name: str = "contacts") -> Checkpoint:
    found = state.read("bucket", name).checkpoint
    assert found is not None
    return found


def remember(until: datetime = NOW, description: str = "") -> State:
    return state.update(
        "bucket",
        "contacts",
        lambda found: replace(found, checkpoint=checkpoint(until, description)),
    )


def test_what_is_stored_is_read_again(files: Files) -> None:
    stored = remember()
    assert state.read("bucket", "contacts") == stored
    assert known() == checkpoint()
    assert known().overlap == OVERLAP


def test_a_change_keeps_what_another_wrote_in_the_meantime(files: Files) -> None:
    def write() -> None:
        found = state.read("bucket", "contacts")
        state.write("bucket", replace(found, problem="Reconnect it."))

    remember()
    files.before_write = [write]
    remember(LATER)
    assert known() == checkpoint(LATER)
    assert state.read("bucket", "contacts").problem == "Reconnect it."


def test_a_change_that_changes_nothing_is_not_written(files: Files) -> None:
    before = remember()
    assert remember() == before


def test_a_change_that_others_overtake_again_and_again_ends_with_an_error(files: Files) -> None:
    etags = count()

    def write() -> None:
        files.files["contacts.json"] = NOTHING, f"another's {next(etags)}"

    files.before_write = [write] * 100
    with pytest.raises(ConflictingWrite):
        remember()


def test_what_each_definition_has_imported_is_remembered_until_another_replaces_it(
    files: Files,
) -> None:
    first, second = target(), target(fields=("Id", "Email"))
    day, next_day = (EARLIER, NOW), (NOW, LATER)

    def imported(found: State) -> State:
        found = found.with_imported(first, Coverage.of([next_day]))
        found = found.with_imported(second, Coverage.of([(EARLIER, LATER)]))
        return found.with_imported(first, Coverage.of([day]))

    state.update("bucket", "contacts", imported)
    read = state.read("bucket", "contacts")
    assert read.imported_by(first).periods == (day,)
    assert read.imported_by(second).periods == (next_day,)
    assert read.imported_by(target(fields=("Id",))).periods == ()


def test_the_definitions_that_imported_longest_ago_are_forgotten() -> None:
    targets = [target(fields=(f"Field{number}",)) for number in range(10)]
    found = State("contacts")
    for number in [*range(10), 3]:
        since = EARLIER + timedelta(days=number)
        one_day = Coverage.of([(since, since + timedelta(days=1))])
        found = found.with_imported(targets[number], one_day)
    remembered = [bool(found.imported_by(one).periods) for one in targets]
    assert remembered == [False] * 2 + [True] * 8


def test_integrations_of_other_names_that_pull_the_same_are_rivals(files: Files) -> None:
    for name, read in (("people", "Contact"), ("accounts", "Account"), ("contacts", "Contact")):
        state.write("bucket", State(name, checkpoint(read=read)))
    assert state.rivals("bucket", "contacts", checkpoint().target) == ["people"]


def test_a_lease_is_for_one_check_until_it_runs_out() -> None:
    leased = State("contacts").leased("first", NOW)
    assert leased.free_for("first", NOW)
    assert not leased.free_for("second", NOW + timedelta(minutes=44))
    assert leased.free_for("second", NOW + timedelta(minutes=45))
    assert State("contacts").free_for("second", NOW)
