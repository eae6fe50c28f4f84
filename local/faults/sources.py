"""Sources that fail: they are down, refuse AppFlow, have lost a field, or show records late."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from bulk_ingestion.times import DURATION_FORMS
from local.faults.fields import Duration, TimedFault

_REFUSALS = {
    ("appflow", "CreateFlow"): "ConnectorAuthenticationException",
    ("appflow", "DescribeConnectorEntity"): "ConnectorAuthenticationException",
    ("customer-profiles", "PutIntegration"): "BadRequestException",
}
"""Operations that use a source, with what they answer when it does not let AppFlow in."""


class SourceFails(TimedFault):
    """A source that is down, refuses AppFlow, has lost a field, or shows its records late."""

    Source: str = Field(
        pattern=r"^[^/]+(/.+)?$", description="a connector profile, or profile/object"
    )
    Ends: Literal["Error"] | None = Field(default=None, description="Error")
    LosesAuthentication: Literal[True] | None = Field(
        default=None, description="true, or leave it out"
    )
    LosesField: str | None = Field(default=None, min_length=1, description="a field's name")
    ShowsLate: Duration | None = Field(default=None, description=DURATION_FORMS)
    Message: str | None = Field(default=None, min_length=1, description="a text")

    EFFECTS: ClassVar = ("Ends", "LosesAuthentication", "LosesField", "ShowsLate")

    @model_validator(mode="after")
    def _has_an_effect(self) -> SourceFails:
        if sum(bool(getattr(self, name)) for name in self.EFFECTS) != 1:
            raise ValueError(f"give one of {', '.join(self.EFFECTS)}")
        return self

    def matches(self, source: tuple[str, str]) -> bool:
        """Whether it means a source, a pair of profile and object."""
        profile, _, name = self.Source.partition("/")
        return profile == source[0] and name in ("", source[1])

    def fails(self, flow: Mapping[str, Any]) -> bool:
        """Whether the runs of a flow that reads the source end in error."""
        if self.ShowsLate:
            return False
        needed = {name for task in flow["tasks"] for name in task["sourceFields"]}
        return self.LosesField is None or self.LosesField in needed

    def refusal(self, service: str, operation: str) -> str | None:
        """Give the code of the error that an operation answers; None if it does not fail."""
        return _REFUSALS.get((service, operation)) if self.LosesAuthentication else None

    @property
    def message(self) -> str:
        """What AppFlow says about it."""
        if self.Message:
            return self.Message
        if self.LosesField:
            return f"The field {self.LosesField} does not exist at {self.Source}."
        if self.LosesAuthentication:
            return f"Authentication failed: the credentials of {self.Source} are no longer valid."
        return f"The source {self.Source} could not be reached."


def source_of(request: Mapping[str, Any]) -> tuple[str, str]:
    """Name the source, as profile and object, of a flow or of a request that is about one."""
    if "connectorEntityName" in request:
        return request.get("connectorProfileName", ""), request["connectorEntityName"]
    config = request.get("sourceFlowConfig") or request.get("FlowDefinition", {}).get(
        "SourceFlowConfig", {}
    )
    members = {name.lower(): value for name, value in config.items()}
    for properties in members.get("sourceconnectorproperties", {}).values():
        named = {name.lower(): value for name, value in properties.items()}
        name = named.get("object") or named.get("objectpath") or _files(named)
        return members.get("connectorprofilename", members["connectortype"]), name
    return "", ""


def _files(properties: Mapping[str, Any]) -> str:
    """Name a prefix in a bucket as its source; nothing for another source."""
    bucket = properties.get("bucketname")
    return f"{bucket}/{properties.get('bucketprefix', '')}" if bucket else ""
