"""Moto's answers, serialized faster."""

from __future__ import annotations

from typing import Any

from moto.core.serialize import AttributePickerContext, XFormedAttributePicker

_MEMORY = "local_possible_keys"
"""The attribute of a shape that holds what its member's value may be called."""

_work_out = XFormedAttributePicker.get_possible_keys


def possible_keys(self: Any, context: AttributePickerContext) -> tuple[str, ...]:
    """Give the names that the value of a member may have, worked out once.

    Moto works them out for each member of each answer, in a tenth of all time. They depend on
    the member's shape, its key and the class of the object alone.
    """
    known: dict[Any, tuple[str, ...]] = vars(context.shape).setdefault(_MEMORY, {})
    key = context.key, type(context.obj)
    if key not in known:
        known[key] = tuple(dict.fromkeys(_work_out(self, context)))
    return known[key]
