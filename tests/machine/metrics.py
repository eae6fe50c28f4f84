"""What tests ask CloudWatch."""

from __future__ import annotations

from datetime import timedelta

from local.cloud import Cloud
from tests.machine.machine import Machine

OURS = "BulkIngestion"
SERVICE = {"service": "bulk-ingestion"}


def statistic(
    cloud: Cloud, namespace: str, name: str, dimensions: dict[str, str], stat: str = "Sum"
) -> float:
    """Ask CloudWatch for one value of the last hours up to now; 0 where there is none."""
    now = cloud.clock.now()
    metric = {
        "Namespace": namespace,
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
    }
    [result] = cloud.client("cloudwatch").get_metric_data(
        StartTime=now - timedelta(hours=12),
        EndTime=now + timedelta(minutes=1),
        MetricDataQueries=[
            {"Id": "m", "MetricStat": {"Metric": metric, "Period": 86_400, "Stat": stat}}
        ],
    )["MetricDataResults"]
    values: list[float] = result["Values"]
    return sum(values)


def windows(machine: Machine, state: str) -> float:
    return statistic(machine.cloud, OURS, "Windows", {**SERVICE, "State": state})


def total(machine: Machine, name: str, stat: str = "Sum") -> float:
    return statistic(machine.cloud, OURS, name, SERVICE, stat)
