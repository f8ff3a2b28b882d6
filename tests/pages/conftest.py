"""Windows of a real Chromium, and pages for them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome

from injector.certs.issue import CertificateSpec, make_authority, sign_leaf
from tests.beds.browser import browser, console, looks, requested, unavailable
from tests.beds.plugin import required

SETTINGS = """\
values: {global: {hub: registry.example.com/mesh, tag: "1.30"}}
server: {namespaces: "off"}
"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chrome]:
    required("browser", unavailable())
    with browser() as running:
        yield running


@pytest.fixture
def window(chromium: Chrome) -> Chrome:
    """The browser on an empty page, with nothing in its logs."""
    chromium.get("about:blank")
    looks(chromium, width=1280, dark=False)
    console(chromium)
    requested(chromium)
    return chromium


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the page that a running `serve` offers."""
    folder = tmp_path_factory.mktemp("site")
    wanted, now = CertificateSpec(("localhost",), ca_seconds=604800.0, leaf_seconds=604800.0), time.time()
    pair = sign_leaf(make_authority(wanted, now), wanted, now)
    (folder / "tls.pem").write_text(pair.key + pair.chain)
    (folder / "injector.yaml").write_text(SETTINGS)
    command = [sys.executable, "-m", "injector.cli.main", "serve", "--config", str(folder / "injector.yaml")]
    command += ["--tls-bundle", str(folder / "tls.pem"), "--debug-listen", "127.0.0.1:0"]
    command += ["--listen", "127.0.0.1:0", "--health-listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ}) as process:
        try:
            assert process.stderr is not None
            events = (json.loads(line) for line in process.stderr)
            yield next(line["page"] for line in events if line["event"] == "listening")
        finally:
            process.kill()


@pytest.fixture
def written(tmp_path: Path) -> Any:
    """The address of the page that the command line writes for manifests."""

    def write(text: str) -> str:
        (tmp_path / "in.yaml").write_text(text)
        command = [sys.executable, "-m", "injector.cli.main", "explain"]
        command += ["-f", str(tmp_path / "in.yaml"), "--html", str(tmp_path / "page.html")]
        subprocess.run(command, check=True)
        return (tmp_path / "page.html").as_uri()

    return write
