"""What was created a moment ago is asked for again before a refusal is believed."""

from __future__ import annotations

import time

import pytest
from botocore.exceptions import ClientError

from bulk_ingestion.aws import young
from bulk_ingestion.errors import IntegrationNotReady


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "No."}}, "StartFlow")


class Service:
    """A service that refuses a call so many times."""

    def __init__(self, error: Exception, times: int) -> None:
        self.error = error
        self.left = times

    def call(self) -> str:
        if self.left:
            self.left -= 1
            raise self.error
        return "done"


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    return waits


EARLY = [*map(refusal, young.REFUSALS), IntegrationNotReady("Not yet.")]


@pytest.mark.parametrize("error", EARLY, ids=str)
def test_a_refusal_is_believed_after_a_minute(waits: list[float], error: Exception) -> None:
    with pytest.raises(type(error), match=str(error).replace("(", r"\(").replace(")", r"\)")):
        young.patiently(Service(error, times=100).call)
    assert sum(waits) > 60


@pytest.mark.parametrize("error", EARLY, ids=str)
def test_a_call_succeeds_when_aws_knows_the_resource(waits: list[float], error: Exception) -> None:
    assert young.patiently(Service(error, times=3).call) == "done"
    assert waits == [2, 4, 8]


def test_other_errors_are_not_waited_for(waits: list[float]) -> None:
    with pytest.raises(ClientError, match="Throttling"):
        young.patiently(Service(refusal("ThrottlingException"), times=1).call)
    assert waits == []
