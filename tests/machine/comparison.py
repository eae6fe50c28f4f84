"""The same source, imported by this application and by the managed workflow."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from dateutil.relativedelta import relativedelta

from local.services import simulation
from local.services.knobs import ManagedWorkflow
from local.services.simulation import Record, RunOutcome, ScheduledChange
from tests.machine.contacts import contact
from tests.machine.keeper import FLOW
from tests.machine.machine import NOW, Ended, Machine, event

LIMIT = 100
"""How many records a run of the source transfers, in place of ServiceNow's 100,000."""
CROWDED = datetime(2026, 3, 10, tzinfo=UTC)
CROWD = 250
SINCE = datetime(2025, 11, 23, 22, tzinfo=UTC)
"""The start of the import: its windows of two months are the same for all."""
BOUNDS = [SINCE + relativedelta(months=2 * number) for number in range(6)]
KINDEST = ManagedWorkflow()
UNKINDEST = ManagedWorkflow(
    bounds="as given", splits="never", continues_from="its own end", flows="kept"
)
ROLE = "arn:aws:iam::123456789012:role/workflow"


@dataclass
class Import(ABC):
    """One import of a year of contacts, and of what happens to them meanwhile."""

    machine: Machine
    runs: Counter[str] = field(default_factory=Counter)
    """The runs that ended, by flow."""

    def __post_init__(self) -> None:
        knobs = simulation.current.knobs
        simulation.current.knobs = replace(knobs, records_per_run={"Salesforce": LIMIT})
        days = [SINCE + timedelta(days=7 * week + 3) for week in range(51)]
        crowd = (CROWDED + timedelta(minutes=minute) for minute in range(CROWD))
        self.machine.load(
            *_contacts("usual", days), *_contacts("crowd", crowd), *_contacts("bound", BOUNDS)
        )

    @abstractmethod
    def start(self) -> str:
        """Import to the end, and give the status."""

    @abstractmethod
    def again(self) -> str:
        """Do what a user can do about a failed import, and give the status."""

    def fail(self, start: datetime, times: int) -> None:
        """Have the runs of the window that begins at an instant fail."""

        def end(flow: Any, run: str, records: list[tuple[str, Record]], at: datetime) -> RunOutcome:
            name = str(flow["flowName"])
            self.runs[name] += 1
            if _begins(flow, start) and self.runs[name] <= times:
                return RunOutcome([], "Error", "The source is busy.")
            return RunOutcome(records)

        simulation.current.end_run = end

    def change_meanwhile(self) -> None:
        """Have a contact change while the import runs."""
        at = NOW + timedelta(seconds=90)
        self._later(at, contact("meanwhile", at))

    def commit_late(self, stamped: datetime) -> None:
        """Have a contact become readable after its timestamp, when the import has ended."""
        self._later(self.machine.cloud.clock.now(), contact("late", stamped))

    def pull(self) -> None:
        """Let the continuous integration pull for some hours."""
        self.machine.cloud.live(timedelta(hours=6))

    def landed(self, kind: str) -> int:
        """Count the contacts of a kind that are in the domain."""
        return sum(key.startswith(kind) for key in self.machine.landed())

    @property
    def missing(self) -> int:
        return len(self.machine.source()) - len(self.machine.landed())

    @property
    def window_flows(self) -> int:
        return sum(name != FLOW for name in self.machine.flows())

    @property
    def window_runs(self) -> int:
        """Count the runs, without the pulls of the continuous integration."""
        return sum(n for name, n in self.runs.items() if name != FLOW)

    def _later(self, at: datetime, record: Record) -> None:
        source = self.machine.cloud.services.sources.get("acme-sf", "Contact")
        simulation.current.schedule(ScheduledChange(at, lambda: source.put(record)))


class Ours(Import):
    """By this application."""

    ended: Ended

    def start(self) -> str:
        self.ended = self.machine.run(ImportFrom=SINCE.isoformat(), BatchSize="P2M")
        return self.ended.status

    def again(self) -> str:
        self.ended = self.ended.redrive()
        return self.ended.status


@dataclass
class Managed(Import):
    """By the managed workflow, under one of its readings."""

    reading: ManagedWorkflow = KINDEST

    def __post_init__(self) -> None:
        super().__post_init__()
        knobs = simulation.current.knobs
        simulation.current.knobs = replace(knobs, managed_workflow=self.reading)
        self.machine.cloud.client("iam").create_role(
            RoleName="workflow", AssumeRolePolicyDocument="{}"
        )

    def start(self) -> str:
        definition = event()["FlowDefinition"]
        definition["TriggerConfig"]["TriggerProperties"]["Scheduled"]["FirstExecutionFrom"] = SINCE
        profiles = self.machine.cloud.client("customer-profiles")
        workflow = profiles.create_integration_workflow(
            DomainName="acme",
            WorkflowType="APPFLOW_INTEGRATION",
            ObjectTypeName="Salesforce-Contact",
            IntegrationConfig={"AppflowIntegration": {"FlowDefinition": definition}},
            RoleArn=ROLE,
        )["WorkflowId"]
        about = {"DomainName": "acme", "WorkflowId": workflow}
        while (described := profiles.get_workflow(**about))["Status"] == "IN_PROGRESS":
            self.machine.cloud.live(timedelta(seconds=10))
        return str(described["Status"])

    def again(self) -> str:
        """Create another workflow: no operation repeats a step."""
        return self.start()


COLUMNS: dict[str, Callable[[Machine], Import]] = {
    "This application": Ours,
    "Managed, kindest reading": lambda machine: Managed(machine, reading=KINDEST),
    "Managed, unkindest reading": lambda machine: Managed(machine, reading=UNKINDEST),
}


def compare(one: Import) -> dict[str, str]:
    """Import what is hard to import, and give the figures."""
    one.fail(BOUNDS[2], times=1)
    one.change_meanwhile()
    status = one.start()
    runs = one.window_runs
    one.commit_late(NOW - timedelta(minutes=5))
    one.pull()
    flows = one.window_flows
    return {
        "Status of the import, in which one run failed": status,
        "Runs of six windows": str(runs),
        f"Contacts of a crowded day, of {CROWD}": str(one.landed("crowd")),
        "Contacts on the bounds of windows, of 6": str(one.landed("bound")),
        "Contacts that changed during the import, of 1": str(one.landed("meanwhile")),
        "Contacts committed after the import, stamped before it, of 1": str(one.landed("late")),
        "Contacts that never arrive": str(one.missing),
        "Flows of windows left behind": str(flows),
    }


def recover(one: Import) -> dict[str, str]:
    """Have one window fail four times, and do what a user can do about it."""
    one.fail(BOUNDS[0], times=4)
    status = one.start()
    before = one.window_runs
    one.fail(BOUNDS[0], times=0)
    again = one.again()
    return {
        "Status of the import, in which all runs of one window failed": status,
        "Status after trying again": again,
        "Runs that this takes": str(one.window_runs - before),
    }


def _contacts(kind: str, changes: Iterable[datetime]) -> list[Record]:
    return [contact(f"{kind}-{number:03}", at) for number, at in enumerate(changes)]


def _begins(flow: Any, start: datetime) -> bool:
    """Whether a flow's filter begins at an instant, or a millisecond before."""
    lower = round(start.timestamp() * 1000)
    bounds = (task.get("taskProperties", {}).get("LOWER_BOUND", "0") for task in flow["tasks"])
    return any(int(bound) in (lower, lower - 1) for bound in bounds)
