"""Knobs in a file of faults: the names of :class:`Knobs` in PascalCase, durations in ISO 8601."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import Any, get_args, get_type_hints

from pydantic import BaseModel, Field, create_model

from bulk_ingestion.times import DURATION_FORMS
from local.faults.fields import Duration, Strict
from local.services.knobs import Knobs


@cache
def model(kind: type = Knobs) -> type[BaseModel]:
    """Give the model of the JSON object that sets the fields of a dataclass."""
    types = get_type_hints(kind)
    fields: dict[str, Any] = {
        _pascal(known.name): _field(types[known.name]) for known in dataclasses.fields(kind)
    }
    return create_model(kind.__name__, __base__=Strict, **fields)


def _pascal(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def _field(kind: Any) -> tuple[Any, Any]:
    """Give the type of a field, and its default with a description of what it can be."""
    if kind is timedelta:
        return Duration, Field(default=None, description=DURATION_FORMS)
    if dataclasses.is_dataclass(kind):
        assert isinstance(kind, type)
        names = ", ".join(model(kind).model_fields)
        return model(kind), Field(default=None, description=f"an object with {names}")
    return kind, Field(default=None, description=_DESCRIPTIONS.get(kind) or _choices(kind))


_DESCRIPTIONS: Mapping[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
    Mapping[str, int]: "an object with whole numbers",
}


def _choices(kind: Any) -> str:
    values = get_args(kind)
    if values and all(isinstance(value, str) for value in values):
        return f"{', '.join(values[:-1])} or {values[-1]}"
    return "a list of texts"


def changed(knobs: Any, given: BaseModel) -> Any:
    """Give a dataclass with the fields that a JSON object sets."""
    values = {
        known.name: getattr(given, _pascal(known.name))
        for known in dataclasses.fields(knobs)
        if _pascal(known.name) in given.model_fields_set
    }
    for name, value in values.items():
        if isinstance(value, BaseModel):
            values[name] = changed(getattr(knobs, name), value)
    return dataclasses.replace(knobs, **values)
