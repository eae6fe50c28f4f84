"""The days after an import: the source changes all the while, and each day is told."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from bulk_ingestion import flows
from bulk_ingestion.flows import FlowDefinition
from bulk_ingestion.times import iso
from local import faults, interpreter, simulation
from local.cloud import Cloud
from local.simulation import Happening, Record

CHANGES_A_DAY = 40
_NEW = 0.25  # the share of the changes that are new records
_LAST_CHANGES_TAKE = timedelta(hours=3)
_BADLY = ("FAILED", "TIMED_OUT", "ABORTED")


@dataclass
class Day:
    """What happened on one day."""

    number: int
    ends: datetime
    pulls: int = 0
    failed: int = 0
    records: int = 0
    checks: int = 0
    notes: list[str] = field(default_factory=list)


class Month:
    """Days that pass in a cloud, with a source that changes."""

    def __init__(self, cloud: Cloud, flow_definition: FlowDefinition) -> None:
        self._cloud = cloud
        named = flows.source_of(flow_definition)
        self._field = named.datetime_field
        self._source = cloud.services.sources.get(named.profile or "", named.object)
        trigger = flow_definition["TriggerConfig"]["TriggerProperties"]["Scheduled"]
        interval = flows.pull_interval(trigger["ScheduleExpression"]) or timedelta()
        self._last_changes_take = max(_LAST_CHANGES_TAKE, 2 * interval)
        self._dice = random.Random(simulation.current.knobs.seed)
        self._events: list[dict[str, Any]] = []
        self._changes: list[dict[str, Any]] = []
        self._told = len(cloud.messages())
        self._struck: set[int] = set()
        self._is_failing = False
        cloud.services.on_event(self._events.append)
        interpreter.on_status_change(self._changes.append)

    def days(self, many: int) -> Iterator[Day]:
        """Let days pass, as fast as the machine can go, and tell of each.

        The source changes until the last one ends. After it some hours pass in which the last
        changes are pulled: they are told as one more day.
        """
        clock = self._cloud.clock
        began = clock.now()
        ends = [began + timedelta(days=number) for number in range(1, many + 1)]
        for _ in range(many * CHANGES_A_DAY):
            at = began + (ends[-1] - began) * self._dice.random()
            simulation.current.happen(Happening(at, partial(self._change, at)))
        for number, until in enumerate([*ends, ends[-1] + self._last_changes_take], 1):
            self._cloud.live(max(timedelta(), until - clock.now()))
            self._cloud.targets.settle()
            yield self._look_back(Day(number, until))

    def _change(self, at: datetime, _: Any) -> None:
        """Have one record of the source be new, or changed, at an instant."""
        entity, held = self._source.entity, self._source.everything()
        record: Record = dict(self._dice.choice(held))
        template = entity.template
        if self._dice.random() < _NEW and template:
            record[entity.primary_key] = template["key"].format(1_000_000 + len(held))
            record[template["created"]] = entity.format(at)
        for name in template.get("modified", [self._field]):
            record[name] = entity.format(at)
        drawn = self._dice.choice(held)
        kept = {entity.primary_key, *(f.name for f in entity.fields.values() if f.is_timestamp)}
        name = self._dice.choice(sorted(set(drawn) - kept) or [entity.primary_key])
        if name not in kept:
            record[name] = drawn[name]
        self._source.put(record)

    def _look_back(self, day: Day) -> Day:
        """Count what happened since the last look, and note what is worth it."""
        notes: list[tuple[str, str]] = []
        while self._events:
            event = self._events.pop(0)
            detail, at = event["detail"], event["time"]
            if detail["trigger-type"] != "SCHEDULED":
                continue
            if "Deactivated" in event["detail-type"]:
                notes.append((at, f"AppFlow deactivated {detail['flow-name']}"))
            elif "End" in event["detail-type"]:
                day.pulls += 1
                day.records += int(detail["num-of-records-processed"])
                failed = detail["status"] != "Execution Successful"
                day.failed += failed
                if failed and not self._is_failing:
                    notes.append((at, f"a pull failed: {detail['error']}"))
                elif self._is_failing and not failed:
                    notes.append((at, "pulls succeed again"))
                self._is_failing = failed
        while self._changes:
            change = self._changes.pop(0)
            notes += self._note_execution(day, change)
        for message in self._cloud.messages()[self._told :]:
            self._told += 1
            notes.append((iso(message.at), f"told: {message.subject}"))
        day.notes = [*self._faults(), *(f"{_hour(at)} {text}" for at, text in sorted(notes))]
        return day

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
        """Name the faults that have struck for the first time."""
        for number, fault in enumerate(faults.told()["Faults"]):
            if fault.pop("Struck") and number not in self._struck:
                self._struck.add(number)
                yield f"fault: {json.dumps(fault)}"


def _hour(at: str) -> str:
    return at[len("2026-11-24T") : len("2026-11-24T22:00")]
