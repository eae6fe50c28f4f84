"""CloudWatch in the embedded cloud: metrics of the functions and of AWS, on the simulated clock."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from unittest.mock import patch

from aws_lambda_powertools.metrics.provider.cloudwatch_emf import cloudwatch as emf
from moto.cloudwatch.models import cloudwatch_backends

from bulk_ingestion.aws import observability
from local.account import ACCOUNT, REGION
from local.aws import logs
from local.clock import Clock

Event = dict[str, Any]

_ENDED_EXECUTIONS = {
    "SUCCEEDED": "ExecutionsSucceeded",
    "FAILED": "ExecutionsFailed",
    "ABORTED": "ExecutionsAborted",
    "TIMED_OUT": "ExecutionsTimedOut",
}


class _Collected(threading.local):
    """What one function has measured so far; others run beside it, in threads of their own."""

    def __init__(self) -> None:
        self.metric_set: dict[str, Any] = {}
        self.dimension_set: dict[str, str] = {}
        self.dimension_sets: list[dict[str, str]] = []
        self.metadata_set: dict[str, Any] = {}


_collected = _Collected()


def _own(name: str) -> Any:
    return property(lambda _: getattr(_collected, name))


def _variable(name: str) -> Any:
    return property(lambda _: os.environ.get(name))


class _Provider(emf.AmazonCloudWatchEMFProvider):
    """Powertools' provider, for functions that share a process."""

    metric_set = _own("metric_set")
    dimension_set = _own("dimension_set")
    dimension_sets = _own("dimension_sets")
    metadata_set = _own("metadata_set")
    namespace = _variable("POWERTOOLS_METRICS_NAMESPACE")
    service = _variable("POWERTOOLS_SERVICE_NAME")

    def flush_metrics(self, raise_on_empty_metrics: bool = False) -> None:
        """Say nothing of a function that has measured nothing."""
        if self.metric_set:
            super().flush_metrics(raise_on_empty_metrics)


class Metrics:
    """The metrics that CloudWatch gets."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    @contextmanager
    def of_functions(self) -> Iterator[None]:
        """Keep what the functions print for CloudWatch, instead of printing it."""
        provider = observability.metrics.provider  # the handlers hold it, so that it has to stay
        shipped = type(provider)
        with patch.object(emf, "print", self._printed, create=True):
            provider.__class__ = _Provider
            try:
                yield
            finally:
                provider.__class__ = shipped

    def _printed(self, line: str) -> None:
        """Read the Embedded Metric Format, unless Lambda drops the line."""
        if not logs.keeps_lines_without_level():
            return
        document = json.loads(line)
        for directive in document["_aws"]["CloudWatchMetrics"]:
            for metric in directive["Metrics"]:
                for names in directive["Dimensions"]:
                    self._put(
                        directive["Namespace"],
                        {name: document[name] for name in names},
                        **{metric["Name"]: document[metric["Name"]]},
                    )

    def function_ran(self, name: str, failed: bool) -> None:
        """Count an invocation, as Lambda does."""
        self._put("AWS/Lambda", {"FunctionName": name}, Invocations=1, Errors=int(failed))

    def execution_changed(self, detail: dict[str, Any]) -> None:
        """Count an execution, as Step Functions does, given the detail of its event."""
        machine = {"StateMachineArn": detail["stateMachineArn"]}
        status = detail["status"]
        if status == "RUNNING":
            self._put("AWS/States", machine, ExecutionsStarted=1)
            return
        took = detail["stopDate"] - (detail["redriveDate"] or detail["startDate"])
        self._put(
            "AWS/States",
            machine,
            None,
            ExecutionTime=took,
            **{name: int(kind == status) for kind, name in _ENDED_EXECUTIONS.items()},
        )

    def flow_ran(self, event: Event) -> None:
        """Count a run at its own time, as AppFlow does, given its event."""
        detail = event["detail"]
        flow, at = {"FlowName": detail["flow-name"]}, datetime.fromisoformat(event["time"])
        if event["detail-type"] == "AppFlow Start Flow Run Report":
            self._put("AWS/AppFlow", flow, at, FlowExecutionsStarted=1)
        elif event["detail-type"] == "AppFlow End Flow Run Report":
            successful = detail["status"] == "Execution Successful"
            self._put(
                "AWS/AppFlow",
                flow,
                at,
                FlowExecutionsSucceeded=int(successful),
                FlowExecutionsFailed=int(not successful),
                FlowExecutionRecordsProcessed=int(detail["num-of-records-processed"]),
            )

    def _put(
        self,
        namespace: str,
        dimensions: dict[str, str],
        at: datetime | None = None,
        **values: float | list[float],
    ) -> None:
        at = (at or self._clock.now()).replace(tzinfo=None)  # moto keeps instants in UTC so
        named = [{"Name": name, "Value": value} for name, value in dimensions.items()]
        data = [
            {
                "MetricName": name,
                "Dimensions": named,
                "Timestamp": at,
                "Values": value if isinstance(value, list) else [value],
            }
            for name, value in values.items()
        ]
        cloudwatch_backends[ACCOUNT][REGION].put_metric_data(namespace, data)
