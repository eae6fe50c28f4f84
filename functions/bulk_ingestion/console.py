"""Links into the console of AWS, for people who have read enough."""

from __future__ import annotations

from urllib.parse import quote

_HOSTS = {"aws-cn": "console.amazonaws.cn", "aws-us-gov": "console.amazonaws-us-gov.com"}


def execution_link(arn: str) -> str:
    """Link to an execution of a state machine; nothing for what is no ARN."""
    return _link(arn, "states", f"v2/executions/details/{quote(arn, safe=':')}")


def flow_link(arn: str, flow: str) -> str:
    """Link to a flow's details, in the Region and partition of any ``arn``."""
    return _link(arn, "appflow", f"details/{quote(flow)}")


def _link(arn: str, service: str, place: str) -> str:
    if arn.count(":") < 5:
        return ""
    _, partition, _, region, *_ = arn.split(":")
    host = _HOSTS.get(partition, "console.aws.amazon.com")
    return f"https://{region}.{host}/{service}/home?region={region}#/{place}"
