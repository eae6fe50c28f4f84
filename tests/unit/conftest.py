"""What several unit suites stand on."""

from __future__ import annotations

import pytest

from tests.unit.stored_state import Files, stored_in


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> Files:
    return stored_in(monkeypatch)
