"""The order in which the tests run loses none, keeps together what belongs together, and mixes."""

from __future__ import annotations

from order import in_turn, scope

NOTEBOOKS = [
    f"tests/test_lessons.py::test_{what}[{name}]"
    for what in ("runs", "fits")
    for name in ("01_attention", "1_1", "1_2", "1_3")
]
CLASS = [f"tests/test_grade.py::test_{what}[alone]" for what in ("row", "deadline")]
OTHERS = [
    "tests/test_lessons.py::test_a_run_over_its_limits_is_found[memory]",
    *(f"tests/test_book.py::test_{number}" for number in range(300)),
]


def test_what_stays_on_one_worker() -> None:
    assert {scope(name) for name in NOTEBOOKS} == {"01_attention", "1_1", "1_2", "1_3"}
    assert {scope(name) for name in CLASS} == {"tests/test_grade.py"}
    assert [scope(name) for name in OTHERS] == OTHERS


def test_notebooks_and_others_take_turns() -> None:
    order = in_turn([*OTHERS, *NOTEBOOKS, *CLASS])
    assert sorted(order) == sorted([*OTHERS, *NOTEBOOKS, *CLASS])
    first, second, third, fourth = zip(NOTEBOOKS[:4], NOTEBOOKS[4:], strict=True)
    # A file takes as long as two notebooks, and so do two hundred tests.
    assert order == [*first, *CLASS, *second, *third, *OTHERS[:100], *fourth, *OTHERS[100:]]
