"""The home page and the table of claims, as HTML that needs no script to be read."""

from __future__ import annotations

import base64
import html
from pathlib import Path

from ..claims import CONDITION, GRADES, Claim, all_claims
from ..errors import CourseError
from ..files import read_notebook
from ..pages import CLAIMS_HEAD
from .places import Page, below, labs, lessons
from .words import SAY

ONLY_IF = "supported only if"
KINDS = {  # a grade's kind, and the class that colours it
    "supported": "yes",
    ONLY_IF: "partly",
    "not supported here": "no",
    "true by definition": "definition",
    "not testable at this size": "open",
}
assert set(GRADES) < set(KINDS)


def kind_of(grade: str) -> str:
    return ONLY_IF if grade.startswith(CONDITION) else grade


def title_of(page: Page) -> str:
    """The title in a notebook's header, without the number that the site shows beside it."""
    title = read_notebook(page.path).metadata["course"]["title"]
    if page.kind != "lesson":
        title = title.partition(": ")[2] or title
    return title[0].upper() + title[1:]


def label_of(page: Page) -> str:
    """A page's name in the list of pages: number and title."""
    if page.kind == "assignment":
        return f"Assignment {page.number}"
    return f"{page.number} · {title_of(page)}"


def picture(folder: Path) -> str:
    """The first figure of lesson 1, written into a folder; the HTML that shows it."""
    [lesson] = [page for page in lessons() if page.number == "1"]
    for cell in read_notebook(lesson.path).cells:
        for output in cell.get("outputs", []):
            if alt := output.get("metadata", {}).get("image/png", {}).get("alt"):
                folder.mkdir(parents=True, exist_ok=True)
                (folder / "home.png").write_bytes(base64.b64decode(output["data"]["image/png"]))
                alt = html.escape(" ".join(alt.split()))
                return f'<p class="opening"><img src="{folder.name}/home.png" alt="{alt}"></p>'
    raise CourseError(lesson.path, "it has no figure with a text for the home page")


def home(opening: str) -> str:
    """One picture, one sentence, the way through the lessons, the claims; Markdown."""
    say = SAY["en"]
    start = '<a class="start" href="lessons/00_start_here.html">Start here</a>'
    return "\n\n".join(
        [
            f"# {say['title']}",
            f'<p class="lead">{say["lead"]}</p>',
            opening,
            '<p class="caption">Where three heads of a small language model look. '
            "Lesson 1 opens with this picture.</p>",
            f'<p class="actions">{start} <a href="install.html">Install it</a> '
            '<a href="instructors.html">Teach with it</a></p>',
            f"## {say['way']}",
            "A lesson teaches one mechanism in an evening. A lab tests one claim in half an hour. "
            "In an assignment you write the mechanism yourself.",
            way(),
            f"## {say['claims']}",
            claims_table(full=False),
        ]
    )


def way() -> str:
    """The map: an ordered list of lessons, each with its labs and its assignment. One line of HTML."""
    return '<ol class="way" start="0">' + "".join(_stop(lesson) for lesson in lessons()) + "</ol>"


def _stop(lesson: Page) -> str:
    course = read_notebook(lesson.path).metadata["course"]
    parts = [
        f'<p class="stop"><a href="{lesson.doc}.html"><span class="number">{lesson.number}</span> '
        f'{html.escape(course["title"])}</a> <span class="minutes">{course["minutes"]} min</span></p>',
        f"<p>{html.escape(course.get('summary', ''))}</p>",
    ]
    branches = below(lesson)
    mine = [page for page in branches if page.kind == "lab"]
    if mine:
        links = [f'<li><a href="{lab.doc}.html">{_short(lab)}</a></li>' for lab in mine]
        parts.append(f"<details><summary>{len(mine)} labs</summary><ul>{''.join(links)}</ul></details>")
    parts += [
        f'<p class="task"><a href="{page.doc}.html">Assignment {page.number}</a></p>'
        for page in branches
        if page.kind == "assignment"
    ]
    return f"<li>{''.join(parts)}</li>"


def _short(lab: Page) -> str:
    return f"{lab.number} {html.escape(title_of(lab))}"


def claims_page() -> str:
    """The whole table, with the answers, below what the grades mean."""
    head, _, rest = CLAIMS_HEAD.partition("\n")
    further = [lab for lab in labs() if read_notebook(lab.path).metadata["course"].get("further")]
    links = "\n".join(f"- [Lab {lab.number}: {title_of(lab)}]({lab.doc}.ipynb)" for lab in further)
    grades = rest.strip().replace("Built from the labs by `python -m course build`. ", "")
    return "\n\n".join([head, grades, claims_table(full=True), "## Labs without a claim", links, ""])


def claims_table(full: bool) -> str:
    """Every claim, a row each. site.js shows the choices above it; without it, all rows are there."""
    titles = {lesson.number: title_of(lesson) for lesson in lessons()}
    claims = all_claims()
    used = [number for number in titles if any(_lesson(claim) == number for claim in claims)]
    kinds = [kind for kind in KINDS if any(kind_of(claim.grade) == kind for claim in claims)]
    columns = ["Claim", "Article", "Grade", *(["Answer"] if full else []), "Lab"]
    head = "".join(f'<th scope="col">{column}</th>' for column in columns)
    rows = "".join(_row(claim, full) for claim in claims)
    return (
        '<div class="claims">'
        '<form class="choices" hidden>'
        + _choice("lesson", "Lesson", {number: f"{number} · {titles[number]}" for number in used})
        + _choice("grade", "Grade", {KINDS[kind]: kind for kind in kinds})
        + '<p role="status" class="count"></p></form>'
        + '<div class="claims-table" role="region" aria-label="Claims" tabindex="0">'
        + f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div></div>"
    )


def _choice(name: str, label: str, options: dict[str, str]) -> str:
    rows = "".join(
        f'<option value="{html.escape(value)}">{html.escape(text)}</option>'
        for value, text in options.items()
    )
    return f'<label>{label} <select name="{name}"><option value="">all</option>{rows}</select></label> '


def _lesson(claim: Claim) -> str:
    return claim.id.partition(".")[0]


def _row(claim: Claim, full: bool) -> str:
    kind = kind_of(claim.grade)
    color = KINDS.get(kind, "open")
    grade = html.escape(claim.grade if full else kind) or "no lab yet"
    if not full and kind == ONLY_IF:
        grade += " …"
    lab = next((page for page in labs() if page.path.stem == claim.lab), None)
    link = f'<a href="{lab.doc}.html">Lab {lab.number}</a>' if lab else ""
    cells = [
        f'<th scope="row"><span class="id">{claim.id}</span> {html.escape(claim.claim)}</th>',
        f"<td>{html.escape(claim.article)}</td>",
        f'<td><span class="grade {color}">{grade}</span></td>',
        *([f"<td>{html.escape(claim.sentence)}</td>"] if full else []),
        f"<td>{link}</td>",
    ]
    return f'<tr data-lesson="{_lesson(claim)}" data-grade="{color}">{"".join(cells)}</tr>'
