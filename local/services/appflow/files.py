"""S3 as a destination: the objects that a flow writes.

How AppFlow composes keys is documented in parts only
(https://docs.aws.amazon.com/appflow/1.0/APIReference/API_PrefixConfig.html): that they have the
bucket's prefix, the flow's name, the date, the schema's version, and the run's ID is, their order
and the file's name are a reading.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from moto.s3.models import s3_backends

from local.services.simulation import Record

Properties = Mapping[str, Any]
"""S3DestinationProperties."""

_GRAINS = ("%Y", "%m", "%d", "%H", "%M")
_FORMATS = ("YEAR", "MONTH", "DAY", "HOUR", "MINUTE")
_MEGABYTE = 1_000_000
_USUAL_SIZE = 128
"""Megabytes of a file, unless the flow says otherwise, or wants a single file."""


def problem(properties: Properties, account: str) -> str | None:
    """Say why nothing can be written; None if it can."""
    name = properties["bucketName"]
    if name not in s3_backends[account]["aws"].buckets:
        return f"The bucket {name} does not exist."
    return None


def check_format(properties: Properties) -> None:
    """Raise NotImplementedError for a format that is not simulated."""
    if _config(properties).get("fileType") == "PARQUET":
        raise NotImplementedError("PARQUET files of AppFlow. Use JSON or CSV.")


def write(
    properties: Properties,
    account: str,
    flow: str,
    run: str,
    records: Sequence[Record],
    at: datetime,
) -> None:
    """Write the records of a run; none writes nothing."""
    config = _config(properties)
    lines = _csv_lines(records) if config.get("fileType") == "CSV" else _json_lines(records)
    header = next(lines, "")
    files = list(_cut(lines, config.get("aggregationConfig", {})))
    for number, content in enumerate(files, 1):
        name = _key(properties, config, flow, run, at) + (f"-{number}" if len(files) > 1 else "")
        body = (header + "".join(content)).encode()
        s3_backends[account]["aws"].put_object(properties["bucketName"], name, body)


def _config(properties: Properties) -> Mapping[str, Any]:
    config: Mapping[str, Any] = properties.get("s3OutputFormatConfig", {})
    return config


def _json_lines(records: Sequence[Record]) -> Iterator[str]:
    """Give a header, which JSON lines do not need, and then the records."""
    yield ""
    for record in records:
        yield json.dumps(record, ensure_ascii=False) + "\n"


def _csv_lines(records: Sequence[Record]) -> Iterator[str]:
    """Give the line of the fields' names, and then the records."""
    names = list(dict.fromkeys(name for record in records for name in record))
    for row in (dict(zip(names, names, strict=True)), *records):
        line = io.StringIO()
        csv.DictWriter(line, names, lineterminator="\n").writerow(row)
        yield line.getvalue()


def _cut(lines: Iterator[str], aggregation: Mapping[str, Any]) -> Iterator[list[str]]:
    """Cut the lines into files of the size that was asked for, or into one."""
    most = aggregation.get("targetFileSize", _USUAL_SIZE) * _MEGABYTE
    content: list[str] = []
    size = 0
    for line in lines:
        if (
            content
            and size + len(line) > most
            and aggregation.get("aggregationType") != "SingleFile"
        ):
            yield content
            content, size = [], 0
        content.append(line)
        size += len(line)
    if content:
        yield content


def _key(
    properties: Properties, config: Mapping[str, Any], flow: str, run: str, at: datetime
) -> str:
    prefix = config.get("prefixConfig", {})
    kind, hierarchy = prefix.get("prefixType", ""), prefix.get("pathPrefixHierarchy", [])
    grains = _GRAINS[: _FORMATS.index(prefix.get("prefixFormat", "DAY")) + 1]
    parts = [properties.get("bucketPrefix", "").strip("/"), flow]
    if kind.startswith("PATH"):
        parts += [at.strftime(grain) for grain in grains]
    parts += ["1"] * ("SCHEMA_VERSION" in hierarchy) + [run] * ("EXECUTION_ID" in hierarchy)
    name = f"{run}-{at.strftime('-'.join(grains))}" if kind.endswith("FILENAME") else run
    return "/".join([*filter(None, parts), name])
