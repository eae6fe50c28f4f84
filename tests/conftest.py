"""What all suites share: no timing is asserted, not even by Hypothesis."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("untimed", deadline=None, derandomize=True)
settings.load_profile("untimed")
