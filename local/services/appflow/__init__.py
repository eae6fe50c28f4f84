"""Amazon AppFlow as a moto service."""

from .models import appflow_backends as appflow_backends
