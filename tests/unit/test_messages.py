"""Messages to a person fit a phone and what SNS takes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_ingestion.aws import clients
from bulk_ingestion.notifications.messages import notify, shortened


class Topic:
    """Stands for SNS, which takes what its model allows."""

    def __init__(self) -> None:
        self.published: list[dict[str, Any]] = []

    def publish(self, **message: Any) -> None:
        self.published.append(message)


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> Topic:
    topic = Topic()
    monkeypatch.setenv("NOTIFICATIONS_TOPIC", "arn:topic")
    monkeypatch.setattr(clients, "sns", lambda: topic)
    return topic


@pytest.mark.parametrize(
    ("subject", "sent"),
    [
        ("Integration repaired: contacts", "Integration repaired: contacts"),
        ("Zürich\nand more", "Z?rich and more"),
        ("x" * 150, "x" * 97 + "..."),
    ],
)
def test_a_subject_is_one_short_line_of_ascii(topic: Topic, subject: str, sent: str) -> None:
    notify(subject, "Something happened.", "", "https://example.com")
    assert topic.published == [
        {
            "TopicArn": "arn:topic",
            "Subject": sent,
            "Message": "Something happened.\n\nhttps://example.com",
        }
    ]


def test_marks_of_direction_do_not_turn_a_message_round(topic: Topic) -> None:
    notify("Failed", "RunFailed: \u202etxt.exe")
    assert topic.published[0]["Message"] == "RunFailed: [U+202E]txt.exe"


def test_without_a_topic_nothing_is_sent(topic: Topic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFICATIONS_TOPIC", "")
    notify("Something", "happened.")
    assert topic.published == []


@given(st.text(max_size=5000))
def test_a_long_text_is_cut_and_a_short_one_is_not(text: str) -> None:
    short = shortened(text)
    assert text.startswith(short)
    assert len(short) <= 1200
    assert short == text or len(text) > 1200
