"""The names and tags by which the stack recognizes what it created."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from bulk_ingestion.flow import names

ARN = "arn:aws:states:us-east-1:123456789012:execution:machine:"


@given(
    name=st.text(min_size=1, max_size=80),
    window=st.from_regex(r"[0-9]{4}(-[12]){0,8}", fullmatch=True),
    number=st.integers(1, 99),
)
def test_a_flow_name_is_one_that_appflow_takes(name: str, window: str, number: int) -> None:
    made = names.flow_name(name, ARN + name, window, number)
    assert re.fullmatch(r"[a-zA-Z0-9][\w-]+", made, re.ASCII)
    assert len(made) <= 150


def test_flow_names_differ_by_execution_machine_window_and_round() -> None:
    made = {
        names.flow_name(name, arn + name, window, number)
        for name in ("a", "b", "a.", "a!")
        for arn in (ARN, ARN.replace("machine", "other"))
        for window in ("0001", "0001-1", "0002")
        for number in (1, 2)
    }
    assert len(made) == 4 * 2 * 3 * 2


def test_everything_carries_the_owner_the_stack_and_the_execution() -> None:
    assert names.tags({"team": "crm"}, "my-stack", "nightly run") == {
        "team": "crm",
        "awsOwningService": "customer-profiles-integration-workflow",
        "bulkIngestionStack": "my-stack",
        "bulkIngestionExecution": "nightly-run",
    }
