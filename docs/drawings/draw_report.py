"""Draws docs/report.png and docs/report-phone.png: the page of a failed run, in Chromium."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.browser import reports
from tests.browser.chromium import Scheme, chromium

DOCS = Path(__file__).parents[1]

_PICTURES: tuple[tuple[str, int, int, Scheme], ...] = (
    ("report.png", 1280, 1640, "light"),
    ("report-phone.png", 400, 1500, "dark"),
)


def main() -> None:
    """Run the execution and take the pictures."""
    with tempfile.TemporaryDirectory() as folder, reports.machine() as machine:
        path = reports.save(reports.failed(machine), Path(folder))
        with chromium() as page:
            for name, width, height, scheme in _PICTURES:
                page.open(path, width, scheme)
                page.picture(DOCS / name, width, height)


if __name__ == "__main__":
    main()
