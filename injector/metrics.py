"""The table of the process's metrics.

Here: names, labels and sentences; docs/reference/metrics.md is generated from them. Not here: counting
(telemetry).
"""

from __future__ import annotations

from enum import StrEnum

from injector.classes import dataclass


class MetricType(StrEnum):
    """The types of metrics in Prometheus."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric; `action` is what to do where its value is wrong.

    `values` are the label values that are exposed from the start, with 0.
    """

    name: str
    type: MetricType
    help: str
    action: str
    labels: tuple[str, ...] = ()
    values: tuple[tuple[str, ...], ...] = ()


# The histogram's buckets: fine below 25 ms, and every bucket of the API server's histogram of webhook
# calls, so that both can be compared.
SECONDS = (
    *(0.001, 0.0015, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1),
    *(0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)

ADMISSIONS = Metric(
    "injector_admission_total",
    MetricType.COUNTER,
    "Admission reviews answered, by decision (inject, unchanged, skip, deny, allow), reason and profile.",
    "watch `deny` and `allow`; a rise of one reason after a change of the configuration is that change",
    labels=("decision", "reason", "profile"),
)
ADMISSION_SECONDS = Metric(
    "injector_admission_seconds",
    MetricType.HISTOGRAM,
    "Seconds from the first byte of a review to its answer.",
    "compare with the API server's own histogram, whose edges it has: the difference is the network",
)
REJECTED = Metric(
    "injector_request_rejected_total",
    MetricType.COUNTER,
    "Requests that were not admission reviews, by HTTP status.",
    "413: a pod that is too large, the log line `rejected` says by which bound; 404: a wrong `path` "
    "in the MutatingWebhookConfiguration; 400, 405, 415: another client calls; 401, 403: "
    "`injector_caller_total` says why",
    labels=("code",),
)
CONFIG = Metric(
    "injector_config_info",
    MetricType.GAUGE,
    "1 for the active configuration.",
    "replicas of one revision should show one digest",
    labels=("digest", "profile", "revision"),
)
RELOADS = Metric(
    "injector_config_reload_total",
    MetricType.COUNTER,
    "Reloads of the configuration, by result (ok, error) and reason of an error: source, "
    "settings, template, samples, changing (while read), registration, defect.",
    "shows on a graph when a configuration came; `changing` goes away by itself, `defect` is a bug of the "
    "injector",
    labels=("result", "reason"),
    values=(
        ("ok", ""),
        ("error", "source"),
        ("error", "settings"),
        ("error", "template"),
        ("error", "samples"),
        ("error", "changing"),
        ("error", "registration"),
        ("error", "defect"),
    ),
)
CERTIFICATE_EXPIRY = Metric(
    "injector_certificate_expiry_timestamp_seconds",
    MetricType.GAUGE,
    "When a certificate expires, in seconds since 1970, by kind (leaf, current, next, former, ca).",
    "[certificates](../explanation/certificates.md)",
    labels=("kind", "fingerprint"),
)
RENEWAL_DUE = Metric(
    "injector_certificate_renewal_due_timestamp_seconds",
    MetricType.GAUGE,
    "When a certificate should be replaced, in seconds since 1970, by kind (leaf, current, ca).",
    "past for long: the alerts below",
    labels=("kind", "fingerprint"),
)
RENEWALS = Metric(
    "injector_certificate_renewal_total",
    MetricType.COUNTER,
    "Renewals: leaf, ca, or caBundle (corrected).",
    "`caBundle` repeatedly: another program writes it",
    labels=("what",),
)
CERTIFICATE_FAILURES = Metric(
    "injector_certificate_failure_total",
    MetricType.COUNTER,
    "Failed renewals: leaf, ca, caBundle, secret (read), write (the Secret), files, defect.",
    "the log line `certificate-problem` says why; `defect` is a bug of the injector",
    labels=("what",),
    values=(("leaf",), ("ca",), ("caBundle",), ("secret",), ("write",), ("files",), ("defect",)),
)
RECORDS = Metric(
    "injector_record_total",
    MetricType.COUNTER,
    "Recorded admissions: written, or dropped by rate, queue, size, or failed (the disk).",
    "[record and replay](../how-to/record-and-replay.md)",
    labels=("result",),
)
CALLERS = Metric(
    "injector_caller_total",
    MetricType.COUNTER,
    "Checked callers of the webhook: accepted, or the reason of the rejection.",
    "anything else than `accepted`: [authenticate the caller](../how-to/authenticate-the-caller.md)",
    labels=("result",),
)
EVENTS = Metric(
    "injector_event_total",
    MetricType.COUNTER,
    "Kubernetes Events: written, repeated (count increased), or dropped by owner (not found), "
    "rate, queue, or failed.",
    "failed: a right is missing, or the API server is away",
    labels=("result",),
)
SHED = Metric(
    "injector_request_shed_total",
    MetricType.COUNTER,
    "Requests rejected in an overload, by cause: full or wait (the queue), bytes (of bodies), age"
    " (waited too long), gone (the caller).",
    "add replicas; [availability](../explanation/availability.md) explains each",
    labels=("cause",),
    values=(("full",), ("wait",), ("bytes",), ("age",), ("gone",)),
)
THREADED = Metric(
    "injector_admission_threaded_total",
    MetricType.COUNTER,
    "Admissions that ran outside of the event loop, by cause: size (of the body), work (above "
    "the event loop's limit).",
    "nothing; [availability](../explanation/availability.md) says what the lanes are",
    labels=("cause",),
    values=(("size",), ("work",)),
)
CACHE_REQUESTS = Metric(
    "injector_cache_request_total",
    MetricType.COUNTER,
    "Lookups in a cache (replicas: answers to equal reviews, plans: injections of one shape), by result.",
    "few hits in a restart of many pods: [performance](../explanation/performance.md)",
    labels=("cache", "result"),
    values=(("replicas", "hit"), ("replicas", "miss"), ("plans", "hit"), ("plans", "miss")),
)
CACHE_BYTES = Metric(
    "injector_cache_bytes",
    MetricType.GAUGE,
    "Bytes in a cache, as it counts them.",
    "near the limit with evictions: raise `server.cache`",
    labels=("cache",),
)
CACHE_EVICTIONS = Metric(
    "injector_cache_eviction_total",
    MetricType.COUNTER,
    "Values that a cache dropped for others.",
    "rises fast: raise `server.cache`, or find who creates pods that are all different",
    labels=("cache",),
    values=(("replicas",), ("plans",)),
)
ORDINARY = Metric(
    "injector_ordinary_admission_total",
    MetricType.COUNTER,
    "Admissions that no cache answered, by reason: first (pod of its shape), new (a plan is made), no-plan "
    "(none can be made), request, value, annotation, container (of the pod), size, work, profile, off, "
    "defect.",
    "`defect` is a bug of the injector; `profile` counts all where a template is not of the profile",
    labels=("reason",),
)
STOPPED = Metric(
    "injector_admission_stopped_total",
    MetricType.COUNTER,
    "Admissions stopped at the limit of CPU time; the limit of counted work should stop them earlier.",
    "look for the pod in the log; lower `workLimit`, or report a pod that is small",
)
CONNECTIONS_CUT = Metric(
    "injector_connection_cut_total",
    MetricType.COUNTER,
    "Connections closed at a limit, by cause. Of the listener: connections (too many), address (too "
    "many from one), memory (for all). Of one connection: size, pipelined (requests), handshake, "
    "silent (no first request), request (too slow), answer (not read), head (large), framing (of "
    "chunks), malformed.",
    "look for callers that are no API server, and for a slow network; "
    "[availability](../explanation/availability.md#slow-callers) names each bound",
    labels=("cause",),
    values=(
        ("connections",),
        ("address",),
        ("memory",),
        ("size",),
        ("pipelined",),
        ("handshake",),
        ("silent",),
        ("request",),
        ("answer",),
        ("head",),
        ("framing",),
        ("malformed",),
    ),
)
QUEUE_LENGTH = Metric(
    "injector_queue_length",
    MetricType.GAUGE,
    "Admissions in the queue.",
    "over 0 for minutes: add replicas",
)
IN_FLIGHT = Metric(
    "injector_requests_in_flight",
    MetricType.GAUGE,
    "Requests that are not answered yet.",
    "read it together with the queue",
)
NAMESPACES_SYNCED = Metric(
    "injector_namespaces_synced",
    MetricType.GAUGE,
    "1 once all namespaces are known.",
    "0: the API server is away, or a right is missing; the log says which",
)
READY = Metric(
    "injector_ready",
    MetricType.GAUGE,
    "1 while the process is ready (/readyz).",
    "0: `/readyz` names what it waits for",
)
CONFIG_OK = Metric(
    "injector_config_last_reload_ok",
    MetricType.GAUGE,
    "1 while the active configuration is that of its source; 0 while a newer one is rejected.",
    "0: repair the source; the log line `config-refused` says where",
)
# The names that dashboards for the mesh's own injector use. That injector counts every answer as a
# success; here a success is an injected pod.
LEGACY_REQUESTS = Metric(
    "sidecar_injection_requests_total",
    MetricType.COUNTER,
    "Requests to the webhook.",
    "prefer `injector_admission_total`",
)
LEGACY_SUCCESS = Metric("sidecar_injection_success_total", MetricType.COUNTER, "Pods injected.", "the same")
LEGACY_FAILURE = Metric(
    "sidecar_injection_failure_total", MetricType.COUNTER, "Requests that failed or were denied.", "the same"
)
LEGACY_SKIP = Metric(
    "sidecar_injection_skip_total", MetricType.COUNTER, "Pods that were skipped.", "the same"
)

METRICS = (
    ADMISSIONS,
    ADMISSION_SECONDS,
    REJECTED,
    CONFIG,
    RELOADS,
    CERTIFICATE_EXPIRY,
    RENEWAL_DUE,
    RENEWALS,
    CERTIFICATE_FAILURES,
    RECORDS,
    CALLERS,
    EVENTS,
    SHED,
    THREADED,
    CACHE_REQUESTS,
    CACHE_BYTES,
    CACHE_EVICTIONS,
    ORDINARY,
    STOPPED,
    CONNECTIONS_CUT,
    QUEUE_LENGTH,
    IN_FLIGHT,
    NAMESPACES_SYNCED,
    READY,
    CONFIG_OK,
    LEGACY_REQUESTS,
    LEGACY_SUCCESS,
    LEGACY_FAILURE,
    LEGACY_SKIP,
)
"""In the order in which they are exposed."""

PROCESS = (
    Metric(
        "process_cpu_seconds_total",
        MetricType.COUNTER,
        "CPU of the process; it uses one core at most",
        "near 1 per second: add replicas",
    ),
    Metric(
        "process_resident_memory_bytes",
        MetricType.GAUGE,
        "its memory",
        "a steady rise is a bug of the injector",
    ),
    Metric("process_virtual_memory_bytes", MetricType.GAUGE, "its address space", "nothing"),
    Metric("process_start_time_seconds", MetricType.GAUGE, "when it started", "changes: it restarted"),
    Metric(
        "process_open_fds",
        MetricType.GAUGE,
        "open files and connections",
        "near the limit: look at `injector_connection_cut_total`",
    ),
    Metric(
        "process_max_fds",
        MetricType.GAUGE,
        "their limit",
        "raise the node's, or lower `server.connections.limit`",
    ),
)
"""What prometheus_client adds."""
