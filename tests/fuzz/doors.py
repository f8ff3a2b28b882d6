"""The doors that a review goes through, with the configurations behind them.

Each `Setup` is a snapshot with the state of a webhook around it. A review goes through
`parse`/`answer`, and a share of them through the ASGI app as well, which has to say the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any, Final

import yaml

from injector import telemetry
from injector.config.folder import shipped
from injector.config.loading import Input, Text, load_input
from injector.core import status
from injector.core.injection import uninjection
from injector.core.injection.pipeline import inject
from injector.core.injection.recovery import recover
from injector.core.model import Facts, Namespace, Reason, Verdict
from injector.core.profile import Config
from injector.core.tree.schema import same
from injector.core.workload import Workload, check_shape
from injector.errors import ReviewError
from injector.server import answers, reviews
from injector.server.app import Webhook
from injector.server.health import create_app
from injector.server.state import State
from injector.telemetry import Metrics
from injector.work import Work
from tests.asgi import Reply, exchange, scope_of
from tests.fuzz import authors, oracles
from tests.fuzz.aside import Aside
from tests.fuzz.authors import Elements
from tests.fuzz.bounds import bound
from tests.fuzz.caching import Caching
from tests.fuzz.design import Meant, is_cut, losses
from tests.generators.forging import LISTS, Forger

Tree = dict[str, Any]

_REPO: Final = Path(__file__).parents[2]
_TRIES: Final = 5
_FORCED: Final = frozenset({"ISTIO_META_NETWORK", "ISTIO_META_CLUSTER_ID"})
_SETTINGS: Final[Tree] = {
    "nativeSidecars": "enabled",
    "values": {
        "global": {
            "network": "n1",
            "multiCluster": {"clusterName": "c1"},
            "mountMtlsCerts": True,
            "imagePullSecrets": ["registry"],
            "proxy": {"holdApplicationUntilProxyStarts": True},
        }
    },
    "injectedAnnotations": {"example.com/by": "us"},
    "meshConfig": {"defaultConfig": {"interceptionMode": "TPROXY", "proxyMetadata": {"A": "b"}}},
}
_ISTIO: Final[dict[str, Tree]] = {
    "istio": {},
    "istio, quirks": {"compatibility": {"istioQuirks": True}},
    "istio, classic": {"nativeSidecars": "disabled"},
    "istio, classic, quirks": {"nativeSidecars": "disabled", "compatibility": {"istioQuirks": True}},
    "istio, CNI": {"values": {"pilot": {"cni": {"enabled": True}}}},
    "istio, settings": _SETTINGS,
}


@dataclass
class Setup:
    """A configuration and the webhook around it."""

    name: str
    config: Config
    app: Webhook = field(init=False)
    caching: Caching = field(init=False)
    aside: Aside = field(init=False)
    namespaces: dict[str, Namespace] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.aside = Aside(self.config)
        state = State(
            current=lambda: self.config,
            metrics=Metrics(),
            namespace_of=self.namespaces.get,
            record=self.aside.record,
            notify=self.aside.notify,
        )
        self.app = Webhook(state, create_app(state, inner=False))
        self.caching = Caching(state)

    @cached_property
    def keys(self) -> list[str]:
        """The annotations that the profile knows, its own books among them."""
        books = self.config.profile.keys
        named = (books.switch, books.status, books.overrides, books.templates, books.undo)
        return sorted({*self.config.profile.catalogue().annotations, *named})

    @cached_property
    def elements(self) -> Elements:
        """What the templates give, whichever branches they take."""
        known, seen = self.config.profile.made(), self.config.templates.outline(LISTS).names
        made = {part: frozenset(known.get(part, ())) | frozenset(seen.get(part, ())) for part in LISTS}
        secrets = (self.config.values.get("global") or {}).get("imagePullSecrets") or ()
        return Elements({**made, "imagePullSecrets": made["imagePullSecrets"] | frozenset(secrets)})

    @cached_property
    def forger(self) -> Forger:
        """Who forges the annotations of the profile."""
        config = self.config
        return Forger(config.profile.keys, frozenset(self.keys), sorted(config.templates), self.elements.made)

    def injected(self, pod: Tree) -> Tree:
        """The pod after an injection, as a webhook sees it that is called again; else the pod itself."""
        try:
            check_shape(Workload(pod, "/metadata", "/spec"))
        except Exception:
            return pod
        outcome = inject(pod, Facts(namespace="shop"), self.config)
        made: Tree = json.loads(json.dumps({**pod, **outcome.pod}))
        return made


def setups() -> list[Setup]:
    """Every shipped profile, with quirks off and on where it has them, and a profile of one's own."""
    configs = {name: _config(raw) for name, raw in _ISTIO.items()}
    for name in shipped():
        if name != "istio":
            configs[name] = _config({"profile": name})
    configs["log-shipper"] = _config({"profile": str(_REPO / "examples/log-shipper")})
    return [Setup(name, config) for name, config in configs.items()]


def _config(raw: Tree) -> Config:
    return load_input(Input(Text(yaml.safe_dump(raw), "fuzz"), "."))


def draw_namespaces(random: Random, setup: Setup, value: str) -> None:
    """What the webhook knows of the namespaces this time; `value` is on one of them."""
    setup.namespaces.clear()
    if random.random() < 0.3:
        key = random.choice(setup.keys)
        setup.namespaces["shop"] = Namespace("shop", {"istio-injection": "enabled"}, {key: value})


@dataclass
class Judgement:
    """What came of one body: the word for the statistics, what is wrong, and the CPU time it took."""

    word: str
    faults: list[str]
    seconds: float = 0.0


def ask(setup: Setup, body: bytes, path: str, *, thorough: bool, in_app: bool) -> Judgement:
    """One body through the door, and everything that has to hold for what comes back.

    `thorough` injects the result again and takes it out; `in_app` asks the ASGI app as well.
    """
    started = time.process_time()
    try:
        request = reviews.parse(body, path=path)
    except ReviewError as error:
        judgement = Judgement(f"refused {error.status}", _refusal_faults(error))
        judgement.seconds = time.process_time() - started
    else:
        work = Work(setup.config.work_limit)
        facts = answers.facts_of(request, setup.config, setup.namespaces.get)
        answer = answers.answer(request, setup.config, facts, work=work)
        seconds = time.process_time() - started
        review = json.loads(body)
        faults = [*_faults(setup, review, answer, thorough), *_work_faults(setup, review, work)]
        judgement = Judgement(answer.outcome.decision.reason.value, faults, seconds)
    if in_app:
        judgement.faults += _app_faults(setup, body, path, judgement.word)
    return judgement


def _refusal_faults(error: ReviewError) -> list[str]:
    fine = error.status in (400, 413) and error.message.isprintable() and len(error.message) < 500
    return [] if fine else [f"a refusal with status {error.status} and an odd message"]


def _faults(setup: Setup, review: Tree, answer: answers.Answer, thorough: bool) -> list[str]:
    if answer.defect or answer.outcome.decision.reason is Reason.INTERNAL_ERROR:
        return [f"defect: {answer.defect}"]
    sent = json.loads(json.dumps(answer.review))
    faults = oracles.answer_faults(review, sent)
    received = review["request"].get("object")
    if not isinstance(received, dict):
        return faults
    after, wrong = oracles.patched(received, sent["response"])
    if wrong or answer.outcome.decision.verdict is not Verdict.INJECT:
        return [*faults, *wrong]
    faults += _author_faults(setup, received, after)
    faults += _lost(setup, received, after, answer.facts)
    if thorough and not setup.config.quirks:
        faults += _laws(setup, received, after, answer)
    return faults


def _work_faults(setup: Setup, review: Tree, work: Work) -> list[str]:
    """Counted work beyond what a pod of this size may cost."""
    pod = review["request"].get("object")
    if not work.spent or not isinstance(pod, dict):
        return []
    most = bound(_template(pod), setup.config.profile.keys, len(setup.config.default_templates))
    return [f"work: {work.spent} units for a bound of {most}"] if work.spent > most else []


def _author_faults(setup: Setup, received: Tree, after: Tree) -> list[str]:
    """What an injection gave or took of what is the pod's author's."""
    quirks = setup.config.quirks
    upstream = setup.config.profile.keys if quirks else None
    out = [
        *authors.element_faults(received, after, setup.elements, upstream),
        *authors.fixed_faults(received, after),
    ]
    return out if quirks else [*out, *authors.duplicate_faults(received, after)]


def _lost(setup: Setup, received: Tree, after: Tree, facts: Facts) -> list[str]:
    """The user's fields that are gone, except what injection changes by design."""
    config = setup.config
    before = received
    if not config.quirks:
        original = recover(received, facts, config)
        before = {**received, **original.pod} if original else received
    elif status.read(received, config.profile.keys):
        return []
    added = status.read(after, config.profile.keys)
    ours = frozenset(name for part in status.LISTS for name in added.names(part)) if added else frozenset()
    meant = Meant(ours, config.profile.bookkeeping_annotations, frozenset(facts.overrides) | _FORCED)
    # The overrides are the user's version too, and the one that counts.
    overridden = bool(uninjection.overrides(before, config.profile))
    gone = losses(before, after, meant, merged=config.quirks or overridden)
    if config.quirks:
        gone = [place for place in gone if not is_cut(before, place)]
    if before is not received:
        # What stood there before an injection is worked out by the code that is tried. This is not:
        # no more than an undo annotation names may go.
        gone += authors.unexplained(
            _all_lost(setup, received, after, meant), received, config.profile.keys.undo
        )
    return [f"lost: /{'/'.join(place)}"[:300] for place in gone[:3]]


def _all_lost(setup: Setup, received: Tree, after: Tree, meant: Meant) -> list[oracles.Place]:
    """What of a pod is gone that stood outside of what templates give, or of what they write there."""
    ours = frozenset().union(meant.names, *map(setup.elements.of, LISTS))
    return losses(received, after, replace(meant, names=ours), merged=True)


def _laws(setup: Setup, received: Tree, after: Tree, answer: answers.Answer) -> list[str]:
    out: list[str] = []
    if any(finding.code == "undo-too-large" for finding in answer.outcome.findings):
        # The undo annotation is left out, and a finding says so.
        return out
    again = inject(_template(after), answer.facts, setup.config)
    if again.patch:
        out.append(f"injected twice is not injected once: {again.patch[0].op} {again.patch[0].path}")
    before = recover(_template(received), answer.facts, setup.config)
    back = recover(_template(after), answer.facts, setup.config)
    wanted = before.pod if before else _template(received)
    if back is None or not same(back.pod, wanted):
        out.append("uninject does not give the original")
    return out


def _template(pod: Tree) -> Tree:
    return {half: pod[half] for half in ("metadata", "spec") if pod.get(half) is not None}


def _app_faults(setup: Setup, body: bytes, path: str, word: str) -> list[str]:
    """The same body over ASGI, with records and Events, and with caches: no 5xx, nothing said differently."""
    scope = scope_of("POST", path, query_string=b"timeout=30s")
    # Where the machine is busy with other things, a request may be told to come again.
    for _ in range(_TRIES):
        reply = Reply.of(asyncio.run(exchange(setup.app, scope, [body])))
        if reply.status != 429:
            break
    if faults := setup.aside.taken() or setup.caching.faults(body, path):
        return faults
    if word.startswith("refused"):
        same_word = f"refused {reply.status}" == word
        return [] if same_word else [f"the app answers {reply.status} where parse says {word}"]
    if reply.status != 200:
        return [f"the app answers {reply.status} where parse takes the review"]
    reason = reply.json["response"]["auditAnnotations"]["reason"]
    return [] if reason == word else [f"the app says {reason}, the door {word}"]


@contextlib.contextmanager
def logged() -> Iterator[None]:
    """Log lines are written, as in the product, and have to be JSON in ASCII each."""
    root = logging.getLogger()
    before, level = root.handlers[:], logging.getLogger("injector").level
    telemetry.log_to("info", _Lines())
    handler = root.handlers[0]
    handler.handleError = _raised  # type: ignore[method-assign]
    try:
        yield
    finally:
        root.handlers[:] = before
        logging.getLogger("injector").setLevel(level)


class _Lines(io.StringIO):
    def write(self, text: str) -> int:
        text.encode("ascii")
        for line in text.splitlines():
            json.loads(line)
        return len(text)


def _raised(record: logging.LogRecord) -> None:
    raise ValueError(f"this cannot be logged: {record.msg!r}")
