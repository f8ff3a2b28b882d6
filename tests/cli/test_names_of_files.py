"""How manifests are named: folders and what is below them, commas, plain arguments, URLs."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from injector.cli.reading import downloads
from injector.errors import ConfigError, InjectorError, ManifestError
from tests.cli.conftest import DEPLOYMENT, Run

INJECT = ("kube-inject", "--config", "c.yaml")
UNINJECT = ("uninject", "--config", "c.yaml")
ROOM = "https://user:secret@example.com/a.yaml?token=secret"

pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture
def many(folder: Path) -> None:
    for name in ("b.yaml", "a.yaml", "below/c.yaml", "below/deeper/d.yaml"):
        path = folder / "many" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(DEPLOYMENT.replace("name: web\n  namespace", f"name: {path.stem}\n  namespace"))


def names(text: str) -> list[str]:
    return [tree["metadata"]["name"] for tree in yaml.safe_load_all(text)]


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("command", [INJECT, UNINJECT])
def test_a_folder_is_read_without_the_folders_in_it_unless_R_is_set(
    run: Run, command: tuple[str, ...]
) -> None:
    top, whole = run(*command, "-f", "many"), run(*command, "-R", "-f", "many")
    assert names(top.out) == ["a", "b"]
    assert "note: many: 1 folder in it not read (hint: -R reads them) [left-out]" in top.err
    assert names(whole.out) == ["a", "b", "c", "d"]
    assert "not read" not in whole.err


@pytest.mark.usefixtures("many")
def test_explain_reads_folders_in_folders_with_R_alone(run: Run) -> None:
    explain = ("explain", "--config", "c.yaml", "-o", "json", "-f", "many")
    assert [len(json.loads(run(*explain, *more).out)["workloads"]) for more in ([], ["-R"])] == [2, 4]


def test_a_folder_with_folders_alone_says_how_to_read_them(run: Run) -> None:
    Path("many/below").mkdir(parents=True)
    done = run(*INJECT, "-f", "many")
    assert (done.status, done.err) == (
        1, "error: many: the folder has no manifests\n  hint: use -R to read the folders in it as well\n",
    )  # fmt: skip


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("flags", [("-f", "many/a.yaml,many/b.yaml"), ("many/a.yaml", "many/b.yaml")])
@pytest.mark.parametrize("command", [INJECT, UNINJECT])
def test_names_are_separated_by_commas_or_plain_arguments(
    run: Run, command: tuple[str, ...], flags: tuple[str, ...]
) -> None:
    assert names(run(*command, *flags).out) == ["a", "b"]


def test_a_plain_dash_is_stdin_and_a_file_with_a_comma_in_its_name_is_one_file(run: Run) -> None:
    assert names(run(*INJECT, "-", stdin=DEPLOYMENT).out) == ["web"]
    Path("a,b.yaml").write_text(DEPLOYMENT)
    assert names(run(*INJECT, "-f", "a,b.yaml").out) == ["web"]
    twice = run(*INJECT, "-", "-f", "-")
    assert (twice.status, twice.out) == (2, "")
    assert "stdin can be read only once" in twice.err


# --- URLs -----------------------------------------------------------------------------------------


class Answers(http.server.BaseHTTPRequestHandler):
    """A server on loopback: what it answers stands in the path."""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", f"http://127.0.0.1:{self.connection.getsockname()[1]}/web.yaml")
            self.end_headers()
            return
        bodies = {
            "/web.yaml": DEPLOYMENT,
            "/config.yaml": "profil: istio\n",
            "/page": "<!DOCTYPE html>\n<html>",
            "/large": "#" * 200,
        }
        self.send_response(200 if path in bodies else 404)
        self.send_header("Content-Type", "application/octet-stream")
        self.end_headers()
        self.wfile.write(bodies.get(path, "").encode())

    def log_message(self, *_: object) -> None:
        """Nothing: the report of the command is what a test reads."""


@pytest.fixture
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as answering:
        threading.Thread(target=answering.serve_forever).start()
        yield f"http://127.0.0.1:{answering.server_address[1]}"
        answering.shutdown()


@pytest.mark.parametrize("command", [(*INJECT, "-f"), INJECT])
def test_a_url_of_loopback_is_read_whatever_its_content_type_and_the_proxies_are(
    run: Run, server: str, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    done = run(*command, f"{server}/web.yaml?token=secret")
    assert names(done.out) == ["web"]


def test_messages_have_the_url_without_its_query(run: Run, server: str) -> None:
    done = run(*INJECT, f"{server}/none?token=secret")
    assert (done.status, done.err) == (
        1,
        f"error: {server}/none?...: the server answered 404\n  hint: check the URL, or download it first\n",
    )


def test_explain_reads_a_url(run: Run, server: str) -> None:
    done = run("explain", "--config", "c.yaml", "-o", "json", "-f", f"{server}/web.yaml")
    assert json.loads(done.out)["workloads"][0]["where"] == f"{server}/web.yaml:1"


def test_check_reads_a_configuration_from_a_url(run: Run, server: str) -> None:
    done = run("check", "--config", f"{server}/config.yaml?key=secret", "-o", "json")
    result = json.loads(done.out)
    assert (done.status, result["checked"]) == (2, f"{server}/config.yaml?...")
    (finding,) = result["results"]
    assert (finding["where"], "unknown key" in finding["message"]) == (f"{server}/config.yaml?...:1", True)
    assert "secret" not in done.out + done.err


def test_uninject_reads_no_url(run: Run) -> None:
    done = run(*UNINJECT, ROOM)
    assert (done.status, done.err) == (
        2,
        "error: -f https://example.com/a.yaml?...: this command reads no URLs\n"
        "  hint: download it first: curl -fsSL URL, and -f - for the output\n",
    )


@pytest.mark.parametrize(
    ("url", "error", "message"),
    [
        ("http://example.com/a.yaml", ConfigError, "a URL of https is expected"),
        ("http://127.0.0.1.example.com/a.yaml", ConfigError, "a URL of https is expected"),
        ("ftp://localhost/a.yaml", ConfigError, "a URL of https is expected"),
        ("file:///etc/passwd", ConfigError, "a URL of https is expected"),
        ("https:///a.yaml", ConfigError, "a URL of https is expected"),
        (ROOM, ConfigError, "a URL with a user name is not supported"),
        ("https://[::1/a.yaml", ConfigError, "the URL is not valid"),
        ("https://127.0.0.1:1/a.yaml", ManifestError, "the URL cannot be read: Connection refused"),
    ],
)
def test_other_urls_are_refused(url: str, error: type[InjectorError], message: str) -> None:
    with pytest.raises(error) as refused:
        downloads.read(url)
    assert refused.value.message == message
    assert refused.value.hint
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/page", "a page of HTML, expected manifests"),
        ("/to/http", "the URL cannot be read: the server redirects to a URL that is not https"),
        ("/large", "more than 0 MiB"),
    ],
)
def test_an_answer_that_is_not_expected_is_refused(
    server: str, path: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "MOST", 100)
    with pytest.raises(ManifestError) as refused:
        downloads.read(server + path)
    assert refused.value.message == message


def test_a_server_that_does_not_end_its_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()

    # A real server would have to be waited for.
    def fetch(*_: object) -> bytes:
        ended.wait()
        return b""

    monkeypatch.setattr(downloads, "_fetch", fetch)
    monkeypatch.setattr(downloads, "SECONDS", 0)
    with pytest.raises(ManifestError, match="no complete answer within 0 s"):
        downloads.read("https://example.com/web.yaml")
    ended.set()
