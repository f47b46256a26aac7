"""What the build counts of a notebook, each limit of it from both sides, and that all sources keep them."""

from __future__ import annotations

import doctest

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import course.sizes
from course.build import LABS, LESSONS, kind_of, labs, names
from course.run import Report
from course.sizes import RULE, Size, content, costs, line, too_large, words
from course.sources import FOLDED, expand

# A notebook within all limits: so much of each thing there is.
SMALL = {
    "lesson": {
        "words": 100,
        "visible code cells": 6,
        "lines in one": 5,
        "lines in all": 20,
        "diagrams": 3,
        "first result in visible cell": 3,
        "predictions": 1,
        "check yourself": 2,
        "your turn": 2,
    },
    "lab": {
        "words": 100,
        "visible code cells": 6,
        "lines in one": 5,
        "lines in all": 20,
        "predictions": 1,
        "check yourself": 1,
        "words of the rule": 20,
    },
}
SECTIONS = "## 1 How it looks\n\n## 2 How it goes"


def notebook(kind: str, **changed: int) -> NotebookNode:
    """One in which there is so much of everything, and something folded, which does not count."""
    much = {**SMALL[kind], **{name.replace("_", " "): number for name, number in changed.items()}}
    parts = [SECTIONS] if kind == "lesson" else [f"{RULE} {'so ' * much['words of the rule']}"]
    parts += ["**Predict.**"] * much["predictions"] + ["**Check yourself.**"] * much["check yourself"]
    parts += ["**Your turn.**"] * much.get("your turn", 0)
    parts.append("word " * (much["words"] - words("\n\n".join(parts))))
    cells = [new_markdown_cell("\n\n".join(parts))]
    cells += [new_code_cell(text) for text in code(much)]
    cells += [folded("y\n" * 99, tags=["diagram"]) for _ in range(much.get("diagrams", 1))]
    if kind == "lesson":
        cells[much["first result in visible cell"] - 1].metadata["tags"] = ["result"]
    return new_notebook(cells=cells)


def code(much: dict[str, int]) -> list[str]:
    """Texts of visible cells: the longest first, then as many lines as are to come, evenly."""
    longest, cells = much["lines in one"], much["visible code cells"]
    others = max(0, much["lines in all"] - longest)
    if others > (cells - 1) * longest:  # longer cells, or more of them
        longest = 25
        cells = max(cells, 1 + -(-(much["lines in all"] - longest) // longest))
        others = much["lines in all"] - longest
    each, more = divmod(others, cells - 1)
    return ["x\n" * longest] + ["x\n" * (each + (index < more)) for index in range(cells - 1)]


def folded(text: str, **metadata: object) -> NotebookNode:
    return new_code_cell(text, metadata={**FOLDED, **metadata})


def sizes_of(kind: str, **changed: int) -> dict[str, Size]:
    return {size.name: size for size in content(kind, notebook(kind, **changed))}


LIMITS = [
    (kind, size.name, *limit)
    for kind in SMALL
    for size in sizes_of(kind).values()
    for limit in (("most", size.most), ("least", size.least))
    if limit[1] is not None
]


@pytest.mark.parametrize("kind", SMALL)
def test_everything_is_counted(kind: str) -> None:
    sizes = sizes_of(kind)
    assert {name: size.found for name, size in sizes.items()} == SMALL[kind]
    assert all(size.fits for size in sizes.values())


@pytest.mark.parametrize("kind, name, side, limit", LIMITS, ids=lambda value: str(value))
def test_each_limit(kind: str, name: str, side: str, limit: float) -> None:
    """So much fits; one more, or one less, does not, and nothing else is at fault."""
    key, beyond = name.replace(" ", "_"), int(limit) + (1 if side == "most" else -1)
    assert too_large(content(kind, notebook(kind, **{key: int(limit)}))) == []
    sizes = content(kind, notebook(kind, **{key: beyond}))
    [said] = too_large(sizes)
    assert said.startswith(f"{name} {beyond:,} (") and f"at {side} {limit:,.0f}" in said
    assert said in line("new", sizes)


# (at most, at least), as the course's design has them; course/README.md says them to authors.
DESIGN = {
    "lesson": {
        "words": (3500, None),
        "visible code cells": (45, None),
        "lines in one": (25, None),
        "lines in all": (450, None),
        "diagrams": (None, 3),
        "first result in visible cell": (5, None),
        "predictions": (4, None),
        "check yourself": (None, 2),  # one a section
        "your turn": (4, 2),
    },
    "lab": {
        "words": (900, None),
        "visible code cells": (12, None),
        "lines in one": (25, None),
        "lines in all": (180, None),
        "predictions": (2, 1),
        "check yourself": (1, 1),
        "words of the rule": (40, 1),
    },
}


@pytest.mark.parametrize("kind", SMALL)
def test_limits_are_those_of_the_design(kind: str) -> None:
    assert {name: (size.most, size.least) for name, size in sizes_of(kind).items()} == DESIGN[kind]


def test_a_lab_without_its_rule() -> None:
    lab = notebook("lab")
    lab.cells[0].source = lab.cells[0].source.replace(RULE, "Shown:")
    assert too_large(content("lab", lab)) == ["words of the rule 0 (at most 40, at least 1)"]
    assert too_large(content("lab", notebook("lab", words_of_the_rule=0)))


def test_a_lesson_without_a_first_result_and_one_without_sections() -> None:
    lesson = notebook("lesson")
    for cell in lesson.cells:
        cell.metadata.pop("tags", None)
    said = too_large(content("lesson", lesson))
    assert [one.partition(" (")[0] for one in said] == ["diagrams 0", "first result in visible cell 6"]
    short = notebook("lesson", diagrams=1, your_turn=1)  # as lesson 0: what it asks for is less
    assert too_large(content("lesson", short))
    short.cells[0].source = short.cells[0].source.replace("##", "#")
    assert too_large(content("lesson", short)) == []


def test_a_lesson_in_which_no_cell_is_marked_as_the_first_result() -> None:
    lesson = notebook("lesson")
    [marked] = [cell for cell in lesson.cells if cell.metadata.get("tags") == ["result"]]
    del marked.metadata["tags"]
    [said] = too_large(content("lesson", lesson))
    assert said.startswith("first result in visible cell")


def test_words_are_those_that_a_reader_reads() -> None:
    assert words("```python\nmodel = load()\n```\nTwo <b class='x'>words</b>.") == 2
    assert words("[one](https://example.org/two/three) isn't 3,500 or 0.75 (0.70 to 0.79).") == 8
    assert words("<details><summary>Right</summary> folded counts</details>") == 3
    assert words("a <!-- not > this --> b <br/>c<br>\nd </div\n>e") == 5
    done = doctest.testmod(course.sizes)
    assert done.attempted and not done.failed


def test_what_is_smaller_than_a_number_is_no_tag() -> None:
    """Between `<` and a later `>` all would be lost, and more than the rule of a lab may have would fit."""
    rule = "It counts if p < 0.05 in each of many many runs, and 1,000 seeds, or else <b>no</b>."
    assert words(rule) == 17
    assert words("a < b and c > d, x <3 y > z, <- and ->") == 10


# --- What a run costs -------------------------------------------------------------------------

MB, KB = 1_000_000, 1000


def cost(kind: str, seconds: float = 1, cell: float = 1, memory: int = MB, size: int = KB) -> list[str]:
    return too_large(costs(kind, Report(seconds, cell, memory, seconds), size))


@pytest.mark.parametrize("kind, seconds, cell, size", [("lesson", 90, 30, 800), ("lab", 60, 40, 400)])
def test_costs(kind: str, seconds: int, cell: int, size: int) -> None:
    assert cost(kind, seconds, cell, 3000 * MB, size * KB) == []
    assert cost(kind, seconds + 0.5) == [f"seconds {seconds}.5 (at most {seconds})"]
    assert cost(kind, cell=cell + 1) == [f"seconds in one cell {cell + 1} (at most {cell})"]
    assert cost(kind, memory=3001 * MB) == ["MB of memory 3,001 (at most 3,000)"]
    assert cost(kind, size=(size + 1) * KB) == [f"kB {size + 1} (at most {size})"]


def test_other_programs_cost_nothing() -> None:
    """A run that waits for its neighbours takes longer and works as much; two cores work twice as much."""
    alone, waiting, on_two = Report(40, 20, MB, 40), Report(80, 40, MB, 40), Report(40, 20, MB, 80)
    found = [[size.found for size in costs("lab", report, KB)][:2] for report in (alone, waiting, on_two)]
    assert found == [[40, 20]] * 3


# --- What is written --------------------------------------------------------------------------


@pytest.mark.parametrize("name", labs() + names())
def test_sources_keep_their_sizes(name: str) -> None:
    """The build sees to it, but limits may change after it."""
    kind = kind_of(name)
    folder = LABS if kind == "lab" else LESSONS
    assert too_large(content(kind, expand(folder / f"{name}.py"))) == []
