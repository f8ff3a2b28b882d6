"""Options of the test run. Fixtures stand with the tests that use them, those of beds in tests/beds."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest
from coverage import Coverage
from hypothesis import HealthCheck, is_hypothesis_test, settings

pytest_plugins = ["tests.beds.plugin"]

# How long an example takes is the machine's business: a busy one fails no test.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

# Coverage is about what runs in the tests' own processes. Measured as well, the commands and servers
# that they start would take twice their time.
if os.environ.get("PYTEST_XDIST_WORKER"):
    os.environ.pop("COVERAGE_PROCESS_CONFIG", None)

TESTS = Path(__file__).resolve().parent
# The tests that count for the coverage of core, profiles and templating. The others call them as well, and
# would only take longer under its trace. So would generated examples, with which the figure would vary.
MEASURED = (
    "core",
    "profiles",
    "templating",
    "test_cases.py",
    "security/test_rules_hold.py",
    "security/test_user_volumes.py",
    "security/test_globs.py",
)
COVERAGE = Coverage.current()
# The longest come first, so that no process is left alone with one of them at the end.
LONG = (
    "apiserver",
    "chart",
    "pipelines",
    "test_dockerfile.py",
    "test_image.py",
    "test_packaging.py",
    "server/test_restarts.py",
    "server/test_serve.py",
    "server/test_serve_in_trouble.py",
    "security/test_linear_work.py",
    "security/test_rules_hold.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long modules first, in the order of chance among themselves."""
    items.sort(key=lambda item: not below(item, LONG))


def below(item: pytest.Item, places: Iterable[str]) -> bool:
    return any(item.path.is_relative_to(TESTS / place) for place in places)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Trace the tests that count, and no others."""
    if COVERAGE is None:
        return
    traced = Coverage.current() is COVERAGE
    if counts(item) and not traced:
        COVERAGE.start()
    elif traced and not counts(item):
        COVERAGE.stop()


def counts(item: pytest.Item) -> bool:
    """Whether the coverage is measured with this test."""
    generated = isinstance(item, pytest.Function) and is_hypothesis_test(item.function)
    if generated or item.get_closest_marker("untraced"):
        return False
    return below(item, MEASURED)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-goldens",
        action="store_true",
        help="write the patch and report files of tests/cases anew; read the diff before you commit it",
    )


def pytest_collection_finish() -> None:
    """For ``make test-ahead``: tests run a day after they were collected."""
    if day := os.environ.get("FAKETIME_ONCE_COLLECTED"):
        os.environ["FAKETIME"] = day


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--update-goldens") and os.environ.get("CI"):
        raise pytest.UsageError("--update-goldens has no place in CI: a person reads what it writes")
