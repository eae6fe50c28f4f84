"""Airflow's hook and operators for AppFlow, with their waits for AWS's consistency left out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
from airflow.providers.amazon.aws.hooks.appflow import AppflowHook
from airflow.providers.amazon.aws.operators import appflow

from tests.clients.server import Server, registered

FIELD = "LastModifiedDate"


@pytest.fixture(autouse=True)
def impatient() -> Iterator[None]:
    with patch.object(appflow.AppflowBaseOperator, "UPDATE_PROPAGATION_TIME", 0):
        yield


class Task:
    """What an operator gets of its task instance."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.kept[key] = value


def ran(operator: Any) -> Task:
    task = Task()
    operator.execute({"ti": task, "task_instance": task})
    return task


def last_run(server: Server, name: str) -> dict[str, Any]:
    records = server.client("appflow").describe_flow_execution_records(flowName=name)
    run: dict[str, Any] = records["flowExecutions"][0]
    return run


def tasks(server: Server, name: str) -> list[dict[str, Any]]:
    described: list[dict[str, Any]] = server.client("appflow").describe_flow(flowName=name)["tasks"]
    return described


def test_the_hook_runs_a_flow_and_waits_for_it(server: Server) -> None:
    registered(server, "hook")
    execution = AppflowHook(aws_conn_id=None).run_flow("hook", poll_interval=0, max_attempts=500)
    run = last_run(server, "hook")
    assert (run["executionId"], run["executionStatus"]) == (execution, "Successful")
    assert run["executionResult"]["recordsProcessed"] > 0


@pytest.mark.parametrize(
    ("operator", "more", "filters"),
    [
        (appflow.AppflowRunOperator, {}, []),
        (appflow.AppflowRunFullOperator, {}, []),
        (
            appflow.AppflowRunBeforeOperator,
            {"source_field": FIELD, "filter_date": "2025-01-01"},
            ["LESS_THAN"],
        ),
        (
            appflow.AppflowRunAfterOperator,
            {"source_field": FIELD, "filter_date": "2025-01-01"},
            ["GREATER_THAN"],
        ),
        (
            appflow.AppflowRunDailyOperator,
            {"source_field": FIELD, "filter_date": "2025-01-01"},
            ["BETWEEN"],
        ),
    ],
)
def test_an_operator_filters_and_runs_a_flow(
    server: Server, operator: Any, more: dict[str, str], filters: list[str]
) -> None:
    name = operator.__name__
    registered(server, name)
    made = operator(
        task_id="run",
        flow_name=name,
        aws_conn_id=None,
        poll_interval=0,
        **({} if operator is appflow.AppflowRunOperator else {"source": "salesforce"}),
        **more,
    )
    execution = ran(made).kept["execution_id"]
    assert last_run(server, name)["executionId"] == execution
    assert last_run(server, name)["executionStatus"] == "Successful"
    used = [task["connectorOperator"]["Salesforce"] for task in tasks(server, name)]
    assert [one for one in used if one not in ("PROJECTION", "NO_OP")] == filters


def test_before_and_after_a_date_are_all_there_is(server: Server) -> None:
    counted = {}
    for operator in (
        appflow.AppflowRunFullOperator,
        appflow.AppflowRunBeforeOperator,
        appflow.AppflowRunAfterOperator,
    ):
        name = f"count-{operator.__name__}"
        registered(server, name)
        dated = {"source_field": FIELD, "filter_date": "2025-01-01"}
        more = {} if operator is appflow.AppflowRunFullOperator else dated
        ran(
            operator(
                task_id="run",
                flow_name=name,
                source="salesforce",
                aws_conn_id=None,
                poll_interval=0,
                **more,
            )
        )
        result = last_run(server, name)["executionResult"]
        counted[operator.__name__] = result["recordsProcessed"]
    full, before, after = counted.values()
    assert before + after == full
    assert min(before, after) > 0
