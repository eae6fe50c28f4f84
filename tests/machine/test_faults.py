"""Whatever fails: every record arrives, or the execution says which windows are missing and why."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bulk_ingestion.flow.names import flow_name
from bulk_ingestion.remediation import remediation
from bulk_ingestion.run import plan
from local import iam
from local.caller import acting_as
from local.faults import faults
from tests.machine.machine import NOW, event
from tests.machine.runs import limit_records
from tests.machine.watched import (
    BUSY,
    CONTINUOUS,
    WINDOWS,
    Fault,
    Watched,
    failing_run,
    set_knobs,
)

ROOT = Path(__file__).parents[2]


class TestRetryThree:
    @pytest.mark.parametrize("failures", [1, 2, 3])
    def test_up_to_three_failed_runs_cost_attempts_and_nothing_else(
        self, watched: Watched, failures: int
    ) -> None:
        # Given a window whose first runs end in Error
        ended = watched.run(failing_run("-0002", Times=failures))
        # Then it is complete after one more, and the others have needed one
        assert ended.status == "SUCCEEDED", ended.message
        attempts = {key: batch["Attempts"] for key, batch in ended.batches.items()}
        assert attempts == {"0001": 1, "0002": failures + 1, "0003": 1, "0004": 1}
        assert watched.runs == attempts
        assert watched.is_whole()

    def test_a_fourth_failed_run_fails_its_window_and_only_it(self, watched: Watched) -> None:
        # Given a window all of whose runs end in Error
        ended = watched.run(failing_run("-0002"))
        # Then four were tried, the others are complete, and the error says which is not and why
        assert (ended.status, ended.error) == ("FAILED", "WindowsFailed")
        assert watched.runs == {"0001": 1, "0002": 4, "0003": 1, "0004": 1}
        assert ended.statuses == dict.fromkeys(WINDOWS, "COMPLETE") | {"0002": "FAILED"}
        assert ended.batches["0002"]["Attempts"] == 4
        assert ended.message.startswith("1 of 4 windows are not complete. Fix the cause. Then ")
        assert "Only the windows that are not complete run again." in ended.message
        batch = ended.batches["0002"]
        interval = f"{batch['BatchRecordsStartTime']} to {batch['BatchRecordsEndTime']}"
        assert f"0002 ({interval}): RunFailed: {BUSY}" in ended.message
        assert watched.left_nothing()
        # And a redrive runs that one alone
        again = watched.redrive(ended)
        assert again.status == "SUCCEEDED", again.message
        assert watched.runs == {"0001": 1, "0002": 5, "0003": 1, "0004": 1}
        assert watched.is_whole()

    def test_the_waits_grow_up_to_a_cap(self, watched: Watched) -> None:
        watched.run(failing_run())
        noticed_within = 60
        for spans in watched.spans.values():
            waits = [(start - end).total_seconds() for (_, end), (start, _) in pairwise(spans)]
            most = [seconds + noticed_within for seconds in (60, 180, 540)]
            assert all(wait <= limit for wait, limit in zip(waits, most, strict=True))

    def test_what_a_failed_run_had_delivered_is_put_again_and_not_counted_twice(
        self, watched: Watched
    ) -> None:
        ended = watched.run(failing_run("-0003", Times=1, CutAt=2))
        assert ended.status == "SUCCEEDED", ended.message
        assert Counter(watched.machine.puts().values())[2] == 2
        assert ended.output["Metrics"]["RecordsProcessed"] == len(watched.machine.landed())

    def test_a_source_that_is_down_for_a_while_is_waited_for(self, watched: Watched) -> None:
        ended = watched.run({"Source": "acme-sf/Contact", "For": "PT30S", "Ends": "Error"})
        assert ended.status == "SUCCEEDED", ended.message
        assert {batch["Attempts"] for batch in ended.batches.values()} == {2}
        assert watched.is_whole()


class TestStorms:
    WINDOW_CALLS = (
        "appflow:CreateFlow",
        "customer-profiles:PutIntegration",
        "appflow:StartFlow",
        "appflow:DescribeFlowExecutionRecords",
        "customer-profiles:DeleteIntegration",
        "appflow:DescribeFlow",
        "appflow:DeleteFlow",
    )

    THROTTLED = dict.fromkeys((call.partition(":")[2] for call in WINDOW_CALLS), "Throttling")
    MODELLED = (
        {"CreateFlow": "ConnectorServer", "StartFlow": "ServiceQuotaExceeded"},
        {"CreateFlow": "ServiceQuotaExceeded", "StartFlow": "Conflict", "DeleteFlow": "Conflict"},
    )
    """What else the API models for a call, and a retry helps against."""

    @pytest.mark.parametrize(
        "errors",
        [{}, THROTTLED, *MODELLED],
        ids=["internal", "throttled", "modelled", "modelled too"],
    )
    def test_five_minutes_of_each_call_of_a_window_are_outlasted(
        self, watched: Watched, errors: dict[str, str]
    ) -> None:
        # Given that each call fails for five minutes from when it is first made
        storms = (
            {"Operation": call, "For": "PT5M", "Error": f"{error}Exception"}
            for call in self.WINDOW_CALLS
            for error in [errors.get(call.partition(":")[2], "InternalServer")]
        )
        asked: set[str] = set()
        iam.listeners.append(lambda it: asked.add(f"{it.role}: {it.ask.action}"))
        ended = watched.run(*storms)
        # Then nothing but time is lost, and each window has cleaned up after itself
        review = watched.machine.cloud.stack.resources["ReviewWindowsRole"].arn
        assert f"{review}: appflow:ListFlows" in asked
        assert f"{review}: appflow:DescribeFlow" not in asked
        assert not [fault for fault in faults.status()["Faults"] if not fault["Struck"]]
        assert ended.status == "SUCCEEDED", ended.message
        assert {batch["Attempts"] for batch in ended.batches.values()} == {1}
        assert watched.runs == dict.fromkeys(WINDOWS, 1)
        assert watched.is_whole()

    @pytest.mark.parametrize(
        "call",
        [
            "appflow:ListFlows",
            "appflow:DescribeFlow",
            "customer-profiles:GetIntegration",
        ],
    )
    def test_five_minutes_of_a_functions_call_are_outlasted(
        self, watched: Watched, call: str
    ) -> None:
        ended = watched.run({"Operation": call, "For": "PT5M", "Error": "ThrottlingException"})
        assert faults.status()["Faults"][0]["Struck"] > 1
        assert ended.status == "SUCCEEDED", ended.message
        assert watched.is_whole()

    def test_five_minutes_of_the_hand_over_are_outlasted(self, watched: Watched) -> None:
        # Given that the continuous integration cannot be made before its start has passed
        call = {"Operation": "customer-profiles:PutIntegration", "Match": {"FlowDefinition": "."}}
        ended = watched.run({**call, "For": "PT6M", "Error": "ThrottlingException"}, Overlap="PT0S")
        # Then it starts later, and pulls from where the last window ended all the same
        assert ended.status == "SUCCEEDED", ended.message
        assert ended.output["Integration"]["FirstExecutionFrom"] == "2026-11-23T22:00:00Z"
        assert ended.report["Continuity"]["FirstPull"] > "2026-11-23T22:11"
        assert watched.is_whole()

    @pytest.mark.parametrize(
        "call", ["appflow:*", "customer-profiles:*", "s3:*", "s3:GetObject", "lambda:*"]
    )
    def test_five_minutes_of_a_whole_service_are_outlasted(
        self, watched: Watched, call: str
    ) -> None:
        errors = {"s3": "SlowDown", "lambda": "TooManyRequestsException"}
        error = errors.get(call.partition(":")[0], "ThrottlingException")
        ended = watched.run({"Operation": call, "For": "PT5M", "Error": error})
        assert ended.status == "SUCCEEDED", ended.message
        assert watched.runs == dict.fromkeys(WINDOWS, 1)
        assert watched.is_whole()

    def test_a_function_that_lambda_will_not_run_is_invoked_again(self, watched: Watched) -> None:
        asked = [
            {"Operation": "lambda:Invoke", "Each": True, "Nth": 1, "Error": error}
            for error in ("ServiceException", "TooManyRequestsException", "ServiceException")
        ]
        ended = watched.run(*asked)
        assert ended.status == "SUCCEEDED", ended.message
        assert watched.is_whole()

    @pytest.mark.parametrize(
        ("lost", "call"),
        [
            (
                {"Operation": "appflow:CreateFlow", "Moment": "After", "Nth": 1},
                "appflow:DescribeFlow",
            ),
            ({"Run": {"Flow": "-0002$"}, "Ends": "Never"}, "appflow:CancelFlowExecutions"),
            (
                {
                    "Operation": "customer-profiles:DeleteIntegration",
                    "Moment": "After",
                    "Nth": 1,
                },
                "customer-profiles:GetIntegration",
            ),
        ],
    )
    def test_five_minutes_of_a_rare_call_are_outlasted(
        self, watched: Watched, lost: Fault, call: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(plan, "RUN_DEADLINE_SECONDS", 2 * 3600)
        storm = {"Operation": call, "For": "PT5M", "Error": "ThrottlingException"}
        ended = watched.run(lost, storm)
        assert ended.status == "SUCCEEDED", ended.message
        assert faults.status()["Faults"][1]["Struck"] > 5
        assert ended.states()["RemoveFlow"] == ended.states()["CreateFlow"]
        assert watched.is_whole()

    def test_a_poll_that_fails_for_long_starts_no_other_run(self, watched: Watched) -> None:
        ended = watched.run(
            {"Operation": "appflow:DescribeFlowExecutionRecords", "For": "PT20M"},
        )
        assert ended.status == "SUCCEEDED", ended.message
        assert watched.runs == dict.fromkeys(WINDOWS, 1)
        assert watched.is_whole()


class TestPermanentFailures:
    @pytest.mark.parametrize(
        ("asked", "error"),
        [
            ({"Operation": "appflow:StartFlow"}, "Appflow.InternalServerException"),
            (
                {"Operation": "appflow:StartFlow", "Error": "ThrottlingException"},
                "Appflow.AppflowException",
            ),
            (
                {"Operation": "appflow:CreateFlow", "Error": "ConnectorServerException"},
                "Appflow.ConnectorServerException",
            ),
            (
                {"Operation": "customer-profiles:PutIntegration", "Error": "ThrottlingException"},
                "CustomerProfiles.ThrottlingException",
            ),
        ],
        ids=["start", "start throttled", "connector", "register"],
    )
    def test_of_a_windows_call_fails_that_window_by_its_real_name(
        self, watched: Watched, asked: Fault, error: str
    ) -> None:
        member = "Uri" if "Put" in asked["Operation"] else "flowName"
        ended = watched.run({**asked, "Match": {member: "-0002$"}, "Message": "Not today."})
        assert (ended.status, ended.error) == ("FAILED", "WindowsFailed")
        assert f"{error}: Not today." in ended.message
        assert ended.statuses == dict.fromkeys(WINDOWS, "COMPLETE") | {"0002": "FAILED"}
        assert watched.left_nothing()
        assert watched.redrive(ended).status == "SUCCEEDED"
        assert watched.is_whole()

    @pytest.mark.parametrize(
        ("asked", "error"),
        [
            (
                {"Operation": "lambda:Invoke", "Match": {"FunctionName": "plan-windows"}},
                "Lambda.ServiceException",
            ),
            (
                {"Operation": "lambda:Invoke", "Match": {"FunctionName": "create-integration"}},
                "Lambda.ServiceException",
            ),
            (
                {
                    "Operation": "customer-profiles:PutIntegration",
                    "Match": {"FlowDefinition": CONTINUOUS},
                    "Error": "AccessDeniedException",
                },
                "AccessDeniedException",
            ),
            ({"Operation": "customer-profiles:GetIntegration"}, "InternalServerException"),
            ({"Operation": "s3:PutObject", "Match": {"Key": "report"}}, "ClientError"),
        ],
        ids=["plan", "integrate", "not allowed", "check", "report"],
    )
    def test_of_a_call_outside_the_windows_fails_the_execution_by_its_real_name(
        self, watched: Watched, asked: Fault, error: str
    ) -> None:
        ended = watched.run({**asked, "Message": "Not today."})
        assert (ended.status, ended.error) == ("FAILED", error)
        assert "Not today." in ended.message
        assert watched.redrive(ended).status == "SUCCEEDED"
        assert watched.runs == dict.fromkeys(WINDOWS, 1)
        assert watched.is_whole()

    def test_of_an_outcomes_file_stops_the_execution_by_its_real_name(
        self, watched: Watched
    ) -> None:
        # Given a window that runs, and whose outcome can never be written
        unwritable = {"Operation": "s3:PutObject", "Match": {"Key": "windows/0002"}}
        ended = watched.run({**unwritable, "Message": "Not today."}, MaxConcurrency=1)
        # Then the execution says which, where, why and what to do, and no other window is tried
        assert (ended.status, ended.error) == ("FAILED", "S3.S3Exception")
        file = f"runs/{ended.name}/windows/0002.json: Not today. (Service: S3, Status Code: 500"
        assert (
            "Window 0002: The outcome of this window, COMPLETE, could not be written to s3://"
            in (ended.message)
        )
        assert file in ended.message
        assert "Then redrive the execution. Only the windows" in ended.message
        assert ended.statuses == dict(
            zip(WINDOWS, ("NOT_STARTED", "FAILED", "COMPLETE", "COMPLETE"), strict=True)
        )
        # And it has cleaned up after itself, and a redrive completes the rest
        assert ended.states()["RemoveFlow"] == 3
        assert watched.left_nothing()
        assert watched.redrive(ended).status == "SUCCEEDED"
        assert watched.runs == dict.fromkeys(WINDOWS, 1) | {"0002": 2}

    def test_of_a_later_rounds_outcome_stops_the_execution_by_its_real_name(
        self, watched: Watched
    ) -> None:
        # Given a window whose outcome cannot be written, and another such one in the next round
        def unwritable(window: str) -> Fault:
            return {"Operation": "s3:PutObject", "Match": {"Key": f"windows/{window}"}}

        ended = watched.run(unwritable("0002"), MaxConcurrency=1)
        assert "Window 0002: " in ended.message
        faults.install({"Faults": [unwritable("0001")]})
        again = ended.redrive()
        # Then the error is the second round's
        assert (again.status, again.error) == ("FAILED", "S3.S3Exception")
        assert "Window 0001: " in again.message

    def test_of_a_windows_execution_is_named_and_not_taken_for_the_reviews_own(
        self, watched: Watched
    ) -> None:
        # Given so small a quota of history events that a window with many polls ends in it
        set_knobs(events_per_execution=100)
        ended = watched.run({"Run": {"Flow": "-0002$"}, "Takes": "PT10M"}, MaxConcurrency=1)
        # Then the execution says so, and the review was not repeated for it
        assert (ended.status, ended.error) == ("FAILED", "WindowsFailed")
        assert "): States.Runtime: " in ended.message
        set_knobs(events_per_execution=25_000)
        assert watched.redrive(ended).status == "SUCCEEDED"

    def test_of_a_look_at_the_failed_windows_still_names_them(self, watched: Watched) -> None:
        # Given an outcome that cannot be written, and that nobody may ask why
        iam = watched.machine.cloud.client("iam")
        role = watched.machine.cloud.stack.resources["ReviewWindowsRole"].physical_id
        [policy] = iam.list_role_policies(RoleName=role)["PolicyNames"]
        document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
        document["Statement"] = [s for s in document["Statement"] if s["Sid"] != "ReadWindowErrors"]
        iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(document))
        ended = watched.run({"Operation": "s3:PutObject", "Match": {"Key": "windows/0002"}})
        assert (ended.status, ended.error) == ("FAILED", "WindowsFailed")
        assert "): NoOutcome: " in ended.message
        assert watched.redrive(ended).status == "SUCCEEDED"
        assert watched.has_landed()

    def test_of_a_poll_is_named_when_the_run_is_given_up(
        self, watched: Watched, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Given a window whose runs can never be looked at
        monkeypatch.setattr(plan, "RUN_DEADLINE_SECONDS", 2 * 3600)
        polls = {"Operation": "appflow:DescribeFlowExecutionRecords", "Message": "Not today."}
        ended = watched.run({**polls, "Match": {"flowName": "-0002"}})
        # Then it is given up at the deadline, in the poll's own words
        assert (ended.status, ended.error) == ("FAILED", "WindowsFailed")
        failed = [batch for batch in ended.batches.values() if batch["Status"] == "FAILED"]
        assert len(failed) == 4
        for batch in failed:
            assert batch["Error"] == "RunTooLong"
            assert (
                "its last poll failed: Appflow.InternalServerException: Not today."
                in (batch["ExecutionMessage"])
            )
        assert watched.left_nothing()
        assert watched.redrive(ended).status == "SUCCEEDED"

    @pytest.mark.parametrize(
        ("stuck", "status"),
        [
            ({"Operation": "appflow:DeleteFlow", "Match": {"flowName": "-0002$"}}, "FAILED"),
            ({"Operation": "appflow:DeleteFlow", "Match": {"flowName": "-0002$"}}, "SUCCEEDED"),
            ({"Operation": "appflow:DescribeFlow", "Match": {"flowName": "-0002$"}}, "SUCCEEDED"),
            (
                {"Operation": "customer-profiles:DeleteIntegration", "Match": {"Uri": "-0002$"}},
                "SUCCEEDED",
            ),
        ],
        ids=["flow, failed", "flow", "look", "integration"],
    )
    def test_of_a_flows_deletion_is_reported(
        self, watched: Watched, stuck: Fault, status: str
    ) -> None:
        # Given a flow that can never be deleted
        failing = [failing_run("-0003")] if status == "FAILED" else []
        ended = watched.run({**stuck, "Message": "In use."}, *failing, MaxConcurrency=1)
        # Then the execution ends as it would, and the report names the flow and what to do
        assert ended.status == status
        assert ended.error == ("WindowsFailed" if failing else "")
        [warning] = ended.report["Warnings"]
        [flow] = [name for name in watched.machine.flows() if name.endswith("-0002")]
        assert f"Flow {flow} could not be removed: " in warning
        assert "In use." in warning
        assert "delete the flow's integration" in warning
        page = watched.machine.cloud.client("s3").get_object(
            Bucket=watched.machine.cloud.stack.runs_bucket, Key=f"runs/{ended.name}/report.html"
        )
        assert flow in page["Body"].read().decode()


class TestSomebodyElse:
    """People, and other systems, in the same account."""

    def test_who_deletes_a_flow_between_two_runs_fails_its_window_alone(
        self, watched: Watched
    ) -> None:
        # Given a flow that is deleted when its first run has failed, and a storm after that
        def delete(told: dict[str, Any]) -> None:
            name = told["detail"]["flow-name"]
            if "End" in told["detail-type"] and name.endswith("-0002"):
                with acting_as(None):
                    flows = watched.machine.cloud.client("appflow")
                    flows.delete_flow(flowName=name, forceDelete=True)

        watched.machine.cloud.services.on_event(delete)
        storm = {"Operation": "appflow:DescribeFlow", "Match": {"flowName": "-0002"}, "For": "PT5M"}
        ended = watched.run(failing_run("-0002"), storm)
        # Then that window says so, the others are complete, and a redrive makes a new flow
        assert (ended.status, ended.error) == ("FAILED", "WindowsFailed")
        assert "): FlowGone: " in ended.message
        assert ended.statuses == dict.fromkeys(WINDOWS, "COMPLETE") | {"0002": "FAILED"}
        assert watched.redrive(ended).status == "SUCCEEDED"
        assert watched.is_whole()

    @pytest.mark.parametrize("call", ["StartFlow", "DescribeFlowExecutionRecords"])
    def test_who_deletes_a_flow_under_way_fails_its_window_alone(
        self, watched: Watched, call: str
    ) -> None:
        gone = {"Operation": f"appflow:{call}", "Match": {"flowName": "-0002$"}}
        ended = watched.run({**gone, "Error": "ResourceNotFoundException"})
        assert (ended.status, ended.error) == ("FAILED", "WindowsFailed")
        assert "): FlowGone: " in ended.message
        assert ended.statuses == dict.fromkeys(WINDOWS, "COMPLETE") | {"0002": "FAILED"}

    def test_who_cancels_a_run_fails_its_window_alone(self, watched: Watched) -> None:
        def cancel(told: dict[str, Any]) -> None:
            name = told["detail"]["flow-name"]
            if "Start" in told["detail-type"] and name.endswith("-0002"):
                with acting_as(None):
                    watched.machine.cloud.client("appflow").cancel_flow_executions(flowName=name)

        watched.machine.cloud.services.on_event(cancel)
        ended = watched.run({"Run": {}, "Takes": "PT10M"})
        assert (ended.status, ended.error) == ("FAILED", "WindowsFailed")
        assert "): RunCanceled: " in ended.message
        assert ended.statuses == dict.fromkeys(WINDOWS, "COMPLETE") | {"0002": "FAILED"}
        assert watched.left_nothing()
        assert watched.redrive(ended).status == "SUCCEEDED"

    def test_that_forbid_the_cleanup_are_reported_with_what_stays(self, watched: Watched) -> None:
        # Given that window integrations may not be deleted
        denied = {"Operation": "customer-profiles:DeleteIntegration", "Match": {"Uri": "-0002$"}}
        ended = watched.run(
            {**denied, "Error": "AccessDeniedException"},
            {"Operation": "customer-profiles:GetIntegration", "Match": {"Uri": "-0002$"}},
            MaxConcurrency=1,
        )
        # Then the integration keeps its flow, and the report names it
        assert ended.status == "SUCCEEDED", ended.message
        [warning] = ended.report["Warnings"]
        assert "AccessDeniedException" in warning
        [flow] = [name for name in watched.machine.flows() if name != CONTINUOUS]
        assert f"Flow {flow} could not be removed" in warning
        # And once it is allowed again, the daily sweep takes both away
        faults.clear()
        watched.machine.cloud.client("lambda").invoke(
            FunctionName=f"{watched.machine.cloud.stack.name}-clean-up",
            Payload=json.dumps({"StateMachineArn": watched.machine.cloud.stack.state_machine_arn}),
        )
        assert watched.is_whole()

    def test_who_has_a_flow_of_a_windows_name_keeps_it(self, watched: Watched) -> None:
        # Given a flow of a window's name that the execution did not make
        machine = watched.machine
        arn = machine.cloud.stack.state_machine_arn.replace(":stateMachine:", ":execution:")
        name = flow_name("run", f"{arn}:run", "0002", 1)
        machine.cloud.client("customer-profiles").put_integration(
            DomainName="acme",
            ObjectTypeName="Salesforce-Contact",
            FlowDefinition=event()["FlowDefinition"] | {"FlowName": name},
            Tags={"owner": "somebody else"},
        )
        ended = watched.run(MaxConcurrency=1)
        # Then the execution says so, and leaves it as it is
        assert (ended.status, ended.error) == ("FAILED", "FlowNameTaken")
        assert f"Window 0002: A flow named {name} exists" in ended.message
        assert machine.flows() == machine.integrations() == [name]
        # And a redrive takes another name
        again = watched.redrive(ended)
        assert again.status == "SUCCEEDED", again.message
        assert sorted(machine.flows()) == [CONTINUOUS, name]


SYSTEMIC: dict[str, tuple[Fault, str]] = {
    "authentication": (
        {
            "Source": "acme-sf/Contact",
            "LosesAuthentication": True,
            "From": "PT1M",
            "Message": "The refresh token has expired.",
        },
        "Appflow.ConnectorAuthenticationException",
    ),
    "authentication of a run": (
        failing_run("-0003", Message="The refresh token has expired."),
        "Appflow.ConnectorAuthenticationException",
    ),
    "access to AppFlow": (
        {"Operation": "appflow:CreateFlow", "Error": "AccessDeniedException"},
        "Appflow.AccessDeniedException",
    ),
    "access to Customer Profiles": (
        {"Operation": "customer-profiles:PutIntegration", "Error": "AccessDeniedException"},
        "CustomerProfiles.AccessDeniedException",
    ),
    "no such domain": (
        {"Operation": "customer-profiles:PutIntegration", "Error": "ResourceNotFoundException"},
        "CustomerProfiles.ResourceNotFoundException",
    ),
    "no such connection": (
        {"Operation": "appflow:CreateFlow", "Error": "ResourceNotFoundException"},
        "Appflow.ResourceNotFoundException",
    ),
    "access to a run": (
        {"Operation": "appflow:StartFlow", "Error": "AccessDeniedException"},
        "Appflow.AccessDeniedException",
    ),
    "access to a run's state": (
        {"Operation": "appflow:DescribeFlowExecutionRecords", "Error": "AccessDeniedException"},
        "Appflow.AccessDeniedException",
    ),
    "invalid integration": (
        {"Operation": "customer-profiles:PutIntegration", "Error": "BadRequestException"},
        "CustomerProfiles.BadRequestException",
    ),
    "invalid definition": (
        {"Operation": "appflow:CreateFlow", "Error": "ValidationException"},
        "Appflow.ValidationException",
    ),
}


class TestSystemicErrors:
    @pytest.mark.parametrize("kind", SYSTEMIC)
    def test_that_stay_end_the_execution_under_their_own_name(
        self, watched: Watched, kind: str
    ) -> None:
        # Given an error that every window would meet
        asked, error = SYSTEMIC[kind]
        # When windows run one after the other, the newest first
        ended = watched.run({"Message": "Not for you.", **asked}, MaxConcurrency=1)
        # Then the execution ends with it, says what to do, and tries no other window
        assert (ended.status, ended.error) == ("FAILED", error)
        assert asked.get("Message", "Not for you.") in ended.message, ended.message
        assert (
            f"{remediation(error)} Only the windows that are not complete run again."
            in ended.message
        )
        assert ended.statuses["0001"] == ended.statuses["0002"] == "NOT_STARTED"
        assert list(ended.statuses.values()).count("FAILED") == 1
        assert watched.machine.cloud.clock.now() - NOW < timedelta(minutes=30)
        assert watched.left_nothing()
        # And a redrive without it runs what is left
        again = watched.redrive(ended)
        assert again.status == "SUCCEEDED", again.message
        assert watched.has_landed()

    def test_that_no_operation_models_are_reported_after_its_retries(
        self, watched: Watched
    ) -> None:
        # Given a lost answer, and that the flow which it created may not be looked at
        lost = {"Operation": "appflow:CreateFlow", "Moment": "After", "Nth": 1}
        denied = {
            "Operation": "appflow:DescribeFlow",
            "Match": {"flowName": "^bulk-"},
            "Error": "AccessDeniedException",
            "Message": "Not for you.",
        }
        ended = watched.run(lost, denied, MaxConcurrency=1)
        assert (ended.status, ended.error) == ("FAILED", "Appflow.AccessDeniedException")
        assert "Not for you. (Service: Appflow, Status Code: 403" in ended.message

    def test_are_reported_though_it_is_unknown_whether_the_flow_exists(
        self, watched: Watched
    ) -> None:
        denied = {"Operation": "appflow:StartFlow", "Match": {"flowName": "-0002$"}}
        storm = {"Operation": "appflow:DescribeFlow", "Match": {"flowName": "-0002$"}}
        ended = watched.run(
            {**denied, "Error": "AccessDeniedException", "Message": "Not for you."}, storm
        )
        assert (ended.status, ended.error) == ("FAILED", "Appflow.AccessDeniedException")
        assert "Not for you." in ended.message

    def test_are_reported_though_a_storm_delays_the_cleanup(self, watched: Watched) -> None:
        # Given a window that ends the execution while others run, and a storm that begins then
        denied = {
            "Operation": "customer-profiles:PutIntegration",
            "Match": {"Uri": "-0002$"},
            "Error": "AccessDeniedException",
        }
        storms = [
            {"Operation": f"appflow:{call}", "For": "PT5M", "Error": "ThrottlingException"}
            for call in ("DescribeFlow", "CancelFlowExecutions", "DeleteFlow")
        ]
        ended = watched.run(denied, *storms, {"Run": {}, "Takes": "PT5H"}, MaxConcurrency=3)
        # Then it is waited for, and nothing stays behind
        assert (ended.status, ended.error) == ("FAILED", "CustomerProfiles.AccessDeniedException")
        assert all(fault["Struck"] for fault in faults.status()["Faults"][1:-1])
        assert ended.report["Warnings"] == []
        assert watched.left_nothing()
        assert watched.redrive(ended).status == "SUCCEEDED"
        assert watched.is_whole()

    def test_are_reported_though_the_cleanup_can_never_list_flows(self, watched: Watched) -> None:
        denied = failing_run("-0002", Message="Authentication failed.")
        ended = watched.run(denied, {"Operation": "appflow:ListFlows", "Message": "Not today."})
        assert ended.error == "Appflow.ConnectorAuthenticationException"
        *_, warning = ended.report["Warnings"]
        assert "The flows that were left behind could not be listed" in warning
        assert "Not today." in warning

    def test_stop_the_windows_that_are_running(self, watched: Watched) -> None:
        # Given windows that run side by side, slowly, one of them with such an error
        slow = {"Run": {}, "Takes": "PT5H"}
        quick = failing_run("-0003", Message="Authentication failed.", Takes="PT1M")
        ended = watched.run(quick, slow)
        # Then the others are stopped once its retries are used up, and nothing of them is left
        assert ended.error == "Appflow.ConnectorAuthenticationException"
        assert watched.runs["0003"] == 4
        assert watched.machine.cloud.clock.now() - NOW < timedelta(minutes=40)
        assert watched.left_nothing()
        assert watched.machine.puts() == {}
        again = watched.redrive(ended)
        assert again.status == "SUCCEEDED", again.message
        assert watched.is_whole()


LOST: dict[str, Fault] = {
    "CreateFlow": {"Operation": "appflow:CreateFlow"},
    "PutIntegration": {"Operation": "customer-profiles:PutIntegration", "Match": {"Uri": "."}},
    "the continuous PutIntegration": {
        "Operation": "customer-profiles:PutIntegration",
        "Match": {"FlowDefinition": CONTINUOUS},
    },
    "StartFlow": {"Operation": "appflow:StartFlow"},
    "StartFlow, throttled": {"Operation": "appflow:StartFlow", "Error": "ThrottlingException"},
    "PutObject": {"Operation": "s3:PutObject"},
    "Invoke": {"Operation": "lambda:Invoke"},
    "DeleteIntegration": {"Operation": "customer-profiles:DeleteIntegration"},
    "DeleteFlow": {"Operation": "appflow:DeleteFlow"},
    "anything": {"Operation": "appflow:*"},
}


class TestLostAnswers:
    @pytest.mark.parametrize("lost", LOST)
    def test_change_nothing_in_the_result(self, watched: Watched, lost: str) -> None:
        # Given that the first answer about each flow, file or function is lost, once it took effect
        ended = watched.run({**LOST[lost], "Moment": "After", "Nth": 1, "Each": True})
        # Then every window has had one run, and every record was put once
        assert faults.status()["Faults"][0]["Struck"] >= 1
        assert ended.status == "SUCCEEDED", ended.message
        assert watched.runs == dict.fromkeys(WINDOWS, 1)
        assert {batch["Attempts"] for batch in ended.batches.values()} == {1}
        assert ended.output["Metrics"]["RecordsProcessed"] == len(watched.machine.landed())
        assert watched.is_whole()

    def test_of_two_executions_at_once_keep_them_apart(self, watched: Watched) -> None:
        # Given lost answers everywhere, by chance
        faults.install(
            {
                "Seed": 7,
                "Faults": [
                    {"Operation": f"{service}:*", "Moment": "After", "Probability": 0.2}
                    for service in ("appflow", "customer-profiles", "s3", "lambda")
                ],
            }
        )
        # When the same input runs twice at the same time
        machine = watched.machine
        arns = [machine.start(event(ImportFrom="P7M"), name) for name in ("one", "two")]
        ended = [machine.wait(arn) for arn in arns]
        # Then both are complete, and one continuous integration goes on
        assert [each.status for each in ended] == ["SUCCEEDED", "SUCCEEDED"], [
            each.message for each in ended
        ]
        assert watched.runs == dict.fromkeys(WINDOWS, 2)
        assert watched.is_whole(times=2)


class TestTransport:
    @pytest.mark.parametrize("service", ["appflow", "customer-profiles", "s3", "lambda"])
    def test_that_loses_the_first_answer_to_each_call_changes_nothing_in_the_result(
        self, watched: Watched, service: str
    ) -> None:
        # Given a network that loses the first answer to each call, once it took effect
        lost = {"Operation": f"{service}:*", "Transport": "ReadTimeoutError", "Moment": "After"}
        ended = watched.run({**lost, "Nth": 1, "Each": True})
        # Then every window has had one run, and every record was put once
        assert faults.status()["Faults"][0]["Struck"] >= 3
        assert ended.status == "SUCCEEDED", ended.message
        assert watched.runs == dict.fromkeys(WINDOWS, 1)
        assert watched.is_whole()

    @pytest.mark.parametrize("service", ["appflow", "customer-profiles", "s3", "lambda"])
    def test_that_is_down_for_five_minutes_is_outlasted(
        self, watched: Watched, service: str
    ) -> None:
        down = {"Transport": "EndpointConnectionError", "For": "PT5M"}
        ended = watched.run({"Operation": f"{service}:*", **down})
        assert faults.status()["Faults"][0]["Struck"] > 1
        assert ended.status == "SUCCEEDED", ended.message
        assert watched.is_whole()


class TestFunctions:
    @pytest.mark.parametrize(
        "ends", ["TimedOut", "OutOfMemory", "Exited", "Unknown", "ClientTimeout"]
    )
    def test_that_fail_after_all_was_done_are_invoked_again(
        self, watched: Watched, ends: str
    ) -> None:
        # Given that the first two invocations of each function fail, once they took effect
        ended = watched.run(
            {"Function": "", "Ends": ends, "Moment": "After", "Times": 2, "Each": True}
        )
        # Then the result is as without
        assert faults.status()["Faults"][0]["Struck"] >= 2 * 3
        assert ended.status == "SUCCEEDED", ended.message
        assert watched.runs == dict.fromkeys(WINDOWS, 1)
        assert watched.is_whole()

    @pytest.mark.parametrize("moment", ["Before", "After"])
    def test_that_answer_after_their_task_has_timed_out_do_no_harm(
        self, watched: Watched, moment: str
    ) -> None:
        # Given that the first answer of each function comes when its Task no longer waits, so that
        # two invocations of it are under way at a time
        late = {"Function": "", "Takes": "PT16M", "Moment": moment, "Nth": 1, "Each": True}
        ended = watched.run(late)
        watched.machine.cloud.live(timedelta(hours=1))
        # Then the result is as without
        assert faults.status()["Faults"][0]["Struck"] >= 3
        assert ended.status == "SUCCEEDED", ended.message
        assert watched.runs == dict.fromkeys(WINDOWS, 1)
        assert watched.is_whole()


class TestOddRuns:
    @pytest.mark.parametrize("odd", [{"AppearsAfter": "PT10M"}, {"OnLaterPage": True}], ids=str)
    def test_that_are_hard_to_find_are_waited_for(self, watched: Watched, odd: Fault) -> None:
        ended = watched.run({"Run": {}, **odd})
        assert ended.status == "SUCCEEDED", ended.message
        assert watched.runs == dict.fromkeys(WINDOWS, 1)
        assert watched.is_whole()

    @pytest.mark.parametrize("more", [(), ({"Operation": "appflow:CancelFlowExecutions"},)])
    def test_that_never_end_are_cancelled_at_the_deadline(
        self, watched: Watched, monkeypatch: pytest.MonkeyPatch, more: tuple[Fault, ...]
    ) -> None:
        # Given a deadline of two hours instead of a day, and a run that stays in progress
        assert plan.RUN_DEADLINE_SECONDS == 24 * 3600
        monkeypatch.setattr(plan, "RUN_DEADLINE_SECONDS", 2 * 3600)
        ended = watched.run({"Run": {"Flow": "-0002$"}, "Ends": "Never"}, *more)
        # Then it is cancelled, if that can be done, and halves take the window's place
        assert ended.status == "SUCCEEDED", ended.message
        assert ended.states()["CancelRun"] == 1
        assert ended.statuses == {
            "0001": "COMPLETE",
            "0002": "SPLIT",
            "0002-1": "COMPLETE",
            "0002-2": "COMPLETE",
            "0003": "COMPLETE",
            "0004": "COMPLETE",
        }
        assert timedelta(hours=2) < watched.machine.cloud.clock.now() - NOW < timedelta(hours=3)
        assert watched.is_whole()

    def test_whose_poll_fails_on_a_later_page_are_looked_for_from_the_first(
        self, watched: Watched
    ) -> None:
        # Given runs on a second page of records, and a poll of that page that fails
        second = {"Operation": "appflow:DescribeFlowExecutionRecords", "Match": {"nextToken": "."}}
        ended = watched.run({"Run": {}, "OnLaterPage": True}, {**second, "Nth": 1, "Each": True})
        assert ended.status == "SUCCEEDED", ended.message
        assert watched.runs == dict.fromkeys(WINDOWS, 1)
        # Then the next poll begins with the first page
        pages = ["NextToken" in asked for asked in ended.requests("DescribeRun")]
        assert pages.count(True) >= 2 * len(WINDOWS)
        assert (True, True) not in pairwise(pages)

    def test_that_are_past_their_deadline_do_not_name_a_poll_that_failed_before(
        self, watched: Watched, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Given a run that never ends, and whose state could not be read once
        monkeypatch.setattr(plan, "RUN_DEADLINE_SECONDS", 2 * 3600)
        never = {"Run": {"Flow": "-0002"}, "Ends": "Never"}
        polls = {"Operation": "appflow:DescribeFlowExecutionRecords", "Nth": 3, "Each": True}
        ended = watched.run(never, polls)
        # Then the error speaks of the deadline alone
        failed = [batch for batch in ended.batches.values() if batch["Status"] == "FAILED"]
        assert {batch["ExecutionMessage"] for batch in failed} == {
            "The run did not end within 7200 seconds, and was canceled."
        }

    def test_whose_records_cannot_be_put_are_reported(self, watched: Watched) -> None:
        # Given a run that cannot put some of its records
        ended = watched.run({"Run": {"Flow": "-0002$"}, "PutFailures": 3})
        # Then the execution is complete, and says where they are missing
        assert ended.status == "SUCCEEDED", ended.message
        assert ended.batches["0002"]["RecordsFailed"] == 3
        assert ended.report["Metrics"] == ended.output["Metrics"]
        assert ended.output["Metrics"]["RecordsFailed"] == 3
        [warning] = ended.report["Warnings"]
        assert "3 records of window 0002" in warning
        assert len(watched.machine.puts()) == ended.output["Metrics"]["RecordsProcessed"]

    def test_that_are_cut_are_noticed_though_some_records_could_not_be_put(
        self, watched: Watched, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Given a connector that transfers four records a run, and a run that cannot put one of them
        limit_records(monkeypatch, 4)
        first = {"Run": {"Flow": "-0002$"}, "CutAt": 4, "PutFailures": 1}
        ended = watched.run(first, {"Run": {}, "CutAt": 4})
        # Then what was cut off comes with smaller windows
        assert ended.status == "SUCCEEDED", ended.message
        assert ended.statuses["0002"] == "SPLIT"
        assert len(watched.machine.landed()) == ended.output["Metrics"]["RecordsProcessed"] == 30
        assert ended.output["Metrics"]["RecordsFailed"] == 0


FILES = ROOT / "docs" / "faults"

EXAMPLES = {
    "access-denied": "Appflow.AccessDeniedException",
    "failed-runs": "WindowsFailed",
    "functions-fail": "",
    "lost-answers": "",
    "lost-in-transport": "",
    "missing-records": "",
    "odd-runs": "",
    "operation-fails": "",
    "source-down": "",
    "source-without-authentication": "Appflow.ConnectorAuthenticationException",
    "throttling-storm": "",
}


LATER = ("connection-deleted", "flow-deactivated", "flow-deleted", "source-without-field")
"""They strike the continuous flow."""

OF_A_MONTH = {"month"}
"""They are run in test_month.py."""


def example(name: str) -> list[dict[str, Any]]:
    asked: list[dict[str, Any]] = json.loads((FILES / f"{name}.json").read_text())["Faults"]
    return asked


def test_every_example_of_the_docs_is_run_by_a_test() -> None:
    assert {path.stem for path in FILES.glob("*.json")} == {*EXAMPLES, *LATER, *OF_A_MONTH}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_of_the_docs_ends_as_it_should(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(plan, "RUN_DEADLINE_SECONDS", 2 * 3600)
    ended = watched.run(*example(name), MaxConcurrency=2)
    assert not [fault for fault in faults.status()["Faults"] if not fault["Struck"]]
    assert (ended.status, ended.error) == (
        "FAILED" if EXAMPLES[name] else "SUCCEEDED",
        EXAMPLES[name],
    ), ended.message
    if not EXAMPLES[name]:
        assert watched.has_landed(but=ended.output["Metrics"]["RecordsFailed"])


@pytest.mark.parametrize("name", LATER)
def test_an_example_of_the_docs_hits_the_continuous_flow(watched: Watched, name: str) -> None:
    scheduler = watched.machine.cloud.client("scheduler")
    scheduler.delete_schedule(Name="bulk-ingestion-checks")  # no repairs in between
    ended = watched.run(*example(name))
    assert ended.status == "SUCCEEDED", ended.message
    watched.machine.cloud.live(timedelta(days=11))
    assert not [fault for fault in faults.status()["Faults"] if not fault["Struck"]]
