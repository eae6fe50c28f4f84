"""Whatever imports, changes, and outages follow one another: no gap, and nothing moved back.

Imports of one object follow one another on one stack: with another definition, of an older period,
or of the same again. Meanwhile, records change, and the continuous integration breaks and is
repaired, by a bulk ingestion if that was long ago.

An application shows records up to the overlap after their timestamps where an integration is
created: by an import, a repair, or a backfill. Elsewhere, it shows them up to the flow's
ScheduleOffset after their timestamps, because AppFlow's pulls don't overlap.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Literal

from hypothesis import given
from hypothesis import strategies as st

from bulk_ingestion.integration.coverage import Coverage
from bulk_ingestion.times import parse_instant
from local.clock import Clock
from local.cloud import embedded_cloud
from local.faults import faults
from local.services.appflow.flows import Flow
from tests.machine.contacts import contact
from tests.machine.flow_definitions import definition
from tests.machine.keeper import FLOW, Keeper
from tests.machine.machine import NOW, Machine
from tests.proof.profiles import lots

SEQUENCES = 10
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
TWO_MONTHS = 62  # days, at most
FOREVER = datetime.max.replace(tzinfo=UTC)
SCHEDULE_OFFSET = timedelta(minutes=5)
CHECKED_EVERY = HOUR
"""If AppFlow has forgotten a flow's pulls, a repair goes by what the last check has seen. The first
pull is an overlap longer than others, because it waits for so long."""
FIELDS = (("Id", "Email"), ("Id", "Email", "Phone"), ("Id", "FirstName"))

Fields = tuple[str, ...]


@dataclass(frozen=True)
class Import:
    """An import with a definition that has these fields."""

    fields: Fields
    days: tuple[int, int]
    """From and until how many days ago; until 0 it is an import up to now."""
    continues: bool = True

    @property
    def has_windows(self) -> bool:
        """Whether AppFlow's own pulls import nothing but what changes after the hand-off."""
        since, until = self.days
        if not self.continues:
            return True
        return (until or since) > TWO_MONTHS

    @property
    def asked(self) -> dict[str, Any]:
        since, until = self.days
        flow = definition(self.fields)
        scheduled = flow["TriggerConfig"]["TriggerProperties"]["Scheduled"]
        scheduled["ScheduleOffset"] = SCHEDULE_OFFSET // SECOND
        given = {"FlowDefinition": flow}
        if not until:
            return {**given, "ImportFrom": f"P{since}D"}
        batch = {"StartTime": f"P{since}D", "EndTime": f"P{until}D"}
        return {**given, "ImportFrom": None, "Batches": [batch], "Continue": self.continues}


@dataclass(frozen=True)
class Hours:
    """Hours that pass, with so many changes at the source."""

    hours: int
    changes: int


@dataclass(frozen=True)
class Outage:
    """What somebody does to the continuous integration, or the source."""

    kind: Literal["integration deleted", "flow deleted", "deleted long ago", "source down"]
    hours: int


Step = Import | Hours | Outage


@dataclass(frozen=True)
class Sequence:
    """What happens, and how late the source shows its records."""

    first: Import
    steps: tuple[Step, ...]
    lag: timedelta
    overlap: timedelta
    seed: int


@st.composite
def imports(draw: st.DrawFn, first: bool = False) -> Import:
    since = draw(st.sampled_from([5, 20, 50, 70, 130]))
    fields = draw(st.sampled_from(FIELDS))
    if first or draw(st.booleans()):
        return Import(fields, (since, 0))
    length = draw(st.sampled_from([3, 30, 70]))
    return Import(fields, (since + length, since), draw(st.booleans()))


@st.composite
def sequences(draw: st.DrawFn) -> Sequence:
    overlap = draw(st.sampled_from([HOUR, 3 * HOUR]))
    step = st.one_of(
        imports(),
        st.builds(Hours, st.integers(1, 30), st.integers(0, 4)),
        st.builds(
            Outage,
            st.sampled_from(
                ["integration deleted", "flow deleted", "deleted long ago", "source down"]
            ),
            st.integers(1, 8),
        ),
    )
    return Sequence(
        draw(imports(first=True)),
        tuple(draw(st.lists(step, min_size=2, max_size=5))),
        draw(st.sampled_from([timedelta(), overlap / 2, overlap])),
        overlap,
        draw(st.integers(1, 1000)),
    )


@dataclass
class Trial:
    """A sequence as it goes, and what was imported with each definition."""

    keeper: Keeper
    sequence: Sequence
    names: Iterator[str] = field(default_factory=lambda: map("import-{}".format, count(1)))
    numbers: Iterator[int] = field(default_factory=count)
    imported: dict[Fields, Coverage] = field(default_factory=lambda: defaultdict(Coverage))
    asked: list[tuple[datetime, datetime, Fields]] = field(default_factory=list)
    """From and until when an import was to bring records, and with which fields."""
    pulled: list[tuple[datetime, Fields]] = field(default_factory=list)
    """From when the pulls of an integration bring the past, and with which fields: perhaps after
    the windows of a later import."""
    earlier: Flow | None = None
    """The integration's flow when the latest import started."""
    moved_back: list[str] = field(default_factory=list)

    @property
    def machine(self) -> Machine:
        return self.keeper.machine

    def hear(self, event: dict[str, Any]) -> None:
        """Note what a pull has imported, and whether it began behind what was imported."""
        detail = event["detail"]
        spanned = detail.get("incremental-transfer-time-range")
        if (
            detail["flow-name"] != FLOW
            or not spanned
            or detail.get("status") != "Execution Successful"
        ):
            return
        since, until = (
            datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ[UTC]").replace(tzinfo=UTC)
            for text in spanned.split(" - ")
        )
        of_this = self._fields
        before = self.imported[of_this]
        if self.keeper.flow is self.earlier:
            before = Coverage()  # the latest import left the integration as it was
        again = before.covered_until(since) - since
        if again > 2 * self.sequence.overlap + CHECKED_EVERY + SCHEDULE_OFFSET:
            self.moved_back.append(f"{since} to {until} with {of_this}; imported: {before}")
        self._note(of_this, Coverage.of([(since, until)]))

    @property
    def _fields(self) -> Fields:
        """The fields that the integration pulls; none if there is none."""
        if FLOW not in self.machine.flows():
            return ()
        tasks = self.keeper.flow.definition["tasks"]
        return tuple(task["destinationField"] for task in tasks if task["taskType"] == "Map")

    def take(self, step: Step) -> None:
        if isinstance(step, Import):
            self._import(step)
        elif isinstance(step, Hours):
            for _ in range(step.changes):
                self.change(min(self.sequence.lag, SCHEDULE_OFFSET))
            self.machine.cloud.live(timedelta(hours=step.hours))
        else:
            self._break(step)
            self.machine.cloud.live(timedelta(hours=step.hours))
            faults.clear()

    def _import(self, step: Import) -> None:
        if step.continues and step.fields != self._fields:
            self.change(self.sequence.lag)
            self.machine.cloud.clock.advance(1)
        start = self.keeper.now
        self.earlier = self.keeper.flow if FLOW in self.machine.flows() else None
        overlap = f"PT{self.sequence.overlap // HOUR}H"
        ended = self.machine.run(next(self.names), **step.asked, Overlap=overlap)
        assert ended.status == "SUCCEEDED", f"{ended.error}: {ended.message}"
        windows = [
            (
                parse_instant(batch["BatchRecordsStartTime"]),
                parse_instant(batch["BatchRecordsEndTime"]),
            )
            for batch in ended.batches.values()
        ]
        self._note(step.fields, Coverage.of(windows))
        since, until = step.days
        if until:
            self.asked.append((start - since * DAY, start - until * DAY, step.fields))
        if step.continues:
            self.asked = [(a, min(b, start), fields) for a, b, fields in self.asked]
            self.asked.append((start - (until or since) * DAY, FOREVER, step.fields))
            if not step.has_windows:
                self.pulled.append((start - (until or since) * DAY, step.fields))

    def _note(self, fields: Fields, imported: Coverage) -> None:
        """Note a period, whose objects replace those of other definitions."""
        for others in self.imported.keys() - {fields}:
            self.imported[others] -= imported
        self.imported[fields] |= imported

    def change(self, lag: timedelta, at: datetime | None = None) -> None:
        """Have a record change now, or in the past, which can be read after a time."""
        key, at = f"new-{next(self.numbers)}", at or self.keeper.now
        record = contact(key, at, Email=f"{key}@example.com", Phone=key, FirstName=f"Name {key}")
        self.keeper.source.put(record, readable_at=at + lag)

    def _break(self, outage: Outage) -> None:
        """Break the integration, with records that change then, and before its last pull ended."""
        lag = self.sequence.lag
        if outage.kind == "source down":
            faults.install({"Faults": [{"Source": "acme-sf/Contact", "Ends": "Error"}]})
            self.change(min(lag, SCHEDULE_OFFSET))
            return
        if FLOW in self.machine.flows():  # and not deleted by an earlier outage
            begins, ends = self.keeper.now - lag, self._pulled_until
            if begins < ends:
                self.change(lag, begins + (ends - begins) / 2)
            self._delete(outage)
        self.change(lag)
        if outage.kind == "deleted long ago":
            self.keeper.wait(days=TWO_MONTHS + 10)
            self.change(lag)

    @property
    def _pulled_until(self) -> datetime:
        runs = self.keeper.flow.runs
        return self.keeper.last_pull if any(run.status == "Successful" for run in runs) else NOW

    def _delete(self, outage: Outage) -> None:
        if outage.kind == "integration deleted":
            uri = self.keeper.flow.arn
            client = self.machine.cloud.client("customer-profiles")
            client.delete_integration(DomainName="acme", Uri=uri)
        else:
            self.machine.cloud.client("appflow").delete_flow(flowName=FLOW, forceDelete=True)

    def missing(self) -> list[str]:
        """Name the records that were asked for, and whose current values have not arrived."""
        landed, found = self.machine.landed(), []
        for key, record in self.machine.source().items():
            changed = datetime.strptime(record["LastModifiedDate"], "%Y-%m-%dT%H:%M:%S.%f%z")
            wanted = [since <= changed < until for since, until, _ in self.asked]
            if not any(wanted):
                continue
            # The pulls of a later definition may bring what changed shortly before it, too
            latest = len(wanted) - 1 - wanted[::-1].index(True)
            brought = [fields for _, _, fields in self.asked[latest:]]
            brought += [fields for since, fields in self.pulled if since <= changed]
            if not any(self._has(landed.get(key), record, fields) for fields in brought):
                found.append(f"{key} of {changed} with {brought}: {landed.get(key)}")
        return found

    @staticmethod
    def _has(landed: dict[str, Any] | None, record: dict[str, Any], fields: Fields) -> bool:
        return landed is not None and all(landed.get(name) == record.get(name) for name in fields)


@contextmanager
def trial(sequence: Sequence) -> Iterator[Trial]:
    with embedded_cloud(Clock(start=NOW), {"LogLevel": "ERROR"}) as cloud:
        keeper = Keeper(Machine(cloud))
        keeper.source.load(
            contact(f"old-{n}", NOW - n * 5 * DAY - HOUR, Email=f"{n}@example.com", Phone=f"{n}")
            for n in range(45)
        )
        run = Trial(keeper, sequence)
        cloud.services.on_event(run.hear)
        yield run


def holds_for(sequence: Sequence) -> None:
    with trial(sequence) as run:
        for step in (sequence.first, *sequence.steps):
            run.take(step)
        first_pull = sequence.overlap + 4 * HOUR
        run.machine.cloud.live(first_pull)
        if "Integration needs attention" in "".join(run.keeper.told):
            # After too many repairs, the next one comes a day later
            run.machine.cloud.live(DAY + first_pull)
        assert not run.missing()
        assert not run.moved_back
        assert [name for name in run.machine.flows() if name != FLOW] == []


def test_no_record_is_lost_and_no_integration_moves_back_over_what_was_imported() -> None:
    for lot in lots(SEQUENCES, "sequences"):

        @lot
        @given(sequences())
        def holds(sequence: Sequence) -> None:
            holds_for(sequence)

        holds()
