"""How much of a learner's time a notebook takes: what is counted, and the most that it may be."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nbformat import NotebookNode

from .run import Report

FIRST_CELLS = 5  # within so many visible cells the thing itself has to work
RULE = "**It counts as shown if**"
RULE_WORDS = 40
ANSWER_WORDS = 40
MOST = {
    "lesson": {"seconds": 90, "seconds in one cell": 30, "MB of memory": 3000, "kB": 800},
    "lab": {"seconds": 60, "seconds in one cell": 40, "MB of memory": 3000, "kB": 400},
}


@dataclass(frozen=True)
class Size:
    """One thing that is counted, and its limits (course/README.md, Sizes)."""

    name: str
    found: float
    most: float | None = None
    least: float | None = None

    def __str__(self) -> str:
        limits = [f"at most {self.most:,.0f}"] if self.most is not None else []
        limits += [f"at least {self.least:,.0f}"] if self.least is not None else []
        found = f"{self.found:,.1f}".removesuffix(".0")  # 60.4 s are not 60
        return f"{self.name} {found}" + (f" ({', '.join(limits)})" if limits else "")

    @property
    def fits(self) -> bool:
        too_much = self.most is not None and self.found > self.most
        return not too_much and (self.least is None or self.found >= self.least)


def is_folded(cell: NotebookNode) -> bool:
    return bool(cell.metadata.get("jupyter", {}).get("source_hidden"))


def prose(notebook: NotebookNode) -> str:
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def words(markdown: str) -> int:
    """Words that a reader reads: without code blocks, tags and the addresses of links.

    >>> words("Two [words](https://example.org/a/b) <b>here</b>, 注意力 is one, 0.75 is another.")
    9
    """
    no_words = r"```.*?```|<!--.*?-->|</?[A-Za-z][^>]*>|\]\([^)]*\)"  # not "p < 0.05"
    text = re.sub(no_words, " ", markdown, flags=re.DOTALL)
    return len(re.findall(r"[^\W_](?:[\w'’-]|[.,](?=\d))*", text))


def _tagged(notebook: NotebookNode, tag: str) -> list[int]:
    """Places, counted among the cells that are not folded, from 1 on."""
    place, found = 0, []
    for cell in notebook.cells:
        place += not is_folded(cell)
        if tag in cell.metadata.get("tags", []):
            found.append(place)
    return found


def content(kind: str, notebook: NotebookNode) -> list[Size]:
    """What there is to read, before anything runs. kind: "lesson" or "lab"."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code" and not is_folded(cell)]
    lines = [len(cell.source.splitlines()) for cell in code]
    text = prose(notebook)
    sizes = [
        Size("words", words(text), 3500 if kind == "lesson" else 900),
        Size("visible code cells", len(code), 45 if kind == "lesson" else 12),
        Size("lines in one", max(lines, default=0), 25),
        Size("lines in all", sum(lines), 450 if kind == "lesson" else 180),
    ]
    if kind == "lab":
        sizes += [
            Size("predictions", text.count("**Predict.**"), 2, 1),
            Size("check yourself", text.count("**Check yourself.**"), 1, 1),
        ]
        if notebook.metadata.get("course", {}).get("further"):  # it tests no claim
            return sizes
        rule = text.partition(RULE)[2].partition("\n\n")[0]
        return [*sizes, Size("words of the rule", words(rule), RULE_WORDS, 1)]
    sections = len(re.findall(r"^## \d", text, re.MULTILINE))
    first = min(_tagged(notebook, "result"), default=FIRST_CELLS + 1)
    return [
        *sizes,
        Size("diagrams", len(_tagged(notebook, "diagram")), least=3 if sections else 1),
        Size("first result in visible cell", first, FIRST_CELLS),
        Size("predictions", text.count("**Predict.**"), 4),
        Size("check yourself", text.count("**Check yourself.**"), least=max(1, sections)),
        Size("your turn", text.count("**Your turn.**"), 4, 2 if sections else 1),
    ]


def costs(kind: str, report: Report, size: int) -> list[Size]:
    """What the run took. Other programs make a run longer, not its work: the lesser of both times counts."""
    seconds = min(report.seconds, report.processor)
    slowest = report.slowest_cell * min(1.0, report.processor / max(report.seconds, 1e-9))
    found = (seconds, slowest, report.memory / 1e6, size / 1e3)
    # Rounded, so that what is compared is what is shown.
    return [
        Size(name, round(value, 1), most)
        for (name, most), value in zip(MOST[kind].items(), found, strict=True)
    ]


def line(name: str, sizes: list[Size]) -> str:
    """Everything that was counted beside its limits, as the build prints it."""
    return f"{name}: " + "; ".join(map(str, sizes))


def too_large(sizes: list[Size]) -> list[str]:
    """What does not fit."""
    return [str(size) for size in sizes if not size.fits]
