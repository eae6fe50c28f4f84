"""Quotas that apply to the account, from Service Quotas where it may be read.

The codes of the quotas are not published, so they are found by their names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from botocore.exceptions import ClientError

from bulk_ingestion.aws import clients
from bulk_ingestion.aws.transport import CALL_FAILED


@dataclass(frozen=True)
class Quota:
    """A quota: the value that applies to the account, or AWS's default."""

    value: int
    why_default: str = ""
    """Why it is AWS's default; empty if it is the value that applies."""

    @property
    def is_applied(self) -> bool:
        """Whether it is the value that applies to the account."""
        return not self.why_default

    def __str__(self) -> str:
        """Format the value, and the reason if it is the default."""
        if self.is_applied:
            return f"{self.value:,}"
        return f"{self.value:,} (AWS's default, because {self.why_default})"


def integrations_per_domain() -> Quota:
    """Give how many integrations a domain may have.

    The default is documented as "Maximum number of integrations" (https://docs.aws.amazon.com/
    connect/latest/adminguide/amazon-connect-service-limits.html).
    """
    return _read("profile", re.compile(r"integrations", re.IGNORECASE), default=50)


def flows_per_account() -> Quota:
    """Give how many flows an account may have in a Region.

    The default is documented as "Number of flows per account" (https://docs.aws.amazon.com/
    appflow/latest/userguide/service-quotas.html).
    """
    return _read("appflow", re.compile(r"^(?!.*\bruns?\b).*\bflows\b", re.IGNORECASE), 1000)


def _read(service: str, name: re.Pattern[str], default: int) -> Quota:
    try:
        pages = clients.service_quotas().get_paginator("list_service_quotas")
        values = [
            int(quota["Value"])
            for page in pages.paginate(ServiceCode=service)
            for quota in page["Quotas"]
            if name.search(quota["QuotaName"])
        ]
    except CALL_FAILED as error:
        return Quota(default, f"Service Quotas could not be read: {_reason(error)}")
    if len(values) != 1:
        return Quota(default, "Service Quotas does not list it, or lists several")
    return Quota(values[0])


def _reason(error: Exception) -> str:
    return error.response["Error"]["Code"] if isinstance(error, ClientError) else str(error)
