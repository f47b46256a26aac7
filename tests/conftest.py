"""What all tests share: where they skip, and what stands under the results."""

from __future__ import annotations

import os
import time

import pytest

STARTED = pytest.StashKey[float]()


@pytest.fixture
def missing():
    """Call it with what this machine lacks: the test is skipped, but in CI it fails.

    A skip that nobody reads must not pass for a success.
    """

    def skip_or_fail(what: str) -> None:
        if os.environ.get("CI"):
            pytest.fail(f"{what}; in CI nothing is skipped (tests/system.sh installs it)", pytrace=False)
        pytest.skip(what)

    return skip_or_fail


@pytest.fixture(autouse=True)
def environment_as_it_was():
    """Put the environment's variables back after each test.

    Dask's cluster sets its workers' in the process that starts it and leaves them there
    (MALLOC_TRIM_THRESHOLD_, OMP_NUM_THREADS): lessons took 1.5 times as long after it.
    """
    before = dict(os.environ)
    yield
    for name in set(os.environ) - set(before):
        del os.environ[name]
    os.environ.update(before)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[STARTED] = time.perf_counter()


def pytest_terminal_summary(terminalreporter, config: pytest.Config) -> None:
    """One line for each lesson that ran (record_property("lesson", line)), and the seconds of it all."""
    reports = [report for kind in terminalreporter.stats.values() for report in kind]
    lines = {
        value
        for report in reports
        for key, value in getattr(report, "user_properties", [])
        if key == "lesson"
    }
    terminalreporter.section("time")
    for line in sorted(lines):
        terminalreporter.write_line(line)
    terminalreporter.write_line(f"all tests: {time.perf_counter() - config.stash[STARTED]:.0f} s")
