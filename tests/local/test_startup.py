"""The embedded cloud starts without what it does not use, and has it when it is asked for."""

from __future__ import annotations

import subprocess
import sys

from botocore.loaders import Loader

import local

CHECK = """
import sys
import boto3
from local.clock import Clock
from local.cloud import embedded_cloud
with embedded_cloud(Clock(speed=None)):
    assert "moto.ssm" in sys.modules
    assert "moto.ec2" not in sys.modules, "moto.ec2 is imported"
    for service, operation, arguments in (
        ("ssm", "send_command", {
            "DocumentName": "x", "Targets": [{"Key": "tag:a", "Values": ["b"]}]
        }),
        ("batch", "describe_job_queues", {}),
        ("ec2", "describe_instances", {}),
    ):
        getattr(boto3.client(service, region_name="us-east-1"), operation)(**arguments)
from moto.backends import get_backend
from moto.batch.models import batch_backends
from moto.ec2.models import ec2_backends
assert get_backend("batch") is batch_backends
assert get_backend("ec2") is ec2_backends
"""


def test_ec2_is_not_imported_until_it_is_used() -> None:
    checked = subprocess.run([sys.executable, "-c", CHECK], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


def test_all_loaders_share_what_they_read() -> None:
    assert local.startup  # is imported
    first, second = (Loader().load_service_model("appflow", "service-2") for _ in range(2))
    assert first is second
