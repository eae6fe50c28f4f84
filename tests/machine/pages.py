"""A run's report as a page, as a browser would read it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from tests.machine.machine import Ended


class Page(HTMLParser):
    """What a browser would make of a page: its text, and every address that it would fetch."""

    def __init__(self, ended: Ended) -> None:
        super().__init__()
        stored = ended.machine.cloud.client("s3").get_object(
            Bucket=ended.machine.cloud.stack.runs_bucket, Key=f"runs/{ended.name}/report.html"
        )
        self.type = stored["ContentType"]
        self.source = stored["Body"].read().decode()
        self.words: list[str] = []
        self.tags: list[str] = []
        self.fetched: list[str] = []
        self.links: list[str] = []
        self.feed(self.source)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        given = dict(attributes)
        if tag == "a":
            self.links.append(given.get("href") or "")
        elif "src" in given or (tag == "link" and "href" in given):
            self.fetched.append(given.get("src") or given.get("href") or "")

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))
