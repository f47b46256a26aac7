"""The README's table of lessons, taken from what the built lessons measured."""

from __future__ import annotations

import nbformat

from .errors import ROOT, CourseError
from .run import headline, verdicts

README = ROOT / "README.md"
BEGIN, END = "<!-- lessons: written by `python -m course build` -->", "<!-- end of lessons -->"


def section(name: str) -> str:
    """One lesson: its title, its figure, its claims with verdicts and figures."""
    path = ROOT / "lessons" / f"{name}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    title = notebook.metadata["course"]["title"]
    lines = [f"### [{int(name[:2])} · {title}](lessons/{path.name})", ""]
    rows = verdicts(notebook)
    if not rows:
        summary = notebook.metadata["course"].get("summary", "")
        return "\n".join([lines[0], "", summary, ""]) if summary else "\n".join(lines)
    if figure := headline(notebook):
        alt = _cell(figure.metadata["image/png"]["alt"]).replace("]", ")")
        lines += [f"![{alt}](lessons/{path.stem}.png)", ""]
    lines += ["| claim | what the build measured | verdict |", "| --- | --- | --- |"]
    for row in rows:
        claim, measured = _cell(row["claim"]), _cell(row["measured"])
        lines.append(f"| {row['id']} {claim} | {measured} | **{row['verdict']}** |")
    return "\n".join([*lines, ""])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def text(which: list[str]) -> str:
    """README.md as it should read.

    Raises:
        CourseError: README.md lost the marks between which the table stands.
    """
    old = README.read_text(encoding="utf-8")
    if old.count(BEGIN) != 1 or old.count(END) != 1:
        raise CourseError(README, f"it needs one line {BEGIN!r} and one line {END!r}")
    before, after = old.split(BEGIN)[0], old.split(END)[1]
    built = [name for name in which if (ROOT / "lessons" / f"{name}.ipynb").is_file()]
    return before + BEGIN + "\n\n" + "\n".join(section(name) for name in built) + "\n" + END + after


def update(which: list[str]) -> None:
    new = text(which)
    if new != README.read_text(encoding="utf-8"):
        README.write_text(new, encoding="utf-8")
