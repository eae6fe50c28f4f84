"""Quotas are found by their names, as AWS has them in its documentation or in Service Quotas."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from bulk_ingestion.aws import clients, quotas
from bulk_ingestion.aws.quotas import Quota

OF_APPFLOW = (
    "Number of flow runs per month",
    "Number of concurrent flow runs at any time",
    "Maximum size of a flow run",
)
OF_PROFILES = ("Maximum number of object types per domain", "Objects per profile", "Domains")


def listing(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Have Service Quotas list quotas of these names, one a page, each with the value 7."""
    pages = [{"Quotas": [{"QuotaName": name, "Value": 7.0}]} for name in names]
    paginator = SimpleNamespace(paginate=lambda **_: pages)
    client = SimpleNamespace(get_paginator=lambda _: paginator)
    monkeypatch.setattr(clients, "service_quotas", lambda: client)


@pytest.mark.parametrize(
    ("read", "name", "others"),
    [
        (quotas.flows_per_account, "Number of flows per account", OF_APPFLOW),
        (quotas.flows_per_account, "Total number of flows", OF_APPFLOW),
        (quotas.flows_per_account, "Flows", OF_APPFLOW),
        (quotas.integrations_per_domain, "Maximum number of integrations", OF_PROFILES),
        (quotas.integrations_per_domain, "Integrations per domain", OF_PROFILES),
    ],
)
def test_a_quota_is_found_among_others(
    monkeypatch: pytest.MonkeyPatch, read: Callable[[], Quota], name: str, others: tuple[str, ...]
) -> None:
    listing(monkeypatch, *others, name)

    assert read() == Quota(7)
    assert str(read()) == "7"


@pytest.mark.parametrize("names", [OF_PROFILES, ("Integrations per domain", "Integrations")])
def test_one_that_is_not_listed_or_is_ambiguous_is_the_default(
    monkeypatch: pytest.MonkeyPatch, names: Any
) -> None:
    listing(monkeypatch, *names)
    quota = quotas.integrations_per_domain()

    assert (quota.value, quota.is_applied) == (50, False)
    assert str(quota).startswith("50 (AWS's default, because Service Quotas ")
