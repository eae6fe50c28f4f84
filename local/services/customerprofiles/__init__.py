"""Amazon Connect Customer Profiles as a moto service."""

from .models import customerprofiles_backends as customerprofiles_backends
