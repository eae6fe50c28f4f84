"""Quotas: an import runs as many windows at a time as the domain and the account have room for."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from local.faults import faults
from tests.machine.machine import NOW, Ended, Machine
from tests.machine.watched import WINDOWS, Fault, Watched, set_knobs

UNREADABLE = {"Operation": "service-quotas:ListServiceQuotas", "Error": "AccessDeniedException"}


def others(**held: int) -> Fault:
    """Have others in the account use up quotas from the start."""
    return {"Others": held}


def warnings(ended: Ended) -> str:
    return "\n".join(ended.report["Warnings"])


def most_at_a_time(watched: Watched) -> int:
    """Count the windows whose runs were in progress at the same time."""
    spans = [span for spans in watched.spans.values() for span in spans]
    return max(sum(start <= at < end for start, end in spans) for at, _ in spans)


class TestDomains:
    def test_with_room_for_two_run_two_windows_at_a_time(self, watched: Watched) -> None:
        set_knobs(integrations_per_domain=5)
        ended = watched.run(others(Integrations=3), MaxConcurrency=4)

        assert ended.status == "SUCCEEDED", ended.message
        assert (
            "Domain acme has 3 integrations, and the quota is 5: MaxConcurrency is lowered from 4 "
            "to 2. To run more windows at a time, delete integrations that you don't need, or "
            "request a higher quota." in warnings(ended)
        )
        assert most_at_a_time(watched) == 2
        assert watched.runs == dict.fromkeys(WINDOWS, 1)
        assert watched.has_landed()

    def test_with_room_for_all_are_not_mentioned(self, watched: Watched) -> None:
        set_knobs(integrations_per_domain=5)
        ended = watched.run(others(Integrations=1), MaxConcurrency=40)

        assert "quota" not in warnings(ended)
        assert most_at_a_time(watched) == 4

    @pytest.mark.parametrize("hidden", ["none", "registered", "all"])
    def test_are_counted_to_the_last_page_with_what_is_hidden(
        self, watched: Watched, hidden: Any
    ) -> None:
        set_knobs(integrations_per_domain=250, hidden_integrations=hidden)
        ended = watched.run(others(Integrations=247), DryRun=True)

        assert "has 247 integrations, and the quota is 250" in warnings(ended)
        assert "MaxConcurrency is lowered from 5 to 3." in warnings(ended)
        assert "4 windows, 3 at a time" in ended.report["Estimate"]["Formula"]["Seconds"]

    def test_that_are_full_fail_the_preflight_until_there_is_room(self, watched: Watched) -> None:
        set_knobs(integrations_per_domain=3)
        ended = watched.run(others(Integrations=3))

        assert (ended.status, ended.error) == ("FAILED", "PreflightFailed")
        assert (
            "Domain acme has 3 integrations, and the quota is 3: no window can run. To continue, "
            "delete integrations that you don't need, or request a higher quota." in ended.message
        )
        assert watched.machine.flows() == []
        set_knobs(integrations_per_domain=4)
        again = ended.redrive()
        assert again.status == "SUCCEEDED", again.message
        assert watched.has_landed()

    def test_that_are_full_of_other_imports_windows_are_waited_for(
        self, watched: Watched, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Given a domain whose two places windows of another execution have for half an hour
        uris = (f"arn:aws:appflow:us-east-1:123456789012:flow/bulk-x-{n}" for n in count())
        monkeypatch.setattr("local.faults.others._uri", lambda: next(uris))
        set_knobs(integrations_per_domain=2)
        ended = watched.run(others(Integrations=2) | {"For": "PT30M"})
        # Then they are waited for, one window at a time
        assert ended.status == "SUCCEEDED", ended.message
        assert (
            "Domain acme has 2 integrations, and the quota is 2: MaxConcurrency is lowered from 5 "
            "to 1. 2 of them are windows of other executions. The windows of this execution wait "
            "until those end." in warnings(ended)
        )
        assert watched.machine.cloud.clock.now() - NOW > timedelta(minutes=30)
        assert most_at_a_time(watched) == 1
        assert watched.is_whole()

    def test_that_are_full_keep_the_integration_that_they_have(self, watched: Watched) -> None:
        machine = watched.machine
        assert machine.run("first", ImportFrom="P1M").status == "SUCCEEDED"
        set_knobs(integrations_per_domain=1)
        again = machine.run("again", ImportFrom="P1M")

        assert again.status == "SUCCEEDED", again.message
        assert again.report["Continuity"]["Action"] == "KEPT"

    def test_that_are_full_take_no_new_integration(self, machine: Machine) -> None:
        set_knobs(integrations_per_domain=1)
        faults.install({"Faults": [others(Integrations=1)]})
        ended = machine.run(ImportFrom="P1M")

        assert ended.error == "PreflightFailed"
        assert "the quota is 1: no integration can be created. To continue, " in ended.message


class TestAccounts:
    def test_with_room_for_three_flows_run_three_windows_at_a_time(self, watched: Watched) -> None:
        set_knobs(flows_per_account=5, integrations_per_domain=4)
        ended = watched.run(others(Flows=2), MaxConcurrency=10)

        assert ended.status == "SUCCEEDED", ended.message
        assert (
            "This account and Region has 2 flows, and the quota is 5: MaxConcurrency is lowered "
            "from 4 to 3." in warnings(ended)
        )
        assert most_at_a_time(watched) == 3

    def test_that_are_full_fail_the_preflight(self, watched: Watched) -> None:
        set_knobs(flows_per_account=2)
        ended = watched.run(others(Flows=2))

        assert ended.error == "PreflightFailed"
        assert "has 2 flows, and the quota is 2: no window can run. To continue" in ended.message


class TestQuotas:
    @pytest.mark.parametrize(
        ("unread", "reason"),
        [
            (UNREADABLE, "Service Quotas could not be read: AccessDeniedException"),
            (UNREADABLE | {"Error": "NoSuchResourceException"}, "read: NoSuchResourceException"),
            (
                {"Operation": UNREADABLE["Operation"], "Transport": "ReadTimeoutError"},
                "Read timeout",
            ),
        ],
    )
    def test_that_cannot_be_read_are_those_of_the_documentation(
        self, watched: Watched, unread: Fault, reason: str
    ) -> None:
        ended = watched.run(unread, others(Integrations=48, Flows=999), DryRun=True)

        assert "has 48 integrations, and the quota is 50 (AWS's default, because " in warnings(
            ended
        )
        assert "has 999 flows, and the quota is 1,000 (AWS's default, because " in warnings(ended)
        assert reason in warnings(ended)
        assert "MaxConcurrency is lowered from 5 to 2." in warnings(ended)
        assert "MaxConcurrency is lowered from 2 to 1." in warnings(ended)

    def test_that_cannot_be_read_are_mentioned_only_where_they_matter(
        self, watched: Watched
    ) -> None:
        ended = watched.run(UNREADABLE, others(Integrations=10), DryRun=True)

        assert "quota" not in warnings(ended)

    def test_are_higher_than_the_default_where_more_exists(self, watched: Watched) -> None:
        set_knobs(integrations_per_domain=100)
        ended = watched.run(UNREADABLE, others(Integrations=60))

        assert ended.status == "SUCCEEDED", ended.message
        assert "The quota that applies must be higher." in warnings(ended)
        assert most_at_a_time(watched) == 4

    def test_that_service_quotas_does_not_list_are_the_defaults(
        self, watched: Watched, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("local.aws.quotas._QUOTAS", {})
        ended = watched.run(others(Integrations=48), DryRun=True)

        assert "NoSuchResourceException" in warnings(ended)

    @pytest.mark.parametrize("used", [30, 60])
    def test_that_were_raised_let_a_refusal_mean_what_it_says(
        self, watched: Watched, used: int
    ) -> None:
        # Given a domain with more integrations than AWS's default quota, though not with all
        set_knobs(integrations_per_domain=100)
        refused = {
            "Operation": "customer-profiles:PutIntegration",
            "Match": {"Uri": "bulk-"},
            "Error": "BadRequestException",
            "Message": "Invalid.",
        }
        ended = watched.run(refused, others(Integrations=used))
        # Then no place is waited for
        assert ended.error == "CustomerProfiles.BadRequestException"

    def test_integrations_that_cannot_be_counted_are_warned_of(self, watched: Watched) -> None:
        denied = {
            "Operation": "customer-profiles:ListIntegrations",
            "Error": "AccessDeniedException",
            "Message": "No.",
        }
        ended = watched.run(denied, DryRun=True)

        assert "could not check the domain's integrations: AccessDeniedException: No." in warnings(
            ended
        )
