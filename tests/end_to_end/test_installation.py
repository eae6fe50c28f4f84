"""What ``make`` puts into the environment: the command, and the way to this clone's code."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import pytest
from hatchling.build import build_editable

from tests.end_to_end.commands import ROOT


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Build the wheel of an editable installation; gives its files by their last names."""
    monkeypatch.chdir(ROOT)
    with ZipFile(tmp_path / build_editable(str(tmp_path))) as wheel:
        return {Path(name).name: wheel.read(name).decode() for name in wheel.namelist()}


def test_the_command_is_bulk(installed: dict[str, str]) -> None:
    assert installed["entry_points.txt"].split() == [
        "[console_scripts]",
        "bulk",
        "=",
        "cli.main:main",
    ]


def test_imports_begin_in_this_clone_alone(installed: dict[str, str]) -> None:
    [paths] = (text for name, text in installed.items() if name.endswith(".pth"))
    assert sorted(paths.splitlines()) == [str(ROOT), str(ROOT / "functions")]
