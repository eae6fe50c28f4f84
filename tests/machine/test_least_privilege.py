"""The roles are enough, and no more than enough: each statement is needed by some scenario."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from botocore.exceptions import ClientError

from bulk_ingestion.integration import create, monitoring
from bulk_ingestion.run import plan
from local import iam, world
from local.account import ACCOUNT, REGION
from local.aws import runtime
from local.caller import acting_as
from local.clock import Clock
from local.cloud import embedded_cloud
from local.faults import faults
from local.services import simulation
from local.services.customerprofiles.models import customerprofiles_backends
from local.services.simulation import RunOutcome
from local.stack.template import expand
from tests.machine.contacts import contact
from tests.machine.keeper import Keeper
from tests.machine.machine import NOW, Ended, Machine, event

OWNER = {"awsOwningService": "customer-profiles-integration-workflow"}
ANOTHER_KEY = "arn:aws:kms:us-east-1:123456789012:key/another"
CONTINUOUS = "acme-salesforce-contact"
NOT_EXERCISED = {
    "DeliverLogs": "Step Functions delivers its logs itself",
    "SampleTraces": "Step Functions chooses by itself which executions it traces",
    "SendTraces": "Step Functions and Lambda send their traces themselves",
    "WriteLogs": "Lambda writes a function's logs itself",
}
"""The statements that nothing on the embedded cloud can need, and why."""
NOT_MISSED = NOT_EXERCISED | {
    "CancelRuns": "deleting a flow by force ends its run on the embedded cloud in any case",
}
"""The statements without which no scenario fails, and why."""

Statement = dict[str, Any]
NOTHING: Statement = {"Effect": "Deny", "Action": "sts:GetCallerIdentity", "Resource": "*"}
"""A policy must have a statement."""
Scenario = Callable[[Machine], None]


# What each role is for. A scenario asserts that what it does comes out well. ---------------------

names = (f"run-{number}" for number in itertools.count())


def load(machine: Machine, count: int = 12) -> None:
    """Fill the source with contacts, one changed every five days until now."""
    now = machine.cloud.clock.now()
    machine.load(*(contact(f"{n}", now - timedelta(days=5 * n + 1)) for n in range(count)))


def succeeds(machine: Machine, ended: Ended) -> None:
    assert ended.status == "SUCCEEDED", f"{ended.error}: {ended.message}"
    assert not [warning for warning in ended.report["Warnings"] if "could not" in warning]
    assert ended.report["Domain"]["After"].keys() == {"At", "Objects", "DeadLetters"}
    assert machine.flows() == machine.integrations() == [CONTINUOUS]
    assert machine.landed().keys() == machine.source().keys()


def an_import(machine: Machine, *asked: dict[str, Any], size: str = "P1M", **knobs: Any) -> Ended:
    load(machine)
    faults.install({"Faults": list(asked), "Knobs": knobs})
    return machine.run(next(names), ImportFrom="P3M", BatchSize=size)


def imports(machine: Machine) -> None:
    succeeds(machine, an_import(machine))


def is_woken_by_events(machine: Machine) -> None:
    ended = an_import(machine)
    succeeds(machine, ended)
    assert ended.report["EndsNoticed"] == {"Event": len(ended.batches), "Poll": 0}
    bucket = machine.cloud.stack.runs_bucket
    left = machine.cloud.client("s3").list_objects_v2(Bucket=bucket, Prefix="tokens/")
    assert left["KeyCount"] == 0


def imports_into_a_type_that_is_only_a_template(machine: Machine) -> None:
    machine.cloud.client("customer-profiles").delete_profile_object_type(
        DomainName="acme", ObjectTypeName="Salesforce-Contact"
    )
    imports(machine)


def adopts_a_flow_whose_creation_was_not_answered(machine: Machine) -> None:
    lost = {"Operation": "appflow:CreateFlow", "Moment": "After", "Nth": 1}
    succeeds(machine, an_import(machine, lost, size="P3M"))


def runs_as_many_windows_as_there_is_room_for(machine: Machine) -> None:
    ended = an_import(machine, IntegrationsPerDomain=2)
    succeeds(machine, ended)
    assert "MaxConcurrency is lowered from 5 to 2" in " ".join(ended.report["Warnings"])


def waits_for_a_place(machine: Machine) -> None:
    filled = {"Others": {"Integrations": 2}, "From": "PT1S", "For": "PT1H"}
    ended = an_import(machine, filled, IntegrationsPerDomain=2, FullDomainMessage="Invalid.")
    faults.clear()
    assert ended.status == "SUCCEEDED", f"{ended.error}: {ended.message}"


def waits_for_a_place_at_the_hand_off(machine: Machine) -> None:
    filled = {"Others": {"Integrations": 2}, "From": "PT1H", "For": "PT2H"}
    slow = {"Run": {}, "Takes": "PT90M"}
    knobs = {"IntegrationsPerDomain": 2, "FullDomainMessage": "Invalid."}
    ended = an_import(machine, filled, slow, size="P3M", **knobs)
    faults.clear()
    assert ended.status == "SUCCEEDED", f"{ended.error}: {ended.message}"


def cancels_a_run_that_never_ends(machine: Machine) -> None:
    with patch.object(plan, "RUN_DEADLINE_SECONDS", 600):
        ended = an_import(machine, {"Run": {"Flow": "^bulk-"}, "Ends": "Never", "Nth": 1})
    succeeds(machine, ended)
    assert "SPLIT" in ended.statuses.values()


def fails_while_other_windows_run(machine: Machine) -> Ended:
    refused = {"Run": {"Flow": "-0001$"}, "Ends": "Error", "Message": "Authentication failed."}
    ended = an_import(machine, refused, {"Run": {"Flow": "-000[^1]$"}, "Takes": "PT1H"})
    faults.clear()
    return ended


def sweeps_after_a_systemic_error(machine: Machine) -> None:
    ended = fails_while_other_windows_run(machine)
    assert ended.error == "Appflow.ConnectorAuthenticationException", ended.message
    assert machine.flows() == machine.integrations() == []


def loses_the_answer_when_an_integration_is_deleted(machine: Machine) -> None:
    lost = {"Operation": "customer-profiles:DeleteIntegration", "Moment": "After", "Nth": 1}
    ended = an_import(machine, lost)
    succeeds(machine, ended)
    assert ended.states()["RemoveFlow"] == len(ended.batches)


def sweeps_what_was_not_registered_yet(machine: Machine) -> None:
    refused = {"Operation": "appflow:CreateFlow", "Match": {"flowName": "-0001$"}}
    never = {
        "Operation": "customer-profiles:PutIntegration",
        "Match": {"Uri": "-000[^1]$"},
        "Error": "ThrottlingException",
    }
    ended = an_import(machine, refused | {"Error": "AccessDeniedException"}, never)
    faults.clear()
    assert ended.error == "Appflow.AccessDeniedException", f"{ended.error}: {ended.message}"
    assert machine.flows() == machine.integrations() == []


def fails_where_no_outcome_can_be_written(machine: Machine) -> None:
    unwritable = {"Operation": "s3:PutObject", "Match": {"Key": "/windows/0002"}}
    ended = an_import(machine, unwritable)
    assert ended.error == "S3.S3Exception", ended.message
    assert machine.flows() == machine.integrations() == []


def resumes_what_failed(machine: Machine) -> None:
    ended = fails_while_other_windows_run(machine)
    succeeds(machine, machine.wait(machine.start({"Resume": ended.name}, next(names))))


def replaces_an_integration_that_begins_too_late(machine: Machine) -> None:
    machine.run(next(names), ImportFrom="P10D")
    ended = machine.run(next(names), ImportFrom="P20D")
    assert ended.status == "SUCCEEDED", ended.message
    assert ended.report["Continuity"]["Action"] == "REPLACED"


def goes_on_after_a_stop(machine: Machine) -> None:
    load(machine)
    name = next(names)
    arn = f"{machine.cloud.stack.state_machine_arn}:{name}".replace(":stateMachine:", ":execution:")

    def stop(flow: Mapping[str, Any], run: str, records: Any, at: datetime) -> RunOutcome:
        simulation.current.remove_faults()
        machine.cloud.client("stepfunctions").stop_execution(executionArn=arn)
        return RunOutcome(records)

    simulation.current.end_run = stop
    ended = machine.run(name, ImportFrom="P3M", BatchSize="P1M")
    machine.cloud.events.settle()
    assert machine.flows() == machine.integrations() == []
    assert ended.report["Status"] == "CANCELLED"
    succeeds(machine, ended.redrive())


def says_what_becomes_of_the_integration_after_a_stop(machine: Machine) -> None:
    load(machine)
    name = next(names)

    def stop(*_: Any) -> None:
        with acting_as(None):
            client = machine.cloud.client("stepfunctions")
            client.stop_execution(executionArn=machine.arn_of(name))
        raise runtime.OutOfTime

    with patch.object(create, "ensure", stop):
        ended = machine.run(name, ImportFrom="P10D")
    machine.cloud.events.settle()
    assert "The next check creates it" in " ".join(ended.report["Warnings"])


def sweeps_daily(machine: Machine, registered: bool = True) -> None:
    tags = {"bulkIngestionStack": machine.cloud.stack.name, "bulkIngestionExecution": "crashed"}
    definition = event()["FlowDefinition"] | {
        "FlowName": "bulk-crashed-0badcafe-0001",
        "TriggerConfig": {"TriggerType": "OnDemand"},
    }
    machine.cloud.client("customer-profiles").put_integration(
        DomainName="acme",
        ObjectTypeName="Salesforce-Contact",
        FlowDefinition=definition,
        Tags=OWNER | tags,
    )
    if not registered:
        domain = customerprofiles_backends[ACCOUNT][REGION].domains["acme"]
        domain.integrations.clear()
    assert "FunctionError" not in fire(machine, "CleanUpFunctionDaily")
    assert machine.flows() == machine.integrations() == []


def sweeps_a_flow_that_is_no_integration(machine: Machine) -> None:
    sweeps_daily(machine, registered=False)


def starts_on_schedule(machine: Machine) -> None:
    fire(machine, "BulkIngestionStateMachineSchedule")
    fire(machine, "MonitorIntegrationsStateMachineSchedule")


def stopped_integration(machine: Machine, hours: int = 2, **changes: Any) -> Keeper:
    keeper = Keeper(machine)
    keeper.establish(name=next(names), **changes)
    keeper.wait(hours=2)
    assert keeper.health() == "HEALTHY"
    machine.cloud.client("appflow").stop_flow(flowName=CONTINUOUS)
    keeper.wait(hours=hours)
    return keeper


def repairs_an_integration(machine: Machine) -> None:
    keeper = stopped_integration(machine)
    told = len(keeper.told)
    assert keeper.check().output == {"Integrations": {"STOPPED": 1}, "Repaired": 1}
    keeper.wait(hours=1)
    assert keeper.health() == "HEALTHY"
    assert keeper.is_whole()
    assert machine.integrations() == [CONTINUOUS]
    assert keeper.told[told:] == [f"Integration repaired: {CONTINUOUS}"]


def needs_a_person(keeper: Keeper) -> None:
    told = len(keeper.told)
    checked = keeper.check()
    assert checked.status == "SUCCEEDED", checked.message
    assert checked.output["Repaired"] == 0
    assert keeper.told[told:] == [f"Integration needs attention: {CONTINUOUS}"]


def asks_for_credentials(machine: Machine) -> None:
    keeper = stopped_integration(machine)
    faults.install({"Faults": [{"Source": "acme-sf", "LosesAuthentication": True}]})
    needs_a_person(keeper)


def asks_for_the_domains_key(machine: Machine) -> None:
    keeper = stopped_integration(machine)
    machine.cloud.client("customer-profiles").update_domain(
        DomainName="acme", DefaultEncryptionKey=ANOTHER_KEY
    )
    needs_a_person(keeper)


def asks_for_the_object_type(machine: Machine) -> None:
    profiles = machine.cloud.client("customer-profiles")
    known = profiles.get_profile_object_type(DomainName="acme", ObjectTypeName="Salesforce-Contact")
    own = {"DomainName": "acme", "ObjectTypeName": "OurContact"}
    kept = ("Description", "AllowProfileCreation", "Fields", "Keys")
    profiles.put_profile_object_type(**own, **{key: known[key] for key in kept})
    keeper = stopped_integration(machine, ObjectTypeName="OurContact")
    profiles.delete_profile_object_type(**own)
    needs_a_person(keeper)


def is_stopped_while_it_checks(machine: Machine) -> None:
    keeper = stopped_integration(machine)
    check, states = monitoring.check, machine.cloud.client("stepfunctions")
    arn = machine.cloud.stack.outputs["MonitorIntegrationsArn"]

    def stop(*args: Any) -> Any:
        with acting_as(None):
            running = states.list_executions(stateMachineArn=arn, statusFilter="RUNNING")
            states.stop_execution(executionArn=running["executions"][0]["executionArn"])
        return check(*args)

    with patch.object(monitoring, "check", stop):
        assert keeper.check().status == "ABORTED"


def fills_what_is_too_long_ago(machine: Machine) -> None:
    keeper = stopped_integration(machine, hours=75 * 24)
    checked = keeper.check()
    assert checked.status == "SUCCEEDED", checked.message
    assert checked.output["Repaired"] == 1
    client = machine.cloud.client("stepfunctions")
    arn = machine.cloud.stack.state_machine_arn
    latest = client.list_executions(stateMachineArn=arn)["executions"][0]
    assert machine.wait(latest["executionArn"]).status == "SUCCEEDED"
    assert keeper.check().output["Integrations"] == {"HEALTHY": 1}
    assert machine.integrations() == [CONTINUOUS]


def checks_after_a_failed_run(machine: Machine) -> None:
    keeper = Keeper(machine)
    keeper.establish(name=next(names))
    before = len(keeper.settle())
    faults.install({"Faults": [{"Run": {"Flow": CONTINUOUS}, "Ends": "Error", "Nth": 1}]})
    keeper.wait(hours=1)
    assert [check.status for check in keeper.settle()[before:]] == ["SUCCEEDED"]


def tells_of_a_failed_execution(machine: Machine) -> None:
    name = next(names)
    machine.run(name, ImportFrom="2030-01-01")
    machine.cloud.events.settle()
    assert sum(message.text.endswith(f":{name}") for message in machine.cloud.messages()) == 1


def notifies_of_a_success(machine: Machine) -> None:
    name = next(names)
    machine.run(name, ImportFrom="P30D")
    machine.cloud.events.settle()
    subjects = [message.subject for message in machine.cloud.messages()]
    assert f"bulk-ingestion: {name} SUCCEEDED" in subjects


def notifies_of_a_failed_check(machine: Machine) -> None:
    before = len(machine.cloud.messages())
    faults.install({"Faults": [{"Operation": "appflow:ListFlows"}]})
    assert Keeper(machine).check().status == "FAILED"
    machine.cloud.events.settle()
    assert len(machine.cloud.messages()) == before + 1


def fire(machine: Machine, logical_id: str) -> dict[str, Any]:
    """Do what EventBridge Scheduler does when a schedule's time has come."""
    name = machine.cloud.stack.resources[logical_id].physical_id
    target = machine.cloud.client("scheduler").get_schedule(Name=name)["Target"]
    answer: dict[str, Any]
    with acting_as(target["RoleArn"]):
        if ":lambda:" in target["Arn"]:
            function = machine.cloud.client("lambda")
            answer = function.invoke(FunctionName=target["Arn"], Payload=target["Input"])
        else:
            states = machine.cloud.client("stepfunctions")
            answer = states.start_execution(stateMachineArn=target["Arn"], input=target["Input"])
    return answer


def keeps_a_start_that_failed(machine: Machine) -> None:
    resources = machine.cloud.stack.resources
    with acting_as(resources["ScheduleRole"].arn):
        machine.cloud.client("sqs").send_message(
            QueueUrl=resources["DeadLetters"].physical_id, MessageBody="{}"
        )


def has_dead_letter(machine: Machine, text: str) -> bool:
    machine.cloud.events.settle()
    received = machine.cloud.client("sqs").receive_message(
        QueueUrl=machine.cloud.stack.resources["DeadLetters"].physical_id, MaxNumberOfMessages=10
    )
    return any(text in message["Body"] for message in received.get("Messages", []))


def keeps_an_event_that_woke_nobody(machine: Machine) -> None:
    faults.install({"Faults": [{"Function": "wake-window$", "Ends": "TimedOut"}]})
    name = f"bulk-{next(names)}"
    machine.cloud.events.emit(
        {
            "source": "aws.appflow",
            "detail-type": "AppFlow End Flow Run Report",
            "detail": {"flow-name": name},
        }
    )
    assert has_dead_letter(machine, name)


def keeps_an_event(machine: Machine, status: str) -> None:
    """Have a function fail on an event whose execution does not exist, and look for its record."""
    arn, ended = machine.cloud.stack.state_machine_arn, int(NOW.timestamp()) * 1000
    detail = {
        "executionArn": f"{arn.replace(':stateMachine:', ':execution:')}:{next(names)}",
        "stateMachineArn": arn,
        "name": "nobody",
        "status": status,
        "startDate": ended,
        "stopDate": ended,
    }
    machine.cloud.events.execution_changed(detail)
    assert has_dead_letter(machine, str(detail["executionArn"]))


def keeps_an_event_that_no_clean_up_processed(machine: Machine) -> None:
    keeps_an_event(machine, "ABORTED")


def keeps_an_event_of_which_nobody_was_notified(machine: Machine) -> None:
    keeps_an_event(machine, "FAILED")


EXERCISES: Mapping[str, Scenario] = {
    "BulkIngestionRole": imports,
    "CheckIntegrationRole": repairs_an_integration,
    "CreateIntegrationRole ListIntegrations": waits_for_a_place_at_the_hand_off,
    "CheckIntegrationRole ReadTemplates": asks_for_the_object_type,
    "CheckIntegrationRole GetDomains": asks_for_the_domains_key,
    "CheckIntegrationRole GetObjectTypes": asks_for_the_object_type,
    "CheckIntegrationRole ReadSources": asks_for_credentials,
    "CheckIntegrationRole DescribeExecutions": fills_what_is_too_long_ago,
    "CheckIntegrationRole SendNotifications": asks_for_credentials,
    "BulkIngestionRole ListIntegrations": waits_for_a_place,
    "BulkIngestionRole KeepTokens": is_woken_by_events,
    "BulkIngestionRole GetIntegrations": loses_the_answer_when_an_integration_is_deleted,
    "BulkIngestionRole DeleteFlows": loses_the_answer_when_an_integration_is_deleted,
    "BulkIngestionRole DescribeWindowFlows": adopts_a_flow_whose_creation_was_not_answered,
    "CleanUpRole": sweeps_daily,
    "CleanUpRole GetIntegrations": sweeps_a_flow_that_is_no_integration,
    "CleanUpRole DescribeExecutions": goes_on_after_a_stop,
    "CleanUpRole ListRuns": goes_on_after_a_stop,
    "CleanUpRole ReadAndWriteRuns": goes_on_after_a_stop,
    "CleanUpRole ListIntegrationState": says_what_becomes_of_the_integration_after_a_stop,
    "CleanUpRole ReadIntegrationState": says_what_becomes_of_the_integration_after_a_stop,
    "CleanUpRole SendDeadLetters": keeps_an_event_that_no_clean_up_processed,
    "CreateIntegrationRole": imports,
    "CreateIntegrationRole DeleteFlows": replaces_an_integration_that_begins_too_late,
    "FindIntegrationsRole": repairs_an_integration,
    "IntegrationFailedRole": checks_after_a_failed_run,
    "MonitorIntegrationsRole": repairs_an_integration,
    "PlanWindowsRole": imports,
    "PlanWindowsRole GetIntegrations": replaces_an_integration_that_begins_too_late,
    "PlanWindowsRole ReadIntegrationState": replaces_an_integration_that_begins_too_late,
    "PlanWindowsRole ReadQuotas": runs_as_many_windows_as_there_is_room_for,
    "PlanWindowsRole ReadTemplates": imports_into_a_type_that_is_only_a_template,
    "PlanWindowsRole CreateObjectTypes": imports_into_a_type_that_is_only_a_template,
    "PlanWindowsRole TagObjectTypes": imports_into_a_type_that_is_only_a_template,
    "PlanWindowsRole GrantKeyToCustomerProfiles": imports_into_a_type_that_is_only_a_template,
    "PlanWindowsRole ListRuns": resumes_what_failed,
    "RepairIntegrationRole": repairs_an_integration,
    "RepairIntegrationRole StartBulkIngestion": fills_what_is_too_long_ago,
    "ReviewWindowsRole": imports,
    "ReviewWindowsRole ReadWindowErrors": fails_where_no_outcome_can_be_written,
    "ReviewWindowsRole ListFlows": sweeps_after_a_systemic_error,
    "ReviewWindowsRole GetIntegrations": sweeps_what_was_not_registered_yet,
    "ReviewWindowsRole DescribeWindowFlows": sweeps_after_a_systemic_error,
    "ReviewWindowsRole DeleteFlows": sweeps_after_a_systemic_error,
    "ScheduleRole SendDeadLetters": keeps_a_start_that_failed,
    "ScheduleRole StartBulkIngestion": starts_on_schedule,
    "ScheduleRole StartMonitorIntegrations": starts_on_schedule,
    "ScheduleRole StartCleanUp": sweeps_daily,
    "WakeWindowRole": is_woken_by_events,
    "WakeWindowRole SendDeadLetters": keeps_an_event_that_woke_nobody,
    "NotifyRole": tells_of_a_failed_execution,
    "NotifyRole ReadReports": notifies_of_a_success,
    "NotifyRole DescribeChecks": notifies_of_a_failed_check,
    "NotifyRole SendDeadLetters": keeps_an_event_of_which_nobody_was_notified,
}
"""The scenario that needs a statement, by role and Sid; or by role, for its other statements."""

ALL_SCENARIOS: tuple[Scenario, ...] = (
    *dict.fromkeys(EXERCISES.values()),
    cancels_a_run_that_never_ends,
    is_stopped_while_it_checks,
)


def declared() -> list[str]:
    """List the statements that a scenario needs, as role and Sid."""
    resources = expand(parameters=world.parameters())["Resources"]
    return [
        f"{role} {statement['Sid']}"
        for role, resource in resources.items()
        if resource["Type"] == "AWS::IAM::Role"
        for policy in resource["Properties"]["Policies"]
        for conditional in policy["PolicyDocument"]["Statement"]
        for statement in [conditional.get("Fn::If", [None, conditional])[1]]
        if statement["Sid"] not in NOT_MISSED
    ]


# The cloud is deployed once; between tests its roles and its world become what they were ---------


class Roles:
    """The roles of the deployed stack, with policies that can be changed and put back."""

    def __init__(self, machine: Machine) -> None:
        self._iam = machine.cloud.client("iam")
        self._names = {
            logical_id: resource.physical_id
            for logical_id, resource in machine.cloud.stack.resources.items()
            if resource.type == "AWS::IAM::Role"
        }
        self.deployed = {role: self._statements(role) for role in self._names}
        self.logical_ids = {machine.cloud.stack.resources[role].arn: role for role in self._names}

    def put(self, role: str, statements: list[Statement]) -> None:
        name = self._names[role]
        [policy] = self._iam.list_role_policies(RoleName=name)["PolicyNames"]
        document = json.dumps({"Version": "2012-10-17", "Statement": statements or [NOTHING]})
        self._iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=document)

    def put_back(self) -> None:
        for role, statements in self.deployed.items():
            self.put(role, statements)

    def _statements(self, role: str) -> list[Statement]:
        name = self._names[role]
        [policy] = self._iam.list_role_policies(RoleName=name)["PolicyNames"]
        found = self._iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        statements: list[Statement] = found["Statement"]
        return statements


@pytest.fixture(scope="module")
def deployed() -> Iterator[tuple[Machine, Roles]]:
    with embedded_cloud(Clock(start=NOW), {"LogLevel": "ERROR"}) as cloud:
        machine = Machine(cloud)
        yield machine, Roles(machine)


@pytest.fixture
def roles(deployed: tuple[Machine, Roles]) -> Roles:
    return deployed[1]


@pytest.fixture
def machine(deployed: tuple[Machine, Roles]) -> Iterator[Machine]:
    machine, roles = deployed
    yield machine
    machine.cloud.events.settle()
    iam.listeners.clear()
    roles.put_back()
    start_afresh(machine)


def start_afresh(machine: Machine) -> None:
    faults.clear()
    machine.cloud.events.settle()
    machine.cloud.services.reset()
    s3, bucket = machine.cloud.client("s3"), machine.cloud.stack.runs_bucket
    for kept in s3.list_objects_v2(Bucket=bucket, Prefix="integrations/").get("Contents", []):
        s3.delete_object(Bucket=bucket, Key=kept["Key"])
    world.populate(machine.cloud.client)


# The roles are enough, and no more than that -----------------------------------------------------


def test_every_action_of_every_role_is_used_in_a_scenario(machine: Machine, roles: Roles) -> None:
    used = set()

    def note(decision: iam.Decision) -> None:
        if decision.evaluation.statement:
            role = roles.logical_ids[decision.role]
            used.add(f"{role} {decision.evaluation.statement.sid} {decision.ask.action}")

    iam.listeners.append(note)
    for scenario in ALL_SCENARIOS:
        scenario(machine)
        start_afresh(machine)

    assert used == {
        f"{role} {statement['Sid']} {action}"
        for role, statements in roles.deployed.items()
        for statement in statements
        if statement["Sid"] not in NOT_EXERCISED
        for action in as_list(statement["Action"])
    }


@pytest.mark.parametrize("statement", declared())
def test_a_scenario_fails_without_any_one_of_its_roles_statements(
    machine: Machine, roles: Roles, statement: str
) -> None:
    role, sid = statement.split()
    roles.put(role, [kept for kept in roles.deployed[role] if kept["Sid"] != sid])
    scenario = EXERCISES.get(statement) or EXERCISES[role]
    denied = []
    iam.listeners.append(lambda decision: denied.append(not decision.evaluation.allowed))

    with pytest.raises((AssertionError, ClientError)):
        scenario(machine)

    assert any(denied)


def as_list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


# Tags, keys and connections ----------------------------------------------------------------------


@pytest.mark.parametrize("tags", [{}, {"awsOwningService": "somebody-else"}, {"other": "tag"}])
def test_the_machine_may_not_change_what_belongs_to_others(
    machine: Machine, tags: dict[str, str]
) -> None:
    profiles, flows = (machine.cloud.client(name) for name in ("customer-profiles", "appflow"))
    name = "bulk-not-ours"
    definition = event()["FlowDefinition"] | {
        "FlowName": name,
        "TriggerConfig": {"TriggerType": "OnDemand"},
    }
    made = {"DomainName": "acme", "ObjectTypeName": "Salesforce-Contact", "Tags": tags}
    made = {key: value for key, value in made.items() if value}
    uri = profiles.put_integration(FlowDefinition=definition, **made)["Uri"]

    calls: list[Callable[[], Any]] = [
        lambda: flows.start_flow(flowName=name),
        lambda: flows.cancel_flow_executions(flowName=name),
        lambda: flows.delete_flow(flowName=name, forceDelete=True),
        lambda: profiles.delete_integration(DomainName="acme", Uri=uri),
        lambda: profiles.put_integration(Uri=uri, **made),
        lambda: profiles.put_integration(
            FlowDefinition=definition | {"FlowName": "bulk-another"}, **made
        ),
    ]
    with acting_as(machine.cloud.stack.resources["BulkIngestionRole"].arn):
        for call in calls:
            with pytest.raises(ClientError, match="AccessDeniedException"):
                call()
        assert flows.describe_flow(flowName=name)["flowArn"] == uri
    assert machine.flows() == machine.integrations() == [name]


def test_a_window_without_the_owners_tag_is_a_systemic_error(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    tags = {"bulkIngestionStack": machine.cloud.stack.name, "bulkIngestionExecution": "run"}
    monkeypatch.setattr("bulk_ingestion.flow.names.tags", lambda *_: tags)

    ended = an_import(machine)

    assert (ended.status, ended.error) == ("FAILED", "Appflow.AccessDeniedException")
    assert "is not authorized to perform: appflow:CreateFlow on resource: *" in ended.message
    assert machine.flows() == []


def test_a_flow_may_use_the_domains_key_and_no_other(
    machine: Machine,
) -> None:
    profiles = machine.cloud.client("customer-profiles")
    definition = event()["FlowDefinition"] | {"TriggerConfig": {"TriggerType": "OnDemand"}}
    asked = {"DomainName": "acme", "ObjectTypeName": "Salesforce-Contact", "Tags": OWNER}
    role = machine.cloud.stack.resources["CreateIntegrationRole"].arn
    denied = f"perform: kms:CreateGrant on resource: {ANOTHER_KEY}"

    with acting_as(role), pytest.raises(ClientError, match=denied):
        profiles.put_integration(FlowDefinition=definition | {"KmsArn": ANOTHER_KEY}, **asked)
    with acting_as(role):
        profiles.put_integration(FlowDefinition=definition, **asked)
    profiles.update_domain(DomainName="acme", DefaultEncryptionKey=ANOTHER_KEY)
    definition["FlowName"] = "another"
    with acting_as(role), pytest.raises(ClientError, match=denied):
        profiles.put_integration(FlowDefinition=definition, **asked)
    assert machine.flows() == [CONTINUOUS]


def test_a_flow_may_use_the_named_connections_and_no_other(machine: Machine, roles: Roles) -> None:
    others = {"Resource": "arn:aws:appflow:*:*:connectorprofile/acme-mkto"}
    named = [
        statement | (others if statement["Sid"] == "UseConnectorProfiles" else {})
        for statement in roles.deployed["BulkIngestionRole"]
    ]
    roles.put("BulkIngestionRole", named)

    ended = an_import(machine)

    assert ended.error == "Appflow.AccessDeniedException"
    assert "appflow:UseConnectorProfile on resource: arn:aws:appflow:us-east-1" in ended.message
    assert "connectorprofile/acme-sf" in ended.message
