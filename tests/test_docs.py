"""What README.md and docs/ promise and name is there: files, commands, options, numbers."""

from __future__ import annotations

import functools
import re
import shlex
import subprocess
import sys
from pathlib import Path

import colab
import pytest
from grading import all_answers, assignments
from markdown_it import MarkdownIt

from course.build import names
from course.errors import ROOT

PAGES = [ROOT / "README.md", ROOT / "course" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = {path: path.read_text(encoding="utf-8") for path in PAGES}
INSTALL = TEXTS[ROOT / "docs" / "install.md"]


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
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    missing = []
    for line in code(TEXTS[page]):
        words = shlex.split(line.partition("#")[0])
        if words[:1] == ["make"]:
            missing += [word for word in words[1:] if re.fullmatch("[a-z]+", word) and word not in targets]
        if words[:3] == ["python", "-m", "course"]:
            said = course_help(words[3])
            missing += [word for word in words[4:] if word.startswith("--") and word not in said]
        for path in re.findall(r"\b(?:course|lessons|exercises|solutions|tests|docs)/[-\w./]+", line):
            known = "NN_name" in path or (ROOT / path).exists() or (ROOT / "course" / f"{path}.py").exists()
            missing += [] if known else [path]
    assert missing == []


@functools.cache
def course_help(command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "course", command, "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_installing_with_pip_alone_is_what_the_script_does() -> None:
    """Its three lines: torch from the index of CPU builds, then the two lists, one without dependencies."""
    lines = re.findall(r"^pip install (.*)$", INSTALL, re.MULTILINE)
    torch, index = lines[0].split(" --index-url ")
    script = (ROOT / "course" / "environment.sh").read_text(encoding="utf-8")
    assert torch == colab.torch_requirement()
    assert f"TORCH_INDEX:-{index}}}" in (ROOT / "course" / "install_torch.sh").read_text(encoding="utf-8")
    assert lines[1:] == re.findall(r"^    pip (.*requirements(?:-models)?\.txt)$", script, re.MULTILINE)


def test_python_versions() -> None:
    """The same in README, in the script's choice and in what it says."""
    script = (ROOT / "course" / "environment.sh").read_text(encoding="utf-8")
    taken = re.findall(r'"(3\.\d+) "\*', script)
    assert f"Python {taken[0]} to {taken[-1]}" in TEXTS[ROOT / "README.md"]
    assert f"Python {taken[0]} to {taken[-1]} is needed" in script
    order = re.search(r"for python in .*?(python3 .*); do", script)
    assert order and order[1].split() == re.findall(r"`(python[\d.]*)`", INSTALL.split("that is between")[0])


def test_numbers_of_the_readme() -> None:
    readme = TEXTS[ROOT / "README.md"]
    assert "Each of lessons 1 to 5 has an assignment" in readme
    assert names()[1:] == assignments() and len(assignments()) == 5
    assert "over a thousand wrong and right answers" in readme
    assert len(all_answers()) > 1000
