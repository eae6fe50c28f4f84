"""Client tokens: the same request with the same token is answered as it was the first time."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local.services import simulation

from .exceptions import ConflictException

Request = dict[str, Any]
Answer = dict[str, Any]


@dataclass
class ClientTokens:
    """What requests with a ``clientToken`` were answered, by flow and token."""

    _kept: dict[tuple[str, str], tuple[datetime, Request, Answer]] = field(default_factory=dict)

    def answer(self, flow: str, request: Request, compare: bool = True) -> Answer | None:
        """Give the answer to an earlier request with the token, unless the token is too old.

        Raises ConflictException if the earlier request differs, and ``compare`` is set.
        """
        kept = self._kept.get((flow, request.get("clientToken", "")))
        lives = simulation.current.knobs.client_token_lives
        if kept is None or simulation.current.now() - kept[0] > lives:
            return None
        if compare and kept[1] != request:
            raise ConflictException("The clientToken was used with different parameters.")
        return kept[2]

    def remember(self, flow: str, request: Request, answer: Answer) -> Answer:
        """Keep an answer for as long as its token lives, and give it back."""
        if "clientToken" in request:
            now = simulation.current.now()
            self._drop_old(now)
            self._kept[flow, request["clientToken"]] = now, copy.deepcopy(request), answer
        return answer

    def _drop_old(self, now: datetime) -> None:
        """Drop the tokens that live no longer; the oldest ones come first."""
        lives = simulation.current.knobs.client_token_lives
        while self._kept and now - next(iter(self._kept.values()))[0] > lives:
            del self._kept[next(iter(self._kept))]

    def forget(self, flow: str) -> None:
        """Forget the tokens of a flow that is deleted."""
        self._kept = {key: kept for key, kept in self._kept.items() if key[0] != flow}
