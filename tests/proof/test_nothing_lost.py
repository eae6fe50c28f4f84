"""Whatever is drawn: every record arrives, or the execution says what is missing."""

from __future__ import annotations

import pytest
from hypothesis import given

from tests.proof.applications import (
    MARKETO,
    SALESFORCE,
    SERVICENOW,
    ZENDESK,
    Application,
)
from tests.proof.claims import Laboratory, nothing_is_lost
from tests.proof.examples import Example, examples
from tests.proof.profiles import lots

RUNS = {SALESFORCE: 40, SERVICENOW: 40, MARKETO: 10, ZENDESK: 10}
"""Examples by application, under each reading of the bounds."""


@pytest.mark.parametrize("inclusive", [False, True], ids=["exclusive", "inclusive"])
@pytest.mark.parametrize("application", RUNS, ids=lambda application: application.name)
def test_nothing_is_lost(laboratory: Laboratory, application: Application, inclusive: bool) -> None:
    laboratory.inclusive = inclusive
    for lot in lots(RUNS[application], f"{application.name} {inclusive}"):

        @lot
        @given(examples(application))
        def holds(example: Example) -> None:
            nothing_is_lost(laboratory, example)

        holds()
