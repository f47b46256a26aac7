"""What README.md, docs/ and course/README.md promise and name is there: files, commands, keys, numbers."""

from __future__ import annotations

import functools
import re
import shlex
import subprocess
import sys
from pathlib import Path

import colab
import nbformat
import pytest
from carried import header
from grading import all_answers, assignments
from markdown_it import MarkdownIt

from course import sizes
from course.build import EXERCISES, LABS, LESSONS, labs, names
from course.errors import ROOT
from course.run import Report
from course.sources import CELL_KEYS

README, HOW = ROOT / "README.md", ROOT / "course" / "README.md"
PAGES = [README, HOW, *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = {path: path.read_text(encoding="utf-8") for path in PAGES}
INSTALL = TEXTS[ROOT / "docs" / "install.md"]
MOST_WORDS = 900  # of README.md: two screens
PLACEHOLDERS = ("NN_name", "N_M_name")
COURSE = ["python", "-m", "course"]


def code(text: str) -> list[str]:
    """All that a page shows as code: the lines of blocks, and the pieces within sentences."""
    blocks = MarkdownIt().enable("table").parse(text)
    pieces = [piece for block in blocks for piece in block.children or [] if piece.type == "code_inline"]
    shown = [block for block in blocks if block.type in ("fence", "code_block")]
    return [line for token in (*shown, *pieces) for line in token.content.splitlines()]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", TEXTS[page])
    gone = [to for to in targets if "://" not in to and not (page.parent / to.partition("#")[0]).exists()]
    assert gone == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_commands_are_there(page: Path) -> None:
    assert missing(TEXTS[page]) == []


def missing(page: str) -> list[str]:
    """What a page shows as code and nobody could type: files, targets of make, notebooks, options."""
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    found = []
    for line in code(page):
        words = shlex.split(line.partition("#")[0])
        if words[:1] == ["make"]:
            found += [word for word in words[1:] if re.fullmatch("[a-z]+", word) and word not in targets]
        if words[:3] == COURSE and len(words) > 3:
            said = course_help(words[3])
            found += [word for word in words[4:] if word.startswith("--") and word not in said]
        if words[:4] == [*COURSE, "build"]:
            named = [word for word in words[4:] if not word.startswith("-")]
            found += [word for word in named if word not in (*names(), *labs(), *PLACEHOLDERS)]
        for path in re.findall(r"\b(?:course|lessons|exercises|solutions|tests|docs)/[-\w./]+", line):
            known = (ROOT / path).exists() or (ROOT / "course" / f"{path}.py").exists()
            found += [] if known or any(name in path for name in PLACEHOLDERS) else [path]
    return found


@functools.cache
def course_help(command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "course", command, "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- README -----------------------------------------------------------------------------------


def test_readme_is_one_page() -> None:
    """As a reader reads it: without the texts in place of its pictures."""
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)", " ", TEXTS[README])
    assert sizes.words(text) <= MOST_WORDS


def test_numbers_of_the_readme() -> None:
    readme = TEXTS[README]
    assert "Each of lessons 1 to 5 has an assignment" in readme
    assert names()[1:] == assignments() and len(assignments()) == 5
    assert "over a thousand wrong and right answers" in readme
    assert len(all_answers()) > 1000
    assert "Five articles" in readme and "one of five grades" in readme


def test_hours_of_the_readme() -> None:
    """Those that the notebooks name themselves."""
    hours = dict(rows(TEXTS[README], "lesson 0"))
    assert hours["lesson 0"] == "half an hour" and header(LESSONS / "00_start_here.py")["minutes"] <= 30
    for row, paths in {
        "lessons 1 to 5": [LESSONS / f"{name}.py" for name in names()[1:]],
        "one of their labs": [LABS / f"{name}.py" for name in labs()],
    }.items():
        least, most = minutes(hours[row])
        wrong = {path.name: took for path in paths if not least <= (took := header(path)["minutes"]) <= most}
        assert wrong == {}, row
    promised = hours["an assignment"].partition(";")[0]
    for name in assignments():
        assert promised in (EXERCISES / f"{name}.py").read_text(encoding="utf-8"), name


def minutes(text: str) -> tuple[int, int]:
    found = re.search(r"(\d+) to (\d+) minutes", text)
    assert found, text
    return int(found[1]), int(found[2])


def test_python_versions() -> None:
    """The same in README, in the script's choice and in what it says."""
    script = (ROOT / "course" / "environment.sh").read_text(encoding="utf-8")
    taken = re.findall(r'"(3\.\d+) "\*', script)
    assert f"Python {taken[0]} to {taken[-1]}" in TEXTS[README]
    assert f"Python {taken[0]} to {taken[-1]} is needed" in script
    order = re.search(r"for python in .*?(python3 .*); do", script)
    assert order and order[1].split() == re.findall(r"`(python[\d.]*)`", INSTALL.split("that is between")[0])


def test_installing_with_pip_alone_is_what_the_script_does() -> None:
    """Its three lines: torch from the index of CPU builds, then the two lists, one without dependencies."""
    lines = re.findall(r"^pip install (.*)$", INSTALL, re.MULTILINE)
    torch, index = lines[0].split(" --index-url ")
    script = (ROOT / "course" / "environment.sh").read_text(encoding="utf-8")
    assert torch == colab.torch_requirement()
    assert f"TORCH_INDEX:-{index}}}" in (ROOT / "course" / "install_torch.sh").read_text(encoding="utf-8")
    assert lines[1:] == re.findall(r"^    pip (.*requirements(?:-models)?\.txt)$", script, re.MULTILINE)


# --- How a lesson is made ---------------------------------------------------------------------


def rows(page: str, first: str) -> list[list[str]]:
    """The table with a row that begins with `first`: the texts of its rows, its head left out."""
    tables = re.findall(r"^\|[ :|-]+\|\n((?:\|.*\n)+)", page, re.MULTILINE)
    [table] = [table for table in tables if re.search(rf"^\| {re.escape(first)} \|", table, re.MULTILINE)]
    return [[text.strip() for text in line.strip("|").split("|")] for line in table.splitlines()]


def in_code(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def test_keys_of_the_header() -> None:
    """The table has those that sources use, and no other."""
    sources = [path for folder in (LESSONS, LABS, EXERCISES) for path in folder.glob("[0-9]*.py")]
    used = {key for source in sources for key in header(source)}
    assert {key for row in rows(TEXTS[HOW], "`title`") for key in in_code(row[0])} == used


def test_keys_of_cells() -> None:
    table = rows(TEXTS[HOW], '`lang="zh"`')
    assert {key.partition("=")[0] for row in table for key in in_code(row[0])} == CELL_KEYS


def test_conventions_are_those_that_are_counted() -> None:
    counted = (ROOT / "course" / "sizes.py").read_text(encoding="utf-8")
    marks = [
        in_code(row[0])[0]
        for row in rows(TEXTS[HOW], "`**It counts as shown if**`, in a paragraph of its own")
    ]
    assert len(marks) == 4 and [mark for mark in marks if f'"{mark}"' not in counted] == []


def test_topics_and_what_they_bring() -> None:
    """Every topic has a row, and every name in the row stands in its file."""
    cells = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "course" / "cells").glob("*.py")}
    table = {tuple(in_code(row[0])): in_code(row[1]) for row in rows(TEXTS[HOW], "`torch`")}
    assert sorted(topic for topics in table for topic in topics) == sorted(cells)
    for topics, brought in table.items():
        text = "\n".join(cells[topic] for topic in topics)
        names_brought = [name.partition("(")[0] for name in brought]
        unknown = [name for name in names_brought if not re.search(rf"\b{name}\b", text)]
        assert unknown == [], topics


def test_sizes() -> None:
    """The table's limits are the ones that the build enforces."""
    section = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("## 1 · A section")])
    table = {row[0]: row[1:] for row in rows(TEXTS[HOW], "words")}
    enforced: dict[str, list[str]] = {}
    for column, kind in enumerate(("lesson", "lab")):
        for size in sizes.content(kind, section) + sizes.costs(kind, Report(1, 1, 1, 1), 1):
            enforced.setdefault(size.name, ["", ""])[column] = re.sub(r"^.*\(|\)$", "", str(size))
    assert {
        name: [text.removesuffix(" a section") for text in texts] for name, texts in table.items()
    } == enforced
