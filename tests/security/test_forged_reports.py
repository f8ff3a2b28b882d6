"""What stands in an input writes no line of a report, and hides none."""

from __future__ import annotations

import base64
import io
import json
import logging
import re
import sys
import unicodedata
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from injector import telemetry, yamltext
from injector.config.loading import load
from injector.core.injection.pipeline import inject
from injector.core.model import AdmissionRequest, Facts, Manifest, Namespace, Origin, Verdict
from injector.printable import json_text, visible
from injector.records.writer import RecordBounds, Recorder
from injector.server import answers
from tests import answering
from tests.cli.conftest import folder, run
from tests.factories import a_review
from tests.security.canned_cluster import CannedCluster

Run = Callable[..., Any]
__all__ = ["folder", "run"]

# Each breaks a line somewhere, turns the direction of text, or is not seen.
CHARACTERS = (
    "\n\r\t\x00\x07\x08\x0b\x0c\x1b\x1c\x1d\x1e\x1f\x7f\x80\x85\x9b\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4"
    "\u180e\u2000\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068"
    "\u2069\u206f\u2800\u3000\u3164\ufe0f\ufeff\uffa0\ufff9\U000e0001\U000e0041\U000e0100\U0001d173"
)
FORGED = "injected  Deployment prod/db: on-by-default. Nothing on the pod speaks"
# A command of CI systems; it begins every hostile text, so that no text of an input may begin a line.
COMMANDS = "::warning file=b.py::x ##vso[task.complete]y ##[error]z ##teamcity[a]"
WORD = (
    f"{COMMANDS}\n::warning file=a.py::{FORGED}\r::error::x\u2028::a\u2029::b\x85::c\x0b::d\x0c::e"
    f"\u202e\u2066{CHARACTERS}"
)
# File names hold everything but NUL and a slash, and YAML of a file name is never read.
FILE_WORD = WORD.replace("\x00", "").replace("/", "")

OURS = re.compile(
    r"(injected|unchanged|removed|skipped|passed|refused) |(error|warning|note): | |nothing was written$|"
    r"(\d+|no) workloads?(:|;|$)|configuration: |[√‼×] (Configuration|Templates|Security|Cluster)|$"
)


def unseen(text: str) -> set[str]:
    """The characters of a text that are no line break and do not print as themselves, by Unicode."""
    return {
        c
        for c in text
        if c != "\n"
        and (
            unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
            or (unicodedata.category(c) == "Zs" and c != " ")
            or c in CHARACTERS
        )
    }


def check_lines(text: str, ours: re.Pattern[str] = OURS) -> None:
    """Every line begins as lines of the injector do, and has visible characters only."""
    assert not unseen(text)
    assert [line for line in text.split("\n") if not ours.match(line)] == []
    # What a CI system reads, with any line endings.
    assert [line for line in text.splitlines() if line.lstrip().startswith("::")] == []
    assert not re.search(r"##[a-z]*\[", text)


def container(name: str = "c", **more: Any) -> Manifest:
    return {"name": name, "image": WORD, "args": [WORD], "env": [{"name": WORD, "value": WORD}], **more}


def a_pod(**meta: Any) -> Manifest:
    spec = {
        "containers": [container(WORD, livenessProbe={"httpGet": {"port": WORD, "path": WORD}})],
        "volumes": [{"name": WORD}],
        "nodeName": WORD,
        WORD: {WORD: WORD},
    }
    marked = {
        "name": WORD,
        "namespace": WORD,
        "labels": {WORD: WORD, "app": WORD},
        "annotations": {WORD: WORD},
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {**marked, **meta}, "spec": spec}


def a_deployment() -> Manifest:
    pod = a_pod()
    template = {"metadata": pod["metadata"], "spec": pod["spec"]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": WORD, "labels": {WORD: WORD, "logs.example.com/inject": "true"}},
        "spec": {"template": template},
    }


def duplicate(key: str) -> str:
    """A pod with a key twice, as text: no tree holds it."""
    return "apiVersion: v1\nkind: Pod\n" + 2 * yamltext.dump({key: 1})


PODS: dict[str, Any] = {
    "a pod": a_pod(),
    "a generated name": a_pod(name=None, generateName=WORD),
    "a declined pod": a_pod(labels={"logs.example.com/inject": WORD}),
    "a label nearly right": a_pod(labels={f"logs.example.com/Inject{WORD}": "true"}),
    "an annotation nearly right": a_pod(annotations={f"logs.example.com/levl{WORD}": WORD}),
    "a template that is not there": a_pod(annotations={"logs.example.com/templates": WORD}),
    "a forged status": a_pod(annotations={"logs.example.com/status": json.dumps({"containers": [WORD]})}),
    "forged overrides": a_pod(annotations={"logs.example.com/status": WORD, "sidecar-injector/undo": WORD}),
    "a forged undo": a_pod(
        annotations={
            "logs.example.com/status": "{}",
            "sidecar-injector/undo": json.dumps([[f"/spec/{WORD}", WORD], [WORD], {WORD: WORD}]),
        }
    ),
    "a deployment": a_deployment(),
    "a wrong type below a name": {**a_pod(), "spec": {"containers": [container(env=[{"name": 1}])]}},
    "a wrong label": a_pod(labels={WORD: 1}),
    "a name twice": {**a_pod(), "spec": {"containers": [container(WORD), container(WORD)]}},
    "a list": {"apiVersion": "v1", "kind": "List", "items": [a_pod(), a_deployment(), {WORD: 1}]},
    "a list of something else": {"apiVersion": "v1", "kind": "List", "items": [WORD]},
    "an unknown kind": {
        "apiVersion": f"{WORD}/v1",
        "kind": WORD,
        "metadata": {"name": WORD},
        "spec": {"template": {"spec": {"containers": [container()]}}},
    },
    "a foreign sidecar": {**a_pod(), "spec": {"containers": [container("other-shipper")]}},
}
QUOTED = yamltext.dump(WORD).strip()
TEXTS = {
    **{name: yamltext.dump(tree) for name, tree in PODS.items()},
    "a key twice": duplicate(WORD),
    "a key of another kind": f"apiVersion: v1\nkind: Pod\n{QUOTED}: {{[a]: 1}}\n",
    "no YAML": f"kind: Pod\n{QUOTED}: [\n",
    "an alias to nothing": "kind: Pod\nx: *" + "a" * 70 + "\n",
    "a tag": f"kind: Pod\nx: !!int {QUOTED}\n",
}


def in_file(folder: Path, text: str) -> str:
    """The name of a file with this text; the name is as hostile as a name can be."""
    # A name has at most 255 bytes.
    name = FILE_WORD.encode()[:240].decode(errors="ignore") + ".yaml"
    (folder / name).write_text(text)
    return name


@pytest.mark.parametrize("what", TEXTS)
@pytest.mark.parametrize("command", ["kube-inject", "uninject"])
def test_a_report_holds_no_line_of_an_input(command: str, what: str, folder: Path, run: Run) -> None:
    done = run(command, "--config", "c.yaml", "-f", in_file(folder, TEXTS[what]))
    check_lines(done.err)


def test_a_word_for_strict_holds_no_line_of_an_input(folder: Path, run: Run) -> None:
    text = yamltext.dump({**a_pod(), "spec": {**a_pod()["spec"], "hostNetwork": True}})
    done = run("kube-inject", "--strict", "--config", "c.yaml", "-f", in_file(folder, text))
    assert done.status == 1
    check_lines(done.err)


# A workload's line begins with its kind; the rest is indented. Several are a table and a summary.
EXPLAINED = re.compile(OURS.pattern + r"|(Pod|Deployment|KIND) |\d+ workloads: ")


@pytest.mark.parametrize("what", TEXTS)
def test_an_explanation_holds_no_line_of_an_input(what: str, folder: Path, run: Run) -> None:
    done = run("explain", "--config", "c.yaml", "-f", in_file(folder, TEXTS[what]))
    check_lines(done.out, EXPLAINED)
    check_lines(done.err)


@pytest.mark.parametrize("what", ["a pod", "a deployment", "a declined pod"])
def test_an_explanation_for_programs_gives_the_values_back(what: str, folder: Path, run: Run) -> None:
    done = run("explain", "--config", "c.yaml", "-o", "json", "-f", in_file(folder, TEXTS[what]))
    assert not unseen(done.out)
    assert json.loads(done.out)["workloads"][0]["name"] == WORD


class _Text(HTMLParser):
    """The texts of a page, each by itself, without style and script."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._code = False

    def handle_starttag(self, tag: str, _attrs: Any) -> None:
        self._code = tag in ("style", "script")

    def handle_endtag(self, _tag: str) -> None:
        self._code = False

    def handle_data(self, data: str) -> None:
        if not self._code:
            self.texts.append(data)


@pytest.mark.parametrize("what", ["a pod", "a deployment", "a declined pod", "a label nearly right"])
def test_a_page_holds_no_line_of_an_input(what: str, folder: Path, run: Run) -> None:
    assert (
        run("explain", "--config", "c.yaml", "--html", "p.html", "-f", in_file(folder, TEXTS[what])).status
        == 0
    )
    page = (folder / "p.html").read_text()
    assert not unseen(page)
    reader = _Text()
    reader.feed(page)
    assert any(FORGED in text for text in reader.texts)
    assert [t for t in reader.texts for line in t.splitlines() if line.lstrip().startswith("::")] == []


@pytest.mark.parametrize("what", [name for name, tree in PODS.items() if tree["kind"] == "Pod"])
def test_an_answer_to_a_review_shows_what_it_repeats(what: str, folder: Path, run: Run) -> None:
    # The API server restricts the names of namespaces; here it is not in front.
    (folder / "r.json").write_text(json.dumps(a_review(PODS[what], uid=WORD, namespace=WORD)))
    done = run("admit", "--config", "c.yaml", "-f", "r.json")
    check_lines(done.err)
    assert not unseen(done.out)
    answer = json.loads(done.out)["response"]
    for text in (answer.get("status", {}).get("message", ""), *answer.get("warnings", [])):
        assert "\n" not in text
        assert not unseen(text)
    # The patch is data.
    if "patch" in answer:
        json.loads(base64.b64decode(answer["patch"]))


@pytest.mark.parametrize("settings", [{WORD: 1}, {WORD: 1, "values": {WORD: 2}, "revision": {WORD: 3}}, WORD])
def test_a_configuration_that_is_refused_writes_no_lines(settings: Any, folder: Path, run: Run) -> None:
    name = in_file(folder, yamltext.dump(settings))
    for command in (["check"], ["kube-inject", "-f", "web.yaml"], ["explain", "-f", "web.yaml"]):
        done = run(*command, "--config", name)
        assert done.status == 2
        check_lines(done.err)
        check_lines(done.out, re.compile(OURS.pattern + r"|\\x3a:warning"))
    assert not unseen(run("check", "--config", name, "-o", "json").out)


def test_several_wrong_settings_stand_on_a_line_each(folder: Path, run: Run) -> None:
    (folder / "bad.yaml").write_text("polcy: x\nlisen: y\n")
    done = run("kube-inject", "--config", "bad.yaml", "-f", "web.yaml")
    head, *rows = done.err.splitlines()
    assert head == "error: bad.yaml: 2 settings are invalid:"
    assert [row[:13] for row in rows] == ["  bad.yaml:1: ", "  bad.yaml:2: "] or [
        row.split(": ")[0] for row in rows
    ] == ["  bad.yaml:1", "  bad.yaml:2"]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "argv",
    [
        [WORD],
        [f"kube-inject{WORD}"],
        ["kube-inject", f"--{WORD}"],
        ["kube-inject", "-f", FILE_WORD],
        ["kube-inject", "-f", "web.yaml", "-o", f"{FILE_WORD}/x"],
        ["kube-inject", "-f", "web.yaml", "--objects", FILE_WORD],
        ["explain", "-f", "web.yaml", "-o", WORD],
        ["explain", WORD],
        ["admit", "-f", FILE_WORD],
        ["check", "--config", FILE_WORD],
        ["replay", FILE_WORD, "--config", "c.yaml"],
        ["webhook-config", "--url", f"https://{WORD}"],
        ["webhook-config", "--service", WORD],
        ["webhook-config", "--service", "a/b", "--name", WORD],
        ["webhook-config", "--service", "a/b", "--tag", WORD],
        ["webhook-config", "--service", "a/b", "--ca-file", FILE_WORD],
        ["completion", WORD],
        ["serve", "--config", FILE_WORD],
        ["serve", WORD],
    ],
)
def test_arguments_write_no_lines(argv: list[str], run: Run) -> None:
    done = run(*(argument.replace("\x00", "") for argument in argv))
    assert done.status in (1, 2)
    check_lines(done.err)


# --- records and a cluster ----------------------------------------------------------------------


def test_records_write_no_lines(folder: Path, run: Run) -> None:
    records = folder / "records"
    records.mkdir()
    config = load("c.yaml")
    recorder = Recorder(records, b"a key of thirty-two bytes, or so", RecordBounds(per_second=1000))
    recorder.start()
    facts = Facts("shop", Origin.WEBHOOK, namespace_object=Namespace("shop", {}))
    pod = {"metadata": {"name": "web"}, "spec": {"containers": [{"name": "web"}]}}
    outcome = inject(pod, facts, config)
    recorder.offer(AdmissionRequest("5f7c1b52", pod), facts, outcome, Verdict.INJECT, config, 100)
    recorder.close()
    # Another program wrote into the folder: each text in an entry is hostile.
    (file,) = records.iterdir()
    head, *entries = file.read_text().splitlines()
    forged = [json.dumps(_hostile(json.loads(line))) for line in entries]
    file.write_text("\n".join([head, *forged, *entries]) + "\n")
    (folder / "new.yaml").write_text("profile: ./logship\nvalues: {level: debug}\n")
    ours = re.compile(OURS.pattern + r"|[0-9]+ pods?: |[0-9]+ admissions? replayed")
    for more in ([], ["--base", "c.yaml"]):
        done = run("replay", "records", "--config", "new.yaml", *more)
        check_lines(done.out, ours)
        check_lines(done.err)
        assert not unseen(run("replay", "records", "--config", "new.yaml", "-o", "json", *more).out)


def _hostile(entry: Any, key: str = "") -> Any:
    """An entry whose texts are replaced where that keeps it readable."""
    if isinstance(entry, dict):
        return {k: _hostile(v, k) for k, v in entry.items()}
    if isinstance(entry, list):
        return [_hostile(item, key) for item in entry]
    return WORD if isinstance(entry, str) and key in ("uid", "time", "decision", "reason", "name") else entry


def a_running_pod(**meta: Any) -> Manifest:
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": WORD}}
    status = {
        "phase": "Running",
        "containerStatuses": [{"name": WORD, "state": waiting, "restartCount": 3, "ready": False}],
        "initContainerStatuses": [{"name": WORD, "state": waiting, "ready": False}],
        "conditions": [{"type": "Ready", "status": "False", "reason": WORD, "message": WORD}],
    }
    pod = a_pod(**meta)
    pod["metadata"] |= {"uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z"}
    return {**pod, "status": status}


def owned() -> Manifest:
    owner = {"apiVersion": "apps/v1", "kind": WORD, "name": WORD, "uid": "x", "controller": True}
    return a_running_pod(ownerReferences=[owner], name=f"{WORD}-2")


NAMESPACE = {"kind": "Namespace", "metadata": {"name": "shop", "labels": {WORD: WORD}}}
EVENT = {
    "reason": WORD,
    "message": WORD,
    "type": "Warning",
    "involvedObject": {"kind": WORD, "name": WORD, "uid": "u"},
    "metadata": {"name": WORD},
}
ANSWERS: dict[str, Any] = {
    "/api/v1/namespaces": {"items": [NAMESPACE]},
    "/api/v1/namespaces/shop": NAMESPACE,
    "/api/v1/nodes": {"items": []},
    "/api/v1/pods": {"items": [a_running_pod(), owned(), a_running_pod(annotations={"x": WORD})]},
    "/api/v1/namespaces/shop/pods": {"items": [a_running_pod()]},
    "/api/v1/namespaces/shop/pods/web": a_running_pod(),
    "/api/v1/namespaces/shop/events": {"items": [EVENT]},
    "/apis/apps/v1/namespaces/shop/deployments/web": a_deployment(),
}


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "argv",
    [
        ["audit", "-A"],
        ["audit", "-A", "-o", "json"],
        ["audit", "-A", "--restart"],
        ["audit", "-n", "shop"],
        ["audit", "-n", "other"],
        ["explain", "pod/web", "-n", "shop"],
        ["explain", "deploy/web", "-n", "shop"],
        ["explain", "pod/web", "-n", "shop", "--live"],
        ["explain", "pod/web", "-n", "shop", "--live", "-o", "json"],
        ["explain", "pod/other", "-n", "shop"],
        ["kube-inject", "-f", "web.yaml", "--from-cluster"],
        ["check", "--cluster"],
    ],
)
def test_a_cluster_writes_no_lines(argv: list[str], run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    # The network is replaced here; everything else is the product's code.
    monkeypatch.setattr(
        "injector.kube.client.connect", lambda _kubeconfig, _context: CannedCluster(ANSWERS, WORD)
    )
    done = run(*argv, "--config", "c.yaml")
    ours = re.compile(
        OURS.pattern
        + r"|Pod |Deployment |\\x3a:warning|[0-9]+ pods?( of|,) |would restart |restart manually: "
        + r"|nothing to do$|nothing was changed|c\.yaml: "
    )
    assert "this is a bug" not in done.err
    if "json" in argv:
        assert not unseen(done.out)
    elif "kube-inject" not in argv:
        check_lines(done.out, ours)
    check_lines(done.err)


# --- the log, and the function itself -----------------------------------------------------------


def test_a_log_line_is_one_line_of_what_prints() -> None:
    stream = io.StringIO()
    logger = logging.getLogger()
    handlers, level = logger.handlers[:], logging.getLogger("injector").level
    try:
        telemetry.log_to("info", stream)
        telemetry.log_event("warning", "x", message=WORD, name=WORD)
        logging.getLogger("uvicorn.error").warning("bad request %s", WORD)
    finally:
        logger.handlers[:] = handlers
        logging.getLogger("injector").setLevel(level)
    text = stream.getvalue()
    assert len(text.splitlines()) == 2
    assert not unseen(text)
    assert json.loads(text.splitlines()[0])["message"] == WORD


@pytest.mark.parametrize("character", CHARACTERS)
def test_what_does_not_print_is_escaped(character: str) -> None:
    text = visible(f"a{character}b")
    assert text.isascii()
    assert text.isprintable()
    assert len(text.splitlines()) == 1
    escape = text[1:-1]
    # Python reads these escapes as people do.
    assert escape.encode().decode("unicode_escape") == character


def test_every_line_break_of_python_is_escaped() -> None:
    breaks = [chr(i) for i in range(sys.maxunicode + 1) if len(f"a{chr(i)}b".splitlines()) > 1]
    assert "\x1c" in breaks
    assert [c for c in breaks if len(visible(f"a{c}b").splitlines()) > 1] == []


def test_half_of_a_character_is_escaped() -> None:
    assert visible("a\ud800b") == r"a\ud800b"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("::warning::x", r"\x3a:warning::x"),
        ("  ::set-env name=a::b", r"  \x3a:set-env name=a::b"),
        ("a ::warning::x", "a ::warning::x"),
        ("::1", "::1"),
        ("a##[b]", r"a\x23#[b]"),
        ("###vso[b]", r"#\x23#vso[b]"),
        ("## Heading", "## Heading"),
    ],
)
def test_commands_of_ci_systems_are_escaped(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_letters_of_all_scripts_and_signs_stay() -> None:
    text = "Straße, naïve, 漢字, हिन्दी, שלום, 🙂, C:\\new"
    assert visible(text) == text


@pytest.mark.parametrize("value", [WORD, {WORD: [WORD, 1.5, None, True]}, "ü", [], "\ud800"])
def test_json_for_people_is_the_same_value(value: Any) -> None:
    assert json.loads(json_text(value)) == value
    assert not unseen(json_text(value))


@pytest.mark.usefixtures("folder")
def test_an_admission_message_is_one_line() -> None:
    pod = a_pod(annotations={"logs.example.com/templates": WORD})
    answer = answering.answer(a_review(pod, uid=WORD, namespace=WORD), load("c.yaml"), lambda _name: None)
    assert answer.decision == "deny"
    message = answers.message_of(answer.outcome)
    assert "\n" not in message
    assert not unseen(message)


def test_what_is_written_as_yaml_is_read_back_whatever_stands_in_it() -> None:
    assert yamltext.load_text(yamltext.dump({WORD: WORD}), "x") == {WORD: WORD}
