"""Service Quotas in the embedded cloud: the quotas of Customer Profiles and AppFlow.

The knobs of the simulation hold the values. The quotas' codes are not published; those here are
invented, so callers must look them up by name with ListServiceQuotas.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moto.servicequotas.exceptions import NoSuchResource
from moto.servicequotas.responses import ServiceQuotasResponse

from local.account import ACCOUNT, REGION
from local.interpreter.patches import Patches
from local.services import simulation

_patches = Patches()


@dataclass(frozen=True)
class _Quota:
    service: str
    service_name: str
    name: str
    knob: str
    """The field of the simulation's knobs that has the value."""


_QUOTAS: Mapping[str, _Quota] = {
    "L-0001A001": _Quota(
        "profile",
        "Amazon Connect Customer Profiles",
        "Maximum number of integrations",
        "integrations_per_domain",
    ),
    "L-0001B001": _Quota("appflow", "Amazon AppFlow", "Total number of flows", "flows_per_account"),
    "L-0001B002": _Quota(
        "appflow", "Amazon AppFlow", "Number of concurrent flow runs", "runs_per_account"
    ),
}
"""By quota code."""


def install() -> None:
    """Have Service Quotas answer; moto knows the quotas of VPC alone."""
    uninstall()
    _patches.put(ServiceQuotasResponse, "get_service_quota", _get)
    _patches.put(ServiceQuotasResponse, "list_service_quotas", _list)


def uninstall() -> None:
    """Leave moto's Service Quotas as they were shipped."""
    _patches.undo()


def _get(response: Any) -> str:
    request = json.loads(response.body)
    code = request["QuotaCode"]
    if code not in _QUOTAS or _QUOTAS[code].service != request["ServiceCode"]:
        raise NoSuchResource
    return json.dumps({"Quota": _described(code)})


def _list(response: Any) -> str:
    """List one quota per page, so callers must read every page."""
    request = json.loads(response.body)
    codes = [code for code, quota in _QUOTAS.items() if quota.service == request["ServiceCode"]]
    if not codes:
        raise NoSuchResource
    start = int(request.get("NextToken", 0))
    answer: dict[str, Any] = {"Quotas": [_described(code) for code in codes[start : start + 1]]}
    if start + 1 < len(codes):
        answer["NextToken"] = str(start + 1)
    return json.dumps(answer)


def _described(code: str) -> dict[str, Any]:
    quota = _QUOTAS[code]
    return {
        "ServiceCode": quota.service,
        "ServiceName": quota.service_name,
        "QuotaArn": f"arn:aws:servicequotas:{REGION}:{ACCOUNT}:{quota.service}/{code}",
        "QuotaCode": code,
        "QuotaName": quota.name,
        "Value": float(getattr(simulation.current.knobs, quota.knob)),
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
    }
