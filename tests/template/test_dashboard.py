"""The dashboard's body: whether CloudWatch can read it, and whether anything is left out."""

from __future__ import annotations

import json
from itertools import groupby
from typing import Any

import boto3
import pytest

from bulk_ingestion.integration.health import Health
from docs.drawings.dashboard import Metric, Search, shown
from local.account import REGION
from local.stack.stack import Stack, deploy
from tests.template.deployed import PARAMETERS, ROOT

COLUMNS = 24

Widget = dict[str, Any]


def body_of(stack: Stack) -> dict[str, Any]:
    name = stack.resources["Dashboard"].physical_id
    cloudwatch = boto3.client("cloudwatch", region_name=REGION)
    body: dict[str, Any] = json.loads(cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"])
    return body


@pytest.fixture
def widgets(stack: Stack) -> list[Widget]:
    listed: list[Widget] = body_of(stack)["widgets"]
    return listed


def test_the_deployed_dashboard_has_no_substitution_left(stack: Stack) -> None:
    assert "${" not in json.dumps(body_of(stack))


def test_the_widgets_fill_every_row_and_none_overlaps(
    widgets: list[Widget],
) -> None:
    below = 0
    for top, row in groupby(widgets, key=lambda widget: widget["y"]):
        assert top == below
        right, heights = 0, set()
        for widget in row:
            assert widget["x"] == right
            right += widget["width"]
            heights.add(widget["height"])
        assert right == COLUMNS
        [height] = heights
        below += height


def test_every_widget_says_what_it_shows_and_where(
    widgets: list[Widget],
) -> None:
    assert {widget["type"] for widget in widgets} == {"alarm", "metric", "text"}
    for widget in widgets:
        if widget["type"] == "metric":
            properties = widget["properties"]
            assert properties["title"]
            assert properties["region"] == REGION
            assert properties["yAxis"]["left"]["label"]
            assert list(shown(widget))


def named(widgets: list[Widget], namespace: str, dimension: str) -> list[str]:
    return [
        metric.dimensions[dimension]
        for widget in widgets
        if widget["type"] == "metric"
        for metric in shown(widget)
        if isinstance(metric, Metric) and metric.namespace == namespace
    ]


def test_the_dashboard_leaves_out_no_function_machine_or_alarm(
    stack: Stack, widgets: list[Widget]
) -> None:
    [alarms] = [widget["properties"]["alarms"] for widget in widgets if widget["type"] == "alarm"]

    def physical(kind: str) -> set[str]:
        return {one.physical_id for one in stack.resources.values() if one.type == kind}

    functions = named(widgets, "AWS/Lambda", "FunctionName")
    assert sorted(functions) == sorted(physical("AWS::Lambda::Function"))
    machines = named(widgets, "AWS/States", "StateMachineArn")
    assert set(machines) == physical("AWS::StepFunctions::StateMachine")
    assert {arn.rpartition(":")[2] for arn in alarms} == physical("AWS::CloudWatch::Alarm")


def test_the_dashboard_shows_every_kind_of_health(
    widgets: list[Widget],
) -> None:
    shown_states = [
        metric.dimensions["Health"]
        for widget in widgets
        if widget["type"] == "metric"
        for metric in shown(widget)
        if isinstance(metric, Metric) and metric.name == "Integrations"
    ]
    assert shown_states == list(Health)


def test_every_alarm_says_what_to_do(stack: Stack) -> None:
    alarms = boto3.client("cloudwatch", region_name=REGION).describe_alarms()["MetricAlarms"]

    assert {alarm["AlarmName"] for alarm in alarms} == {
        one.physical_id for one in stack.resources.values() if one.type == "AWS::CloudWatch::Alarm"
    }
    for alarm in alarms:
        assert alarm["AlarmDescription"].endswith(".")
        assert alarm["AlarmDescription"].count(". ") or ";" in alarm["AlarmDescription"]


def test_the_page_on_watching_explains_every_widget_alarm_and_metric(
    stack: Stack, widgets: list[Widget]
) -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    metrics = [
        metric.name
        for widget in widgets
        if widget["type"] == "metric"
        for metric in shown(widget)
        if isinstance(metric, Metric) and metric.namespace == "BulkIngestion"
    ]
    titles = [f"*{w['properties']['title']}*" for w in widgets if w["type"] == "metric"]
    alarms = [key for key, one in stack.resources.items() if one.type == "AWS::CloudWatch::Alarm"]
    assert [text for text in (*titles, *alarms, *metrics) if text not in page] == []


def test_the_dashboards_of_two_stacks_share_no_metric_of_ours(
    aws: None,
) -> None:
    one, other = deploy(PARAMETERS, name="one"), deploy(PARAMETERS, name="other")
    ours = [
        {
            tuple(metric.dimensions.items())
            for widget in body_of(stack)["widgets"]
            if widget["type"] == "metric"
            for metric in shown(widget)
            if isinstance(metric, Metric)
        }
        for stack in (one, other)
    ]
    assert ours[0]
    assert ours[0] & ours[1] == set()


def test_the_shorthand_of_metrics_is_written_out() -> None:
    search = "SEARCH('{AWS/AppFlow,FlowName} MetricName=\"FlowExecutionsFailed\"', 'Sum')"
    widget = {
        "properties": {
            "stat": "Sum",
            "metrics": [
                ["N", "One", "a", "1", "b", "2"],
                [".", "Two", ".", ".", ".", ".", {"stat": "Maximum"}],
                ["...", "3"],
                ["...", {"label": "again"}],
                [{"expression": search}],
            ],
        }
    }

    assert list(shown(widget)) == [
        Metric("N", "One", {"a": "1", "b": "2"}, "Sum"),
        Metric("N", "Two", {"a": "1", "b": "2"}, "Maximum", {"stat": "Maximum"}),
        Metric("N", "Two", {"a": "1", "b": "3"}, "Sum"),
        Metric("N", "Two", {"a": "1", "b": "3"}, "Sum", {"label": "again"}),
        Search(search, {"expression": search}),
    ]


def test_an_output_links_to_the_dashboard(stack: Stack) -> None:
    assert stack.outputs["DashboardConsole"].endswith(
        f"region={REGION}#dashboards/dashboard/bulk-ingestion"
    )
