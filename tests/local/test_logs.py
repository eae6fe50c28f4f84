"""Which lines of a function reach CloudWatch: the template's LogLevel, and Lambda's own level."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from moto.cloudwatch.models import cloudwatch_backends

from local.account import ACCOUNT, REGION
from local.clock import Clock
from local.cloud import Cloud, embedded_cloud
from local.stack.template import expand
from tests.machine.machine import NOW

LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR"]
HANDLER = """
from aws_lambda_powertools.metrics import MetricUnit
from bulk_ingestion.aws.observability import logger, measure

def handler(event, context):
    for level in ("debug", "info", "warning", "error"):
        getattr(logger, level)("A line.")
    measure("Spoken", MetricUnit.Count, 4)
"""


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function that logs at every level, and measures."""
    (tmp_path / "talkative.py").write_text(HANDLER)
    monkeypatch.syspath_prepend(str(tmp_path))


def invoke(cloud: Cloud, function: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The levels of the lines that the function logged."""
    capsys.readouterr()
    answer = cloud.client("lambda").invoke(FunctionName=function)
    assert "FunctionError" not in answer, answer["Payload"].read()
    return [json.loads(line)["level"] for line in capsys.readouterr().err.splitlines()]


def was_measured() -> bool:
    return any(data.name == "Spoken" for data in cloudwatch_backends[ACCOUNT][REGION].metric_data)


def create(cloud: Cloud, logging: dict[str, Any]) -> None:
    code = io.BytesIO()
    zipfile.ZipFile(code, "w").close()
    cloud.client("lambda").create_function(
        FunctionName="talkative",
        Handler="talkative.handler",
        Runtime="python3.13",
        Role=cloud.stack.resources["PlanWindowsRole"].arn,
        Code={"ZipFile": code.getvalue()},
        LoggingConfig=logging,
        Environment={
            "Variables": {
                "POWERTOOLS_LOG_LEVEL": "DEBUG",
                "POWERTOOLS_METRICS_NAMESPACE": "Test",
                "POWERTOOLS_SERVICE_NAME": "test",
            }
        },
    )


def test_every_log_level_of_the_template_is_tested() -> None:
    assert expand()["Parameters"]["LogLevel"]["AllowedValues"] == LEVELS


@pytest.mark.usefixtures("code")
@pytest.mark.parametrize("level", LEVELS)
def test_a_deployed_function_logs_from_its_level_on_and_always_measures(
    level: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with embedded_cloud(Clock(start=NOW), {"LogLevel": level}) as cloud:
        function = cloud.stack.resources["PlanWindowsFunction"].physical_id
        cloud.client("lambda").update_function_configuration(
            FunctionName=function, Handler="talkative.handler"
        )

        logged = invoke(cloud, function, capsys)

        assert logged == LEVELS[LEVELS.index(level) :]
        assert was_measured()


@pytest.mark.usefixtures("code")
@pytest.mark.parametrize(
    ("logging", "logged", "measured"),
    [
        ({}, LEVELS, True),
        ({"LogFormat": "Text"}, LEVELS, True),
        ({"LogFormat": "JSON"}, ["INFO", "WARNING", "ERROR"], True),
        ({"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG"}, LEVELS, True),
        ({"LogFormat": "JSON", "ApplicationLogLevel": "WARN"}, ["WARNING", "ERROR"], False),
        ({"LogFormat": "JSON", "ApplicationLogLevel": "ERROR"}, ["ERROR"], False),
        ({"LogFormat": "JSON", "ApplicationLogLevel": "FATAL"}, [], False),
    ],
)
def test_the_format_json_overrules_the_logger_and_drops_metrics_above_info(
    logging: dict[str, Any],
    logged: list[str],
    measured: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with embedded_cloud(Clock(start=NOW)) as cloud:
        create(cloud, logging)

        assert invoke(cloud, "talkative", capsys) == logged
        assert was_measured() is measured
