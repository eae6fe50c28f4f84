"""TestState: one state of a definition, run by itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from moto.core.exceptions import AWSError
from moto.core.responses import ActionResult
from moto.stepfunctions.parser.mocking.mock_config import (
    MockedResponseReturn,
    MockedResponseThrow,
)
from moto.stepfunctions.responses import StepFunctionResponse

from local import strict_json
from local.interpreter.definition.refusal import InvalidDefinition
from local.interpreter.definition.structure import machines_inside, targets
from local.interpreter.definition.validation import validate
from local.interpreter.executions.execution import Execution
from local.interpreter.failures import TIMEOUT
from local.interpreter.states.errors import matches

if TYPE_CHECKING:
    from local.clock import Clock
    from local.interpreter.patches import Patches

State = dict[str, Any]

_SECONDS = 300
"""API reference: TestState "can run for up to five minutes"."""
_NAME = "TestState"
_ONLY_MOCKED = ("Map", "Parallel")
_MOCKED = ("Task", *_ONLY_MOCKED)
_OF_A_TASK = (
    *("QueryLanguage", "Comment", "Assign", "Output", "Retry", "Catch", "Next", "End"),
    *("InputPath", "ResultSelector", "ResultPath", "OutputPath"),
)
"""The fields of a Map or Parallel state that a Task has too."""


class ValidationException(AWSError):  # type: ignore[misc]  # noqa: N818 - AWS's name
    """The error for a request that TestState does not support."""

    TYPE = "ValidationException"
    STATUS = 400


@dataclass(frozen=True)
class Trial:
    """What a TestState request asks for."""

    name: str
    state: State
    input: str
    role_arn: str
    variables: dict[str, Any] = field(default_factory=dict)
    mock: dict[str, Any] = field(default_factory=dict)
    context: dict[str, Any] = field(default_factory=dict)
    retries: int = 0
    """How often the state was retried for the mocked error."""

    @property
    def name_in_machine(self) -> str:
        """Its name in the machine that runs it: another one if it may follow itself."""
        is_next = any(target == self.name for _, target in targets(self.state))
        return f"{self.name} (tested)" if is_next else self.name

    @property
    def definition(self) -> str:
        """The machine that runs it: without Retry, and an end in place of each state after it."""
        state = {key: value for key, value in self.state.items() if key != "Retry"}
        if state["Type"] in _ONLY_MOCKED:
            kept = {key: value for key, value in state.items() if key in _OF_A_TASK}
            state = {**kept, "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke"}
        states = {target: {"Type": "Succeed"} for _, target in targets(state)}
        machine = {
            "StartAt": self.name_in_machine,
            "States": {**states, self.name_in_machine: state},
            "TimeoutSeconds": _SECONDS,
        }
        return json.dumps(machine)


class _TrialExecution(Execution):
    """An execution of a single state, of which nobody is notified."""

    trial: Trial

    def begin(self, again: bool) -> None:
        super().begin(again)
        for name, value in self.trial.variables.items():
            self.env.variable_store.set(variable_identifier=name, variable_value=value)
        context = self.env.states.context_object.context_object_data
        for name, value in self.trial.context.items():
            context[name] = {**context.get(name, {}), **value}
        if self.trial.mock:
            mocked = SimpleNamespace(mocked_responses=[_response(self.trial.mock)])
            named = {self.trial.name_in_machine: mocked}
            self.env.mock_test_case = SimpleNamespace(state_mocked_responses=named)

    def _notify(self) -> None:
        pass


def _response(mock: dict[str, Any]) -> Any:
    if "result" in mock:
        return MockedResponseReturn(0, 0, json.loads(mock["result"]))
    failed = mock["errorOutput"]
    return MockedResponseThrow(0, 0, failed.get("error", ""), failed.get("cause", ""))


def test_states(patches: Patches, clock: Clock) -> None:
    """Answer TestState, which moto does not have."""

    def test_state(self: Any) -> Any:
        trial = _read(self._get_param)
        machine = SimpleNamespace(
            name=_NAME,
            arn=f"arn:aws:states:{self.region}:{self.current_account}:stateMachine:{_NAME}",
            roleArn=trial.role_arn,
            definition=trial.definition,
        )
        execution = _TrialExecution(
            clock=clock,
            machine=machine,
            account=self.current_account,
            region=self.region,
            arn=machine.arn.replace(":stateMachine:", ":execution:") + f":{_NAME}",
            execution_input=trial.input,
        )
        execution.trial = trial
        execution.start()
        execution.wait()
        answer = _answer(trial, execution)
        if self._get_param("inspectionLevel") in ("DEBUG", "TRACE"):
            answer["inspectionData"] = _inspected(trial, execution, answer)
        return ActionResult(answer)

    patches.put(StepFunctionResponse, "test_state", test_state)


# What is asked for ---------------------------------------------------------------------------


def _read(param: Any) -> Trial:
    definition, name = _parsed("definition", param("definition")), param("stateName")
    mock, configuration = param("mock") or {}, param("stateConfiguration") or {}
    if name:
        validate(param("definition"))
        found = list(_states(definition, definition.get("QueryLanguage", "JSONPath")))
        states = [(state, language) for known, state, language in found if known == name]
        if not states:
            raise ValidationException(f"The definition has no state {name}.")
        [(state, language)] = states
        state = {"QueryLanguage": language, **state}
    else:
        name, state = _NAME, definition
    trial = Trial(
        name=name,
        state=state,
        input=param("input") or "{}",
        role_arn=param("roleArn") or "",
        variables=_parsed("variables", param("variables") or "{}"),
        mock=mock,
        context=_context(param("context") or "{}"),
        retries=configuration.get("retrierRetryCount", 0),
    )
    _parsed("input", trial.input, anything=True)
    _check(trial)
    return trial


def _parsed(name: str, text: str, anything: bool = False) -> Any:
    error = InvalidDefinition if name == "definition" else ValidationException
    try:
        value = strict_json.loads(text, finite=False)
    except ValueError as wrong:
        raise error(f"{name} is not JSON: {wrong}") from None
    if not (anything or isinstance(value, dict)):
        raise error(f"{name} must be a JSON object.")
    return value


def _context(text: str) -> dict[str, Any]:
    context: dict[str, Any] = _parsed("context", text)
    if wrong := [name for name, value in context.items() if not isinstance(value, dict)]:
        raise ValidationException(f"context.{wrong[0]} must be a JSON object.")
    return context


def _states(machine: State, language: str) -> Iterator[tuple[str, State, str]]:
    """Give every state by its name, with its query language, those of Maps and branches too."""
    for name, state in machine.get("States", {}).items():
        own = state.get("QueryLanguage", language)
        yield name, state, own
        for _, inner in machines_inside(state):
            yield from _states(inner, inner.get("QueryLanguage", own))


def _check(trial: Trial) -> None:
    kind, resource = trial.state.get("Type"), str(trial.state.get("Resource", ""))
    if trial.mock and kind not in _MOCKED:
        raise ValidationException(f"A mock can only be specified for {', '.join(_MOCKED)} states.")
    if trial.mock and ("result" in trial.mock) == ("errorOutput" in trial.mock):
        raise ValidationException("A mock has either a result or an errorOutput.")
    if "result" in trial.mock:
        _parsed("mock.result", trial.mock["result"], anything=True)
    if trial.context and not trial.mock:
        raise ValidationException("context can only be specified with a mock.")
    waits = any(mark in resource for mark in (".sync", ".waitForTaskToken", ":activity:"))
    if (kind in _ONLY_MOCKED or waits) and not trial.mock:
        raise ValidationException(f"A {resource or kind} state can only be tested with a mock.")
    if kind == "Task" and not trial.mock and not trial.role_arn:
        raise ValidationException("roleArn is required to test a Task without a mock.")
    try:
        definition = trial.definition
    except (AttributeError, KeyError, TypeError) as wrong:
        raise InvalidDefinition(f"The state is malformed: {wrong!r}") from None
    validate(definition)


# What is answered ----------------------------------------------------------------------------


def _answer(trial: Trial, execution: Execution) -> dict[str, Any]:
    failure, after = _failure(trial, execution), _after(execution)
    if failure and _retrier(trial, failure["error"]) is not None:
        return {"status": "RETRIABLE", **failure}
    if execution.status != "SUCCEEDED":
        return {"status": "FAILED", **failure}
    answer = {"status": "CAUGHT_ERROR" if failure else "SUCCEEDED", **failure}
    if after is None:
        return answer | {"output": _compact(execution.output)}
    return answer | {"output": _compact(json.loads(after["input"])), "nextState": after["name"]}


def _failure(trial: Trial, execution: Execution) -> dict[str, str]:
    """Give the error of the state, if it has one, whether or not a Catch took it."""
    found: dict[str, str | None] = {}
    if execution.status == "TIMED_OUT":
        found = {"error": TIMEOUT, "cause": f"The state took more than {_SECONDS} seconds."}
    elif execution.status != "SUCCEEDED":
        found = {"error": execution.error, "cause": execution.cause}
    else:
        for happened in execution.history.events():
            details: dict[str, Any] = next(
                (value for key, value in happened.items() if key.endswith("Details")), {}
            )
            if happened["type"].endswith(("Failed", "TimedOut")) and "error" in details:
                found = {"error": details["error"], "cause": details.get("cause", "")}
    return {key: value or "" for key, value in found.items()}


def _after(execution: Execution) -> dict[str, Any] | None:
    """Give how the state after it was entered; None if it was the last one."""
    entered = [
        happened["stateEnteredEventDetails"]
        for happened in execution.history.events()
        if "stateEnteredEventDetails" in happened
    ]
    return entered[1] if len(entered) > 1 else None


def _retrier(trial: Trial, error: str) -> int | None:
    """Give the index of the retrier that would try again; None if none would."""
    for index, retrier in enumerate(trial.state.get("Retry", [])):
        if matches(error, retrier["ErrorEquals"]):
            return index if trial.retries < retrier.get("MaxAttempts", 3) else None
    return None


def _inspected(trial: Trial, execution: Execution, answer: dict[str, Any]) -> dict[str, Any]:
    """Give the data as it passed through the state, as far as the interpreter knows it."""
    data = {"input": trial.input, "variables": _compact(_variables(execution))}
    for happened in execution.history.events():
        if scheduled := happened.get("taskScheduledEventDetails"):
            is_jsonata = trial.state.get("QueryLanguage") == "JSONata"
            data["afterArguments" if is_jsonata else "afterParameters"] = scheduled["parameters"]
        if succeeded := happened.get("taskSucceededEventDetails"):
            data["result"] = succeeded["output"]
    if "error" not in answer:
        return data
    details: dict[str, Any] = {}
    index = _retrier(trial, answer["error"])
    if index is not None:
        retrier = trial.state["Retry"][index]
        wait = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2) ** trial.retries
        details["retryIndex"] = index
        details["retryBackoffIntervalSeconds"] = min(wait, retrier.get("MaxDelaySeconds", wait))
    elif answer["status"] == "CAUGHT_ERROR":
        catchers = trial.state["Catch"]
        details["catchIndex"] = next(
            number
            for number, catcher in enumerate(catchers)
            if matches(answer["error"], catcher["ErrorEquals"])
        )
    return {**data, "errorDetails": details}


def _variables(execution: Execution) -> dict[str, Any]:
    store = execution.env.variable_store
    return {**store._outer_scope, **store._inner_scope}


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
