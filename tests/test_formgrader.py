"""Formgrader after `python -m course grade`: people mark what is written; nothing in it runs as a script.

With COURSE_PICTURES=1 the pictures of docs/instructors.md are made on the way.
"""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from classroom import FILE, NAME, as_bytes, exchange, honest
from lab import Lab, serving
from lab import browser as browser
from lab import page as page
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from playwright.sync_api import Locator, Page

from course.errors import ROOT
from course.grading.table import FAILED, GRADED, PERSON

PICTURES = ROOT / "docs"
NOTEBOOK = Path(FILE).stem
WRITTEN = "in_your_words"
ANSWER = (
    "The prompt takes a hundred times the work: ten times the queries, each with ten times the keys. "
    "One more token takes ten times the work, since it looks at ten times the keys. "
    "The cache takes ten times the memory."
)
COMMENT = "Three times right. And where is your colleague wrong?"
MARK = 1.5
MARGIN = 8  # pixels around a picture
HALF = """def attention_cost(B, T, D, H, number_bytes):
    return {
        "full": 2 * B * T * T * D,
        "step": 4 * B * T * D,
        "scores": B * H * T * T * number_bytes,
        "cache": 2 * B * T * D * number_bytes,
    }"""
MESSAGE = "0 of 0.5 points for full: "

# Each says in the page's own window that it ran, as NAME. Where /none is no picture, onerror runs.
RAN = "top.attacks.push('NAME')"
ATTACKS = {
    "script": f"<script>{RAN}</script>",
    "image": f'<img src="/none" onerror="{RAN}">',
    "drawing": f'<svg onload="{RAN}"><circle r="9"/></svg>',
    "frame": f'<iframe srcdoc="<script>{RAN}</script>"></iframe>',
    "details": f'<details open ontoggle="{RAN}"><summary>more</summary></details>',
    "title": f'<noscript><p title="</noscript><img src=/none onerror={RAN}>"></noscript>',
    "comment": f"<!-- --!><script>{RAN}</script> -->",
    "link": f'<a href="javascript:{RAN}">more</a>',
    "markdown link": f"[more](<javascript:{RAN}>)",
    "diagram": f"```mermaid\n<script>{RAN}</script>\n```",
    "block of code": f"```html\n<script>{RAN}</script>\n```",
    "language": f"```<script>{RAN}</script>\n1\n```",
    "formula": f"$<script>{RAN}</script>$",
    "environment": f"\\begin{{x}}<script>{RAN}</script>\\end{{x}}",
    "heading": f"# <script>{RAN}</script>",
    "table": f"|a|b|\n|-|-|\n|<script>{RAN}</script>|2|",
}


def attacks(place: str) -> str:
    """All of them, one below the other, as what a student writes in some place."""
    return "\n\n".join(text.replace("NAME", f"{name}, {place}") for name, text in ATTACKS.items())


def attacker() -> NotebookNode:
    """An honest notebook with scripts wherever a student can write."""
    text = attacks("output")
    show = (
        f"from IPython.display import HTML, Javascript, Markdown, display\ntext = {text!r}\nprint(text)\n"
        f"display(HTML(text), Markdown(text), Javascript({RAN!r}))\n"
        "class Own:\n    def _repr_html_(self):\n        return text\nOwn()"
    )
    script = f'"><script>{RAN}</script>'
    marks = {"grade_id": script, "grade": True, "solution": True, "locked": False, "task": False}
    made = nbformat.v4
    notebook = honest(**{WRITTEN: attacks("written answer")})
    notebook.cells[3:3] = [
        made.new_markdown_cell(attacks("text")),
        made.new_markdown_cell("![x](attachment:x)", attachments={"x": {f"image/png{script}": ""}}),
        made.new_raw_cell(attacks("raw cell")),
        made.new_raw_cell(attacks("raw HTML"), metadata={"raw_mimetype": "text/html"}),
        made.new_code_cell(show, metadata={"tags": [script]}),
        made.new_code_cell(f"raise ValueError({text!r})"),
        made.new_code_cell("1", metadata={"nbgrader": {**marks, "points": 1, "schema_version": 3}}),
    ]
    notebook.metadata["title"] = f"</title><script>{RAN}</script>"
    return notebook


# --- An instructor's desk ---------------------------------------------------------------------


@dataclass(frozen=True)
class Desk:
    """A course, what was handed in, and a JupyterLab that serves it."""

    root: Path
    lab: Lab
    rows: dict[str, dict[str, str]]  # the table after grading, by student

    def open(self, page: Page, path: str) -> None:
        """Open one of the server's pages. Nothing comes from the network: formulas stay as typed."""
        host = re.sub(r"(://[^/]+/).*", r"\1", self.lab.address)
        page.route(lambda url: not url.startswith((host, "file:")), lambda route: route.abort())
        page.request.get(self.lab.address)  # its token signs the browser in
        page.goto(f"{host}{path}")

    def open_submission(self, page: Page, student: str) -> None:
        """From the list of submissions; the boxes are filled in when it is there."""
        self.open(page, f"formgrader/gradebook/{NAME}/{NOTEBOOK}")
        page.wait_for_function("window.models?.loaded")
        page.get_by_role("button", name="Show All Names").click()
        page.get_by_role("link", name=student, exact=True).click()
        page.wait_for_url("**/formgrader/submissions/*/")
        page.wait_for_function("window.formgrader?.grades?.loaded && formgrader.comments?.loaded")

    def gradebook(self, student: str) -> tuple[float | None, bool, str | None]:
        """Of the written answer: the mark given by hand, whether it waits for one, the comment."""
        with Gradebook(f"sqlite:///{self.root / 'gradebook.db'}") as gradebook:
            where = (WRITTEN, NOTEBOOK, NAME, student)
            grade, comment = gradebook.find_grade(*where), gradebook.find_comment(*where)
            return grade.manual_score, bool(grade.needs_manual_grade), comment.manual_comment

    def feedback(self, page: Page, student: str) -> None:
        page.goto((self.root / "feedback" / student / NAME / f"{NOTEBOOK}.html").as_uri())


def grade(root: Path) -> dict[str, dict[str, str]]:
    """Run the command; its table, by student."""
    command = [sys.executable, "-m", "course", "grade", NAME, str(root / "submitted"), "--course", str(root)]
    done = subprocess.run([*command, "--jobs", "2"], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    text = (root / "marks" / f"{NAME}.csv").read_text(encoding="utf-8-sig")
    return {row["student"]: row for row in csv.DictReader(text.splitlines())}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    root = tmp_path_factory.mktemp("course")
    shutil.copytree(ROOT / "solutions", root / "solutions")
    shutil.copy(ROOT / "nbgrader_config.py", root)
    (root / "course").symlink_to(ROOT / "course")  # from which the configuration takes what it shows
    files = {
        **exchange("amina", honest(attention_cost=HALF, **{WRITTEN: ANSWER})),
        **exchange("bo", honest()),
        **exchange("carla", as_bytes(honest())[:5000]),
        **exchange("mallory", attacker()),
    }
    for path, data in files.items():
        target = root / "submitted" / path
        target.parent.mkdir(parents=True)
        target.write_bytes(data)
    with ThreadPoolExecutor(1) as meanwhile:
        rows = meanwhile.submit(grade, root)
        with serving(root, tmp_path_factory.mktemp("home"), f"solutions/{NAME}/{FILE}") as lab:
            yield Desk(root, lab, rows.result())


def picture(page: Page, name: str, first: Locator, last: Locator) -> None:
    """docs/NAME.png, from the top of one element to the bottom of another; only where it is asked for."""
    if not os.environ.get("COURSE_PICTURES"):
        return
    top, bottom = first.bounding_box(), last.bounding_box()
    assert top and bottom
    left = min(top["x"], bottom["x"])
    right = max(top["x"] + top["width"], bottom["x"] + bottom["width"])
    page.screenshot(
        path=PICTURES / f"{name}.png",
        clip={
            "x": left - MARGIN,
            "y": page.evaluate("scrollY") + top["y"] - MARGIN,
            "width": right - left + 2 * MARGIN,
            "height": bottom["y"] - top["y"] + bottom["height"] + 2 * MARGIN,
        },
        full_page=True,
    )


def test_the_table_says_who_waits(desk: Desk) -> None:
    statuses = {name: row["status"] for name, row in desk.rows.items()}
    assert statuses == {"amina": PERSON, "bo": GRADED, "carla": FAILED, "mallory": PERSON}


def test_the_menu_opens_formgrader(desk: Desk, page: Page) -> None:
    page.goto(re.sub(r"/lab/tree/[^?]*", "/lab", desk.lab.address))
    page.locator(".jp-Launcher").wait_for()
    page.get_by_role("menuitem", name="Nbgrader", exact=True).click()
    page.get_by_role("menuitem", name="Formgrader", exact=True).click()
    row = page.frame_locator("iframe").get_by_role("row").filter(has_text=NAME)
    assert row.get_by_role("link", name="4", exact=True).inner_text() == "4"  # submissions

    page.set_viewport_size({"width": 1000, "height": 800})
    desk.open(page, "formgrader/manage_assignments")
    page.get_by_role("link", name=NAME, exact=True).wait_for()
    assert str(desk.root) not in page.locator("body").inner_text()
    page.evaluate("document.body.style.zoom = 0.8")  # as wide as its table
    picture(page, "formgrader-assignments", page.locator("h1").first, page.locator("tfoot"))


def test_a_written_answer_is_marked(desk: Desk, page: Page) -> None:
    page.set_viewport_size({"width": 1200, "height": 800})
    desk.open_submission(page, "amina")
    answer = page.locator(".nbgrader_cell", has_text=ANSWER)
    score, comment = answer.locator(".score"), answer.locator(".comment")
    assert "needs_manual_grade" in (score.get_attribute("class") or "")
    message = page.locator(".output_area", has_text=MESSAGE)
    assert message.count() == 1
    for box, text, kind in ((score, str(MARK), "grade"), (comment, COMMENT, "comment")):
        with page.expect_response(re.compile(f"/api/{kind}/")) as saved:
            box.fill(text)
            box.blur()
        assert saved.value.ok
    picture(page, "formgrader-submission", message, answer)
    assert desk.gradebook("amina") == (MARK, False, COMMENT)

    before, row = desk.rows["amina"], grade(desk.root)["amina"]
    column = f"{WRITTEN} (2)"
    assert (before[column], row[column]) == ("0", str(MARK))
    assert row["status"] == GRADED
    assert float(row["total (20)"]) == float(before["total (20)"]) + MARK
    assert desk.gradebook("amina") == (MARK, False, COMMENT)

    desk.open_submission(page, "amina")  # the server has kept its connection to the gradebook
    assert score.input_value() == str(MARK)
    assert comment.input_value() == COMMENT
    assert "needs_manual_grade" not in (score.get_attribute("class") or "")

    desk.feedback(page, "amina")
    text = page.locator("body").inner_text()
    assert MESSAGE in text and COMMENT in text
    assert page.get_by_role("row").filter(has_text=WRITTEN).inner_text().endswith(f"{MARK} of 2")
    test = page.locator(".nbgrader_cell", has_text="attention_cost_hidden")
    picture(page, "feedback", test, page.locator(".nbgrader_cell", has_text=COMMENT))


def test_nothing_that_a_student_wrote_runs(desk: Desk, page: Page) -> None:
    page.add_init_script("window.attacks = []")
    for path in (f"manage_submissions/{NAME}", "manage_students", "manage_students/mallory"):
        desk.open(page, f"formgrader/{path}")
        page.get_by_text("mallory").first.wait_for()
        assert ran(page) == [], path
    for show in (desk.open_submission, desk.feedback):
        show(page, "mallory")
        assert ran(page) == []
        text = page.locator("body").inner_text()
        assert "attacks.push('script, written answer')" in text and "'script, output'" in text


def ran(page: Page) -> list[str]:
    """The attacks that ran in the page, after what waits has had its turn; links are pressed, too."""
    page.wait_for_load_state()
    turn = "new Promise(done => requestAnimationFrame(() => setTimeout(done)))"
    return page.evaluate(
        f"""async () => {{
            document.querySelectorAll('a[href^="javascript:" i]').forEach(link => link.click());
            await {turn};
            await {turn};
            return window.attacks;
        }}"""
    )
