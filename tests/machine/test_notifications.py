"""The message when an import ends well, as short as those of failures."""

from __future__ import annotations

from local.faults import faults
from tests.machine.contacts import spread
from tests.machine.machine import Machine


def notified(machine: Machine) -> list[tuple[str, str]]:
    machine.cloud.events.settle()
    return [(message.subject, message.text) for message in machine.cloud.messages()]


def test_an_import_that_ends_well_is_told_with_its_counts_and_a_link_to_the_page(
    machine: Machine,
) -> None:
    machine.load(*spread(40))
    faults.install({"Faults": [{"Run": {"Flow": "-0006$"}, "PutFailures": 2}]})
    ended = machine.run(ImportFrom="P1Y")
    bucket = machine.cloud.stack.runs_bucket
    [(subject, text)] = notified(machine)
    assert subject == "bulk-ingestion: run SUCCEEDED"
    paragraphs = text.split("\n\n")
    records = ended.output["Metrics"]["RecordsProcessed"]
    assert paragraphs[:2] == [
        f"{records} records of Salesforce-Contact were transferred to the domain acme in "
        "6 windows. 2 records could not be put.",
        "acme-salesforce-contact imports what changes after 2026-11-23T22:00:00Z.",
    ]
    assert "AppFlow could not put 2 records of window 0006" in paragraphs[2]
    assert paragraphs[3] == (
        f"https://us-east-1.console.aws.amazon.com/s3/object/{bucket}?region=us-east-1"
        "&prefix=runs%2Frun%2Freport.html"
    )
    assert ended.output["Page"] == f"s3://{bucket}/runs/run/report.html"


def test_without_an_integration_it_says_so(machine: Machine) -> None:
    machine.run(ImportFrom="P1Y", Continue=False)
    [(_, text)] = notified(machine)
    assert "No continuous integration follows, as the input says." in text


def test_a_dry_run_is_told_to_nobody(machine: Machine) -> None:
    assert machine.run(ImportFrom="P1Y", DryRun=True).status == "SUCCEEDED"
    assert notified(machine) == []
