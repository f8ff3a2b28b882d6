"""A headless Chromium for the tests of pages: Debian's own browser and driver.

``with browser() as window:`` gives a Selenium driver with a profile of its own, which is gone
afterwards. Not here: what is looked at.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

PACKAGES = ("chromium", "chromium-driver")
_PROGRAMS = ("chromium", "chromedriver")
# Nothing that a browser does by itself: the tests count what the page asks for.
_QUIET = (
    "--headless=new",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-gpu",
    "--disable-sync",
    "--hide-scrollbars",
    "--no-first-run",
)


def unavailable() -> str | None:
    """Say in one line why there can be no browser here; None where there can."""
    missing = [program for program in _PROGRAMS if not shutil.which(program)]
    return f"{' and '.join(missing)} missing (Debian: {' '.join(PACKAGES)})" if missing else None


def excused() -> str | None:
    """The same where this machine cannot install them either; None where it can."""
    return None if shutil.which("apt-get") else unavailable()


@contextmanager
def browser() -> Iterator[Chrome]:
    """A window; its console and what it asked the network for are kept in its logs."""
    from selenium.webdriver import Chrome, ChromeOptions, ChromeService

    options = ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for argument in (*_QUIET, *(["--no-sandbox"] if os.geteuid() == 0 else [])):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as profile:
        options.add_argument(f"--user-data-dir={profile}")
        # It does not start with another clock (make test-ahead).
        environ = {key: value for key, value in os.environ.items() if key != "LD_PRELOAD"}
        window = Chrome(
            options=options, service=ChromeService(str(shutil.which("chromedriver")), env=environ)
        )
        try:
            yield window
        finally:
            window.quit()


def console(window: Chrome) -> list[str]:
    """The console messages since the last call."""
    return _log(window, "browser")


def requested(window: Chrome) -> list[str]:
    """The addresses that were asked for since the last look, but for those of the browser's own pages."""
    events = (json.loads(message)["message"] for message in _log(window, "performance"))
    sent = (e["params"] for e in events if e["method"] == "Network.requestWillBeSent")
    return [s["request"]["url"] for s in sent if not s["documentURL"].startswith("chrome:")]


def _log(window: Any, name: str) -> list[str]:
    """The messages of one of the browser's logs; Selenium does not say what type they have."""
    return [str(entry["message"]) for entry in window.get_log(name)]


def looks(window: Chrome, *, width: int, dark: bool) -> None:
    """Give the page a width, and a light or dark surrounding."""
    size: dict[str, Any] = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    window.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    window.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
