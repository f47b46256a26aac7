"""A built notebook, made into the page that Sphinx reads: nothing is run, nothing is lost."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from copy import deepcopy

import nbformat
from nbformat import NotebookNode
from packaging.requirements import Requirement

from ..errors import CourseError
from ..run import ANSWER_MIME
from ..sizes import MOST
from .places import Page, launch_links, with_site_links
from .words import SAY

TITLE = re.compile(r"\A# @title (.*)\n?")
HEADING = re.compile(r"\A\s*# (.+)\n?")
DETAILS = re.compile(
    r"^(?P<indent> *)(?P<bullet>- )?<details><summary>(?P<summary>.*?)</summary>(?P<body>.*?)</details>[ ]*$",
    re.DOTALL | re.MULTILINE,
)


def as_page(
    notebook: NotebookNode, page: Page, language: str = "en", others: Sequence[str] = ()
) -> NotebookNode:
    """The notebook as MyST-NB should read it.

    others: the languages in which the same page exists, besides its own.

    Raises:
        CourseError: it has no title, or a link that leads nowhere.
    """
    cells = [part for cell in notebook.cells for part in _parts(cell)]
    for cell in cells:
        if cell.cell_type == "markdown":
            cell.source = with_folds(with_site_links(cell.source, page))
        else:
            _fold(cell)
            _describe(cell)
    first = cells[0]
    title = HEADING.match(first.source)
    if first.cell_type != "markdown" or title is None:
        raise CourseError(page.path, "a page begins with its title: '# ...' in the first cell")
    facts = facts_of(notebook, page, language, others)
    first.source = f"# {title[1]}\n\n{facts}\n\n{first.source[title.end() :]}"
    metadata = {
        key: notebook.metadata[key] for key in ("kernelspec", "language_info") if key in notebook.metadata
    }
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata)


def _parts(cell: NotebookNode) -> list[NotebookNode]:
    """The cell; one with several pictures as several, for MyST-NB gives all pictures of a cell one text."""
    cell = deepcopy(cell)
    if cell.cell_type != "code":
        return [cell]
    parts, outputs = [cell], cell.outputs
    cell.outputs = []
    for output in outputs:
        output.get("data", {}).pop(ANSWER_MIME, None)  # for the build alone; a reader sees the text beside it
        if _alt(output) and any(_alt(before) for before in parts[-1].outputs):
            parts.append(nbformat.v4.new_code_cell("", metadata={"tags": ["remove-input"]}))
        parts[-1].outputs.append(output)
    return parts


def _alt(output: NotebookNode) -> str:
    """What a picture says to those who do not see it."""
    for kind, facts in output.get("metadata", {}).items():
        if kind.startswith("image/") and "alt" in facts:
            return " ".join(facts["alt"].split())
    return ""


def _describe(cell: NotebookNode) -> None:
    if alt := next(filter(None, map(_alt, cell.outputs)), ""):
        cell.metadata.setdefault("mystnb", {})["image"] = {"alt": alt}


def _fold(cell: NotebookNode) -> None:
    """Setup and plumbing: folded, under their own titles."""
    if not cell.metadata.get("jupyter", {}).get("source_hidden"):
        return
    title = TITLE.match(cell.source)
    label = title[1].strip() if title else "Code"
    cell.source = cell.source[title.end() :] if title else cell.source
    cell.metadata["tags"] = [*cell.metadata.get("tags", []), "hide-input"]
    cell.metadata["mystnb"] = {"code_prompt_show": label, "code_prompt_hide": label}


def with_folds(text: str) -> str:
    """`<details>` as a directive: what is in it stays Markdown, and the page's HTML is valid."""
    return DETAILS.sub(_folded, text)


def _folded(details: re.Match) -> str:
    summary = " ".join(details["summary"].split())
    width = len(details["indent"]) + (2 if details["bullet"] else 0)
    lines = [re.sub(rf"\A {{0,{width}}}", "", line) for line in details["body"].strip().split("\n")]
    colons = ":" * 5
    return "\n".join([f"\n{colons}{{folded}} {summary}", "", *lines, colons, ""])


# --- What stands below a title ----------------------------------------------------------------


def facts_of(notebook: NotebookNode, page: Page, language: str, others: Sequence[str]) -> str:
    """Minutes, needs, the notebook itself and where to open it, in other languages; in HTML."""
    course, say = notebook.metadata.get("course", {}), SAY[language]
    items = []
    if minutes := course.get("minutes"):
        items.append(say["minutes"].format(minutes=minutes))
    elif page.kind == "assignment":
        items.append(say["assignment minutes"])
    if page.kind in MOST:
        items.append(say["runs"].format(seconds=MOST[page.kind]["seconds"]))
    items.append(needs_of(course, language))
    up = "../" * page.doc.count("/")
    items.append(_link(f"{up}notebooks/{page.doc}.ipynb", say["download"], " download"))
    items += [_link(address, text, ' class="launch"') for text, address in launch_links(page).items()]
    for other in others:
        there = f"{up}../" if language != "en" else up
        target = there + (f"{other}/" if other != "en" else "") + page.doc + ".html"
        items.append(_link(target, SAY[other]["name"], f' lang="{other}" hreflang="{other}"'))
    return f'<ul class="facts">\n{"".join(f"<li>{item}</li>" + chr(10) for item in items)}</ul>'


def _link(target: str, text: str, more: str = "") -> str:
    return f'<a href="{html.escape(target)}"{more}>{html.escape(text)}</a>'


def needs_of(course: dict, language: str = "en") -> str:
    """What a notebook needs besides PyTorch, in a few words."""
    packages = [Requirement(need).name for need in course.get("needs", [])]
    if not packages:
        return SAY[language]["needs nothing"]
    return SAY[language]["needs"].format(packages=html.escape(", ".join(packages)))


def stub(page: Page, title: str, language: str) -> str:
    """A page that is not rendered in a language: it says so, and leads to the English one."""
    up = "../" * (page.doc.count("/") + 1)
    link = f'<a href="{up}{page.doc}.html" lang="en" hreflang="en">{html.escape(title)}</a>'
    heading = f'<span lang="en">{html.escape(title)}</span>'
    return f'# {heading}\n\n<p class="stub">{SAY[language]["stub"]} {link}</p>\n'
