"""Where `serve` reads its configuration: a file, a ConfigMap instead of it, an istiod's ConfigMaps on top.

Here: reading all texts of one version, and trying a new one out. Not here: when that is done
(`current`), and asking a cluster (`ReadKey` is handed in).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from injector.config.control_plane import Maps, ReadKey, configmap_text, control_plane
from injector.config.dryrun import dry_run
from injector.config.load import Input, Overrides, load_settings
from injector.config.schema import ConfigMapSource, IstioSource, Server, read_settings
from injector.core.profile import Config
from injector.errors import ConfigError

# How often the texts are read until two readings are the same.
_TRIES: Final = 5


@dataclass(slots=True)
class Source:
    """A source of the configuration, which is read again and again.

    `read_key` asks the cluster for ConfigMaps. `with_flags` lays the flags over the settings of the
    server, and raises ConfigError where the result does not fit together. `server` is the last result.
    `step` is how far a reading came, which is the reason where it fails: source, settings, template,
    samples, or changing.
    """

    file: str | None
    config_map: ConfigMapSource
    istio: IstioSource
    revision: str | None
    read_key: ReadKey
    with_flags: Callable[[Server], Server] = lambda server: server
    server: Server | None = None
    step: str = ""
    _proven: str = ""
    _filled: frozenset[str] = frozenset()

    def read(self) -> Config:
        """The snapshot as the source is now; a new one is tried out first. Blocks. Raises InjectorError.

        Files, as kubelet swaps them, and ConfigMaps may change between two readings: then one of the
        texts would be older than another.
        """
        for _ in range(_TRIES):
            self.step = "source"
            given = self.input()
            try:
                config = self._tried(given)
            except ConfigError:
                if self._unchanged(given):
                    raise
                continue
            if config is not None:
                self._proven = config.digest
                self._filled = frozenset(name for name, text in _texts(given).items() if text.strip())
                return config
        self.step = "changing"
        raise ConfigError(
            "the configuration changed while it was read",
            where=given.file.origin,
            hint="the configuration is read again soon",
        )

    def input(self) -> Input:
        """The texts as they are now. Raises InjectorError."""
        given = Input.from_file(self.file)
        at, istio = self.config_map, self.istio
        if at.name:
            # Not the folder of --config: who may write the ConfigMap may not read this machine.
            text = configmap_text(self.read_key, at.namespace, at.name, at.key)
            given = replace(given, file=text, base=None)
        if istio.namespace:
            maps = Maps.named(istio.namespace, self.revision, istio.mesh_config_map, istio.inject_config_map)
            overrides = control_plane(self.read_key, maps, Overrides(revision=self.revision))
            given = replace(given, overrides=overrides)
        return given

    def _tried(self, given: Input) -> Config | None:
        """The snapshot of these texts, None where they change meanwhile. Raises ConfigError."""
        self.step = "settings"
        settings = read_settings(given.file.text, given.file.origin)
        config = load_settings(settings, given)
        self.server = self.with_flags(settings.server)
        self._check_filled(given)
        if config.digest == self._proven:
            return config
        if not self._unchanged(given):
            return None
        self.step = "template"
        config.templates.compile_all()
        self.step = "samples"
        _try_out(given)
        # That takes seconds, in which whoever writes a file in place may have gone on.
        return config if self._unchanged(given) else None

    def _check_filled(self, given: Input) -> None:
        """Whoever writes a file in place empties it first, and nothing is often valid."""
        for name, text in _texts(given).items():
            if name in self._filled and not text.strip():
                self.step = "changing"
                hint = "write {} to use only the defaults"
                raise ConfigError("the file is empty now", where=name, hint=hint)

    def _unchanged(self, given: Input) -> bool:
        """Whether everything that was read still reads the same."""
        now = self.input()
        return (now.file, now.overrides) == (given.file, given.overrides) and given.files.unchanged()


def _texts(given: Input) -> dict[str, str]:
    """All texts of files that were read, by where they are from."""
    return {given.file.origin: given.file.text, **given.files.by_path()}


def _try_out(given: Input) -> None:
    """Render sample pods in child processes. Raises ConfigError for the first problem."""
    problems = dry_run(given)
    if problems:
        first = problems[0]
        more = f" (and {len(problems) - 1} more)" if problems[1:] else ""
        hint = first.hint or "try 'injector check' with the same configuration"
        raise ConfigError(f"sample pods: {first.message}{more}", where=first.where, hint=hint)
