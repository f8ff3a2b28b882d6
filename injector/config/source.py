"""Where `serve` reads its configuration: a file, a ConfigMap instead of it, an istiod's ConfigMaps on top.

Here: reading all texts of one version, and trying a new one out. Not here: when that is done
(`current`), and reading from a cluster (`ReadKey` is passed in).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from injector.classes import dataclass, replace
from injector.config.control_plane import Maps, ReadKey, configmap_text, read_overrides
from injector.config.loading import Input, Overrides, check_schema, load_settings
from injector.config.schema import read_settings
from injector.config.server_settings import ConfigMapSource, IstioSource, Server
from injector.config.trials import dry_run
from injector.core.finding_codes import Level
from injector.core.profile import Config
from injector.errors import ConfigError

# How often the texts are read until two readings are the same.
_TRIES: Final = 5


@dataclass(slots=True)
class Source:
    """A source of the configuration, which is read repeatedly.

    `read_key` reads ConfigMaps of the cluster. `with_flags` applies the flags to the settings of the
    server, and raises ConfigError where the result does not fit together. `server` is the last result.
    `meanwhile` is called while other processes render the samples of the first configuration.
    `step` is the step of the last reading, which is the reason where it fails: source, settings, template,
    samples, or changing.
    """

    file: str | None
    config_map: ConfigMapSource
    istio: IstioSource
    revision: str | None
    read_key: ReadKey
    with_flags: Callable[[Server], Server] = lambda server: server
    meanwhile: Callable[[], None] = lambda: None
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
            inputs = self.inputs()
            try:
                config = self._tried(inputs)
            except ConfigError:
                if self._unchanged(inputs):
                    raise
                continue
            if config is not None:
                self._proven = config.digest
                self._filled = frozenset(name for name, text in _texts(inputs).items() if text.strip())
                return config
        self.step = "changing"
        raise ConfigError(
            "the configuration changed while it was read",
            where=inputs.file.origin,
            hint="the configuration is read again soon",
        )

    def inputs(self) -> Input:
        """The texts as they are now. Raises InjectorError."""
        inputs = Input.from_file(self.file)
        at, istio = self.config_map, self.istio
        if at.name:
            # Not the folder of --config: a user who may write the ConfigMap may not read local files.
            text = configmap_text(self.read_key, at.namespace, at.name, at.key)
            inputs = replace(inputs, file=text, base=None)
        if istio.namespace:
            maps = Maps.named(istio.namespace, self.revision, istio.mesh_config_map, istio.inject_config_map)
            overrides = read_overrides(self.read_key, maps, Overrides(revision=self.revision))
            inputs = replace(inputs, overrides=overrides)
        return inputs

    def _tried(self, inputs: Input) -> Config | None:
        """The snapshot of these texts; None if they changed meanwhile. Raises ConfigError."""
        self.step = "settings"
        settings = read_settings(inputs.file.text, inputs.file.origin)
        config = load_settings(settings, inputs)
        self.server = self.with_flags(settings.server)
        self._check_filled(inputs)
        if config.digest == self._proven:
            return config
        if not self._unchanged(inputs):
            return None
        check_schema(config, settings, inputs)
        self.step = "template"
        config.templates.compile_all()
        self.step = "samples"
        # Before the first one is proven there are no callers.
        if self._proven:
            _try_out(inputs, yields=True)
        else:
            _try_out(inputs, yields=False, loaded=config, meanwhile=self.meanwhile)
        # That takes seconds, in which a file that is written in place may have changed.
        return config if self._unchanged(inputs) else None

    def _check_filled(self, inputs: Input) -> None:
        """Raise ConfigError for a file that is empty now: writing in place truncates it first."""
        for name, text in _texts(inputs).items():
            if name in self._filled and not text.strip():
                self.step = "changing"
                hint = "write {} to use only the defaults"
                raise ConfigError("the file is empty now", where=name, hint=hint)

    def _unchanged(self, inputs: Input) -> bool:
        """Whether everything that was read still reads the same."""
        now = self.inputs()
        return (now.file, now.overrides) == (inputs.file, inputs.overrides) and inputs.files.unchanged()


def _texts(inputs: Input) -> dict[str, str]:
    """All texts of files that were read, by where they are from."""
    return {inputs.file.origin: inputs.file.text, **inputs.files.by_path()}


def _try_out(
    inputs: Input,
    *,
    yields: bool,
    loaded: Config | None = None,
    meanwhile: Callable[[], None] = lambda: None,
) -> None:
    """Render sample pods in child processes. Raises ConfigError for the first problem."""
    findings = dry_run(inputs, yields=yields, loaded=loaded, meanwhile=meanwhile)
    problems = [each for each in findings if each.level is Level.ERROR]
    if problems:
        first = problems[0]
        more = f" (and {len(problems) - 1} more)" if problems[1:] else ""
        hint = first.hint or "try 'injector check' with the same configuration"
        raise ConfigError(f"{first.message}{more}", where=first.where, hint=hint)
