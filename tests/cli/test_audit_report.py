"""What `injector audit` prints of pods: numbers in words, and what differs."""

from __future__ import annotations

from collections import Counter

import pytest

from injector.cli import audit_report
from injector.cli.audit_pods import Audited, Pod
from injector.core.model import Owner, Reason
from injector.core.reports.audit import AuditState, Standing, ValueChange

WEB, API = (Owner("apps/v1", "Deployment", name) for name in ("web", "api"))


def a_pod(owner: Owner, number: int, state: str, *, in_manifest: bool = False, differ: int = 0) -> Pod:
    differences = tuple(ValueChange(f"/spec/{n}", f"old{n}", f"new{n}") for n in range(differ))
    standing = Standing(AuditState(state), Reason.ON_BY_DEFAULT, differences, in_manifest=in_manifest)
    return Pod("shop", f"{owner.name}-{number}", {}, owner, standing)


def audited(*pods: Pod, **counts: int) -> Audited:
    """The pods with a finding, and how many others are in each state."""
    result = Audited(Counter({AuditState(state): number for state, number in counts.items()}))
    for pod in pods:
        result.counts[pod.standing.state] += 1
        result.groups.setdefault((pod.namespace, pod.owner), []).append(pod)
    return result


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (audited(), "no running pods"),
        (audited(current=1), "1 pod, all up to date"),
        (audited(current=11), "11 pods, all up to date"),
        (
            audited(current=8, same=3),
            "11 pods, all up to date; 3 of them injected with another configuration and the same result",
        ),
        (
            audited(current=1, manual=1),
            "2 pods, all up to date; 1 of them injected in the manifest of the owner",
        ),
        (
            audited(a_pod(WEB, 1, "stale"), a_pod(WEB, 2, "stale"), a_pod(API, 1, "missing")),
            "3 pods of 2 owners need a restart: 1 missing, 2 stale",
        ),
        (
            audited(a_pod(WEB, 1, "stale"), a_pod(API, 1, "foreign"), current=4),
            "1 pod of 1 owner needs a restart: 1 stale; 1 pod of 1 owner needs a look: 1 foreign;"
            " 4 up to date",
        ),
        (
            audited(a_pod(WEB, 1, "stale", in_manifest=True)),
            "1 pod of 1 owner needs a look: 1 stale",
        ),
        # Accepted states are counted, but no finding.
        (audited(foreign=2), "2 foreign, accepted"),
        (audited(foreign=2, current=1), "1 up to date; 2 foreign, accepted"),
        (
            audited(a_pod(WEB, 1, "stale"), unwanted=2),
            "1 pod of 1 owner needs a restart: 1 stale; 2 unwanted, accepted",
        ),
    ],
)
def test_the_last_line_is_plain_numbers(seen: Audited, expected: str) -> None:
    assert audit_report.summary(seen) == expected


def test_the_first_values_that_differ_are_shown_for_pods_alike_and_the_rest_is_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    seen = audited(*(a_pod(WEB, n, "stale", differ=8) for n in range(5)), a_pod(WEB, 5, "stale", differ=1))
    audit_report.pods(seen, "text")
    reason = f"on-by-default: {Reason.ON_BY_DEFAULT.sentence}"
    place = " " * 11
    assert capsys.readouterr().out.splitlines() == [
        "Deployment shop/web",
        "  stale    web-0, web-1, web-2 and 2 more",
        f"{place}The sidecar differs from the one that a new pod would get. {reason}",
        *(f"{place}/spec/{n}: old{n} -> new{n}" for n in range(3)),
        f"{place}and 5 more values",
        "  stale    web-5",
        f"{place}The sidecar differs from the one that a new pod would get. {reason}",
        f"{place}/spec/0: old0 -> new0",
        "",
        "6 pods of 1 owner need a restart: 6 stale",
    ]


def test_a_value_that_was_added_or_removed_has_no_other_side() -> None:
    assert str(ValueChange("/spec/a", None, "new")) == "/spec/a: (none) -> new"
    assert str(ValueChange("/spec/a", "old", None)) == "/spec/a: old -> (none)"


def test_text_of_a_pod_that_does_not_print_is_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    change = ValueChange("/spec/a", "old\x1b[2J", "new\nline")
    pod = Pod("shop", "web-1", {}, WEB, Standing(AuditState.STALE, Reason.ON_BY_DEFAULT, (change,)))
    audit_report.pods(audited(pod), "text")
    assert r"/spec/a: old\x1b[2J -> new\nline" in capsys.readouterr().out
