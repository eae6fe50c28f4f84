"""AppFlow's EventBridge events, as in the samples that people have published.

No sample of a deactivation was found; it is sent as a failure of the last run.
"""

from __future__ import annotations

import random
import uuid
from datetime import datetime, timedelta
from typing import Any

from local.services import simulation
from local.services.simulation import ScheduledChange

from .definitions import destination_object, destination_type, object_name
from .flows import Flow, Run

STARTED = "AppFlow Start Flow Run Report"
ENDED = "AppFlow End Flow Run Report"
DEACTIVATED = "AppFlow Scheduled Flow Deactivated"
_SECOND_DELIVERY = timedelta(minutes=1)


def send(detail_type: str, flow: Flow, run: Run | None, at: datetime) -> None:
    """Send the event for what happened to a flow, or to its last run, at an instant.

    The knobs may have it come late, twice, or not at all.
    """
    world, knobs = simulation.current, simulation.current.knobs
    event = _event(detail_type, flow, run, at)
    dice = random.Random(f"{knobs.seed}/{detail_type}/{flow.name}/{at.isoformat()}")
    if dice.random() < knobs.events_lost:
        return
    comes = [at + knobs.events_late]
    if dice.random() < knobs.events_twice:
        comes.append(comes[0] + _SECOND_DELIVERY)
    for when in comes:
        if when > at:
            world.schedule(ScheduledChange(when, lambda: world.emit(event)))
        else:
            world.emit(event)


def _event(detail_type: str, flow: Flow, run: Run | None, at: datetime) -> dict[str, Any]:
    _, _, _, region, account, _ = flow.arn.split(":", 5)
    detail = {
        "flow-name": flow.name,
        "created-by": flow.created_by,
        "flow-arn": flow.arn,
        "source": f"{flow.connector_type.upper()}/{flow.profile}",
        "destination": destination_type(flow.definition).upper(),
        "source-object": object_name(flow.definition),
        "destination-object": destination_object(flow.definition),
        "trigger-type": flow.trigger_type.upper(),
        **(_of_run(run, detail_type == ENDED) if run else {}),
        **(_outcome(detail_type, run) if detail_type != STARTED else {}),
    }
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": detail_type,
        "source": "aws.appflow",
        "account": account,
        "time": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": region,
        "resources": [uuid.uuid4().hex],
        "detail": detail,
    }


def _of_run(run: Run, has_ended: bool) -> dict[str, str]:
    detail = {
        "execution-id": run.execution_id,
        "start-time": _time(run.started_at),
        "num-of-records-processed": str(run.result.get("recordsProcessed", 0)),
        "num-of-records-filtered": "0",
        "num-of-record-failures": str(run.result.get("errorInfo", {}).get("putFailuresCount", 0)),
        "data-processed": str(run.result.get("bytesProcessed", 0)),
    }
    if run.span:
        detail["incremental-transfer-time-range"] = (
            f"{_time(run.pull_start)} - {_time(run.pull_end)}"
        )
    if has_ended:
        detail["end-time"] = _time(run.ends_at)
    return detail


def _outcome(detail_type: str, run: Run | None) -> dict[str, str]:
    if run is None:
        return {"status": "Execution Failed", "error": "The flow was deactivated."}
    if detail_type == ENDED and run.status not in ("Error", "Canceled"):
        return {"status": "Execution Successful"}
    return {"status": "Execution Failed", "error": run.message or run.status}


def _time(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant.microsecond // 1000:03d}Z[UTC]"
