"""Flow runs on the simulated clock: started, ended, cancelled, and what they deliver."""

from __future__ import annotations

import logging
import uuid
from datetime import UTC, datetime

from local.services import simulation
from local.services.simulation import Destination, Record, RunOutcome, ScheduledChange
from local.services.tasks import Span, pull

from . import definitions, events, files
from .connections import Connections
from .flows import Flow, Run

_log = logging.getLogger(__name__)

NEVER = datetime.max.replace(tzinfo=UTC)


class Runs:
    """Runs of the flows of one account and Region."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def start(
        self, flow: Flow, at: datetime, period: tuple[datetime, datetime], span: Span | None = None
    ) -> Run:
        """Start a run, which pulls a span of the source, or everything that the filters let pass.

        ``period`` is what its record says about the data that it pulls.
        """
        run = Run(str(uuid.uuid4()), at, at, at, *period, span)
        world, knobs = simulation.current, simulation.current.knobs
        run.definition = flow.definition_of_runs(at, knobs.update_takes)
        run.conduct = world.direct_run(flow.as_created(), run.execution_id, at)
        takes = run.conduct.takes
        if takes is None:
            takes = knobs.run_base + knobs.run_per_record * len(self._pull(flow, run, at))
        run.ends_at = at + takes if run.conduct.ends else NEVER
        flow.runs.append(run)
        flow.running = run
        world.comes_due(run.ends_at)
        events.send(events.STARTED, flow, run, at)
        if run.conduct.ends and knobs.events_early:
            early = max(at, run.ends_at - knobs.events_early)
            world.schedule(ScheduledChange(early, lambda: self._announce_end(flow, run, early)))
        return run

    def _announce_end(self, flow: Flow, run: Run, at: datetime) -> None:
        """Send the event about a run's end before its record shows it, unless it was cancelled."""
        if flow.running is run and run.status == "InProgress":
            run.is_announced = True
            events.send(events.ENDED, flow, run, at)

    def cancel(self, flow: Flow, execution_ids: list[str] | None, now: datetime) -> list[str]:
        """Cancel runs, all by default; gives the IDs that are of no run in progress."""
        run = flow.running
        active = [run.execution_id] if run and run.status == "InProgress" else []
        wanted = execution_ids or active
        if run and run.execution_id in active and run.execution_id in wanted:
            run.status = "CancelStarted"
            run.last_updated_at = now
            run.ends_at = now + simulation.current.knobs.cancelling_takes
            simulation.current.comes_due(run.ends_at)
        return [unknown for unknown in wanted if unknown not in active]

    def end(self, flow: Flow, run: Run, destination: Destination) -> None:
        """End a run whose time has come, and deliver what it pulled."""
        at = run.ends_at
        run.last_updated_at = at
        flow.running = None
        if run.status == "CancelStarted":
            run.status = "Canceled"
        else:
            self._conclude(flow, run, self._outcome(flow, run), destination)
        if not run.is_announced:
            events.send(events.ENDED, flow, run, at)

    def _outcome(self, flow: Flow, run: Run) -> RunOutcome:
        end_run, pulled = simulation.current.end_run, self._pull(flow, run, run.ends_at)
        outcome = end_run(flow.as_created(), run.execution_id, pulled, run.ends_at)
        if not self._connections.is_usable(flow.profile, flow.connector_type):
            return RunOutcome([], "Error", f"The connector profile {flow.profile} does not exist.")
        bucket = definitions.s3(run.definition)
        if bucket and (problem := files.problem(bucket, account(flow.arn))):
            return RunOutcome([], "Error", problem)
        return outcome

    def _conclude(
        self, flow: Flow, run: Run, outcome: RunOutcome, destination: Destination
    ) -> None:
        run.status = outcome.status
        size = sum(_size(record) for _, record in outcome.records)
        run.result = {
            "recordsProcessed": len(outcome.records),
            "bytesProcessed": size,
            "bytesWritten": size,
        }
        if outcome.message or outcome.put_failures:
            run.result["errorInfo"] = {
                "putFailuresCount": outcome.put_failures,
                "executionMessage": outcome.message or None,
            }
        if profiles := definitions.customer_profiles(run.definition):
            destination.deliver(flow.arn, profiles, outcome.records, run.ends_at)
        elif bucket := definitions.s3(run.definition):
            records = [record for _, record in outcome.records]
            files.write(
                bucket, account(flow.arn), flow.name, run.execution_id, records, run.ends_at
            )
        else:
            _log.warning(
                "Flow %s delivers nothing: the destination %s is not simulated.",
                flow.name,
                definitions.destination_type(run.definition),
            )
        if outcome.status == "Successful":
            flow.failures_in_a_row = 0
            if run.span:
                flow.pulled_until = run.pull_end
        else:
            flow.failures_in_a_row += 1

    def _pull(self, flow: Flow, run: Run, at: datetime) -> list[tuple[str, Record]]:
        source = self._connections.source_of(run.definition).as_of(at)
        knobs = simulation.current.knobs
        pulled = pull(source, run.definition["tasks"], run.span, knobs.inclusive_bounds)
        return pulled[: knobs.records_per_run.get(flow.connector_type)]


def account(arn: str) -> str:
    """Give the account in an ARN."""
    return arn.split(":")[4]


def _size(record: Record) -> int:
    return sum(len(str(value)) for value in record.values())
