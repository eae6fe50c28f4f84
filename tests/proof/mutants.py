"""The defects: each with what changes, and the small execution or the test that finds it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import chain
from typing import Any

from dateutil.relativedelta import relativedelta

from tests.machine.machine import NOW
from tests.machine.watched import BUSY
from tests.proof.applications import SERVICENOW
from tests.proof.directed import Held, Run, small
from tests.proof.disturbances import Disturbance
from tests.proof.examples import Change
from tests.proof.mutations import (
    BULK,
    MONITOR,
    Mutation,
    State,
    as_read,
    code,
    constant,
    replaced,
    resource,
    state,
    state_as_read,
    states_of,
    with_value,
    without,
)
from tests.template.deployed import DEFINITIONS

FIRST = "-0001$"


@dataclass(frozen=True)
class Mutant:
    """A defect, and what finds it."""

    mutation: Mutation
    killer: Run | Held


def fault(
    failed_runs: int | None = 0, splits: bool = False, hinders_removal: bool = False, **asked: Any
) -> Disturbance:
    return Disturbance(
        asked, failed_runs=failed_runs, splits=splits, hinders_removal=hinders_removal
    )


def call_fails(operation: str, error: str = "InternalServerException", **asked: Any) -> Disturbance:
    return fault(Operation=operation, Error=error, **asked)


# ------------------------------------------------------------------------------- small executions

PLAIN = small()
ONE_FAILED_RUN = small(fault(1, Run={"Flow": FIRST}, Ends="Error", Message=BUSY, Times=1))
THREE_FAILED_RUNS = small(fault(3, Run={"Flow": FIRST}, Ends="Error", Message=BUSY, Times=3))
BROKEN_WINDOW = small(fault(None, Run={"Flow": "-0001"}, Ends="Error", Message=BUSY))
START_FAILS = small(call_fails("appflow:StartFlow", Times=2, Each=True))
START_ANSWERS_NOT = small(call_fails("appflow:StartFlow", Moment="After", Times=1, Each=True))
CREATE_ANSWERS_NOT = small(call_fails("appflow:CreateFlow", Moment="After", Times=1, Each=True))
TOO_LARGE = small(
    fault(
        splits=True,
        Run={"Flow": FIRST},
        Ends="Error",
        Message="The response is too large.",
        CutAt=1,
    )
)
LIMITED = small(application=SERVICENOW, record_limit=4)
STOPPED = small(stopped_at=1, asked=PLAIN.asked | {"MaxConcurrency": 1})
LAGGING = small(
    Disturbance(knobs={"VisibilityLag": "PT50M"}),
    records=tuple((str(2000 + n), NOW - timedelta(minutes=2 * n)) for n in range(25)),
)
NOTHING_FOLLOWS = replace(LAGGING, asked=PLAIN.asked | {"Continue": False}, hand_off=None)
ONE_AT_A_TIME = small(asked=PLAIN.asked | {"MaxConcurrency": 1})
YOUNG = small(Disturbance(knobs={"YoungFlows": {"Lasts": "PT50S", "Answer": "denied"}}))
YOUNG_INTEGRATIONS = small(
    Disturbance(knobs={"YoungIntegrations": {"Lasts": "PT50S", "Answer": "not found"}}),
    stopped_at=1,
    asked=PLAIN.asked | {"MaxConcurrency": 1},
)
ON_A_LATER_PAGE = small(fault(Run={"Flow": FIRST}, OnLaterPage=True))
FAILED_PUTS = small(fault(Run={"Flow": FIRST}, PutFailures=2))
CHANGING = small(
    changes=(Change(1, "Start", "1002"), Change(1, "End", "1003"), Change(2, "End", None)),
    asked=PLAIN.asked | {"MaxConcurrency": 1},
)
RECENT = small(
    windows=1,
    asked={
        "ImportFrom": f"{NOW - relativedelta(months=2):%Y-%m-%dT%H:%M:%SZ}",
        "MaxConcurrency": 1,
    },
    intervals=(),
    hand_off=NOW - relativedelta(months=2),
    records=(("1001", NOW - relativedelta(months=2) - timedelta(minutes=30)), ("1002", NOW)),
)

SMALL = {
    name: example
    for name, example in list(globals().items())
    if name.isupper() and isinstance(example, type(PLAIN))
}

# --------------------------------------------------------------------------------- the functions

BOUNDS = "flow.definitions"
WINDOWS = "flow.windows"
CREATE = "integration.create"
SECRETS = {
    "secret": "clientSecret",
    "password": "Password",
    "token": "api_token",
    "credential": "ConnectorCREDENTIALS",
}
"""Words that name secrets, each with a key that has no other of them."""

CODE = {
    "windows are filtered by another field": Mutant(
        code(BOUNDS, '"SourceFields": [field],', '"SourceFields": ["CreatedDate"],'),
        Run(PLAIN, "lost|gave up too early"),
    ),
    "a window's lower bound is its start": Mutant(
        code(BOUNDS, "epoch_milliseconds(window.start) - 1", "epoch_milliseconds(window.start)"),
        Run(PLAIN),
    ),
    "a window's upper bound is before its end": Mutant(
        code(BOUNDS, "epoch_milliseconds(window.end)", "epoch_milliseconds(window.end) - 1"),
        Run(PLAIN),
    ),
    "a window's upper bound is an hour before its end, inclusive": Mutant(
        code(
            BOUNDS, "epoch_milliseconds(window.end)", "epoch_milliseconds(window.end) - 7_200_000"
        ),
        Run(PLAIN, inclusive=True),
    ),
    "nothing warns of records that become readable late where no pull follows": Mutant(
        code("input.request", "not keys.Continue and readable > now", "False"),
        Run(NOTHING_FOLLOWS),
    ),
    "the integration begins at the start of the first pull": Mutant(
        code(BOUNDS, "iso(pulls_from)", "iso(max(pulls_from, now))"), Run(CHANGING)
    ),
    "no overlap": Mutant(
        code(CREATE, "continues_from - self.overlap)", "continues_from)"), Run(LAGGING)
    ),
    "the first pull comes before late records can be read": Mutant(
        code(BOUNDS, "given, now, overlap)", "given, now)"), Run(LAGGING)
    ),
    "the overlap reaches back behind what was asked for": Mutant(
        code(
            CREATE,
            "return max(since, continues_from - self.overlap)",
            "return continues_from - self.overlap",
        ),
        Run(RECENT, "imported though not asked for"),
    ),
    "a half begins late": Mutant(
        code(
            WINDOWS,
            'f"{self.id}-2", middle, self.end',
            'f"{self.id}-2", middle + timedelta(hours=1), self.end',
        ),
        Run(TOO_LARGE, "lost|wrong total"),
    ),
    "a half ends early": Mutant(
        code(
            WINDOWS,
            'f"{self.id}-1", self.start, middle',
            'f"{self.id}-1", self.start, middle - timedelta(hours=1)',
        ),
        Run(TOO_LARGE, "lost|wrong total"),
    ),
    "the first window begins late": Mutant(
        code(WINDOWS, "for k in count():", "for k in count(1):"), Run(PLAIN)
    ),
    "a window is missing between two": Mutant(
        code(WINDOWS, "pairwise(bounds))", "pairwise(bounds))[1:]"), Run(PLAIN)
    ),
    "the connector's limit is not seen": Mutant(
        code("run.plan", "if limit := target.source.connector.record_limit:", "if limit := None:"),
        Run(LIMITED),
    ),
    "too large is a failure like any other": Mutant(
        code("run.review", "return window.halves(SMALLEST_BY_LIMIT)", "return None"),
        Run(TOO_LARGE, "gave up too early"),
    ),
    "a failed window counts as done": Mutant(
        code("run.ledger", '["Status"] == "COMPLETE"', '["Status"] in ("COMPLETE", "FAILED")'),
        Run(BROKEN_WINDOW, ""),
    ),
    "no failure ends the execution": Mutant(
        code(
            "run.review",
            "if ledger.incomplete:\n        return Decision(error",
            "if not ledger.items:\n        return Decision(error",
        ),
        Run(BROKEN_WINDOW, ""),
    ),
    "a redrive runs nothing": Mutant(
        code(
            "run.review",
            "if redriven:\n        return Decision(again=failed, split=split)",
            "if redriven:\n        return Decision()",
        ),
        Run(BROKEN_WINDOW, ""),
    ),
    "a redrive runs everything that the plan had": Mutant(
        code(
            "run.review",
            "return Decision(again=failed, split=split)",
            "return Decision(again=tuple(ledger.items), split=split)",
        ),
        Held(
            "unit/test_review.py::"
            "test_a_redrive_runs_every_window_that_is_not_complete_and_no_other"
        ),
    ),
    "the Map's own failure is ignored beside a split": Mutant(
        code("run.review", "stopped = failure is not None or any(", "stopped = any("),
        Held("unit/test_review.py::test_the_maps_own_error_is_reported_before_halves_run"),
    ),
    "a systemic error is one window's failure": Mutant(
        code("run.review", 'if outcome.get("Systemic"):', "if False:"),
        Held("unit/test_review.py::test_a_systemic_error_ends_the_execution_under_its_own_name"),
    ),
    "windows are halved for unknown texts again and again": Mutant(
        code("run.review", "return now and not any(before) and any(", "return now and any("),
        Held(
            "unit/test_review.py::TestFailuresThatNobodyKnows::"
            "test_halve_a_window_once_while_others_are_complete"
        ),
    ),
    "windows are halved for unknown texts though none is complete": Mutant(
        code("run.review", "and any(map(ledger.is_complete, ledger.leaves))", ""),
        Held(
            "unit/test_review.py::TestFailuresThatNobodyKnows::"
            "test_halve_nothing_while_no_window_is_complete"
        ),
    ),
    "a deadline splits as deep as it goes": Mutant(
        code(
            "run.review",
            "error == TOO_LONG and window.depth < DEADLINE_SPLITS",
            "error == TOO_LONG",
        ),
        Held(
            "unit/test_review.py::"
            "test_a_deadline_splits_two_levels_deep_at_most_and_a_limit_further"
        ),
    ),
    "the connector's limit splits down to nothing": Mutant(
        code(WINDOWS, "if middle - self.start < smallest:", "if middle <= self.start:"),
        Held(
            "unit/test_review.py::test_the_connectors_limit_splits_down_to_a_minute_and_nothing_"
            "else_below_an_hour"
        ),
    ),
    "the children of the first Map Run are asked in every round": Mutant(
        code("run.children", "latest = max(runs", "latest = min(runs"),
        Held(
            "machine/test_faults.py::TestPermanentFailures::"
            "test_of_a_later_rounds_outcome_stops_the_execution_by_its_real_name"
        ),
    ),
    "an error of Step Functions is systemic": Mutant(
        code("run.children", 'not error.startswith("States.")', "True"),
        Held(
            "machine/test_faults.py::TestPermanentFailures::"
            "test_of_a_windows_execution_is_named_and_not_taken_for_the_reviews_own"
        ),
    ),
    "no cleanup in the review": Mutant(
        code(
            "run.cleanup",
            "while left := _try(tags, prefix, spare(), absent_since, waited):",
            "while left := []:",
        ),
        Run(STOPPED, "left behind"),
    ),
    "cleanup believes that a new integration does not exist": Mutant(
        code("run.cleanup", "if not is_known and waited", "if False and waited"),
        Run(YOUNG_INTEGRATIONS, "left behind"),
    ),
    "cleanup does not ask whether an execution runs": Mutant(
        code(
            "run.cleanup",
            "is_ours and name.startswith(prefix) and execution not in spare",
            "is_ours and name.startswith(prefix)",
        ),
        Held("machine/test_clean_up.py::test_a_sweep_during_an_execution_takes_nothing_of_it"),
    ),
    "cleanup takes the windows of other stacks": Mutant(
        code("run.cleanup", "tags.items() <= carried.items()\n            and ", ""),
        Held("machine/test_clean_up.py::test_cleanup_leaves_the_windows_of_other_stacks_alone"),
    ),
    "cleanup asks only once what to spare": Mutant(
        code(
            "run.cleanup",
            "waited, wait = 0, 1",
            "waited, wait, spared = 0, 1, spare()",
            "_try(tags, prefix, spare(), ",
            "_try(tags, prefix, spared, ",
        ),
        Held("unit/test_cleanup.py::test_before_each_try_it_asks_what_to_spare"),
    ),
    "cleanup after a stop spares nothing": Mutant(
        code("steps.clean_up", "execution.flow_prefix, spared)", "execution.flow_prefix, STOPPED)"),
        Held(
            "unit/test_cleanup.py::"
            "test_after_a_stop_it_spares_an_execution_that_is_redriven_meanwhile"
        ),
    ),
    "cleanup reports a redriven execution as cancelled": Mutant(
        code("steps.clean_up", 'if now["status"] not in STOPPED:', "if not now:"),
        Held(
            "unit/test_cleanup.py::"
            "test_after_a_stop_it_spares_an_execution_that_is_redriven_meanwhile"
        ),
    ),
    "the preflight does not check the stack's key": Mutant(
        code("flow.needs", "elif key != stack_key:", "elif not key:"),
        Held(
            "machine/test_last_used_first_checked.py::"
            "test_a_key_that_the_stack_may_not_use_is_refused_before_the_first_window"
        ),
    ),
    "an integration's state is always written anew": Mutant(
        code("integration.state", "if changed == known:", "if not changed:"),
        Held("unit/test_integration_state.py::test_a_change_that_changes_nothing_is_not_written"),
    ),
    "an integration's state is never written anew": Mutant(
        code("integration.state", "return write(bucket, changed)", "return changed"),
        Held("unit/test_integration_state.py::test_what_is_stored_is_read_again"),
    ),
    **{
        f"secrets may be named {word}": Mutant(
            constant(
                "notifications.redaction",
                "_SECRET",
                re.compile("|".join(set(SECRETS) - {word}), re.IGNORECASE),
            ),
            Held(
                "unit/test_redaction.py::test_the_value_of_a_key_that_names_a_secret_is_omitted",
                {"key": key},
            ),
        )
        for word, key in SECRETS.items()
    },
    "an error of a deletion is swallowed": Mutant(
        code("aws.gone", "if exists():\n            raise", "if exists():\n            pass"),
        Held(
            "machine/test_continuity.py::test_an_integration_that_cannot_be_deleted_is_not_replaced"
        ),
    ),
    "the integration is not started": Mutant(
        code(CREATE, '["flowStatus"] != "Active":', '["flowStatus"] == "Never":'),
        Run(PLAIN, "never completes|gave up too early|lost"),
    ),
    "a new flow that is not found is believed": Mutant(
        code(
            "aws.young",
            "not in REFUSALS:\n                raise",
            "in REFUSALS:\n                raise",
        ),
        Run(YOUNG, "gave up too early"),
    ),
    "an integration is the same whatever it pulls": Mutant(
        code("integration.transition", "changes = differences(flow, target)", "changes = []"),
        Held(
            "machine/test_continuity.py::"
            "test_a_new_field_replaces_the_integration_which_goes_on_where_it_was"
        ),
    ),
    "an integration is the same whatever field it pulls by": Mutant(
        code("integration.identity", '"pulled by",\n        config', '"",\n        {} and config'),
        Held("machine/test_continuity.py::test_another_pull_field_replaces_the_integration"),
    ),
    "an integration is always another one": Mutant(
        code("integration.transition", "changes = differences(flow, target)", 'changes = ["new"]'),
        Held("machine/test_continuity.py::test_the_same_again_keeps_the_integration"),
    ),
    "an integration is moved back over what was imported": Mutant(
        code(
            "integration.transition",
            "imported.covered_until(hand_off) < begins",
            "hand_off < begins",
        ),
        Held("machine/test_continuity.py::test_a_recent_import_after_a_long_one_moves_nothing"),
    ),
    "what was imported is forgotten": Mutant(
        code(
            "integration.state", "merged = self.imported_by(target) | coverage", "merged = coverage"
        ),
        Held("machine/test_continuity.py::test_pulls_are_remembered_as_imported"),
    ),
    "pulls are not remembered": Mutant(
        code("integration.monitoring", "if pulled.periods:", "if False:"),
        Held("machine/test_continuity.py::test_pulls_are_remembered_as_imported"),
    ),
    "the report of a plan is written anew": Mutant(
        code("steps.plan_windows", "if not folder.has(REPORT):", "if True:"),
        Held("machine/test_twice.py::test_a_plan_whose_answer_comes_late_overwrites_no_report"),
    ),
    "a check takes the flows of windows for integrations": Mutant(
        code(
            "integration.monitoring",
            'flow["triggerType"] == "Scheduled"',
            'flow["triggerType"] != ""',
        ),
        Held(
            "machine/test_monitor_integrations.py::"
            "test_a_check_while_windows_run_finds_none_of_them"
        ),
    ),
    **{
        f"two imports are the same whatever the {part} is": Mutant(
            code("flow.target", f"other.{part},", f"self.{part},"),
            Held(
                "unit/test_target.py::test_targets_are_the_same_if_they_import_the_same",
                {"changed": changed},
            ),
        )
        for part, changed in {
            "domain": {"DomainName": "other"},
            "object_type": {"ObjectTypeName": "other"},
            "source": {"ConnectorProfileName": "other"},
        }.items()
    },
}

# ------------------------------------------------------------------------------- the definitions

RUN_FLOW = "RunFlow"

STATES = {
    "no retry three": Mutant(state(RUN_FLOW, without("Retry")), Run(ONE_FAILED_RUN, "gave up")),
    "two retries": Mutant(
        state(RUN_FLOW, with_value("Retry", 0, "MaxAttempts", value=2)),
        Run(THREE_FAILED_RUNS, "gave up too early"),
    ),
    "a failed start is not retried": Mutant(
        state("StartFlow", without("Retry")), Run(START_FAILS, "gave up too early")
    ),
    "a new token for each retry of a start": Mutant(
        state("StartFlow", with_value("Arguments", "ClientToken", value="{% $uuid() %}")),
        Run(START_ANSWERS_NOT, "started twice"),
    ),
    "the windows do not clean up": Mutant(
        state("RecordOutcome", with_value("Next", value="CloseWindow")),
        Run(ONE_AT_A_TIME, "left behind"),
    ),
    "a failed window is called COMPLETE": Mutant(
        state("WindowFailed", with_value("Assign", "outcome", "Status", value="COMPLETE")),
        Run(BROKEN_WINDOW),
    ),
    "flows are not registered": Mutant(
        state("CreateFlow", with_value("Next", value=RUN_FLOW)),
        Run(PLAIN, "lost"),
    ),
    "a flow of the same name is taken for another's": Mutant(
        state("AdoptFlow", with_value("Choices", 0, "Condition", value="{% false %}")),
        Run(CREATE_ANSWERS_NOT, "gave up too early"),
    ),
    "another's flow of the same name is adopted": Mutant(
        state("AdoptFlow", with_value("Choices", 0, "Condition", value="{% true %}")),
        Held(
            "machine/test_faults.py::TestSomebodyElse::"
            "test_who_has_a_flow_of_a_windows_name_keeps_it"
        ),
    ),
    "records that could not be put are not counted": Mutant(
        state("RunSucceeded", with_value("Output", "RecordsFailed", value=0)),
        Run(FAILED_PUTS, "lost"),
    ),
    "a full domain ends the execution": Mutant(
        state("ReviewRoom", with_value("Choices", 1, "Condition", value="{% true %}")),
        Held(
            "machine/test_patience.py::TestFullDomains::"
            "test_of_others_integrations_are_known_by_their_number"
        ),
    ),
    "a poll that failed is named though a later one did not": Mutant(
        state("DescribeRun", with_value("Assign", "pollError", value="{% $pollError %}")),
        Held(
            "machine/test_faults.py::TestOddRuns::"
            "test_that_are_past_their_deadline_do_not_name_a_poll_that_failed_before"
        ),
    ),
    "after a poll that failed, a later page is read first": Mutant(
        state("DescribeRun", with_value("Catch", 0, "Assign", "page", value="{% $page %}")),
        Held(
            "machine/test_faults.py::TestOddRuns::"
            "test_whose_poll_fails_on_a_later_page_are_looked_for_from_the_first"
        ),
    ),
    "nothing is systemic": Mutant(
        state_as_read("WindowFailed", with_value("Assign", "outcome", "Systemic", value=False)),
        Held("template/test_retries.py::test_what_ends_the_execution_is_what_is_asked_again"),
    ),
    "the Map's failure is not caught": Mutant(
        state("IngestWindows", without("Catch")),
        Held("machine/test_faults.py::TestSystemicErrors::test_stop_the_windows_that_are_running"),
    ),
    "the bulk machine has no MaxConcurrency": Mutant(
        state_as_read("IngestWindows", without("MaxConcurrency")),
        Held(
            "template/test_definition.py::"
            "test_a_machine_ends_by_itself_and_bounds_how_much_it_does_at_a_time",
            {"machine": BULK},
        ),
    ),
    "the monitoring machine has no MaxConcurrency": Mutant(
        state_as_read("CheckIntegrations", without("MaxConcurrency"), MONITOR),
        Held(
            "template/test_definition.py::"
            "test_a_machine_ends_by_itself_and_bounds_how_much_it_does_at_a_time",
            {"machine": MONITOR},
        ),
    ),
    **{
        f"the machine {machine} has no TimeoutSeconds": Mutant(
            as_read(with_value("TimeoutSeconds", value=0), machine),
            Held(
                "template/test_definition.py::"
                "test_a_machine_ends_by_itself_and_bounds_how_much_it_does_at_a_time",
                {"machine": machine},
            ),
        )
        for machine in (BULK, MONITOR)
    },
}

# ------------------------------------------------------------------------------------ the template

TEMPLATE = {
    "cleanup's function ends before cleanup gives up": Mutant(
        resource("CleanUpFunction", "Properties", "Timeout", value=300),
        Held(
            "template/test_definition.py::"
            "test_a_function_that_cleans_up_may_take_as_long_as_cleanup_tries",
            {"function": "CleanUpFunction"},
        ),
    ),
    **{
        f"the bucket's {policy} deletes it": Mutant(
            resource("RunsBucket", policy, value="Delete"),
            Held(
                "template/test_parameters.py::"
                "test_the_bucket_outlives_the_stack_but_not_a_first_creation_that_fails"
            ),
        )
        for policy in ("DeletionPolicy", "UpdateReplacePolicy")
    },
}


def _systemic(error: str) -> Mutant:
    return Mutant(
        state_as_read(
            "WindowFailed",
            replaced("Assign", "outcome", "Systemic", before=f"'{error}'", after="''"),
        ),
        Held("template/test_retries.py::test_what_ends_the_execution_is_what_is_asked_again"),
    )


def _policy(machine: str, name: str, number: int, key: str, value: Any) -> Mutant:
    found = states_of(DEFINITIONS[machine])[name]
    test = "test_each_error_of_a_task_has_its_policy"
    given: dict[str, Any] = {"name": name, "state": found}
    if found["Type"] == "Parallel":
        test, given = "test_only_a_failed_run_starts_another", {}
    if found["Type"] == "Map":
        test, given = "test_of_a_map_only_the_reader_is_retried", {"path": f"{machine}-{name}"}
    return Mutant(
        state_as_read(name, with_value("Retry", number, key, value=value), machine),
        Held(f"template/test_retries.py::{test}", given),
    )


def _policies(machine: str, name: str, found: State) -> dict[str, Mutant]:
    """Give defects of a state's retriers: each error left out, another one, and other waits."""
    mutants = {}
    for number, retrier in enumerate(found.get("Retry", [])):
        errors = retrier["ErrorEquals"]
        changes = {f"without {error}": [e for e in errors if e != error] for error in errors}
        changes = {what: value for what, value in changes.items() if value}
        if "States.Timeout" not in errors and "States.ALL" not in errors:
            changes["with States.Timeout"] = [*errors, "States.Timeout"]
        for what, value in changes.items():
            mutants[f"{name} {what}"] = _policy(machine, name, number, "ErrorEquals", value)
        for key, value in {
            "JitterStrategy": "NONE" if retrier["JitterStrategy"] == "FULL" else "FULL",
            "BackoffRate": retrier["BackoffRate"] + 1,
            "MaxAttempts": retrier["MaxAttempts"] - 1,
            "IntervalSeconds": retrier["IntervalSeconds"] + 1,
        }.items():
            mutants[f"{name}, retrier {number}, {key} {value}"] = _policy(
                machine, name, number, key, value
            )
    return mutants


SYSTEMIC_ERRORS = [
    "Appflow.AccessDeniedException",
    "Appflow.ConnectorAuthenticationException",
    "Appflow.ResourceNotFoundException",
    "Appflow.UnsupportedOperationException",
    "Appflow.ValidationException",
    "CustomerProfiles.AccessDeniedException",
    "CustomerProfiles.BadRequestException",
    "CustomerProfiles.ResourceNotFoundException",
]
LISTS = {f"{error} is not systemic": _systemic(error) for error in SYSTEMIC_ERRORS}
POLICIES: dict[str, Mutant] = dict(
    chain.from_iterable(
        _policies(machine, name, found).items()
        for machine in (BULK, MONITOR)
        for name, found in states_of(DEFINITIONS[machine]).items()
    )
)
"""Every retrier of every state: without each of its errors, and with other waits."""

MUTANTS = {**CODE, **STATES, **LISTS, **TEMPLATE}
