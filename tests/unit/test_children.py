"""What a Map's children ended in, where Step Functions knows of none."""

from __future__ import annotations

from typing import Any

import pytest

from bulk_ingestion.aws import clients
from bulk_ingestion.run import children


class NoMapRuns:
    """Stands for Step Functions with an execution whose Map ended before it began a run."""

    def list_map_runs(self, **_: Any) -> dict[str, Any]:
        return {"mapRuns": []}


def test_a_map_that_began_no_run_hides_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "step_functions", NoMapRuns)
    assert children.failures("arn:aws:states:us-east-1:123456789012:execution:m:e") == {}
