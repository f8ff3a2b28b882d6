"""What a profile is to the core: names, templates, and rules that templates cannot say.

`Profile` itself is a complete profile without rules of its own: a folder with a `profile.yaml`
and templates is enough. A mesh subclasses it under `injector.profiles`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any

from injector.classes import dataclass
from injector.core import kinds, names, owner, status
from injector.core.annotation_rule import AnnotationRule
from injector.core.catalogue import NOTHING, Catalogue, Syntax
from injector.core.contribution import Contribution
from injector.core.default_types import types_of
from injector.core.finding_codes import FindingCode, Level
from injector.core.findings import Findings
from injector.core.kinds import KindTable
from injector.core.model import AnnotationKeys, Facts, Finding, Manifest, ProxyMark
from injector.core.pod_fields import FieldProblem
from injector.core.policy import Policy
from injector.core.position import OrderProblem, Position
from injector.core.raw_settings import RawSettings
from injector.core.selectors import WebhookEntry
from injector.core.status import Status, Uninjected
from injector.core.tree.schema import POD, POD_WITHOUT_CHOICES, Schema
from injector.core.tree.strategic_merge import with_annotations
from injector.core.value_types import Types
from injector.errors import AnnotationError
from injector.printable import json_text
from injector.templating.render import Templates
from injector.work import DEFAULT_LIMIT, Work

if TYPE_CHECKING:
    from injector.core.cause_types import Symptom
    from injector.core.copied import Copied


@dataclass(frozen=True, slots=True)
class Profile:
    """Names and defaults as `profile.yaml` gives them, and the stages a mesh may add to."""

    name: str
    keys: AnnotationKeys
    values: Manifest = field(default_factory=dict)
    default_templates: tuple[str, ...] = ()
    ignored_namespaces: frozenset[str] = frozenset()
    operating_systems: frozenset[str] = frozenset({"linux"})
    foreign: tuple[ProxyMark, ...] = ()
    extra_catalogue: Catalogue = NOTHING
    entry: WebhookEntry | None = None
    schema: Mapping[str, Any] | None = None

    @property
    def bookkeeping_annotations(self) -> frozenset[str]:
        """The annotations that describe an injection and are removed with it."""
        return frozenset({self.keys.status, self.keys.overrides, self.keys.undo})

    @property
    def value_types(self) -> Types:
        """The type of each value."""
        return types_of(self.values)

    def printed(self, value: bool | float) -> str:
        """A number or boolean as the templates of a control plane print it."""
        return json_text(value)

    @property
    def functions(self) -> Mapping[str, Callable[..., Any]]:
        """Functions for templates, beside those of the engine."""
        return {}

    def made(self) -> Mapping[str, frozenset[str]]:
        """Names of elements that it may add under any configuration, by list of a pod's spec."""
        return {}

    def catalogue(self) -> Catalogue:
        """The keys that the profile understands."""
        return self.extra_catalogue

    def syntax(self, key: str) -> Syntax | None:
        """What the annotation or label of that name accepts; None where anything may stand."""
        is_switch = key == self.keys.switch
        return Syntax(lambda value: value in (names.YES, names.NO), closed=True) if is_switch else None

    def canonical_key(self, key: str) -> str:
        """The one spelling that an annotation's key is read as."""
        return key

    def permitted(self, annotations: Mapping[str, str], withheld: frozenset[str]) -> Mapping[str, str]:
        """The annotations without what uses one of these powers."""
        used = self.catalogue().affects
        return {
            k: v for k, v in annotations.items() if withheld.isdisjoint(used.get(self.canonical_key(k), ()))
        }

    @property
    def free_variables(self) -> frozenset[str]:
        """Variables of injected containers with neither trust root nor control plane in them.

        Every other one counts for both powers, as it is not known which variables a program reads.
        """
        return frozenset()

    def read_at_start(self, run: Injection, annotations: Mapping[str, str]) -> Mapping[str, Any]:
        """What injected containers read of the result's annotations when they start, by annotation.

        Each of these counts for trust root and control plane.
        """
        return {}

    def control_plane_hosts(self, run: Injection) -> frozenset[str] | None:
        """Host names of the control plane, in lower case; None where the profile does not know them."""
        return None

    def words(self) -> frozenset[str]:
        """Words with a meaning in the values of annotations: names of fields, levels, modes."""
        return frozenset()

    def settings(self, raw: RawSettings) -> object:
        """The settings that only this profile reads, checked, in a type of its own. Raises ConfigError."""
        return raw

    def misspelt_settings(self, mesh_config: Mapping[str, Any]) -> Iterator[FieldProblem]:
        """Keys of these settings that are nearly the same as a known one."""
        return iter(())

    @property
    def settings_layer(self) -> str:
        """The name in reports for the settings that only this profile reads."""
        return "settings"

    def without_settings(self, config: Config) -> Config:
        """The configuration as if none of these settings were given."""
        return config

    def single_settings(self, config: Config) -> Iterator[tuple[str, Config]]:
        """For each of these settings that was given, its path and the configuration without it."""
        return iter(())

    def entries(self, config_revision: str, values: Manifest) -> tuple[WebhookEntry, ...]:
        """The webhook's entries with their selectors; empty where the profile declares none."""
        return (self.entry,) if self.entry else ()

    def tag_entries(self, tag: str, values: Manifest) -> tuple[WebhookEntry, ...]:
        """The entries of a tag of the revision; empty where the profile has no tags."""
        return ()

    def setting_findings(self, config: Config) -> Sequence[Finding]:
        """What an operator should know about this configuration."""
        return ()

    def watched(self) -> tuple[str, ...]:
        """API paths of the lists of cluster objects that the profile wants in `Facts.objects`."""
        return ()

    def overrides_of_path(self, path: str) -> Mapping[str, str]:
        """What a request's path sets; the whole path, decoded, such as ``/inject/key/value``."""
        return {}

    def problems(self, run: Injection) -> Sequence[AnnotationError]:
        """Annotations whose values are not accepted."""
        return ()

    def template_input(self, run: Injection) -> Manifest:
        """The pod as templates see it."""
        return run.stripped

    def context(self, run: Injection) -> Mapping[str, Any]:
        """The data of templates."""
        meta = run.template_input.get("metadata") or {}
        of = run.facts.owner or owner.of_pod(meta, quirks=run.config.quirks)
        return {
            "Values": run.config.values,
            "ObjectMeta": {"labels": {}, "annotations": {}}
            | {k: v for k, v in meta.items() if v is not None},
            "Spec": run.template_input.get("spec") or {},
            "Owner": {"apiVersion": of.api_version, "kind": of.kind, "name": of.name},
            "Namespace": run.namespace,
            "Revision": run.config.revision,
            "NativeSidecars": run.native,
        }

    def copied(self, config: Config) -> Copied | None:
        """Which texts of a pod are only copied, for plans; None: not known, so that there are no plans."""
        return None

    def contribution(self, run: Injection) -> Contribution:
        """What the configuration contributes to the pod, beside templates and annotations."""
        return Contribution({name: run.data[name] for name in ("Values", "Revision", "NativeSidecars")})

    def prepare(self, run: Injection) -> Manifest:
        """`run.stripped` without fields that the platform, not the user, has set."""
        return run.stripped

    def arrange(self, run: Injection, overlays: list[Manifest]) -> list[Manifest]:
        """The rendered overlays before any of them is merged."""
        return overlays

    def before_merge(self, run: Injection) -> None:
        """Called when an overlay is part of `run.overlay` and not yet of `run.pod`."""

    def finish(self, run: Injection) -> None:
        """Changes to `run.pod` after the last merge."""

    def order_problems(
        self, run: Injection, part: str, containers: Sequence[str], injected: frozenset[str]
    ) -> Iterator[OrderProblem]:
        """What is wrong with an order of one list of containers that the setting `placement` gives."""
        return iter(())

    def annotations(self, run: Injection) -> Mapping[str, str]:
        """Annotations that every injected pod gets, beside the status."""
        return {}

    def symptoms(self) -> tuple[Symptom, ...]:
        """What the injected containers show when something is wrong, the likelier cause first."""
        return ()

    def remedy(self, control: str, container: str) -> str:
        """What to set so that an injected container passes a control of PodSecurity; empty: not known."""
        return ""

    def needs_account_token(self, container: Manifest) -> bool:
        """Whether an injected container needs the ServiceAccount's token without naming its folder."""
        return False

    def restore(self, pod: Manifest, earlier: Status) -> tuple[Manifest, tuple[str, ...]]:
        """The pod with the values that the profile can derive from the injected pod, and its assumptions."""
        return pod, ()


@dataclass(frozen=True, slots=True)
class Config:
    """One immutable snapshot of the operator's configuration.

    `settings` is of the profile's own type. `digest` stands for all of it: two snapshots with one
    digest give the same answers. `shipped` are the templates whose text came with this program.
    `digests` is a cache of what of it templates and rules read, `prepared` of what else is made of it,
    by the function that makes it.
    """

    profile: Profile
    policy: Policy
    templates: Templates
    values: Manifest
    settings: object = None
    default_templates: tuple[str, ...] = ()
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    injected_annotations: Mapping[str, str] = field(default_factory=dict)
    annotation_rules: tuple[AnnotationRule, ...] = ()
    namespace_defaults: tuple[str, ...] = ()
    native_sidecars: str = "auto"
    pod_resources: str = ""
    placement: Mapping[str, Position] = field(default_factory=dict)
    revision: str = ""
    quirks: bool = False
    work_limit: int = DEFAULT_LIMIT
    digest: str = ""
    findings: tuple[Finding, ...] = ()
    kinds: KindTable = kinds.TABLE
    shipped: frozenset[str] = frozenset()
    digests: dict[Any, str] = field(init=False, repr=False, compare=False, default_factory=dict)
    prepared: dict[Any, Any] = field(init=False, repr=False, compare=False, default_factory=dict)


@dataclass(slots=True)
class Injection:
    """The state of one injection. The core creates it; profiles read and change it.

    `received` is the pod as received, `original` the pod without an earlier injection, `stripped` what
    overlays are merged into, `template_input` the pod as templates see it. `overlay` is the sum of the
    rendered templates, `pod` the result so far. `earlier` is the status of an earlier injection, with
    quirks off without the names that none can have added; `before` the pod without that injection. `data`
    is what templates are rendered with, `effective` what the profile derives for this pod from its settings.
    `defaults` are the annotations of `stripped` that the pod does not have itself, `written` those that the
    profile set or removed.
    """

    received: Manifest
    facts: Facts
    config: Config
    work: Work
    earlier: status.Status | None = None
    before: Uninjected | None = None
    original: Manifest = field(init=False)
    stripped: Manifest = field(init=False)
    template_input: Manifest = field(default_factory=dict)
    overlay: Manifest = field(default_factory=dict)
    pod: Manifest = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    effective: object = None
    findings: Findings = field(default_factory=Findings)
    defaults: Mapping[str, str] = field(default_factory=dict)
    written: set[str] = field(default_factory=set)
    _annotated: Manifest | None = field(init=False, default=None)
    _annotations: Mapping[str, str] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.original = self.stripped = self.received

    @property
    def namespace(self) -> str:
        """The pod's namespace, empty where neither the request nor the pod names it."""
        return str(self.facts.namespace or (self.stripped.get("metadata") or {}).get("namespace") or "")

    @property
    def native(self) -> bool:
        """Whether sidecars are native: as configured, else as the cluster supports them, else yes."""
        wanted = self.config.native_sidecars
        if wanted in ("enabled", "disabled"):
            return wanted == "enabled"
        return self.facts.native_sidecars is not False

    @property
    def schema(self) -> Schema:
        """How templates are merged; with quirks on, as upstream does it."""
        return POD_WITHOUT_CHOICES if self.config.quirks else POD

    @property
    def annotations(self) -> Mapping[str, str]:
        """The annotations of the pod that everything is merged into."""
        # Asked twenty times for a pod, which is never changed in place.
        if self._annotated is not self.stripped:
            self._annotated, self._annotations = self.stripped, status.annotations_of(self.stripped)
        return self._annotations

    def annotate(
        self, annotations: Mapping[str, str | None], labels: Mapping[str, str] | None = None
    ) -> None:
        """Set annotations and labels of the result; null removes an annotation."""
        self.written.update(annotations)
        self.pod = with_annotations(self.pod, annotations, labels)

    def warn(self, code: FindingCode, message: str, *, level: Level | None = None) -> None:
        """Add a finding, once."""
        self.findings.add(Finding.of(code, message, level=level))
