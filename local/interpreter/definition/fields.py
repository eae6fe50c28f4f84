"""The fields that each type of state may have."""

from __future__ import annotations

_EVERYWHERE = {"Type", "Comment", "QueryLanguage"}
_NEXT = {"Next", "End"}
_PATHS = {"InputPath", "OutputPath"}
_RESULT = {"Parameters", "ResultPath", "ResultSelector"}
_ERRORS = {"Retry", "Catch"}
_ASSIGN = {"Output", "Assign"}
_JSONPATH_ONLY = _PATHS | _RESULT | {"Result"}

_BY_TYPE: dict[str, set[str]] = {
    "Pass": _NEXT | _PATHS | _ASSIGN | {"Parameters", "Result", "ResultPath"},
    "Task": _NEXT
    | _PATHS
    | _RESULT
    | _ERRORS
    | _ASSIGN
    | {"Resource", "Arguments", "Credentials"}
    | {"TimeoutSeconds", "TimeoutSecondsPath", "HeartbeatSeconds", "HeartbeatSecondsPath"},
    "Choice": _PATHS | _ASSIGN | {"Choices", "Default"},
    "Wait": _NEXT | _PATHS | _ASSIGN | {"Seconds", "SecondsPath", "Timestamp", "TimestampPath"},
    "Succeed": _PATHS | {"Output"},
    "Fail": {"Error", "Cause", "ErrorPath", "CausePath"},
    "Parallel": _NEXT | _PATHS | _RESULT | _ERRORS | _ASSIGN | {"Branches", "Arguments"},
    "Map": _NEXT
    | _PATHS
    | _RESULT
    | _ERRORS
    | _ASSIGN
    | {"Items", "ItemsPath", "ItemReader", "ItemSelector", "ItemBatcher", "ItemProcessor"}
    | {"Iterator", "MaxConcurrency", "MaxConcurrencyPath", "ResultWriter", "Label"}
    | {"ToleratedFailurePercentage", "ToleratedFailurePercentagePath"}
    | {"ToleratedFailureCount", "ToleratedFailureCountPath"},
}


def is_type(value: object) -> bool:
    """Return whether a value is a type of state."""
    return value in _BY_TYPE


def has_next(state_type: str) -> bool:
    """Return whether states of a type lead to another one, or end their machine."""
    return "Next" in _BY_TYPE[state_type]


def allowed(state_type: str, query_language: str) -> set[str]:
    """Return the fields that a state may have."""
    fields = _EVERYWHERE | _BY_TYPE[state_type]
    return fields - _JSONPATH_ONLY if query_language == "JSONata" else fields
