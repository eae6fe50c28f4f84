"""One's own input in the embedded cloud: one's own records, or what is made up in their place.

What the simulated source lacks must not be refused as if AWS had refused it.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Any

from bulk_ingestion.errors import InvalidInput
from bulk_ingestion.flow.definitions import Source
from bulk_ingestion.input import request
from bulk_ingestion.input.request import Request
from local.cloud import Cloud
from local.services import made_up
from local.services.entities import Entity, epoch_milliseconds, featured
from local.services.simulation import Record

Records = Mapping[str, Sequence[Record]]
"""Records by the name of their object."""


class InvalidSource(Exception):  # noqa: N818
    """A file of records that cannot be a source: what is wrong, where, and what to do."""


def prepare(cloud: Cloud, execution_input: str, file: Path | None) -> list[str]:
    """Give the input what it asks of the source and of the domain, and say what was made up.

    ``file`` has the source's records; without it, fields and objects that the simulated source
    does not have are made up. An input that is not valid is left to the execution, which says
    so. Raises InvalidSource.
    """
    asked = _read(cloud, execution_input)
    if asked is None:
        if file:
            raise InvalidSource(f"{file} is not used, because the input is not valid.")
        return []
    source = asked.target.source
    if file:
        _load(cloud, file, asked, source)
        notices = []
    else:
        notices = list(_make_up(cloud, asked, source))
    return [*notices, *_make_up_object_type(cloud, asked, source)]


def _read(cloud: Cloud, execution_input: str) -> Request | None:
    try:
        asked = request.read(json.loads(execution_input), cloud.clock.now())
    except InvalidInput:
        return None
    return asked if isinstance(asked, Request) else None


def _profile(source: Source) -> str:
    return source.profile or source.connector.type


def _kinds(definition: Mapping[str, Any]) -> dict[str, str]:
    """Give the fields that a FlowDefinition's tasks name, with the type that they have or say."""
    declared: dict[str, str | None] = {}
    for task in definition.get("Tasks", []):
        properties = task.get("TaskProperties") or {}
        kind = properties.get("SOURCE_DATA_TYPE") or properties.get("DATA_TYPE")
        for name in task.get("SourceFields", []):
            declared[name] = kind or declared.get(name)
    return {name: made_up.kind_of(name, kind) for name, kind in declared.items()}


def _make_up(cloud: Cloud, asked: Request, source: Source) -> Iterator[str]:
    profile = _profile(source)
    sources = cloud.services.sources
    if sources.connector_of(profile) is None or source.connector.reads_files:
        return
    known = sources.get(profile, source.object).known
    entity = known or made_up.new_object(source.connector.type, source.object)
    kinds = _kinds(asked.target.flow_definition)
    if source.datetime_field:
        kinds.setdefault(source.datetime_field, "datetime")
    new = {name: kind for name, kind in kinds.items() if name not in entity.fields}
    if not new and known:
        return
    sources.make_up(profile, made_up.with_fields(entity, new, source.datetime_field))
    yield _notice("source", ", ".join(new) if known else f"object {source.object}")


def _make_up_object_type(cloud: Cloud, asked: Request, source: Source) -> Iterator[str]:
    """Add an object type that has the source's key, if the domain is there without it."""
    client = cloud.client("customer-profiles")
    domain, name = asked.target.domain, asked.target.object_type
    domains = client.list_domains()["Items"]
    if name in featured() or domain not in {known["DomainName"] for known in domains}:
        return
    with suppress(client.exceptions.ResourceNotFoundException):
        client.get_profile_object_type(DomainName=domain, ObjectTypeName=name)
        return
    entity = cloud.services.sources.get(_profile(source), source.object).entity
    key = {"StandardIdentifiers": ["UNIQUE", "PROFILE"], "FieldNames": [entity.primary_key]}
    client.put_profile_object_type(
        DomainName=domain,
        ObjectTypeName=name,
        Description=f"{source.object} of {source.connector.type}",
        AllowProfileCreation=True,
        Fields={field: {"Source": f"_source.{field}"} for field in entity.fields},
        Keys={f"_{name}": [key]},
    )
    yield _notice(f"domain {domain}", f"object type {name}")


def _notice(where: str, what: str) -> str:
    return f"The simulated {where} had no {what}; it has now."


def _load(cloud: Cloud, file: Path, asked: Request, source: Source) -> None:
    """Replace the records of the objects that a file has."""
    profile, records = _profile(source), read_records(file, source.object)
    if source.object not in records:
        names = ", ".join(records) or "none"
        raise InvalidSource(
            f"{file} has no records of {source.object}, which the input reads. It has: {names}."
        )
    for name, of_object in records.items():
        try:
            cloud.services.sources.get(profile, name).load(of_object)
        except ValueError as error:
            raise InvalidSource(f"{file}: {error}. Each record needs its key.") from None
    entity = cloud.services.sources.get(profile, source.object).entity
    _check_fields(file, entity, _kinds(asked.target.flow_definition))
    if source.datetime_field:
        _check_dates(file, records[source.object], source.object, source.datetime_field)


def _check_fields(file: Path, entity: Entity, asked: Mapping[str, str]) -> None:
    missing = [name for name in asked if name not in entity.fields]
    if missing:
        raise InvalidSource(
            f"{file}: no record of {entity.name} has {', '.join(missing)}, which the input's Tasks "
            "name. Add the fields to the records, or remove them from Tasks."
        )


def _check_dates(file: Path, records: Sequence[Record], name: str, field: str) -> None:
    for number, record in enumerate(records, 1):
        if epoch_milliseconds(str(record.get(field) or "")) is None:
            raise InvalidSource(
                f"{file}: record {number} of {name} has the {field} {record.get(field)!r}. It must "
                "be a date and time, such as 2026-01-31T10:00:00Z, since the windows are cut by it."
            )


def read_records(file: Path, name: str) -> Records:
    """Read records from JSON, keyed by object, or from a CSV file, which has those of one object.

    ``name`` is the object of a CSV file. Raises InvalidSource.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InvalidSource(f"{file}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise InvalidSource(f"{file} is not UTF-8 text.") from None
    return {name: _csv(file, text)} if file.suffix.lower() == ".csv" else _json(file, text)


def _csv(file: Path, text: str) -> list[Record]:
    rows = csv.reader(StringIO(text, newline=""), strict=True)
    try:
        header, *lines = rows
    except csv.Error as error:
        raise InvalidSource(f"{file}, line {rows.line_num}: {error}.") from None
    except ValueError:
        raise InvalidSource(f"{file} is empty. Its first line names the fields.") from None
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise InvalidSource(f"{file} has the field {twice[0]!r} twice. Rename one of them.")
    for number, line in enumerate(lines, 1):
        if line and len(line) != len(header):
            raise InvalidSource(
                f"{file}: record {number} has {len(line)} values, but there are {len(header)} "
                "fields. Values with commas need quotation marks."
            )
    return [dict(zip(header, line, strict=True)) for line in lines if line]


def _json(file: Path, text: str) -> Records:
    try:
        read = json.loads(text)
    except ValueError as error:
        raise InvalidSource(f"{file} is not JSON: {error}. Name a CSV file *.csv.") from None
    shape = 'must be a JSON object of records by object: {"Contact": [{"Id": "1"}]}'
    if not isinstance(read, dict):
        raise InvalidSource(f"{file} {shape}.")
    for name, records in read.items():
        if not isinstance(records, list) or not all(isinstance(one, dict) for one in records):
            raise InvalidSource(f"{file} {shape}, but {name} is no list of records.")
    return read
