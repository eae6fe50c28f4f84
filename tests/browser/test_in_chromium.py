"""The report's page in a real browser: wide and narrow, light and dark."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.browser import reports
from tests.browser.chromium import Page, Scheme, chromium, missing

KINDS = [
    *("complete", "failed", "dry-run", "stopped", "without-windows", "many-windows"),
    "sixty-windows",
]
VIEWS: list[tuple[int, Scheme]] = [
    (1280, "light"),
    (1280, "dark"),
    (400, "light"),
    (400, "dark"),
]


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    lacking = " and ".join(missing())
    if lacking and os.environ.get("BROWSER") == "required":
        pytest.fail(f"{lacking} must be installed where BROWSER=required")
    if lacking:
        pytest.skip(f"{lacking} is missing: apt-get install chromium chromium-driver")
    with chromium() as page:
        yield page


@pytest.fixture(scope="module")
def pages(page: Page, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Give the page of each kind of execution."""
    folder = tmp_path_factory.mktemp("reports")
    with reports.machine() as machine:
        made = {
            "complete": machine.run("complete", ImportFrom="P1Y"),
            "failed": reports.failed(machine),
            "dry-run": machine.run("dry-run", DryRun=True),
            "stopped": reports.stopped(machine),
            "without-windows": machine.run("without-windows", ImportFrom="P30D"),
            "sixty-windows": reports.sixty_windows(machine),
            "many-windows": machine.run("many-windows", BatchSize="P2D", DryRun=True),
        }
        return {kind: reports.save(ended, folder) for kind, ended in made.items()}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_it_fits_requests_nothing_else_and_is_accessible(
    page: Page, pages: dict[str, Path], kind: str, width: int, scheme: Scheme
) -> None:
    # Given a report on a screen of this width, in light or dark, with all details open
    page.open(pages[kind], width, scheme)
    page.script("document.querySelectorAll('details').forEach(d => d.open = true)")
    # Then nothing is wider than the screen
    assert page.script("return document.documentElement.scrollWidth") == width
    # And only the file itself was requested, and the console is empty
    assert page.requested() == [pages[kind].as_uri()]
    assert page.console() == []
    # And axe finds no violation of WCAG in names, contrast, and order
    assert page.violations() == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_no_sign_overflows_its_block_and_no_figure_its_tile(
    page: Page, pages: dict[str, Path], kind: str, width: int, scheme: Scheme
) -> None:
    page.open(pages[kind], width, scheme)
    overflowing = page.script(
        """
        const shown = e => getComputedStyle(e).display !== "none";
        const signs = [...document.querySelectorAll("svg[role=img] g > text.on")].filter(shown)
          .filter(t => {
            const sign = t.getBoundingClientRect();
            const block = t.parentNode.querySelector("rect").getBoundingClientRect();
            return sign.left < block.left - 1 || sign.right > block.right + 1;
          });
        const tiles = [...document.querySelectorAll(".totals dd, .facts dd")]
          .filter(e => e.scrollWidth > e.clientWidth);
        return [...signs, ...tiles].map(e => e.textContent);
        """
    )
    assert overflowing == []


def test_pictures_of_each_kind_can_be_kept(
    page: Page, pages: dict[str, Path], tmp_path: Path
) -> None:
    """Set SCREENSHOTS to a folder to keep those of all kinds."""
    folder = Path(os.environ.get("SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    kinds = KINDS if folder != tmp_path else KINDS[:2]
    for kind in kinds:
        for width, scheme in VIEWS:
            page.open(pages[kind], width, scheme)
            height = page.script("return document.documentElement.scrollHeight")
            picture = folder / f"{kind}-{width}-{scheme}.png"
            page.picture(picture, width, height)
            assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert len({path.read_bytes() for path in folder.glob("*.png")}) == len(kinds) * len(VIEWS)


def test_dark_is_dark_and_light_is_light(page: Page, pages: dict[str, Path]) -> None:
    backgrounds = []
    for scheme in ("light", "dark"):
        page.open(pages["complete"], 1280, scheme)
        colour = page.script("return getComputedStyle(document.body).backgroundColor")
        backgrounds.append(sum(map(int, colour[4:-1].split(","))) / 3)
    light, dark = backgrounds
    assert light > 200
    assert dark < 50


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("kind", KINDS)
def test_the_keyboard_goes_through_it_from_top_to_bottom(
    page: Page, pages: dict[str, Path], kind: str, width: int
) -> None:
    page.open(pages[kind], width, "light")
    stops = list(page.tab_stops())
    assert len(stops) >= 3
    for stop in stops:
        assert stop["name"], stop
        assert stop["outline"], stop
        assert stop["seen"], stop
    assert all(earlier["top"] <= later["top"] for earlier, later in pairwise(stops))


def test_a_table_opens_by_the_keyboard(page: Page, pages: dict[str, Path]) -> None:
    page.open(pages["failed"], 400, "dark")
    shown = "return document.querySelector('#windows-table').checkVisibility()"
    assert not page.script(shown)
    for stop in page.tab_stops():
        if stop["name"].startswith("Windows as a table"):
            page.press_enter()
            break
    assert page.script(shown)


@pytest.mark.parametrize(
    ("kind", "headings", "texts"),
    [
        (
            "failed",
            ["What happened", "What failed", "What next", "Warnings", "Windows"],
            [
                "2 of 19 windows are not complete",
                "0013 (2025-11-23 to 2026-01-23), 0014 (2026-01-23 to 2026-03-23)",
                reports.LOCKED,
                "Redrive the execution. Only the windows that are not complete run again.",
                '{"Resume": "contacts-since-2023"}',
                "Actual",
            ],
        ),
        (
            "dry-run",
            ["What happened", "What next", "Warnings", "Windows", "Continuous integration", "Cost"],
            [
                "This was a dry run. The import of Salesforce-Contact into the domain acme would "
                "run 18 windows.",
                "Estimated cost",
                "of the execution + 18 windows ×",
                "40 min",
                "18 windows × 0.1 GB",
                "without DryRun",
            ],
        ),
        (
            "complete",
            ["What happened", "What next", "Windows", "Records per window"],
            ["All 6 windows are complete", "You don't need to do anything", "Actual"],
        ),
        (
            "stopped",
            ["What happened", "What failed", "What next", "Windows"],
            ["Cancelled", "The execution was stopped, or timed out", "Redrive the execution"],
        ),
    ],
)
def test_it_says_what_happened_what_failed_and_what_next_in_this_order(
    page: Page, pages: dict[str, Path], kind: str, headings: list[str], texts: list[str]
) -> None:
    page.open(pages[kind], 400, "light")
    found = page.script("return [...document.querySelectorAll('h2')].map(h => h.innerText)")
    assert found[: len(headings)] == headings
    text = page.script("return document.body.innerText")
    assert [wanted for wanted in texts if wanted not in text] == []
