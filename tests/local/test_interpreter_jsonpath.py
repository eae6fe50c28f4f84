"""JSONPath in the interpreter: what a path gives, a value or a list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.local.interpreter_cloud import PASS, Cloud, cloud_as_on_aws

GIVEN = {"list": [{"x": 1, "y": [5, 6]}, {"x": 2, "y": []}], "none": {"at": None}, "*": 3}
JSONPATH = {"QueryLanguage": "JSONPath"}


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with cloud_as_on_aws() as cloud:
        yield cloud


def test_a_definite_path_gives_a_value_and_any_other_a_list(cloud: Cloud) -> None:
    values = {
        "$.list[0].x": 1,
        "$['list'][0]['x']": 1,
        "$.list[0].y[1]": 6,
        "$.list[0].y": [5, 6],
        "$.list[-1].x": 2,
        "$.none.at": None,
        "$.list[*].x": [1, 2],
        "$.list[0:1].x": [1],
        "$.list[0,1].x": [1, 2],
        "$..x": [1, 2],
        "$.list[?(@.x==2)].x": [2],
        "$.list[?(@.x==9)]": [],
    }
    asked = {f"{number}.$": path for number, path in enumerate(values)}
    output = cloud.output({"P": {**PASS, "Parameters": asked}}, GIVEN, **JSONPATH)
    assert {path: output[str(number)] for number, path in enumerate(values)} == values


@pytest.mark.needs("jsonpath.read_paths_as_aws_does")
def test_paths_of_every_field_are_read_alike(cloud: Cloud) -> None:
    once = {"ItemProcessor": {"StartAt": "P", "States": {"P": PASS}}}
    is_one = {"Variable": "$.list[0].x", "NumericEquals": 1, "Next": "Map"}
    states: dict[str, Any] = {
        "Choose": {"Type": "Choice", "Choices": [is_one]},
        "Map": {
            "Type": "Map",
            "ItemsPath": "$.list[0].y",
            **once,
            "ResultPath": "$.mapped",
            "Next": "Wait",
        },
        "Wait": {"Type": "Wait", "SecondsPath": "$.list[0].x", "Next": "Format"},
        "Format": {
            "Type": "Pass",
            "Parameters": {"text.$": "States.Format('{}', $.list[1].x)", "mapped.$": "$.mapped"},
            "OutputPath": "$",
            "End": True,
        },
    }
    assert cloud.output(states, GIVEN, **JSONPATH) == {"text": "2", "mapped": [5, 6]}


def test_a_definite_path_that_matches_nothing_fails(cloud: Cloud) -> None:
    ended = cloud.run({"P": {**PASS, "InputPath": "$.list[9].x"}}, GIVEN, **JSONPATH)
    assert (ended["status"], ended["error"]) == ("FAILED", "States.Runtime")
    assert "$.list[9].x" in ended["cause"]
