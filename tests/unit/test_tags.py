"""The tags of an input: each problem with its rule, and nothing that AWS would refuse."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_ingestion.flow import names
from bulk_ingestion.flow.api_model import problems
from bulk_ingestion.input import tags


def found(given_: dict[str, Any]) -> list[str]:
    return [str(problem) for problem in tags.check(given_)]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("aws:x", "v", 'Tags: "aws:x" begins with "aws:", which is reserved for AWS'),
        ("AWS:x", "v", 'Tags: "AWS:x" begins with "aws:", which is reserved for AWS'),
        ("b!", "w", 'Tags: "b!" is not a key that AppFlow accepts; use letters (A-Z, a-z)'),
        ("a b", "w", "is not a key that AppFlow accepts"),
        ("", "w", 'Tags: "" has 0 characters; a key must have 1 to 128'),
        ("k" * 129, "v", "has 129 characters; a key must have 1 to 128"),
        ("c", "v" * 300, 'Tags: "c" has a value of 300 characters; a value must have at most 256'),
        ("team", "München", 'Tags: "team" has the value "München", which AppFlow does not accept'),
        ("team", 5, 'Tags: "team" has a number as its value; it must be a string'),
        ("team", None, 'Tags: "team" has null as its value'),
        ("awsOwningService", "me", '"awsOwningService" is a tag that this stack sets; remove it'),
        ("bulkIngestionStack", "x", '"bulkIngestionStack" is a tag that this stack sets'),
    ],
)
def test_a_tag_that_aws_would_refuse_is_named_with_the_rule(
    key: str, value: Any, message: str
) -> None:
    [problem] = found({key: value, "fine": "x"})
    assert message in problem


def test_every_problem_is_named() -> None:
    given_ = {"aws:x": "v", "b!": 5, "c": "v" * 300, "awsOwningService": "é"}
    assert len(found(given_)) == 6


def test_with_the_stacks_own_there_are_fifty() -> None:
    assert found({str(number): "" for number in range(47)}) == []
    assert found({str(number): "" for number in range(48)}) == [
        "Tags: has 48 tags; AWS allows 50, of which 47 can be your own"
    ]


TAGS = st.dictionaries(
    st.text(st.characters(max_codepoint=300), max_size=130)
    | st.from_regex(r"[a-zA-Z0-9+\-=._:/]{0,130}", fullmatch=True)
    | st.sampled_from(["aws:x", "Aws:x", "a\n", *names.OUR_TAGS]),
    st.text(st.characters(max_codepoint=300), max_size=260),
    max_size=4,
)


@given(TAGS)
def test_both_services_take_what_is_accepted(given_: dict[str, str]) -> None:
    if not found(given_):
        carried = names.tags(given_, "stack", "run")
        for service in ("appflow", "customer-profiles"):
            assert problems(service, "TagMap", carried) == []
