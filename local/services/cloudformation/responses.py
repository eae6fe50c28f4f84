"""Handles incoming cloudformation requests."""

from __future__ import annotations

from moto.core.responses import ActionResult, BaseResponse

from .models import CloudFormationBackend, cloudformation_backends


class CloudFormationResponse(BaseResponse):  # type: ignore[misc]
    """Handler for CloudFormation requests and responses."""

    def __init__(self) -> None:
        super().__init__(service_name="cloudformation")

    @property
    def backend(self) -> CloudFormationBackend:
        """The backend of the request's account and Region."""
        backend: CloudFormationBackend = cloudformation_backends[self.current_account][self.region]
        return backend

    def describe_stacks(self) -> ActionResult:
        """Describe one stack, or all of them."""
        return ActionResult({"Stacks": self.backend.describe(self._get_param("StackName"))})
