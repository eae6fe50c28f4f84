"""Handles incoming appflow requests, strictly."""

from local.services.rest_json import StrictResponse

from .exceptions import ValidationException
from .models import AppflowBackend, appflow_backends


class AppflowResponse(StrictResponse):
    """Handler for AppFlow requests and responses."""

    invalid_request = ValidationException

    def __init__(self) -> None:
        super().__init__(service_name="appflow")

    @property
    def backend(self) -> AppflowBackend:
        """The backend of the request's account and Region."""
        backend: AppflowBackend = appflow_backends[self.current_account][self.region]
        return backend
