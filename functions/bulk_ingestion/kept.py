"""What the stack keeps of each continuous integration, in ``integrations/<flow name>.json``.

Customer Profiles never returns the FlowDefinition that it was given (GetIntegration), and AppFlow
forgets a flow's runs with the flow: to repair an integration without a gap, both are kept here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bulk_ingestion.flows import FlowDefinition, Source, source_of
from bulk_ingestion.folder import Folder, Overtaken
from bulk_ingestion.times import iso, parse_instant

_LEASE = timedelta(minutes=45)  # longer than a repair with its retries, shorter than an hour
_TRIES = 5


@dataclass(frozen=True)
class Lease:
    """One check has an integration to itself until then, lest two repair it at a time."""

    by: str
    until: datetime
    refill: bool = False
    """Whether what is missing is more than one pull carries: a bulk ingestion brings it in."""


@dataclass(frozen=True)
class Repair:
    """One repair: when, and from which last pull on."""

    at: datetime
    since: datetime
    told: bool = False
    """Whether it came to its end, and a person knows."""


@dataclass(frozen=True)
class Asked:
    """An integration as it was asked for, and how far it has come."""

    domain: str
    object_type: str
    flow_definition: FlowDefinition
    tags: dict[str, str]
    """The user's own."""
    pulled_until: datetime
    """The end of the last pull that succeeded: where a repair goes on."""

    @property
    def source(self) -> Source:
        """What it reads."""
        return source_of(self.flow_definition)

    @property
    def target(self) -> tuple[str, str, Source]:
        """What it brings, and where: a stack has one integration for each."""
        return self.domain, self.object_type, self.source


@dataclass(frozen=True)
class Kept:
    """One continuous integration, by the name of its flow."""

    flow_name: str
    asked: Asked | None = None
    """None for an integration that was made before this was kept."""
    repairs: tuple[Repair, ...] = ()
    """Those of the last day, the latest one last."""
    trouble: str = ""
    """What a person has been told that the integration needs."""
    lease: Lease | None = None
    etag: str | None = None
    """The version that was read; None for one that was not written yet."""

    @property
    def pulled_until(self) -> datetime | None:
        """The end of the last pull that succeeded, where it is known."""
        return self.asked.pulled_until if self.asked else None

    def free_for(self, check: str, now: datetime) -> bool:
        """Whether no other check has it to itself."""
        return self.lease is None or self.lease.by == check or self.lease.until <= now

    def leased(self, check: str, now: datetime, refill: bool = False) -> Kept:
        """Have it to oneself for a while."""
        return replace(self, lease=Lease(check, now + _LEASE, refill))


def folder(bucket: str) -> Folder:
    """Give the folder of all that is kept."""
    return Folder(bucket, "integrations")


def read(bucket: str, flow_name: str) -> Kept:
    """Read what is known of an integration, which may be nothing but its name."""
    found, etag = folder(bucket).read_version(f"{flow_name}.json")
    if found is None:
        return Kept(flow_name)
    asked, lease = found["Asked"], found["Lease"]
    return Kept(
        flow_name=flow_name,
        asked=asked
        and Asked(
            domain=asked["DomainName"],
            object_type=asked["ObjectTypeName"],
            flow_definition=asked["FlowDefinition"],
            tags=asked["Tags"],
            pulled_until=parse_instant(asked["PulledUntil"]),
        ),
        repairs=tuple(
            Repair(
                parse_instant(repair["At"]),
                parse_instant(repair["Since"]),
                repair["Told"],
            )
            for repair in found["Repairs"]
        ),
        trouble=found["Trouble"],
        lease=lease and Lease(lease["By"], parse_instant(lease["Until"]), lease["Refill"]),
        etag=etag,
    )


def write(bucket: str, kept: Kept) -> Kept:
    """Write it and give it as written; Overtaken if somebody wrote it since it was read."""
    asked, lease = kept.asked, kept.lease
    value = {
        "Asked": asked
        and {
            "DomainName": asked.domain,
            "ObjectTypeName": asked.object_type,
            "FlowDefinition": asked.flow_definition,
            "Tags": asked.tags,
            "PulledUntil": iso(asked.pulled_until),
        },
        "Repairs": [
            {"At": iso(made.at), "Since": iso(made.since), "Told": made.told}
            for made in kept.repairs
        ],
        "Trouble": kept.trouble,
        "Lease": lease and {"By": lease.by, "Until": iso(lease.until), "Refill": lease.refill},
    }
    etag = folder(bucket).replace(f"{kept.flow_name}.json", value, kept.etag)
    return replace(kept, etag=etag)


def names(bucket: str) -> list[str]:
    """Name the flows of all integrations that are kept."""
    return [name.removesuffix(".json") for name in folder(bucket).names()]


def remember(bucket: str, flow_name: str, asked: Asked, is_new: bool) -> None:
    """Keep an integration that has just been established, and pulls from then on.

    One that was there already goes on as it was asked for; and what has been pulled before need
    not be pulled again.
    """
    for tries_left in reversed(range(_TRIES)):
        known = read(bucket, flow_name)
        pulled_until = max(asked.pulled_until, known.pulled_until or asked.pulled_until)
        kept = known.asked if known.asked and not is_new else asked
        try:
            write(bucket, replace(known, asked=replace(kept, pulled_until=pulled_until)))
        except Overtaken:
            if not tries_left:
                raise
        else:
            break
    _forget_others(bucket, flow_name, asked)


def _forget_others(bucket: str, flow_name: str, asked: Asked) -> None:
    """Forget integrations under other names that this one has replaced, lest they be repaired."""
    for name in names(bucket):
        other = read(bucket, name).asked if name != flow_name else None
        if other and other.target == asked.target:
            folder(bucket).delete(f"{name}.json")
