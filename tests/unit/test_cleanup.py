"""A redrive may start while the cleanup of a stopped execution still tries: it spares its flows."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from bulk_ingestion import settings
from bulk_ingestion.aws import clients
from bulk_ingestion.flow.names import plain
from bulk_ingestion.run import cleanup
from bulk_ingestion.run.job import Execution
from bulk_ingestion.steps import clean_up

ARN = "arn:aws:states:us-east-1:123456789012:execution:bulk-ingestion:run"
EXECUTION = Execution(ARN, "run", "bulk-ingestion")
CONTEXT: Any = SimpleNamespace(get_remaining_time_in_millis=lambda: 900_000)
NOTHING = frozenset[str]()


def test_before_each_try_it_asks_what_to_spare(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a flow that can't be removed, until its execution runs again
    spared: list[frozenset[str]] = []

    def try_to(tags: Any, prefix: str, spare: frozenset[str], *_: Any) -> list[str]:
        spared.append(spare)
        return [] if spare else ["Flow bulk-1 could not be removed."]

    monkeypatch.setattr(cleanup, "_try", try_to)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    redriven = iter([NOTHING, NOTHING, frozenset({"run"})])
    # When it is cleaned up, then the next try leaves it
    assert cleanup.clean_up({}, CONTEXT, spare=lambda: next(redriven)) == []
    assert spared == [NOTHING, NOTHING, {"run"}]


def test_after_a_stop_it_spares_an_execution_that_is_redriven_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Given a stopped execution that is redriven while cleanup tries
    statuses = ["ABORTED", "ABORTED", "RUNNING", "RUNNING"]
    looked = SimpleNamespace(describe_execution=lambda **_: {"status": statuses.pop(0)})
    spared: list[frozenset[str]] = []

    def tried(
        tags: Any, context: Any, prefix: str, spare: Callable[[], frozenset[str]]
    ) -> list[str]:
        spared.extend(spare() for _ in range(2))
        return []

    monkeypatch.setattr(clients, "step_functions", lambda: looked)
    monkeypatch.setattr(settings, "runs_bucket", lambda: "bucket")
    monkeypatch.setattr(clean_up, "run_folder", lambda *_: SimpleNamespace(has=lambda name: True))
    monkeypatch.setattr(clean_up, "clean_up", tried)
    # When cleanup is over, then it has spared it, and left its report alone
    assert clean_up.clean_up_after(EXECUTION, CONTEXT) == []
    assert spared == [NOTHING, {plain("run")}]
    assert statuses == []
