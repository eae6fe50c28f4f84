"""What is kept of an integration outlives whoever else writes it at the same time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest

from bulk_ingestion import kept
from bulk_ingestion.folder import Overtaken
from bulk_ingestion.kept import Asked, Kept, remember
from tests.unit.test_health import NOW

NOTHING: dict[str, Any] = {"Asked": None, "Repairs": [], "Trouble": "", "Lease": None}
EARLIER, LATER = NOW - timedelta(days=1), NOW + timedelta(days=1)


class Files:
    """Stands for the folder of what is kept, with the conditional writes of S3."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[Any, str]] = {}
        self.before_write: list[Callable[[], None]] = []

    def read_version(self, name: str) -> tuple[Any, str | None]:
        return self.files.get(name, (None, None))

    def replace(self, name: str, value: Any, etag: str | None) -> str:
        if self.before_write:
            self.before_write.pop()()
        if self.read_version(name)[1] != etag:
            raise Overtaken(name)
        self.files[name] = value, f"{etag}+"
        return self.files[name][1]

    def names(self) -> list[str]:
        return sorted(self.files)

    def delete(self, name: str) -> None:
        del self.files[name]


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> Files:
    files = Files()
    monkeypatch.setattr(kept, "folder", lambda bucket: files)
    return files


def asked(until: datetime = NOW, description: str = "", read: str = "Contact") -> Asked:
    definition = {
        "Description": description,
        "SourceFlowConfig": {
            "ConnectorType": "Salesforce",
            "ConnectorProfileName": "sales",
            "SourceConnectorProperties": {"Salesforce": {"Object": read}},
            "IncrementalPullConfig": {"DatetimeTypeFieldName": "LastModifiedDate"},
        },
    }
    return Asked("acme", "Contact", definition, {}, until)


def known(name: str = "contacts") -> Asked:
    found = kept.read("bucket", name).asked
    assert found is not None
    return found


@pytest.mark.parametrize(("until", "then"), [(EARLIER, NOW), (NOW, NOW), (LATER, LATER)])
@pytest.mark.parametrize(("is_new", "goes_on_as"), [(True, "new"), (False, "old")])
def test_an_integration_that_was_there_goes_on_as_it_was_asked_for_and_never_goes_back(
    files: Files, until: datetime, then: datetime, is_new: bool, goes_on_as: str
) -> None:
    remember("bucket", "contacts", asked(NOW, "old"), is_new=True)
    remember("bucket", "contacts", asked(until, "new"), is_new)
    assert known() == asked(then, goes_on_as)


def test_one_that_is_not_known_yet_is_kept_as_asked_for(files: Files) -> None:
    remember("bucket", "contacts", asked(), is_new=False)
    assert known() == asked()


def test_what_another_wrote_meanwhile_is_not_lost(files: Files) -> None:
    def write() -> None:
        found = kept.read("bucket", "contacts")
        kept.write("bucket", Kept("contacts", asked(LATER), trouble="told", etag=found.etag))

    remember("bucket", "contacts", asked(), is_new=True)
    files.before_write = [write]
    remember("bucket", "contacts", asked(), is_new=False)
    assert known() == asked(LATER)
    assert kept.read("bucket", "contacts").trouble == "told"


def test_who_is_overtaken_again_and_again_gives_up_with_an_error(files: Files) -> None:
    etags = count()

    def write() -> None:
        files.files["contacts.json"] = NOTHING, f"another's {next(etags)}"

    files.before_write = [write] * 100
    with pytest.raises(Overtaken):
        remember("bucket", "contacts", asked(), is_new=True)


def test_only_others_that_bring_the_same_are_forgotten(files: Files) -> None:
    for name, read in (("contacts", "Contact"), ("accounts", "Account"), ("people", "Contact")):
        remember("bucket", name, asked(read=read), is_new=True)
    assert kept.names("bucket") == ["accounts", "people"]


def test_a_lease_is_for_one_check_until_it_runs_out() -> None:
    leased = Kept("contacts").leased("first", NOW)
    assert leased.free_for("first", NOW)
    assert not leased.free_for("second", NOW + timedelta(minutes=44))
    assert leased.free_for("second", NOW + timedelta(minutes=45))
    assert Kept("contacts").free_for("second", NOW)
