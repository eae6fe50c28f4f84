"""What is retried, and for how long: one list for each service, held for every Task."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from bulk_ingestion.aws import young
from bulk_ingestion.report.estimate import estimated, prices
from local.interpreter import jsonata
from tests.template.asl_checks import integrations
from tests.template.deployed import DEFINITIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

State = dict[str, Any]

TRANSIENT = {
    "Lambda": {
        "Lambda.ServiceException",
        "Lambda.AWSLambdaException",
        "Lambda.SdkClientException",
        "Lambda.TooManyRequestsException",
        "Lambda.ClientExecutionTimeoutException",
        # a function that timed out, was killed, or ran out of memory
        "Lambda.Unknown",
        "Sandbox.Timedout",
        "Runtime.ExitError",
        "Runtime.OutOfMemory",
        # what a function's own calls end in, after botocore's retries
        "ClientError",
        "InternalServerException",
        "ThrottlingException",
        "TransportFailed",
        "States.Timeout",
    },
    "Appflow": {
        "Appflow.InternalServerException",
        "Appflow.ThrottlingException",
        "Appflow.ConnectorServerException",
        "Appflow.ServiceQuotaExceededException",
        "Appflow.AppflowException",
        "Appflow.SdkClientException",
        "States.Timeout",
    },
    "CustomerProfiles": {
        "CustomerProfiles.InternalServerException",
        "CustomerProfiles.ThrottlingException",
        "CustomerProfiles.CustomerProfilesException",
        "CustomerProfiles.SdkClientException",
        "States.Timeout",
    },
    "S3": {"S3.S3Exception", "S3.SdkClientException", "States.Timeout"},
}
"""Errors that pass by themselves, by the service that a Task calls."""

MORE = {
    "StartFlow": {"Appflow.ConflictException"},
    "RemoveFlow": {"Appflow.ConflictException"},
    "CreateIntegration": {"IntegrationNotReady"},
    "RepairIntegration": {"IntegrationNotReady"},
}
"""What else passes by itself, by the name of the state."""

YOUNG = {
    "Appflow": {
        "Appflow.AccessDeniedException",
        "Appflow.ConnectorAuthenticationException",
        "Appflow.ResourceNotFoundException",
        "Appflow.UnsupportedOperationException",
        "Appflow.ValidationException",
    },
    "CustomerProfiles": {
        "CustomerProfiles.AccessDeniedException",
        "CustomerProfiles.BadRequestException",
        "CustomerProfiles.ResourceNotFoundException",
    },
}
"""Errors that may be said of what was made a moment ago, and else end the execution."""

SETTLED = {"CancelRun", "CountIntegrations", "LookForDeniedFlow", "LookForIntegration"}
"""States that come after a minute of another one's retries, or whose errors decide nothing."""

FULL = {
    "CreateFlow": ({"Appflow.ServiceQuotaExceededException"}, 2880),
    "StartFlow": ({"Appflow.ServiceQuotaExceededException"}, 120),
    "CreateIntegration": ({"DomainFull", "ServiceQuotaExceededException"}, 600),
}
"""The errors of a full account or domain, and how often it is asked again: 30 seconds lie between,
on average. CreateIntegration itself asks for two minutes each time."""

TRANSIENTLY = {
    "IntervalSeconds": 2,
    "BackoffRate": 2,
    "MaxDelaySeconds": 60,
    "MaxAttempts": 24,
    "JitterStrategy": "FULL",
}
"""Ten minutes on average: a storm of five is outlasted."""

FOR_TWO_MINUTES = TRANSIENTLY | {
    "MaxDelaySeconds": 16,
    "MaxAttempts": 11,
    "JitterStrategy": "NONE",
}
"""Without jitter, so that the sum is sure."""

RETRY_THREE = TRANSIENTLY | {
    "IntervalSeconds": 60,
    "BackoffRate": 3,
    "MaxDelaySeconds": 900,
    "MaxAttempts": 3,
}


def states_in(states: dict[str, State]) -> Iterator[tuple[str, State]]:
    """Every state, those of Maps and branches included."""
    for name, state in states.items():
        yield name, state
        for inner in [*state.get("Branches", []), state.get("ItemProcessor", {"States": {}})]:
            yield from states_in(inner["States"])


STATES = {
    f"{machine}-{name}": (name, state)
    for machine, definition in DEFINITIONS.items()
    for name, state in states_in(definition["States"])
}
TASKS = {path: (name, state) for path, (name, state) in STATES.items() if state["Type"] == "Task"}


def retriers(state: State) -> Iterator[tuple[frozenset[str], dict[str, Any]]]:
    """Which errors a state retries, and how."""
    for retrier in state.get("Retry", []):
        policy = {key: value for key, value in retrier.items() if key != "ErrorEquals"}
        yield frozenset(retrier["ErrorEquals"]), policy


each_task = pytest.mark.parametrize(("name", "state"), TASKS.values(), ids=TASKS)


@each_task
def test_each_error_of_a_task_has_its_policy(name: str, state: State) -> None:
    [called] = integrations(state)
    service = called.prefix
    if name == "DescribeRun":
        assert "Retry" not in state  # the next poll is its retry
        return
    if name == "AwaitRun":  # a wait that times out has done what it is for
        assert dict(retriers(state)) == {
            frozenset(TRANSIENT["S3"] - {"States.Timeout"}): TRANSIENTLY
        }
        return
    if name == "RegisterWhenFree":
        assert dict(retriers(state)) == {frozenset({"States.ALL"}): until_there_is_room(120)}
        return
    full, attempts = FULL.get(name, (set(), 0))
    young = set() if name in SETTLED else YOUNG.get(service, set())
    transient = (TRANSIENT[service] | MORE.get(name, set())) - full

    expected = {
        frozenset(young): FOR_TWO_MINUTES,
        frozenset(full): until_there_is_room(attempts),
        frozenset(transient): TRANSIENTLY,
    }
    expected.pop(frozenset(), None)
    assert dict(retriers(state)) == expected


def until_there_is_room(attempts: int) -> dict[str, Any]:
    return {
        "IntervalSeconds": 60,
        "BackoffRate": 1,
        "MaxAttempts": attempts,
        "JitterStrategy": "FULL",
    }


def test_only_a_failed_run_starts_another() -> None:
    [(_, state)] = [found for path, found in STATES.items() if path == "BulkIngestion-RunFlow"]

    assert list(retriers(state)) == [
        (frozenset({"RunFailed", "Appflow.ConnectorAuthenticationException"}), RETRY_THREE)
    ]


@pytest.mark.parametrize(
    "path", ["BulkIngestion-IngestWindows", "MonitorIntegrations-CheckIntegrations"]
)
def test_of_a_map_only_the_reader_is_retried(path: str) -> None:
    assert list(retriers(STATES[path][1])) == [
        (frozenset({"States.ItemReaderFailed"}), TRANSIENTLY)
    ]


def test_what_ends_the_execution_is_what_is_asked_again() -> None:
    _, state = STATES["BulkIngestion-WindowFailed"]
    systemic = re.findall(r"'([\w.]+)'", state["Assign"]["outcome"]["Systemic"])

    assert set(systemic) == YOUNG["Appflow"] | YOUNG["CustomerProfiles"]


def least(policy: dict[str, Any]) -> float:
    """The shortest time that a policy waits in all, in seconds."""
    interval, total = policy["IntervalSeconds"], 0
    for _ in range(policy["MaxAttempts"]):
        total += min(interval, policy.get("MaxDelaySeconds", interval))
        interval *= policy["BackoffRate"]
    return total if policy["JitterStrategy"] == "NONE" else 0


@each_task
def test_an_error_that_ends_the_execution_is_asked_again_for_two_minutes(
    name: str, state: State
) -> None:
    [called] = integrations(state)
    if name in SETTLED | {"DescribeRun", "RegisterWhenFree"} or called.prefix not in YOUNG:
        return
    [waits] = [least(policy) for errors, policy in retriers(state) if errors & YOUNG[called.prefix]]
    assert waits > 120


DAY = 24 * 3600


def wait(age: float, noticed_by: str = "POLL", refused_since: float = 0) -> Any:
    """The longest time that a window waits for an event before it polls, in seconds."""
    _, state = STATES["BulkIngestion-AwaitRun"]
    started = datetime(2026, 1, 1, tzinfo=UTC)
    now = started + timedelta(seconds=age)
    return jsonata.evaluate(
        state["TimeoutSeconds"].removeprefix("{%").removesuffix("%}"),
        {
            "states": {"context": {"State": {"EnteredTime": f"{now:%Y-%m-%dT%H:%M:%S.000Z}"}}},
            "startedAt": started.timestamp() * 1000,
            "noticedBy": noticed_by,
            "refusedSince": refused_since,
        },
    )


def polls() -> Iterator[int]:
    """The seconds from a run's start to each poll, if no event comes."""
    age = 0
    while age < DAY:
        age += wait(age)
        yield age


def test_polls_get_rarer_with_a_runs_age() -> None:
    ages = [0, *polls()]
    waits = [later - earlier for earlier, later in pairwise(ages)]

    assert waits[:2] == [62, 124]
    assert waits[2:] == [
        max(70, age // 10) if age < 2000 else min(3600, age // 4) for age in ages[2:-1]
    ]
    assert len(waits) == 50


def test_a_record_that_disagrees_with_an_event_or_was_refused_is_polled_again_soon() -> None:
    assert wait(DAY / 2) == 3600
    assert wait(DAY / 2, noticed_by="EVENT") == wait(DAY / 2, refused_since=1) == 10


@pytest.mark.parametrize("seconds", [1, 62, 63, 186, 187, 600, 3600, DAY])
def test_the_estimate_knows_when_a_run_is_polled(seconds: int) -> None:
    values: Any = {key: row["Value"] for key, row in prices().items()}
    one, none = (estimated(n, 1, values | {"RunDuration": f"PT{seconds}S"}) for n in (1, 0))
    before = sum(age < seconds for age in polls())

    # One state more of the execution, 12 of the window, and 3 of each poll
    assert one["StateTransitions"] - none["StateTransitions"] == 1 + 12 + 3 * (before + 1)


def test_a_full_domain_is_asked_for_a_day_at_the_hand_off() -> None:
    _, attempts = FULL["CreateIntegration"]
    assert attempts * (30 + sum(young.WAITS)) > DAY


def test_the_most_that_a_window_can_wait_fits_its_history() -> None:
    # Tries of a call cost 3 events, polls 13. CreateFlow waits for a day at most; the others until
    # the window is a day old, or for one more round of their retrier.
    tries = FULL["CreateFlow"][1] + FULL["StartFlow"][1] * 4 + 120

    assert 3 * tries + 13 * 4 * len(list(polls())) < 20_000
