"""The checker is held against a small sound definition and what can go wrong in it."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from tests.template.asl_checks import problems

RETRY = {"ErrorEquals": ["Appflow.InternalServerException"], "MaxAttempts": 2}
SOURCE = "{% $merge([$window.source, {'ConnectorType': 'Salesforce'}]) %}"
FINISHED = "{% $contains($run, /a/) and $count([1]) = 1 %}"
SOUND: dict[str, Any] = {
    "QueryLanguage": "JSONata",
    "StartAt": "Plan",
    "TimeoutSeconds": 86400,
    "States": {
        "Plan": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Arguments": {"FunctionName": "${Plan}", "Payload": "{% $states.input %}"},
            "TimeoutSeconds": 60,
            "Retry": [{"ErrorEquals": ["Lambda.TooManyRequestsException", "Busy"]}],
            "Assign": {"plan": "{% $states.result.Payload %}"},
            "Output": "{% $states.result.Payload %}",
            "Next": "Windows",
        },
        "Windows": {
            "Type": "Map",
            "ItemReader": {
                "Resource": "arn:aws:states:::s3:getObject",
                "ReaderConfig": {"InputType": "JSON"},
                "Arguments": {"Bucket": "{% $states.input.Bucket %}", "Key": "plan.json"},
            },
            "ItemSelector": {
                "window": "{% $states.context.Map.Item.Value %}",
                "plan": "{% $states.input %}",
            },
            "MaxConcurrency": 5,
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                "StartAt": "Open",
                "States": {
                    "Open": {
                        "Type": "Pass",
                        "Assign": {"window": "{% $states.input.window %}"},
                        "Next": "CreateFlow",
                    },
                    "CreateFlow": {
                        "Type": "Task",
                        "Resource": "arn:${Partition}:states:::aws-sdk:appflow:createFlow",
                        "Arguments": {
                            "FlowName": "{% $window.name %}",
                            "TriggerConfig": {"TriggerType": "OnDemand"},
                            "SourceFlowConfig": SOURCE,
                            "DestinationFlowConfigList": [
                                {
                                    "ConnectorType": "CustomerProfiles",
                                    "DestinationConnectorProperties": {
                                        "CustomerProfiles": {"DomainName": "acme"}
                                    },
                                }
                            ],
                            "Tasks": [
                                {
                                    "TaskType": "Filter",
                                    "SourceFields": ["LastModifiedDate"],
                                    "ConnectorOperator": {"Salesforce": "BETWEEN"},
                                    "TaskProperties": {"LOWER_BOUND": "{% $string($window.low) %}"},
                                }
                            ],
                        },
                        "TimeoutSeconds": 60,
                        "Retry": [RETRY],
                        "Catch": [
                            {
                                "ErrorEquals": ["States.ALL"],
                                "Assign": {"failure": "{% $states.errorOutput %}"},
                                "Next": "Stopped",
                            }
                        ],
                        "Next": "Run",
                    },
                    "Run": {
                        "Type": "Parallel",
                        "Branches": [
                            {
                                "StartAt": "StartFlow",
                                "States": {
                                    "StartFlow": {
                                        "Type": "Task",
                                        "Resource": "arn:aws:states:::aws-sdk:appflow:startFlow",
                                        "Arguments": {"FlowName": "{% $window.name %}"},
                                        "TimeoutSeconds": 60,
                                        "Assign": {"run": "{% $states.result.ExecutionId %}"},
                                        "Next": "Done",
                                    },
                                    "Done": {
                                        "Type": "Choice",
                                        "Choices": [
                                            {
                                                "Condition": FINISHED,
                                                "Next": "End",
                                            }
                                        ],
                                        "Default": "Failed",
                                    },
                                    "Failed": {"Type": "Fail", "Error": "RunFailed"},
                                    "End": {"Type": "Succeed"},
                                },
                            }
                        ],
                        "Retry": [{"ErrorEquals": ["RunFailed"]}],
                        "Assign": {"ran": "{% $map($states.result, function($r) { $r.x }) %}"},
                        "Next": "Register",
                    },
                    "Register": {
                        "Type": "Task",
                        "Resource": "arn:aws:states:::aws-sdk:customerprofiles:putIntegration",
                        "Arguments": "{% ($d := 'acme'; {'DomainName': $d, 'Uri': $ran[0]}) %}",
                        "TimeoutSeconds": 60,
                        "End": True,
                    },
                    "Stopped": {"Type": "Fail", "Error": "{% $failure.Error %}"},
                },
            },
            "Output": {"Started": "{% $states.context.Execution.StartTime %}"},
            "Next": "Planned",
        },
        "Planned": {"Type": "Succeed", "Output": "{% $plan %}"},
    },
}

PLAN = "States/Plan"
MAP = "States/Windows"
CHILD = f"{MAP}/ItemProcessor/States"
CREATE = f"{CHILD}/CreateFlow"
ARGUMENTS = f"{CREATE}/Arguments"
BRANCH = f"{CHILD}/Run/Branches/0/States"
REGISTER = f"{CHILD}/Register"
MISSING = object()

MUTANTS: list[tuple[str, Any, str]] = [
    # integrations
    (f"{CREATE}/Resource", "arn:aws:states:::aws-sdk:appflows:createFlow", "no service appflows"),
    (f"{CREATE}/Resource", "arn:aws:states:::aws-sdk:appflow:CreateFlow", "no action CreateFlow"),
    (f"{CREATE}/Resource", "arn:aws:states:::aws-sdk:appflow:makeFlow", "no action makeFlow"),
    (f"{CREATE}/Resource", "arn:aws:states:::appflow:createFlow", "no optimized integration"),
    (f"{CREATE}/Resource", "${CreateFlow}", "is no integration"),
    (f"{PLAN}/Resource", "arn:aws:states:::aws-sdk:lambda:invoke", "without aws-sdk"),
    (f"{MAP}/ItemReader/Resource", "arn:aws:states:::s3:getObjects", "no optimized integration"),
    (f"{MAP}/ItemReader/Arguments/Buckett", "x", "no field Buckett"),
    (f"{ARGUMENTS}/flowName", "x", "no field flowName"),
    (f"{ARGUMENTS}/TriggerConfig/TriggerTyp", "OnDemand", "no field TriggerTyp"),
    (f"{ARGUMENTS}/TriggerConfig/TriggerType", "Ondemand", "not one of Scheduled"),
    (f"{ARGUMENTS}/TriggerConfig", "OnDemand", "not a structure"),
    (f"{ARGUMENTS}/TriggerConfig", MISSING, "lacks TriggerConfig"),
    (f"{ARGUMENTS}/FlowName", 7, "not a string"),
    (f"{ARGUMENTS}/FlowName", "my flow", "does not match"),
    (f"{ARGUMENTS}/FlowName", {"a": "b"}, "not a string"),
    (f"{ARGUMENTS}/Tasks", {"TaskType": "Filter"}, "not a list"),
    (f"{ARGUMENTS}/Tasks/0/TaskType", "filter", "not one of"),
    (f"{ARGUMENTS}/Tasks/0/SourceFields", "LastModifiedDate", "not a list"),
    (f"{ARGUMENTS}/Tasks/0/SourceFields", MISSING, "lacks SourceFields"),
    (f"{ARGUMENTS}/Tasks/0/ConnectorOperator", {"Salesforce": "AMONG"}, "not one of"),
    (f"{ARGUMENTS}/Tasks/0/ConnectorOperator", {"Servicenow": "BETWEEN"}, "no field Servicenow"),
    (f"{ARGUMENTS}/SourceFlowConfig", "{% {'ConnectorTyp': 'Salesforce'} %}", "no field Connector"),
    (
        f"{ARGUMENTS}/SourceFlowConfig",
        "{% $merge([$window, {'ConnectorType': 'SF'}]) %}",
        "not one",
    ),
    (f"{ARGUMENTS}/SourceFlowConfig", "{% {'ConnectorType': 'Salesforce'} %}", "lacks SourceConn"),
    (f"{ARGUMENTS}/KmsArn", "{% $window ? 'key' : $window %}", "does not match"),
    (f"{REGISTER}/Arguments", "{% {'Uri': 'a'} %}", "lacks DomainName"),
    (f"{REGISTER}/Arguments", "{% {'DomainName': 'acme', 'uri': 'a'} %}", "no field uri"),
    (f"{CREATE}/TimeoutSeconds", MISSING, "without TimeoutSeconds"),
    (f"{CHILD}/Run/TimeoutSeconds", 60, "takes no TimeoutSeconds"),
    (f"{MAP}/MaxConcurrency", MISSING, "without MaxConcurrency"),
    ("TimeoutSeconds", MISSING, "without TimeoutSeconds it may run for a year"),
    # error names
    (f"{CREATE}/Retry/0/ErrorEquals", ["AppFlow.InternalServerException"], "names AppFlow."),
    (f"{CREATE}/Retry/0/ErrorEquals", ["Appflow.InternalServer"], "names Appflow.InternalServer,"),
    (f"{CREATE}/Retry/0/ErrorEquals", ["Appflow.NoSuchThingException"], "names Appflow.NoSuch"),
    (f"{CREATE}/Retry/0/ErrorEquals", ["CustomerProfiles.BadRequestException"], "nothing here"),
    (f"{CREATE}/Retry/0/ErrorEquals", ["States.Timeouts"], "names States.Timeouts"),
    (f"{CREATE}/Retry/0/ErrorEquals", ["States.ALL", "States.Timeout"], "States.ALL beside"),
    (f"{CREATE}/Catch/0/ErrorEquals", ["RunFaild"], "names RunFaild"),
    (f"{PLAN}/Retry/0/ErrorEquals", ["Lambda.TooManyRequests"], "names Lambda.TooManyRequests,"),
    (f"{PLAN}/Retry/0/ErrorEquals", ["Busyy"], "names Busyy"),
    (f"{CHILD}/Run/Retry/0/ErrorEquals", ["RunFaild"], "names RunFaild"),
    (f"{BRANCH}/Failed/Error", "RunBroken", "names RunFailed"),
    # variables and their scope
    ("States/Planned/Output", "{% $plans %}", "$plans is never assigned"),
    (
        f"{MAP}/ItemReader/Arguments/Bucket",
        "{% $plan.Bucket %}",
        "is out of reach of a Distributed Map",
    ),
    (f"{MAP}/ItemSelector/plan", "{% $plan %}", "is out of reach of a Distributed Map"),
    (f"{MAP}/MaxConcurrency", "{% $plan.Most %}", "is out of reach of a Distributed Map"),
    (f"{MAP}/Output", "{% $plan %}", "is out of reach of a Distributed Map"),
    (f"{PLAN}/Assign", {"plan": "{% $plan %}"}, "$plan is not assigned on every way"),
    (f"{PLAN}/Assign", MISSING, "$plan is never assigned"),
    (f"{ARGUMENTS}/FlowName", "{% $plan.Name %}", "is out of reach of a Distributed Map"),
    (f"{BRANCH}/StartFlow/Arguments/FlowName", "{% $plan.Name %}", "is out of reach"),
    (f"{ARGUMENTS}/FlowName", "{% $run %}", "$run is never assigned"),
    (f"{REGISTER}/Arguments/", "{% {'DomainName': $run, 'Uri': 'a'} %}", "$run is never assigned"),
    (f"{CHILD}/Stopped/Error", "{% $ran %}", "$ran is not assigned on every way"),
    (
        f"{BRANCH}/StartFlow/Assign",
        {"window": 1, "run": "x"},
        "Variable 'window' has the name of a variable of an outer",
    ),
    (
        f"{BRANCH}/StartFlow/Assign",
        {"ran": 1, "run": "x"},
        "Variable 'ran' has the name of a variable of an outer",
    ),
    (
        f"{BRANCH}/StartFlow/Assign",
        {"plan": 1, "run": "x"},
        "Variable 'plan' has the name of a variable of an outer",
    ),
    (
        f"{CHILD}/Open/Assign",
        {"window": 1, "plan": 1},
        "Variable 'plan' has the name of a variable of an outer",
    ),
    (f"{CHILD}/Open/Assign", {"window": 1, "round": 1}, "has the name of a JSONata function"),
    (f"{CHILD}/Open/Next", "Run", "cannot be reached"),
    # expressions
    (f"{ARGUMENTS}/FlowName", "{% $window. %}", "is no JSONata"),
    (f"{ARGUMENTS}/FlowName", "{% ($window %}", "is no JSONata"),
    (f"{ARGUMENTS}/FlowName", "flow-{% $window.name %}", "begins with {%"),
    (f"{ARGUMENTS}/FlowName", "{% $strng($window) %}", "no function $strng"),
    (f"{ARGUMENTS}/FlowName", "{% $eval('1') %}", "no function $eval"),
    (f"{ARGUMENTS}/FlowName", "{% $states.result.x %}", "$states.result is not defined"),
    (f"{CHILD}/Open/Output", "{% $states.result %}", "$states.result is not defined"),
    (f"{CREATE}/Catch/0/Assign/failure", "{% $states.result %}", "$states.result is not defined"),
    (f"{CREATE}/Output", "{% $states.errorOutput %}", "$states.errorOutput is not defined"),
    (f"{PLAN}/Assign/plan", "{% $states.results.Payload %}", "$states.results is not defined"),
    (f"{BRANCH}/Done/Choices/0/Condition", "{% $states.result %}", "$states.result is not defined"),
    (f"{CHILD}/Open/Assign/window", "{% $states.context.Map.Item.Value %}", "for an ItemSelector"),
    (f"{MAP}/Output", "{% $states.context.Executions.Id %}", "has no Executions"),
    (f"{MAP}/Output", "{% $states.context.Execution.Start %}", "Execution has no Start"),
    ("QueryLanguage", "JSONPath", "not in JSONata"),
]


def mutated(path: str, value: Any) -> dict[str, Any]:
    definition = copy.deepcopy(SOUND)
    *parents, last = path.rstrip("/").split("/")
    node: Any = definition
    for name in parents:
        node = node[int(name)] if isinstance(node, list) else node[name]
    key: Any = int(last) if isinstance(node, list) else last
    if value is MISSING:
        del node[key]
    else:
        node[key] = value
    return definition


def test_a_sound_definition_has_no_problems() -> None:
    assert problems(SOUND, raised={"Busy"}) == []


@pytest.mark.parametrize(("path", "value", "told"), MUTANTS)
def test_every_defect_is_found(path: str, value: Any, told: str) -> None:
    found = problems(mutated(path, value), raised={"Busy"})

    assert any(told in problem for problem in found), json.dumps(found, indent=2)
