"""The stacks of an account and Region."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from moto.core.base_backend import BackendDict, BaseBackend

from .exceptions import ValidationError


class CloudFormationBackend(BaseBackend):  # type: ignore[misc]
    """The stacks of one account and Region, as DescribeStacks gives them."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.stacks: dict[str, dict[str, Any]] = {}

    def add(
        self,
        name: str,
        now: datetime,
        outputs: Mapping[str, str],
        parameters: Mapping[str, str],
    ) -> None:
        """Add a deployed stack, or replace it."""
        place = f"arn:aws:cloudformation:{self.region_name}:{self.account_id}"
        self.stacks[name] = {
            "StackId": f"{place}:stack/{name}/embedded",
            "StackName": name,
            "CreationTime": now,
            "StackStatus": "CREATE_COMPLETE",
            "Parameters": [
                {"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()
            ],
            "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()],
        }

    def describe(self, name: str | None) -> list[dict[str, Any]]:
        """Describe one stack, by its name or id, or all of them."""
        if name is None:
            return list(self.stacks.values())
        found = [
            each for each in self.stacks.values() if name in (each["StackName"], each["StackId"])
        ]
        if not found:
            raise ValidationError(f"Stack with id {name} does not exist")
        return found


cloudformation_backends = BackendDict(CloudFormationBackend, "cloudformation")
