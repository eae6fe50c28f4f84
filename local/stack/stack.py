"""Deploying the template to the embedded cloud: every resource, every property, or an error.

moto's own CloudFormation drops what it does not know (schedules, alarms, bucket policies,
lifecycle rules, definition substitutions) without a word. Here each resource is created through
the API that CloudFormation itself would call, and botocore refuses a property that it lacks.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local import clients, startup
from local.account import REGION
from local.stack.template import TEMPLATE, expand

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

Properties = dict[str, Any]


@dataclass(frozen=True)
class Resource:
    """A deployed resource: its ``Ref`` and its ``Fn::GetAtt`` attributes."""

    type: str
    physical_id: str
    attributes: dict[str, str] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        """The ``Arn`` attribute."""
        return self.attributes["Arn"]


@dataclass(frozen=True)
class Stack:
    """The deployed stack; resources stand under their logical ids."""

    name: str
    resources: dict[str, Resource]
    outputs: dict[str, str]

    @property
    def state_machine_arn(self) -> str:
        """The machine whose executions are bulk ingestions."""
        return self.outputs["StateMachineArn"]

    @property
    def runs_bucket(self) -> str:
        """The name of the bucket with the runs' folders."""
        return self.outputs["RunsBucketName"]


def deploy(
    parameters: Mapping[str, str],
    name: str = "bulk-ingestion",
    region: str = REGION,
    path: Path | str = TEMPLATE,
) -> Stack:
    """Deploy the template to moto, which must be active."""
    template = expand(path, parameters, region)
    deployment = _Deployment(name, template, region)
    for logical_id, declared in template["Resources"].items():
        if deployment.wants(declared):
            deployment.resource(logical_id)
    outputs = {
        key: deployment.resolve(output["Value"])
        for key, output in template.get("Outputs", {}).items()
        if deployment.wants(output)
    }
    return Stack(name, deployment.resources, outputs)


class _Deployment:
    """One deployment under way: resolves intrinsic functions, and creates what they refer to."""

    def __init__(self, name: str, template: dict[str, Any], region: str) -> None:
        self.resources: dict[str, Resource] = {}
        self._name = name
        self._template = template
        self._aws = _Aws(region)
        account = self._aws.call("sts", "get_caller_identity")["Account"]
        self._values: dict[str, Any] = {
            "AWS::StackName": name,
            "AWS::AccountId": account,
            "AWS::Region": region,
            "AWS::Partition": clients.client("sts", region).meta.partition,
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::NoValue": None,
        }
        for key, parameter in template.get("Parameters", {}).items():
            self._values[key] = _parameter(key, parameter)
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Fn::GetAtt": self._attribute,
            "Fn::Sub": self._sub,
            "Fn::Join": lambda args: args[0].join(self.resolve(args[1])),
            "Fn::Split": lambda args: self.resolve(args[1]).split(args[0]),
            "Fn::If": lambda args: self.resolve(args[1 if self._condition(args[0]) else 2]),
            "Fn::Equals": lambda args: self.resolve(args[0]) == self.resolve(args[1]),
            "Fn::Not": lambda args: not self.resolve(args[0]),
            "Fn::And": lambda args: all(self.resolve(args)),
            "Fn::Or": lambda args: any(self.resolve(args)),
        }

    def wants(self, declared: dict[str, Any]) -> bool:
        """Whether a resource or output is created: it has no condition, or one that is true."""
        return "Condition" not in declared or self._condition(declared["Condition"])

    def resource(self, logical_id: str) -> Resource:
        """Create the resource, if it does not exist yet, after all that it refers to."""
        if logical_id not in self.resources:
            declared = self._template["Resources"][logical_id]
            if not self.wants(declared):
                raise ValueError(f"{logical_id} is referred to, but its condition is not met.")
            unknown = declared.keys() - {
                "Type",
                "Condition",
                "Properties",
                "Metadata",
                "DependsOn",
                "DeletionPolicy",
                "UpdateReplacePolicy",
            }
            create = _CREATE.get(declared["Type"])
            if create is None or unknown:
                what = ", ".join(sorted(unknown)) or declared["Type"]
                raise NotImplementedError(f"{logical_id}: {what} cannot be deployed here.")
            properties = self.resolve(declared.get("Properties", {}))
            physical_name = f"{self._name}-{logical_id}"
            physical_id, attributes = create(self._aws, physical_name, properties)
            self.resources[logical_id] = Resource(declared["Type"], physical_id, attributes)
        return self.resources[logical_id]

    def resolve(self, node: Any) -> Any:
        """Resolve the node's intrinsic functions, and leave out what is ``NoValue``."""
        if isinstance(node, list):
            return [value for item in node if (value := self.resolve(item)) is not None]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            [(key, argument)] = node.items()
            if key in self._functions:
                return self._functions[key](argument)
            if key == "Condition" and isinstance(argument, str):
                return self._condition(argument)
            if key.startswith("Fn::"):
                raise NotImplementedError(f"{key} cannot be resolved here.")
        values = {key: self.resolve(value) for key, value in node.items()}
        return {key: value for key, value in values.items() if value is not None}

    def _ref(self, name: str) -> Any:
        return self._values[name] if name in self._values else self.resource(name).physical_id

    def _attribute(self, argument: list[str]) -> str:
        logical_id, attribute = argument
        return self.resource(logical_id).attributes[attribute]

    def _condition(self, name: str) -> bool:
        return bool(self.resolve(self._template["Conditions"][name]))

    def _sub(self, argument: str | list[Any]) -> str:
        text, names = (argument, {}) if isinstance(argument, str) else argument

        def value(match: re.Match[str]) -> str:
            name = match[1]
            if name in names:
                return str(self.resolve(names[name]))
            if "." in name:
                return self._attribute(name.split(".", 1))
            return str(self._ref(name))

        return re.sub(r"\$\{([^!}]+)\}", value, text).replace("${!", "${")


def _parameter(name: str, declared: dict[str, Any]) -> Any:
    """Hold the parameter's value against its own rules, as CloudFormation does."""
    if "Default" not in declared:
        raise ValueError(f"The parameter {name} needs a value.")
    value = str(declared["Default"])
    is_list = declared["Type"] in ("CommaDelimitedList", "List<Number>")
    items = [item.strip() for item in value.split(",")] if is_list else [value]
    refused = (
        value not in map(str, declared.get("AllowedValues", [value]))
        or not all(re.fullmatch(declared.get("AllowedPattern", "(?s).*"), item) for item in items)
        or ("MinValue" in declared and float(value) < declared["MinValue"])
        or ("MaxValue" in declared and float(value) > declared["MaxValue"])
    )
    if refused:
        raise ValueError(f"The parameter {name} cannot be {value!r}.")
    return items if is_list else value


class _Aws:
    """Calls with the types that the API wants: CloudFormation's parameters are all strings."""

    def __init__(self, region: str) -> None:
        self.region = region

    def call(self, service: str, operation: str, **arguments: Any) -> dict[str, Any]:
        client = clients.client(service, self.region)
        model = client.meta.service_model.operation_model(
            client.meta.method_to_api_mapping[operation]
        )
        answer: dict[str, Any] = getattr(client, operation)(**_typed(arguments, model.input_shape))
        return answer


_SCALARS: dict[str, Callable[[Any], Any]] = {
    "string": str,
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
    "boolean": lambda value: str(value).lower() == "true",
}


def _typed(value: Any, shape: Any) -> Any:
    """Make every scalar what its shape says; what has no shape is left for botocore."""
    if shape.type_name == "structure" and isinstance(value, dict):
        members = shape.members
        return {k: _typed(v, members[k]) if k in members else v for k, v in value.items()}
    if shape.type_name == "map" and isinstance(value, dict):
        return {k: _typed(v, shape.value) for k, v in value.items()}
    if shape.type_name == "list" and isinstance(value, list):
        return [_typed(v, shape.member) for v in value]
    return _SCALARS.get(shape.type_name, lambda scalar: scalar)(value)


# One function for each type: what it creates, and what Ref and Fn::GetAtt then answer ------------

Deployed = tuple[str, dict[str, str]]


def _bucket(aws: _Aws, name: str, properties: Properties) -> Deployed:
    bucket = properties.pop("BucketName", name.lower())
    aws.call("s3", "create_bucket", Bucket=bucket, **_location(aws.region))
    rest: dict[str, tuple[str, str, Callable[[Properties], Properties]]] = {
        "BucketEncryption": (
            "put_bucket_encryption",
            "ServerSideEncryptionConfiguration",
            _encryption,
        ),
        "OwnershipControls": ("put_bucket_ownership_controls", "OwnershipControls", dict),
        "PublicAccessBlockConfiguration": (
            "put_public_access_block",
            "PublicAccessBlockConfiguration",
            dict,
        ),
        "LifecycleConfiguration": (
            "put_bucket_lifecycle_configuration",
            "LifecycleConfiguration",
            _lifecycle,
        ),
    }
    for key, value in properties.items():
        if key not in rest:
            raise NotImplementedError(f"{name}: {key} cannot be deployed here.")
        operation, argument, convert = rest[key]
        aws.call("s3", operation, **{"Bucket": bucket, argument: convert(value)})
    return bucket, {"Arn": f"arn:aws:s3:::{bucket}"}


def _location(region: str) -> Properties:
    if region == "us-east-1":
        return {}
    return {"CreateBucketConfiguration": {"LocationConstraint": region}}


def _encryption(configuration: Properties) -> Properties:
    rules = configuration["ServerSideEncryptionConfiguration"]
    renamed = {"ServerSideEncryptionByDefault": "ApplyServerSideEncryptionByDefault"}
    return {"Rules": [{renamed.get(k, k): v for k, v in rule.items()} for rule in rules]}


def _lifecycle(configuration: Properties) -> Properties:
    def rule(given: Properties) -> Properties:
        converted = dict(given)
        converted["ID"] = converted.pop("Id")
        converted["Filter"] = {"Prefix": converted.pop("Prefix", "")}
        converted["Expiration"] = {"Days": converted.pop("ExpirationInDays")}
        return converted

    return {"Rules": [rule(given) for given in configuration["Rules"]]}


def _bucket_policy(aws: _Aws, name: str, properties: Properties) -> Deployed:
    policy = json.dumps(properties.pop("PolicyDocument"))
    aws.call("s3", "put_bucket_policy", Policy=policy, **properties)
    return name, {}


def _role(aws: _Aws, name: str, properties: Properties) -> Deployed:
    policies = properties.pop("Policies", [])
    properties["AssumeRolePolicyDocument"] = json.dumps(properties["AssumeRolePolicyDocument"])
    role = aws.call("iam", "create_role", **{"RoleName": name, **properties})["Role"]
    for policy in policies:
        # IAM takes a document without a version, such as SAM's, for the older one, which has no
        # policy variables; moto refuses it.
        document = json.dumps({"Version": "2012-10-17", **policy["PolicyDocument"]})
        aws.call(
            "iam",
            "put_role_policy",
            RoleName=role["RoleName"],
            PolicyName=policy["PolicyName"],
            PolicyDocument=document,
        )
    return role["RoleName"], {"Arn": role["Arn"], "RoleId": role["RoleId"]}


def _log_group(aws: _Aws, name: str, properties: Properties) -> Deployed:
    group = properties.pop("LogGroupName", name)
    days = properties.pop("RetentionInDays")
    aws.call("logs", "create_log_group", logGroupName=group, **properties)
    aws.call("logs", "put_retention_policy", logGroupName=group, retentionInDays=days)
    found = aws.call("logs", "describe_log_groups", logGroupNamePrefix=group)["logGroups"]
    return group, {"Arn": next(g["arn"] for g in found if g["logGroupName"] == group)}


def _function(aws: _Aws, name: str, properties: Properties) -> Deployed:
    # The handlers run in this process, from the folder that the template names.
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("README", "The code runs from " + properties.pop("Code")["S3Key"])
    properties["Tags"] = {tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])}
    arguments = {"FunctionName": name, **properties, "Code": {"ZipFile": code.getvalue()}}
    created = aws.call("lambda", "create_function", **arguments)
    return created["FunctionName"], {"Arn": created["FunctionArn"]}


def _state_machine(aws: _Aws, name: str, properties: Properties) -> Deployed:
    definition = properties.pop("DefinitionString")
    for key, value in properties.pop("DefinitionSubstitutions", {}).items():
        definition = definition.replace(f"${{{key}}}", value)
    arguments = {
        "name": properties.pop("StateMachineName", name),
        "type": properties.pop("StateMachineType", "STANDARD"),
        "definition": definition,
        **_lower_camel(properties),
    }
    arn = aws.call("stepfunctions", "create_state_machine", **arguments)["stateMachineArn"]
    return arn, {"Arn": arn, "Name": arguments["name"]}


def _lower_camel(node: Any) -> Any:
    if isinstance(node, dict):
        return {key[0].lower() + key[1:]: _lower_camel(value) for key, value in node.items()}
    return [_lower_camel(item) for item in node] if isinstance(node, list) else node


def _queue(aws: _Aws, name: str, properties: Properties) -> Deployed:
    queue = properties.pop("QueueName", name)
    attributes = {
        key: str(value).lower() if isinstance(value, bool) else str(value)
        for key, value in properties.items()
    }
    url = aws.call("sqs", "create_queue", QueueName=queue, Attributes=attributes)["QueueUrl"]
    found = aws.call("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["QueueArn"])
    return url, {"Arn": found["Attributes"]["QueueArn"], "QueueName": queue}


def _queue_policy(aws: _Aws, name: str, properties: Properties) -> Deployed:
    policy = json.dumps(properties.pop("PolicyDocument"))
    for url in properties.pop("Queues"):
        attributes = {"Policy": policy}
        aws.call("sqs", "set_queue_attributes", QueueUrl=url, Attributes=attributes, **properties)
    return name, {}


def _topic(aws: _Aws, name: str, properties: Properties) -> Deployed:
    topic = properties.pop("TopicName", name)
    subscriptions = properties.pop("Subscription", [])
    tags = properties.pop("Tags", [])
    attributes = {
        key: str(value).lower() if isinstance(value, bool) else str(value)
        for key, value in properties.items()
    }
    created = aws.call("sns", "create_topic", Name=topic, Attributes=attributes, Tags=tags)
    arn = created["TopicArn"]
    for subscription in subscriptions:
        aws.call("sns", "subscribe", TopicArn=arn, **subscription)
    return arn, {"TopicArn": arn, "TopicName": topic}


def _topic_policy(aws: _Aws, name: str, properties: Properties) -> Deployed:
    policy = json.dumps(properties.pop("PolicyDocument"))
    for arn in properties.pop("Topics"):
        given = {"TopicArn": arn, "AttributeName": "Policy", "AttributeValue": policy}
        aws.call("sns", "set_topic_attributes", **given, **properties)
    return name, {}


def _subscription(aws: _Aws, name: str, properties: Properties) -> Deployed:
    arn = aws.call("sns", "subscribe", ReturnSubscriptionArn=True, **properties)["SubscriptionArn"]
    return arn, {"Arn": arn}


def _dashboard(aws: _Aws, name: str, properties: Properties) -> Deployed:
    arguments = {"DashboardName": name, **properties}
    aws.call("cloudwatch", "put_dashboard", **arguments)
    return arguments["DashboardName"], {}


def _schedule(aws: _Aws, name: str, properties: Properties) -> Deployed:
    arguments = {"Name": name, **properties}
    arn = aws.call("scheduler", "create_schedule", **arguments)["ScheduleArn"]
    return arguments["Name"], {"Arn": arn}


def _ssm_parameter(aws: _Aws, name: str, properties: Properties) -> Deployed:
    value, pattern = properties["Value"], properties.get("AllowedPattern", ".*")
    if not re.search(pattern, value):  # which moto does not look at
        raise ValueError(f"{name}: {value!r} does not match the pattern {pattern}.")
    parameter = properties.pop("Name", name)
    startup.import_ssm_without_ec2()
    aws.call("ssm", "put_parameter", Name=parameter, **properties)
    return parameter, {"Type": properties["Type"], "Value": value}


def _alarm(aws: _Aws, name: str, properties: Properties) -> Deployed:
    arguments = {"AlarmName": name, **properties}
    aws.call("cloudwatch", "put_metric_alarm", **arguments)
    found = aws.call("cloudwatch", "describe_alarms", AlarmNames=[arguments["AlarmName"]])
    return arguments["AlarmName"], {"Arn": found["MetricAlarms"][0]["AlarmArn"]}


def _rule(aws: _Aws, name: str, properties: Properties) -> Deployed:
    rule = properties.pop("Name", name)
    targets = properties.pop("Targets")
    pattern = json.dumps(properties.pop("EventPattern"))
    arn = aws.call("events", "put_rule", Name=rule, EventPattern=pattern, **properties)["RuleArn"]
    aws.call("events", "put_targets", Rule=rule, Targets=targets)
    return rule, {"Arn": arn}


def _permission(aws: _Aws, name: str, properties: Properties) -> Deployed:
    aws.call("lambda", "add_permission", StatementId=name, **properties)
    return name, {}


def _event_invoke_config(aws: _Aws, name: str, properties: Properties) -> Deployed:
    aws.call("lambda", "put_function_event_invoke_config", **properties)
    return properties["FunctionName"], {}


_CREATE: dict[str, Callable[[_Aws, str, Properties], Deployed]] = {
    "AWS::CloudWatch::Alarm": _alarm,
    "AWS::CloudWatch::Dashboard": _dashboard,
    "AWS::Events::Rule": _rule,
    "AWS::IAM::Role": _role,
    "AWS::Lambda::EventInvokeConfig": _event_invoke_config,
    "AWS::Lambda::Function": _function,
    "AWS::Lambda::Permission": _permission,
    "AWS::Logs::LogGroup": _log_group,
    "AWS::S3::Bucket": _bucket,
    "AWS::S3::BucketPolicy": _bucket_policy,
    "AWS::SNS::Subscription": _subscription,
    "AWS::SNS::Topic": _topic,
    "AWS::SNS::TopicPolicy": _topic_policy,
    "AWS::SQS::Queue": _queue,
    "AWS::SQS::QueuePolicy": _queue_policy,
    "AWS::SSM::Parameter": _ssm_parameter,
    "AWS::Scheduler::Schedule": _schedule,
    "AWS::StepFunctions::StateMachine": _state_machine,
}
