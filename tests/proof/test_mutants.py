"""The suites can fail: each defect is found by the small execution, or the test, that is for it."""

from __future__ import annotations

import re

import pytest

from tests.proof.claims import Laboratory, nothing_is_lost
from tests.proof.mutants import MUTANTS, POLICIES, SMALL, Mutant


def is_found(laboratory: Laboratory, mutant: Mutant) -> bool:
    """Whether the defect makes its killer fail, by the claim that it is for.

    A definition that the embedded cloud refuses to create is an error here, and no such failure.
    """
    with mutant.mutation(laboratory.cloud):
        try:
            mutant.killer(laboratory)
        except (Exception, pytest.fail.Exception) as failure:  # whatever a test fails with
            broken = str(failure)
        else:
            return False
    claim = mutant.killer.breaks
    assert re.match(claim, broken), f"It breaks another claim: {broken}"
    return True


@pytest.mark.parametrize("name", SMALL)
def test_without_a_defect_a_small_execution_keeps_every_claim(
    laboratory: Laboratory, name: str
) -> None:
    laboratory.inclusive = False
    nothing_is_lost(laboratory, SMALL[name])


@pytest.mark.parametrize("name", MUTANTS)
def test_a_defect_is_found(laboratory: Laboratory, name: str) -> None:
    assert is_found(laboratory, MUTANTS[name])


def test_each_defect_of_a_retrier_is_found(laboratory: Laboratory) -> None:
    survivors = [name for name, mutant in POLICIES.items() if not is_found(laboratory, mutant)]
    assert survivors == []


def test_there_are_enough_defects() -> None:
    assert len(MUTANTS) >= 60
