"""What a shell completes: names from the kubeconfig and the cluster, and words of closed sets.

A person waits for it: it is given up after a short time, and an error is no suggestion.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import click
from click.shell_completion import CompletionItem

from injector.core.kinds import KINDS, TABLE

SECONDS: Final = 2.0
"""The longest time for the cluster."""


def items(what: str, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The suggestions of a kind (a key of `_SOURCES`) that begin with the incomplete word.

    Without one they are files, where the parameter accepts them.
    """
    try:
        words = [word for word in _SOURCES[what](ctx, param, incomplete) if word.startswith(incomplete)]
    except Exception:
        # Whatever it is, a message would be written into the line of a person.
        words = []
    if not words and "FILE" in str(param.metavar):
        return [CompletionItem(incomplete, type="file")]
    return [CompletionItem(word) for word in words]


def _commands(_ctx: click.Context, _param: click.Parameter, _incomplete: str) -> Iterable[str]:
    from injector.cli.main import COMMANDS

    return COMMANDS


def _reasons(_ctx: click.Context, _param: click.Parameter, _incomplete: str) -> Iterable[str]:
    from injector.core.model import Reason

    return [reason.value for reason in Reason]


def _contexts(ctx: click.Context, _param: click.Parameter, _incomplete: str) -> Iterable[str]:
    """The contexts of all kubeconfig files, read without the client, which takes long to load."""
    from injector import yamltext

    default = str(Path.home() / ".kube" / "config")
    paths = ctx.params.get("kubeconfig") or os.environ.get("KUBECONFIG") or default
    names: dict[str, None] = {}
    for path in filter(None, paths.split(os.pathsep)):
        tree = yamltext.load_text(Path(path).expanduser().read_text(encoding="utf-8"), path)
        names |= dict.fromkeys(str(context["name"]) for context in tree.get("contexts") or [])
    return sorted(names)


def _namespaces(ctx: click.Context, _param: click.Parameter, _incomplete: str) -> Iterable[str]:
    return _names(ctx, "/api/v1/namespaces")


def _targets(ctx: click.Context, param: click.Parameter, incomplete: str) -> Iterable[str]:
    """Kinds; behind a kind its names, and behind KIND/ the whole KIND/NAME."""
    earlier = ctx.params.get(param.name or "") or ()
    first = (earlier,) if isinstance(earlier, str) else tuple(earlier)
    kind, slash, _ = incomplete.partition("/")
    if slash:
        return [f"{kind}/{name}" for name in _of_kind(ctx, kind)]
    if first and "/" not in first[0]:
        return _of_kind(ctx, first[0])
    if incomplete:
        return [name for row in TABLE.rows if row.plural for name in (*row.aliases, row.plural)]
    return [row.aliases[0] for row in KINDS.values() if row.plural]


def _of_kind(ctx: click.Context, word: str) -> Iterable[str]:
    row = TABLE.called(word)
    if row is None:
        return []
    return _names(ctx, f"{row.api_path}/namespaces/{{}}/{row.plural}")


def _names(ctx: click.Context, path: str) -> list[str]:
    """The names of the objects at a path of the API, with ``{}`` for the namespace; none if they are late."""
    out: list[str] = []

    def fetch() -> None:
        from injector.cli import world

        access = world.Access(
            kubeconfig=ctx.params.get("kubeconfig"), kube_context=ctx.params.get("kube_context")
        )
        try:
            with world.connected(access) as cluster:
                listed = cluster.list(path.format(ctx.params.get("namespace") or cluster.namespace))
                out.extend(sorted(str(item["metadata"]["name"]) for item in listed))
        except Exception:
            # As in `items`.
            return

    thread = threading.Thread(target=fetch, daemon=True)
    thread.start()
    thread.join(SECONDS)
    return out


_SOURCES: Final[dict[str, Callable[[click.Context, click.Parameter, str], Iterable[str]]]] = {
    "commands": _commands,
    "contexts": _contexts,
    "namespaces": _namespaces,
    "reasons": _reasons,
    "targets": _targets,
}
