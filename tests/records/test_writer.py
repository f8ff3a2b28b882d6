"""Records on disk: their files and bounds, what is dropped, and a disk that takes no more."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from injector.config.loading import Input, Text, load_input
from injector.core.injection.pipeline import inject
from injector.core.model import AdmissionRequest, Facts, Namespace, Origin, Verdict
from injector.core.profile import Config
from injector.errors import ConfigError, ManifestError
from injector.records.reader import Reader
from injector.records.writer import FILES, PATTERN, RecordBounds, Recorder, prepare, read_key
from tests.answering import answer
from tests.factories import a_pod

KEY = b"a key of thirty-two bytes, or so"
UID = "5f7c1b52-3d3a-4a9b-9c0e-2f6f5d1f7a%02x"
CONFIG = load_input(Input(Text("", "test")))
OTHER = load_input(Input(Text("values: {global: {tag: other}}", "test")))


@pytest.fixture(autouse=True)
def flushed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end waits until all is written, however busy the machine is."""
    monkeypatch.setattr("injector.records.writer.FLUSH_SECONDS", 60.0)


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Recording:
    """A recorder in a folder, and the results that it reported."""

    folder: Path
    bounds: RecordBounds = field(default_factory=lambda: RecordBounds(per_second=1000))
    clock: Clock = field(default_factory=Clock)
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.recorder = Recorder(self.folder, KEY, self.bounds, self.count, self.clock)
        self._changed = threading.Condition()

    def count(self, result: str) -> None:
        with self._changed:
            self.counts[result] += 1
            self._changed.notify_all()

    def settled(self, total: int) -> None:
        """Return once so many admissions were written or dropped."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.counts.total() >= total, 60)

    def offer(self, number: int = 0, config: Config = CONFIG, size: int = 100, **facts: Any) -> None:
        pod = a_pod(name=f"web-{number}")
        known = Facts("shop", Origin.WEBHOOK, namespace_object=Namespace("shop"), **facts)
        request = AdmissionRequest(UID % (number % 256), pod)
        self.recorder.offer(request, known, inject(pod, known, config), Verdict.INJECT, config, size)

    def files(self) -> list[Path]:
        return sorted(self.folder.glob(PATTERN))


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[Recording]:
    made = Recording(tmp_path)
    made.recorder.start()
    yield made
    made.recorder.close()


def test_admissions_come_back_as_they_were_answered(recording: Recording, tmp_path: Path) -> None:
    things = ({"kind": "ProxyConfig", "metadata": {"namespace": "shop", "name": "p"}, "spec": {"a": 1}},)
    recording.offer(1)
    recording.offer(2, native_sidecars=True, overrides={"ISTIO_META_NETWORK": "n1"})
    recording.offer(3, objects=things)
    recording.offer(4, config=OTHER, objects=things)
    recording.recorder.close()
    entries = list(Reader(tmp_path).entries())
    assert [e.uid for e in entries] == [UID % n for n in (1, 2, 3, 4)]
    assert {(e.decision, e.reason) for e in entries} == {("inject", "on-by-default")}
    assert entries[1].facts.native_sidecars is True
    assert [len(e.facts.objects) for e in entries] == [0, 0, 1, 1]
    assert entries[3].facts.objects[0]["spec"] == {"a": 1}
    assert [e.head.config for e in entries] == [CONFIG.digest] * 3 + [OTHER.digest]
    operations = inject(a_pod(name="web-1"), Facts("shop", Origin.WEBHOOK), CONFIG).patch
    assert entries[0].operations == tuple((o.op, o.path) for o in operations)
    assert recording.counts == {"written": 4}


def test_files_are_for_their_owner_alone(recording: Recording) -> None:
    old = os.umask(0)
    try:
        recording.offer()
        recording.recorder.close()
    finally:
        os.umask(old)
    assert [stat.S_IMODE(f.stat().st_mode) for f in recording.files()] == [0o600]


def test_a_missing_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    folder = prepare(str(tmp_path / "a" / "records"))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("bounds", [RecordBounds(160_000, 10_000, 10_000), RecordBounds(1 << 30, 40, 10_000)])
def test_past_the_bounds_the_oldest_go(tmp_path: Path, bounds: RecordBounds) -> None:
    made = Recording(tmp_path, bounds)
    made.recorder.start()
    for number in range(200):
        made.offer(number)
        # One thread writes as fast as it can; what is tested are the files, not the queue.
        made.settled(number + 1)
    made.recorder.close()
    assert made.counts == {"written": 200}
    uids = [entry.uid for entry in Reader(tmp_path).entries()]
    assert uids == [UID % n for n in range(200 - len(uids), 200)]
    assert sum(f.stat().st_size for f in made.files()) <= bounds.bytes
    assert 0 < len(uids) <= bounds.records
    assert 1 < len(made.files()) <= FILES


def test_the_files_of_an_earlier_process_count(tmp_path: Path) -> None:
    for _ in range(3):
        made = Recording(tmp_path, RecordBounds(160_000, 16, 10_000))
        made.recorder.start()
        for number in range(10):
            made.offer(number)
        made.recorder.close()
    assert len(made.files()) <= FILES
    assert len(list(Reader(tmp_path).entries())) <= 16


def test_more_a_second_than_allowed_are_dropped(tmp_path: Path) -> None:
    made = Recording(tmp_path, RecordBounds(per_second=5))
    made.recorder.start()
    for number in range(8):
        made.offer(number)
    made.clock.now += 0.4
    for number in range(3):
        made.offer(number)
    made.recorder.close()
    assert made.counts == {"written": 7, "rate": 4}


def test_a_queue_that_is_full_drops_and_never_waits(tmp_path: Path) -> None:
    made = Recording(tmp_path)
    for number in range(300):
        made.offer(number)
    assert made.counts == {"queue": 300 - 256}
    made.recorder.start()
    made.settled(300)
    made.recorder.close()
    assert made.counts["written"] == 256


def test_large_pods_do_not_pile_up_in_the_queue(tmp_path: Path) -> None:
    made = Recording(tmp_path)
    for number in range(5):
        made.offer(number, size=1_000_000)
    assert made.counts == {"queue": 3}


def test_a_record_larger_than_a_file_is_dropped(tmp_path: Path) -> None:
    made = Recording(tmp_path, RecordBounds(bytes=4096, per_second=1000))
    made.recorder.start()
    made.offer()
    made.recorder.close()
    assert (made.counts, made.files()) == ({"size": 1}, [])


FULL_DISK = """
import json, resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_writer import RecordBounds, Recording, Reader
from injector import telemetry
telemetry.log_to("info", sys.stdout)
made = Recording(Path(sys.argv[1]), RecordBounds(per_second=10_000))
made.recorder.start()
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
def offer(count):
    before = made.counts.total()
    for number in range(count):
        made.offer(number)
    made.settled(before + count)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
offer(50)
whole = made.counts["written"]
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
offer(5)
assert made.counts["written"] == whole, "tried again too soon"
made.clock.now += 31
offer(5)
made.recorder.close()
reader = Reader(made.folder)
read = len(list(reader.entries()))
print(json.dumps({"whole": whole, "counts": made.counts, "read": read, "broken": reader.broken}))
"""


def test_a_full_disk_costs_records_and_nothing_else(tmp_path: Path) -> None:
    """The limit of the process for the size of a file stands for the disk; a write fails half-way."""
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path), str(Path(__file__).parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    *log, last = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["event"] for line in log] == ["record-failed", "record-resumed"]
    assert "file too large" in log[0]["message"]
    assert "free disk space" in log[0]["hint"]
    assert 0 < last["whole"] < 50
    assert last["counts"] == {"written": last["whole"] + 5, "failed": 50 - last["whole"] + 5}
    assert (last["read"], last["broken"]) == (last["whole"] + 5, 0)


def test_a_second_look_that_changes_nothing_is_not_recorded(recording: Recording) -> None:
    facts = Facts("shop", Origin.WEBHOOK)
    injected = inject(a_pod(), facts, CONFIG).pod
    again = inject(injected, facts, CONFIG)
    assert again.patch == ()
    recording.recorder.offer(AdmissionRequest(UID % 1, injected), facts, again, Verdict.INJECT, CONFIG, 100)
    recording.recorder.close()
    assert (recording.counts, recording.files()) == ({}, [])


@pytest.mark.parametrize(
    "metadata", [[], "x", 7, {"annotations": ["x"]}, {"annotations": "x"}, {"annotations": 7}], ids=str
)
def test_a_pod_that_is_refused_for_its_shape_is_recorded(
    recording: Recording, tmp_path: Path, metadata: Any
) -> None:
    pod = {"kind": "Pod", "metadata": metadata, "spec": {"containers": [{"name": "web"}]}}
    answered = answer(AdmissionRequest("x", pod), CONFIG)
    request = AdmissionRequest(UID % 1, pod)
    recording.recorder.offer(request, answered.facts, answered.outcome, answered.decision, CONFIG, 100)
    recording.recorder.close()
    assert recording.counts == {"written": 1}
    [entry] = Reader(tmp_path).entries()
    assert (entry.decision, entry.reason) == ("deny", "invalid-pod")


def test_a_line_that_was_cut_off_is_left_out_and_counted(recording: Recording, tmp_path: Path) -> None:
    for number in range(3):
        recording.offer(number)
    recording.recorder.close()
    [file] = recording.files()
    file.write_bytes(file.read_bytes()[:-100])
    reader = Reader(tmp_path)
    assert (len(list(reader.entries())), reader.broken) == (2, 1)


def test_a_line_that_is_no_text_is_left_out_and_counted(recording: Recording, tmp_path: Path) -> None:
    for number in range(3):
        recording.offer(number)
    recording.recorder.close()
    [file] = recording.files()
    first, *rest = file.read_bytes().splitlines(keepends=True)
    rest[1] = rest[1].replace(b"inject", b"\xff", 1)
    file.write_bytes(b"".join([first, *rest]))
    reader = Reader(tmp_path)
    assert (len(list(reader.entries())), reader.broken) == (2, 1)


@pytest.mark.parametrize("text", ["", "no json\n", "[]\n", '{"head": 99}\n', '{"admission": "x"}\n', "7\n"])
def test_what_is_no_record_is_no_crash(tmp_path: Path, text: str) -> None:
    (tmp_path / "admissions-x.jsonl").write_text(text)
    reader = Reader(tmp_path)
    assert list(reader.entries()) == []
    assert reader.broken == len(text.splitlines())


def test_a_folder_without_records_is_named(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="the folder has no records"):
        list(Reader(tmp_path / "nowhere").entries())


def test_a_folder_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in ("file", "file/below"):
        with pytest.raises(ConfigError) as caught:
            prepare(str(tmp_path / folder))
        assert caught.value.where == "server.record.directory"


def test_a_key_stands_elsewhere_and_is_long_enough(tmp_path: Path) -> None:
    records, key = tmp_path / "records", tmp_path / "key"
    records.mkdir()
    key.write_bytes(KEY + b"\n")
    assert read_key(str(key), str(records)) == KEY
    assert read_key("", str(records)) != read_key("", str(records))
    (records / "link").symlink_to(key)
    (records / "key").write_bytes(KEY)
    with pytest.raises(ConfigError, match="in the folder of the records"):
        read_key(str(records / "key"), str(records))
    key.write_text("short")
    with pytest.raises(ConfigError, match="has only"):
        read_key(str(key), str(records))
    with pytest.raises(ConfigError, match="no such file"):
        read_key(str(tmp_path / "none"), str(records))


def test_the_key_is_nowhere_beside_the_records(recording: Recording) -> None:
    recording.offer()
    recording.recorder.close()
    text = b"".join(f.read_bytes() for f in recording.files())
    assert KEY not in text
    assert KEY.hex().encode() not in text
