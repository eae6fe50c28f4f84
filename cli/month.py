"""The days after an import: the source keeps changing, and each day is summarized."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from bulk_ingestion.flow import definitions
from bulk_ingestion.flow.definitions import FlowDefinition
from bulk_ingestion.flow.schedule import pull_interval
from bulk_ingestion.report.page import duration
from bulk_ingestion.times import iso
from local import interpreter
from local.aws.messages import Message
from local.cloud import Cloud
from local.faults import faults
from local.services import simulation
from local.services.simulation import Record, ScheduledChange

CHANGES_A_DAY = 40
_NEW = 0.25  # the share of the changes that are new records
_LAST_CHANGES_TAKE = timedelta(hours=3)
_BADLY = ("FAILED", "TIMED_OUT", "ABORTED")


@dataclass
class Day:
    """What happened on one day, or in the hours after the last one."""

    number: int | None
    """Counted from 1; None for the hours after the last day."""
    starts: datetime
    ends: datetime
    pulls: int = 0
    failed: int = 0
    records: int = 0
    checks: int = 0
    repairs: int = 0
    notifications: int = 0
    notes: list[str] = field(default_factory=list)
    """What is worth mentioning, each with its date and time, in this order."""


class Month:
    """Lets days pass in a cloud whose source keeps changing."""

    def __init__(self, cloud: Cloud, flow_definition: FlowDefinition) -> None:
        self._cloud = cloud
        named = definitions.source_of(flow_definition)
        self._field = named.datetime_field
        self._source = cloud.services.sources.get(
            named.profile or named.connector.type, named.object
        )
        trigger = flow_definition["TriggerConfig"]["TriggerProperties"]["Scheduled"]
        interval = pull_interval(trigger["ScheduleExpression"]) or timedelta()
        self._last_changes_take = max(_LAST_CHANGES_TAKE, 2 * interval)
        self._dice = random.Random(simulation.current.knobs.seed)
        self._events: list[dict[str, Any]] = []
        self._changes: list[dict[str, Any]] = []
        self._notified = len(cloud.messages())
        self._struck: set[int] = set()
        self._broken: dict[str, tuple[str, str]] = {}
        cloud.services.on_event(self._events.append)
        interpreter.on_status_change(self._changes.append)

    def days(self, many: int) -> Iterator[Day]:
        """Let days pass, as fast as the machine can run, and summarize each.

        The source changes until the end of the last day. Then some more hours pass in which the
        last changes are pulled. They are summarized like a day, but are none.
        """
        clock = self._cloud.clock
        began = clock.now()
        ends = [began + timedelta(days=number) for number in range(1, many + 1)]
        for _ in range(many * CHANGES_A_DAY):
            at = began + (ends[-1] - began) * self._dice.random()
            simulation.current.schedule(ScheduledChange(at, partial(self._change, at)))
        since = began
        for number, until in enumerate([*ends, ends[-1] + self._last_changes_take], 1):
            self._cloud.live(max(timedelta(), until - clock.now()))
            self._cloud.targets.settle()
            yield self._look_back(Day(number if number <= many else None, since, until))
            since = until

    def _change(self, at: datetime) -> None:
        """Add or change one record at the source at an instant."""
        entity, held = self._source.entity, self._source.everything()
        record: Record = dict(self._dice.choice(held))
        template = entity.template
        if self._dice.random() < _NEW and template:
            record[entity.primary_key] = template["key"].format(1_000_000 + len(held))
            record[template["created"]] = entity.format(at)
        for name in template.get("modified", filter(None, [self._field])):
            record[name] = entity.format(at)
        drawn = self._dice.choice(held)
        kept = {entity.primary_key, *(f.name for f in entity.fields.values() if f.is_timestamp)}
        name = self._dice.choice(sorted(set(drawn) - kept) or [entity.primary_key])
        if name not in kept:
            record[name] = drawn[name]
        self._source.put(record)

    def _look_back(self, day: Day) -> Day:
        """Count what happened since the last summary, and note what is worth mentioning."""
        notes: list[tuple[str, str]] = []
        while self._events:
            event = self._events.pop(0)
            if event["detail"]["trigger-type"] == "SCHEDULED":
                notes += ((event["time"], text) for text in self._note_event(day, event))
        while self._changes:
            change = self._changes.pop(0)
            notes += self._note_execution(day, change)
        for message in self._cloud.messages()[self._notified :]:
            self._notified += 1
            day.notifications += 1
            notes.append((iso(message.at), self._note_message(day, message)))
        began = f"{day.starts:%Y-%m-%d}"
        day.notes = [
            *(f"{began}        {text}" for text in self._faults()),
            *(f"{_minute(at)}  {text}" for at, text in sorted(notes, key=lambda note: note[0])),
        ]
        return day

    def _note_event(self, day: Day, event: dict[str, Any]) -> Iterator[str]:
        """Count a pull, and note what breaks and what works again."""
        detail, at = event["detail"], event["time"]
        flow = detail["flow-name"]
        if "Deactivated" in event["detail-type"]:
            self._broken.setdefault(flow, (at, "AppFlow deactivated it"))
            yield f"broken: AppFlow deactivated {flow}"
        elif "End" in event["detail-type"]:
            day.pulls += 1
            day.records += int(detail["num-of-records-processed"])
            failed = detail["status"] != "Execution Successful"
            day.failed += failed
            if failed and flow not in self._broken:
                self._broken[flow] = (at, "a pull failed")
                yield f"broken: a pull of {flow} failed: {detail['error']}"
            elif not failed and flow in self._broken:
                yield f"works: pulls of {flow} succeed{self._after(flow, at)}"
                del self._broken[flow]

    def _note_message(self, day: Day, message: Message) -> str:
        subject, _, flow = message.subject.partition(": ")
        if subject != "Integration repaired":
            return f"notified: {message.subject}"
        day.repairs += 1
        return f"repaired: {flow}{self._after(flow, iso(message.at))}"

    def _after(self, flow: str, at: str) -> str:
        """Say what had broken, and how long before."""
        if flow not in self._broken:
            return ""
        since, what = self._broken[flow]
        return f", {duration(since, at)} after {what}"

    def _note_execution(self, day: Day, change: dict[str, Any]) -> Iterator[tuple[str, str]]:
        arn, status = change["stateMachineArn"], change["status"]
        if "/" in arn:  # a child of a Map
            return
        is_check = arn != self._cloud.stack.state_machine_arn
        day.checks += is_check and status == "RUNNING"
        if status in _BADLY or not is_check:
            at = datetime.fromtimestamp((change["stopDate"] or change["startDate"]) / 1000, UTC)
            machine = arn.rpartition(":")[2]
            why = f" ({change['error']})" if change.get("error") else ""
            yield iso(at), f"{machine} {status}{why}: {change['name']}"

    def _faults(self) -> Iterator[str]:
        """Name the faults that struck for the first time."""
        for number, fault in enumerate(faults.status()["Faults"]):
            if fault.pop("Struck") and number not in self._struck:
                self._struck.add(number)
                yield f"fault: {json.dumps(fault)}"


def totals(days: Iterable[Day]) -> str:
    """Sum up the days in one line."""
    passed = list(days)
    whole = sum(day.number is not None for day in passed)
    sums = {
        name: sum(int(getattr(day, name)) for day in passed)
        for name in ("pulls", "failed", "records", "checks", "repairs", "notifications")
    }
    return f"{whole:,} days: " + ", ".join(
        f"{number:,} {'failed pulls' if name == 'failed' else name}"
        for name, number in sums.items()
    )


def _minute(at: str) -> str:
    return at[: len("2026-11-24T22:00")].replace("T", " ")
