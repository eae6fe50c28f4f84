"""The stack's settings. Only this module reads the functions' environment variables.

``template.yaml`` sets them for every function. Each is read when it is needed.
"""

from __future__ import annotations

import os


def stack_name() -> str:
    """Give the name of the CloudFormation stack."""
    return os.environ["STACK_NAME"]


def runs_bucket() -> str:
    """Give the name of the bucket that holds the runs and the state of the integrations."""
    return os.environ["RUNS_BUCKET"]


def state_machine_arn() -> str:
    """Give the ARN of the state machine for bulk ingestion."""
    return os.environ["STATE_MACHINE_ARN"]


def kms_key_arn() -> str:
    """Give the ARN of the only KMS key that the stack's roles may use."""
    return os.environ["KMS_KEY_ARN"]


def notifications_topic() -> str:
    """Give the ARN of the topic for notifications; empty if the stack has none."""
    return os.environ["NOTIFICATIONS_TOPIC"]


def domain_name() -> str:
    """Give the default domain of executions. It may be empty."""
    return os.environ["DOMAIN_NAME"]


def max_concurrency() -> int:
    """Give the default number of windows that run at the same time."""
    return int(os.environ["MAX_CONCURRENCY"])


def dead_letter_queue_arn() -> str:
    """Give the ARN of the domain's dead-letter queue; empty if the stack may not read it."""
    return os.environ["DEAD_LETTER_QUEUE_ARN"]
