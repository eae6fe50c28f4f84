"""What goes wrong in an example: the faults and knobs of the embedded cloud, and what they cost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from typing import get_args as literals

from hypothesis import strategies as st

from local.faults.transport import AfterSending, TransportError
from tests.proof.applications import Application

Fault = dict[str, Any]
Knobs = dict[str, Any]


@dataclass(frozen=True)
class Disturbance:
    """A fault, or knobs of the embedded cloud, and what they may cost."""

    asked: Fault = field(default_factory=dict)
    knobs: Knobs = field(default_factory=dict)
    failed_runs: int | None = 0
    """How many runs of one window it lets fail at most; None if it may fail a window."""
    splits: bool = False
    """Whether it has a window's halves take its place, where the window can be split."""
    hinders_removal: bool = False
    """Whether it may keep something from being removed before the execution ends."""


# -------------------------------------------------------------------------------- calls and runs

_TRANSIENT = {
    "appflow": ["InternalServerException", "ThrottlingException"],
    "customer-profiles": ["InternalServerException", "ThrottlingException"],
    "s3": ["InternalError", "SlowDown"],
    "lambda": ["ServiceException", "TooManyRequestsException"],
}
_REMOVING = (
    "appflow:ListFlows",
    "appflow:DescribeFlow",
    "appflow:CancelFlowExecutions",
    "appflow:DeleteFlow",
    "customer-profiles:DeleteIntegration",
    "customer-profiles:GetIntegration",
)
"""Calls without which something may not be removed: the flow of a window is kept while it is not
known whether its integration exists."""
_OF_WINDOWS = [
    "appflow:CreateFlow",
    "appflow:StartFlow",
    "appflow:DescribeFlowExecutionRecords",
    "customer-profiles:PutIntegration",
    "s3:PutObject",
]
_OTHERS = [
    "s3:GetObject",
    "s3:ListObjectsV2",
    "lambda:Invoke",
    *_REMOVING,
]
_SERVICES = ["appflow:*", "customer-profiles:*", "s3:*", "lambda:*"]


@st.composite
def _call_fails(draw: st.DrawFn) -> Disturbance:
    """Draw a call that fails, or whose answer is lost, no longer than its retries go on."""
    operation = draw(st.sampled_from(_OF_WINDOWS) | st.sampled_from([*_OTHERS, *_SERVICES]))
    service = operation.partition(":")[0]
    how: Fault = draw(
        st.sampled_from(
            [
                {"Nth": 1},
                {"Nth": 2},
                {"Nth": 1, "Each": True},
                {"Times": 3},
                {"Times": 2, "Each": True},
                {"Probability": 0.15},
                {"Probability": 0.3},
                {"For": "PT1M"},
                {"For": "PT5M"},
            ]
        )
    )
    moment = draw(st.sampled_from(["Before", "After"]))
    fails = st.sampled_from([{"Error": error} for error in _TRANSIENT[service]])
    if draw(st.booleans()):
        lost = AfterSending if moment == "After" else TransportError
        fails = st.sampled_from([{"Transport": name} for name in literals(lost)])
    asked = {"Operation": operation, "Moment": moment, **draw(fails), **how}
    return Disturbance(asked, hinders_removal=operation in (*_REMOVING, *_SERVICES))


def _window_flow(number: int) -> str:
    return f"-{number:04}$"


_ANY_WINDOW = {"Flow": "^bulk-"}


@st.composite
def _runs_fail(draw: st.DrawFn) -> Disturbance:
    """Draw runs that fail, no more often than they are retried."""
    times = draw(st.sampled_from([3, 1, 2]))
    more: Fault = draw(st.sampled_from([{"Each": True}, {"Each": True, "CutAt": 2}, {"CutAt": 2}]))
    asked = {"Run": _ANY_WINDOW, "Ends": "Error", "Times": times, **more}
    return Disturbance(asked, failed_runs=times)


@st.composite
def _run_is_odd(draw: st.DrawFn, has_windows: bool) -> Disturbance:
    """Draw a run that takes patience, that cannot put its records, or needs a smaller window."""
    odd: list[Fault] = [
        {"AppearsAfter": "PT3M"},
        {"OnLaterPage": True},
        {"Takes": "PT17M", "Times": 3},
        {"PutFailures": 2, "Probability": 0.7},
    ]
    too_large: list[Fault] = [
        {"Ends": "Error", "Message": "The response is too large.", "CutAt": 1},
        {"Ends": "Never"},
        {"Takes": "PT2H"},
    ]
    if has_windows and draw(st.booleans()):
        run = {"Flow": _window_flow(draw(st.integers(1, 3)))}
        return Disturbance({"Run": run, **draw(st.sampled_from(too_large))}, splits=True)
    return Disturbance({"Run": _ANY_WINDOW, **draw(st.sampled_from(odd))})


@st.composite
def _source_is_down(draw: st.DrawFn, application: Application) -> Disturbance:
    source = f"{application.profile}/{application.object}"
    if draw(st.booleans()):
        return Disturbance({"Source": source, "For": "PT30S", "Ends": "Error"}, failed_runs=1)
    begins, lasts = draw(st.sampled_from([("PT1S", "PT3H"), ("PT50S", "PT1H"), ("PT2M", "PT40M")]))
    what: Fault = draw(st.sampled_from([{"Ends": "Error"}, {"LosesAuthentication": True}]))
    return Disturbance({"Source": source, "From": begins, "For": lasts, **what}, failed_runs=None)


@st.composite
def _window_breaks(draw: st.DrawFn) -> Disturbance:
    """Draw what fails one window for good, or, being systemic, all that are left."""
    flow = _window_flow(draw(st.integers(1, 3)))
    create: Fault = {"Operation": "appflow:CreateFlow", "Match": {"flowName": flow}}
    start: Fault = {"Operation": "appflow:StartFlow", "Match": {"flowName": flow}}
    register: Fault = {"Operation": "customer-profiles:PutIntegration", "Match": {"Uri": flow}}
    run: Fault = {"Run": {"Flow": flow}, "Ends": "Error"}
    return Disturbance(
        draw(
            st.sampled_from(
                [
                    create,
                    {**create, "Error": "ConnectorAuthenticationException"},
                    {**create, "Error": "ValidationException"},
                    start,
                    {**start, "Error": "AccessDeniedException"},
                    {**start, "Moment": "After"},
                    register,
                    {**register, "Error": "AccessDeniedException"},
                    {**register, "Error": "BadRequestException", "Moment": "After"},
                    run,
                    {**run, "CutAt": 3},
                    {**run, "Message": "The refresh token has expired.", "Takes": "PT10S"},
                    {"Operation": "s3:PutObject", "Match": {"Key": "windows/0001"}},
                    {"Run": _ANY_WINDOW, "Ends": "Error", "Times": 9},
                ]
            )
        ),
        failed_runs=None,
    )


@st.composite
def _machine_breaks(draw: st.DrawFn) -> Disturbance:
    """Draw what fails the execution outside its windows."""
    functions = ["plan-windows", "review-windows", "create-integration"]
    invoke: Fault = {
        "Operation": "lambda:Invoke",
        "Match": {"FunctionName": draw(st.sampled_from(functions))},
    }
    integrate: Fault = {
        "Operation": "customer-profiles:PutIntegration",
        "Match": {"FlowDefinition": "acme"},
    }
    asked: Fault = draw(
        st.sampled_from(
            [
                invoke,
                {**invoke, "Moment": "After"},
                integrate,
                {**integrate, "Moment": "After", "Error": "AccessDeniedException"},
                {"Operation": "customer-profiles:GetIntegration"},
                {"Operation": "s3:PutObject", "Match": {"Key": "report"}},
                {"Operation": "s3:PutObject", "Match": {"Key": "windows/"}, "Moment": "After"},
                {"Operation": "s3:GetObject", "Match": {"Key": "plan.json"}},
            ]
        )
    )
    return Disturbance(asked, failed_runs=None, hinders_removal=asked["Operation"] in _REMOVING)


# ------------------------------------------------------------------------------- an unkind cloud


@st.composite
def _is_young(draw: st.DrawFn) -> Disturbance:
    """Draw how AWS does not know yet what it created, for a minute at most."""
    knob = draw(st.sampled_from(["YoungFlows", "YoungIntegrations", "YoungTags", "YoungLists"]))
    young: Knobs = draw(
        st.sampled_from([{"Calls": 1}, {"Calls": 3}, {"Lasts": "PT20S"}, {"Lasts": "PT1M"}])
    )
    if knob in ("YoungFlows", "YoungIntegrations"):
        young |= {"Answer": draw(st.sampled_from(["not found", "denied", "bad request"]))}
    # What a list does not show yet is not found until the daily cleanup comes.
    return Disturbance(knobs={knob: young}, hinders_removal=knob == "YoungLists")


@st.composite
def _is_full(draw: st.DrawFn) -> Disturbance:
    """Draw quotas that windows have to wait for, since others of the execution use them up."""
    few = draw(st.integers(1, 3))
    quota = draw(
        st.sampled_from(["IntegrationsPerDomain"] * 3 + ["FlowsPerAccount", "RunsPerAccount"])
    )
    knobs: Knobs = {quota: few}
    if quota == "IntegrationsPerDomain":
        knobs["FullDomainError"] = draw(
            st.sampled_from(
                [
                    "BadRequestException",
                    "AccessDeniedException",
                    "ResourceNotFoundException",
                    "ThrottlingException",
                    "InternalServerException",
                    "ServiceQuotaExceededException",
                ]
            )
        )
    return Disturbance(knobs=knobs)


@st.composite
def _others_fill(draw: st.DrawFn) -> Disturbance:
    """Draw how others use up a quota for a while."""
    begins = draw(st.sampled_from(["PT1S", "PT30S", "PT3M"]))
    fill = {"Others": {"Integrations": 3}, "From": begins, "For": "PT20M"}
    return Disturbance(fill, {"IntegrationsPerDomain": 3}, failed_runs=None)


_ENDS_OF_FUNCTIONS = ["TimedOut", "OutOfMemory", "Exited", "Unknown", "ClientTimeout"]


@st.composite
def _function_fails(draw: st.DrawFn) -> Disturbance:
    """Draw how a function cannot be run, does not end, or answers too late."""
    function = draw(
        st.sampled_from(["plan-windows", "review-windows", "create-integration", "clean-up"])
    )
    late = [{"Takes": "PT5M", "Moment": "Before"}, {"Takes": "PT20M", "Moment": "After"}]
    ends = [
        {"Ends": ends, "Moment": moment}
        for ends in _ENDS_OF_FUNCTIONS
        for moment in ("Before", "After")
    ]
    asked = {
        "Function": f"{function}$",
        **draw(st.sampled_from([*late, *ends])),
        **draw(st.sampled_from([{"Nth": 1}, {"Times": 2}])),
    }
    return Disturbance(asked, hinders_removal=function == "clean-up")


_EVENTS: list[Knobs] = [
    {"EventsLost": 1.0},
    {"EventsLost": 0.5},
    {"EventsLate": "PT10M"},
    {"EventsTwice": 1.0},
    {"EventsEarly": "PT30S"},
]
_EVENTS_GO_ASTRAY = st.sampled_from(_EVENTS).map(lambda knobs: Disturbance(knobs=knobs))


_RECORDS_SHOW_LATE = st.sampled_from(["PT5M", "PT50M"]).map(
    lambda lag: Disturbance(knobs={"VisibilityLag": lag})
)
"""Records that can be read only a while after they were stamped, though not after the overlap."""


@st.composite
def _unkindness(draw: st.DrawFn) -> list[Disturbance]:
    """Draw one or two ways in which AWS may be less kind than it was made out to be."""
    kinds = [
        _is_young(),
        _is_young(),
        _is_full(),
        _function_fails(),
        _others_fill(),
        _RECORDS_SHOW_LATE,
    ]
    chosen = draw(st.lists(st.sampled_from(range(len(kinds))), min_size=1, max_size=2, unique=True))
    found = [draw(kinds[number]) for number in chosen]
    return [*found, draw(_EVENTS_GO_ASTRAY)] if draw(st.integers(0, 3)) == 3 else found


# ------------------------------------------------------------------------------------- all of it


@st.composite
def disturbances(draw: st.DrawFn, application: Application) -> list[Disturbance]:
    """Draw an unkind cloud, faults that have to be borne, and now and then one that need not."""
    unkind = draw(_unkindness())
    bearable = st.one_of(_call_fails(), _runs_fail(), _run_is_odd(application.has_windows))
    breaks = st.one_of(_source_is_down(application), _window_breaks(), _machine_breaks())
    number = draw(st.sampled_from([1, 0, 2]))
    found = [*unkind, *(draw(bearable) for _ in range(number))]
    return [*found, draw(breaks)] if draw(st.integers(0, 3)) == 3 else found
