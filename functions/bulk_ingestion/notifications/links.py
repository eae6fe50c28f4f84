"""Links to executions and flows in the AWS console."""

from __future__ import annotations

from urllib.parse import quote

from bulk_ingestion.aws.folder import parse_uri

_HOSTS = {"aws-cn": "console.amazonaws.cn", "aws-us-gov": "console.amazonaws-us-gov.com"}


def execution_link(arn: str) -> str:
    """Give the URL of an execution of a state machine; empty if ``arn`` is not an ARN."""
    return _link(arn, "states", f"v2/executions/details/{quote(arn, safe=':')}")


def flow_link(arn: str, flow: str) -> str:
    """Give the URL of a flow's details, in the Region and partition of any ``arn``."""
    return _link(arn, "appflow", f"details/{quote(flow)}")


def object_link(arn: str, uri: str) -> str:
    """Give the URL of an object of S3, by its URI, in the Region and partition of any ``arn``.

    It opens for everybody who may read the object. A presigned URL would open for anybody, and
    end with the session that signed it.
    """
    bucket, key = parse_uri(uri)
    return _page(arn, f"s3/object/{bucket}", f"&prefix={quote(key, safe='')}")


def _link(arn: str, service: str, place: str) -> str:
    return _page(arn, f"{service}/home", f"#/{place}")


def _page(arn: str, path: str, rest: str) -> str:
    if arn.count(":") < 5:
        return ""
    _, partition, _, region, *_ = arn.split(":")
    host = _HOSTS.get(partition, "console.aws.amazon.com")
    return f"https://{region}.{host}/{path}?region={region}{rest}"
