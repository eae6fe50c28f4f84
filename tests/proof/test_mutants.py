"""The suite can fail: with each of these defects, a drawn execution breaks a claim."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given

import review_windows
from bulk_ingestion import connectors, flows, plan, request
from bulk_ingestion.times import epoch_milliseconds
from bulk_ingestion.windows import Window
from tests.proof.claims import Laboratory, nothing_is_lost
from tests.proof.examples import (
    HOUR,
    MILLISECOND,
    SALESFORCE,
    SERVICENOW,
    Application,
    Example,
    examples,
)
from tests.proof.profiles import lots

MOST_EXAMPLES = 500

Definition = dict[str, Any]
Mutation = Callable[[Laboratory], AbstractContextManager[Any]]


# ------------------------------------------------------------------------------ in the functions


@contextmanager
def filter_on_the_wrong_field(laboratory: Laboratory) -> Iterator[None]:
    """Windows are cut by when records were created."""
    window_flow = flows.window_flow

    def mutated(flow_definition: flows.FlowDefinition) -> dict[str, Any]:
        right = flows.source_of(flow_definition).datetime_field
        wrong = SALESFORCE.created_field
        flow = window_flow(flow_definition)
        tasks = [
            {**task, "SourceFields": [*task["SourceFields"], wrong]}
            if right in task["SourceFields"] and task["TaskType"] == "Filter"
            else task
            for task in flow["Tasks"]
        ]
        return {
            **flow,
            "Tasks": tasks,
            "WindowFilter": {**flow["WindowFilter"], "SourceFields": [wrong]},
        }

    with patch.object(flows, "window_flow", mutated):
        yield


def _bound(name: str, of: Callable[[Window], int]) -> Mutation:
    def mutation(laboratory: Laboratory) -> AbstractContextManager[Any]:
        bounds = flows.bounds

        def mutated(window: Window, connector: connectors.Connector) -> dict[str, str]:
            return {**bounds(window, connector), name: str(of(window))}

        return patch.object(flows, "bounds", mutated)

    return mutation


lower_bound_at_the_start = _bound("LOWER_BOUND", lambda window: epoch_milliseconds(window.start))
upper_bound_before_the_end = _bound(
    "UPPER_BOUND", lambda window: epoch_milliseconds(window.end) - 1
)


def hand_off_late(laboratory: Laboratory) -> AbstractContextManager[Any]:
    """The continuous integration begins an hour after the last window's end, or now."""
    continuous = flows.continuous

    def mutated(flow_definition: Any, hand_off: Any, now: Any) -> flows.FlowDefinition:
        return continuous(flow_definition, min(hand_off + timedelta(hours=1), now), now)

    return patch.object(flows, "continuous", mutated)


def last_window_ends_early(laboratory: Laboratory) -> AbstractContextManager[Any]:
    """The last window ends an hour before the continuous integration begins."""
    resolve = request._resolve

    def mutated(*given: Any) -> request.Request:
        resolved = resolve(*given)
        if not resolved.windows:
            return resolved
        *others, last = resolved.windows
        early = replace(last, end=max(last.start, last.end - timedelta(hours=1)))
        return replace(resolved, windows=(*others, early))

    return patch.object(request, "_resolve", mutated)


def halves_with_a_gap(laboratory: Laboratory) -> AbstractContextManager[Any]:
    """The second half of a split window begins a second after the first one's end."""
    halves = Window.halves

    def mutated(window: Window) -> tuple[Window, Window] | None:
        found = halves(window)
        if found is None:
            return None
        return found[0], replace(found[1], start=found[1].start + timedelta(seconds=1))

    return patch.object(Window, "halves", mutated)


def no_sweep(laboratory: Laboratory) -> AbstractContextManager[Any]:
    """What aborted children left stays."""
    return patch.object(review_windows, "sweep", lambda *_: [])


def no_record_limit(laboratory: Laboratory) -> AbstractContextManager[Any]:
    """A run that reaches the connector's limit is taken for whole."""
    state = plan.state

    def mutated(*given: Any) -> dict[str, Any]:
        planned = state(*given)
        planned["Ingestion"].pop("RecordLimit", None)
        return planned

    return patch.object(plan, "state", mutated)


# ----------------------------------------------------------------------------- in the definition


def _definition(change: Callable[[Definition, Definition, Definition], None]) -> Mutation:
    """Deploy another definition; ``change`` gets its states, a window's, and a run's."""

    @contextmanager
    def mutation(laboratory: Laboratory) -> Iterator[None]:
        client = laboratory.cloud.client("stepfunctions")
        arn = laboratory.cloud.stack.state_machine_arn
        deployed = client.describe_state_machine(stateMachineArn=arn)["definition"]
        mutated = json.loads(deployed)
        window = mutated["States"]["IngestWindows"]["ItemProcessor"]["States"]
        change(mutated["States"], window, window["RunFlow"]["Branches"][0]["States"])
        client.update_state_machine(stateMachineArn=arn, definition=json.dumps(mutated))
        try:
            yield
        finally:
            client.update_state_machine(stateMachineArn=arn, definition=deployed)

    return mutation


def _without_retry_three(states: Definition, window: Definition, run: Definition) -> None:
    del window["RunFlow"]["Retry"]


def _with_two_retries(states: Definition, window: Definition, run: Definition) -> None:
    window["RunFlow"]["Retry"][0]["MaxAttempts"] = 2


def _without_retry_of_calls(states: Definition, window: Definition, run: Definition) -> None:
    del run["StartFlow"]["Retry"]


def _without_clean_up(states: Definition, window: Definition, run: Definition) -> None:
    never = {"Condition": "{% false %}", "Next": window["RecordOutcome"]["Next"]}
    window["SkipCleanUp"] = {"Type": "Choice", "Choices": [never], "Default": "CloseWindow"}
    window["RecordOutcome"]["Next"] = "SkipCleanUp"


def _with_a_new_token_for_each_retry(
    states: Definition, window: Definition, run: Definition
) -> None:
    run["StartFlow"]["Arguments"]["ClientToken"] = "{% $uuid() %}"


def _with_failures_tolerated(states: Definition, window: Definition, run: Definition) -> None:
    window["WindowFailed"]["Assign"]["outcome"]["Status"] = "COMPLETE"


def _without_registering(states: Definition, window: Definition, run: Definition) -> None:
    window["CreateFlow"]["Next"] = window["AdoptFlow"]["Choices"][0]["Next"] = "RunFlow"
    del window["RegisterFlow"]


@dataclass(frozen=True)
class Mutant:
    """A defect, and the claim that it breaks."""

    mutation: Mutation
    breaks: str
    """The claim, or claims, as the beginning of an assertion's message; a pattern."""
    application: Application = SALESFORCE
    inclusive: bool = False
    matters: Callable[[Example], bool] = lambda example: True
    """Which examples can show it; the others are not run, to save time."""


def _calls(operation: str) -> Callable[[Example], bool]:
    return lambda example: (
        example.is_bearable
        and any(
            disturbance.asked.get("Operation") == operation for disturbance in example.disturbances
        )
    )


def _failed_runs(number: int) -> Callable[[Example], bool]:
    return lambda example: (
        example.is_bearable
        and any(disturbance.failed_runs == number for disturbance in example.disturbances)
    )


def _has_a_record(before_the_end: timedelta) -> Callable[[Example], bool]:
    """Whether a record last changed so shortly before a window's end, or nearer to it."""
    return lambda example: (
        example.is_bearable
        and any(
            end - before_the_end <= changed < end
            for _, end in example.intervals
            for _, changed in example.records
        )
    )


def _stops_others(example: Example) -> bool:
    return not example.is_bearable and example.asked["MaxConcurrency"] > 1


def _is_split(example: Example) -> bool:
    return bool(example.record_limit) or any(d.splits for d in example.disturbances)


MUTANTS = {
    "filter on the wrong field": Mutant(filter_on_the_wrong_field, "lost"),
    "filter on the wrong field, inclusive": Mutant(
        filter_on_the_wrong_field, "lost", inclusive=True
    ),
    "lower bound at the start": Mutant(lower_bound_at_the_start, "lost"),
    "upper bound before the end": Mutant(
        upper_bound_before_the_end, "lost", matters=_has_a_record(MILLISECOND)
    ),
    "hand-off an hour late": Mutant(hand_off_late, "lost"),
    "hand-off an hour late, inclusive": Mutant(hand_off_late, "lost", inclusive=True),
    "last window ends early": Mutant(last_window_ends_early, "lost", matters=_has_a_record(HOUR)),
    "last window ends early, inclusive": Mutant(
        last_window_ends_early, "lost", inclusive=True, matters=_has_a_record(HOUR)
    ),
    "halves with a gap": Mutant(
        halves_with_a_gap, "lost|wrong total", SERVICENOW, matters=_is_split
    ),
    "record limit not seen": Mutant(no_record_limit, "lost", SERVICENOW, matters=_is_split),
    "no retry three": Mutant(
        _definition(_without_retry_three), "gave up too early", matters=_failed_runs(1)
    ),
    "two retries": Mutant(
        _definition(_with_two_retries), "gave up too early", matters=_failed_runs(3)
    ),
    "no retry of StartFlow": Mutant(
        _definition(_without_retry_of_calls),
        "gave up too early",
        matters=_calls("appflow:StartFlow"),
    ),
    "a new token for each retry": Mutant(
        _definition(_with_a_new_token_for_each_retry),
        "started twice",
        matters=_calls("appflow:StartFlow"),
    ),
    "no clean-up in the windows": Mutant(_definition(_without_clean_up), "left behind"),
    "no sweep": Mutant(no_sweep, "left behind", matters=_stops_others),
    "failed windows called COMPLETE": Mutant(_definition(_with_failures_tolerated), "lost"),
    "flows not registered": Mutant(_definition(_without_registering), "lost"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_defect_is_found(laboratory: Laboratory, name: str) -> None:
    mutant = MUTANTS[name]
    laboratory.inclusive = mutant.inclusive

    found: list[str] = []

    def look(example: Example) -> None:
        if not found and mutant.matters(example):
            try:
                nothing_is_lost(laboratory, example)
            except AssertionError as broken:
                found.append(str(broken))

    with mutant.mutation(laboratory):
        for lot in lots(MOST_EXAMPLES, name):
            if not found:
                lot(given(examples(mutant.application))(look))()
    assert found, f"no claim is broken in {MOST_EXAMPLES} examples"
    assert re.match(mutant.breaks, found[0]), found[0]
