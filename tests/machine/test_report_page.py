"""The report as a page: written at every end, whole in itself, and safe to open."""

from __future__ import annotations

import re

import pytest

from local.faults import faults
from tests.machine.contacts import spread
from tests.machine.machine import Machine
from tests.machine.pages import Page
from tests.machine.runs import fail, stop_when_a_run_ends


@pytest.fixture
def pages(machine: Machine) -> Machine:
    machine.load(*spread(40))
    return machine


def test_a_complete_run_is_reported_with_its_hand_off(pages: Machine) -> None:
    page = Page(pages.run(ImportFrom="P200D", BatchSize="P50D"))
    assert page.type.startswith("text/html")
    assert "Complete" in page.text
    assert "acme-salesforce-contact" in page.text
    assert "2026-11-23 22:00:00 UTC" in page.text
    assert {"main", "h1", "h2", "table", "svg", "details"} <= set(page.tags)


def test_a_failed_run_says_what_failed_and_what_next(pages: Machine) -> None:
    window = ("-0002", "-0002-1-r2", "-0002-2-r2")  # it is halved once for an unknown message
    fail(*window, message="<script>alert('x')</script> & worse")
    ended = pages.run(ImportFrom="P200D", BatchSize="P50D")
    page = Page(ended)
    # The source's message is text, and nothing else
    assert "script" not in page.tags
    assert "<script>alert('x')</script> & worse" in page.text
    assert "RunFailed" in page.text
    assert f"redrive-execution --execution-arn {ended.arn}" in page.text
    assert '{"Resume": "run"}' in page.text


def test_a_mark_of_direction_in_a_message_is_shown_and_turns_nothing_round(pages: Machine) -> None:
    fail("-0002", "-0002-1-r2", "-0002-2-r2", message="\u202etxt.exe is locked")
    ended = pages.run(ImportFrom="P200D", BatchSize="P50D")
    page = Page(ended)
    assert "[U+202E]txt.exe is locked" in page.text
    assert "\u202e" not in page.source


def test_a_run_whose_flow_is_refused_is_to_be_resumed_and_not_redriven(pages: Machine) -> None:
    refused = {"Operation": "appflow:CreateFlow", "Error": "ValidationException"}
    faults.install({"Faults": [{**refused, "Match": {"flowName": "-0002$"}}]})
    page = Page(pages.run(ImportFrom="P200D", BatchSize="P50D"))
    assert "Appflow.ValidationException" in page.text
    assert "Don't redrive the execution" in page.text
    assert "redrive-execution" not in page.text
    assert '{"Resume": "run", "FlowDefinition": {}}' in page.text


def test_the_tables_say_what_the_report_says(pages: Machine) -> None:
    ended = pages.run(ImportFrom="P200D", BatchSize="P50D")
    page = Page(ended)
    for batch in ended.report["Batches"]:
        assert batch["WindowId"] in page.text
        assert f"{batch['RecordsProcessed']:,}" in page.text


@pytest.mark.parametrize("how", ["complete", "dry run", "cancelled"])
def test_a_page_fetches_nothing_and_links_to_the_console_alone(pages: Machine, how: str) -> None:
    if how == "cancelled":
        stop_when_a_run_ends(pages, pages.arn_of("run"))
    ended = pages.run(ImportFrom="P200D", BatchSize="P50D", DryRun=how == "dry run")
    pages.cloud.events.settle()
    page = Page(ended)
    assert [address for address in page.fetched if not address.startswith("data:")] == []
    assert not re.search(r"@import|url\(\s*['\"]?https?:", page.source)
    assert {re.sub(r"(?<=aws\.amazon\.com).*", "", link) for link in page.links} <= {
        "https://us-east-1.console.aws.amazon.com"
    }


def test_secrets_in_the_input_are_left_out(pages: Machine) -> None:
    ended = pages.run(ImportFrom="P60D", Tags={"apiToken": "very-private", "team": "crm"})
    page = Page(ended)
    assert "very-private" not in page.source
    assert "crm" in page.text
