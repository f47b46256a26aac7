"""In which order two workers take the tests (pytest-xdist), and which tests stay on one worker.

A notebook calculates all the time; much else waits for a browser, a server, a time limit. So while one worker
has a notebook, the other should have something else: notebooks and the rest are dealt out in turn.
"""

from __future__ import annotations

from collections.abc import Sequence

# Files whose tests share what takes long to prepare.
TOGETHER = tuple(
    f"test_{name}.py"
    for name in ("sandbox", "grade", "lab", "formgrader", "cluster", "desk", "quarter", "site")
)
LONG = (*TOGETHER, "test_hub.py", "test_server.py")
NOTEBOOK, FILE, TEST = 50.0, 100.0, 0.5  # seconds, about


def notebook(name: str) -> str:
    """The lesson or lab that a test is about: "tests/test_lessons.py::test_runs_clean[01_attention]"."""
    file, _, test = name.partition("::")
    about = test.partition("[")[2].removesuffix("]")
    return about if file.endswith("test_lessons.py") and about[:1].isdigit() else ""


def scope(name: str) -> str:
    """What stays on one worker: a file, all tests of a notebook, or a test alone."""
    file = name.partition("::")[0]
    return file if file.endswith(TOGETHER) else notebook(name) or name


def in_turn(names: Sequence[str]) -> list[str]:
    """The same tests, in the order in which workers should take them; what takes longest comes first."""
    scopes: dict[str, list[str]] = {}
    for name in names:
        scopes.setdefault(scope(name), []).append(name)
    seconds = {
        key: NOTEBOOK if notebook(tests[0]) else FILE if tests[0].partition("::")[0].endswith(LONG) else TEST
        for key, tests in scopes.items()
    }
    notebooks = [key for key in scopes if seconds[key] == NOTEBOOK]
    others = sorted((key for key in scopes if seconds[key] != NOTEBOOK), key=lambda key: -seconds[key])
    dealt: list[str] = []
    ahead = 0.0  # by so many seconds the notebooks have had more than the others
    while notebooks or others:
        if notebooks and (ahead <= 0 or not others):
            key = notebooks.pop(0)
            ahead += seconds[key]
        else:
            key = others.pop(0)
            ahead -= seconds[key]
        dealt += scopes[key]
    return dealt
