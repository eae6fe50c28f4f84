"""SNS in the embedded cloud: which messages were published, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from moto.sns.models import Topic, sns_backends

from local.clock import Clock
from local.interpreter.patches import Patches

_patches = Patches()


@dataclass(frozen=True)
class Message:
    """A message as it was published to a topic."""

    at: datetime
    topic: str
    subject: str
    text: str


def install(clock: Clock) -> None:
    """Record each message with its time on this clock; moto records no time."""
    uninstall()
    publish = Topic.publish

    def kept(self: Any, message: str, subject: str | None = None, *args: Any, **more: Any) -> Any:
        published = publish(self, message, subject, *args, **more)
        sent = vars(self).setdefault("sent", [])
        sent.append(Message(clock.now(), self.arn, subject or "", message))
        return published

    _patches.put(Topic, "publish", kept)


def uninstall() -> None:
    """Leave moto's topics as they were shipped."""
    _patches.undo()


def published(account: str, region: str) -> list[Message]:
    """Give everything that was published, the oldest first."""
    topics = sns_backends[account][region].topics.values()
    sent = (message for topic in list(topics) for message in vars(topic).get("sent", ()))
    return sorted(sent, key=lambda message: message.at)
