"""Dashboards and alarms, read as CloudWatch reads them: what they name, and what they show.

moto keeps both without looking at a metric, and knows no SEARCH.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

_SEARCH = re.compile(
    r"SEARCH\('\{(?P<namespace>[\w/]+),(?P<dimensions>[\w,]+)\} (?P<terms>.+)', "
    r"'(?P<stat>\w+)'\)(?: ?/ ?(?P<divisor>\d+))?"
)
_TERM = re.compile(r'(?P<name>\w+)="(?P<value>[^"]+)"|NOT (?P<word>\w+)')
_QUOTIENT = re.compile(r"(?P<id>\w+) ?/ ?(?P<divisor>\d+)")

_BREACHES: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
}


@dataclass(frozen=True)
class Metric:
    """One metric that a widget shows."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    stat: str
    options: Mapping[str, Any] = field(default_factory=dict)
    divisor: float = 1

    def values(
        self, cloudwatch: Any, start: datetime, end: datetime, period: timedelta
    ) -> dict[datetime, float]:
        """Give its values by the beginnings of their periods, those that there are."""
        asked = {
            "Metric": {
                "Namespace": self.namespace,
                "MetricName": self.name,
                "Dimensions": [{"Name": k, "Value": v} for k, v in self.dimensions.items()],
            },
            "Period": int(period.total_seconds()),
            "Stat": self.stat,
        }
        [result] = cloudwatch.get_metric_data(
            StartTime=start,
            EndTime=end,
            ScanBy="TimestampAscending",
            MetricDataQueries=[{"Id": "m", "MetricStat": asked}],
        )["MetricDataResults"]
        values = (value / self.divisor for value in result["Values"])
        return dict(zip(result["Timestamps"], values, strict=True))


@dataclass(frozen=True)
class Search:
    """A SEARCH expression of a widget, which may show many metrics."""

    expression: str
    options: Mapping[str, Any]

    def metrics(self, cloudwatch: Any) -> list[Metric]:
        """Find what there is of it, in the order of the dimensions' values."""
        parts = _SEARCH.fullmatch(self.expression)
        if parts is None:
            raise NotImplementedError(f"{self.expression} cannot be searched for here.")
        terms = list(_TERM.finditer(parts["terms"]))
        expected = {term["name"]: term["value"] for term in terms if term["name"]}
        unexpected = [term["word"] for term in terms if term["word"]]
        name = expected.pop("MetricName")
        names = parts["dimensions"].split(",")
        pages = cloudwatch.get_paginator("list_metrics").paginate(
            Namespace=parts["namespace"], MetricName=name
        )
        found = [
            {dimension["Name"]: dimension["Value"] for dimension in metric["Dimensions"]}
            for page in pages
            for metric in page["Metrics"]
        ]
        fitting = {
            tuple((name, each[name]) for name in names)
            for each in found
            if each.keys() == set(names)
            and expected.items() <= each.items()
            and not any(word in value for word in unexpected for value in each.values())
        }
        divisor = float(parts["divisor"] or 1)
        return [
            Metric(parts["namespace"], name, dict(each), parts["stat"], self.options, divisor)
            for each in sorted(fitting)
        ]


def shown(widget: Mapping[str, Any]) -> Iterator[Metric | Search]:
    """Name what a metric widget shows, its shorthand written out.

    See "Dashboard body structure and syntax" in CloudWatch's API reference: ``.`` repeats a part
    of the line before, ``...`` all of it up to what follows.
    """
    properties = widget["properties"]
    before: list[str] = []
    for line in properties["metrics"]:
        options = line[-1] if isinstance(line[-1], dict) else {}
        if "expression" in options:
            yield Search(options["expression"], options)
            continue
        parts = [part for part in line if isinstance(part, str)]
        if parts[0] == "...":
            rest = parts[1:]
            parts = before[: len(before) - len(rest)] + rest
        before = [old if part == "." else part for part, old in _beside(parts, before)]
        namespace, name, *pairs = before
        yield Metric(
            namespace,
            name,
            dict(zip(pairs[::2], pairs[1::2], strict=True)),
            options.get("stat", properties.get("stat", "Average")),
            options,
        )


def _beside(parts: list[str], before: list[str]) -> Iterator[tuple[str, str]]:
    return zip(parts, before + [""] * len(parts), strict=False)


def watched(alarm: Mapping[str, Any]) -> Metric:
    """Name the metric that an alarm watches, given DescribeAlarms' answer."""
    if "MetricName" in alarm:
        return _metric(alarm, alarm["Statistic"])
    [stat] = [entry["MetricStat"] for entry in alarm["Metrics"] if "MetricStat" in entry]
    [expression] = [entry["Expression"] for entry in alarm["Metrics"] if "Expression" in entry]
    quotient = _QUOTIENT.fullmatch(expression)
    if quotient is None:
        raise NotImplementedError(f"{expression} cannot be calculated here.")
    return _metric(stat["Metric"], stat["Stat"], float(quotient["divisor"]))


def _metric(named: Mapping[str, Any], stat: str, divisor: float = 1) -> Metric:
    dimensions = {each["Name"]: each["Value"] for each in named.get("Dimensions", [])}
    return Metric(named["Namespace"], named["MetricName"], dimensions, stat, divisor=divisor)


def state(cloudwatch: Any, alarm: Mapping[str, Any], now: datetime) -> str:
    """Tell an alarm's state, OK or ALARM, by the periods that have ended at ``now``."""
    metric = watched(alarm)
    seconds = alarm.get("Period") or next(
        entry["MetricStat"]["Period"] for entry in alarm["Metrics"] if "MetricStat" in entry
    )
    period, periods = timedelta(seconds=seconds), alarm["EvaluationPeriods"]
    breaches = _BREACHES[alarm["ComparisonOperator"]]
    values = metric.values(cloudwatch, now - periods * period, now, period)
    breaching = [breaches(value, alarm["Threshold"]) for value in values.values()]
    missing = periods - len(breaching)
    breaching += [alarm["TreatMissingData"] == "breaching"] * missing
    return "ALARM" if all(breaching) else "OK"
