"""The defaults of the input's keys, and the reasons for them."""

from __future__ import annotations

from collections.abc import Mapping

from bulk_ingestion.flow.connectors import Connector, Default

Defaults = Mapping[str, Default]
"""Defaults by the key of the input that overrides each."""

_GENERAL = {
    "BatchSize": Default("P2M", "AWS's own bulk ingestion has windows of two months."),
    "Order": Default("NewestFirst", "The latest records are in the domain first."),
    "Overlap": Default(
        "PT1H",
        "A record can become readable later than its timestamp. Records in the overlap are "
        "transferred twice, under the same key.",
    ),
}
_MANY_PER_PROFILE = Default(
    "OldestFirst",
    "A profile can have many of these objects, but keeps only 1,000. The newest must be imported "
    "last, so that older ones don't replace them.",
)


def of(connector: Connector | None, object_name: str, max_concurrency: int) -> Defaults:
    """Give the defaults for a source. ``max_concurrency`` is the stack's.

    ``connector`` is None if it is unknown.
    """
    preset = connector.presets.get(object_name) if connector else None
    return {
        **_GENERAL,
        "MaxConcurrency": Default(max_concurrency, "It is the stack's parameter MaxConcurrency."),
        **(connector.defaults if connector else {}),
        **({"Order": _MANY_PER_PROFILE} if preset and preset.many_per_profile else {}),
    }
