"""An API server with failures on request; it serves Namespaces and a ConfigMap.

A fake, because a real one answers 500 or nothing only where something of its own breaks. What a real
one does when it is killed and started again stands in tests/apiserver.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

STATUS_500 = {"kind": "Status", "status": "Failure", "code": 500, "reason": "InternalError"}

ANSWERS = {
    "500": (500, json.dumps({**STATUS_500, "message": "etcdserver: no leader"})),
    "404 of a proxy": (404, "<html>no such page</html>"),
    "503 of a proxy": (503, "<html>no backend</html>"),
    "a page": (200, "<html>welcome</html>"),
    "an object that is no list": (200, '{"status": "ok"}'),
    "a list of something else": (
        200,
        '{"kind": "X", "metadata": {"resourceVersion": "1"}, "items": [1, {}]}',
    ),
}
TROUBLES = (*ANSWERS, "nothing", "half an answer", "hung up")
"""What it does instead of its work, to every request while one of them is set."""


class FakeApiServer:
    """Namespaces by name with their labels. What is set or troubled takes effect at once."""

    def __init__(self) -> None:
        self.namespaces: dict[str, dict[str, str]] = {}
        self.settings = ""
        self.lists = 0
        self.hanging: list[str] = []
        # The versions from which watches were begun.
        self.since: list[int] = []
        self._ends = 0
        self._news = threading.Condition()
        self._version = 1
        self._events: list[tuple[int, str]] = []
        self._trouble = ""
        self._ended = False

    def label(self, name: str, **labels: str) -> None:
        """Make a Namespace, or replace its labels."""
        with self._news:
            kind = "MODIFIED" if name in self.namespaces else "ADDED"
            self.namespaces[name] = labels
            self._version += 1
            self.tell(json.dumps({"type": kind, "object": self._object(name)}))

    def tell(self, line: str) -> None:
        """Send a line to all watches, now and later."""
        with self._news:
            self._events.append((self._version, line))
            self._news.notify_all()

    def bookmark(self) -> int:
        """Send a bookmark with a new version to all watches; return it."""
        with self._news:
            self._version += 1
            about = {"kind": "Namespace", "metadata": {"resourceVersion": str(self._version)}}
            self.tell(json.dumps({"type": "BOOKMARK", "object": about}))
            return self._version

    def end_watches(self) -> None:
        """End the open watches, as after their timeout, once they have sent all events."""
        with self._news:
            self._ends += 1
            self._news.notify_all()

    def trouble(self, kind: str) -> None:
        """Begin to misbehave; empty: stop it. Open watches end, but where nothing is answered."""
        with self._news:
            self._trouble = kind
            self._news.notify_all()

    def end(self) -> None:
        """Let every request go."""
        with self._news:
            self._ended = True
            self._news.notify_all()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        if self._trouble:
            self._misbehave(handler)
        elif "watch=true" in handler.path:
            self._watch(handler)
        elif "/configmaps/" in handler.path:
            config_map = {"metadata": {"name": "injector"}, "data": {"injector.yaml": self.settings}}
            _send(handler, 200, json.dumps(config_map))
        else:
            self.lists += 1
            with self._news:
                items = [self._object(name) for name in self.namespaces]
                metadata = {"resourceVersion": str(self._version)}
            _send(handler, 200, json.dumps({"kind": "NamespaceList", "metadata": metadata, "items": items}))

    def _misbehave(self, handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        if self._trouble == "nothing":
            with self._news:
                self.hanging.append(handler.path)
                self._news.wait_for(lambda: self._ended or self._trouble != "nothing")
        elif self._trouble == "half an answer":
            _send(handler, 200, '{"kind": "NamespaceList", "items": [', missing=100)
        elif self._trouble in ANSWERS:
            _send(handler, *ANSWERS[self._trouble])

    def _watch(self, handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        handler.send_response(200)
        handler.end_headers()
        since = int(handler.path.partition("resourceVersion=")[2].partition("&")[0])
        with self._news:
            sent, ends = sum(version <= since for version, _ in self._events), self._ends
            self.since.append(since)
        while (lines := self._after(sent, ends)) is not None:
            sent += len(lines)
            handler.wfile.write("".join(f"{line}\n" for line in lines).encode())

    def _after(self, sent: int, ended: int) -> list[str] | None:
        """The lines after so many, once there are some; None where the watch ends."""

        def ends() -> bool:
            return self._ended or self._trouble not in ("", "nothing")

        with self._news:
            self._news.wait_for(lambda: ends() or self._ends > ended or len(self._events) > sent)
            return None if ends() else [line for _, line in self._events[sent:]] or None

    def _object(self, name: str) -> dict[str, Any]:
        return {
            "metadata": {
                "name": name,
                "resourceVersion": str(self._version),
                "labels": self.namespaces[name],
            }
        }


def _send(handler: BaseHTTPRequestHandler, status: int, text: str, missing: int = 0) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(text) + missing))
    handler.send_header("Content-Type", "application/json")
    handler.end_headers()
    handler.wfile.write(text.encode())


@contextlib.contextmanager
def fake_apiserver(folder: Path) -> Iterator[tuple[FakeApiServer, Path]]:
    """A fake on loopback while the body runs, and its kubeconfig."""
    fake = FakeApiServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            with contextlib.suppress(OSError):
                fake.answer(self)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving = threading.Thread(target=server.serve_forever, args=(0.05,))
    serving.start()
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(_kubeconfig(f"http://127.0.0.1:{server.server_port}"))
    try:
        yield fake, kubeconfig
    finally:
        fake.end()
        server.shutdown()
        server.server_close()
        serving.join()


def _kubeconfig(url: str) -> str:
    return json.dumps(
        {
            "clusters": [{"name": "fake", "cluster": {"server": url}}],
            "users": [{"name": "me", "user": {}}],
            "contexts": [{"name": "it", "context": {"cluster": "fake", "user": "me"}}],
            "current-context": "it",
        }
    )
