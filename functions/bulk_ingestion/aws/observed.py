"""The observed state of AWS: flows, their runs, and integrations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from bulk_ingestion.aws import clients
from bulk_ingestion.aws.gone import unless_gone
from bulk_ingestion.aws.transport import CALL_FAILED

Flow = dict[str, Any]
"""An answer of DescribeFlow, or an entry of ListFlows, which has fewer fields."""

Run = dict[str, Any]
"""An entry of DescribeFlowExecutionRecords."""

_ITEMS_A_PAGE = 100  # the most that ListFlows and ListIntegrations give


def all_flows() -> Iterator[Flow]:
    """List the account's flows."""
    list_flows = clients.appflow().list_flows
    for page in _pages(list_flows, "nextToken", maxResults=_ITEMS_A_PAGE):
        yield from page["flows"]


def all_integrations(domain: str) -> Iterator[dict[str, Any]]:
    """List a domain's integrations, hidden ones too."""
    list_integrations = clients.customer_profiles().list_integrations
    asked = {"DomainName": domain, "IncludeHidden": True, "MaxResults": _ITEMS_A_PAGE}
    for page in _pages(list_integrations, "NextToken", **asked):
        yield from page["Items"]


def describe_flow(name: str) -> Flow | None:
    """Describe a flow; None if no flow has that name."""
    flow: Flow | None = unless_gone(clients.appflow().describe_flow, flowName=name)
    return flow


def profiles_destination(flow: Flow) -> dict[str, Any]:
    """Give a flow's domainName and objectTypeName; empty if it has another destination."""
    properties = flow["destinationFlowConfigList"][0]["destinationConnectorProperties"]
    destination: dict[str, Any] = properties.get("CustomerProfiles", {})
    return destination


def latest_runs(
    appflow: Any,
    flow: Flow,
    are_enough: Callable[[list[Run]], bool],
    page_size: int,
    pages: int | None = None,
) -> list[Run]:
    """Read a flow's runs, newest first, until the latest is among them and ``are_enough``.

    AppFlow does not document the order of the runs. ``appflow`` is a client. ``pages`` is the
    largest number of pages to read.
    """
    latest = flow.get("lastRunExecutionDetails", {}).get("mostRecentExecutionTime")
    runs: list[Run] = []
    read = appflow.describe_flow_execution_records
    asked = {"flowName": flow["flowName"], "maxResults": page_size}
    for page in islice(_pages(read, "nextToken", **asked), pages):
        runs += page["flowExecutions"]
        has_latest = latest is None or any(run["startedAt"] >= latest for run in runs)
        if has_latest and are_enough(runs):
            break
    return sorted(runs, key=lambda run: run["startedAt"], reverse=True)


def is_registered(domain: str, uri: str) -> bool:
    """Whether a domain has an integration."""
    client = clients.customer_profiles()
    return unless_gone(client.get_integration, DomainName=domain, Uri=uri) is not None


def may_be_registered(domain: str, uri: str) -> bool:
    """Whether a domain has an integration. If AWS does not answer, it may have one."""
    try:
        return is_registered(domain, uri)
    except CALL_FAILED:
        return True


def _pages(
    operation: Callable[..., Any], token: str, **request: Any
) -> Iterator[Mapping[str, Any]]:
    """Call an operation page by page, because botocore has no paginators for these services.

    ``token`` is the name of the key that leads to the next page.
    """
    following: dict[str, str] = {}
    while True:
        page: Mapping[str, Any] = operation(**request, **following)
        yield page
        if not page.get(token):
            return
        following = {token: page[token]}
