"""Following an execution: a terminal shows the latest, a file gets a line for each change."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from cli.progress import Progress, WindowProgress
from cli.watch import finish, follow, result


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


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.watch.time.sleep", lambda seconds: None)


LOOKS = [Progress("RUNNING"), progress(0), progress(2), progress(2), progress(10, "SUCCEEDED")]


def followed(console: Console | None) -> Progress:
    looks = iter(LOOKS)
    return follow(lambda: next(looks), "run", console)


def test_a_terminal_shows_each_look_and_then_the_end() -> None:
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, width=120, height=30, color_system=None)
    assert followed(console).status == "SUCCEEDED"
    text = shown.getvalue()
    for told in ("0 of 10 windows", "2 of 10 windows, 600 records", "10 of 10 windows"):
        assert told in text


def test_a_file_gets_a_line_for_each_change_and_no_control_characters() -> None:
    shown = io.StringIO()
    followed(Console(file=shown, width=120))
    lines = shown.getvalue().splitlines()
    assert lines[:3] == ["0 of 10 windows, 0 records", "2 of 10 windows, 600 records",
                         "Execution run  SUCCEEDED"]  # fmt: skip
    assert sum("COMPLETE" in line for line in lines) == 10
    assert not {"\x1b", "\r", "━"} & set(shown.getvalue())


def test_without_a_console_nothing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    followed(None)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("ended", "code", "expected"),
    [
        (Progress("SUCCEEDED", output={"Status": "COMPLETE"}), 0, {"Status": "COMPLETE"}),
        (
            Progress("FAILED", error="InvalidInput", cause="no"),
            1,
            {"Status": "FAILED", "Error": "InvalidInput", "Cause": "no"},
        ),
        (Progress("ABORTED"), 1, {"Status": "CANCELLED", "Error": "", "Cause": ""}),
    ],
)
def test_the_end_is_the_output_or_the_reason_why_there_is_none(
    ended: Progress, code: int, expected: dict[str, Any]
) -> None:
    assert result(ended) == expected
    assert finish(ended, Console(file=io.StringIO()), as_json=True) == code
