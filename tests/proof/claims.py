"""What is claimed of every execution, and the laboratory in which examples are run."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from bulk_ingestion.aws import clients, folder
from bulk_ingestion.flow import connectors
from bulk_ingestion.run import plan
from local.account import ACCOUNT, REGION
from local.caller import acting_as
from local.cloud import Cloud
from local.faults import faults
from local.services import simulation
from local.services.appflow import events
from local.services.appflow.flows import Flow, Run
from local.services.appflow.models import AppflowBackend, appflow_backends
from local.services.customerprofiles.domains import Domain
from local.services.customerprofiles.models import customerprofiles_backends
from local.services.rest_json import StrictResponse
from local.services.simulation import Knobs
from tests.machine.machine import Ended, Machine
from tests.proof.examples import MILLISECOND, RUN_DEADLINE, Change, Example

MOST_REDRIVES = 3
DOMAIN = "acme"
EXECUTION = "run"

TO_THE_TRIAL = "proof"
"""The source of the events by which a trial hears of runs, whatever becomes of AppFlow's own."""

Version = tuple[datetime, str]
Batch = dict[str, Any]


@dataclass
class Laboratory:
    """One embedded cloud for many examples, each of which finds it as if it were new."""

    cloud: Cloud
    inclusive: bool = False
    """The reading of the bounds of AppFlow's filters."""

    @property
    def machine(self) -> Machine:
        return Machine(self.cloud)

    @property
    def appflow(self) -> AppflowBackend:
        backend: AppflowBackend = appflow_backends[ACCOUNT][REGION]
        return backend

    @property
    def domain(self) -> Domain:
        domain: Domain = customerprofiles_backends[ACCOUNT][REGION].domains[DOMAIN]
        return domain

    @contextmanager
    def hosting(self, example: Example) -> Iterator[Trial]:
        """Prepare everything for an example, and clear it away."""
        self._clear()
        self.cloud.clock.turn_to(example.now)
        self.cloud.clock.dice = random.Random(example.seed)
        simulation.current.knobs = Knobs(inclusive_bounds=self.inclusive)
        limited = {
            name: replace(connector, record_limit=example.record_limit)
            for name, connector in connectors.CONNECTORS.items()
            if name == example.application.name
        }
        faults.install(example.faults)  # before the records are loaded, which may show late
        trial = Trial(self, example)
        simulation.current.on_event.append(trial.hear)
        try:
            with (
                patch.dict(connectors.CONNECTORS, limited),
                patch.object(plan, "RUN_DEADLINE_SECONDS", int(RUN_DEADLINE.total_seconds())),
                patch.object(events, "send", _sent_to_the_trial_too),
                patch.object(folder, "_THREADS", 1),
                patch.object(StrictResponse, "call_action", _call_in_turns),
            ):
                yield trial
        finally:
            self.cloud.clock.dice = None
            simulation.current.on_event.remove(trial.hear)
            self._clear()

    @contextmanager
    def as_new(self, now: datetime) -> Iterator[None]:
        """Have the cloud as if it were new, at a time."""
        self._clear()
        self.cloud.clock.turn_to(now)
        simulation.current.knobs = Knobs()
        listeners = list(simulation.current.on_event)
        details, object_types = deepcopy((self.domain.details, self.domain.object_types))
        try:
            yield
        finally:
            simulation.current.on_event[:] = listeners
            self.domain.details, self.domain.object_types = details, object_types
            simulation.current.remove_faults()
            self._clear()

    def _clear(self) -> None:
        """Forget executions, files, flows, integrations, objects and records."""
        faults.clear()
        for client in (clients.s3, clients.appflow, clients.customer_profiles):
            client.cache_clear()  # it remembers how many of its calls have failed
        self.cloud.events.settle()
        arn = self.cloud.stack.state_machine_arn
        executions = stepfunctions_parser_backends[ACCOUNT][REGION]
        for execution in executions.describe_state_machine(arn).executions:
            if execution.status == "RUNNING":  # an example that was broken off
                execution.halt("ABORTED", None, None)
                execution.finished.wait(10)
        self.cloud.events.settle()
        executions.describe_state_machine(arn).executions.clear()
        with simulation.current.changing():
            simulation.current.changes.clear()
            for flow in list(self.appflow.flows.values()):
                self.appflow.remove_flow(flow)
            self.domain.integrations.clear()
            self.domain.objects.clear()
        s3, bucket = self.cloud.client("s3"), self.cloud.stack.runs_bucket
        for listed in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
            s3.delete_object(Bucket=bucket, Key=listed["Key"])


_call_action = StrictResponse.call_action


def _call_in_turns(self: StrictResponse) -> Any:
    """Let other threads go first, as drawn, before a call and before its answer.

    Not in the middle of one: it holds the simulation's lock, for which they might wait.
    """
    simulation.current.clock.give_way()
    try:
        return _call_action(self)
    finally:
        simulation.current.clock.give_way()


_send = events.send


def _sent_to_the_trial_too(detail_type: str, flow: Flow, run: Run | None, at: datetime) -> None:
    """Send AppFlow's event, which may be lost or late, and another one that is not."""
    detail = {"flow-name": flow.name, "happened": detail_type}
    simulation.current.emit(
        {"source": TO_THE_TRIAL, "detail-type": "", "time": at.isoformat(), "detail": detail}
    )
    _send(detail_type, flow, run, at)


@dataclass
class Trial:
    """An example under way."""

    laboratory: Laboratory
    example: Example
    runs: Counter[str] = field(default_factory=Counter)
    """How many runs of each flow of a window were started."""
    ended: int = 0
    first_pull: datetime | None = None
    """When the continuous flow has run first."""
    changes_made: int = 0
    most_flows: int = 0
    """The most flows of windows that there were at a time."""

    def __post_init__(self) -> None:
        application = self.example.application
        self.source = self.laboratory.cloud.services.sources.get(
            application.profile, application.object
        )
        self.source.load(
            application.record(key, changed, "as it was") for key, changed in self.example.records
        )

    # ------------------------------------------------------------------- what goes on meanwhile

    def hear(self, event: dict[str, Any]) -> None:
        """Hear that a flow run has started or ended; the source changes, or somebody stops it."""
        if event["source"] != TO_THE_TRIAL:
            return
        flow = event["detail"]["flow-name"]
        if not flow.startswith("bulk-"):
            self.first_pull = self.first_pull or datetime.fromisoformat(event["time"])
            return
        if event["detail"]["happened"] == events.STARTED:
            self.runs[flow] += 1
            started = self.runs.total()
            self.most_flows = max(self.most_flows, len(self.window_flows()))
            self._change("Start", started)
            if started == self.example.stopped_at:
                with acting_as(None):
                    self.laboratory.cloud.client("stepfunctions").stop_execution(
                        executionArn=self.arn, cause="Somebody pressed stop."
                    )
        else:
            self.ended += 1
            self._change("End", self.ended)

    def _change(self, moment: str, runs: int) -> None:
        for change in self.example.changes:
            if (change.moment, change.runs) == (moment, runs):
                self.make(change)

    def make(self, change: Change) -> None:
        """Change a record at the source, or add one, now."""
        self.changes_made += 1
        key = change.key or f"9{self.changes_made:03}"
        now = self.laboratory.cloud.clock.now()
        text = f"change {self.changes_made}"
        self.source.put(self.example.application.record(key, now, text))

    # ------------------------------------------------------------------------- what can be seen

    @property
    def arn(self) -> str:
        machine = self.laboratory.cloud.stack.state_machine_arn
        return machine.replace(":stateMachine:", ":execution:") + f":{EXECUTION}"

    def window_flows(self) -> list[str]:
        return [name for name in self.laboratory.appflow.flows if name.startswith("bulk-")]

    def left_behind(self) -> list[str]:
        """Name what is there of this stack's beside one continuous integration."""
        flows = list(self.laboratory.appflow.flows)
        integrations = [uri.rpartition("/")[2] for uri in self.laboratory.domain.integrations]
        continues = self.example.hand_off is not None
        continuous = self.example.input["FlowDefinition"]["FlowName"] if continues else None
        there = [name for name in [*flows, *integrations] if not name.startswith("others-")]
        return [name for name in there if name != continuous]

    def clean_up(self) -> None:
        """Let the daily cleanup come round."""
        function = self.laboratory.cloud.stack.resources["CleanUpFunction"].physical_id
        machine = self.laboratory.cloud.stack.state_machine_arn
        answer = self.laboratory.cloud.client("lambda").invoke(
            FunctionName=function, Payload=f'{{"StateMachineArn": "{machine}"}}'
        )
        assert "FunctionError" not in answer, answer["Payload"].read().decode()

    def at_the_source(self) -> dict[str, Version]:
        return self._versions(self.source.records())

    def wanted(self) -> dict[str, Version]:
        """The records that the import, or the continuous integration, is to bring."""
        return {
            key: version
            for key, version in self.at_the_source().items()
            if self.example.is_covered(version[0])
        }

    def landed(self) -> dict[str, Version]:
        services = self.laboratory.cloud.services
        object_type = self.example.application.object_type
        return self._versions(services.domain_objects(DOMAIN, object_type))

    def _versions(self, records: list[dict[str, Any]]) -> dict[str, Version]:
        told = self.example.application
        return {
            str(record[told.key_field]): (told.changed(record), str(record[told.text_field]))
            for record in records
        }


# ------------------------------------------------------------------------------- the property


def nothing_is_lost(laboratory: Laboratory, example: Example) -> None:
    """Run an example to its end, redriving it when it fails, and hold every claim against it."""
    with laboratory.hosting(example) as trial:
        laboratory.machine.start(example.input, EXECUTION)
        ended = _end(trial)
        if example.is_bearable:
            assert ended.status == "SUCCEEDED", f"gave up too early: {ended.message}"
        for redrive in range(MOST_REDRIVES):
            if ended.status == "SUCCEEDED":
                break
            if redrive == example.patience:
                faults.clear()
            laboratory.cloud.client("stepfunctions").redrive_execution(executionArn=ended.arn)
            ended = _end(trial)
        assert ended.status == "SUCCEEDED", f"never completes: {ended.message}"
        _totals_are_right(trial, ended)
        faults.clear()
        laboratory.cloud.clock.advance(timedelta(hours=2).total_seconds())
        _domain_equals_source(trial, ended)


def _end(trial: Trial) -> Ended:
    """Wait for an end, whatever it is, and hold against it what is claimed of every end."""
    ended = trial.laboratory.machine.wait(trial.arn)
    trial.laboratory.cloud.events.settle()
    _nothing_is_left_behind(trial)
    report = _report(ended)
    if ended.status == "FAILED":
        _what_is_missing_is_named(trial, ended, report)
    _complete_means_landed(trial, report)
    _no_run_is_started_twice(trial, ended, report)
    return ended


def _report(ended: Ended) -> dict[str, Any]:
    """Read the report; one without batches where the execution did not come to write it."""
    client = ended.machine.cloud.client("s3")
    try:
        report: dict[str, Any] = ended.report
    except client.exceptions.ClientError:
        return {"Batches": []}
    return report


def _nothing_is_left_behind(trial: Trial) -> None:
    left = trial.left_behind()
    if left and trial.example.hinders_removal:
        hindered = faults.status()
        faults.clear()
        trial.clean_up()
        left = trial.left_behind()
        faults.install({key: _asked(value) for key, value in hindered.items()})
    assert not left, f"left behind: {left}"
    if not trial.example.hinders_removal:
        most = trial.example.asked["MaxConcurrency"]
        assert trial.most_flows <= most, f"left behind: {trial.most_flows} flows at a time"


def _asked(told: Any) -> Any:
    if not isinstance(told, list):
        return told
    return [{key: value for key, value in fault.items() if key != "Struck"} for fault in told]


def _what_is_missing_is_named(trial: Trial, ended: Ended, report: dict[str, Any]) -> None:
    """An execution that failed for its windows names each that is not complete, and why."""
    if ended.error != "WindowsFailed":
        return
    incomplete = [b for b in _leaves(report) if b["Status"] != "COMPLETE"]
    assert incomplete, f"failed for no window: {ended.message}"
    for batch in incomplete:
        interval = f"{batch['BatchRecordsStartTime']} to {batch['BatchRecordsEndTime']}"
        named = f"{batch['WindowId']} ({interval}): "
        assert named in ended.message, f"not named: {named} in {ended.message}"


def _complete_means_landed(trial: Trial, report: dict[str, Any]) -> None:
    """Every record that has not landed lies in no window that is called COMPLETE."""
    landed, failed = trial.landed(), failed_by_window(report)
    missing = {
        key: version for key, version in trial.wanted().items() if landed.get(key) != version
    }
    if trial.example.lag:  # the first pull brings what could not be read yet
        oldest = trial.example.now - trial.example.lag
        missing = {key: version for key, version in missing.items() if version[0] < oldest}
    for batch in _complete(report):
        start, end = _interval(batch)
        lost = [key for key, (changed, _) in missing.items() if start <= changed < end]
        assert len(lost) <= failed[batch["WindowId"]], (
            f"lost: {lost} of window {batch['WindowId']}, which is called COMPLETE"
        )


def _no_run_is_started_twice(trial: Trial, ended: Ended, report: dict[str, Any]) -> None:
    """A window has had no more runs than attempts, unless a stopped child was redriven."""
    if trial.example.stopped_at is not None:
        return
    for batch in report["Batches"]:
        if batch["FinishedAt"]:
            outcome = ended.read(f"windows/{batch['WindowId']}.json")
            runs = trial.runs[outcome["FlowName"]]
            assert runs <= outcome["Attempts"], f"started twice: {outcome} had {runs} runs"


def _domain_equals_source(trial: Trial, ended: Ended) -> None:
    """After the first incremental pull the domain is the source's equal, but for failed puts."""
    landed, wanted = trial.landed(), trial.wanted()
    report = ended.report
    failed = failed_by_window(report)
    missing = {key: version for key, version in wanted.items() if landed.get(key) != version}
    if trial.example.lag and trial.first_pull and trial.example.hand_off:
        # What is stamped after the hand-off may be missed by a pull that comes too soon after it.
        oldest = max(trial.example.hand_off, trial.first_pull - trial.example.lag)
        missing = {key: version for key, version in missing.items() if version[0] < oldest}
    if any(line.startswith("Continue is false") for line in report["Warnings"]):
        oldest = trial.example.now - trial.example.lag
        missing = {key: version for key, version in missing.items() if version[0] < oldest}
    for batch in _complete(report):
        start, end = _interval(batch)
        here = [key for key, (changed, _) in missing.items() if start <= changed < end]
        if len(here) <= failed[batch["WindowId"]]:
            for key in here:
                del missing[key]
    assert not missing, f"lost: {missing}, where the domain has {[landed.get(k) for k in missing]}"
    beyond = {
        key: version
        for key, version in landed.items()
        if not trial.example.is_covered(version[0]) and not trial.example.may_come(version[0])
    }
    if trial.laboratory.inclusive:
        beyond = {key: v for key, v in beyond.items() if not _on_an_edge(trial.example, v[0])}
    assert not beyond, f"imported though not asked for: {beyond}"


def _on_an_edge(example: Example, moment: datetime) -> bool:
    return any(moment in (start - MILLISECOND, end) for start, end in example.intervals)


def _totals_are_right(trial: Trial, ended: Ended) -> None:
    """The output's totals are those of the COMPLETE windows, and these are true."""
    report, metrics = ended.report, ended.output["Metrics"]
    complete = _complete(report)
    failed = failed_by_window(report)
    assert metrics == report["Metrics"]
    assert metrics["RecordsProcessed"] == sum(batch["RecordsProcessed"] for batch in complete)
    assert metrics["RecordsFailed"] == sum(failed.values())
    assert metrics["StepsCompleted"] == metrics["TotalSteps"] == len(complete)
    assert len(complete) == len(_leaves(report)), "complete, but some windows are not"
    told = " ".join(report["Warnings"])
    for window, number in failed.items():
        assert not number or f"{number} records of window {window}" in told, f"not told: {window}"
    if trial.changes_made == 0 and not any(failed.values()) and not trial.example.lag:
        for batch in complete:
            held = _held(trial, batch)
            assert batch["RecordsProcessed"] == held, f"wrong total: {batch} has {held} records"
        landed = len(trial.landed())
        if not trial.laboratory.inclusive and trial.first_pull is None:
            assert metrics["RecordsProcessed"] == landed, f"wrong total: {landed} keys were put"


def _held(trial: Trial, batch: Batch) -> int:
    """Count the source's records within the bounds of a window, as AppFlow reads them."""
    start, end = _interval(batch)
    if not trial.example.application.has_windows:
        return sum(changed >= start for changed, _ in trial.at_the_source().values())
    if trial.laboratory.inclusive:
        start, end = start - MILLISECOND, end + MILLISECOND
    return sum(start <= changed < end for changed, _ in trial.at_the_source().values())


def _leaves(report: dict[str, Any]) -> list[Batch]:
    return [batch for batch in report["Batches"] if batch["Status"] != "SPLIT"]


def _complete(report: dict[str, Any]) -> list[Batch]:
    return [batch for batch in report["Batches"] if batch["Status"] == "COMPLETE"]


def failed_by_window(report: dict[str, Any]) -> dict[str, int]:
    """Count the records that could not be put, by window."""
    return {batch["WindowId"]: batch["RecordsFailed"] for batch in _complete(report)}


def _interval(batch: Batch) -> tuple[datetime, datetime]:
    start, end = batch["BatchRecordsStartTime"], batch["BatchRecordsEndTime"]
    return datetime.fromisoformat(start), datetime.fromisoformat(end)
