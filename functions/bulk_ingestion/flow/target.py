"""The target: what is imported, from which source, and into which object type.

A request, the job of a run, a continuous integration, and its stored state each have one. Its JSON
form has the keys of an execution's input.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypedDict

from bulk_ingestion.flow.definitions import (
    FlowDefinition,
    Source,
    source_of,
    to_customer_profiles,
)


class TargetJson(TypedDict):
    """A target in the files and inputs of executions."""

    DomainName: str
    ObjectTypeName: str
    FlowDefinition: FlowDefinition
    Tags: dict[str, str]


class Integration(TypedDict):
    """A continuous integration in outputs and reports."""

    Uri: str
    FlowName: str
    FirstExecutionFrom: str


@dataclass(frozen=True)
class Target:
    """A profile object type of a domain, and the flow that fills it."""

    domain: str
    object_type: str
    flow_definition: FlowDefinition
    """The definition of the continuous flow, as in Customer Profiles' PutIntegration."""
    tags: dict[str, str]
    """The user's own tags, without those of the stack."""

    @property
    def source(self) -> Source:
        """What the flows read."""
        return source_of(self.flow_definition)

    def is_same(self, other: Target) -> bool:
        """Whether another target imports the same records into the same object type."""
        return (self.domain, self.object_type, self.source) == (
            other.domain,
            other.object_type,
            other.source,
        )

    def with_definition(self, flow_definition: FlowDefinition) -> Target:
        """Give the target with another FlowDefinition."""
        return replace(self, flow_definition=flow_definition)

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> Target:
        """Read the result of :meth:`to_json`. Other keys are ignored."""
        return cls(
            domain=written["DomainName"],
            object_type=written["ObjectTypeName"],
            flow_definition=written["FlowDefinition"],
            tags=written["Tags"],
        )

    def to_json(self) -> TargetJson:
        """Give it with the keys of an execution's input."""
        return {
            "DomainName": self.domain,
            "ObjectTypeName": self.object_type,
            "FlowDefinition": self.flow_definition,
            "Tags": self.tags,
        }


@dataclass(frozen=True)
class IntegrationRequests:
    """The requests that create a continuous integration, in PascalCase."""

    create_flow: dict[str, Any]
    """AppFlow's CreateFlow, which is sent if Customer Profiles does not know the connector."""
    put_integration: dict[str, Any]
    """Customer Profiles' PutIntegration. Without FlowDefinition, it needs the flow's ARN as Uri."""


def integration_requests(target: Target, tags: dict[str, str]) -> IntegrationRequests:
    """Build the requests for a target's flow. ``tags`` are all tags of the integration."""
    definition = target.flow_definition
    put: dict[str, Any] = {
        "DomainName": target.domain,
        "ObjectTypeName": target.object_type,
        "Tags": tags,
    }
    if target.source.connector.is_customer_profiles_own:
        put["FlowDefinition"] = definition
    flow = to_customer_profiles(definition, target.domain, target.object_type)
    return IntegrationRequests({**flow, "Tags": tags}, put)
