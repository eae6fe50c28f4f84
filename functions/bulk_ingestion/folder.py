"""Folders of JSON files in the stack's bucket.

The run's folder, ``runs/<execution name>/``, is the durable state of an execution:

``request.json``         what was asked for, as the later functions need it
``plan.json``            the windows of the first round: the items of the Distributed Map
``rounds/<n>.json``      the windows of each later round, the same way
``windows/<id>.json``    one window's outcome, written by its child the moment its run ends
``report.json``          the report
``report.html``          the report as a page

``integrations/`` has what :mod:`bulk_ingestion.kept` knows of each continuous integration, and
``checks/`` the names of the integrations that a check looks at.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from bulk_ingestion import aws

_THREADS = 16
_OVERTAKEN = ("PreconditionFailed", "ConditionalRequestConflict")


class Overtaken(Exception):  # noqa: N818
    """Somebody else has written a file since it was read."""


@dataclass(frozen=True)
class Folder:
    """A folder of the bucket, such as an execution's."""

    bucket: str
    path: str

    @classmethod
    def of(cls, bucket: str, execution_name: str) -> Folder:
        """Name the folder of an execution."""
        return cls(bucket, f"runs/{execution_name}")

    def key(self, name: str) -> str:
        """Give the key of a file of the folder."""
        return f"{self.path}/{name}"

    def uri(self, name: str) -> str:
        """Give the address of a file, as users know it."""
        return f"s3://{self.bucket}/{self.key(name)}"

    def write(self, name: str, value: Any) -> None:
        """Write a JSON file."""
        self.write_text(name, json.dumps(value, separators=(",", ":")), "application/json")

    def write_text(self, name: str, text: str, content_type: str) -> None:
        """Write a file of text."""
        aws.s3().put_object(
            Bucket=self.bucket, Key=self.key(name), Body=text.encode(), ContentType=content_type
        )

    def read(self, name: str) -> Any:
        """Read a JSON file, which must exist."""
        return json.load(aws.s3().get_object(Bucket=self.bucket, Key=self.key(name))["Body"])

    def read_version(self, name: str) -> tuple[Any, str | None]:
        """Read a JSON file with its ETag; None and None when there is no such file."""
        if not self.has(name):
            return None, None
        answer = aws.s3().get_object(Bucket=self.bucket, Key=self.key(name))
        return json.load(answer["Body"]), answer["ETag"]

    def replace(self, name: str, value: Any, etag: str | None) -> str:
        """Write a JSON file in place of the version that was read, and give the new ETag.

        Raises Overtaken when that is not the latest version any more (S3's conditional writes).
        """
        unchanged: Any = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
        try:
            answer = aws.s3().put_object(
                Bucket=self.bucket,
                Key=self.key(name),
                Body=json.dumps(value, separators=(",", ":")).encode(),
                ContentType="application/json",
                **unchanged,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in _OVERTAKEN:
                raise Overtaken(self.uri(name)) from None
            raise
        return answer["ETag"]

    def delete(self, name: str) -> None:
        """Delete a file, if it is there."""
        aws.s3().delete_object(Bucket=self.bucket, Key=self.key(name))

    def read_all(self, prefix: str) -> list[Any]:
        """Read every JSON file whose name starts with ``prefix``, in the order of their names."""
        return _side_by_side(self.read, [(name,) for name in self.names(prefix)])

    def write_all(self, files: dict[str, Any]) -> None:
        """Write many JSON files, by their names."""
        _side_by_side(self.write, list(files.items()))

    def has(self, name: str) -> bool:
        """Whether a file exists; asked of the listing, which tells missing from forbidden."""
        return name in self.names(name)

    def rounds(self) -> int:
        """Count the rounds that were planned."""
        return 1 + len(self.names("rounds/"))

    def names(self, prefix: str = "") -> list[str]:
        """List the files whose name starts with ``prefix``, in order."""
        pages = aws.s3().get_paginator("list_objects_v2")
        return [
            entry["Key"].removeprefix(f"{self.path}/")
            for page in pages.paginate(Bucket=self.bucket, Prefix=self.key(prefix))
            for entry in page.get("Contents", [])
        ]


def _side_by_side(call: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
    contexts = [copy_context() for _ in arguments]  # a thread does not inherit its caller's
    with ThreadPoolExecutor(_THREADS) as threads:
        return list(threads.map(lambda context, a: context.run(call, *a), contexts, arguments))


def round_file(number: int) -> str:
    """Name the file that holds the windows of a round, counted from 1."""
    return "plan.json" if number == 1 else f"rounds/{number}.json"
