"""What all tests share: where they skip, and what stands under the results."""

from __future__ import annotations

import os
import time

import fresh
import order
import pytest

fresh.leave_home()  # before the tests import anything that looks for its settings

STARTED = pytest.StashKey[float]()
MODELS = pytest.StashKey[dict]()


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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    place = {name: i for i, name in enumerate(order.in_turn([item.nodeid for item in items]))}
    items.sort(key=lambda item: place[item.nodeid])


@pytest.hookimpl(optionalhook=True)  # without xdist's -n nobody asks
def pytest_xdist_make_scheduler(config: pytest.Config, log):
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):
        """Each worker takes the next scope of order.py.

        xdist's own groups are marks that it adds to the tests' names, which it cannot with this pytest.
        """

        def _split_scope(self, nodeid: str) -> str:
            return order.scope(nodeid)

    config.option.loadscopereorder = False  # else the scope with most tests would come first
    return Together(config, log)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[STARTED] = time.perf_counter()
    config.stash[MODELS] = fresh.models()


def pytest_sessionfinish(session: pytest.Session) -> None:
    if fresh.models() != session.config.stash[MODELS]:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config: pytest.Config) -> None:
    """One line for each lesson that ran (record_property("lesson", line)), and the seconds of it all."""
    reports = [report for kind in terminalreporter.stats.values() for report in kind]
    lines = {
        value
        for report in reports
        for key, value in getattr(report, "user_properties", [])
        if key == "lesson"
    }
    if fresh.models() != config.stash[MODELS]:
        terminalreporter.section("a model in the user's cache was changed meanwhile", red=True)
        terminalreporter.write_line(f"It lies in {fresh.USER_CACHE}. Was it a test? Then it must not.")
    terminalreporter.section("time")
    for line in sorted(lines):
        terminalreporter.write_line(line)
    terminalreporter.write_line(f"all tests: {time.perf_counter() - config.stash[STARTED]:.0f} s")
