"""What `bulk run` says of a domain that does not have what its source has."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from bulk_ingestion.flow.connectors import CONNECTORS
from bulk_ingestion.flow.definitions import transfer_tasks
from cli.comparison import Asked, Ends, compare

FIELD = "Changed"
EARLY, OLD, RECENT, LATE = (f"2026-{month}-15T00:00:00Z" for month in ("01", "03", "05", "07"))


def asked(
    continues: bool = True,
    overlap: str = "PT0S",
    field: str | None = FIELD,
    next_pull_from: datetime | None = None,
) -> Asked:
    """Two windows, March and May, and a hand-off at the end of May."""
    config: dict[str, Any] = {
        "ConnectorType": "Salesforce" if field else "S3",
        "SourceConnectorProperties": {"Salesforce": {"Object": "Contact"}}
        if field
        else {"S3": {"BucketName": "b"}},
    }
    if field:
        config["IncrementalPullConfig"] = {"DatetimeTypeFieldName": field}
    request = {
        "FlowDefinition": {
            "SourceFlowConfig": config,
            "Tasks": transfer_tasks(["Id"], CONNECTORS["Salesforce"]),
        },
        "HandOff": "2026-06-01T00:00:00Z",
        "Overlap": overlap,
        "Continue": continues,
    }
    windows = [("2026-03-01", "2026-04-01"), ("2026-05-01", "2026-06-01")]
    items = [{"StartTime": f"{a}T00:00:00Z", "EndTime": f"{b}T00:00:00Z"} for a, b in windows]
    return Asked.by(request, items, next_pull_from)


def record(key: str, changed: str | None) -> dict[str, Any]:
    return {"Id": key} | ({FIELD: changed} if changed else {})


def compared(
    records: list[dict[str, Any]],
    *landed: str,
    of: Asked | None = None,
    lost: dict[str, int] | None = None,
) -> Ends:
    return compare(of or asked(), records, [{"Id": key} for key in landed], lost or {})


ALL = [record(key, at) for key, at in zip("abcd", (EARLY, OLD, RECENT, LATE), strict=True)]


def test_a_domain_with_all_that_was_asked_for_is_equal_to_the_source() -> None:
    ends = compared(ALL, "b", "c", "d")

    assert (ends.source, ends.others, ends.domain) == (3, 1, 3)
    assert ends.are_equal
    assert ends.is_complete
    assert ends.decision().plain == "equal to the source, value by value"


def test_what_the_next_pull_brings_is_awaited() -> None:
    ends = compared(ALL, "b", "c")

    assert (ends.missing, ends.awaited) == (1, 1)
    assert ends.is_complete
    assert not ends.are_equal
    assert ends.decision().plain == "1 more will come with the integration's next pull"


def test_what_the_last_pull_has_left_out_is_not_awaited() -> None:
    ends = compared(ALL, "b", "c", of=asked(next_pull_from=datetime(2026, 7, 16, tzinfo=UTC)))

    assert (ends.source, ends.missing, ends.awaited) == (3, 1, 0)
    assert not ends.is_complete
    assert ends.decision().plain == (
        "1 record is missing or out of date, and no later pull brings that"
    )


def test_what_lies_within_the_overlap_is_awaited_as_well() -> None:
    in_may = [record("c", "2026-05-31T23:30:00Z")]

    assert not compared(in_may).is_complete
    assert compared(in_may, of=asked(overlap="PT1H")).is_complete


def test_what_no_pull_brings_is_missing_and_the_reason_is_named() -> None:
    ends = compared(ALL, "b", "d", lost={"no profile": 1, "evicted": 2, "no unique key": 3})

    assert not ends.is_complete
    assert ends.decision().plain.splitlines() == [
        "1 record is missing or out of date, and no later pull brings that",
        "1 object rejected: no profile matches, and the object type creates none",
        "2 objects evicted from profiles that had too many",
        "3 objects rejected: no unique key",
    ]


def test_a_record_without_the_field_to_pull_by_is_in_no_window() -> None:
    for undated in (record("e", None), {"Id": "e", FIELD: ""}):
        ends = compared([*ALL, undated], "b", "c", "d")

        assert (ends.missing, ends.undated) == (1, 1)
        assert not ends.is_complete
        assert "1 record is without a value to pull by: no window has that" in ends.decision().plain


def test_without_an_integration_only_what_lies_in_windows_was_asked_for() -> None:
    ends = compared(ALL, "b", "c", of=asked(continues=False))

    assert (ends.source, ends.others) == (2, 2)
    assert ends.are_equal


def test_what_lies_between_the_windows_was_not_asked_for() -> None:
    between = record("e", "2026-04-15T00:00:00Z")
    assert compared([between]).others == 1
    assert compared([between], "e").strange == 0


def test_an_object_that_no_record_has_is_unexpected() -> None:
    ends = compared(ALL, "b", "c", "d", "x")

    assert ends.strange == 1
    assert ends.is_complete
    assert ends.decision().plain == "1 unexpected"


def test_all_files_are_asked_for() -> None:
    ends = compared([record("a", None)], of=asked(field=None))

    assert (ends.source, ends.missing, ends.undated) == (1, 1, 0)


@pytest.mark.parametrize("copies", [1, 2])
def test_records_that_look_alike_are_counted_each(copies: int) -> None:
    alike = [record("b", OLD)] * 2

    assert compared(alike, *["b"] * copies).missing == 2 - copies
