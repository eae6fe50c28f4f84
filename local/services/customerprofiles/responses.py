"""Handles incoming customer-profiles requests, strictly."""

from local.services.rest_json import StrictResponse

from .exceptions import BadRequestException
from .models import CustomerProfilesBackend, customerprofiles_backends


class CustomerProfilesResponse(StrictResponse):
    """Handler for Customer Profiles requests and responses."""

    invalid_request = BadRequestException

    def __init__(self) -> None:
        super().__init__(service_name="customer-profiles")

    @property
    def backend(self) -> CustomerProfilesBackend:
        """The backend of the request's account and Region."""
        backend: CustomerProfilesBackend = customerprofiles_backends[self.current_account][
            self.region
        ]
        return backend
