"""The debug page of `serve`: its listener, and the profiles that it offers.

Here: what the page gets of `serve`. Not here: the page, and its allowed requests (injector.server.debug).
"""

from __future__ import annotations

from socket import socket

from injector.config.folder import shipped
from injector.config.loading import Input, Text, load_input
from injector.core.profile import Config
from injector.server.debug import Debug, bind_loopback, create_debug_app
from injector.server.run import Listener
from injector.server.state import State


def sockets(address: str) -> list[socket]:
    """The socket of the listener, none where the page is off. Raises ConfigError."""
    if not address:
        return []
    return [bind_loopback(address, "debugListen")]


def listener(state: State, bound: socket, *, profiling: bool = False) -> Listener:
    """The listener of the page, with the facts of the webhook."""
    debug = Debug(
        current=state.current,
        namespace_of=state.namespace_of,
        native_sidecars=state.native_sidecars,
        objects=state.objects,
        profiles=shipped(),
        load=_as_shipped,
        profiling=profiling,
        draining=state.draining,
    )
    return Listener(create_debug_app(debug), bound)


def _as_shipped(profile: str) -> Config:
    return load_input(Input(Text(f"profile: {profile}\n", f"profile {profile}"), base=None))
