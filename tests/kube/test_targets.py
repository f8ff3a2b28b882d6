"""Workloads by the names that kubectl has for them."""

from __future__ import annotations

import pytest

from injector.errors import ConfigError
from injector.kube import targets


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("deploy/web", ["deployments/web"]),
        ("deploy/web sts/db", ["deployments/web", "statefulsets/db"]),
        ("deploy web", ["deployments/web"]),
        ("deploy web api", ["deployments/web", "deployments/api"]),
        ("deploy", ["deployments"]),
        ("Deployment", ["deployments"]),
        ("pods", ["pods"]),
        ("deploy,sts", ["deployments", "statefulsets"]),
        ("deploy,sts web", ["deployments/web", "statefulsets/web"]),
        ("deployments.apps/web cj.v1.batch/n", ["deployments/web", "cronjobs/n"]),
    ],
)
def test_words_name_objects_as_for_kubectl(words: str, expected: list[str]) -> None:
    assert list(map(str, targets.parsed(words.split()))) == expected


@pytest.mark.parametrize(
    ("words", "where", "hint"),
    [
        ("deplyo/web", "deplyo", "did you mean deploy?"),
        ("statefullset", "statefullset", "did you mean statefulset?"),
        ("shop", "shop", "use one of po, rc, deploy, rs, ds, sts, job, cj"),
        ("service/shop", "service", "use one of"),
        ("dc/shop", "dc", "use one of"),
        ("pod.apps/shop", "pod.apps", "use one of"),
        ("deploy.batch/shop", "deploy.batch", "use one of"),
        ("/shop", "", "use one of"),
        ("deploy/", "deploy/", "write deploy/web sts/db, or deploy web api"),
        ("deploy/a/b", "deploy/a/b", "write deploy/web sts/db, or deploy web api"),
        ("deploy/web api", "api", "write deploy/web sts/db, or deploy web api"),
        ("deploy web sts/db", "deploy", "write deploy/web sts/db, or deploy web api"),
    ],
)
def test_words_that_name_no_workload_are_refused(words: str, where: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        targets.parsed(words.split())
    assert caught.value.where == where
    assert hint in caught.value.hint
