"""What AWS answers is asked again before it is believed, and what is full is waited for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

import pytest

from bulk_ingestion.run import plan
from local.faults import faults
from local.services.knobs import Young
from tests.machine.keeper import FLOW, Keeper
from tests.machine.machine import NOW, Ended, Machine
from tests.machine.watched import WINDOWS, Fault, Watched, failing_run, set_knobs

CALLS = (
    "appflow:CreateFlow",
    "appflow:StartFlow",
    "appflow:DescribeFlow",
    "appflow:DescribeFlowExecutionRecords",
    "appflow:DeleteFlow",
    "customer-profiles:PutIntegration",
    "customer-profiles:DeleteIntegration",
)
REFUSALS = ("ResourceNotFoundException", "AccessDeniedException")
INVALID = {"appflow": "ValidationException", "customer-profiles": "BadRequestException"}


UNKNOWN = {"Operation": "service-quotas:*", "Error": "AccessDeniedException"}
"""The preflight does not know the quotas, and so it runs more windows than there is room for."""


@pytest.fixture
def short_deadline(monkeypatch: pytest.MonkeyPatch) -> timedelta:
    """Have a run last four hours at most, instead of a day."""
    monkeypatch.setattr(plan, "RUN_DEADLINE_SECONDS", 4 * 3600)
    return timedelta(hours=4)


def of_windows(call: str) -> Fault:
    """Match a call that is about a window's flow, and no other."""
    member = "Uri" if call.startswith("customer-profiles") else "flowName"
    return {"Operation": call, "Match": {member: "bulk-"}}


def most_events(ended: Ended) -> int:
    """Count the history events of the child execution that has the most."""
    client = ended.machine.cloud.client("stepfunctions")
    [map_run, *_] = client.list_map_runs(executionArn=ended.arn)["mapRuns"]
    children = client.list_executions(mapRunArn=map_run["mapRunArn"])["executions"]
    pages = client.get_paginator("get_execution_history")
    return max(
        sum(len(page["events"]) for page in pages.paginate(executionArn=child["executionArn"]))
        for child in children
    )


class TestYoungResources:
    @pytest.mark.parametrize("error", [*REFUSALS, "invalid"])
    @pytest.mark.parametrize("call", CALLS)
    def test_are_asked_for_again_while_they_are_refused(
        self, watched: Watched, call: str, error: str
    ) -> None:
        # Given that the first calls about each flow are refused
        error = INVALID[call.partition(":")[0]] if error == "invalid" else error
        ended = watched.run(
            {**of_windows(call), "Error": error, "Times": 3, "Each": True},
        )
        # Then they are made again, and every window has one run
        assert faults.status()["Faults"][0]["Struck"]
        assert ended.status == "SUCCEEDED", ended.message
        assert watched.runs == dict.fromkeys(WINDOWS, 1)
        assert watched.is_whole()

    @pytest.mark.parametrize("answer", ["not found", "denied", "bad request"])
    def test_are_waited_for_a_minute(self, watched: Watched, answer: Any) -> None:
        operations = [call.partition(":")[2] for call in CALLS]
        young = Young(lasts=timedelta(seconds=60), answer=answer, operations=operations)
        set_knobs(young_flows=young, young_integrations=young)
        ended = watched.run()
        assert ended.statuses == dict.fromkeys(WINDOWS, "COMPLETE"), ended.message
        assert watched.runs == dict.fromkeys(WINDOWS, 1)

    def test_whose_tags_iam_does_not_see_yet_are_waited_for(self, watched: Watched) -> None:
        set_knobs(young_tags=Young(lasts=timedelta(seconds=60)))
        ended = watched.run()
        assert ended.statuses == dict.fromkeys(WINDOWS, "COMPLETE"), ended.message
        assert watched.runs == dict.fromkeys(WINDOWS, 1)

    def test_are_waited_for_if_their_tags_and_then_they_themselves_are_not_known(
        self, watched: Watched
    ) -> None:
        # Given refusals of two kinds, each for about a minute
        set_knobs(
            young_tags=Young(lasts=timedelta(seconds=60)),
            young_flows=Young(calls=3),
            young_integrations=Young(calls=3),
        )
        ended = watched.run()
        assert ended.status == "SUCCEEDED", ended.message
        assert watched.runs == dict.fromkeys(WINDOWS, 1)
        assert watched.is_whole()

    def test_are_adopted_once_their_tags_can_be_read(self, watched: Watched) -> None:
        # Given a flow whose creation was not answered, and that nobody finds for a minute
        lost = {"Operation": "appflow:CreateFlow", "Moment": "After", "Nth": 1}
        set_knobs(young_flows=Young(lasts=timedelta(seconds=60), operations=["DescribeFlow"]))
        ended = watched.run(lost)
        assert ended.status == "SUCCEEDED", ended.message
        assert watched.is_whole()

    @pytest.mark.parametrize("error", REFUSALS)
    def test_polls_that_are_refused_once_in_a_while_are_not_believed(
        self, watched: Watched, error: str
    ) -> None:
        # Given a long run, two of whose polls are refused, with hours between them
        polls = of_windows("appflow:DescribeFlowExecutionRecords")
        refused = [{**polls, "Error": error, "Nth": nth, "Each": True} for nth in (10, 25)]
        ended = watched.run({"Run": {}, "Takes": "PT10H"}, *refused)
        assert all(fault["Struck"] for fault in faults.status()["Faults"])
        assert ended.status == "SUCCEEDED", ended.message
        assert watched.is_whole()


class TestFullDomains:
    @pytest.mark.parametrize(
        "error",
        [
            "BadRequestException",
            "AccessDeniedException",
            "ResourceNotFoundException",
            "ThrottlingException",
            "ServiceQuotaExceededException",
        ],
    )
    def test_make_windows_wait_for_each_other(self, watched: Watched, error: Any) -> None:
        # Given a domain with room for two integrations, and four windows at a time
        set_knobs(integrations_per_domain=2, full_domain_error=error)
        ended = watched.run(UNKNOWN, {"Run": {}, "Takes": "PT20M"}, MaxConcurrency=4)
        # Then all of them get their turn
        assert ended.status == "SUCCEEDED", ended.message
        assert watched.runs == dict.fromkeys(WINDOWS, 1)
        assert watched.is_whole()

    def test_that_do_not_say_so_are_known_by_the_windows_that_were_registered(
        self, watched: Watched
    ) -> None:
        set_knobs(integrations_per_domain=2, full_domain_message="Invalid.")
        ended = watched.run(UNKNOWN, {"Run": {}, "Takes": "PT20M"}, MaxConcurrency=4)
        assert ended.status == "SUCCEEDED", ended.message
        assert watched.is_whole()

    def test_of_others_integrations_are_known_by_their_number(self, watched: Watched) -> None:
        # Given a domain that others fill for hours, and whose refusals say nothing
        set_knobs(integrations_per_domain=2, full_domain_message="Invalid.")
        filled = {"Others": {"Integrations": 2}, "From": "PT10S", "For": "PT5H"}
        ended = watched.run(filled, MaxConcurrency=1)
        # Then a place is waited for
        assert ended.status == "SUCCEEDED", ended.message
        assert watched.machine.cloud.clock.now() - NOW > timedelta(hours=5)
        assert watched.is_whole()

    def test_that_stay_full_fail_their_window_by_that_name_after_a_day(
        self, watched: Watched
    ) -> None:
        # Given a window for which there is never a place
        refused = {
            "Operation": "customer-profiles:PutIntegration",
            "Match": {"Uri": "-0002$"},
            "Error": "BadRequestException",
            "Message": "The quota of integrations is used up.",
        }
        ended = watched.run(refused)
        # Then it fails after a day, the others are complete, and its history has room left
        assert (ended.status, ended.error) == ("FAILED", "WindowsFailed")
        assert (
            "): DomainFull: For a day, the domain acme had no free integration. It has "
            in ended.message
        )
        assert "The quota of integrations is used up." in ended.message
        assert ended.statuses == dict.fromkeys(WINDOWS, "COMPLETE") | {"0002": "FAILED"}
        day = timedelta(hours=24)
        assert day <= watched.machine.cloud.clock.now() - NOW < day + timedelta(hours=2)
        assert most_events(ended) < 12_000
        assert watched.left_nothing()
        assert watched.redrive(ended).status == "SUCCEEDED"


class TestFullDomainsAtTheHandOff:
    """The windows are complete, and the continuous integration finds no place."""

    FILLED: ClassVar = {"Others": {"Integrations": 2}, "From": "PT2H"}
    SLOW: ClassVar = {"Run": {}, "Takes": "PT90M"}

    @pytest.mark.parametrize("message", ["Invalid.", "The quota of integrations is used up."])
    def test_are_waited_for(self, watched: Watched, message: str) -> None:
        # Given a domain that others fill for hours while the last windows run
        set_knobs(integrations_per_domain=2, full_domain_message=message)
        ended = watched.run({**self.FILLED, "For": "PT3H"}, self.SLOW, MaxConcurrency=2)
        # Then the continuous integration gets its place
        assert ended.status == "SUCCEEDED", ended.message
        assert watched.machine.cloud.clock.now() - NOW > timedelta(hours=5)
        assert watched.is_whole()
        # and meanwhile its tries fail by the name that their retrier has
        states = watched.machine.cloud.client("stepfunctions")
        history = states.get_execution_history(executionArn=ended.arn, maxResults=1000)["events"]
        failed = [event["taskFailedEventDetails"] for event in history if "Failed" in event["type"]]
        assert {detail["error"] for detail in failed} == {"DomainFull"}
        assert len(failed) > 15


class TestFullAccounts:
    @pytest.mark.parametrize("most", [{"flows_per_account": 3}, {"runs_per_account": 2}], ids=str)
    def test_make_windows_wait_for_each_other(self, watched: Watched, most: dict[str, int]) -> None:
        set_knobs(**most)
        ended = watched.run(UNKNOWN, {"Run": {}, "Takes": "PT20M"}, MaxConcurrency=4)
        assert ended.status == "SUCCEEDED", ended.message
        assert watched.runs == dict.fromkeys(WINDOWS, 1)
        assert watched.is_whole()

    @pytest.mark.parametrize("call", ["CreateFlow", "StartFlow"])
    def test_are_waited_for_as_long_as_a_run_may_last(
        self, watched: Watched, call: str, short_deadline: timedelta
    ) -> None:
        full = {"Operation": f"appflow:{call}", "Error": "ServiceQuotaExceededException"}
        ended = watched.run({**full, "Match": {"flowName": "-0002$"}, "For": "PT3H"})
        assert ended.status == "SUCCEEDED", ended.message
        assert timedelta(hours=3) < watched.machine.cloud.clock.now() - NOW < short_deadline
        assert watched.is_whole()

    @pytest.mark.usefixtures("short_deadline")
    @pytest.mark.parametrize(("call", "hours"), [("CreateFlow", 23), ("StartFlow", 4)])
    def test_that_stay_full_fail_their_window_by_that_name(
        self, watched: Watched, call: str, hours: int
    ) -> None:
        full = {"Operation": f"appflow:{call}", "Error": "ServiceQuotaExceededException"}
        ended = watched.run({**full, "Match": {"flowName": "-0002$"}})
        assert (ended.status, ended.error) == ("FAILED", "WindowsFailed")
        assert "): Appflow.ServiceQuotaExceededException: " in ended.message
        assert ended.statuses == dict.fromkeys(WINDOWS, "COMPLETE") | {"0002": "FAILED"}
        assert watched.machine.cloud.clock.now() - NOW >= timedelta(hours=hours)


class TestHistories:
    def test_of_four_runs_of_a_day_keep_far_from_their_end(self, watched: Watched) -> None:
        # Given a window whose runs last a day, the first three of which fail
        long = {"Run": {"Flow": "-0002$"}, "Takes": "PT23H59M"}
        ended = watched.run(failing_run("-0002", Times=3), long)
        assert ended.status == "SUCCEEDED", ended.message
        assert ended.batches["0002"]["Attempts"] == 4
        assert 4 * 24 * 13 < most_events(ended) < 4_000
        assert watched.is_whole()


class TestThePreflight:
    @pytest.mark.parametrize(
        ("operation", "error"),
        [
            ("appflow:DescribeConnectorEntity", "ConnectorAuthenticationException"),
            ("appflow:DescribeConnectorEntity", "ResourceNotFoundException"),
            ("customer-profiles:GetDomain", "ResourceNotFoundException"),
        ],
    )
    def test_looks_twice_before_it_fails(
        self, watched: Watched, operation: str, error: str
    ) -> None:
        ended = watched.run({"Operation": operation, "Error": error, "Nth": 1})
        assert faults.status()["Faults"][0]["Struck"] == 1
        assert ended.status == "SUCCEEDED", ended.message
        assert watched.is_whole()

    def test_fails_if_the_second_look_finds_the_same(self, watched: Watched) -> None:
        error = "ConnectorAuthenticationException"
        refused = {"Operation": "appflow:DescribeConnectorEntity", "Error": error}
        ended = watched.run(refused)
        assert (ended.status, ended.error) == ("FAILED", "PreflightFailed")
        assert "The source refuses the connection" in ended.message
        assert faults.status()["Faults"][0]["Struck"] == 2


class TestTheIntegration:
    """No single answer is believed, neither by the last state nor by a check and its repair."""

    @pytest.mark.parametrize(
        "error",
        [
            "ConflictException",
            "ConnectorAuthenticationException",
            "ConnectorServerException",
            "ServiceQuotaExceededException",
            "ValidationException",
            "AccessDeniedException",
        ],
    )
    @pytest.mark.parametrize("call", ["DescribeFlow", "StartFlow"])
    def test_is_created_and_repaired_in_spite_of_refusals(
        self, machine: Machine, call: str, error: str
    ) -> None:
        refused = {"Operation": f"appflow:{call}", "Match": {"flowName": FLOW}, "Times": 3}
        keeper = Keeper(machine)
        faults.install({"Faults": [{**refused, "Error": error}]})
        keeper.establish()
        assert faults.status()["Faults"][0]["Struck"] == 3
        machine.cloud.client("appflow").stop_flow(flowName=FLOW)
        faults.install({"Faults": [{**refused, "Error": error}]})

        assert keeper.check().output == {"Integrations": {"STOPPED": 1}, "Repaired": 1}
        assert faults.status()["Faults"][0]["Struck"] == 3
        assert machine.integrations() == [FLOW]

    @pytest.mark.parametrize("what", ["young_flows", "young_integrations"])
    def test_is_not_taken_for_missing_while_it_is_new(self, machine: Machine, what: str) -> None:
        keeper = Keeper(machine)
        keeper.establish()
        set_knobs(**{what: Young(lasts=timedelta(seconds=60))})

        assert keeper.health() == "HEALTHY"
        assert keeper.told == []
