"""Where the manifests of `render` come from in a pipeline, and what is left alone in them.

Not here: how the programs are run (`tools`), and what a KRM function reads (`krm`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from injector.cli.inject import InjectRun
from injector.cli.pipelines import hooks
from injector.cli.pipelines.markers import Hidden
from injector.cli.sources import STDIN
from injector.core.documents import Change
from injector.core.model import Manifest
from injector.errors import ConfigError
from injector.yamltext import Document

NOTHING: Final = b"# no manifests\n"
"""For a chart without manifests: Helm takes an empty output for a failure."""


class PipelineFlags(Protocol):
    """What `render` is asked for in a pipeline, and the names of manifests."""

    @property
    def manifests(self) -> tuple[str, ...]:
        """Plain arguments: manifests, or what is passed to a program."""

    @property
    def filenames(self) -> tuple[str, ...]:
        """Manifests of -f."""

    @property
    def post_renderer(self) -> bool:
        """Called by Helm."""

    @property
    def hooks(self) -> bool:
        """Whether hooks of Helm are injected."""

    @property
    def kustomize(self) -> str | None:
        """A folder of kustomize."""

    @property
    def helm(self) -> str | None:
        """A chart."""


@dataclass(frozen=True, slots=True)
class Piped:
    """The names of the manifests, the texts that were read already, and whether hooks are injected."""

    names: tuple[str, ...]
    texts: Mapping[str, bytes] = field(default_factory=dict)
    with_hooks: bool = True

    @classmethod
    def of(cls, flags: PipelineFlags) -> Piped:
        """What the flags name, read where a program or Helm gives it. Raises InjectorError."""
        asked = {"--post-renderer": flags.post_renderer, "-k": flags.kustomize, "--helm": flags.helm}
        chosen = [flag for flag, value in asked.items() if value]
        if len(chosen) > 1:
            raise ConfigError(
                f"it cannot be combined with {chosen[1]}", where=chosen[0], hint="remove one of them"
            )
        if not chosen:
            return cls(flags.manifests + flags.filenames)
        named = flags.filenames or (flags.manifests if flags.post_renderer else ())
        if named:
            hint = f"remove {chosen[0]}, or the names of manifests"
            raise ConfigError("it cannot be combined with manifests", where=chosen[0], hint=hint)
        if flags.post_renderer:
            data = sys.stdin.buffer.read()
            return cls((STDIN,), {STDIN: data if data.strip() else NOTHING}, flags.hooks)
        # Other runs start faster without it.
        from injector.cli.pipelines import tools

        if flags.kustomize:
            name, data = tools.kustomize(flags.kustomize, flags.manifests)
            return cls((name,), {name: data})
        name, data = tools.helm(flags.helm or "", flags.manifests)
        return cls((name,), {name: data}, flags.hooks)

    def change(self, injection: InjectRun) -> Change:
        """The injection, which sees no annotation of the pipeline and leaves hooks alone."""

        def change(document: Document, manifest: Manifest, pointer: str) -> Manifest:
            if not self.with_hooks and hooks.is_hook(manifest):
                hooks.report(injection, document, manifest, pointer)
                return manifest
            hidden = Hidden.of(manifest)
            return hidden.restored(injection.change(document, hidden.bare, pointer))

        return change if self.texts else injection.change


def namespace_of_helm() -> str:
    """The namespace of the release, which Helm 4 names in the environment of its plugins."""
    return os.environ.get("HELM_NAMESPACE", "") if "HELM_PLUGIN_NAME" in os.environ else ""
