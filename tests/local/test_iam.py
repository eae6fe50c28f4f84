"""The policy evaluator, as AWS documents evaluation; and what the embedded cloud makes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, ParamValidationError
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from local import clients, iam
from local.account import REGION
from local.caller import acting_as
from local.iam.policies import Ask, UnsupportedPolicy, decide, statements, trust

FLOW = "arn:aws:appflow:us-east-1:123456789012:flow/f"
TAG = "aws:RequestTag/awsOwningService"
ROLE = "arn:aws:iam::123456789012:role/machine"

Keys = dict[str, tuple[str, ...]]


def policy(*listed: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": listed})


def allow(action: Any = "appflow:StartFlow", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def when(operator: str, key: str, wanted: Any) -> dict[str, Any]:
    return allow(Condition={operator: {key: wanted}})


def is_allowed(
    *listed: dict[str, Any],
    action: str = "appflow:StartFlow",
    resource: str = FLOW,
    keys: Keys | None = None,
) -> bool:
    return decide(statements(policy(*listed)), Ask(action, resource, keys or {})).allowed


@pytest.mark.parametrize(
    ("action", "resource", "expected"),
    [
        ("appflow:StartFlow", "*", True),
        ("APPFLOW:startflow", "*", True),
        ("appflow:Start*", "*", True),
        ("appflow:Start?low", "*", True),
        ("appflow:StopFlow", "*", False),
        (["appflow:StopFlow", "appflow:StartFlow"], "*", True),
        ("appflow:StartFlow", FLOW, True),
        ("appflow:StartFlow", FLOW.upper(), False),
        ("appflow:StartFlow", f"{FLOW}?", False),
        ("appflow:StartFlow", "arn:aws:appflow:*:*:flow/*", True),
        ("appflow:StartFlow", "arn:aws:appflow:us-east-1:123456789012:flow", False),
        ("appflow:StartFlow", ["arn:aws:s3:::bucket", FLOW], True),
    ],
)
def test_wildcards_and_case_of_actions_and_resources_are_as_in_iam(
    action: Any, resource: Any, expected: bool
) -> None:
    assert is_allowed(allow(action, resource)) is expected


@pytest.mark.parametrize(
    ("operator", "wanted", "found", "expected"),
    [
        ("StringEquals", "us", ("us",), True),
        ("StringEquals", "us", ("US",), False),
        ("StringEquals", ["them", "us"], ("us",), True),
        ("StringEquals", "u*", ("us",), False),
        ("StringEquals", "us", (), False),
        ("StringLike", "u*", ("us",), True),
        ("StringLike", "u*", ("they",), False),
        ("StringLike", "u*", (), False),
        ("ForAnyValue:StringEquals", "us", ("us", "them"), True),
        ("ForAnyValue:StringEquals", "us", ("them",), False),
        ("ForAnyValue:StringEquals", "us", (), False),
        ("ForAllValues:StringEquals", "us", ("us",), True),
        ("ForAllValues:StringEquals", "us", ("us", "them"), False),
        ("ForAllValues:StringEquals", ["us", "them"], ("us", "them"), True),
        ("ForAllValues:StringEquals", "us", (), True),
    ],
)
def test_the_operator_of_a_condition_decides_on_a_key_that_is_present_or_absent(
    operator: str, wanted: Any, found: tuple[str, ...], expected: bool
) -> None:
    keys: Keys = {"aws:requesttag/awsowningservice": found} if found else {}

    assert is_allowed(when(operator, TAG, wanted), keys=keys) is expected


def test_a_statement_applies_only_if_all_its_conditions_are_met() -> None:
    both = allow(
        Condition={
            "StringEquals": {"kms:ViaService": "profile.us-east-1.amazonaws.com"},
            "ForAllValues:StringEquals": {"kms:GrantOperations": ["Decrypt"]},
        }
    )
    via: Keys = {"kms:viaservice": ("profile.us-east-1.amazonaws.com",)}
    decrypt: Keys = {"kms:grantoperations": ("Decrypt",)}
    more: Keys = {"kms:grantoperations": ("Decrypt", "Encrypt")}

    assert is_allowed(both, keys=via | decrypt)
    assert not is_allowed(both, keys=via | more)
    assert not is_allowed(both, keys=decrypt)


def test_a_deny_wins_over_an_allow() -> None:
    deny = allow() | {"Effect": "Deny"}

    for listed in ([allow(), deny], [deny, allow()]):
        decision = decide(statements(policy(*listed)), Ask("appflow:StartFlow", FLOW, {}))
        assert not decision.allowed
        assert decision.statement is not None
        assert decision.statement.effect == "Deny"


@pytest.mark.parametrize(
    ("document", "named"),
    [
        (policy({**allow(), "NotAction": "s3:*"}), "NotAction"),
        (policy({**allow(), "NotResource": "*"}), "NotResource"),
        (policy({**allow(), "Principal": "*"}), "Principal"),
        (policy({**allow(), "Effect": "allow"}), "Effect allow"),
        (policy({"Effect": "Allow", "Action": "s3:GetObject"}), "the value None"),
        (policy(when("StringNotEquals", TAG, "us")), "StringNotEquals"),
        (policy(when("StringEqualsIfExists", TAG, "us")), "StringEqualsIfExists"),
        (policy(when("ForSomeValues:StringEquals", TAG, "us")), "ForSomeValues"),
        (policy(when("StringEquals", "aws:SourceIp", "us")), "aws:SourceIp"),
        (policy(when("StringEquals", "aws:SourceAccount", "1")), "aws:SourceAccount"),
        (policy(when("StringEquals", "kms:GrantOperations", "Decrypt")), "kms:GrantOperations"),
        (policy(when("StringEquals", TAG, "${aws:username}")), "${aws:username}"),
        (policy(allow(resource="arn:aws:s3:::b/${aws:username}")), "${aws:username}"),
        (json.dumps({"Version": "2008-10-17", "Statement": []}), "2008-10-17"),
        (json.dumps({"Statement": []}), "Version"),
    ],
)
def test_what_a_policy_has_and_is_not_known_here_is_refused_by_name(
    document: str, named: str
) -> None:
    with pytest.raises(UnsupportedPolicy) as refused:
        statements(document)

    assert named in str(refused.value)


def test_a_role_trusts_the_service_and_account_of_its_policy() -> None:
    trusting = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": "states.amazonaws.com"},
        "Condition": {"StringEquals": {"aws:SourceAccount": "1"}},
    }

    def trusts(service: str, account: str) -> bool:
        ask = Ask("sts:AssumeRole", service, {"aws:sourceaccount": (account,)})
        return decide(trust(policy(trusting)), ask).allowed

    assert trusts("states.amazonaws.com", "1")
    assert not trusts("states.amazonaws.com", "2")
    assert not trusts("lambda.amazonaws.com", "1")
    with pytest.raises(UnsupportedPolicy, match="AWS"):
        trust(policy({**trusting, "Principal": {"AWS": "arn:aws:iam::1:root"}}))


texts = st.text("ab:*?/.", max_size=6)


@given(pattern=texts, text=st.text("ab:/.", max_size=6))
def test_any_pattern_matches_as_it_is_defined_to(pattern: str, text: str) -> None:
    def like(p: str, t: str) -> bool:
        if not p:
            return not t
        if p[0] == "*":
            return like(p[1:], t) or (bool(t) and like(p, t[1:]))
        return bool(t) and p[0] in ("?", t[0]) and like(p[1:], t[1:])

    assert is_allowed(allow(resource=pattern), resource=text) is like(pattern, text)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Allow", "Deny"]),
            st.sampled_from(["appflow:StartFlow", "appflow:*", "s3:GetObject"]),
            st.sampled_from(["*", FLOW, "arn:aws:s3:::b"]),
        )
    )
)
def test_any_statements_allow_what_none_denies_and_some_allow(
    drawn: list[tuple[str, str, str]],
) -> None:
    listed = [
        {"Effect": effect, "Action": action, "Resource": resource}
        for effect, action, resource in drawn
    ]
    effects = {
        effect
        for effect, action, resource in drawn
        if action.startswith("appflow:") and resource in ("*", FLOW)
    }

    assert is_allowed(*listed) is (effects == {"Allow"})


# What the embedded cloud makes of it -----------------------------------------------------------


class TestEnforcement:
    @pytest.fixture(autouse=True)
    def role(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
        with mock_aws(), iam.enforced():
            client("iam").create_role(
                RoleName="machine",
                AssumeRolePolicyDocument=policy(
                    {
                        "Effect": "Allow",
                        "Action": "sts:AssumeRole",
                        "Principal": {"Service": "states.amazonaws.com"},
                    }
                ),
            )
            client("s3").create_bucket(Bucket="runs")
            yield

    def test_a_role_without_policies_is_denied_as_by_s3(self) -> None:
        with acting_as(ROLE), pytest.raises(ClientError) as denied:
            client("s3").put_object(Bucket="runs", Key="k", Body=b"")

        response: Any = denied.value.response
        assert response["Error"]["Code"] == "AccessDenied"
        assert response["ResponseMetadata"]["HTTPStatusCode"] == 403
        assert response["Error"]["Message"] == (
            "User: arn:aws:sts::123456789012:assumed-role/machine/embedded-cloud is not authorized "
            "to perform: s3:PutObject on resource: arn:aws:s3:::runs/k because no identity-based "
            "policy allows the s3:PutObject action"
        )
        assert client("s3").list_objects_v2(Bucket="runs")["KeyCount"] == 0

    def test_the_message_of_an_explicit_deny_says_so(self) -> None:
        self.may(allow("s3:*"), allow("s3:PutObject") | {"Effect": "Deny"})

        with acting_as(ROLE), pytest.raises(ClientError, match="with an explicit deny in an"):
            client("s3").put_object(Bucket="runs", Key="k", Body=b"")

    def test_a_caller_without_a_role_may_do_anything(self) -> None:
        client("s3").put_object(Bucket="runs", Key="k", Body=b"")

    def test_a_role_that_does_not_exist_is_denied(self) -> None:
        with acting_as(f"{ROLE}-2"), pytest.raises(ClientError, match="AccessDenied"):
            client("s3").list_objects_v2(Bucket="runs")

    def test_a_call_that_no_table_knows_is_an_error(self) -> None:
        with acting_as(ROLE), pytest.raises(NotImplementedError, match="ListBuckets of s3"):
            client("s3").list_buckets()

    def test_a_service_that_no_table_knows_is_allowed_and_said_to_be_once(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        iam._say_unchecked.cache_clear()
        with acting_as(ROLE):
            for _ in range(2):
                client("dynamodb").list_tables()
        [said] = [message for message in caplog.messages if "dynamodb" in message]
        assert said.startswith("Calls of dynamodb are allowed to every role")

    def test_an_invalid_call_is_invalid_before_it_is_denied(self) -> None:
        with acting_as(ROLE), pytest.raises(ParamValidationError):
            client("appflow").describe_flow()

    def test_a_managed_policy_is_an_error(self) -> None:
        made = client("iam").create_policy(PolicyName="p", PolicyDocument=policy(allow()))
        client("iam").attach_role_policy(RoleName="machine", PolicyArn=made["Policy"]["Arn"])

        with acting_as(ROLE), pytest.raises(UnsupportedPolicy, match="managed"):
            client("s3").list_objects_v2(Bucket="runs")

    def test_a_missing_object_is_denied_to_a_role_that_may_not_list(self) -> None:
        self.may(allow("s3:GetObject"))
        with acting_as(ROLE), pytest.raises(ClientError, match=r"s3:ListBucket on resource"):
            client("s3").get_object(Bucket="runs", Key="k")
        self.may(allow(["s3:GetObject", "s3:ListBucket"]))
        with acting_as(ROLE), pytest.raises(ClientError, match="NoSuchKey"):
            client("s3").get_object(Bucket="runs", Key="k")

    def test_a_policy_that_names_a_prefix_allows_to_list_no_other(
        self,
    ) -> None:
        condition = {"StringLike": {"s3:prefix": "runs/*"}}
        self.may(allow("s3:ListBucket", "arn:aws:s3:::runs", Condition=condition))

        with acting_as(ROLE):
            client("s3").list_objects_v2(Bucket="runs", Prefix="runs/x")
            for asked in ({}, {"Prefix": "other/"}):
                with pytest.raises(ClientError, match="AccessDenied"):
                    client("s3").list_objects_v2(Bucket="runs", **asked)

    def test_a_service_refuses_a_role_that_does_not_trust_it(
        self,
    ) -> None:
        definition = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}})
        machine = {"name": "m", "definition": definition, "roleArn": ROLE}
        client("stepfunctions").create_state_machine(**machine)
        code = {"ZipFile": b""}
        with pytest.raises(ClientError, match="cannot be assumed by Lambda"):
            client("lambda").create_function(FunctionName="f", Role=ROLE, Code=code)
        client("iam").update_assume_role_policy(
            RoleName="machine",
            PolicyDocument=policy(
                {
                    "Effect": "Allow",
                    "Action": "sts:AssumeRole",
                    "Principal": {"Service": "lambda.amazonaws.com"},
                }
            ),
        )
        with pytest.raises(ClientError, match="Neither the global service principal"):
            client("stepfunctions").create_state_machine(**machine | {"name": "n"})

    def may(self, *listed: dict[str, Any]) -> None:
        client("iam").put_role_policy(
            RoleName="machine", PolicyName="p", PolicyDocument=policy(*listed)
        )


def client(service: str) -> Any:
    return clients.client(service, REGION)
