"""How the simulated services behave where AWS is silent, or where size is a matter of taste.

docs/unknowns.md says which knob stands for which question about AWS.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal


@dataclass(frozen=True)
class Young:
    """How AWS treats a resource that it created a moment ago, and does not know everywhere yet.

    A call about the resource fails if it is among the first ``calls`` calls of its operation, or if
    the resource is younger than ``lasts``.
    """

    calls: int = 0
    lasts: timedelta = timedelta()
    answer: Literal["not found", "denied", "bad request"] = "not found"
    """The kind of error: ResourceNotFoundException, AccessDeniedException, or the service's error
    for an invalid request."""
    operations: Sequence[str] = ()
    """The operations that fail, such as ``StartFlow``; all if there are none."""


@dataclass(frozen=True)
class ManagedWorkflow:
    """How CreateIntegrationWorkflow works, where AWS does not document it."""

    concurrency: int = 5
    """How many batches run at a time."""
    bounds: Literal["half-open", "as given"] = "half-open"
    """Whether the filter of a batch includes its start, whatever BETWEEN does, or has the batch's
    own bounds."""
    splits: Literal["limit and messages", "messages", "never"] = "limit and messages"
    """When a batch is replaced by its halves: if a run reaches the connector's limit of records or
    fails with a message about size or time; only with such a message; or never."""
    continues_from: Literal["last batch", "its own end"] = "last batch"
    """From when on the continuous integration pulls: from the end of the last batch, or from the
    end of the workflow."""
    flows: Literal["deleted", "kept"] = "deleted"
    """What becomes of the flow of a batch that has ended: it is deleted, or kept until
    DeleteWorkflow."""


@dataclass(frozen=True)
class Knobs:
    """The settings of the simulation; a test replaces some with ``dataclasses.replace``.

    Where AWS documents a value, it is the default. Otherwise, the default is the kinder reading.
    """

    # Runs
    run_base: timedelta = timedelta(seconds=40)
    run_per_record: timedelta = timedelta(milliseconds=2)
    cancelling_takes: timedelta = timedelta(seconds=5)
    records_per_run: Mapping[str, int] = field(default_factory=lambda: {"Servicenow": 100_000})
    """The maximum number of records that a run transfers, by connector type. Whether AppFlow
    reports that there were more is not documented; here it does not."""
    inclusive_bounds: bool = False
    """Whether BETWEEN includes its bounds: not observed so on Salesforce, unknown elsewhere."""
    update_takes: timedelta = timedelta()
    """How long after UpdateFlow runs that start still use the old definition."""
    first_pull_reaches_back: timedelta = timedelta(days=30)

    # Requests
    client_token_lives: timedelta = timedelta(hours=8)
    delete_flow_with_integration: Literal["if it made it", "always", "never"] = "if it made it"
    """What DeleteIntegration does with the flow. CloudFormation's handler for integrations needs
    ``appflow:DeleteFlow`` to delete; the documentation does not say for which flows."""

    # Young resources
    young_flows: Young = Young()
    """Calls that name a new flow, PutIntegration with its ARN included."""
    young_integrations: Young = Young()
    """Calls that name a new integration."""
    young_tags: Young = Young()
    """Calls whose permission depends on the tags of a new flow or integration, which IAM does not
    see yet: they are denied. ``operations`` are actions, such as ``appflow:StartFlow``."""
    young_lists: Young = Young()
    """ListFlows and ListIntegrations, which leave new flows and integrations out."""

    # Quotas
    flows_per_account: int = 1000
    runs_per_account: int = 1000
    """How many runs may be in progress at a time."""
    integrations_per_domain: int = 50
    events_per_execution: int = 25_000
    """The history events with which an execution of a state machine fails: AWS's quota."""
    full_domain_error: Literal[
        "BadRequestException",
        "AccessDeniedException",
        "ResourceNotFoundException",
        "ThrottlingException",
        "InternalServerException",
        "ServiceQuotaExceededException",
    ] = "BadRequestException"
    """What PutIntegration answers for a full domain. Its model has the first five errors, and none
    that is about quotas."""
    full_domain_message: str = "The limit of {quota} integrations for the domain is reached."
    hidden_integrations: Literal["none", "registered", "all"] = "none"
    """Which integrations ListIntegrations gives only with IncludeHidden: none, those that were
    registered by their Uri, or all."""

    # Events and ingestion
    events_lost: float = 0
    """The share of AppFlow's events that never come; AppFlow sends them on a best-effort basis."""
    events_late: timedelta = timedelta()
    """How long after what it reports an event comes."""
    events_twice: float = 0
    """The share of AppFlow's events that come a second time, a minute later."""
    events_early: timedelta = timedelta()
    """How long before the record of a run shows its end the event about the end comes."""
    ingestion_takes: timedelta = timedelta()
    """How long after the end of a run its records become objects of the domain."""
    queued_objects: Literal["delivered", "lost"] = "delivered"
    """What becomes of them if their integration is deleted meanwhile."""
    template_only: Literal["lands", "nothing lands", "refused"] = "lands"
    """What becomes of the records for an object type that is only a template in the domain: they
    land; nothing lands, without an error; or PutIntegration and CreateFlow refuse the type."""

    # Objects of a domain
    objects_per_profile: int = 1000
    """How many objects a profile may have; one more evicts the oldest of its own type, or of the
    type that is furthest over a limit of its own."""
    oldest_object: Literal["by arrival", "by its own date"] = "by arrival"
    """Which object of a type is the oldest: the one that was put first, or the one whose latest
    date is the earliest."""
    expiration_counts_from: Literal["last put", "first put"] = "last put"
    """From when on an object's ExpirationDays count, if it is put again."""
    rejected_objects: Literal["dead-letter queue", "lost"] = "dead-letter queue"
    """What becomes of objects that cannot be stored: they have no key, or they match no profile
    and their object type creates none."""
    dependent_templates: Literal["create profiles", "need profiles"] = "create profiles"
    """Whether the templates of assets, tasks, incidents and tickets create profiles, or their
    objects need one that a contact or a user has created."""
    statistics_lag: timedelta = timedelta()
    """How old the counts are that GetDomain gives."""

    # Workflows
    managed_workflow: ManagedWorkflow = ManagedWorkflow()

    # Sources
    visibility_lag: timedelta = timedelta()
    """How long after its stamp a record becomes readable at the source, at most; each record draws
    its own lag. Long transactions, slow indexes and clocks that differ do this."""

    # Generated records
    made_up_records: int = 3000
    made_up_years: float = 4
    seed: int = 20231123
