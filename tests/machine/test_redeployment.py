"""A stack that continues with the bucket that an earlier deployment left."""

from __future__ import annotations

from local.services import simulation
from tests.machine.contacts import spread
from tests.machine.machine import Machine
from tests.machine.runs import fail


def test_a_run_of_an_earlier_deployment_is_resumed_from_its_bucket(machine: Machine) -> None:
    # Given an execution of which one window has failed
    machine.load(*spread(40))
    fail("-0002", message="The source is temporarily unavailable.")
    ended = machine.run("before", ImportFrom="P200D", BatchSize="P40D")
    assert ended.status == "FAILED"
    simulation.current.remove_faults()
    # When another stack, deployed with the first one's bucket, resumes it
    bucket = machine.cloud.stack.runs_bucket
    machine.cloud.stack = machine.cloud.deploy("again", RunsBucketName=bucket)
    resumed = machine.wait(machine.start({"Resume": ended.name}, "after"))
    # Then it runs what was missing, and the report is in the same bucket
    assert resumed.status == "SUCCEEDED", resumed.message
    assert machine.landed().keys() == machine.source().keys()
    assert resumed.output["Report"] == f"s3://{bucket}/runs/after/report.json"
    assert resumed.report["Status"] == "COMPLETE"
