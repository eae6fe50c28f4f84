"""The names and tags that identify what this stack created."""

from __future__ import annotations

import hashlib
import re

WINDOW_FLOW_BEGINS = "bulk-"
"""The prefix of the windows' flow names. No other flow of this stack has it."""

LONGEST_NAME = 200
"""The most characters of a flow's name: its ARN is the integration's URI, which may have 255."""

OWNER_TAG = ("awsOwningService", "customer-profiles-integration-workflow")
"""The tag that AWS's own least-privilege policy for the workflow uses as a condition."""

STACK_TAG = "bulkIngestionStack"
EXECUTION_TAG = "bulkIngestionExecution"
OUR_TAGS = (OWNER_TAG[0], STACK_TAG, EXECUTION_TAG)


def flow_name(execution_name: str, execution_arn: str, window_id: str, round_number: int) -> str:
    """Give the name of one window's flow in one round. It is always the same, and unique.

    It has at most 150 characters of AppFlow's pattern. The digest makes it different from that of
    another state machine's execution with the same name.
    """
    digest = hashlib.sha256(execution_arn.encode()).hexdigest()[:8]
    suffix = f"-r{round_number}" if round_number > 1 else ""
    return f"{WINDOW_FLOW_BEGINS}{plain(execution_name)}-{digest}-{window_id}{suffix}"


def integration_name(domain: str, connector_type: str, profile: str, object_name: str) -> str:
    """Give the name of the flow of a preset's continuous integration, from its source and domain.

    Two connections have two integrations. If a flow's name can't contain all of it, a digest makes
    the name unique.
    """
    parts = f"Customer_Profiles_{domain}_{connector_type}_{profile}_{object_name}"
    name = re.sub(r"[^A-Za-z0-9_-]", "-", parts)[:LONGEST_NAME]
    if name == parts:
        return name
    digest = hashlib.sha256(parts.encode(errors="replace")).hexdigest()[:8]
    return f"{name[: LONGEST_NAME - 9]}-{digest}"


def is_window_flow(flow: str, execution: str) -> bool:
    """Whether a flow is the flow of a window. ``execution`` is the value of its execution tag."""
    return flow.startswith(f"{WINDOW_FLOW_BEGINS}{execution}-")


def plain(name: str) -> str:
    """Replace the characters of an execution's name that flow names and tags can't have."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", name)[:80]


def tags(user_tags: dict[str, str], stack: str, execution_name: str) -> dict[str, str]:
    """Give the tags of everything that an execution creates: owner, stack, and execution."""
    return {
        **user_tags,
        OWNER_TAG[0]: OWNER_TAG[1],
        STACK_TAG: stack,
        EXECUTION_TAG: plain(execution_name),
    }


def is_of_stack(carried: dict[str, str], stack: str) -> bool:
    """Whether something with these tags was created by an execution of the stack."""
    return carried.get(OWNER_TAG[0]) == OWNER_TAG[1] and carried.get(STACK_TAG) == stack
