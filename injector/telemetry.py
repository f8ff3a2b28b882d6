"""What the process tells about itself while it runs: JSON log lines and Prometheus metrics.

Here: their shape. Not here: when to tell, and the HTTP that carries the metrics. Labels come from
closed sets only, and neither lines nor labels ever hold text from a pod beyond its names.

The command line does not use this module; prometheus_client is loaded with the first `Metrics`.
"""

from __future__ import annotations

import json
import logging
import math
import sys
import time
from collections.abc import Callable, Hashable, Mapping
from typing import IO, Any

# Fine below 25 ms, and every edge of the API server's own histogram of webhook calls, so that
# both sides can be laid over each other.
SECONDS = (
    *(0.001, 0.0015, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1),
    *(0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)

# The names that dashboards made for the mesh's own injector look for. There every answer counts as
# a success; here, as the name says, a success is an injected pod.
_LEGACY = {
    "requests": "Requests to the webhook.",
    "success": "Pods injected.",
    "failure": "Requests that failed or were denied.",
    "skip": "Pods that were skipped.",
}

_CUTS = (
    *("connections", "address", "memory", "size", "pipelined", "handshake"),
    *("silent", "request", "answer", "head", "framing", "malformed"),
)

_log = logging.getLogger("injector")


class NowAndThen:
    """Lets one of each kind through in `seconds`, and counts the others.

    For what callers can make happen as often as they like; the kinds are a closed set.
    """

    def __init__(self, seconds: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._since: dict[Hashable, tuple[float, int]] = {}

    def times(self, kind: Hashable) -> int:
        """How many there were since the last that was let through, this one too; 0 keeps this one back."""
        now = self._clock()
        last, unsaid = self._since.get(kind, (-math.inf, 0))
        if now - last < self._seconds:
            self._since[kind] = (last, unsaid + 1)
            return 0
        self._since[kind] = (now, 0)
        return unsaid + 1


class _OfLibraries(logging.Filter):
    """Keeps a library's lines back that come from one place again and again, such as on bad requests."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__()
        self._gate = NowAndThen(clock=clock)

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name == _log.name:
            return True
        times = self._gate.times((record.pathname, record.lineno, record.levelno))
        record.fields = {"times": times} if times > 1 else {}
        return times > 0


def log_to(level: str, stream: IO[str] | None = None, clock: Callable[[], float] = time.monotonic) -> None:
    """Send the lines of this process, libraries' too, to a stream: stderr where none is given."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_Lines())
    handler.addFilter(_OfLibraries(clock))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    _log.setLevel(level.upper())


def tell(level: str, event: str, **fields: Any) -> None:
    """Log an event with its fields, none of those that are None; level is debug, info, warning or error."""
    _log.log(getattr(logging, level.upper()), event, extra={"fields": fields})


class _Lines(logging.Formatter):
    """One JSON object a line: time, level, event, then the fields."""

    def format(self, record: logging.LogRecord) -> str:
        second = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        told: dict[str, Any] = {
            "time": f"{second}.{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        if record.name != _log.name:
            told["logger"] = record.name
        if record.exc_info and record.exc_info[0]:
            told["exception"] = record.exc_info[0].__name__
        fields: Mapping[str, Any] = getattr(record, "fields", {})
        told.update({key: value for key, value in fields.items() if value is not None})
        return json.dumps(told, separators=(",", ":"), default=str)


class Metrics:
    """The process's metrics, in a registry of their own."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
        from prometheus_client.process_collector import ProcessCollector

        self.registry = CollectorRegistry()
        self._text = generate_latest
        ProcessCollector(registry=self.registry)
        own: dict[str, Any] = {"registry": self.registry}
        self._admissions = Counter(
            "injector_admission_total",
            "Admission reviews answered, by decision (inject, skip, deny, allow), reason and profile.",
            ("decision", "reason", "profile"),
            **own,
        )
        self._seconds = Histogram(
            "injector_admission_seconds",
            "Seconds from the first byte of a review to its answer.",
            buckets=SECONDS,
            **own,
        )
        self._rejected = Counter(
            "injector_request_rejected_total",
            "Requests that were not admission reviews, by HTTP status.",
            ("code",),
            **own,
        )
        self._config = Gauge(
            "injector_config_info",
            "1 for the active configuration.",
            ("digest", "profile", "revision"),
            **own,
        )
        self._reloads = Counter(
            "injector_config_reload_total",
            "Reloads of the configuration, by result (ok, error) and reason of an error: source, "
            "settings, template, samples, changing (while read), defect.",
            ("result", "reason"),
            **own,
        )
        self._expiry = Gauge(
            "injector_certificate_expiry_timestamp_seconds",
            "When a certificate expires, in seconds since 1970, by kind (leaf, current, next, former, ca).",
            ("kind", "fingerprint"),
            **own,
        )
        self._due = Gauge(
            "injector_certificate_renewal_due_timestamp_seconds",
            "When a certificate should be replaced, in seconds since 1970, by kind (leaf, current, ca).",
            ("kind", "fingerprint"),
            **own,
        )
        self._renewals = Counter(
            "injector_certificate_renewal_total",
            "Renewals: leaf, ca, or caBundle (corrected).",
            ("what",),
            **own,
        )
        self._certificate_failures = Counter(
            "injector_certificate_failure_total",
            "Failed renewals: leaf, ca, caBundle, secret (read), write (the Secret), files, defect.",
            ("what",),
            **own,
        )
        self._records = Counter(
            "injector_record_total",
            "Recorded admissions: written, or dropped by rate, queue, size, or failed (the disk).",
            ("result",),
            **own,
        )
        self._callers = Counter(
            "injector_caller_total",
            "Checked callers of the webhook: accepted, or the reason of the rejection.",
            ("result",),
            **own,
        )
        self._events = Counter(
            "injector_event_total",
            "Kubernetes Events: written, repeated (count increased), or dropped by owner (not found), "
            "rate, queue, or failed.",
            ("result",),
            **own,
        )
        self._shed = Counter(
            "injector_request_shed_total",
            "Requests rejected in an overload, by cause: full or wait (the queue), bytes (of bodies), "
            "age (waited too long), gone (the caller).",
            ("cause",),
            **own,
        )
        self._threaded = Counter(
            "injector_admission_threaded_total",
            "Admissions that ran outside of the event loop, by cause: size (of the body), work (above "
            "the event loop's limit).",
            ("cause",),
            **own,
        )
        self._stopped = Counter(
            "injector_admission_stopped_total",
            "Admissions stopped at the limit of CPU time; the limit of counted work should stop them "
            "earlier.",
            **own,
        )
        self._cut = Counter(
            "injector_connection_cut_total",
            "Connections closed at a limit, by cause. Of the listener: connections (too many), address (too "
            "many from one), memory (for all). Of one connection: size, pipelined (requests), handshake, "
            "silent (no first request), request (too slow), answer (not read), head (large), framing (of "
            "chunks), malformed.",
            ("cause",),
            **own,
        )
        self._waiting = Gauge("injector_queue_length", "Admissions in the queue.", **own)
        self._under_way = Gauge("injector_requests_in_flight", "Requests that are not answered yet.", **own)
        self._namespaces = Gauge("injector_namespaces_synced", "1 once all namespaces are known.", **own)
        self._ready = Gauge("injector_ready", "1 while the process is ready (/readyz).", **own)
        self._config_ok = Gauge(
            "injector_config_last_reload_ok",
            "1 while the active configuration is that of its source; 0 while a newer one is rejected.",
            **own,
        )
        self._legacy = {
            name: Counter(f"sidecar_injection_{name}", told, **own) for name, told in _LEGACY.items()
        }
        self._reloads.labels("ok", "")
        for reason in ("source", "settings", "template", "samples", "changing", "defect"):
            self._reloads.labels("error", reason)
        for cause in ("full", "wait", "bytes", "age", "gone"):
            self._shed.labels(cause)
        for cause in ("size", "work"):
            self._threaded.labels(cause)
        for cause in _CUTS:
            self._cut.labels(cause)
        for what in ("leaf", "ca", "caBundle", "secret", "write", "files", "defect"):
            self._certificate_failures.labels(what)

    def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return self._text(self.registry)

    def admitted(self, decision: str, reason: str, profile: str, seconds: float) -> None:
        """Count an answered review."""
        self._admissions.labels(decision, reason, profile).inc()
        self._seconds.observe(seconds)
        self._legacy["requests"].inc()
        self._legacy[{"inject": "success", "skip": "skip"}.get(decision, "failure")].inc()

    def rejected(self, status: int) -> None:
        """Count a request to the webhook that was no review."""
        self._rejected.labels(str(status)).inc()
        self._legacy["requests"].inc()
        self._legacy["failure"].inc()

    def shed(self, cause: str) -> None:
        """Count a request that was not answered because of an overload."""
        self._shed.labels(cause).inc()

    def threaded(self, cause: str) -> None:
        """Count an admission that was done beside the loop."""
        self._threaded.labels(cause).inc()

    def stopped(self) -> None:
        """Count an admission that was ended at the limit of CPU time."""
        self._stopped.inc()

    def cut(self, cause: str) -> None:
        """Count a connection that was ended because of its bounds."""
        self._cut.labels(cause).inc()

    def load(self, *, waiting: Callable[[], int], under_way: Callable[[], int]) -> None:
        """Where to ask how many requests wait, and how many are not answered yet."""
        self._waiting.set_function(waiting)
        self._under_way.set_function(under_way)

    def configured(self, digest: str, profile: str, revision: str) -> None:
        """Name the configuration in force."""
        self._config.clear()
        self._config.labels(digest, profile, revision).set(1)

    def reloaded(self, refused: str = "") -> None:
        """Count a change of the configuration's source that was taken over, or why it was refused."""
        self._reloads.labels("error" if refused else "ok", refused).inc()

    def certificates(
        self, expiries: Mapping[tuple[str, str], float], due: Mapping[tuple[str, str], float]
    ) -> None:
        """Tell when certificates expire and when they are due, by kind and fingerprint; others are gone."""
        for gauge, moments in ((self._expiry, expiries), (self._due, due)):
            gauge.clear()
            for labels, moment in moments.items():
                gauge.labels(*labels).set(moment)

    def certificate_renewed(self, what: str) -> None:
        """Count a new leaf or CA, or a caBundle that was written."""
        self._renewals.labels(what).inc()

    def certificate_failed(self, what: str) -> None:
        """Count something about certificates that did not work."""
        self._certificate_failures.labels(what).inc()

    def recorded(self, result: str) -> None:
        """Count an admission that was written to the record, or dropped."""
        self._records.labels(result).inc()

    def caller(self, result: str) -> None:
        """Count a caller that was accepted, or why it was not."""
        self._callers.labels(result).inc()

    def event(self, result: str) -> None:
        """Count a Kubernetes Event that was written, or dropped."""
        self._events.labels(result).inc()

    def namespaces(self, synced: Callable[[], bool]) -> None:
        """Where to ask whether all namespaces are known."""
        self._namespaces.set_function(lambda: float(synced()))

    def readiness(self, ready: Callable[[], bool]) -> None:
        """Where to ask whether the process is ready."""
        self._ready.set_function(lambda: float(ready()))

    def configuration(self, as_its_source: Callable[[], bool]) -> None:
        """Where to ask whether the configuration in force is what its source says."""
        self._config_ok.set_function(lambda: float(as_its_source()))
