"""Where the manifests of `render` come from in a pipeline, and what is left alone in them.

Not here: how the programs are run (`tools`), and what a KRM function reads (`krm`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Final, Protocol

from injector.classes import dataclass
from injector.cli.inject import InjectRun
from injector.cli.manifests import check_named
from injector.cli.pipelines import hooks
from injector.cli.pipelines.markers import FILE_OF_HELM, Hidden, annotations_of
from injector.cli.reading.source import STDIN, NamedSource
from injector.cli.report import Report
from injector.cli.world import World
from injector.core.model import Manifest
from injector.core.profile import Config
from injector.errors import ConfigError, ManifestError
from injector.patterns import pattern
from injector.printable import shown
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
    def krm(self) -> bool:
        """Called as a KRM function."""

    @property
    def hooks(self) -> bool:
        """Whether hooks of Helm are injected."""

    @property
    def kustomize(self) -> str | None:
        """A folder of kustomize."""

    @property
    def helm(self) -> str | None:
        """A chart."""


_TEMPLATE: Final = pattern(r"^# Source: (\S+)", re.MULTILINE)
# What to stdout can be from these, in other forms than manifests too.
_PRINTED: Final = ("--diff", "--check", "-o")


def check(flags: PipelineFlags, forms: Sequence[str]) -> None:
    """Raise ConfigError for flags that cannot be combined, or without manifests.

    `forms` are the flags for other output than manifests on stdout.
    """
    asked = {
        "--post-renderer": flags.post_renderer,
        "--krm": flags.krm,
        "-k": flags.kustomize,
        "--helm": flags.helm,
    }
    chosen = [flag for flag, value in asked.items() if value]
    if flags.hooks and chosen[:1] not in (["--post-renderer"], ["--helm"]):
        hint = "remove it: hooks in other manifests are injected as well"
        raise ConfigError("it is only for --helm and --post-renderer", where="--hooks", hint=hint)
    if not chosen:
        check_named(flags.manifests + flags.filenames)
        return
    by_program = chosen[0] in ("-k", "--helm")
    others = [*chosen[1:], *(form for form in forms if not (by_program and form in _PRINTED))]
    if flags.filenames or (flags.manifests and not by_program):
        others.append("the names of manifests")
    if others:
        hint = "remove one of them"
        raise ConfigError(f"it cannot be combined with {others[0]}", where=chosen[0], hint=hint)


@dataclass(frozen=True, slots=True)
class Piped:
    """The names of the manifests, the texts that were read already, and whether hooks are injected."""

    names: tuple[str, ...]
    texts: Mapping[str, bytes] = field(default_factory=dict)
    with_hooks: bool = True

    def injection(self, config: Config, world: World, report: Report, strict: bool) -> InjectRun:
        """The injection into these manifests."""
        if not self.texts:
            return InjectRun(config, world, report, strict)
        return PipedRun(config, world, report, strict, with_hooks=self.with_hooks)


def read(flags: PipelineFlags) -> Piped:
    """What the flags name, read where a program or Helm provides it. Raises InjectorError."""
    if flags.post_renderer:
        data = NamedSource(STDIN).text().encode("utf-8")
        return Piped((STDIN,), {STDIN: data if data.strip() else NOTHING}, flags.hooks)
    if not (flags.kustomize or flags.helm):
        return Piped(flags.manifests + flags.filenames)
    # Other runs start faster without it.
    from injector.cli.pipelines import tools

    if flags.kustomize:
        name, data = tools.kustomize(flags.kustomize, flags.manifests)
        return Piped((name,), {name: data})
    name, data = tools.helm(flags.helm or "", flags.manifests)
    return Piped((name,), {name: data}, flags.hooks)


@dataclass(frozen=True, slots=True)
class PipedRun(InjectRun):
    """The injection, which does not see annotations of the pipeline, and leaves hooks alone."""

    with_hooks: bool = True

    def change(self, document: Document, manifest: Manifest, pointer: str) -> Manifest:
        """The object injected, or as it is. Raises ManifestError for one that is refused."""
        if not self.with_hooks and hooks.is_hook(manifest):
            hooks.report(self, document, manifest, pointer)
            return manifest
        hidden = Hidden.of(manifest)
        try:
            return hidden.restored(InjectRun.change(self, document, hidden.bare, pointer))
        except ManifestError as error:
            if template := _template_of(document, manifest):
                # Helm does not show the stream whose line the error has.
                error.hint = "; ".join(filter(None, [error.hint, f"the template is {template}"]))
            raise


def _template_of(document: Document, manifest: Manifest) -> str:
    """The template of a chart that an object is from, where Helm says so: 4 by an annotation, 3 above it."""
    comment = _TEMPLATE.search(document.text)
    name = annotations_of(manifest).get(FILE_OF_HELM) or (comment and comment[1])
    return shown(name) if name else ""


def namespace_of_helm() -> str:
    """The namespace of the release, which Helm 4 names in the environment of its plugins."""
    return os.environ.get("HELM_NAMESPACE", "") if "HELM_PLUGIN_NAME" in os.environ else ""
