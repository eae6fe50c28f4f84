"""Requests and responses in the casing of Step Functions: PascalCase, as in the Java SDK."""

from __future__ import annotations

import datetime
import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from local.interpreter.integrations.clients import boto_name, operation

if TYPE_CHECKING:
    from botocore.model import Shape


class NotSupported(Exception):  # noqa: N818
    """A field that an API call does not have."""


def _words(name: str) -> list[str]:
    """Split a name into words as the AWS SDK for Java does, which Step Functions uses."""
    name = re.sub(r"[^A-Za-z0-9]+", " ", name)
    name = re.sub(r"(?<=[a-z])(?=[A-Z]([a-zA-Z]|[0-9]))", " ", name)
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1 \2", name)
    name = re.sub(r"([0-9])([a-zA-Z])", r"\1 \2", name)
    return name.split()


@cache
def pascal(name: str) -> str:
    """Name a member as Step Functions does: ``FlowName``, ``SsekmsKeyId``."""
    return "".join(word.lower().capitalize() for word in _words(name))


def to_request(value: Any, shape: Shape) -> Any:
    """Turn a Task's Arguments into an API's request. Raises NotSupported."""
    if shape.type_name == "structure" and isinstance(value, dict):
        names = {pascal(name): name for name in shape.members}  # type: ignore[attr-defined]
        unknown = [name for name in value if name not in names]
        if unknown:
            raise NotSupported(unknown[0])
        return {
            names[name]: to_request(member, shape.members[names[name]])  # type: ignore[attr-defined]
            for name, member in value.items()
        }
    if shape.type_name == "list" and isinstance(value, list):
        return [to_request(member, shape.member) for member in value]  # type: ignore[attr-defined]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: to_request(member, shape.value) for key, member in value.items()}  # type: ignore[attr-defined]
    if shape.type_name == "blob":
        return json.dumps(value, separators=(",", ":")).encode()
    return value


def to_result(value: Any, shape: Shape | None) -> Any:
    """Turn an API's response into a Task's result: PascalCase fields, JSON values."""
    if shape is not None and shape.type_name == "structure" and isinstance(value, dict):
        return {
            pascal(name): to_result(member, shape.members.get(name))  # type: ignore[attr-defined]
            for name, member in value.items()
            if name != "ResponseMetadata"
        }
    if shape is not None and shape.type_name == "list" and isinstance(value, list):
        return [to_result(member, shape.member) for member in value]  # type: ignore[attr-defined]
    if shape is not None and shape.type_name == "map" and isinstance(value, dict):
        return {key: to_result(member, shape.value) for key, member in value.items()}  # type: ignore[attr-defined]
    if isinstance(value, datetime.datetime):
        return _instant(value)
    if hasattr(value, "read"):
        value = value.read()
    return value.decode() if isinstance(value, bytes) else value


def _instant(moment: datetime.datetime) -> str:
    moment = moment.astimezone(datetime.UTC)
    text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    if moment.microsecond:
        digits = f"{moment.microsecond:06d}"
        text += "." + (digits[:3] if digits.endswith("000") else digits)
    return text + "Z"


def unsupported_fields(task: dict[str, Any]) -> list[str]:
    """List the fields in a Task's literal Arguments that its API does not have."""
    match = re.fullmatch(
        r"arn:[\w-]+:states:::aws-sdk:(\w+):(\w+)(?:\.waitForTaskToken)?", str(task.get("Resource"))
    )
    arguments = task.get("Arguments")
    if match is None or not isinstance(arguments, dict):
        return []
    shape = operation(boto_name(match[1]), match[2]).input_shape
    try:
        if shape is not None:
            to_request(arguments, shape)
    except NotSupported as field:
        return [str(field)]
    return []
