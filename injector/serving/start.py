"""From flags to a running webhook: the settings and the first configuration are read, then it serves.

Not here: which flags there are (cli), and the parts that run (`webhook`).
"""

from __future__ import annotations

import contextlib
from typing import Any, Final, NoReturn

from injector.classes import dataclass, replace
from injector.config import cross_checks
from injector.config.control_plane import config_map_of, place_of
from injector.config.loading import Input
from injector.config.schema import read_settings
from injector.config.server_settings import Server
from injector.config.source import Source
from injector.errors import InjectorError
from injector.kube.configmaps import ConfigMapReader
from injector.serving.recording import record_settings
from injector.telemetry import log_event, log_to

# The flags with the names of settings of the server.
_SETTINGS: Final = (
    *("tls_cert", "tls_key", "tls_bundle", "listen", "health_listen", "debug_listen"),
    *("namespaces", "failure_mode", "log_level"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeFlags:
    """The flags of `serve`; None: not set."""

    config_file: str | None = None
    config_map: str | None = None
    from_istiod: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    tls_bundle: str | None = None
    listen: str | None = None
    health_listen: str | None = None
    debug_listen: str | None = None
    namespaces: str | None = None
    failure_mode: str | None = None
    record_dir: str | None = None
    record_key: str | None = None
    log_level: str | None = None
    kubeconfig: str | None = None
    kube_context: str | None = None


def serve(flags: ServeFlags) -> None:
    """Serve until SIGTERM. Raises InjectorError where it cannot start."""
    source, server = source_of(flags)
    log_to(server.log_level)
    source.meanwhile = lambda: _load_libraries(server)
    config = source.read()
    from injector.config.current import announce

    announce(config)
    if server.failure_mode == "allow":
        log_event("warning", "failure-mode", message=cross_checks.FAILS_OPEN)
    from injector.serving.webhook import ServedWebhook

    try:
        ServedWebhook(source, server, config, flags.kubeconfig, flags.kube_context).serve()
    except BaseExceptionGroup as group:
        _raise_first(group)


def _load_libraries(server: Server) -> None:
    """Import what takes longest; a missing library is reported where it is needed."""
    with contextlib.suppress(ImportError, InjectorError):
        from injector.serving import webhook

        webhook.load_libraries(server)


def source_of(flags: ServeFlags) -> tuple[Source, Server]:
    """The source, and the settings of the server with the flags over them. Raises InjectorError."""
    file_input = Input.from_file(flags.config_file)
    settings = read_settings(file_input.file.text, file_input.file.origin)
    istio, revision = settings.server.source.istio, settings.revision or None
    if flags.from_istiod:
        namespace, named = place_of(flags.from_istiod)
        istio, revision = replace(istio, namespace=namespace), named or revision
    config_map = config_map_of(flags.config_map) if flags.config_map else settings.server.source.config_map
    read_key = ConfigMapReader(flags.kubeconfig, flags.kube_context)
    source = Source(flags.config_file, config_map, istio, revision, read_key)
    if config_map.name and flags.config_file is None:
        text = source.inputs().file
        settings = read_settings(text.text, text.origin)
    source.with_flags = lambda server: _with_flags(server, flags)
    return source, source.with_flags(settings.server)


def _with_flags(server: Server, flags: ServeFlags) -> Server:
    """The settings with the flags over them. Raises ConfigError where they do not fit together."""
    changes: dict[str, Any] = {
        name: value for name in _SETTINGS if (value := getattr(flags, name)) is not None
    }
    record = record_settings(server.record, flags.record_dir, flags.record_key)
    server = replace(server, **changes, record=record)
    cross_checks.check(server)
    cross_checks.check_certificates(server)
    return server


def _raise_first(group: BaseExceptionGroup[BaseException]) -> NoReturn:
    """The first failure ended the process; the others are consequences."""
    first: BaseException = group
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    raise first
