"""The report as JUnit's XML: a suite for each file, a case for each workload.

Errors and findings of no workload are a case of their own in the suite of their file, or in that of the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from injector.cli.reporting.entries import ReportEntry, Sort
from injector.cli.reporting.finished import Finished
from injector.core.finding_codes import Level
from injector.printable import visible

_SKIPPED: Final = ("skipped", "passed")


def written(finished: Finished) -> str:
    """The suites. A finding that does not fail a run is output of its case."""
    top = Element("testsuites", name=f"injector {finished.command}")
    files: dict[str, list[ReportEntry]] = {}
    for each in finished.entries:
        files.setdefault(each.place.file, []).append(each)
    for file, entries in files.items():
        suite = SubElement(top, "testsuite", name=_text(_name(file, finished)))
        for case in _cases(_name(file, finished), entries):
            suite.append(case)
        _count(suite)
    if not files:
        _count(SubElement(top, "testsuite", name=f"injector {finished.command}"))
    for key in ("tests", "failures", "skipped"):
        top.set(key, str(sum(int(suite.get(key, "0")) for suite in top)))
    indent(top)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(top, encoding="unicode") + "\n"


def _name(file: str, finished: Finished) -> str:
    if not file:
        return f"injector {finished.command}"
    return "stdin" if file == "-" else file


def _cases(group: str, entries: Sequence[ReportEntry]) -> Iterator[Element]:
    """The case of each workload with what is reported about it, then the rest."""
    rest = [each for each in entries if each.sort is not Sort.WORKLOAD]
    for workload in (each for each in entries if each.sort is Sort.WORKLOAD):
        own = [each for each in rest if each.object == workload.object]
        rest = [each for each in rest if each.object != workload.object]
        case = _case(group, workload, workload.object)
        errors = [each for each in own if each.sort is Sort.ERROR]
        if workload.result == "refused" or errors:
            _fail(case, errors or [workload])
        elif workload.result in _SKIPPED:
            SubElement(case, "skipped", message=_text(f"{workload.code}: {workload.message}"))
        _print(case, [each for each in own if each.sort is Sort.FINDING])
        yield case
    for each in rest:
        case = _case(group, each, each.object or each.place.inside or each.code)
        if each.sort is Sort.ERROR or each.level is Level.ERROR:
            _fail(case, [each])
        else:
            _print(case, [each])
        yield case


def _case(group: str, entry: ReportEntry, name: str) -> Element:
    case = Element("testcase", name=_text(name), classname=_text(group))
    if entry.place.file not in ("", "-"):
        case.set("file", _text(entry.place.file))
    if entry.place.line:
        case.set("line", str(entry.place.line))
    return case


def _fail(case: Element, errors: Sequence[ReportEntry]) -> None:
    """One failure: JUnit's readers show the first of a case alone."""
    failure = SubElement(case, "failure", message=_text(errors[0].message), type=errors[0].code)
    failure.text = "\n".join(map(_line, errors))


def _print(case: Element, findings: Sequence[ReportEntry]) -> None:
    if findings:
        SubElement(case, "system-out").text = "\n".join(map(_line, findings))


def _line(entry: ReportEntry) -> str:
    place = entry.place
    where = f"{place.file}:{place.line}: " if place.line else f"{place.file}: " if place.file else ""
    inside = f"{place.inside}: " if place.inside else ""
    hint = f" (hint: {entry.hint})" if entry.hint else ""
    return _text(f"{entry.level.value}: {where}{inside}{entry.message}{hint} [{entry.code}]")


def _count(suite: Element) -> None:
    suite.set("tests", str(len(suite.findall("testcase"))))
    for tag, key in (("failure", "failures"), ("skipped", "skipped")):
        suite.set(key, str(len(suite.findall(f"testcase/{tag}"))))
    suite.set("errors", "0")


def _text(text: str) -> str:
    """A text that XML can hold: what does not print is escaped."""
    return visible(text)
