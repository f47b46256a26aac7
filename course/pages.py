"""README's lessons and docs/claims.md, taken from what the built notebooks say and measured."""

from __future__ import annotations

import html
from pathlib import Path

from .claims import Claim, all_claims, lab_notebooks, lesson_notebooks
from .errors import ROOT, CourseError, relative
from .files import read_notebook, write_whole
from .run import headline

BEGIN, END = "<!-- lessons: written by `python -m course build` -->", "<!-- end of lessons -->"
WIDTH = 440  # pixels: the page stays short
CLAIMS_HEAD = """\
# What the articles claim, and what the course found

Built from the labs by `python -m course build`. An answer speaks about its lab's own run.

| grade | when |
| --- | --- |
| supported | the effect is there, and the control does not show it |
| supported only if … | it is there under a condition, which the grade names |
| not supported here | the experiment could have shown it and did not, or its control did as well |
| true by definition | nothing could refute it |
| not testable at this size | it takes a larger machine; the lab says what the literature measured |
"""


def wanted() -> dict[Path, str]:
    """Every page that is built, as it should read.

    Raises:
        CourseError: README.md lost the marks between which the lessons stand.
    """
    return {ROOT / "README.md": readme(), ROOT / "docs" / "claims.md": claims_page()}


def readme() -> str:
    path = ROOT / "README.md"
    old = path.read_text(encoding="utf-8")
    if old.count(BEGIN) != 1 or old.count(END) != 1:
        raise CourseError(path, f"it needs one line {BEGIN!r} and one line {END!r}")
    before, after = old.split(BEGIN)[0], old.split(END)[1]
    lessons = lesson_notebooks()
    return before + BEGIN + "\n\n" + "\n".join(map(_section, lessons)) + "\n" + END + after


def _section(path: Path) -> str:
    """One lesson: its title, its picture, one sentence."""
    notebook = read_notebook(path)
    course = notebook.metadata["course"]
    lines = [f"### [{int(path.name[:2])} · {course['title']}](lessons/{path.name})", ""]
    if figure := headline(notebook):
        alt = html.escape(" ".join(figure.metadata["image/png"]["alt"].split()))
        lines += [f'<img src="lessons/{path.stem}.png" width="{WIDTH}" alt="{alt}">', ""]
    if summary := course.get("summary"):
        lines += [summary, ""]
    return "\n".join(lines)


def claims_page() -> str:
    claims = all_claims()
    parts = [CLAIMS_HEAD]
    for path in lesson_notebooks():
        number = str(int(path.name[:2]))
        rows = [_row(claim) for claim in claims if claim.id.partition(".")[0] == number]
        if rows:
            title = read_notebook(path).metadata["course"]["title"]
            head = ["| | claim | article | grade | answer | |", "| --- | --- | --- | --- | --- | --- |"]
            parts.append("\n".join([f"## {number} · {title}", "", *head, *rows, ""]))
        labs = [lab for lab in lab_notebooks() if lab.name.partition("_")[0] == number]
        parts += filter(None, map(_further, labs))
    return "\n".join(parts)


def _further(lab: Path) -> str:
    """Title and sentence of a lab that tests no claim; nothing for another one."""
    course = read_notebook(lab).metadata["course"]
    if not course.get("further"):
        return ""
    return f"Without a claim: [{course['title']}](../lessons/labs/{lab.name}) {course.get('summary', '')}\n"


def _row(claim: Claim) -> str:
    if claim.lab:
        link = f"[lab](../lessons/labs/{claim.lab}.ipynb)"
        cells = [f"**{claim.grade}**", claim.sentence, link]
    else:
        cells = ["*no lab yet*", "", ""]
    texts = [claim.id, claim.claim, claim.article, *cells]
    return "| " + " | ".join(" ".join(text.split()).replace("|", "\\|") for text in texts) + " |"


def _changed() -> dict[Path, str]:
    return {
        path: text
        for path, text in wanted().items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    }


def stale() -> list[str]:
    """The pages that are not what the notebooks give."""
    return [f"{relative(path)}: not what the notebooks give" for path in _changed()]


def update() -> None:
    for path, text in _changed().items():
        write_whole(path, text)
