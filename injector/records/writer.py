"""Writing records beside the webhook: a bounded queue, one thread, a bounded set of files.

The webhook only puts references into the queue, and drops what does not fit. Files are mode 0600; past
the bounds the oldest is deleted. With a full disk records are lost, but no answers. Not here: which parts
of a pod are written (redaction.py).
"""

from __future__ import annotations

import contextlib
import os
import queue
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from injector.classes import dataclass
from injector.core.model import AdmissionRequest, Facts, Manifest, Reason, Verdict
from injector.core.outcome import Outcome
from injector.core.profile import Config
from injector.errors import ConfigError
from injector.pacing import TokenBucket
from injector.records.entry import Admission, admission_line, head_line, objects_line
from injector.records.redaction import Redaction
from injector.telemetry import log_event

PATTERN: Final = "admissions-*.jsonl"
# The records are divided among so many files; the oldest is deleted as a whole.
FILES: Final = 8
QUEUE: Final = 256
QUEUE_BYTES: Final = 2 << 20
RETRY_SECONDS: Final = 30.0
FLUSH_SECONDS: Final = 2.0
KEY_BYTES: Final = 16

WRITTEN, RATE, FULL, SIZE, FAILED = "written", "rate", "queue", "size", "failed"


@dataclass(frozen=True, slots=True)
class RecordBounds:
    """The size of all records, their number, and how many admissions a second are recorded."""

    bytes: int = 64 << 20
    records: int = 20_000
    per_second: int = 10


def read_key(file: str, folder: str) -> bytes:
    """The key of a file, a new one without a file. Raises ConfigError."""
    if not file:
        return secrets.token_bytes(32)
    where = "server.record.keyFile"
    if Path(file).resolve().is_relative_to(Path(folder).resolve()):
        hint = "move it to another folder: with the key, names can be guessed from the records"
        raise ConfigError("the key must not be in the folder of the records", where=where, hint=hint)
    try:
        key = Path(file).read_bytes().strip()
    except OSError as error:
        raise ConfigError(f"{file}: {(error.strerror or 'cannot be read').lower()}", where=where) from error
    if len(key) < KEY_BYTES:
        hint = "create one with 'openssl rand -hex 32'"
        raise ConfigError(
            f"the key has only {len(key)} bytes; {KEY_BYTES} are required", where=where, hint=hint
        )
    return key


def prepare(folder: str) -> Path:
    """The folder, created where it is missing. Raises ConfigError where it is not writable."""
    path = Path(folder)
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(folder, (error.strerror or "cannot be created").lower()) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise _unusable(folder, "is not writable")
    return path


def _unusable(folder: str, why: str) -> ConfigError:
    hint = "use a separate folder that this process may write to"
    return ConfigError(f"{folder}: {why}", where="server.record.directory", hint=hint)


class Recorder:
    """Takes admissions from the webhook's thread and writes them in a thread of its own.

    `count` is called with the result for each: written, or dropped because of the rate, a full queue, its
    size or the disk. It is called from both threads.
    """

    def __init__(
        self,
        folder: Path,
        key: bytes,
        bounds: RecordBounds,
        count: Callable[[str], None] = lambda _result: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._files = _Files(folder, bounds)
        self._key, self._count, self._clock = key, count, clock
        self._queue: queue.Queue[Admission | None] = queue.Queue(QUEUE)
        self._rate = TokenBucket(bounds.per_second, float(bounds.per_second), clock)
        # Each is written by one thread only, so no lock is needed; the difference is in the queue.
        self._offered = self._taken = 0
        self._redaction: tuple[str, Redaction] | None = None
        self._objects: tuple[Manifest, ...] = ()
        self._number = 0
        self._retry = 0.0
        self._thread = threading.Thread(target=self._run, name="records", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def offer(
        self,
        request: AdmissionRequest,
        facts: Facts,
        outcome: Outcome,
        decision: Verdict,
        config: Config,
        size: int,
    ) -> None:
        """Take an admission, or drop it. Never waits. `size` is that of the request's body."""
        if outcome.decision.reason is Reason.UNSUPPORTED_KIND:
            return
        if outcome.decision.verdict is Verdict.INJECT and not outcome.patch:
            # A second call for the same pod, after another webhook: the first call is recorded.
            return
        if self._rate.wait():
            self._count(RATE)
            return
        if self._offered - self._taken + size > QUEUE_BYTES:
            self._count(FULL)
            return
        written = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        try:
            self._queue.put_nowait(Admission(request, facts, outcome, decision, config, written, size))
        except queue.Full:
            self._count(FULL)
        else:
            self._rate.take()
            self._offered += size

    def close(self) -> None:
        """Write what is left, for at most FLUSH_SECONDS."""
        with contextlib.suppress(queue.Full):
            self._queue.put(None, timeout=FLUSH_SECONDS)
        if self._thread.is_alive():
            self._thread.join(FLUSH_SECONDS)

    def _run(self) -> None:
        while (admission := self._queue.get()) is not None:
            try:
                self._count(self._write(admission))
            except Exception as error:
                # A defect must not stop the recording; its text may repeat the pod.
                self._count(FAILED)
                log_event(
                    "error", "record-failed", message=f"unexpected {type(error).__name__}; this is a bug"
                )
            self._taken += admission.size
        self._files.close()

    def _write(self, admission: Admission) -> str:
        if self._clock() < self._retry:
            return FAILED
        lines = self._lines(admission)
        if len(lines) > self._files.largest:
            # Objects that it references may not be written, so the next file writes them again.
            self._files.finish()
            return SIZE
        try:
            self._files.write(lines)
        except OSError as error:
            if not self._retry:
                hint = "free disk space; requests are still answered, and recording retries by itself"
                why = (error.strerror or type(error).__name__).lower()
                log_event("error", "record-failed", message=f"{self._files.folder}: {why}", hint=hint)
            self._retry = self._clock() + RETRY_SECONDS
            return FAILED
        if self._retry:
            self._retry = 0.0
            log_event("info", "record-resumed")
        return WRITTEN

    def _lines(self, admission: Admission) -> str:
        """The line of an admission, after the lines that it needs in this file."""
        config, objects = admission.config, admission.facts.objects
        if self._redaction is None or self._redaction[0] != config.digest:
            self._redaction = (config.digest, Redaction.of(self._key, config, _yield_thread))
            self._files.finish()
        redaction = self._redaction[1]
        before = ""
        if self._files.fresh:
            before, self._objects, self._number = head_line(config, redaction), (), 0
        if objects is not self._objects:
            number = self._number + 1 if objects else 0
            before += objects_line(number, objects, redaction) if objects else ""
            self._objects, self._number = objects, number
        return before + admission_line(admission, self._number, redaction)


def _yield_thread() -> None:
    """Let the webhook's thread run: this one would hold the interpreter for milliseconds."""
    time.sleep(0)


class _Files:
    """The files of a folder: the one that is written, older ones, and their bounds."""

    def __init__(self, folder: Path, bounds: RecordBounds) -> None:
        self.folder = folder
        self._bytes, self._records = bounds.bytes, bounds.records
        # A file is full at half of its share, so that the last record stays within the share.
        self.largest = bounds.bytes // FILES // 2
        self._current: tuple[int, str] | None = None
        self._size = self._lines = self._number = 0
        self._name = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"

    @property
    def fresh(self) -> bool:
        """Whether the next record begins a file."""
        full = self._size >= self.largest or self._lines >= max(1, self._records // FILES)
        return self._current is None or full

    def write(self, text: str) -> None:
        """Append the lines of one record, all or none. Raises OSError."""
        data = text.encode("utf-8", "surrogatepass")
        if self.fresh:
            self.finish()
            self._begin()
        assert self._current is not None
        handle = self._current[0]
        try:
            left = memoryview(data)
            while left:
                left = left[os.write(handle, left) :]
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(handle, self._size)
            # Its head may be missing, so the next record begins a file.
            self.finish()
            raise
        self._size += len(data)
        self._lines += 1

    def finish(self) -> None:
        """Close the open file; an empty one is deleted."""
        current, self._current = self._current, None
        if current is not None:
            os.close(current[0])
            if not self._size:
                with contextlib.suppress(OSError):
                    (self.folder / current[1]).unlink()

    close = finish

    def _begin(self) -> None:
        self._make_room()
        self._number += 1
        name = f"admissions-{self._name}-{self._number:06}.jsonl"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        self._current = (os.open(self.folder / name, flags, 0o600), name)
        self._size = self._lines = 0

    def _make_room(self) -> None:
        """Delete the oldest files until a new one fits."""
        files = sorted(self.folder.glob(PATTERN))
        sizes = {file: file.stat().st_size for file in files}
        while files and (
            len(files) >= FILES or sum(sizes[f] for f in files) + 2 * self.largest > self._bytes
        ):
            files.pop(0).unlink(missing_ok=True)
