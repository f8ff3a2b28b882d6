"""The Secret that all replicas share: which CA signs, which one is next, which ones are still trusted.

Here: the Secret's keys, and what is wrong with a Secret. Not here: when something in it changes
(plan.py), and the requests (own.py).

| key | what |
| --- | --- |
| `current.crt`, `current.key` | the CA that signs; missing at first and after a loss |
| `next.crt`, `next.key` | the CA that will sign once every API server trusts it |
| `ca.crt` | all that has to be trusted: both, and former ones that have not expired |
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from injector.certs.pair import Certificate, Pair, bundle, decoded, encoded, read_bundle, read_pair
from injector.classes import dataclass, replace
from injector.errors import ConfigError

Object: TypeAlias = dict[str, Any]

FORMAT = "1"
FORMAT_KEY = "sidecar-injector/certificates-format"


@dataclass(frozen=True, slots=True)
class Stored:
    """The content of the Secret. `former` are certificates without key; `problems` is what was broken."""

    current: Pair | None = None
    next: Pair | None = None
    former: tuple[Certificate, ...] = ()
    problems: tuple[ConfigError, ...] = ()

    def certificates(self) -> dict[str, Certificate]:
        """All its certificates, by fingerprint."""
        pairs = [pair.certificate for pair in (self.current, self.next) if pair]
        return {c.fingerprint: c for c in (*self.former, *pairs)}


def read(secret: Object | None) -> Stored:
    """What a Secret holds; an empty or missing one holds nothing.

    A part that is broken counts as missing and is named. Raises ConfigError for a Secret with other
    content, or in a newer format: it is never overwritten.
    """
    if secret is None:
        return Stored()
    metadata = secret.get("metadata") or {}
    where = f"Secret {metadata.get('namespace')}/{metadata.get('name')}"
    data: Mapping[str, Any] = secret.get("data") or {}
    written = (metadata.get("annotations") or {}).get(FORMAT_KEY)
    if data and written != FORMAT:
        difference = "has a newer format" if written else "has other content"
        hint = "set another name in server.certificates.caSecret, or delete this Secret if it is not needed"
        raise ConfigError(f"this Secret {difference}, so it is not changed", where=where, hint=hint)
    problems: list[ConfigError] = []
    current, following = (_part(data, name, where, problems) for name in ("current", "next"))
    texts = [decoded(data.get(key)) for key in ("ca.crt", "current.crt", "next.crt")]
    own = {pair.fingerprint for pair in (current, following) if pair}
    former = tuple(c for c in read_bundle("\n".join(texts)) if c.fingerprint not in own)
    return Stored(current, following, former, tuple(problems))


def _part(data: Mapping[str, Any], name: str, where: str, problems: list[ConfigError]) -> Pair | None:
    chain, key = data.get(f"{name}.crt"), data.get(f"{name}.key")
    if not chain and not key:
        return None
    try:
        return read_pair(decoded(chain), decoded(key), f"{where} {name}")
    except ConfigError as error:
        problems.append(error)
        return None


def without(stored: Stored, name: str, problem: ConfigError) -> Stored:
    """The same with a part, `current` or `next`, counted as broken. Its certificate stays trusted."""
    pair: Pair | None = getattr(stored, name)
    if pair is None:
        return stored
    former = (*stored.former, pair.certificate)
    return replace(stored, **{name: None}, former=former, problems=(*stored.problems, problem))


def written(stored: Stored, before: Object | None, namespace: str, name: str) -> Object:
    """The Secret to send: `before` with another content, or a new one."""
    secret = dict(before or {"apiVersion": "v1", "kind": "Secret", "type": "Opaque"})
    metadata = dict(secret.get("metadata") or {"name": name, "namespace": namespace})
    metadata["annotations"] = {**(metadata.get("annotations") or {}), FORMAT_KEY: FORMAT}
    metadata["labels"] = {
        "app.kubernetes.io/name": "sidecar-injector",
        **(metadata.get("labels") or {}),
    }
    data = {"ca.crt": encoded(bundle(stored.certificates().values()))}
    for key, pair in (("current", stored.current), ("next", stored.next)):
        if pair:
            data |= {f"{key}.crt": encoded(pair.chain), f"{key}.key": encoded(pair.key)}
    return {**secret, "metadata": metadata, "data": data}
