"""What a cold start pays for: a function imports what it needs, when it needs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FUNCTIONS = Path(__file__).parents[2] / "functions"
FUNCTION_NAMES = sorted(path.stem for path in FUNCTIONS.glob("*.py"))
LATER = ("boto3", "botocore.client", "jinja2")
NEVER_BUT_IN_PLANNING = ("pydantic",)


def imported(module: str) -> set[str]:
    """Import a module in a Python of its own, and tell what came with it."""
    code = f"import sys, {module}; print(*sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=FUNCTIONS, capture_output=True, text=True, check=True
    )
    return set(found.stdout.split())


@pytest.mark.parametrize("function", FUNCTION_NAMES)
def test_no_function_imports_a_client_before_it_calls_aws(function: str) -> None:
    assert not imported(function) & set(LATER)


@pytest.mark.parametrize("function", [n for n in FUNCTION_NAMES if n != "plan_windows"])
def test_only_planning_pays_for_validation(function: str) -> None:
    assert not imported(function) & set(NEVER_BUT_IN_PLANNING)
