"""How many windows can run at a time: as many as the quotas leave free.

Each window needs a flow and an integration while it runs. The continuous integration also needs one
of each, but only after the windows. Runs in progress have a quota too, but no API counts them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from bulk_ingestion.aws import quotas
from bulk_ingestion.aws.observed import Flow, all_integrations
from bulk_ingestion.aws.quotas import Quota
from bulk_ingestion.flow.findings import UNANSWERED, Finding, ask
from bulk_ingestion.flow.names import WINDOW_FLOW_BEGINS

_UNLIMITED = 1_000_000
"""In place of a quota that is not known."""


@dataclass(frozen=True)
class Needed:
    """What an execution needs."""

    windows: int
    max_concurrency: int
    integration: str
    """The flow name of its continuous integration; empty if it creates none."""


@dataclass(frozen=True)
class Capacity:
    """What the quotas allow."""

    max_concurrency: int
    """How many windows can run at a time."""
    integration_quota: int
    """The largest number of integrations that the domain may have."""


@dataclass(frozen=True)
class _Existing:
    """What exists of one kind, and its quota."""

    where: str
    """What has the quota, such as ``Domain acme``."""
    kind: str
    """``integrations`` or ``flows``."""
    names: frozenset[str]
    quota: Quota

    @property
    def largest(self) -> int:
        """The quota. AWS's default is not that of an account that has more already."""
        is_known = self.quota.is_applied or len(self.names) <= self.quota.value
        return self.quota.value if is_known else _UNLIMITED

    @property
    def free(self) -> int:
        """How many more may be created."""
        return max(0, self.largest - len(self.names))

    def at_a_time(self, needed: Needed) -> int:
        """Give how many windows can run at a time. It is at least one."""
        return max(1, min(needed.max_concurrency, self.free))

    def check(self, needed: Needed) -> Iterator[Finding]:
        """Say what the quota changes. It is fatal if nothing is free, and nothing will be soon."""
        has = f"{self.where} has {len(self.names):,} {self.kind}, and the quota is {self.quota}"
        what_to_do = f"delete {self.kind} that you don't need, or request a higher quota."
        is_new = bool(needed.integration) and needed.integration not in self.names
        ending = sum(name.startswith(WINDOW_FLOW_BEGINS) for name in self.names)
        if self.largest == _UNLIMITED:
            yield Finding(f"{has}. The quota that applies must be higher.", fatal=False)
        elif (needed.windows or is_new) and not self.free and not ending:
            what = "no window can run" if needed.windows else "no integration can be created"
            yield Finding(f"{has}: {what}. To continue, {what_to_do}")
        elif self.free < min(needed.max_concurrency, needed.windows):
            waiting = (
                f" {ending} of them are windows of other executions. The windows of this execution "
                "wait until those end."
            )
            yield Finding(
                f"{has}: MaxConcurrency is lowered from {needed.max_concurrency} to "
                f"{self.at_a_time(needed)}.{'' if self.free else waiting} To run more windows at a "
                f"time, {what_to_do}",
                fatal=False,
            )


def check(needed: Needed, domain: str, flows: list[Flow], found: list[Finding]) -> Capacity:
    """Give what the quotas allow, and add to ``found`` what they change.

    ``flows`` are all flows of the account, as far as AWS lists them.
    """
    listed = ask(found, "the domain's integrations", lambda: list(all_integrations(domain)))
    uris = [] if listed is UNANSWERED else [integration["Uri"] for integration in listed]
    integrations = _Existing(
        f"Domain {domain}",
        "integrations",
        frozenset(uri.rpartition("/")[2] for uri in uris),
        quotas.integrations_per_domain(),
    )
    of_account = _Existing(
        "This account and Region",
        "flows",
        frozenset(flow["flowName"] for flow in flows),
        quotas.flows_per_account(),
    )
    for existing in (integrations, of_account):
        found += existing.check(needed)
        needed = replace(needed, max_concurrency=existing.at_a_time(needed))
    return Capacity(needed.max_concurrency, integrations.largest)
