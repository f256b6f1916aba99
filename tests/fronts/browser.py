"""A real browser for the tests of pages: Chromium without a window, that reaches nothing but this machine. Nothing is fetched for it: without one, tests are skipped."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MISSING = (
    "needs Chromium or Chrome, and the chromedriver of the same version, on the PATH (Debian: apt-get install chromium chromium-driver)"
)
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--disable-extensions", "--in-process-gpu", "--lang=en-US",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip
"""As root there is no sandbox to be had; dates are typed as Americans do; the browser's own first page is not made; names are not looked up, so that nobody outside
hears of a test."""
NARROW, WIDE = 400, 1200
WIDTHS = (NARROW, WIDE)
"""CSS pixels: a phone, and a window on a desk."""
_LOOK = """
const root = document.documentElement, shown = (element) => element.getBoundingClientRect();
return {
  title: document.title, lang: root.lang, text: document.body.innerText, width: root.clientWidth, needed: root.scrollWidth,
  headings: [...document.querySelectorAll("h1, h2, h3")].map((one) => one.tagName + " " + one.textContent.trim()),
  drawings: [...document.querySelectorAll("svg")].map((one) => [shown(one).width, shown(one).height, one.getBBox().width, one.getBBox().height]),
  pale: [...document.querySelectorAll(".role-legend-symbol path")].filter((one) => getComputedStyle(one).opacity < 0.9).map((one) => one.outerHTML),
  live: [...document.querySelectorAll("script, img, iframe, object, embed, link")].map((one) => one.outerHTML),
  wide: [...document.querySelectorAll("body *")].filter((one) => shown(one).right > root.clientWidth + 1 && one.checkVisibility() && !one.closest(".wide, .plot, table")).map((one) => one.outerHTML.slice(0, 90)).slice(0, 4),
};
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A page as a browser shows it. width, needed: of the window and of what is in it, in CSS pixels; headings: "H1 text" each; drawings: of each SVG width and height,
    and those of what is drawn in it; pale: colours of legends that can hardly be seen; live: elements that load or run something; wide: the beginning of what sticks out; said: the console, faults only; asked: addresses
    that the browser asked for."""

    url: str
    title: str
    lang: str
    text: str
    width: int
    needed: int
    headings: tuple[str, ...]
    drawings: tuple[tuple[float, float, float, float], ...]
    pale: tuple[str, ...]
    live: tuple[str, ...]
    wide: tuple[str, ...]
    said: tuple[str, ...]
    asked: tuple[str, ...]

    def faults(self, *, drawings: int = 0) -> list[str]:
        """What is wrong with the page, whatever it is about. drawings: how many it has at least."""
        home = urlsplit(self.url)
        away = [one for one in map(urlsplit, self.asked) if one.scheme != "data" and one[:2] != home[:2]]
        found = (
            [f"asks for {one.geturl()}" for one in away]
            + [f"the console: {one}" for one in self.said]
            + [f"has {one}" for one in self.live]
        )
        found += [f"has the legend {one}" for one in self.pale]
        if not self.asked:
            found.append("was not asked for: the log of requests is empty")
        if self.needed > self.width:
            found.append(f"needs {self.needed} of {self.width} pixels: {self.wide}")
        if not self.title.strip():
            found.append("has no title")
        if self.lang != "en":
            found.append(f"is in the language {self.lang!r}")
        if [one[:2] for one in self.headings].count("H1") != 1 or any(not one[2:].strip() for one in self.headings):
            found.append(f"has the headings {self.headings}")
        if len(self.drawings) < drawings:
            found.append(f"has {len(self.drawings)} drawings")
        return found + [f"shows a drawing of {sizes}" for sizes in self.drawings if min(sizes) < 20]


class Browser:
    """One window. Whatever is looked at takes its requests and messages along."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver

    def open(self, url: str, *, width: int = WIDE, scripts: bool = True) -> Seen:
        """The page at that address in a window so wide. scripts: whether a page may run any; what looks at it may always."""
        self._cdp("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        self._cdp("Emulation.setScriptExecutionDisabled", value=not scripts)
        self._drain()
        self.driver.get(url)
        return self.look()

    def look(self) -> Seen:
        """The page that is open."""
        found: dict[str, Any] = self.driver.execute_script(_LOOK)
        said, asked = self._drain()
        several: dict[str, Any] = {name: tuple(found.pop(name)) for name in ("headings", "pale", "live", "wide")}
        drawings = tuple(tuple(one) for one in found.pop("drawings"))
        text = found.pop("text").replace("\u00a0", " ")
        return Seen(url=self.driver.current_url, text=text, **found, **several, drawings=drawings, said=said, asked=asked)

    def _cdp(self, what: str, **how: Any) -> Any:
        return self.driver.execute_cdp_cmd(what, how)

    def _drain(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """(faults that the console tells, addresses asked for) since the last time."""
        messages = [json.loads(one["message"])["message"] for one in self.driver.get_log("performance")]  # type: ignore[no-untyped-call]
        asked = tuple(one["params"]["request"]["url"] for one in messages if one["method"] == "Network.requestWillBeSent")
        return tuple(one["message"] for one in self.driver.get_log("browser")), asked  # type: ignore[no-untyped-call]


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """A browser with a fresh profile in that folder, closed afterwards. Skips the test where none is installed."""
    binary, driver = next(filter(None, map(shutil.which, BROWSERS)), None), shutil.which("chromedriver")
    if binary is None or driver is None:
        pytest.skip(MISSING)
    options = ChromeOptions()
    options.binary_location = binary
    for flag in (*FLAGS, f"--user-data-dir={folder}"):
        options.add_argument(flag)
    options.add_experimental_option("prefs", {"session.restore_on_startup": 4, "session.startup_urls": ["about:blank"]})
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    opened = Chrome(options=options, service=Service(executable_path=driver))
    try:
        yield Browser(opened)
    finally:
        opened.quit()
