"""How much more than ``make test`` is drawn: ``make soak`` says it."""

from __future__ import annotations

import os

SOAK = int(os.environ.get("SOAK", "0"))
"""How many times as many examples; 0 for those of ``make test``, the same ones every time."""
