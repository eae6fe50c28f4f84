"""Every message about an input suggests only what is accepted when somebody follows it."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bulk_ingestion.errors import InvalidInput
from bulk_ingestion.input import request

NOW = datetime(2026, 11, 23, 22, tzinfo=UTC)
EVENTS = Path(__file__).parents[2] / "events"
SCHEDULED = "TriggerConfig.TriggerProperties.Scheduled"
OWN: dict[str, Any] = json.loads((EVENTS / "salesforce-contact.json").read_text())


def steps(path: str) -> list[str | int]:
    return [int(part) if part.isdigit() else part for part in re.findall(r"\w+|\$\w+", path)]


def put(raw: Any, path: str, value: Any) -> Any:
    """Give an input with a value at a path; ``...`` removes what is there."""
    whole = at = copy.deepcopy(raw)
    *parents, last = steps(path)
    for part in parents:
        if isinstance(at, dict):
            at.setdefault(part, {})
        at = at[part]
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return whole


def four(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "DomainName": "acme",
        "Application": "Salesforce",
        "Object": "Contact",
        "ConnectorProfileName": "acme-sf",
        "ImportFrom": "P1Y",
        **changes,
    }
    return {key: value for key, value in given.items() if value is not ...}


def marketo(**changes: Any) -> dict[str, Any]:
    return four(**{"Application": "Marketo", "Object": "leads", **changes})


def scheduled(**properties: Any) -> dict[str, Any]:
    triggered = {"TriggerProperties": {"Scheduled": properties}}
    return four(FlowDefinition={"TriggerConfig": triggered})


def own(place: str, value: Any) -> dict[str, Any]:
    whole: dict[str, Any] = put(OWN, f"FlowDefinition.{place}", value)
    return whole


WRONG = [
    {},
    *(
        four(ImportFrom=value)
        for value in [
            "20230101", "2023-W05-1", "2023-W05", "2023", "2023-05", "2023-01-31T08:00:00", "soon",
            "2 years", "2Y", "p1y", "PT90D", "P0D", "0001-01-01", "31.01.2023", "1672531200",
            "0001-01-01T00:00:00+14:00", 1672531200000, 1672531200000000, 10**30, True, None, [],
            float("inf"), ..., "2030-01-01",
        ]
    ),
    *(four(BatchSize=size, ImportFrom="P30Y") for size in ["2 months", "PT5M", "PT1H", 5, None]),
    four(BatchSize="P1D", ImportFrom="0001-01-01"),
    *(four(Overlap=value) for value in ["1h", "P8D", "1 hour", 60, "PT", None]),
    *(four(Continue=value) for value in ["no", 0, None]),
    *(four(DryRun=value) for value in ["true", None, 1]),
    *(four(Order=value) for value in ["newestfirst", None, 1]),
    *(four(MaxConcurrency=value) for value in [0, 41, "5", 2.5, None]),
    *(four(DomainName=value) for value in [" acme ", "a" * 65, 5, None]),
    *(four(ObjectTypeName=value) for value in ["9x", "", None]),
    *(four(Application=value) for value in ["Salesfroce", "Pardot", "S3", "", None, 5, ...]),
    *(four(Object=value) for value in ["contact", "Kontakt", "Case", "", None, 5, ...]),
    *(four(ConnectorProfileName=value) for value in ["acme sf", "", None, ...]),
    *(marketo(Object=value) for value in ["Leads", "lead", "people"]),
    *(four(WorkflowType=value) for value in ["OTHER", None]),
    four(Importfrom="P2Y", ImportFrom=...),
    four(schedule="rate(1hours)"),
    four(Foo=1),
    four(Resume=None),
    *(
        four(Schedule=value)
        for value in [
            "rate(1 hour)", "rate(1hour)", "1 hour", "hourly", "cron(banana)", "cron(0 2 * * *)",
            "cron(0 2 * * * *)", "0 2 * * ? *", "cron(0 2 30 2 ? *)", "", None, 60,
        ]
    ),
    *(
        marketo(Schedule=value)
        for value in ["rate(30minutes)", "rate(5 min)", "cron(*/15 * * * *)", "often", "1 hour"]
    ),
    *(scheduled(Timezone=value) for value in ["Europe/Wien", "New York", "Nowhere", 5]),
    scheduled(ScheduleStartTime="2026-12-01T02:00:00"),
    scheduled(ScheduleStartTime=1796083200000),
    scheduled(ScheduleEndTime="20261201"),
    four(FlowDefinition={"KmsArn": "alias/foo"}),
    own("KmsArn", "alias/foo"),
    own("SourceFlowConfig.ConnectorType", "ServiceNow"),
    own("SourceFlowConfig.ConnectorType", "Salesfroce"),
    own("TriggerConfig.TriggerType", "OnDemand"),
    own(f"{SCHEDULED}.DataPullMode", "incremental"),
    own(f"{SCHEDULED}.FirstExecutionFrom", "20230101"),
    own("TrigerConfig", {}),
    own("Tasks.1.TaskType", "Mapp"),
    four(FlowDefinition={"SourceFlowConfig": {"ConnectorType": "Marketo"}}),
    four(FlowDefinition=OWN["FlowDefinition"], Object="Account"),
    four(Tags={"bulkIngestionStack": "x"}),
    {**OWN, "Schedule": "rate(1hours)"},
    *(
        four(ImportFrom=..., Batches=value)
        for value in [
            [], None, "2023", [{"Start": 1, "EndTime": 2}], [{"StartTime": "20230101"}],
            [{"StartTime": "2023-01-01", "EndTime": "2023-02-01T00:00:00"}],
        ]
    ),
    four(Assumptions={"UsdPerRun": 1}),
    four(Assumptions={"UsdPerFlowRun": -1}),
    four(Assumptions={"RunDuration": "PT49H"}),
    four(Assumptions={"RunDuration": "5 minutes"}),
    {"Resume": 5},
    {"Resume": "old", "ImportFrom": "P1Y"},
    {"Resume": "old", "Schedul": "rate(1hours)"},
    {"Resume": "old", "Overlap": "2h"},
]  # fmt: skip


def problems(raw: Any) -> dict[str, list[str]]:
    """Give what is wrong with an input, by path."""
    try:
        request.read(copy.deepcopy(raw), NOW)
    except InvalidInput as refused:
        found: dict[str, list[str]] = {}
        for line in str(refused).splitlines()[1:]:
            path, _, message = line.partition(": ")
            found.setdefault(path, []).append(message)
        return found
    return {}


def renamed(raw: Any, path: str, name: str) -> Any:
    """Give an input in which the key at a path has another name."""
    at = raw
    for part in steps(path):
        at = at[part]
    above, _, _ = path.rpartition(".")
    return put(put(raw, path, ...), f"{above}.{name}" if above else name, at)


VALUES = (
    (r"did you mean (cron\([^)]*\)|\S+?)\?", None),
    (r"; it must be one of ([^.;]+)", ", "),
    (r"divide it by [\d,]+ \((-?\d+)\)", None),
    (r"use (\d{4}-\S+?)\.?$", None),
    (r"(?:a date|offset|epoch seconds|back from now|ISO 8601 duration[^()]*) \(([^)]+)\)", ", "),
    (r"use a schedule such as (.+?)\.?$", r", | or "),
    (r"such as (\w+/\w+)", None),
    (r"object at the source, such as (.+?)\.?$", " or "),
    (r"flow pulls, such as (.+?)\.?$", " or "),
    (r"it must be (NewestFirst or OldestFirst|APPFLOW_INTEGRATION)", " or "),
    (r"a (?:whole )?number from ([\d,]+ to [\d,]+)", " to "),
)
"""How messages suggest values: a pattern, and what stands between several of them."""


def followed(raw: Any, path: str, message: str) -> Iterator[tuple[str, Any]]:
    """Follow each suggestion of a message: say what is done, and give the input that results."""
    is_key = message.startswith("is unknown")
    for pattern, between in VALUES:
        for found in re.findall(pattern, message):
            for value in re.split(between, found) if between else [found]:
                yield value, renamed(raw, path, value) if is_key else put(raw, path, read(value))
    for size in re.findall(r"a BatchSize such as (\w+)", message):
        yield f"BatchSize {size}", put(raw, "BatchSize", size)
    if re.search(r"[Rr]emove it|keep one", message) and "is a tag" not in message:
        yield "remove it", put(raw, path, ...)
    if give := re.search(r"add (DatetimeTypeFieldName)?(?: and )?(ObjectTypeName)?", message):
        better = raw
        for key in filter(None, give.groups()):
            better = put(better, key, "any")
        if better != raw:
            yield give[0], better


def read(value: str) -> Any:
    return int(value.replace(",", "")) if re.fullmatch(r"-?[\d,]+", value) else value


CASES = [
    (raw, path, message) for raw in WRONG for path, m in problems(raw).items() for message in m
]


@pytest.mark.parametrize("raw", WRONG, ids=lambda raw: json.dumps(raw, default=str)[-60:])
def test_a_suggestion_that_is_followed_solves_the_problem(raw: Any) -> None:
    found = problems(raw)
    assert found, "nothing is wrong with it"
    for path, messages in found.items():
        for message in messages:
            for done, better in followed(raw, path, message):
                left = problems(better).get(path, [])
                assert message not in left, done
                assert set(left) <= set(messages), (done, left)


def test_most_messages_suggest_something_that_can_be_followed() -> None:
    without = {
        (path, message) for raw, path, message in CASES if not list(followed(raw, path, message))
    }
    assert len(without) < len(CASES) / 3, sorted(without)
