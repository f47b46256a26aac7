"""Which pages the site has, where they lie, and where a link in the sources leads on the site."""

from __future__ import annotations

import functools
import os
import re
from dataclasses import dataclass
from pathlib import Path

from ..claims import lab_notebooks, lesson_notebooks
from ..errors import ROOT, CourseError

# Texts that people read and that are pages, too. docs/claims.md is not here: the site has a table to filter.
NAMES = {
    "instructors": "Teach with it",
    "grading": "Grading in detail",
    "classroom": "A server or a hub",
    "lms": "Moodle, Canvas, Blackboard",
    "install": "Install it",
    "benchmark": "Beside nanoGPT",
}
TEXTS = {name: title for name, title in NAMES.items() if (ROOT / "docs" / f"{name}.md").is_file()}
OWN = {"docs/claims.md": "claims"}  # what stands on a page that the site makes itself
BRANCH = "main"
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
CODE = re.compile(r"(^ *```.*?^ *```|`[^`\n]*`)", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Page:
    """A notebook or a text of the course, and its place on the site."""

    source: str  # in the repository: lessons/01_attention.ipynb
    doc: str  # on the site, without a suffix: lessons/01_attention
    kind: str  # lesson, lab, assignment, text
    number: str = ""  # 1, 1.2, or none

    @property
    def path(self) -> Path:
        return ROOT / self.source

    @property
    def lesson(self) -> str:
        return self.number.partition(".")[0]


def _page(path: Path, kind: str, number: str) -> Page:
    source = path.relative_to(ROOT).as_posix()
    return Page(source, source.removesuffix(".ipynb"), kind, number)


@functools.cache
def lessons() -> tuple[Page, ...]:
    return tuple(_page(path, "lesson", str(int(path.name[:2]))) for path in lesson_notebooks())


@functools.cache
def labs() -> tuple[Page, ...]:
    """In the order of their numbers, 3.10 after 3.9."""
    found = [_page(path, "lab", ".".join(path.stem.split("_")[:2])) for path in lab_notebooks()]
    return tuple(sorted(found, key=lambda page: _natural(page.number)))


@functools.cache
def assignments() -> tuple[Page, ...]:
    """As released: exercises/, never solutions/."""
    paths = sorted((ROOT / "exercises").glob("[0-9][0-9]_*/*.ipynb"))
    return tuple(_page(path, "assignment", str(int(path.parent.name[:2]))) for path in paths)


@functools.cache
def texts() -> tuple[Page, ...]:
    return tuple(Page(f"docs/{name}.md", name, "text") for name in TEXTS)


def notebooks() -> tuple[Page, ...]:
    """In the order in which they introduce terms: lessons, then labs, then assignments."""
    return lessons() + labs() + assignments()


def _natural(number: str) -> list[tuple[int, str]]:
    found = re.findall(r"(\d+)([a-z]?)", number)
    return [(int(digits), letter) for digits, letter in found]


def below(lesson: Page) -> list[Page]:
    """A lesson's labs and its assignment, in the order in which one reads on."""
    return [page for page in labs() + assignments() if page.lesson == lesson.number]


def repository() -> str:
    """The address of the course's repository, from pyproject.toml; empty while it has none."""
    import tomllib  # Python 3.10, for which Sphinx's newest is not there, has none

    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    address = settings.get("tool", {}).get("course", {}).get("repository", "")
    if address and not re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+", address):
        raise CourseError(
            ROOT / "pyproject.toml",
            f"[tool.course] repository = {address!r}: write https://github.com/OWNER/NAME",
        )
    return address


def launch_links(page: Page) -> dict[str, str]:
    """Where a notebook can be run without installing anything; nothing while the course has no address."""
    address = repository()
    if not address or page.kind == "text":
        return {}
    name = address.removeprefix("https://github.com/")
    return {
        "Open in Colab": f"https://colab.research.google.com/github/{name}/blob/{BRANCH}/{page.source}",
        "Open in Binder": f"https://mybinder.org/v2/gh/{name}/{BRANCH}?urlpath=lab/tree/{page.source}",
    }


@functools.cache
def _docs() -> dict[str, str]:
    """The page of every file that has one."""
    return {page.source: page.doc for page in notebooks() + texts()} | OWN


def with_site_links(text: str, page: Page) -> str:
    """Markdown in which links between the course's files lead to pages.

    A file that is no page is linked in the repository; without one, its name stands there without a link.

    Raises:
        CourseError: a link leads to no file.
    """
    pieces = CODE.split(text)  # every second one is code
    pieces[::2] = [LINK.sub(lambda link: _moved(link, page), piece) for piece in pieces[::2]]
    return "".join(pieces)


def _moved(link: re.Match, page: Page) -> str:
    image, text, target = link.groups()
    if "://" in target or target.startswith(("#", "mailto:")):
        return link[0]
    file, mark, anchor = target.partition("#")
    path = Path(os.path.normpath(page.path.parent / file))
    if not path.exists() or not path.is_relative_to(ROOT):
        raise CourseError(page.path, f"a link leads to {target!r}: there is no such file")
    source = path.relative_to(ROOT).as_posix()
    if image:
        return link[0]  # it is copied along
    if source in _docs():
        doc = _docs()[source] + (".md" if source.endswith(".md") else ".ipynb")
        return f"[{text}]({os.path.relpath(doc, Path(page.doc).parent)}{mark}{anchor})"
    if address := repository():
        return f"[{text}]({address}/blob/{BRANCH}/{source}{mark}{anchor})"
    return text
