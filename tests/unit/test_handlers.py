"""What the decorator of all handlers adds to each."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from botocore import exceptions
from botocore.retries.standard import TransientRetryableChecker

from bulk_ingestion.aws.handlers import lambda_handler
from bulk_ingestion.aws.observability import metrics
from bulk_ingestion.aws.transport import NO_ANSWER
from bulk_ingestion.errors import TransportFailed
from local.faults import transport

CONTEXT: Any = SimpleNamespace(
    function_name="f", memory_limit_in_mb=128, invoked_function_arn="arn", aws_request_id="1"
)
NOT_ABOUT_THE_NETWORK = [
    exceptions.NoCredentialsError(),
    exceptions.ParamValidationError(report="no"),
    exceptions.ClientError({"Error": {"Code": "NoSuchKey", "Message": "No."}}, "GetObject"),
    ValueError("no"),
]


def raising(error: Exception) -> Any:
    @lambda_handler
    def handler(event: dict[str, Any], context: Any) -> None:
        raise error

    return handler


def test_a_handlers_answer_is_passed_on() -> None:
    @lambda_handler
    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        return {**event, "Context": context}

    assert handler({"Event": 1}, CONTEXT) == {"Event": 1, "Context": CONTEXT}


@pytest.mark.parametrize("name", transport.NAMES)
def test_a_call_without_answer_has_one_name(name: Any) -> None:
    error = transport.error(name, "appflow")
    with pytest.raises(TransportFailed) as raised:
        raising(error)({}, CONTEXT)
    assert str(raised.value) == f"{name}: {error}"


def test_so_does_an_answer_that_is_cut_short() -> None:
    error = exceptions.IncompleteReadError(actual_bytes=1, expected_bytes=2)
    with pytest.raises(TransportFailed, match="IncompleteReadError: 1 read"):
        raising(error)({}, CONTEXT)


def test_whatever_botocore_retries_as_a_failed_connection_is_a_call_without_answer() -> None:
    checker: Any = TransientRetryableChecker
    assert all(issubclass(kind, NO_ANSWER) for kind in checker._TRANSIENT_EXCEPTION_CLS)


@pytest.mark.parametrize("error", NOT_ABOUT_THE_NETWORK, ids=lambda error: type(error).__name__)
def test_other_errors_keep_their_names(error: Exception) -> None:
    with pytest.raises(type(error)) as raised:
        raising(error)({}, CONTEXT)
    assert raised.value is error


@pytest.mark.parametrize("fails", [False, True])
def test_what_was_measured_is_sent_once_whether_or_not_the_handler_fails(
    fails: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(metrics, "namespace", "Test")
    monkeypatch.setattr(metrics, "service", "test")

    @lambda_handler
    def handler(event: dict[str, Any], context: Any) -> None:
        metrics.add_metric("Measured", "Count", 1)
        if fails:
            raise ValueError

    for _ in range(2):
        try:
            handler({}, CONTEXT)
        except ValueError:
            assert fails
    printed = [line for line in capsys.readouterr().out.splitlines() if "CloudWatchMetrics" in line]
    assert [line.count('"Measured":[1.0]') for line in printed] == [1, 1]


def test_a_handler_that_measures_nothing_sends_nothing(
    capsys: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    @lambda_handler
    def handler(event: dict[str, Any], context: Any) -> None:
        pass

    handler({}, CONTEXT)
    assert "CloudWatchMetrics" not in capsys.readouterr().out
    assert not recwarn.list
