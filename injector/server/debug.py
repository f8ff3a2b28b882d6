"""The debug page and the CPU profile, on a listener of its own for this machine only.

Here: allowed requests (loopback, the right Host, no other site's form), how much is read, one request at a
time, and the headers of the answer. The form's texts are not logged, counted or stored. Not here: the page
itself and the reading of the form's texts (injector.pages), and how a profile is made (profile.py).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import parse_qs

from injector.classes import dataclass
from injector.core.model import Facts, Manifest, Namespace
from injector.core.profile import Config
from injector.core.workload import Workload
from injector.errors import ConfigError, InjectorError, ReviewError
from injector.pages import explain, form
from injector.pages.examples import make_examples
from injector.printable import shown, visible
from injector.server import profile
from injector.server.fastapi import FastAPI, HTMLResponse, PlainTextResponse, Request, Response
from injector.server.run import bind
from injector.telemetry import log_event

PATH: Final = "/debug/explain"
# With `form.MOST` and `form.MOST_VALUES` it bounds an answer to some seconds of a thread that shares a CPU
# with admissions. Usual manifests are a tenth of it.
FORM_LIMIT: Final = 64 * 1024
_FIELDS: Final = 8
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": f"{explain.policy(True)}; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # With no-referrer a browser would send the form with `Origin: null`, as another site's.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


_TEXT: Final[dict[str, Any]] = {"type": "string"}


def _refusal_responses(*codes: int) -> dict[int | str, dict[str, Any]]:
    """Refusals in plain text, for the app's OpenAPI, which tests compare answers with."""
    content = {"text/plain": {"schema": _TEXT}}
    return {
        code: {"description": "The request was rejected; the text says why.", "content": content}
        for code in codes
    }


_OFFER: Final = {"parameters": [{"name": "example", "in": "query", "schema": _TEXT}]}
_PROFILE: Final = {"parameters": [{"name": "seconds", "in": "query", "schema": _TEXT}]}
_FORM: Final = {"type": "object", "properties": dict.fromkeys(("profile", "manifests", "labels"), _TEXT)}
_ANSWER: Final = {
    "requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": _FORM}}}
}
_UNREAD: Final = {
    "description": "The input is invalid.",
    "content": {"text/html": {"schema": _TEXT}},
}
_ANSWERS: Final = {**_refusal_responses(400, 403, 413, 415, 421, 503), 422: _UNREAD}


@dataclass(frozen=True, slots=True)
class Debug:
    """What the page needs of the other parts, as in `State`, and the built-in profiles.

    `load` returns the configuration of a profile without settings; it may block. `profiling`: CPU
    profiles are made, which end early when `draining`.
    """

    current: Callable[[], Config]
    namespace_of: Callable[[str], Namespace | None] = lambda _name: None
    native_sidecars: Callable[[str], bool | None] = lambda _node: None
    objects: Callable[[], tuple[Manifest, ...]] = tuple
    profiles: Sequence[str] = ()
    load: Callable[[str], Config] = lambda name: _unknown_profile(name)
    profiling: bool = False
    draining: Callable[[], bool] = lambda: False


def bind_loopback(address: str, setting: str) -> socket.socket:
    """A listening socket as of `bind`, for a loopback address. Raises ConfigError for every other."""
    host, _, port = address.rpartition(":")
    name = host.removeprefix("[").removesuffix("]")
    try:
        resolved = socket.getaddrinfo(name or "::", None, type=socket.SOCK_STREAM)
    except OSError:
        resolved = []
    # IPv4 first: it is what `kubectl port-forward` tries first.
    hosts = sorted({str(info[4][0]) for info in resolved}, key=lambda host: (":" in host, host))
    if not hosts or not all(ip_address(host.partition("%")[0]).is_loopback for host in hosts):
        raise ConfigError(
            f"{shown(address)} is not a loopback address",
            where=setting,
            hint="the page is for this machine only: use 127.0.0.1:PORT, or an empty value to turn it off",
        )
    return bind(f"[{hosts[0]}]:{port}" if ":" in hosts[0] else f"{hosts[0]}:{port}", setting)


def create_debug_app(debug: Debug) -> FastAPI:
    """The page at ``GET`` and ``POST /debug/explain``, and the profile where it is on."""
    app = FastAPI(title="sidecar-injector debug", docs_url=None, redoc_url=None, openapi_url=None)
    desk = _Desk(debug)

    @app.get(PATH, openapi_extra=_OFFER, response_class=HTMLResponse, responses=_refusal_responses(421))
    async def offer(request: Request) -> Response:
        try:
            _check_caller(request)
        except ReviewError as error:
            return _refusal(error)
        return _page(*desk.offer(request.query_params.get("example", "")))

    @app.post(PATH, openapi_extra=_ANSWER, response_class=HTMLResponse, responses=_ANSWERS)
    async def answer(request: Request) -> Response:
        try:
            _check_caller(request)
            fields = await _fields(request)
            return _page(*await desk.answer(fields))
        except ReviewError as error:
            return _refusal(error)

    if debug.profiling:
        _add_profile(app, profile.Profiler(debug.draining))
    return app


def _add_profile(app: FastAPI, profiler: profile.Profiler) -> None:
    """The CPU profile at ``GET /debug/profile``."""
    responses = _refusal_responses(400, 409, 421)

    @app.get(profile.PATH, openapi_extra=_PROFILE, response_class=PlainTextResponse, responses=responses)
    async def make(request: Request) -> Response:
        try:
            _check_caller(request)
            seconds = profile.seconds_of(request.query_params.get("seconds", ""))
            return PlainTextResponse(await profiler.profile(seconds), 200, _HEADERS)
        except ReviewError as error:
            return _refusal(error)


class _Desk:
    """Answers one form at a time, in a thread, with configurations of its own."""

    def __init__(self, debug: Debug) -> None:
        self._debug = debug
        self._busy = False
        self._own: dict[str, Config] = {}

    def offer(self, example: str) -> tuple[int, str]:
        """The empty form, or one with an example in it."""
        config = self._debug.current()
        chosen = make_examples(config.profile.keys.switch).get(example)
        return 200, explain.page((), config, form=self._form({"manifests": chosen.text if chosen else ""}))

    async def answer(self, fields: Mapping[str, str]) -> tuple[int, str]:
        """The page for a form, with its HTTP status. Raises ReviewError while another form is answered."""
        if self._busy:
            hint = "try again in a moment"
            raise ReviewError("the page is busy with another pod", status=503, hint=hint)
        # Read in this thread, which changes the caches behind them.
        base = Facts(native_sidecars=self._debug.native_sidecars(""), objects=self._debug.objects())
        loop = asyncio.get_running_loop()
        self._busy = True
        future = loop.run_in_executor(None, self._answer, fields, self._debug.current(), base)
        # It goes on after the caller has closed the connection; only its end allows the next form.
        future.add_done_callback(self._done)
        return await asyncio.shield(future)

    def _done(self, _future: asyncio.Future[tuple[int, str]]) -> None:
        self._busy = False

    def _answer(self, fields: Mapping[str, str], config: Config, base: Facts) -> tuple[int, str]:
        filled = self._form(fields)
        try:
            chosen = self._chosen(fields.get("profile", ""), config)
            labels = form.labels(fields.get("labels", ""))

            def facts_of(workload: Workload) -> Facts:
                name = workload.namespace
                known = self._debug.namespace_of(name) if labels is None else Namespace(name, labels)
                return replace(base, namespace=name, owner=workload.owner, namespace_object=known)

            text = fields.get("manifests", "")
            answers = form.answers(text, chosen, facts_of)
            return 200, explain.page(answers, chosen, form=filled, digest=explain.digest_of([text]))
        except InjectorError as error:
            return 422, explain.page((), config, form=filled, error=error)
        except Exception as error:
            # The message of a defect may repeat the pod, so it is not shown.
            log_event("error", "defect", page=PATH, defect=type(error).__name__)
            defect = InjectorError("the injector failed; this is a bug, please report it")
            return 500, explain.page((), config, form=filled, error=defect)

    def _chosen(self, profile: str, config: Config) -> Config:
        """A configuration with templates of its own: those of the webhook belong to its thread."""
        key = profile or config.digest
        if key not in self._own:
            if not profile:
                # Earlier active configurations are forgotten.
                self._own = {name: own for name, own in self._own.items() if name in self._debug.profiles}
                self._own[key] = replace(config, templates=config.templates.isolated_copy())
            elif profile in self._debug.profiles:
                self._own[key] = self._debug.load(profile)
            else:
                _unknown_profile(profile)
        return self._own[key]

    def _form(self, fields: Mapping[str, str]) -> explain.Form:
        config = self._debug.current()
        profiles = {"": f"active configuration: {config.profile.name}"}
        profiles |= {name: f"built-in profile {name}" for name in self._debug.profiles}
        offered = make_examples(config.profile.keys.switch)
        return explain.Form(
            action=PATH,
            profiles=profiles,
            examples={name: example.title for name, example in offered.items()},
            profile=fields.get("profile", ""),
            manifests=fields.get("manifests", ""),
            labels=fields.get("labels", ""),
        )


def _unknown_profile(name: str) -> Config:
    raise ConfigError(
        "unknown profile", where=f"profile {shown(name)}", hint="choose a profile from the list"
    )


def _check_caller(request: Request) -> None:
    """Raise ReviewError for a request that neither this page nor a user of this machine sends."""
    host = request.headers.get("host", "")
    if not _is_own_host(host, request.scope["server"][1]):
        # A foreign DNS name may point at this machine.
        hint = "use localhost and the port of debugListen; forward to the same port number"
        raise ReviewError("the Host header does not match this listener", status=421, hint=hint)
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site", "same-origin")
    if request.method == "POST" and (origin not in (None, f"http://{host}") or site != "same-origin"):
        raise ReviewError("forms of other sites are rejected", status=403, hint=f"open {PATH} itself")


def _is_own_host(host: str, port: int) -> bool:
    name, colon, named_port = host.rpartition(":")
    if not colon or not named_port.isdecimal() or int(named_port) != port:
        return False
    if name.lower() == "localhost":
        return True
    try:
        return ip_address(name.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False


async def _fields(request: Request) -> dict[str, str]:
    """The fields of the form, of at most `FORM_LIMIT` bytes."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise ReviewError("a form is expected (application/x-www-form-urlencoded)", status=415)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_LIMIT:
            hint = "use injector explain --html instead"
            raise ReviewError(
                f"the form is too large; at most {FORM_LIMIT} bytes are accepted", status=413, hint=hint
            )
    try:
        fields = parse_qs(bytes(body).decode("ascii"), errors="strict", max_num_fields=_FIELDS)
    except ValueError as error:
        raise ReviewError("the form is invalid", hint="URL-encoded UTF-8 is expected") from error
    # A browser sends the line ends of a form as CR LF.
    return {name: values[0].replace("\r\n", "\n") for name, values in fields.items()}


def _page(status: int, text: str) -> Response:
    return HTMLResponse(text, status, _HEADERS)


def _refusal(error: ReviewError) -> Response:
    text = f"{visible(str(error))}\n" + (f"hint: {visible(error.hint)}\n" if error.hint else "")
    # The rest of an unread body would be parsed as the next request.
    return PlainTextResponse(text, error.status, {**_HEADERS, "Connection": "close"})
