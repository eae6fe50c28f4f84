"""Draws docs/report.png and docs/report-phone.png: the page of a run with trouble, in Chromium."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS.parent), str(DOCS.parent / "functions")]

from tests.browser import reports  # noqa: E402
from tests.browser.chromium import Scheme, chromium  # noqa: E402

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
