"""Draws the README's first picture: what happens, in five boxes."""

from __future__ import annotations

from html import escape
from pathlib import Path

PICTURE = Path(__file__).parents[1] / "overview.svg"

BOXES = (
    ("1  Plan", "cuts the past into", "two-month windows"),
    ("2  Import", "one AppFlow flow for", "each, side by side"),
    ("3  Review", "retries and splits, or", "names what is missing"),
    ("4  Hand over", "continues with new", "records, without a gap"),
    ("5  Keep", "checks every hour,", "and repairs"),
)
_WIDTH, _HEIGHT, _GAP, _TOP = 178, 132, 22, 8
_MARKS = ([146], [33] * 4, [33, 33, 14, 14, 33], [146], [104, 33])
_STYLE = """
  .box { fill: #f4f7fb; stroke: #8795a1; stroke-width: 1.5; }
  .window { fill: #2f6db5; }
  .title { font: 700 17px system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif; fill: #17202a; }
  .text { font: 13.5px system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif; fill: #3e4c59; }
  .arrow { stroke: #52606d; stroke-width: 2.5; fill: none; marker-end: url(#head); }
  .head { fill: #52606d; }
  @media (prefers-color-scheme: dark) {
    .box { fill: #1f2933; stroke: #7b8794; }
    .window { fill: #6ea8ec; }
    .title { fill: #e7ecf1; }
    .text { fill: #cbd2d9; }
    .arrow { stroke: #9aa5b1; }
    .head { fill: #9aa5b1; }
  }
"""  # noqa: E501 - one line for each class


def picture() -> str:
    """Give the picture as SVG. It follows the reader's light or dark theme."""
    whole = len(BOXES) * (_WIDTH + _GAP) - _GAP + 2
    told = ". ".join(f"{title.split(maxsplit=1)[1]}: {a} {b}" for title, a, b in BOXES)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {whole} {_HEIGHT + 2 * _TOP}" '
        'role="img" aria-labelledby="t d">',
        '<title id="t">From years of records to a continuous integration, in five steps</title>',
        f'<desc id="d">{escape(told)}.</desc>',
        f"<style>{_STYLE}</style>",
        '<defs><marker id="head" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="4.5" '
        'markerHeight="4.5" orient="auto"><path class="head" d="M0 0 8 4 0 8z"/></marker></defs>',
    ]
    for number, (title, first, second) in enumerate(BOXES):
        x = 1 + number * (_WIDTH + _GAP)
        lines += [
            f'<rect class="box" x="{x}" y="{_TOP}" width="{_WIDTH}" height="{_HEIGHT}" rx="10"/>',
            f'<text class="title" x="{x + 16}" y="{_TOP + 32}">{escape(title)}</text>',
            f'<text class="text" x="{x + 16}" y="{_TOP + 58}">{escape(first)}</text>',
            f'<text class="text" x="{x + 16}" y="{_TOP + 77}">{escape(second)}</text>',
            *_marks(number, x + 16),
        ]
        if number + 1 < len(BOXES):
            y = _TOP + _HEIGHT / 2
            lines.append(f'<path class="arrow" d="M{x + _WIDTH + 2} {y}h{_GAP - 6}"/>')
    return "\n".join([*lines, "</svg>", ""])


def _marks(number: int, x: int) -> list[str]:
    """Draw windows under the second box, and what they became under the others."""
    y, bars = _TOP + 96, []
    widths = {0: [146], 1: [33, 33, 33, 33], 2: [33, 33, 14, 14, 33], 3: [146], 4: [104, 33]}[
        number
    ]
    left = x
    for width in widths:
        opacity = 0.35 if number == 0 else 1
        bars.append(
            f'<rect class="window" x="{left}" y="{y}" width="{width}" height="18" rx="3" '
            f'opacity="{opacity}"/>'
        )
        left += width + 4.5
    return bars


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
