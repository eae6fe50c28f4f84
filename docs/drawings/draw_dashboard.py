"""Draws docs/dashboard.svg: the template's own dashboard, over a month in the embedded cloud."""

from __future__ import annotations

import json
import math
import re
import textwrap
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib import dates
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cli.month import Month
from docs.drawings.dashboard import Metric, Search, shown, state
from local import interpreter
from local.clock import Clock
from local.cloud import Cloud, embedded_cloud
from local.faults import faults, spec

DOCS = Path(__file__).parents[1]

PICTURE = DOCS / "dashboard.svg"
EVENTS = DOCS.parent / "events"
BEGINS = datetime(2026, 10, 25, 6, tzinfo=UTC)
DAYS = 30
PERIOD = timedelta(hours=6)
FIRST, LATER = "salesforce-contact", {7: "servicenow-incident", 13: "marketo-leads"}
"""The imports: one before the month, the others after so many days of it."""
MISHAPS = [
    {"Run": {"Flow": "bulk-salesforce-contact-.*-0003$"}, "Ends": "Error", "Times": 2},
    {"Run": {"Flow": "bulk-servicenow-incident-.*-0002$"}, "Ends": "Error"},
    {"Run": {"Flow": "bulk-marketo-leads-.*-0007$"}, "PutFailures": 12},
]
"""What goes wrong in them; docs/faults/month.json is for the continuous flow."""

_COLUMN, _ROW = 0.6, 0.38  # inches
_ALARMS_IN_A_ROW = 6
_FEW = 20  # values that a line could not join
_STATES = {"OK": "#2ca02c", "ALARM": "#d62728"}
_GRAY = "#5f6b7a"


def main() -> None:
    """Let a month pass and draw what the dashboard shows of it."""
    matplotlib.rcParams.update(
        {"font.size": 8, "svg.hashsalt": "dashboard", "svg.fonttype": "none"}
    )
    with embedded_cloud(Clock(None, BEGINS), {"LogLevel": "ERROR"}) as cloud:
        live(cloud)
        figure = draw(cloud)
    figure.savefig(PICTURE, metadata={"Date": None})


def live(cloud: Cloud) -> None:
    """Run the example, and then a month after it."""
    asked = json.loads((DOCS / "faults" / "month.json").read_text())
    faults.install(spec.parse({**asked, "Faults": [*asked["Faults"], *MISHAPS]}))
    interpreter.wait_for(start(cloud, FIRST))
    request = cloud.client("s3").get_object(
        Bucket=cloud.stack.runs_bucket, Key=f"runs/{FIRST}/request.json"
    )
    for day in Month(cloud, json.load(request["Body"])["FlowDefinition"]).days(DAYS):
        print(day.number, *day.notes, sep="\n  ")
        if day.number in LATER:
            start(cloud, LATER[day.number])


def start(cloud: Cloud, example: str) -> str:
    """Start an import and give its execution's ARN."""
    started = cloud.client("stepfunctions").start_execution(
        stateMachineArn=cloud.stack.state_machine_arn,
        name=example,
        input=(EVENTS / f"{example}.json").read_text(),
    )
    return str(started["executionArn"])


def draw(cloud: Cloud) -> Figure:
    """Draw every widget in its place."""
    name = cloud.stack.resources["Dashboard"].physical_id
    cloudwatch = cloud.client("cloudwatch")
    body = json.loads(cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"])
    height = max(widget["y"] + widget["height"] for widget in body["widgets"])
    figure = Figure(figsize=(24 * _COLUMN, height * _ROW), facecolor="#f4f6f8")
    drawers = {"text": draw_text, "alarm": draw_alarms, "metric": draw_metric}
    for widget in body["widgets"]:
        left, right = (widget["x"] + 0.2) / 24, (widget["x"] + widget["width"] - 0.2) / 24
        top = 1 - (widget["y"] + 0.2) / height
        bottom = 1 - (widget["y"] + widget["height"] - 0.2) / height
        card = figure.add_axes((left, bottom, right - left, top - bottom))
        card.set(xticks=[], yticks=[])
        for spine in card.spines.values():
            spine.set_color("#cfd6dd")
        drawers[widget["type"]](card, widget, cloudwatch, cloud.clock.now())
    return figure


def draw_text(card: Any, widget: dict[str, Any], *_: Any) -> None:
    """Write the text, its links and emphasis taken off."""
    heading, _, text = widget["properties"]["markdown"].partition("\n")
    plain = re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", text).replace("**", "").replace("`", "")
    plain = re.sub(r"\*(\w[^*]*)\*", r"\1", plain)
    card.text(0.01, 0.86, heading.lstrip("# "), va="top", weight="bold", size=11)
    lines = textwrap.fill(plain, 225)
    card.text(0.01, 0.62, lines, va="top", size=8.5, linespacing=1.5)


def draw_alarms(card: Any, widget: dict[str, Any], cloudwatch: Any, now: datetime) -> None:
    """Write the alarms' names on their states."""
    names = [arn.rpartition(":")[2] for arn in widget["properties"]["alarms"]]
    listed = cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"]
    alarms = {alarm["AlarmName"]: alarm for alarm in listed}
    rows = -(-len(names) // _ALARMS_IN_A_ROW)
    card.text(0.01, 0.9, widget["properties"]["title"], va="top", weight="bold")
    for number, name in enumerate(names):
        row, column = divmod(number, _ALARMS_IN_A_ROW)
        found = state(cloudwatch, alarms[name], now)
        card.text(
            (column + 0.5) / _ALARMS_IN_A_ROW,
            0.7 * (rows - row - 0.5) / rows,
            f"{name.rpartition('-')[2].removesuffix('Alarm')}: {found}",
            ha="center",
            va="center",
            color="white",
            size=7.5,
            bbox={"facecolor": _STATES[found], "edgecolor": "none", "boxstyle": "round,pad=0.5"},
        )


def draw_metric(card: Any, widget: dict[str, Any], cloudwatch: Any, now: datetime) -> None:
    """Plot what a widget shows: bars on top of each other, or lines."""
    properties = widget["properties"]
    card.text(0.02, 0.96, properties["title"], va="top", weight="bold", transform=card.transAxes)
    left = 0.12 if widget["width"] < 12 else 0.08
    plot = card.inset_axes((left, 0.25, 1 - 2 * left, 0.57))
    axes = {"left": plot}
    if "right" in properties["yAxis"]:
        axes["right"] = plot.twinx()
        axes["right"].patch.set_visible(False)
    times = [BEGINS + number * PERIOD for number in range((now - BEGINS) // PERIOD + 1)]
    floor = [0.0] * len(times)
    lines = []
    for metric, label in named(properties, widget, cloudwatch):
        values = metric.values(cloudwatch, BEGINS, now, PERIOD)
        style = {"color": metric.options.get("color"), "label": label}
        axis = axes[metric.options.get("yAxis", "left")]
        if properties.get("stacked"):
            heights = [values.get(at, 0.0) for at in times]
            lines.append(axis.bar(times, heights, PERIOD / timedelta(days=1), floor, **style))
            floor = [low + high for low, high in zip(floor, heights, strict=True)]
        else:
            series = [values.get(at, math.nan) for at in times]
            marker = "." if len(values) < _FEW else ""
            lines += axis.plot(times, series, linewidth=1.1, marker=marker, **style)
    decorate(axes, properties)
    plot.set_xlim(BEGINS - PERIOD, now + PERIOD)
    plot.xaxis.set_major_locator(dates.WeekdayLocator(dates.MONDAY))
    plot.xaxis.set_major_formatter(dates.DateFormatter("%d %b"))
    card.legend(
        handles=lines,
        loc="lower center",
        ncols=8,
        frameon=False,
        fontsize=6.5,
        borderpad=0.1,
        columnspacing=0.8,
        handlelength=0.9,
    )


def decorate(axes: dict[str, Any], properties: dict[str, Any]) -> None:
    """Label the axes and draw the lines that the widget has across."""
    for side, axis in axes.items():
        axis.set_ylabel(properties["yAxis"][side]["label"], color=_GRAY)
        axis.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        lines = properties.get("annotations", {}).get("horizontal", [])
        tops = [1, axis.get_ylim()[1], *(1.2 * line["value"] for line in lines)]
        axis.set_ylim(bottom=0, top=max(tops))
        axis.tick_params(colors=_GRAY, length=2)
        for spine in axis.spines.values():
            spine.set_visible(False)
    axes["left"].grid(axis="y", color="#e6eaee")
    axes["left"].set_axisbelow(True)
    for line in lines:
        axes["left"].axhline(line["value"], color=line["color"], linestyle="--", linewidth=1)
        axes["left"].text(
            BEGINS, line["value"], line["label"], color=line["color"], va="bottom", size=7
        )


def named(
    properties: dict[str, Any], widget: dict[str, Any], cloudwatch: Any
) -> list[tuple[Metric, str]]:
    """Give the metrics of a widget, each with its label; those of a search have their value's."""
    found: list[tuple[Metric, str]] = []
    for each in shown(widget):
        if isinstance(each, Search):
            metrics = each.metrics(cloudwatch)
            found += [(metric, list(metric.dimensions.values())[-1]) for metric in metrics]
        else:
            found.append((each, each.options.get("label", each.name)))
    return found


if __name__ == "__main__":
    main()
