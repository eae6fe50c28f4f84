"""What watching tells: windows done, records, the rate, and how long the rest will take."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace

import pytest
from rich.console import Console

from local.progress import Progress, WindowProgress
from local.watch import Pace, follow


def progress(done: int, status: str = "RUNNING", total: int = 10) -> Progress:
    """Give an execution of which some windows have brought 300 records each."""
    window = WindowProgress("", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z")
    windows = tuple(
        replace(window, id=f"{n:04}", status="COMPLETE", attempts=1, records=300)
        if n <= done
        else replace(window, id=f"{n:04}")
        for n in range(1, total + 1)
    )
    return Progress(status, windows)


def test_the_pace_counts_from_the_first_look_on() -> None:
    # Given a look when two windows were done, and one a minute later when five are
    pace = Pace(began=100.0, first=progress(2))
    # Then three windows a minute make five more last 100 seconds
    assert pace.tell(160.0, progress(5)) == "15 records a second, 0:01:40 to go"


@pytest.mark.parametrize("now", [progress(2), progress(10, "SUCCEEDED")])
def test_without_progress_or_at_the_end_there_is_no_pace(now: Progress) -> None:
    assert Pace(began=100.0, first=progress(2)).tell(160.0, now) == ""


def test_following_shows_windows_records_rate_and_time_to_finish(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Given looks half a minute apart, on a terminal
    times: Iterator[float] = iter([0.0, 0.0, 30.0, 60.0])
    monkeypatch.setattr("local.watch.time.monotonic", lambda: next(times))
    monkeypatch.setattr("local.watch.time.sleep", lambda seconds: None)
    looks = iter([progress(0), progress(2), progress(10, "SUCCEEDED")])
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, width=120, color_system=None)
    # When it is followed to its end
    ended = follow(lambda: next(looks), "run", console)
    # Then each look was shown
    assert ended.status == "SUCCEEDED"
    for told in ("0 of 10 windows", "2 of 10 windows", "600 records", "20 records a second"):
        assert told in shown.getvalue()
    assert "0:02:00 to go" in shown.getvalue()
    assert "10 of 10 windows" in shown.getvalue()
    assert "3,000 records" in shown.getvalue()
