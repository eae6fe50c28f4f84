"""The preflight: checks what a job needs in AWS, before anything is created."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bulk_ingestion import settings
from bulk_ingestion.aws import clients, domain_counts
from bulk_ingestion.aws.domain_counts import DomainCounts
from bulk_ingestion.aws.folder import Folder
from bulk_ingestion.aws.observed import Flow, all_flows
from bulk_ingestion.errors import PreflightFailed
from bulk_ingestion.flow import check, definitions, names, needs, object_types
from bulk_ingestion.flow.findings import UNANSWERED, Finding, ask
from bulk_ingestion.input import capacity
from bulk_ingestion.input.capacity import Capacity, Needed
from bulk_ingestion.run.job import Execution, Job
from bulk_ingestion.run.layout import JOB, run_folder
from bulk_ingestion.times import parse_instant


@dataclass(frozen=True)
class Load:
    """The windows that an execution runs."""

    windows: int
    max_concurrency: int
    start: datetime
    """Where the first one begins."""


@dataclass(frozen=True)
class Cleared:
    """An execution that AWS has everything for."""

    job: Job
    """With what was left open filled in, and its warnings."""
    before: DomainCounts | None
    """What the domain holds before the import; None if AWS did not say."""
    capacity: Capacity
    lacks_object_type: bool
    """Whether the object type is to be created from its template before the first window."""


def clear(
    job: Job, load: Load, execution: Execution, folder: Folder, stack_key: str, now: datetime
) -> Cleared:
    """Check a job against AWS.

    ``stack_key`` is the only KMS key that the stack's roles may use. ``now`` is the execution's
    start. Raises PreflightFailed with every fatal finding, each with what to do.
    """
    aws = needs.check(job.target, stack_key, windowed=bool(load.windows))
    found, checked = aws.found, replace(job, target=job.target.with_definition(aws.definition))
    listed = ask(found, "the account's flows", lambda: list(all_flows()))
    flows: list[Flow] = [] if listed is UNANSWERED else listed
    found += _check_name(checked, flows, execution.stack)
    name = job.target.flow_definition["FlowName"] if job.continues else ""
    needed = Needed(load.windows, load.max_concurrency, name)
    allowed = capacity.check(needed, job.target.domain, flows, found)
    if not any(finding.fatal for finding in found):
        found += _check_request(checked, execution, now)
    ask(found, "other executions", _check_others, job, execution, folder, found)
    before: DomainCounts | None = None
    if aws.domain:
        queue = settings.dead_letter_queue_arn()
        found += _check_queue(job.target.domain, aws.domain, queue)
        depth = ask(found, "the dead-letter queue", domain_counts.depth, aws.domain, queue)
        before = domain_counts.count(aws.domain, None if depth is UNANSWERED else depth, now)
    fatal = [finding.text for finding in found if finding.fatal]
    if fatal:
        heading = "One finding" if len(fatal) == 1 else f"{len(fatal)} findings"
        raise PreflightFailed("\n".join([f"{heading}. Nothing was created.", *fatal]))
    warnings = (*job.warnings, *(finding.text for finding in found), *_warnings(aws, load, now))
    return Cleared(
        replace(checked, warnings=warnings),
        before,
        allowed,
        lacks_object_type=aws.object_type is not None and not aws.object_type.exists,
    )


def _warnings(aws: needs.Checked, load: Load, now: datetime) -> Iterator[str]:
    """Warn of what AWS does with objects that no call reports."""
    object_type, source = aws.object_type, definitions.source_of(aws.definition)
    if object_type and not object_type.exists:
        yield (
            f"The domain has no object type {object_type.name}. It is created from the template of "
            "that name before the first window starts. A dry run does not create it."
        )
    if object_type:
        yield from object_types.warnings(
            object_type, aws.domain or {}, source, reach=now - load.start
        )
    properties = aws.definition["SourceFlowConfig"]["SourceConnectorProperties"]
    if any(known.get("IncludeDeletedRecords") for known in properties.values()):
        yield (
            "IncludeDeletedRecords is true: records that were deleted at the source become objects "
            "of the domain, and objects of the domain are never removed. Map a field that says "
            "whether a record is deleted, such as IsDeleted, or remove IncludeDeletedRecords."
        )


def _check_queue(name: str, domain: Mapping[str, Any], queue: str) -> Iterator[Finding]:
    """Warn if the stack's parameter names another queue than the domain's."""
    url = domain.get("DeadLetterQueueUrl")
    if queue and url and not domain_counts.is_queue_of(domain, queue):
        text = (
            f"The dead-letter queue of domain {name} is {url}, and this stack may only read "
            f"{queue}: its messages are not counted. Deploy the stack with the parameter "
            "DeadLetterQueueArn set to the domain's queue."
        )
        yield Finding(text, fatal=False)


def _check_name(job: Job, flows: list[Flow], stack: str) -> Iterator[Finding]:
    """Check that the continuous integration's name is not the name of another owner's flow."""
    name = job.target.flow_definition["FlowName"]
    of_that_name = [flow for flow in flows if flow["flowName"] == name]
    if job.continues and any(
        not names.is_of_stack(flow.get("tags", {}), stack) for flow in of_that_name
    ):
        yield Finding(
            f"FlowDefinition.FlowName: a flow named {name} exists, but this stack did not create "
            "it. Use another name, or delete that flow in AppFlow."
        )


def _check_request(job: Job, execution: Execution, now: datetime) -> Iterator[Finding]:
    """Check the request that will create the continuous integration, as it would be sent now."""
    hand_off = parse_instant(job.hand_off)
    definition = definitions.continuous(
        job.target.flow_definition, hand_off - job.overlap, job.overlap, now
    )
    tags = names.tags(job.target.tags, execution.stack, execution.name)
    for problem in check.find_request_problems(job.target.with_definition(definition), tags):
        yield Finding(f"{problem}.")


def _check_others(job: Job, execution: Execution, folder: Folder, found: list[Finding]) -> None:
    """Warn of running executions that import the same object into the same object type."""
    pages = clients.step_functions().get_paginator("list_executions")
    for page in pages.paginate(stateMachineArn=execution.machine_arn, statusFilter="RUNNING"):
        for other in page["executions"]:
            theirs = run_folder(folder.bucket, other["name"])
            if other["name"] == execution.name or not theirs.has(JOB):
                continue
            if Job.read(theirs).target.is_same(job.target):
                text = (
                    f"Execution {other['name']} imports the same object at the same time. No "
                    "record is lost, but every record is fetched twice."
                )
                found.append(Finding(text, fatal=False))
