"""What texts of failures say: to the functions, and to the state machine's windows."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from bulk_ingestion.flow import failure_texts
from bulk_ingestion.flow.failure_texts import Kind
from local.interpreter import jsonata

ROOT = Path(__file__).parents[2]
ROWS = json.loads((ROOT / "functions/bulk_ingestion/flow/failure_texts.json").read_text())
DEFINITION = json.loads((ROOT / "statemachine" / "bulk_ingestion.asl.json").read_text())
WINDOW = DEFINITION["States"]["IngestWindows"]["ItemProcessor"]["States"]
RUN = WINDOW["RunFlow"]["Branches"][0]["States"]

SPLIT = "RunTooLarge"
REFUSED = "Appflow.ConnectorAuthenticationException"
RETRIED = "RunFailed"
TEXTS = {
    # Salesforce
    "QUERY_TIMEOUT: Your query request was running for too long.": SPLIT,
    "Your query request was running for too long.": SPLIT,
    "OPERATION_TOO_LARGE: exceeded 100000 distinct who/what's": SPLIT,
    "TOO_MANY_RECORDS": SPLIT,
    "EXCEEDED_ID_LIMIT: record limit reached": SPLIT,
    "EXCEEDED_ID_LIMIT": SPLIT,
    "QUERY_TIMEOUT": SPLIT,
    "EXCEEDED_MAX_SIZE_REQUEST": SPLIT,
    "INVALID_SESSION_ID: Session expired or invalid": REFUSED,
    "INVALID_SESSION_ID": REFUSED,
    '{"error":"invalid_grant"}': REFUSED,
    "INVALID_LOGIN: Invalid username, password, security token; or user locked out.": REFUSED,
    '{"error":"invalid_grant","error_description":"expired access/refresh token"}': REFUSED,
    "INVALID_OPERATION_WITH_EXPIRED_PASSWORD: The user's password has expired": REFUSED,
    "API_DISABLED_FOR_ORG: API is not enabled for this Organization or Partner": REFUSED,
    "INVALID_AUTH_HEADER": REFUSED,
    "REQUEST_LIMIT_EXCEEDED": RETRIED,
    "REQUEST_LIMIT_EXCEEDED: TotalRequests Limit exceeded.": RETRIED,
    "ConcurrentPerOrgLongTxn Limit exceeded: concurrent requests limit": RETRIED,
    "CONCURRENT_REQUESTS_LIMIT_EXCEEDED": RETRIED,
    "SERVER_UNAVAILABLE: Server unavailable": RETRIED,
    "UNABLE_TO_LOCK_ROW: unable to obtain exclusive access to this record": RETRIED,
    # ServiceNow
    "Transaction cancelled: maximum execution time exceeded": SPLIT,
    "Transaction cancelled": SPLIT,
    "Maximum Execution time exceeded": SPLIT,
    "User Not Authenticated": REFUSED,
    # Marketo
    "601: Access token invalid": REFUSED,
    "602: Access token expired": REFUSED,
    "603: Access denied": REFUSED,
    "604: Request time-out": SPLIT,
    "606: Max rate limit '100' exceeded with in '20' secs": RETRIED,
    "607: Daily API Request Quota Reached": RETRIED,
    "608: API Temporarily Unavailable": RETRIED,
    "615: Concurrent access limit reached": RETRIED,
    "713: Transient Error": RETRIED,
    "1029: Too many jobs (10) in queue": RETRIED,
    "1029: Export daily quota 500MB exceeded": RETRIED,
    "1029: Job already queued": RETRIED,
    "1003: The date range must be 31 days or fewer": SPLIT,
    "Date range exceeds the maximum": SPLIT,
    # Zendesk, Slack, OAuth
    "Couldn't authenticate you": REFUSED,
    "invalid_auth": REFUSED,
    "invalid_client": REFUSED,
    "invalid grant": REFUSED,
    "Unauthorised": REFUSED,
    "The token is invalid": REFUSED,
    "Your token has expired": REFUSED,
    "token is expired": REFUSED,
    "An expired token was given": REFUSED,
    "error=invalid_token": REFUSED,
    "The refresh token was revoked": REFUSED,
    "Invalid login": REFUSED,
    "Invalid session": REFUSED,
    "The session expired": REFUSED,
    "Invalid credentials": REFUSED,
    # SAP
    "Runtime error STRING_SIZE_TOO_LARGE": SPLIT,
    "TSV_TNEW_PAGE_ALLOC_FAILED": SPLIT,
    "No more memory available to add rows to an internal table.": SPLIT,
    "No more storage space available for extending an internal table": SPLIT,
    "TIME_OUT: Time limit exceeded": SPLIT,
    "Runtime error TIME_OUT": SPLIT,
    "Time limit exceeded": SPLIT,
    # HTTP
    "401 Unauthorized": REFUSED,
    "408 Request Timeout": SPLIT,
    "413 Request Entity Too Large": SPLIT,
    "413 Payload Too Large": SPLIT,
    "429 Too Many Requests": RETRIED,
    "502 Bad Gateway": RETRIED,
    "503 Service Unavailable": RETRIED,
    "504 Gateway Timeout": SPLIT,
    "504 Gateway Time-out": SPLIT,
    # however they are worded
    "Too many records were requested": SPLIT,
    "Too many rows": SPLIT,
    "Too many results": SPLIT,
    "The record limit was reached": SPLIT,
    "The row limit was reached": SPLIT,
    "The response has met its size limit": SPLIT,
    "The data limit was met": SPLIT,
    "More than the maximum records of one answer": SPLIT,
    "The maximum number of records is 100,000": SPLIT,
    "More than the maximum rows": SPLIT,
    "The maximum number of rows is 100,000": SPLIT,
    "The answer has more than its maximum size": SPLIT,
    "The maximum response size is 32 MB": SPLIT,
    "More than the maximum allowed size": SPLIT,
    "Only 31 days or fewer are possible": SPLIT,
    "java.lang.OutOfMemoryError: out of memory": SPLIT,
    "The request timed out": SPLIT,
    "Request time out": SPLIT,
    "Query timeout after 120 s": SPLIT,
    "Query timed out": SPLIT,
    "java.net.SocketTimeoutException: Read timed out": SPLIT,
    "Read timeout on endpoint URL": SPLIT,
    "The operation timed out": SPLIT,
    "The query took too long": SPLIT,
    "Requests are being throttled": RETRIED,
    "The requests limit is met": RETRIED,
    "Try again later": RETRIED,
    "Connection timed out": RETRIED,
    "connect timed out": RETRIED,
    "Connection reset by peer": RETRIED,
    "The connection was reset.": RETRIED,
    "Connection refused (Connection refused)": RETRIED,
    "Connection closed prematurely": RETRIED,
    "Connection was closed before we received a valid response": RETRIED,
    # what nobody knows
    "Something at the source broke.": RETRIED,
}
UNKNOWN = "Something at the source broke."


def error_of(text: str, split_by_text: bool = True) -> Any:
    """Name the error of a failed run as the state ReadFailure does."""
    expression = RUN["ReadFailure"]["Output"]["Error"].removeprefix("{%").removesuffix("%}")
    return jsonata.evaluate(
        expression,
        {
            "states": {"input": {"Cause": text}},
            "window": {"SplitByText": split_by_text},
            "texts": failure_texts.phrases(),
        },
    )


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_names_the_error_of_a_failed_run(text: str) -> None:
    assert error_of(text) == TEXTS[text]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_known_unless_it_matches_no_phrase(text: str) -> None:
    assert failure_texts.is_known(text) is (text != UNKNOWN)
    assert failure_texts.says(Kind.AUTHENTICATION, text) is (TEXTS[text] == REFUSED)


@pytest.mark.parametrize("text", [text for text, error in TEXTS.items() if error == SPLIT])
def test_a_window_that_is_not_to_be_split_is_run_again_instead(text: str) -> None:
    assert error_of(text, split_by_text=False) == RETRIED


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['Kind']} {row['Phrase']}")
def test_each_phrase_has_a_source_and_a_text_of_its_kind(row: dict[str, str]) -> None:
    phrase = row["Phrase"]
    assert row["Kind"] in set(Kind)
    assert phrase == phrase.lower()
    assert re.match(r"\[[DCI]\]", row["Source"])
    texts = FULL if row["Kind"] == Kind.FULL else TEXTS
    assert any(phrase in text.lower() for text in texts)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['Kind']} {row['Phrase']}")
def test_without_a_phrase_a_text_would_be_taken_for_another(
    row: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, phrase = Kind(row["Kind"]), row["Phrase"]
    texts = [text for text in (FULL if kind is Kind.FULL else TEXTS) if phrase in text.lower()]
    known = failure_texts.phrases()
    others = {**known, kind: [other for other in known[kind] if other != phrase]}

    right = [failure_texts.says(kind, text) for text in texts]
    monkeypatch.setattr(failure_texts, "phrases", lambda: others)
    without = [failure_texts.says(kind, text) for text in texts]

    assert all(right)
    assert not all(without)


FULL = [
    "The quota of integrations is used up.",
    "The limit of 50 integrations for the domain is reached.",
    "Limit exceeded",
    "LimitExceeded",
    "The domain has exceeded the limit of integrations.",
    "You exceeded the limit.",
    "This exceeds the limit.",
    "You reached the limit.",
    "This exceeds the limit of 50 integrations.",
    "Integrations limit reached",
    "You have reached the limit of integrations.",
    "You have reached the maximum.",
    "The maximum number of integrations is 50.",
    "Too many integrations",
]


@pytest.mark.parametrize("text", FULL)
def test_a_text_says_that_the_domain_is_full(text: str) -> None:
    assert failure_texts.says(Kind.FULL, text)


def room(cause: str, *, integrations: int = 1, siblings: int = 0, error: str = "") -> bool:
    """Whether ReviewRoom finds that there is room, so that the request itself was refused."""
    more, no_room, *_ = WINDOW["ReviewRoom"]["Choices"]
    assert (more["Next"], no_room["Next"]) == ("CountIntegrations", "NameError")
    return bool(
        jsonata.evaluate(
            no_room["Condition"].removeprefix("{%").removesuffix("%}"),
            {
                "states": {
                    "input": {
                        "Error": error or "CustomerProfiles.BadRequestException",
                        "Cause": cause,
                    }
                },
                "ingestion": {"IntegrationQuota": 50},
                "integrations": integrations,
                "siblings": siblings,
                "texts": failure_texts.phrases(),
            },
        )
    )


@pytest.mark.parametrize("text", FULL)
def test_a_refusal_that_says_so_means_a_full_domain(text: str) -> None:
    assert not room(text)


def test_a_refusal_that_says_nothing_means_what_the_other_integrations_say() -> None:
    assert room("Invalid.", integrations=49)
    assert not room("Invalid.", integrations=50)
    assert not room("Invalid.", siblings=1)
    assert room("Invalid.", siblings=1, error="CustomerProfiles.CustomerProfilesException")
