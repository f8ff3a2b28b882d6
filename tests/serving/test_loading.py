"""What a start loads, in a process of its own: a module is loaded once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def test_what_is_off_is_not_loaded() -> None:
    code = "import sys, injector.serving.start, injector.serving.webhook; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "injector.server.health" in loaded.split()
    off = {"injector.pages.explain", "injector.records.writer", "kubernetes", "prometheus_client"}
    # No app offers a description of itself.
    off |= {"fastapi.openapi.models"}
    assert off.isdisjoint(loaded.split())


def test_what_describes_an_app_is_loaded_when_it_is_used() -> None:
    code = """\
import sys
from injector.server.fastapi import FastAPI
from fastapi.security import APIKeyCookie, OAuth2
from fastapi import Security

app = FastAPI(title="described")

@app.get("/")
async def root(key=Security(APIKeyCookie(name="key")), user=Security(OAuth2())):
    return {}

print("fastapi.openapi.models" in sys.modules, sorted(app.openapi()["components"]["securitySchemes"]))
import fastapi.openapi.models as models
print(models.APIKeyIn.cookie.value, FastAPI.__module__)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert done == "True ['APIKeyCookie', 'OAuth2']\ncookie fastapi.applications\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # What is missing once the samples are rendered is a certificate.
        ("server: {certificates: {source: files}}\n", "server [True, True] False"),
        ("policy: sometimes\n", "injector.yaml:1 [] True"),
    ],
)
def test_libraries_are_loaded_while_samples_are_rendered(text: str, expected: str, tmp_path: Path) -> None:
    code = """\
import sys
from injector.config import source
from injector.errors import ConfigError
from injector.serving import start

heavy = {"fastapi", "uvloop", "kubernetes.aio.client.api_client", "prometheus_client"}
states = []
dry_run = source.dry_run

def looking(inputs, *, meanwhile, **more):
    def look():
        states.append(heavy.isdisjoint(sys.modules))
        meanwhile()
        states.append(heavy <= sys.modules.keys())
    return dry_run(inputs, meanwhile=look, **more)

source.dry_run = looking
try:
    start.serve(start.ServeFlags(config_file=sys.argv[1]))
except ConfigError as error:
    print(error.where.rpartition("/")[2], states, heavy.isdisjoint(sys.modules))
"""
    (tmp_path / "injector.yaml").write_text(text)
    command = [sys.executable, "-c", code, str(tmp_path / "injector.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == expected
