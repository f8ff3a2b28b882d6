"""JSON log lines and Prometheus metrics of the running process.

Here: their form. Not here: when they are written, and the HTTP of the metrics. Labels come from closed
sets only; lines and labels hold no text of a pod but its names.

The command line does not use this module; prometheus_client is loaded with the first `Metrics`.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate
from typing import IO, Any, Final

from injector import metrics
from injector.metrics import Metric, MetricType
from injector.pacing import Throttle

_log = logging.getLogger("injector")
_root = logging.getLogger()
_LEVELS: Final = {name: getattr(logging, name.upper()) for name in ("debug", "info", "warning", "error")}
_encode = json.JSONEncoder(separators=(",", ":"), default=str).encode
quoted: Callable[[str], str] = json.encoder.encode_basestring_ascii
"""A text as JSON, in ASCII."""


_LEGACY: Final = {
    "inject": metrics.LEGACY_SUCCESS,
    "unchanged": metrics.LEGACY_SUCCESS,
    "skip": metrics.LEGACY_SKIP,
}


class _LibraryFilter(logging.Filter):
    """Drops repeated lines of libraries that come from one place, such as for bad requests."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__()
        self._gate = Throttle(clock=clock)

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name == _log.name:
            return True
        times = self._gate.times((record.pathname, record.lineno, record.levelno))
        record.fields = {"times": times} if times > 1 else {}
        return times > 0


def log_to(level: str, stream: IO[str] | None = None, clock: Callable[[], float] = time.monotonic) -> None:
    """Write the lines of this process and its libraries to a stream, stderr by default."""
    handler = _Lines(stream or sys.stderr)
    handler.addFilter(_LibraryFilter(clock))
    _root.handlers[:] = [handler]
    _root.setLevel(logging.WARNING)
    _log.setLevel(level.upper())


def log_event(level: str, event: str, **fields: Any) -> None:
    """Log an event with its fields but those that are None; level is debug, info, warning or error."""
    if _log.isEnabledFor(_LEVELS[level]):
        log_members(level, event, _encode({k: v for k, v in fields.items() if v is not None})[1:-1])


def log_members(level: str, event: str, members: str) -> None:
    """Log an event whose fields are the members of a JSON object already, as text."""
    number = _LEVELS[level]
    if not _log.isEnabledFor(number):
        return
    handlers = _root.handlers
    # The library's records cost several times as much as the line, and only other handlers need them.
    if len(handlers) == 1 and isinstance(handlers[0], _Lines) and not _log.handlers:
        handlers[0].write(level, event, members)
    else:
        _log.log(number, event, extra={"fields": json.loads(f"{{{members}}}")})


class _Lines(logging.StreamHandler[IO[str]]):
    """Writes one JSON object a line: time, level, event, then the fields."""

    def __init__(self, stream: IO[str]) -> None:
        super().__init__(stream)
        self._second = (0, "")

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record, which comes from a library where it names a logger."""
        fields: dict[str, Any] = {} if record.name == _log.name else {"logger": record.name}
        if record.exc_info and record.exc_info[0]:
            fields["exception"] = record.exc_info[0].__name__
        fields |= getattr(record, "fields", {})
        return self._line(
            record.created, record.levelname.lower(), record.getMessage(), _encode(fields)[1:-1]
        )

    def write(self, level: str, event: str, members: str) -> None:
        """Write a line. It is lost where the stream fails: there is no other place to say so."""
        line = self._line(time.time(), level, event, members)
        with self.lock or contextlib.nullcontext(), contextlib.suppress(OSError, ValueError):
            self.stream.write(line + self.terminator)
            self.stream.flush()

    def _line(self, now: float, level: str, event: str, members: str) -> str:
        second, text = self._second
        if int(now) != second:
            second = int(now)
            text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._second = (second, text)
        moment = f"{text}.{int(now % 1 * 1000):03}Z"
        rest = f",{members}" if members else ""
        return f'{{"time":"{moment}","level":"{level}","event":{quoted(event)}{rest}}}'


class Seconds:
    """A histogram without labels; that of the library takes ten times as long to observe."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self._counts = [0] * (len(metrics.SECONDS) + 1)
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count a duration."""
        self._counts[bisect_left(metrics.SECONDS, seconds)] += 1
        self._sum += seconds

    def collect(self) -> Iterator[Any]:
        """The histogram, as a registry collects it."""
        from prometheus_client.metrics_core import HistogramMetricFamily
        from prometheus_client.utils import floatToGoString

        names = [*map(floatToGoString, metrics.SECONDS), "+Inf"]
        buckets = list(zip(names, accumulate(self._counts), strict=True))
        yield HistogramMetricFamily(self._metric.name, self._metric.help, buckets, self._sum)


def load_metrics() -> None:
    """Import the library, which the first `Metrics` does else."""
    import prometheus_client.process_collector  # noqa: F401


class Metrics:
    """The process's metrics, in a registry of their own."""

    def __init__(self) -> None:
        from prometheus_client import (
            CollectorRegistry,
            Counter,
            Gauge,
            disable_created_metrics,
            generate_latest,
        )
        from prometheus_client.process_collector import ProcessCollector

        # The series `_created` would double the size of each scrape, and no alert or dashboard reads them.
        disable_created_metrics()  # type: ignore[no-untyped-call]

        self.registry = CollectorRegistry()
        self._text: Callable[[Any], bytes] = generate_latest
        self._process = ProcessCollector(registry=self.registry)
        types: dict[MetricType, Callable[..., Any]] = {MetricType.COUNTER: Counter, MetricType.GAUGE: Gauge}
        self._seconds = Seconds(metrics.ADMISSION_SECONDS)
        self._collectors: dict[str, Any] = {}
        for metric in metrics.METRICS:
            if metric.type is MetricType.HISTOGRAM:
                self.registry.register(self._seconds)
                self._collectors[metric.name] = self._seconds
                continue
            made = types[metric.type](metric.name, metric.help, metric.labels, registry=self.registry)
            self._collectors[metric.name] = made
            for values in metric.values:
                made.labels(*values)
        self._series: dict[tuple[str, tuple[str, ...]], Any] = {}
        # What is not added to its counters yet: to count in them takes as long as the rest of an answer.
        self._answers: dict[tuple[str, str, str], int] = {}
        self._lookups: dict[tuple[str, bool], int] = {}

    def _of(self, metric: Metric, *labels: str) -> Any:
        """A metric, or its series with these labels. Of counters, whose series stay, it is looked up once."""
        collector = self._collectors[metric.name]
        if not labels:
            return collector
        if metric.type is not MetricType.COUNTER:
            return collector.labels(*labels)
        key = (metric.name, labels)
        return self._series.get(key) or self._series.setdefault(key, collector.labels(*labels))

    def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return b"".join(self.texts())

    def texts(self) -> Iterator[bytes]:
        """The same, a metric at a time: all together take milliseconds."""
        self._add()
        return map(self._text, (self._process, *self._collectors.values()))

    def admitted(self, decision: str, reason: str, profile: str, seconds: float) -> None:
        """Count an answered review."""
        key = (decision, reason, profile)
        self._answers[key] = self._answers.get(key, 0) + 1
        self._seconds.observe(seconds)

    def _add(self) -> None:
        """Add what was counted to the counters."""
        answers, self._answers = self._answers, {}
        lookups, self._lookups = self._lookups, {}
        for labels, count in answers.items():
            self._of(metrics.ADMISSIONS, *labels).inc(count)
            self._of(metrics.LEGACY_REQUESTS).inc(count)
            self._of(_LEGACY.get(labels[0], metrics.LEGACY_FAILURE)).inc(count)
        for (cache, hit), count in lookups.items():
            self._of(metrics.CACHE_REQUESTS, cache, "hit" if hit else "miss").inc(count)

    def rejected(self, status: int) -> None:
        """Count a request to the webhook that was no review."""
        self._of(metrics.REJECTED, str(status)).inc()
        self._of(metrics.LEGACY_REQUESTS).inc()
        self._of(metrics.LEGACY_FAILURE).inc()

    def shed(self, cause: str) -> None:
        """Count a request that was refused in an overload."""
        self._of(metrics.SHED, cause).inc()

    def threaded(self, cause: str) -> None:
        """Count an admission that ran in a thread."""
        self._of(metrics.THREADED, cause).inc()

    def cached(self, cache: str, *, hit: bool) -> None:
        """Count a lookup in a cache."""
        self._lookups[cache, hit] = self._lookups.get((cache, hit), 0) + 1

    def planned(self, reason: str) -> None:
        """Count an admission that a plan answered, or why it took the ordinary way."""
        self.cached("plans", hit=not reason)
        if reason:
            self._of(metrics.ORDINARY, reason).inc()

    def evicted(self, cache: str, count: int) -> None:
        """Count values that a cache dropped for others."""
        self._of(metrics.CACHE_EVICTIONS, cache).inc(count)

    def cache_bytes(self, cache: str, size: Callable[[], int]) -> None:
        """Read the size of a cache from this at each scrape."""
        self._of(metrics.CACHE_BYTES, cache).set_function(size)

    def stopped(self) -> None:
        """Count an admission that was stopped at the limit of CPU time."""
        self._of(metrics.STOPPED).inc()

    def cut(self, cause: str) -> None:
        """Count a connection that was closed at a limit."""
        self._of(metrics.CONNECTIONS_CUT, cause).inc()

    def load(self, *, waiting: Callable[[], int], under_way: Callable[[], int]) -> None:
        """Read the queue's length and the requests under way from these at each scrape."""
        self._of(metrics.QUEUE_LENGTH).set_function(waiting)
        self._of(metrics.IN_FLIGHT).set_function(under_way)

    def configured(self, digest: str, profile: str, revision: str) -> None:
        """Set the configuration in force."""
        self._of(metrics.CONFIG).clear()
        self._of(metrics.CONFIG, digest, profile, revision).set(1)

    def reloaded(self, refused: str = "") -> None:
        """Count a reload of the configuration, with the reason where it was refused."""
        self._of(metrics.RELOADS, "error" if refused else "ok", refused).inc()

    def certificates(
        self, expiries: Mapping[tuple[str, str], float], due: Mapping[tuple[str, str], float]
    ) -> None:
        """Set when certificates expire and are due, by kind and fingerprint, in place of all before."""
        for gauge, moments in (
            (self._of(metrics.CERTIFICATE_EXPIRY), expiries),
            (self._of(metrics.RENEWAL_DUE), due),
        ):
            gauge.clear()
            for labels, moment in moments.items():
                gauge.labels(*labels).set(moment)

    def certificate_renewed(self, what: str) -> None:
        """Count a new leaf or CA, or a caBundle that was written."""
        self._of(metrics.RENEWALS, what).inc()

    def certificate_failed(self, what: str) -> None:
        """Count a problem with certificates."""
        self._of(metrics.CERTIFICATE_FAILURES, what).inc()

    def recorded(self, result: str) -> None:
        """Count an admission that was recorded, or dropped."""
        self._of(metrics.RECORDS, result).inc()

    def caller(self, result: str) -> None:
        """Count a caller by the result of its check."""
        self._of(metrics.CALLERS, result).inc()

    def event(self, result: str) -> None:
        """Count a Kubernetes Event by its result."""
        self._of(metrics.EVENTS, result).inc()

    def namespaces(self, synced: Callable[[], bool]) -> None:
        """Read from this at each scrape whether all namespaces are known."""
        self._of(metrics.NAMESPACES_SYNCED).set_function(lambda: float(synced()))

    def readiness(self, ready: Callable[[], bool]) -> None:
        """Read from this at each scrape whether the process is ready."""
        self._of(metrics.READY).set_function(lambda: float(ready()))

    def configuration(self, as_its_source: Callable[[], bool]) -> None:
        """Read from this at each scrape whether the configuration in force is that of its source."""
        self._of(metrics.CONFIG_OK).set_function(lambda: float(as_its_source()))
