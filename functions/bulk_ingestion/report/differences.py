"""What the domain's counts say about the records that AppFlow transferred to it."""

from __future__ import annotations

from collections.abc import Iterator

from bulk_ingestion.report.record import ReportedDomain


def warnings(name: str, domain: ReportedDomain, transferred: int) -> Iterator[str]:
    """Warn of dead letters, and of a domain with fewer objects than were transferred."""
    before, after = domain["Before"], domain.get("After")
    if after is None:
        return
    letters, earlier = after.get("DeadLetters"), before.get("DeadLetters")
    if letters is not None and earlier is not None and letters > earlier:
        yield (
            f"The dead-letter queue of domain {name} has {letters - earlier:,} more "
            f"{'message' if letters - earlier == 1 else 'messages'} than before the import "
            f"({letters:,} instead of {earlier:,}). Each is an object that Customer Profiles could "
            "not store, of this import or of another source. Read the messages, correct the "
            "records at the source or the object type, and import their period again."
        )
    objects = after.get("Objects")
    if objects is not None and objects < transferred:
        yield (
            f"AppFlow transferred {transferred:,} records, and domain {name} has {objects:,} "
            "objects of all types. Records that were transferred twice count once, and the number "
            "of objects may follow later. Otherwise, objects were rejected or replaced each other: "
            "look at the domain's dead-letter queue, and at the keys of the object type."
        )
