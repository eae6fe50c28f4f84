"""Folders of JSON files in the stack's bucket."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from bulk_ingestion.aws import clients

_THREADS = 16
_CONFLICTS = ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey")


class ConflictingWrite(Exception):  # noqa: N818
    """Another function has written the file since it was read."""


def parse_uri(uri: str) -> tuple[str, str]:
    """Give the bucket and the key of an S3 URI."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


@dataclass(frozen=True)
class Folder:
    """A folder of the bucket, such as the folder of an execution."""

    bucket: str
    path: str

    def key(self, name: str) -> str:
        """Give the key of a file in the folder."""
        return f"{self.path}/{name}"

    def uri(self, name: str) -> str:
        """Give the S3 URI of a file."""
        return f"s3://{self.bucket}/{self.key(name)}"

    def write(self, name: str, value: Any) -> None:
        """Write a JSON file."""
        self.write_text(name, json.dumps(value, separators=(",", ":")), "application/json")

    def write_text(self, name: str, text: str, content_type: str) -> None:
        """Write a text file."""
        clients.s3().put_object(
            Bucket=self.bucket, Key=self.key(name), Body=text.encode(), ContentType=content_type
        )

    def read(self, name: str) -> Any:
        """Read a JSON file. It must exist."""
        return json.load(clients.s3().get_object(Bucket=self.bucket, Key=self.key(name))["Body"])

    def read_version(self, name: str) -> tuple[Any, str | None]:
        """Read a JSON file and its ETag; both are None if it does not exist."""
        if not self.has(name):
            return None, None
        answer = clients.s3().get_object(Bucket=self.bucket, Key=self.key(name))
        return json.load(answer["Body"]), answer["ETag"]

    def replace(self, name: str, value: Any, etag: str | None) -> str:
        """Replace the version of a JSON file that was read, and give the new ETag.

        Raises ConflictingWrite if that is no longer the latest version, or if the file was deleted
        (S3's conditional writes). If the answer of a write was lost, its content shows that it was
        written.
        """
        unchanged: Any = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
        try:
            answer = clients.s3().put_object(
                Bucket=self.bucket,
                Key=self.key(name),
                Body=json.dumps(value, separators=(",", ":")).encode(),
                ContentType="application/json",
                **unchanged,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in _CONFLICTS:
                raise
            written, latest = self.read_version(name)
            if latest is None or written != json.loads(json.dumps(value)):
                raise ConflictingWrite(self.uri(name)) from None
            return latest
        return answer["ETag"]

    def delete(self, name: str) -> None:
        """Delete a file if it exists."""
        clients.s3().delete_object(Bucket=self.bucket, Key=self.key(name))

    def read_all(self, prefix: str) -> list[Any]:
        """Read every JSON file whose name starts with ``prefix``, in order of names."""
        return _side_by_side(self.read, [(name,) for name in self.names(prefix)])

    def write_all(self, files: dict[str, Any]) -> None:
        """Write many JSON files, by their names."""
        _side_by_side(self.write, list(files.items()))

    def has(self, name: str) -> bool:
        """Whether a file exists, by listing it, so that a denied call is not taken for no file."""
        return name in self.names(name)

    def names(self, prefix: str = "") -> list[str]:
        """List the files whose name starts with ``prefix``, in order."""
        pages = clients.s3().get_paginator("list_objects_v2")
        return [
            entry["Key"].removeprefix(f"{self.path}/")
            for page in pages.paginate(Bucket=self.bucket, Prefix=self.key(prefix))
            for entry in page.get("Contents", [])
        ]


def _side_by_side(call: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
    contexts = [copy_context() for _ in arguments]  # a thread does not inherit its caller's
    with ThreadPoolExecutor(_THREADS) as threads:
        return list(threads.map(lambda context, a: context.run(call, *a), contexts, arguments))
