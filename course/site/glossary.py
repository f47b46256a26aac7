"""English and Chinese: the terms that the lessons introduce, each with the place where it is first met.

Prose gives a term's Chinese in brackets at its first use: "self-attention (自注意力)". What stands before
the bracket may be one word or five, so docs/site/terms.yaml says what the English term is.
"""

from __future__ import annotations

import functools
import html
import re
from dataclasses import dataclass

import yaml
from nbformat import NotebookNode

from ..errors import ROOT, CourseError
from ..files import read_notebook
from .places import CODE, Page, notebooks
from .words import SAY

TERMS = ROOT / "docs" / "site" / "terms.yaml"
CHINESE = r"\u3400-\u9fff\uf900-\ufaff"
BRACKET = re.compile(rf"[(（]([^()（）\n]*[{CHINESE}][^()（）\n]*)[)）]")


@dataclass(frozen=True)
class Term:
    """A term, and the page that introduces it."""

    english: str
    chinese: str
    page: Page

    @property
    def id(self) -> str:
        return "term-" + re.sub(r"[^a-z0-9]+", "-", self.english.lower()).strip("-")


def chinese_in(bracket: str) -> str:
    """The Chinese in a bracket that may say more: "字节对编码, BPE" -> "字节对编码"."""
    parts = re.split(r"[,;，；]", bracket)
    return next(part for part in parts if re.search(f"[{CHINESE}]", part)).strip(" *")


def brackets(text: str) -> list[re.Match]:
    """All brackets with Chinese in Markdown, those in code left out."""
    code = [match.span() for match in CODE.finditer(text)]
    return [
        match
        for match in BRACKET.finditer(text)
        if not any(start <= match.start() < end for start, end in code)
    ]


@functools.cache
def known() -> dict[str, str | None]:
    """The English of each Chinese term; None for what is no term (an amount, a name)."""
    try:
        table = yaml.safe_load(TERMS.read_text(encoding="utf-8"))
        return {str(chinese): english for chinese, english in table.items()}
    except (OSError, yaml.YAMLError, AttributeError) as error:
        raise CourseError(TERMS, f"not a table of CHINESE: english: {error}") from error


@functools.cache
def terms() -> tuple[Term, ...]:
    """Every term once, where it is first met: in a lesson, else in a lab, else in an assignment."""
    found: dict[str, Term] = {}
    for page in notebooks():
        for chinese in _met(page):
            english = known().get(chinese)
            if english and chinese not in found:
                found[chinese] = Term(english, chinese, page)
    return tuple(found.values())


def unknown() -> dict[str, str]:
    """Chinese terms in brackets that docs/site/terms.yaml does not have, and where they stand."""
    return {chinese: page.source for page in notebooks() for chinese in _met(page) if chinese not in known()}


def _met(page: Page) -> list[str]:
    cells = [cell for cell in read_notebook(page.path).cells if cell.cell_type == "markdown"]
    return [chinese_in(match[1]) for cell in cells for match in brackets(cell.source)]


def with_places(notebook: NotebookNode, page: Page) -> None:
    """Mark the places where the page introduces terms, so that the glossary can link to them."""
    wanted = {term.chinese: term for term in terms() if term.page == page}
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            continue
        for match in reversed(brackets(cell.source)):  # from the end: earlier places stay where they are
            chinese = chinese_in(match[1])
            before = [chinese_in(other[1]) for other in brackets(cell.source[: match.start()])]
            if chinese in wanted and chinese not in before:
                cell.source = _marked(cell.source, match.start(), wanted[chinese])
        for match in brackets(cell.source):
            wanted.pop(chinese_in(match[1]), None)


def _marked(text: str, position: int, term: Term) -> str:
    line = text.rfind("\n", 0, position) + 1
    if not text[line:].startswith("#"):
        before = text[:position].rstrip(" ")
        return f'{before}<span id="{term.id}"></span> {text[position:]}'
    # A heading is repeated in lists of contents, and an id must not be.
    return (
        text if text[line:].startswith("# ") else f'{text[:line]}<div id="{term.id}"></div>\n\n{text[line:]}'
    )


def _target(term: Term) -> str:
    first = read_notebook(term.page.path).cells[0].source
    heading = first.partition("\n")[0]
    in_title = term.chinese in [chinese_in(match[1]) for match in brackets(heading)]
    return f"{term.page.doc}.html" + ("" if in_title else f"#{term.id}")


def glossary_page() -> str:
    rows = "".join(_row(term) for term in sorted(terms(), key=lambda term: term.english.lower()))
    head = "".join(f'<th scope="col">{name}</th>' for name in ("English", "Chinese", "First met in"))
    return (
        f"# {SAY['en']['glossary']}\n\n"
        f"{len(terms())} terms that the lessons, labs and assignments introduce. "
        "Each leads to the place where it is explained.\n\n"
        f'<table class="glossary"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>\n'
    )


def _row(term: Term) -> str:
    kinds = {"lesson": "Lesson", "lab": "Lab", "assignment": "Assignment"}
    place = f"{kinds[term.page.kind]} {term.page.number}"
    return (
        f'<tr><th scope="row">{html.escape(term.english)}</th><td>{html.escape(term.chinese)}</td>'
        f'<td><a href="{_target(term)}">{place}</a></td></tr>'
    )
