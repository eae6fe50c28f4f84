"""The days after an import as a section of the report's page, with a timeline and a table."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from bulk_ingestion.wording import visible
from cli.month import Day, totals

_HEIGHT, _WIDE = 40, 100.0  # pixels, percent
_LABELLED, _NARROW = 1.8, 7.0  # percent; what has room for a sign on a wide screen, and on a phone
_KINDS = {
    "COMPLETE": ("✓", "every pull succeeded"),
    "FAILED": ("✕", "pulls failed"),
    "RETRY": ("↻", "repaired"),
}
"""What a day is drawn as: the page's own styles and signs, and what they mean here."""


def with_days(page: str, days: Sequence[Day]) -> str:
    """Add the days to a report's page, as its last section."""
    return page.replace("</main>", f"{_section(days)}\n</main>", 1)


def kind(day: Day) -> str:
    """Name what is worth seeing of a day first: a repair, failed pulls, or neither."""
    return "RETRY" if day.repairs else "FAILED" if day.failed else "COMPLETE"


def _section(days: Sequence[Day]) -> str:
    whole = [day for day in days if day.number is not None]
    step = _WIDE / len(whole)
    blocks = "\n".join(
        _block(day, (number - 1) * step, step) for number, day in enumerate(whole, 1)
    )
    first, last = whole[0].starts, whole[-1].ends
    legend = "".join(
        f'<li class="s-{name}"><svg viewBox="0 0 26 26" aria-hidden="true">'
        f'<rect class="block" x="1" y="1" width="24" height="24"/>'
        f'<text class="on" x="13" y="18" text-anchor="middle">{sign}</text></svg> {meaning}</li>'
        for name, (sign, meaning) in _KINDS.items()
        if any(kind(day) == name for day in whole)
    )
    rows = "\n".join(map(_row, days))
    head = "".join(
        f'<th scope="col"{number}>{title}</th>'
        for title, number in (
            ("Day", ""),
            ("Until (UTC)", ""),
            *((name, ' class="number"') for name in ("Pulls", "Failed", "Records", "Checks")),
            ("What happened", ""),
        )
    )
    return f"""<section aria-labelledby="days">
<h2 id="days">The days after</h2>
<p>{escape(totals(days))}.</p>
<ul class="legend">{legend}</ul>
<figure>
<svg width="100%" height="{_HEIGHT + 26}" role="img" aria-labelledby="days-title">
<title id="days-title">The days after the import, by what happened. The table has the same.</title>
{blocks}
<text x="0" y="{_HEIGHT + 20}">{first:%Y-%m-%d}</text>
<text x="{_WIDE}%" y="{_HEIGHT + 20}" text-anchor="end">{last:%Y-%m-%d}</text>
</svg>
<figcaption>Each block is one day. In the embedded cloud, time is simulated.</figcaption>
</figure>
<div class="scroll" role="region" aria-label="Table of the days" tabindex="0">
<table><thead><tr>{head}</tr></thead>
<tbody>
{rows}
</tbody></table>
</div>
</section>"""


def _block(day: Day, x: float, width: float) -> str:
    sign, meaning = _KINDS[kind(day)]
    at = f'x="{x + width / 2:.3f}%" y="25" text-anchor="middle"'
    text = f'<text class="on" {at}>{sign}</text>' if width >= _LABELLED else ""
    phone = " narrow" if width < _NARROW else ""
    return (
        f'<g class="s-{kind(day)}{phone}"><title>Day {day.number}: {meaning}</title>'
        f'<rect class="block" x="{x:.3f}%" y="0" width="{width:.3f}%" height="{_HEIGHT}"/>'
        f"{text}</g>"
    )


def _row(day: Day) -> str:
    name = "After" if day.number is None else str(day.number)
    notes = "<br>".join(escape(visible(note)) for note in day.notes)
    numbers = "".join(
        f'<td class="number">{number:,}</td>'
        for number in (day.pulls, day.failed, day.records, day.checks)
    )
    return (
        f'<tr><th scope="row">{name}</th><td class="whole">{day.ends:%Y-%m-%d %H:%M}</td>{numbers}'
        f'<td class="message">{notes}</td></tr>'
    )
