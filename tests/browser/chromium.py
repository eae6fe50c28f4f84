"""Debian's Chromium, headless, and what it reports about a page."""

from __future__ import annotations

import base64
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.keys import Keys

AXE = Path(__file__).parents[1] / "template" / "node_modules" / "axe-core" / "axe.min.js"
_SWITCHES = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
)
Scheme = Literal["light", "dark"]


def missing() -> list[str]:
    """Name the required programs that are not installed."""
    return [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]


class Page:
    """A page on a screen with a width and a color scheme."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self._driver = driver

    def open(self, path: Path, width: int, scheme: Scheme) -> None:
        """Open a file, and clear the logs of the page before it."""
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        self._driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        self._driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        self._driver.get("about:blank")
        for log in ("browser", "performance"):
            self._driver.get_log(log)  # type: ignore[no-untyped-call]
        self._driver.get(path.as_uri())

    def script(self, body: str, *arguments: Any) -> Any:
        """Run JavaScript in the page."""
        return self._driver.execute_script(body, *arguments)

    def console(self) -> list[str]:
        """Give what the page wrote to the console since it was opened."""
        return [entry["message"] for entry in self._driver.get_log("browser")]  # type: ignore[no-untyped-call]

    def requested(self) -> list[str]:
        """Give every address that was requested since the page was opened."""
        entries = self._driver.get_log("performance")  # type: ignore[no-untyped-call]
        messages = [json.loads(entry["message"])["message"] for entry in entries]
        return [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]

    def violations(self) -> list[str]:
        """Give what axe finds against WCAG 2.2 AA and good practice."""
        self.script(AXE.read_text(encoding="utf-8"))
        found = self._driver.execute_async_script(
            "const done = arguments[0]; axe.run().then(r => done(r.violations))"
        )
        return [
            f"{violation['id']}: {node['html'][:120]} {node.get('failureSummary', '')}"
            for violation in found
            for node in violation["nodes"]
        ]

    def tab_stops(self) -> Iterator[dict[str, Any]]:
        """Press Tab until the end of the page. Describe each element that gets the focus."""
        while True:
            self._driver.switch_to.active_element.send_keys(Keys.TAB)
            focused: dict[str, Any] | None = self.script(
                """
                const e = document.activeElement;
                if (!e || e === document.body || e.dataset.visited) return null;
                e.dataset.visited = "yes";
                const box = e.getBoundingClientRect();
                return {
                  name: (e.getAttribute("aria-label") || e.textContent).trim(),
                  tag: e.tagName, top: box.top + window.scrollY, left: box.left,
                  outline: getComputedStyle(e).outlineStyle !== "none",
                  seen: box.bottom > 0 && box.top < innerHeight,
                };
                """
            )
            if focused is None:
                return
            yield focused

    def press_enter(self) -> None:
        """Press Enter where the focus is."""
        self._driver.switch_to.active_element.send_keys(Keys.ENTER)

    def picture(self, path: Path, width: int, height: int) -> None:
        """Save the top of the page as PNG."""
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        shot = self._driver.execute_cdp_cmd(
            "Page.captureScreenshot", {"clip": clip, "captureBeyondViewport": True}
        )
        path.write_bytes(base64.b64decode(shot["data"]))


@contextmanager
def chromium() -> Iterator[Page]:
    """Start Chromium with a profile of its own, for as long as the context."""
    with tempfile.TemporaryDirectory() as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium") or ""
        for switch in (*_SWITCHES, f"--user-data-dir={profile}"):
            options.add_argument(switch)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
        driver.set_script_timeout(300)  # axe takes long on tables of many rows
        try:
            yield Page(driver)
        finally:
            driver.quit()
