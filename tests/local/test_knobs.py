"""The embedded cloud where it is as unkind as AWS may be: each knob, and what it does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from local import caller, iam
from local.aws import quotas
from local.faults import faults
from local.faults.spec import InvalidFaults
from local.services.simulation import Young, current
from tests.local.services_cloud import OBJECT_TYPE, Cloud, Request, flow, refused, role

MINUTE = timedelta(minutes=1)


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with mock_aws():
        yield Cloud()


def turn(**knobs: Any) -> None:
    current.knobs = replace(current.knobs, **knobs)


def error(call: Any, **request: Any) -> str:
    """Give the code of the error that a call answers; an empty text if it answers none."""
    try:
        call(**request)
    except ClientError as caught:
        return str(caught.response["Error"]["Code"])
    return ""


def register(cloud: Cloud, name: str, **changes: Any) -> Request:
    """Create a flow; gives the request that registers it."""
    arn = cloud.appflow.create_flow(**flow(name, **changes))["flowArn"]
    return {"DomainName": "acme", "Uri": arn, "ObjectTypeName": OBJECT_TYPE}


# ------------------------------------------------------------------------------ young resources

OF_A_FLOW = (
    "describe_flow",
    "start_flow",
    "describe_flow_execution_records",
    "cancel_flow_executions",
    "delete_flow",
)


@pytest.mark.parametrize("operation", OF_A_FLOW)
@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("not found", "ResourceNotFoundException"),
        ("denied", "AccessDeniedException"),
        ("bad request", "ValidationException"),
    ],
)
def test_the_first_calls_of_each_operation_about_a_young_flow_fail(
    cloud: Cloud, operation: str, answer: Any, code: str
) -> None:
    turn(young_flows=Young(calls=2, answer=answer))
    cloud.appflow.create_flow(**flow())

    answers = [error(getattr(cloud.appflow, operation), flowName="contacts") for _ in range(3)]

    assert answers == [code, code, ""]


def test_a_flow_is_young_for_a_time_and_for_the_named_operations(cloud: Cloud) -> None:
    turn(young_flows=Young(lasts=MINUTE, operations=["StartFlow"]))
    cloud.appflow.create_flow(**flow())

    assert error(cloud.appflow.describe_flow, flowName="contacts") == ""
    cloud.clock.advance(59)
    assert error(cloud.appflow.start_flow, flowName="contacts") == "ResourceNotFoundException"
    cloud.clock.advance(1)
    assert error(cloud.appflow.start_flow, flowName="contacts") == ""


def test_a_flow_of_the_same_name_is_young_again(cloud: Cloud) -> None:
    turn(young_flows=Young(calls=1))
    for _ in range(2):
        cloud.appflow.create_flow(**flow())
        assert error(cloud.appflow.delete_flow, flowName="contacts") == "ResourceNotFoundException"
        assert error(cloud.appflow.delete_flow, flowName="contacts") == ""


@pytest.mark.parametrize(
    ("answer", "code"),
    [("not found", "ResourceNotFoundException"), ("bad request", "BadRequestException")],
)
def test_a_young_flow_cannot_be_registered_yet(cloud: Cloud, answer: Any, code: str) -> None:
    turn(young_flows=Young(lasts=MINUTE, answer=answer, operations=["PutIntegration"]))
    request = register(cloud, "window")

    assert error(cloud.profiles.put_integration, **request) == code
    cloud.clock.advance(60)
    assert error(cloud.profiles.put_integration, **request) == ""


def test_a_young_integration_is_neither_found_nor_deleted(cloud: Cloud) -> None:
    turn(young_integrations=Young(calls=1, answer="denied"))
    request = register(cloud, "window")
    cloud.profiles.put_integration(**request)
    of_it = {key: request[key] for key in ("DomainName", "Uri")}

    for operation in (cloud.profiles.get_integration, cloud.profiles.delete_integration):
        assert error(operation, **of_it) == "AccessDeniedException"
        assert error(operation, **of_it) == ""


def test_lists_leave_young_flows_and_integrations_out(cloud: Cloud) -> None:
    turn(young_lists=Young(lasts=MINUTE))
    cloud.profiles.put_integration(**register(cloud, "window"))

    def listed() -> tuple[int, int]:
        integrations = cloud.profiles.list_integrations(DomainName="acme", IncludeHidden=True)
        return len(cloud.appflow.list_flows()["flows"]), len(integrations["Items"])

    assert listed() == (0, 0)
    cloud.clock.advance(60)
    assert listed() == (1, 1)


@pytest.mark.parametrize("kind", ["flow", "integration"])
def test_iam_denies_by_tags_that_it_does_not_see_yet(cloud: Cloud, kind: str) -> None:
    turn(young_tags=Young(calls=1))
    tags = {"owner": "us"}
    request = register(cloud, "window", tags=tags) | {"Tags": tags}
    cloud.profiles.put_integration(**request)
    calls = {
        "flow": (cloud.appflow.start_flow, {"flowName": "window"}),
        "integration": (
            cloud.profiles.delete_integration,
            {key: request[key] for key in ("DomainName", "Uri")},
        ),
    }
    call, parameters = calls[kind]

    with iam.enforced(), caller.acting_as(role_for_what_is_tagged(cloud, tags)):
        answers = [error(call, **parameters) for _ in range(2)]

    assert answers == ["AccessDeniedException", ""]


def role_for_what_is_tagged(cloud: Cloud, tags: dict[str, str]) -> str:
    condition = {f"aws:ResourceTag/{key}": value for key, value in tags.items()}
    return role(
        cloud,
        Action=["appflow:StartFlow", "profile:DeleteIntegration"],
        Condition={"StringEquals": condition},
    )


# ------------------------------------------------------------------------------------- full


def test_a_full_domain_answers_with_a_bad_request_that_names_the_quota(cloud: Cloud) -> None:
    turn(integrations_per_domain=1)
    cloud.profiles.put_integration(**register(cloud, "window-1"))

    with refused("BadRequestException", 400) as refusal:
        cloud.profiles.put_integration(**register(cloud, "window-2"))

    assert "1 integrations" in str(refusal.value)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("AccessDeniedException", 403),
        ("ResourceNotFoundException", 404),
        ("ServiceQuotaExceededException", 402),
    ],
)
def test_a_full_domain_may_answer_with_any_error(cloud: Cloud, code: Any, status: int) -> None:
    turn(integrations_per_domain=0, full_domain_error=code, full_domain_message="No room.")

    with refused(code, status) as refusal:
        cloud.profiles.put_integration(**register(cloud, "window"))

    assert "No room." in str(refusal.value)


def test_an_account_takes_no_more_flows_and_runs_than_its_quotas(cloud: Cloud) -> None:
    turn(flows_per_account=2, runs_per_account=1)
    for name in ("one", "two"):
        cloud.appflow.create_flow(**flow(name))

    with refused("ServiceQuotaExceededException", 402):
        cloud.appflow.create_flow(**flow("three"))
    cloud.appflow.start_flow(flowName="one")
    with refused("ServiceQuotaExceededException", 402):
        cloud.appflow.start_flow(flowName="two")
    cloud.clock.advance(3600)
    cloud.appflow.start_flow(flowName="two")


def test_others_hold_places_for_a_time(cloud: Cloud) -> None:
    others = {"Integrations": 50, "Flows": 999, "Runs": 1}
    installed = faults.install({"Faults": [{"Others": others, "From": "PT1M", "For": "PT1H"}]})
    request = register(cloud, "window")
    put = cloud.profiles.put_integration
    assert error(put, **request) == ""
    cloud.profiles.delete_integration(DomainName="acme", Uri=request["Uri"])
    cloud.appflow.delete_flow(flowName="window")

    cloud.clock.advance(60)
    assert error(cloud.appflow.create_flow, **flow()) == "ServiceQuotaExceededException"
    assert installed.status()["Faults"][0]["Struck"] == 1050
    pages = [cloud.profiles.list_integrations(DomainName="acme", MaxResults=30)]
    pages.append(
        cloud.profiles.list_integrations(DomainName="acme", NextToken=pages[0]["NextToken"])
    )
    assert [len(page["Items"]) for page in pages] == [30, 20]
    cloud.clock.advance(3600)
    assert error(put, **register(cloud, "window")) == ""
    assert [listed["flowName"] for listed in cloud.appflow.list_flows()["flows"]] == ["window"]


def test_runs_of_others_count_until_they_end(cloud: Cloud) -> None:
    turn(runs_per_account=3)
    faults.install({"Faults": [{"Others": {"Runs": 3}, "For": "PT1H"}]})
    cloud.appflow.create_flow(**flow())

    assert error(cloud.appflow.start_flow, flowName="contacts") == "ServiceQuotaExceededException"
    cloud.clock.advance(3600)
    assert error(cloud.appflow.start_flow, flowName="contacts") == ""


@pytest.mark.parametrize(
    ("reading", "seen"), [("none", [1, 1]), ("registered", [0, 1]), ("all", [0, 1])]
)
def test_hidden_integrations_are_listed_when_they_are_asked_for(
    cloud: Cloud, reading: Any, seen: list[int]
) -> None:
    turn(hidden_integrations=reading)
    cloud.profiles.put_integration(**register(cloud, "window"))

    listed = [
        cloud.profiles.list_integrations(DomainName="acme", IncludeHidden=hidden)["Items"]
        for hidden in (False, True)
    ]

    assert [len(items) for items in listed] == seen


# ----------------------------------------------------------------------- events and ingestion


def hear(cloud: Cloud) -> list[Request]:
    events: list[Request] = []
    cloud.services.on_event(events.append)
    return events


def test_events_never_come(cloud: Cloud) -> None:
    turn(events_lost=1.0)
    events = hear(cloud)
    cloud.appflow.create_flow(**flow())

    assert cloud.run("contacts")["executionStatus"] == "Successful"
    assert events == []


def test_a_share_of_the_events_never_comes(cloud: Cloud) -> None:
    turn(events_lost=0.5)
    events = hear(cloud)
    for number in range(40):
        cloud.appflow.create_flow(**flow(f"flow-{number}"))
        cloud.appflow.start_flow(flowName=f"flow-{number}")
    cloud.clock.advance(3600)
    cloud.services.settle()

    assert 20 < len(events) < 60


def test_events_come_late_with_the_time_of_what_they_report(cloud: Cloud) -> None:
    turn(events_late=10 * MINUTE)
    events = hear(cloud)
    cloud.appflow.create_flow(**flow())
    cloud.run("contacts", seconds=599)
    assert events == []
    cloud.clock.advance(60)
    cloud.services.settle()

    assert [event["time"] for event in events] == ["2026-11-23T10:00:00Z", "2026-11-23T10:00:40Z"]


def test_events_come_twice(cloud: Cloud) -> None:
    turn(events_twice=1.0)
    events = hear(cloud)
    cloud.appflow.create_flow(**flow())
    cloud.run("contacts", seconds=300)

    assert len(events) == 4
    assert len({event["id"] for event in events}) == 2


def test_the_event_about_a_runs_end_comes_before_its_record_shows_it(cloud: Cloud) -> None:
    turn(events_early=10 * timedelta(seconds=1))
    events = hear(cloud)
    cloud.appflow.create_flow(**flow())

    assert cloud.run("contacts", seconds=35)["executionStatus"] == "InProgress"
    assert [event["time"] for event in events] == ["2026-11-23T10:00:00Z", "2026-11-23T10:00:30Z"]
    cloud.clock.advance(10)
    cloud.services.settle()
    assert len(events) == 2


@pytest.mark.parametrize("ending", ["cancelled", "deleted"])
def test_no_early_event_reports_an_end_that_did_not_come(cloud: Cloud, ending: str) -> None:
    # Given a run whose end would be reported 10 seconds early
    turn(events_early=10 * timedelta(seconds=1))
    events = hear(cloud)
    cloud.appflow.create_flow(**flow())
    cloud.run("contacts", seconds=5)
    # When it is cancelled, or its flow is deleted, before that
    if ending == "cancelled":
        cloud.appflow.cancel_flow_executions(flowName="contacts")
    else:
        cloud.appflow.delete_flow(flowName="contacts", forceDelete=True)
    cloud.clock.advance(60)
    cloud.services.settle()
    # Then the end that came is reported once, and no other
    ended = [event for event in events if event["detail-type"].startswith("AppFlow End")]
    assert [event["detail"]["error"] for event in ended] == ["Canceled"] * (ending == "cancelled")


def test_records_become_objects_a_while_after_the_run(cloud: Cloud) -> None:
    turn(ingestion_takes=10 * MINUTE)
    cloud.appflow.create_flow(**flow())

    assert cloud.run("contacts", seconds=60)["executionStatus"] == "Successful"
    assert cloud.landed() == []
    cloud.clock.advance(10 * 60)
    assert len(cloud.landed()) == 20


@pytest.mark.parametrize(("reading", "landed"), [("delivered", 20), ("lost", 0)])
def test_queued_records_are_delivered_or_lost_when_their_integration_goes(
    cloud: Cloud, reading: Any, landed: int
) -> None:
    turn(ingestion_takes=10 * MINUTE, queued_objects=reading)
    arn = cloud.appflow.create_flow(**flow())["flowArn"]
    cloud.run("contacts", seconds=60)
    cloud.profiles.delete_integration(DomainName="acme", Uri=arn)
    cloud.clock.advance(10 * 60)

    assert len(cloud.landed()) == landed


# ------------------------------------------------------------------------------- object types


@pytest.fixture
def template_alone(cloud: Cloud) -> Cloud:
    """A domain in which Salesforce-Contact is only a template."""
    cloud.profiles.delete_profile_object_type(DomainName="acme", ObjectTypeName=OBJECT_TYPE)
    return cloud


def test_a_template_alone_is_no_object_type(template_alone: Cloud) -> None:
    profiles = template_alone.profiles
    with refused("ResourceNotFoundException", 404):
        profiles.get_profile_object_type(DomainName="acme", ObjectTypeName=OBJECT_TYPE)

    template = profiles.get_profile_object_type_template(TemplateId=OBJECT_TYPE)

    assert template["SourceObject"] == "Contact"


@pytest.mark.parametrize(("reading", "landed"), [("lands", 20), ("nothing lands", 0)])
def test_an_integration_for_a_template_alone_delivers_or_not(
    template_alone: Cloud, reading: Any, landed: int
) -> None:
    turn(template_only=reading)
    template_alone.appflow.create_flow(**flow())

    assert template_alone.run("contacts")["executionResult"]["recordsProcessed"] == 20
    assert len(template_alone.landed()) == landed


def test_a_template_alone_may_be_refused(template_alone: Cloud) -> None:
    request = register(template_alone, "window")
    turn(template_only="refused")

    for call, refused_request in (
        (template_alone.profiles.put_integration, request),
        (template_alone.appflow.create_flow, flow()),
    ):
        with refused("ResourceNotFoundException", 404):
            call(**refused_request)


def test_an_object_type_made_from_its_template_has_all_that_the_template_has(
    template_alone: Cloud,
) -> None:
    profiles = template_alone.profiles
    turn(template_only="refused")
    profiles.put_profile_object_type(
        DomainName="acme",
        ObjectTypeName=OBJECT_TYPE,
        TemplateId=OBJECT_TYPE,
        Description="contacts",
    )
    made = profiles.get_profile_object_type(DomainName="acme", ObjectTypeName=OBJECT_TYPE)
    template = profiles.get_profile_object_type_template(TemplateId=OBJECT_TYPE)

    assert {key: made[key] for key in ("Fields", "Keys", "AllowProfileCreation")} == {
        key: template[key] for key in ("Fields", "Keys", "AllowProfileCreation")
    }
    assert made["ExpirationDays"] == 366
    template_alone.appflow.create_flow(**flow())
    template_alone.run("contacts")
    assert len(template_alone.landed()) == 20


def test_an_object_type_of_ones_own_creates_no_profiles_unless_it_says_so(cloud: Cloud) -> None:
    own = {
        "DomainName": "acme",
        "ObjectTypeName": "Orders",
        "Description": "orders",
        "Fields": {"number": {"Source": "_source.number"}},
        "Keys": {"n": [{"StandardIdentifiers": ["UNIQUE", "PROFILE"], "FieldNames": ["number"]}]},
    }
    made = cloud.profiles.put_profile_object_type(**own)

    assert made["AllowProfileCreation"] is False


@pytest.mark.parametrize("key", ["AllowProfileCreation", "Fields"])
def test_what_a_template_decides_cannot_be_given_beside_it(cloud: Cloud, key: str) -> None:
    given = {"AllowProfileCreation": True, "Fields": {"number": {"Source": "_source.number"}}}
    with refused("BadRequestException", 400) as refusal:
        cloud.profiles.put_profile_object_type(
            DomainName="acme",
            ObjectTypeName="Contacts",
            TemplateId=OBJECT_TYPE,
            Description="contacts",
            **{key: given[key]},
        )

    assert key in str(refusal.value)


# --------------------------------------------------------------------------- Service Quotas


@pytest.fixture
def service_quotas(cloud: Cloud) -> Iterator[Any]:
    quotas.install()
    yield cloud.client("service-quotas")
    quotas.uninstall()


def test_service_quotas_gives_the_quotas_that_apply(service_quotas: Any) -> None:
    turn(integrations_per_domain=7)
    [listed] = service_quotas.list_service_quotas(ServiceCode="profile")["Quotas"]
    quota = service_quotas.get_service_quota(ServiceCode="profile", QuotaCode=listed["QuotaCode"])[
        "Quota"
    ]

    assert quota == listed
    assert (quota["QuotaName"], quota["Value"]) == ("Maximum number of integrations", 7)
    with refused("NoSuchResourceException"):
        service_quotas.get_service_quota(ServiceCode="appflow", QuotaCode=listed["QuotaCode"])


def test_service_quotas_come_on_several_pages(service_quotas: Any) -> None:
    first = service_quotas.list_service_quotas(ServiceCode="appflow")
    rest = service_quotas.list_service_quotas(ServiceCode="appflow", NextToken=first["NextToken"])

    assert [quota["Value"] for page in (first, rest) for quota in page["Quotas"]] == [1000, 1000]
    assert "NextToken" not in rest


# -------------------------------------------------------------------------- in a file of faults


def test_a_file_of_faults_sets_knobs_until_it_is_cleared(cloud: Cloud) -> None:
    turn(integrations_per_domain=9)
    knobs = {"YoungFlows": {"Calls": 1, "Answer": "denied"}, "RunsPerAccount": 4}
    faults.install({"Faults": [], "Knobs": knobs})

    assert faults.status()["Knobs"] == knobs
    assert current.knobs.young_flows == Young(calls=1, answer="denied")
    assert (current.knobs.runs_per_account, current.knobs.integrations_per_domain) == (4, 9)
    faults.clear()
    assert (current.knobs.young_flows, current.knobs.integrations_per_domain) == (Young(), 9)


def test_what_is_wrong_with_knobs_is_named_at_once() -> None:
    knobs = {
        "YoungFlows": {"Cals": 1, "Lasts": "1M", "Operations": "StartFlow", "Answer": "maybe"},
        "YoungFlow": {},
        "RunsPerAccount": "4",
        "FullDomainError": "TeapotException",
    }
    with pytest.raises(InvalidFaults) as caught:
        faults.install({"Faults": [], "Knobs": knobs})

    assert sorted(caught.value.problems) == [
        'Knobs.FullDomainError: cannot be "TeapotException"; give BadRequestException, '
        "AccessDeniedException, ResourceNotFoundException, ThrottlingException, "
        "InternalServerException or ServiceQuotaExceededException",
        'Knobs.RunsPerAccount: cannot be "4"; give a whole number',
        "Knobs.YoungFlow: is unknown; did you mean YoungFlows?",
        'Knobs.YoungFlows.Answer: cannot be "maybe"; give not found, denied or bad request',
        "Knobs.YoungFlows.Cals: is unknown; did you mean Calls?",
        'Knobs.YoungFlows.Lasts: "1M" is not a duration; did you mean P1M?',
        'Knobs.YoungFlows.Operations: cannot be "StartFlow"; give a list of texts',
    ]
