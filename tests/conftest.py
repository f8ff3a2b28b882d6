"""Options of the test run. Fixtures stand with the tests that use them, those of beds in tests/beds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from coverage import Coverage
from hypothesis import HealthCheck, settings

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
# would only take longer under its trace.
MEASURED = tuple(
    TESTS / name
    for name in ("core", "profiles", "templating", "test_cases.py", "test_laws.py",
                 "security/test_rules_hold.py", "security/test_user_volumes.py", "security/test_globs.py")
)  # fmt: skip
COVERAGE = Coverage.current()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Trace the tests that count, and no others."""
    if COVERAGE is None:
        return
    measured = any(item.path.is_relative_to(place) for place in MEASURED)
    if measured and Coverage.current() is None:
        COVERAGE.start()
    elif not measured and Coverage.current() is COVERAGE:
        COVERAGE.stop()


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
