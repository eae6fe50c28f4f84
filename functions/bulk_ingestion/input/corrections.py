"""Corrections: the changes of an execution that resumes an earlier run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from bulk_ingestion.flow import check, definitions
from bulk_ingestion.flow.api_model import Problem
from bulk_ingestion.flow.definitions import FlowDefinition, source_of
from bulk_ingestion.input.request import ResumeRequest, refusal
from bulk_ingestion.run.job import Job
from bulk_ingestion.wording import shown


def corrected(job: Job, request: ResumeRequest, complete: int, now: datetime) -> Job:
    """Give the earlier run's job with the corrections of a request.

    ``complete`` is the number of complete windows, which don't run again. Raises InvalidInput if
    the corrected FlowDefinition is not valid, or reads another object.
    """
    earlier = job.target.flow_definition
    definition = definitions.merged(earlier, request.corrections)
    found = check.find_problems(definition, "FlowDefinition", now)
    if not found:
        found += _other_import(earlier, definition)
    if found:
        raise refusal(
            Problem(request.named.get(problem.path, problem.path), problem.message)
            for problem in found
        )
    warnings = _differences(earlier, definition, complete)
    return replace(
        job,
        target=job.target.with_definition(definition),
        overlap=job.overlap if request.overlap is None else request.overlap,
        warnings=(*job.warnings, *warnings),
    )


def _other_import(earlier: FlowDefinition, definition: FlowDefinition) -> Iterator[Problem]:
    before, now = source_of(earlier), source_of(definition)
    if (before.connector, before.object) != (now.connector, now.object):
        yield Problem(
            "FlowDefinition.SourceFlowConfig",
            f"reads {shown(now.object)} of {now.connector.properties}, but the resumed run reads "
            f"{shown(before.object)} of {before.connector.properties}; start a new import instead",
        )


def _differences(
    earlier: FlowDefinition, definition: FlowDefinition, complete: int
) -> Iterator[str]:
    """Warn of windows that were complete before the correction."""
    before, now = source_of(earlier), source_of(definition)
    changes = {
        "Tasks": earlier["Tasks"] != definition["Tasks"],
        "DatetimeTypeFieldName": before.datetime_field != now.datetime_field,
        "ConnectorProfileName": before.profile != now.profile,
        "SourceConnectorProperties": before == now
        and earlier["SourceFlowConfig"] != definition["SourceFlowConfig"],
    }
    changed = [name for name, is_changed in changes.items() if is_changed]
    if changed and complete:
        yield (
            f"{' and '.join(changed)} differ from the resumed run. The windows that were complete "
            f"({complete:,}) don't run again, so their records were imported without the "
            "correction. To import them with the correction, start a new import."
        )
