"""The days after an import, summed up and as a section of the report's page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cli.days import kind, with_days
from cli.month import Day, totals

BEGAN = datetime(2026, 11, 26, 6, 23, tzinfo=UTC)


def day(number: int, pulls: int = 24, failed: int = 0, repairs: int = 0) -> Day:
    starts = BEGAN + timedelta(days=number - 1)
    return Day(number, starts, starts + timedelta(days=1), pulls, failed, 38, 24, repairs)


DAYS = [
    day(1),
    day(2, failed=3),
    day(3, failed=1, repairs=1),
    Day(None, BEGAN + timedelta(days=3), BEGAN + timedelta(days=3, hours=3), 3),
]


def test_the_hours_after_the_last_day_are_no_day_but_count() -> None:
    assert totals(DAYS) == (
        "3 days: 75 pulls, 4 failed pulls, 114 records, 72 checks, 1 repairs, 0 notifications"
    )


def test_a_day_is_drawn_as_what_is_worth_seeing_first() -> None:
    assert [kind(each) for each in DAYS] == ["COMPLETE", "FAILED", "RETRY", "COMPLETE"]


def test_the_page_gets_a_timeline_and_a_table_of_the_days() -> None:
    DAYS[1].notes = ["2026-11-27 07:16  broken: <b>\u202e"]
    page = with_days("<main><section></section></main>", DAYS)
    assert page.endswith("</section>\n</main>")
    assert page.count('<rect class="block" x="') == 3 + 3  # the legend's and the days'
    assert "Day 2: pulls failed" in page
    assert "&lt;b&gt;[U+202E]" in page
    assert '<th scope="row">After</th>' in page
    assert ">2026-11-26<" in page
    assert ">2026-11-29<" in page
