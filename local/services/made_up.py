"""Fields and objects that an application does not have here until an input asks for them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from local.services.entities import Entity, Field, known_entities

Fake = str | tuple[str, ...] | None
"""The name of Faker's provider, or the values to choose from."""

_NUMBER = ("number", "random_int")
_KINDS: Mapping[str, tuple[str, Fake]] = {
    "datetime": ("datetime", "iso8601"),
    "date": ("date", "date"),
    "boolean": ("boolean", ("true", "false")),
    "email": ("email", "email"),
    "phone": ("phone", "phone_number"),
    "url": ("url", "url"),
    "string": ("string", "word"),
    **dict.fromkeys(("integer", "int", "long", "short", "byte", "number"), _NUMBER),
    **dict.fromkeys(("double", "decimal", "float", "currency", "percent"), ("double", "pydecimal")),
}
"""Types of fields, with the type that the application gives, and how values are made up."""

_BY_NAME = (
    (r"e_?mail", "email"),
    (r"phone|mobile|fax", "phone"),
    (r"url|website|link", "url"),
    (r"(timestamp|datetime|_at|At|Time)(__c)?$", "datetime"),
    (r"date|birthday", "date"),
    (r"^([Ii]s|[Hh]as)(_|[A-Z])|[Oo]pt_?([Ii]n|[Oo]ut)", "boolean"),
    (r"amount|price|balance|total|revenue", "double"),
    (r"count|number|points|score|quantity|age(__c)?$", "integer"),
)
"""What a field's name says of its type, the first that fits; all others are strings."""


def kind_of(name: str, declared: str | None) -> str:
    """Give the type of a field: the one that is declared, if it is known here, or by its name."""
    if declared and declared.lower() in _KINDS:
        return declared.lower()
    return next(
        (
            kind
            for pattern, kind in _BY_NAME
            if re.search(pattern, name, re.IGNORECASE if kind not in ("datetime", "boolean") else 0)
        ),
        "string",
    )


def with_fields(entity: Entity, kinds: Mapping[str, str], stamp: str | None) -> Entity:
    """Add fields to an object, by name and type. ``stamp`` says when a record last changed."""
    fields = dict(entity.fields)
    template = dict(entity.template)
    for name, kind in kinds.items():
        type_, fake = _KINDS[kind]
        if name == stamp:
            template["modified"] = [*template["modified"], name]
            type_, fake = "datetime", None
        fields[name] = Field(name, type_, is_timestamp=type_ == "datetime", fake=fake)
    return replace(entity, fields=fields, template=template)


def new_object(connector_type: str, name: str) -> Entity:
    """Give an object with the key and the dates that the application's objects have."""
    model = next(iter(known_entities(connector_type).values()))
    own = (model.primary_key, model.template["created"], *model.template["modified"])
    fields = {field: model.fields[field] for field in own}
    return replace(model, name=name, fields=fields, template_id=None)
