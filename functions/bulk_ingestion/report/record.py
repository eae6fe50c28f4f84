"""The fields of ``report.json``, in the words of GetWorkflow and GetWorkflowSteps."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

from bulk_ingestion.aws.domain_counts import DomainCounts
from bulk_ingestion.flow.definitions import FlowDefinition
from bulk_ingestion.flow.target import Integration
from bulk_ingestion.report.estimate import Cost, Estimate
from bulk_ingestion.run.ledger import Totals


class ReportedExecution(TypedDict):
    """The execution that a report is about."""

    Arn: str
    Name: str
    StartedAt: str


class ReportedError(TypedDict):
    """The error that an execution has ended in."""

    Name: str
    Cause: str


class Continuity(TypedDict):
    """How the continuous integration follows what has been imported."""

    FlowName: str
    Action: str
    """CREATED, KEPT or REPLACED; in the report of a plan, what is expected."""
    Changes: list[str]
    """Why it is replaced, in words."""
    ContinuesFrom: str
    """The ISO 8601 instant before which everything is imported, as far as the input asked."""
    Overlap: str
    """How far before it the pulls start. The records of this period are transferred twice."""
    FirstPull: NotRequired[str]
    """The earliest ISO 8601 instant of the first pull of an integration that was created."""
    Imported: NotRequired[str]
    """The imported period and its gaps, when they are known."""


class Batch(TypedDict):
    """One window. The instants are ISO 8601."""

    WindowId: str
    FlowName: str
    Status: str
    """NOT_STARTED, COMPLETE, FAILED, SPLIT, RETRY or CANCELLED."""
    Error: NotRequired[str]
    ExecutionMessage: str
    RecordsProcessed: int
    RecordsFailed: int
    BatchRecordsStartTime: str
    BatchRecordsEndTime: str
    Attempts: int
    """The number of attempts in all rounds."""
    StartedAt: str | None
    FinishedAt: str | None


class EndsNoticed(TypedDict):
    """How many windows noticed the end of their last run by AppFlow's event, or by a poll."""

    Event: int
    Poll: int


class ReportedDomain(TypedDict):
    """What the domain held before the import and after it, whatever filled it."""

    Before: DomainCounts
    After: NotRequired[DomainCounts]


class ReportedDefault(TypedDict):
    """The default of a key that the input does not have, and the reason for it."""

    Value: str | int
    Reason: str


class Report(TypedDict):
    """The report. If an execution was stopped before PlanWindows, it has fewer fields."""

    Execution: NotRequired[ReportedExecution]
    Input: NotRequired[Any]
    """The execution's input, without secrets."""
    DryRun: NotRequired[bool]
    Estimate: NotRequired[Estimate]
    FlowDefinition: NotRequired[FlowDefinition]
    """The definition of the continuous integration; only of a dry run."""
    Defaults: NotRequired[dict[str, ReportedDefault]]
    """The defaults, by the key of the input that overrides each; only of a dry run."""
    Status: str
    """NOT_STARTED, IN_PROGRESS, COMPLETE, FAILED or CANCELLED."""
    ReportedAt: str
    DomainName: str
    Domain: NotRequired[ReportedDomain]
    ObjectTypeName: str
    DatetimeTypeFieldName: str | None
    """The field that windows and pulls go by: a record without it is in none of them. None for
    files, which are pulled by their own time."""
    HandOff: str
    Metrics: Totals
    Reconciled: bool
    """Whether all records that AppFlow fetched were put."""
    Warnings: list[str]
    EndsNoticed: EndsNoticed
    Batches: list[Batch]
    Error: NotRequired[ReportedError]
    Cost: NotRequired[Cost]
    Integration: NotRequired[Integration]
    Continuity: NotRequired[Continuity]
    """Missing if the input says ``"Continue": false``."""


class ShortEstimate(TypedDict):
    """The figures of an estimate in a dry run's output."""

    FlowRuns: int
    StateTransitions: int
    TotalUsd: float
    Seconds: int


class Output(TypedDict):
    """The execution's output: a summary of the report."""

    Status: str
    Metrics: Totals
    Integration: NotRequired[Integration]
    Estimate: NotRequired[ShortEstimate]
    Report: str
    """The URI of ``report.json``."""
    Page: str
    """The URI of ``report.html``, the same as a page."""
