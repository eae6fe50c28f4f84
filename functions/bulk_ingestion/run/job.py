"""An execution, and its job: what it imports, without its windows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NotRequired, TypedDict

from bulk_ingestion import settings
from bulk_ingestion.aws.folder import Folder
from bulk_ingestion.flow import names
from bulk_ingestion.flow.target import Target, TargetJson
from bulk_ingestion.flow.windows import OVERLAPS
from bulk_ingestion.run.layout import JOB
from bulk_ingestion.times import iso_duration, length, parse_duration


class ExecutionContext(TypedDict):
    """The context object's Execution, in a state of either machine."""

    Id: str
    Name: str
    Input: Any
    StartTime: str
    RedriveCount: NotRequired[int]


@dataclass(frozen=True)
class Execution:
    """An execution of a state machine."""

    arn: str
    name: str
    stack: str

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> Execution:
        """Read it from a handler's event.

        The event is either the payload from a state machine, with the context object's Execution,
        or an event from Step Functions about an execution that has ended.
        """
        if "detail" in event:
            return cls(
                event["detail"]["executionArn"], event["detail"]["name"], settings.stack_name()
            )
        return cls(event["Execution"]["Id"], event["Execution"]["Name"], settings.stack_name())

    @property
    def machine_arn(self) -> str:
        """The ARN of its state machine."""
        return self.arn.rpartition(":")[0].replace(":execution:", ":stateMachine:")

    @property
    def tags(self) -> dict[str, str]:
        """The tags that identify what this execution created."""
        tags = names.tags({}, self.stack, self.name)
        return {key: tags[key] for key in (names.STACK_TAG, names.EXECUTION_TAG)}

    def flow_name(self, window_id: str, round_number: int) -> str:
        """Name the flow of one window in one round."""
        return names.flow_name(self.name, self.arn, window_id, round_number)

    @property
    def flow_prefix(self) -> str:
        """The prefix of the names of its windows' flows. No other flow name has it."""
        return self.flow_name("", round_number=1)

    def flow_arn(self, flow_name: str) -> str:
        """Give a flow's ARN, which is also its integration's URI (Customer Profiles API)."""
        _, partition, _, region, account, *_ = self.arn.split(":")
        return f"arn:{partition}:appflow:{region}:{account}:flow/{flow_name}"


class _JobJson(TargetJson):
    HandOff: str
    Overlap: str
    Continue: bool
    Warnings: list[str]


@dataclass(frozen=True)
class Job:
    """What an execution imports, without its windows."""

    target: Target
    hand_off: str
    """The end of the last window: an instant as ISO 8601."""
    overlap: timedelta
    """How far before the hand-off the continuous integration starts."""
    continues: bool
    """Whether a continuous integration is created after the windows."""
    warnings: tuple[str, ...]

    @classmethod
    def read(cls, folder: Folder) -> Job:
        """Read a job that :meth:`write` wrote."""
        written: _JobJson = folder.read(JOB)
        return cls(
            target=Target.from_json(written),
            hand_off=written["HandOff"],
            overlap=length(parse_duration(written["Overlap"], OVERLAPS)),
            continues=written["Continue"],
            warnings=tuple(written["Warnings"]),
        )

    def write(self, folder: Folder) -> None:
        """Write it to the run's folder, for the later functions and for a resume."""
        written: _JobJson = {
            **self.target.to_json(),
            "HandOff": self.hand_off,
            "Overlap": iso_duration(self.overlap),
            "Continue": self.continues,
            "Warnings": list(self.warnings),
        }
        folder.write(JOB, written)
