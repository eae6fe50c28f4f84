"""The report as a page: written at every end, whole in itself, and safe to open."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from local import simulation
from local.simulation import RunOutcome
from tests.machine.machine import Ended, Machine
from tests.machine.test_clean_up import execution, stop_when_a_run_ends
from tests.machine.test_redrive import spread


class Page(HTMLParser):
    """What a browser would make of a page: its text, and every address that it would fetch."""

    def __init__(self, ended: Ended) -> None:
        super().__init__()
        stored = ended.machine.cloud.client("s3").get_object(
            Bucket=ended.machine.cloud.stack.runs_bucket, Key=f"runs/{ended.name}/report.html"
        )
        self.type = stored["ContentType"]
        self.source = stored["Body"].read().decode()
        self.words: list[str] = []
        self.tags: list[str] = []
        self.fetched: list[str] = []
        self.links: list[str] = []
        self.feed(self.source)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        given = dict(attributes)
        if tag == "a":
            self.links.append(given.get("href") or "")
        elif "src" in given or (tag == "link" and "href" in given):
            self.fetched.append(given.get("src") or given.get("href") or "")

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def fail(*windows: str, message: str) -> None:
    def judge(flow: Any, execution_id: str, records: Any, at: Any) -> RunOutcome:
        if flow["flowName"].endswith(windows):
            return RunOutcome([], "Error", message)
        return RunOutcome(records)

    simulation.current.judge_run = judge


@pytest.fixture
def pages(machine: Machine) -> Machine:
    machine.load(*spread(40))
    return machine


def test_a_complete_run_is_told_with_its_hand_off(pages: Machine) -> None:
    page = Page(pages.run(ImportFrom="P200D", BatchSize="P50D"))
    assert page.type.startswith("text/html")
    assert "Complete" in page.text
    assert "acme-salesforce-contact" in page.text
    assert "2026-11-23 22:00:00 UTC" in page.text
    assert {"main", "h1", "h2", "table", "svg", "details"} <= set(page.tags)


def test_a_failed_run_says_what_failed_and_what_next(pages: Machine) -> None:
    fail("-0002", message="<script>alert('x')</script> & worse")
    ended = pages.run(ImportFrom="P200D", BatchSize="P50D")
    page = Page(ended)
    # The source's message is text, and nothing else
    assert "script" not in page.tags
    assert "<script>alert('x')</script> & worse" in page.text
    assert "RunFailed" in page.text
    assert f"redrive-execution --execution-arn {ended.arn}" in page.text
    assert '{"Resume": "run"}' in page.text


def test_the_tables_say_what_the_report_says(pages: Machine) -> None:
    ended = pages.run(ImportFrom="P200D", BatchSize="P50D")
    page = Page(ended)
    for batch in ended.report["Batches"]:
        assert batch["WindowId"] in page.text
        assert f"{batch['RecordsProcessed']:,}" in page.text


@pytest.mark.parametrize("how", ["complete", "dry run", "cancelled"])
def test_a_page_fetches_nothing_and_links_to_the_console_alone(pages: Machine, how: str) -> None:
    if how == "cancelled":
        stop_when_a_run_ends(pages, execution(pages, "run"))
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
