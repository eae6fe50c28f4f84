"""The machine as tests speak of it: run it on the embedded cloud, and look at what it did."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bulk_ingestion.errors import explain
from local import interpreter
from local.cloud import Cloud

NOW = datetime(2026, 11, 23, 22, tzinfo=UTC)
"""The suite's fixed time."""
EVENTS = Path(__file__).parents[2] / "events"


def event(name: str = "salesforce-contact", **changes: Any) -> dict[str, Any]:
    """Give an example input with some keys changed; None removes one."""
    loaded = json.loads((EVENTS / f"{name}.json").read_text()) | changes
    return {key: value for key, value in loaded.items() if value is not None}


@dataclass(frozen=True)
class Ended:
    """An execution that has ended."""

    machine: Machine
    arn: str
    status: str
    input: dict[str, Any]
    output: dict[str, Any]
    error: str
    message: str

    @property
    def name(self) -> str:
        return self.arn.rpartition(":")[2]

    def read(self, name: str) -> Any:
        """Read a file of the run's folder."""
        bucket = self.machine.cloud.stack.runs_bucket
        found = self.machine.cloud.client("s3").get_object(
            Bucket=bucket, Key=f"runs/{self.name}/{name}"
        )
        return json.load(found["Body"])

    @property
    def report(self) -> dict[str, Any]:
        report: dict[str, Any] = self.read("report.json")
        return report

    @property
    def batches(self) -> dict[str, dict[str, Any]]:
        """The report's batches by window."""
        return {batch["WindowId"]: batch for batch in self.report["Batches"]}

    @property
    def statuses(self) -> dict[str, str]:
        return {key: batch["Status"] for key, batch in self.batches.items()}

    @property
    def status_counts(self) -> Counter[str]:
        return Counter(self.statuses.values())

    def redrive(self) -> Ended:
        self.machine.cloud.client("stepfunctions").redrive_execution(executionArn=self.arn)
        return self.machine.wait(self.arn)

    def states(self) -> Counter[str]:
        """Count how often each state was entered, children included."""
        return Counter(self._entered())

    def requests(self, state: str) -> list[dict[str, Any]]:
        """Give what a state's calls asked for, in the windows one after the other."""
        asked = []
        for history in self._histories():
            name = ""
            for happened in history:
                name = happened.get("stateEnteredEventDetails", {}).get("name", name)
                if name == state and (scheduled := happened.get("taskScheduledEventDetails")):
                    asked.append(json.loads(scheduled["parameters"]))
        return asked

    def _entered(self) -> Iterator[str]:
        for history in self._histories():
            for happened in history:
                entered = happened.get("stateEnteredEventDetails")
                if entered:
                    yield entered["name"]

    def _histories(self) -> Iterator[list[dict[str, Any]]]:
        client = self.machine.cloud.client("stepfunctions")
        arns = [self.arn]
        for run in client.list_map_runs(executionArn=self.arn)["mapRuns"]:
            pages = client.get_paginator("list_executions").paginate(mapRunArn=run["mapRunArn"])
            arns += [e["executionArn"] for page in pages for e in page["executions"]]
        for arn in arns:
            pages = client.get_paginator("get_execution_history").paginate(executionArn=arn)
            yield [happened for page in pages for happened in page["events"]]


@dataclass(frozen=True)
class Machine:
    """The deployed state machine."""

    cloud: Cloud

    def run(self, name: str = "run", example: str = "salesforce-contact", **changes: Any) -> Ended:
        """Run an example with some keys of its input changed, to its end."""
        return self.wait(self.start(event(example, **changes), name))

    def start(self, execution_input: Any, name: str = "run") -> str:
        started = self.cloud.client("stepfunctions").start_execution(
            stateMachineArn=self.cloud.stack.state_machine_arn,
            name=name,
            input=json.dumps(execution_input),
        )
        return str(started["executionArn"])

    def wait(self, arn: str, seconds: float = 120) -> Ended:
        """Wait for the end of an execution, for so many seconds of real time at most."""
        interpreter.wait_for(arn, seconds)
        told = self.cloud.client("stepfunctions").describe_execution(executionArn=arn)
        return Ended(
            self,
            arn,
            told["status"],
            json.loads(told["input"]),
            json.loads(told.get("output", "{}")),
            told.get("error", ""),
            explain(told.get("cause", "")),
        )

    def arn_of(self, name: str) -> str:
        """Give the ARN of the execution of this name, whether or not it has started."""
        return f"{self.cloud.stack.state_machine_arn}:{name}".replace("stateMachine", "execution")

    def load(self, *records: dict[str, Any], profile: str = "acme-sf", of: str = "Contact") -> None:
        self.cloud.services.sources.get(profile, of).load(list(records))

    def source(self, profile: str = "acme-sf", of: str = "Contact") -> dict[str, dict[str, Any]]:
        """Give the source's records by key."""
        records = self.cloud.services.sources.get(profile, of).records()
        return {
            record.get("Id") or record.get("id") or record["sys_id"]: record for record in records
        }

    def landed(self, object_type: str = "Salesforce-Contact") -> dict[str, dict[str, Any]]:
        """Give the domain's objects by key."""
        return _by_key(self.cloud.services.domain_objects("acme", object_type))

    def puts(self, object_type: str = "Salesforce-Contact") -> dict[str, int]:
        return dict(self.cloud.services.deliveries("acme", object_type))

    def flows(self) -> list[str]:
        pages = self.cloud.client("appflow").list_flows(maxResults=100)
        return [flow["flowName"] for flow in pages["flows"]]

    def integrations(self) -> list[str]:
        """Name the flows that are registered as integrations of the domain."""
        found = self.cloud.client("customer-profiles").list_integrations(
            DomainName="acme", IncludeHidden=True, MaxResults=100
        )
        return [item["Uri"].rpartition("/")[2] for item in found["Items"]]


def _by_key(records: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {record.get("Id") or record.get("id") or record["sys_id"]: record for record in records}
