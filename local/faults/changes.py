"""Changes from outside: flows and connections are stopped, deleted, or created again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field, model_validator

from bulk_ingestion.times import DURATION_FORMS
from local.account import ACCOUNT, REGION
from local.faults.fields import Duration, Pattern, TimedFault
from local.services import simulation
from local.services.appflow.flows import Flow as AppflowFlow
from local.services.appflow.models import AppflowBackend, appflow_backends
from local.services.customerprofiles.models import customerprofiles_backends
from local.services.simulation import ScheduledChange


class Change(TimedFault):
    """A fault that happens at a time, without a request."""

    def strike(self, at: datetime) -> int:
        """Make it happen; gives how many things it changed."""
        raise NotImplementedError

    def again(self, at: datetime, first: datetime) -> datetime | None:
        """Give when it strikes after ``at``, if it struck at ``first`` for the first time."""
        return None


class FlowChanges(Change):
    """A flow that AppFlow deactivates, or that a user stops or deletes."""

    Flow: Pattern = Field(description="a regular expression on the flow's name")
    Becomes: Literal["Deactivated", "Stopped", "Deleted", "Unregistered"] = Field(
        description="Deactivated, Stopped, Deleted or Unregistered"
    )
    Every: Duration | None = Field(default=None, description=DURATION_FORMS)

    @model_validator(mode="after")
    def _goes_on(self) -> FlowChanges:
        if self.For is not None and self.Every is None:
            raise ValueError("For says until when it happens again; give Every as well")
        if self.Every is not None and self.Every <= timedelta():
            raise ValueError("Every must be longer than nothing")
        return self

    def strike(self, at: datetime) -> int:
        """Change the scheduled flows that it means; gives how many there were."""
        return sum(
            _BECOMES[self.Becomes](flow, at)
            for flow in list(appflow().flows.values())
            if flow.trigger_type == "Scheduled" and self.Flow.search(flow.name)
        )

    def again(self, at: datetime, first: datetime) -> datetime | None:
        """Give the next time; None if it does not come again."""
        if self.Every is None or (self.For is not None and at + self.Every >= first + self.For):
            return None
        return at + self.Every


class ConnectionGoes(Change):
    """A connector profile that a user deletes, and creates again when ``For`` is over."""

    Connection: str = Field(min_length=1, description="a connector profile")
    Becomes: Literal["Deleted"] = Field(description="Deleted")

    def strike(self, at: datetime) -> int:
        """Delete the profile; gives 1 if it was there, else 0."""
        profiles = appflow().connections.profiles
        profile = profiles.pop(self.Connection, None)
        if profile is None:
            return 0
        if self.For is not None:
            back = {self.Connection: profile}
            simulation.current.schedule(
                ScheduledChange(at + self.For, lambda: profiles.update(back), is_fault=True)
            )
        return 1


def appflow() -> AppflowBackend:
    """Give the account's AppFlow."""
    backend: AppflowBackend = appflow_backends[ACCOUNT][REGION]
    return backend


def _deactivated(flow: AppflowFlow, at: datetime) -> bool:
    was_active = flow.status == "Active"
    appflow().pulls.deactivate(flow, at)
    return was_active


def _stopped(flow: AppflowFlow, at: datetime) -> bool:
    was_active = flow.status == "Active"
    if was_active:
        appflow().pulls.suspend(flow)
    return was_active


def _deleted(flow: AppflowFlow, at: datetime) -> bool:
    appflow().remove_flow(flow)
    return True


def _unregistered(flow: AppflowFlow, at: datetime) -> bool:
    profiles = customerprofiles_backends[ACCOUNT][REGION]
    domain = str(flow.destination.get("domainName"))
    found = domain in profiles.domains and flow.arn in profiles.domains[domain].integrations
    if found:
        profiles.delete_integration({"DomainName": domain, "Uri": flow.arn})
    return found


_BECOMES: Mapping[str, Callable[[AppflowFlow, datetime], bool]] = {
    "Deactivated": _deactivated,
    "Stopped": _stopped,
    "Deleted": _deleted,
    "Unregistered": _unregistered,
}
