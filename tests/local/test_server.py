"""The server lets no web page in, and answers what no SDK sends as AWS does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any, NamedTuple

import boto3
import pytest
from botocore.exceptions import ClientError

from local.clock import Clock
from local.cloud import Cloud, embedded_cloud
from local.server import serving

VERSIONS = '{"stateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:machine"}'
DEEP = "[" * 100_000 + "]" * 100_000
ADVANCE = "/local/advance"
CONTACTS = "/local/sources/acme-sf/Contact"


class Answer(NamedTuple):
    """A response, with its headers by their lower-case names, and its body as text."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Server:
    """Sends requests as they are written: no client corrects them."""

    def __init__(self, address: str, cloud: Cloud) -> None:
        self.address = address
        self.cloud = cloud
        self.host = address.removeprefix("http://")

    def client(self, service: str) -> Any:
        """Give the boto3 client of a service of the server."""
        session = boto3.Session("local", "local", region_name="us-east-1")
        return session.client(service, endpoint_url=self.address)  # type: ignore[call-overload]

    def ask(self, method: str, path: str, body: str = "", **given: str) -> Answer:
        connection = HTTPConnection(self.host, timeout=60)
        connection.putrequest(method, path, skip_host=True)
        sent = {"Host": self.host, "Content-Length": str(len(body))}
        for name, value in {**sent, **given}.items():
            if value:
                connection.putheader(name.replace("_", "-"), value)
        connection.endheaders(body.encode())
        answered = connection.getresponse()
        text = answered.read().decode()
        headers = {name.lower(): value for name, value in answered.getheaders()}
        return Answer(answered.status, headers, text)

    def call(self, service: str, target: str, body: str, path: str = "/", **more: str) -> Answer:
        scope = f"local/20261126/us-east-1/{service}/aws4_request"
        return self.ask(
            "POST",
            path,
            body,
            **{
                "Content_Type": "application/x-amz-json-1.0",
                "X_Amz_Target": target,
                "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, Signature=x",
                **more,
            },
        )


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with embedded_cloud(Clock(), {"LogLevel": "ERROR"}) as cloud, serving(cloud) as address:
        yield Server(address, cloud)


LIST = ("states", "AWSStepFunctions.ListStateMachines", "{}")


class TestPages:
    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
            {"Origin": "http://127.0.0.1:3000"},
            {"Origin": "https://127.0.0.1"},
            {"Sec_Fetch_Site": "cross-site"},
            {"Sec_Fetch_Site": "same-site"},
            {"Host": "evil.example:4566"},
            {"Host": "localhost.evil.example"},
            {"Host": "0.0.0.0:4566"},
            {"Host": "evil.example", "Origin": "http://evil.example"},
            {"Host": "["},
            {"Host": ""},
        ],
    )
    def test_of_other_origins_are_refused_everywhere(
        self, server: Server, headers: dict[str, str]
    ) -> None:
        reset = server.ask("POST", "/local/reset", **headers)
        states = server.call(*LIST, **headers)
        bucket = server.ask("GET", f"/{server.cloud.stack.runs_bucket}", **headers)
        preflight = server.ask("OPTIONS", "/", Access_Control_Request_Method="POST", **headers)
        answers = [reset, states, bucket, preflight]
        assert [answer.status for answer in answers] == [403] * 4
        assert not any("access-control-allow-origin" in answer.headers for answer in answers)
        assert "Message" in reset.json

    def test_that_send_no_reset_change_nothing(self, server: Server) -> None:
        before = server.cloud.stack
        server.ask("POST", "/local/reset", Origin="http://evil.example")
        assert server.cloud.stack is before

    @pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "bucket.localhost", "[::1]"])
    def test_of_this_server_and_clients_are_let_in_by_each_name_of_this_machine(
        self, server: Server, name: str
    ) -> None:
        host = f"{name}:4566"
        assert server.call(*LIST, Host=host).status == 200
        own = {"Origin": f"http://{host}", "Sec_Fetch_Site": "same-origin"}
        answered = server.call(*LIST, Host=host, **own)
        assert answered.status == 200
        assert "access-control-allow-origin" not in answered.headers
        assert server.ask("GET", "/local/health", Host=host, Sec_Fetch_Site="none").status == 200


class TestStepFunctions:
    @pytest.mark.parametrize(
        ("operation", "body", "status", "code", "message"),
        [
            ("StartExecution", "{", 400, "SerializationException", "not JSON"),
            ("StartExecution", "[]", 400, "SerializationException", "a JSON object"),
            ("StartExecution", DEEP, 400, "SerializationException", "nested more than"),
            ("ListStateMachines", '{"maxResults": NaN}', 400, "SerializationException", "NaN"),
            ("ListStateMachines", '{"maxResults": 1e999}', 400, "SerializationException", "1e999"),
            ("ListStateMachines", '{"maxResults": 1e300}', 400, "ValidationException", "maxRes"),
            ("ListStateMachines", '{"maxResults": "x"}', 400, "ValidationException", "maxResults"),
            ("StartExecution", "{}", 400, "ValidationException", "stateMachineArn"),
            ("Nothing", "{}", 400, "UnknownOperationException", "Nothing"),
            ("ListStateMachineVersions", VERSIONS, 501, "NotImplemented", "not simulate"),
            ("DescribeExecution", '{"executionArn": "x"}', 400, "InvalidArn", "x"),
        ],
    )
    def test_refuses_in_json(
        self, server: Server, operation: str, body: str, status: int, code: str, message: str
    ) -> None:
        answer = server.call("states", f"AWSStepFunctions.{operation}", body)
        assert (answer.status, answer.json["__type"]) == (status, code)
        assert message in answer.json["message"]
        assert "json" in answer.headers["content-type"]

    def test_asks_for_a_signature(self, server: Server) -> None:
        answer = server.call(*LIST, Authorization="")
        assert (answer.status, answer.json["__type"]) == (
            403,
            "MissingAuthenticationTokenException",
        )

    @pytest.mark.parametrize("given", [DEEP, '{"x": NaN}', "{"])
    def test_refuses_an_input_that_is_not_json(self, server: Server, given: str) -> None:
        client = server.client("stepfunctions")
        machine = server.cloud.stack.state_machine_arn
        with pytest.raises(ClientError, match="InvalidExecutionInput"):
            client.start_execution(stateMachineArn=machine, input=given)


@pytest.mark.parametrize(
    ("body", "message"),
    [("{", "not JSON"), (DEEP, "nested more than"), ('{"maxResults": NaN}', "NaN is not JSON")],
)
def test_appflow_refuses_a_body_that_is_not_json(server: Server, body: str, message: str) -> None:
    answer = server.call("appflow", "", body, "/list-flows", Content_Type="application/json")
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (400, "SerializationException")
    assert message in answer.text


@pytest.mark.parametrize("path", ["/nothing", "/moto-api/reset"])
def test_what_no_service_knows_is_an_error_and_not_a_page(server: Server, path: str) -> None:
    answer = server.call("appflow", "", "{}", path, Content_Type="application/json")
    assert answer.status == 404
    assert "html" not in answer.text


def test_a_call_that_breaks_the_simulation_is_an_error_of_aws_and_is_logged(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("local.services.appflow.models.AppflowBackend.list_flows", 1)
    answer = server.call("appflow", "", "{}", "/list-flows", Content_Type="application/json")
    assert (answer.status, answer.json["__type"]) == (500, "InternalFailure")
    assert "not callable" in caplog.text


class TestLocal:
    @pytest.mark.parametrize(
        ("method", "path", "body", "status", "message"),
        [
            ("PUT", CONTACTS, '{"Id": "1"}', 400, "an array of records"),
            ("PUT", CONTACTS, "[1]", 400, "must be a JSON object"),
            ("PUT", CONTACTS, '[{"Name": "x"}]', 400, "has no Id"),
            ("PUT", CONTACTS, '[{"Id": NaN}]', 400, "NaN is not JSON"),
            ("PUT", CONTACTS, DEEP, 400, "nested more than 200 levels"),
            ("PUT", CONTACTS, '[{"Id": "1"}, {"Id": "1"}]', 400, "Two records have the Id 1"),
            (
                *("PUT", CONTACTS, '[{"Id": "1", "LastModifiedDate": "yesterday"}]'),
                *(400, "'yesterday' is not a time: LastModifiedDate of the record 1"),
            ),
            ("PUT", "/local/sources/acme/Contact", "[]", 404, "no connection acme; did you mean"),
            ("GET", "/local/sources/acme/Contact", "", 404, "no connection acme; did you mean"),
            ("PUT", "/local/sources/acme-sf/Contacts", "[]", 404, "did you mean Contact?"),
            ("GET", "/local/sources/acme-sf/Contacts", "", 404, "did you mean Contact?"),
            ("GET", "/local/domains/nowhere/objects/Salesforce-Contact", "", 404, "nowhere"),
            ("GET", "/local/nothing", "", 404, "not found"),
            ("POST", ADVANCE, '{"Seconds": -1}', 400, "from 0 to 31,622,400"),
            ("POST", ADVANCE, '{"Seconds": NaN}', 400, "NaN is not JSON"),
            ("POST", ADVANCE, '{"Seconds": Infinity}', 400, "Infinity is not JSON"),
            ("POST", ADVANCE, '{"Seconds": 1e300}', 400, "from 0 to 31,622,400"),
            ("POST", ADVANCE, '{"Seconds": true}', 400, "from 0 to 31,622,400"),
            ("POST", ADVANCE, '{"Seconds": 1, "Minutes": 1}', 400, "Minutes is unknown"),
            ("POST", ADVANCE, DEEP, 400, "nested more than 200 levels"),
            ("PUT", "/local/faults", DEEP, 400, "nested more than 200 levels"),
        ],
    )
    def test_says_what_is_wrong(
        self, server: Server, method: str, path: str, body: str, status: int, message: str
    ) -> None:
        answer = server.ask(method, path, body)
        assert answer.status == status
        assert message in answer.json["Message"]

    def test_creates_an_object_on_request(self, server: Server) -> None:
        invoices = "/local/sources/acme-sf/Invoice__c"
        assert server.ask("PUT", f"{invoices}?create", '[{"Id": "1"}]').status == 200
        assert server.ask("GET", invoices).json == [{"Id": "1"}]

    def test_reports_its_health(self, server: Server) -> None:
        told = server.ask("GET", "/local/health").json
        assert told["Status"] == "OK"
        assert told["StateMachineArn"] == server.cloud.stack.state_machine_arn


def test_cloudformation_describes_the_stack_with_its_outputs(server: Server) -> None:
    client = server.client("cloudformation")
    [stack] = client.describe_stacks(StackName="bulk-ingestion")["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert outputs == server.cloud.stack.outputs
    for key, logical_id in (("ScheduleRoleArn", "ScheduleRole"), ("DeadLettersArn", "DeadLetters")):
        assert outputs[key] == server.cloud.stack.resources[logical_id].arn
    assert [found["StackName"] for found in client.describe_stacks()["Stacks"]] == [
        "bulk-ingestion"
    ]
    with pytest.raises(ClientError, match=r"ValidationError.*Stack with id other does not exist"):
        client.describe_stacks(StackName="other")


@pytest.mark.parametrize(
    ("service", "operation", "request_"),
    [
        ("appflow", "unregister_connector", {"connectorLabel": "mine"}),
        ("customer-profiles", "get_similar_profiles", {"DomainName": "acme"}),
        ("customer-profiles", "list_event_streams", {"DomainName": "acme"}),
        ("dynamodb", "list_contributor_insights", {}),
    ],
)
def test_what_is_not_simulated_is_named_and_not_retried(
    server: Server, service: str, operation: str, request_: dict[str, Any]
) -> None:
    more = {
        "get_similar_profiles": {"MatchType": "RULE_BASED_MATCHING"}
        | {"SearchKey": "_email", "SearchValue": "ada@acme.example"},
    }.get(operation, {})
    with pytest.raises(ClientError) as refusal:
        getattr(server.client(service), operation)(**request_, **more)
    answer = refusal.value.response
    assert answer["Error"]["Code"] == "NotImplemented"
    assert operation.replace("_", "") in answer["Error"]["Message"].lower().replace("_", "")
    assert answer["ResponseMetadata"]["RetryAttempts"] == 0


@pytest.mark.parametrize("role", ["arn:aws:iam::123456789012:role/absent", "absent"])
def test_a_role_that_does_not_exist_is_refused_as_in_process(server: Server, role: str) -> None:
    definition = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
    with pytest.raises(ClientError, match="is authorized to assume the provided role") as refusal:
        server.client("stepfunctions").create_state_machine(
            name="mine",
            definition=json.dumps(definition),
            roleArn=role,
        )
    assert refusal.value.response["Error"]["Code"] == "AccessDeniedException"
