"""`python -m course site`: a folder of sources for Sphinx, then the site."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from copy import deepcopy
from importlib.util import find_spec
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from ..errors import ROOT, CourseError, relative
from ..files import read_notebook, write_whole
from ..sources import expand, read_source
from . import glossary, home, links
from .pages import as_page, stub
from .places import TEXTS, Page, below, lessons, notebooks, texts, with_site_links
from .words import SAY

SETTINGS = ROOT / "docs" / "site"
BUILD = ROOT / "build" / "site"


def main(build: Path = BUILD) -> int:
    """Build the site in every language that something is rendered in.

    Raises:
        CourseError: Sphinx is missing or warns, a notebook cannot be a page, or a link leads nowhere.
    """
    if find_spec("myst_nb") is None:
        raise CourseError(
            ROOT / "requirements-site.txt", "not installed; `make site` does it (Python 3.11 or newer)"
        )
    site = build / "html"
    shutil.rmtree(build, ignore_errors=True)
    spoken = ["en", *languages()]
    for language in spoken:
        make(language, spoken, build, site)
    if broken := links.broken(site):
        raise CourseError(site, "links that lead nowhere:\n" + "\n".join(broken))
    size = sum(path.stat().st_size for path in site.rglob("*") if path.is_file())
    pages = len(list(site.rglob("*.html")))
    print(f"{relative(site)}/index.html: {pages} pages, {size / 1e6:.1f} MB. Open it in a browser.")
    return 0


def make(language: str, spoken: Sequence[str], build: Path, site: Path) -> None:
    """The site in one of its languages: English in `site`, another in a folder of it."""
    source = build / f"source-{language}"
    place = site if language == "en" else site / language
    write_source(source, language, spoken)
    sphinx(source, place, language)
    for page in place.rglob("*.html"):
        text = name_toggles(one_title(page.read_text(encoding="utf-8")), language)
        page.write_text(text if language == "zh" else mark_chinese(text), encoding="utf-8")


# --- Languages --------------------------------------------------------------------------------


def languages() -> list[str]:
    """The languages besides English in which at least one notebook has prose.

    Raises:
        CourseError: a language in which the site itself has no words.
    """
    found = {language for page in notebooks() for language in rendered_in(page)}
    for language in found - set(SAY):
        raise CourseError(ROOT / "course" / "site" / "words.py", f"it has no words in {language!r}")
    return sorted(found)


def source_of(page: Page) -> Path:
    """The text from which a notebook was built."""
    folder = {"lesson": "lessons", "lab": "labs", "assignment": "exercises"}[page.kind]
    name = page.path.parent.name if page.kind == "assignment" else page.path.stem
    return ROOT / "course" / folder / f"{name}.py"


def rendered_in(page: Page) -> set[str]:
    source = source_of(page)
    if "lang=" not in source.read_text(encoding="utf-8"):
        return set()  # most have none, and reading them all takes seconds
    return {cell.metadata["lang"] for cell in read_source(source).cells if "lang" in cell.metadata}


def rendering(page: Page, language: str) -> NotebookNode | None:
    """A built notebook in a language, or None. Code is the same in all, so its outputs are, too."""
    built = read_notebook(page.path)
    if language == "en":
        return built
    if language not in rendered_in(page):
        return None
    other = expand(source_of(page), language)
    ran = {cell.id: cell for cell in built.cells if cell.cell_type == "code"}
    for cell in other.cells:
        if cell.cell_type == "code" and cell.id in ran:
            cell.outputs, cell.source = ran[cell.id].outputs, ran[cell.id].source
    return other


# --- Sources for Sphinx -----------------------------------------------------------------------


def write_source(folder: Path, language: str, spoken: Sequence[str]) -> None:
    """All that Sphinx reads, from the committed notebooks and texts."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for page in notebooks():
        notebook = rendering(page, language)
        if notebook is None:
            text = stub(page, home.label_of(page), language) + _list_below(page)
            write_whole(folder / f"{page.doc}.md", text)
            continue
        _write(notebook, folder / "_extra" / "notebooks" / f"{page.doc}.ipynb")
        here = {"en", *rendered_in(page)}
        others = [other for other in spoken if other != language and other in here]
        made = deepcopy(notebook)
        if language == "en":
            glossary.with_places(made, page)
        made = as_page(made, page, language, others)
        if listed := _list_below(page):
            made.cells.append(nbformat.v4.new_markdown_cell(listed))
        _write(made, folder / f"{page.doc}.ipynb")
    _write_texts(folder, language)


def _write(notebook: NotebookNode, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)


def _write_texts(folder: Path, language: str) -> None:
    say = SAY[language]
    if language == "en":
        opening = home.picture(folder / "_extra" / "pictures")
        written = {
            "index": home.home(opening),
            "claims": home.claims_page(),
            "glossary": glossary.glossary_page(),
        }
        for page in texts():
            written[page.doc] = with_site_links(page.path.read_text(encoding="utf-8"), page)
        for picture in (ROOT / "docs").glob("*.png"):
            shutil.copy(picture, folder / picture.name)
    else:
        home_page = f'# {say["title"]}\n\n<p class="lead">{say["lead"]}</p>\n\n## {say["way"]}\n\n'
        lines = [f"1. [](/{lesson.doc})" for lesson in lessons()]
        written = {"index": home_page + "\n".join(lines)}
        for doc, title in [
            ("claims", SAY["en"]["claims"]),
            ("glossary", SAY["en"]["glossary"]),
            *TEXTS.items(),
        ]:
            written[doc] = stub(Page("", doc, "text"), title, language)
    written["index"] += "\n\n" + contents(language)
    for doc, text in written.items():
        write_whole(folder / f"{doc}.md", text)


def contents(language: str) -> str:
    """The list at the left: what it holds, in order."""
    say = SAY[language]
    parts = [
        _toctree(say["lessons"], [(home.label_of(page), page.doc) for page in lessons()]),
        _toctree(say["look up"], [("Claims", "claims"), ("Glossary", "glossary")]),
        _toctree(say["more"], [(title, doc) for doc, title in TEXTS.items()]),
    ]
    return "\n".join(parts)


def _toctree(caption: str, entries: Iterable[tuple[str, str]]) -> str:
    lines = "\n".join(f"{title} </{doc}>" for title, doc in entries)
    named = f":caption: {caption}\n" if caption else ""
    return f"```{{toctree}}\n:hidden:\n{named}\n{lines}\n```\n"


def _list_below(page: Page) -> str:
    """A lesson's labs and its assignment, which follow it in the list and when one reads on."""
    if page.kind != "lesson" or not below(page):
        return ""
    return "\n\n" + _toctree("", [(home.label_of(other), other.doc) for other in below(page)])


# --- Sphinx, and what comes after it ----------------------------------------------------------


def sphinx(source: Path, site: Path, language: str) -> None:
    """Build; a warning is an error."""
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-b",
        "html",
        "-c",
        str(SETTINGS),
        "-q",
        "-E",
        "-W",
        "--keep-going",
    ]
    command += ["-j", str(os.cpu_count() or 1), "-d", str(source.with_name(f"{source.name}-read"))]
    command += ["-D", f"language={SAY[language]['sphinx']}", str(source), str(site)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise CourseError(
            SETTINGS / "conf.py", f"Sphinx does not build the site:\n{done.stdout}{done.stderr}"
        )
    # What no reader opens: lists for other sites, and the theme's templates.
    for spare in (site / "objects.inv", site / ".buildinfo", *(site / "_static").glob("*macros.html")):
        spare.unlink()


def one_title(page: str) -> str:
    """Without headings in what the theme puts above each page for paper: the page has its own title."""
    start = page.find('<div id="jb-print-docs-body"')
    end = page.find("<article", start)
    return (
        page[:start] + re.sub(r"<(/?)h[12]>", r"<\1p>", page[start:end]) + page[end:] if start >= 0 else page
    )


def name_toggles(page: str, language: str) -> str:
    """A name for the arrows in the list at the left, which the theme gives none."""
    arrow = '<summary><span class="toctree-toggle"'
    return page.replace(
        arrow, f'<summary aria-label="{SAY[language]["below"]}"{arrow.removeprefix("<summary")}'
    )


TAG = re.compile(
    r"(<!--.*?-->|<(script|style|title|textarea|option)\b.*?</\2>|<(?:\"[^\"]*\"|'[^']*'|[^'\">])*>)",
    re.DOTALL | re.IGNORECASE,
)
CHINESE_TEXT = re.compile(
    rf"[{glossary.CHINESE}](?:[{glossary.CHINESE}\u3000-\u303f\uff00-\uffef“”\s]*[{glossary.CHINESE}])?"
)


def mark_chinese(page: str) -> str:
    """Say of all Chinese in an English page that it is Chinese: screen readers then read it as such."""
    pieces = TAG.split(page)
    for index in range(0, len(pieces), 3):  # text, tag, name of a tag whose text is left alone
        pieces[index] = CHINESE_TEXT.sub(r'<span lang="zh">\g<0></span>', pieces[index])
        if index + 2 < len(pieces):
            pieces[index + 2] = ""  # it stands in the tag already
    return "".join(pieces)
