"""ResultWriter: the children's results go to S3 instead of into the state's result."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from local.caller import acting_as
from local.interpreter import jsonata
from local.interpreter.executions.description import describe
from local.interpreter.integrations.clients import client_for
from local.interpreter.timing import iso

if TYPE_CHECKING:
    from local.interpreter.executions.execution import Execution
    from local.interpreter.maps.map_run import MapRun


def write_results(env: Any, map_run: MapRun, writer: dict[str, Any]) -> dict[str, Any]:
    """Write the children's results to S3, and return where they are as the state's result."""
    arguments = jsonata.template_value(env, writer.get("Arguments") or {})
    prefix = f"{arguments.get('Prefix', '').strip('/')}/{uuid.uuid4()}".lstrip("/")
    bucket = arguments["Bucket"]
    client = client_for(env.aws_execution_details.region, "s3")
    files: dict[str, list[dict[str, Any]]] = {"SUCCEEDED": [], "FAILED": [], "PENDING": []}
    with acting_as(env.aws_execution_details.role_arn):
        for status in ("SUCCEEDED", "FAILED"):
            lines = [_result(child) for child in map_run.children if child.status == status]
            if lines:
                key = f"{prefix}/{status}_0.json"
                body = json.dumps(lines).encode()
                client.put_object(Bucket=bucket, Key=key, Body=body)
                files[status] = [{"Key": key, "Size": len(body)}]
        manifest = {
            "DestinationBucket": bucket,
            "MapRunArn": map_run.map_run_arn,
            "ResultFiles": files,
        }
        key = f"{prefix}/manifest.json"
        client.put_object(Bucket=bucket, Key=key, Body=json.dumps(manifest).encode())
    return {
        "MapRunArn": map_run.map_run_arn,
        "ResultWriterDetails": {"Bucket": bucket, "Key": key},
    }


def _result(child: Execution) -> dict[str, Any]:
    return {
        key[0].upper() + key[1:]: iso(value) if key.endswith("Date") else value
        for key, value in describe(child).items()
        if not key.startswith("redrive") and key != "mapRunArn"
    }
