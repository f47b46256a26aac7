"""JupyterLab in a browser, as a learner meets it: a lesson is run, an assignment is validated."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator

import checkout
import nbformat
import pytest
from lab import SECOND, Lab, serving
from lab import browser as browser
from lab import page as page
from nbformat import NotebookNode
from playwright.sync_api import Page

from course.build import assignment_path
from course.run import faults

WIDGET = "application/vnd.jupyter.widget-view+json"
LESSON = "00_start_here"  # the shortest; tests/test_lessons.py runs them all
ASSIGNMENT = "01_attention"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """`make lab`'s own script, in a copy of the course, for someone who has never used Jupyter."""
    folder = checkout.copy(tmp_path_factory.mktemp("lab") / "course")
    with serving(folder, tmp_path_factory.mktemp("home"), f"lessons/{LESSON}.ipynb") as lab:
        yield lab


def open_notebook(page: Page, lab: Lab, path: str) -> None:
    """Open it, and wait for its kernel: what is run before is not queued, but loses its outputs."""
    page.goto(lab.url(path))
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    kernel_is_idle(page)


def kernel_is_idle(page: Page) -> None:
    """The status bar says so only when the kernel has answered."""
    page.get_by_text("Python 3 (ipykernel) | Idle", exact=True).wait_for()


def visible(page: Page) -> dict[str, list]:
    """What the notebook shows: prompts of its cells, its images, and its outputs that are complaints."""
    script = """panel => ({
        prompts: [...panel.querySelectorAll(".jp-CodeCell .jp-InputPrompt")].map(e => e.textContent),
        images: [...panel.querySelectorAll(".jp-OutputArea-output img")].map(e => e.naturalWidth),
        complaints: [...panel.querySelectorAll("[data-mime-type*=error], [data-mime-type*=stderr]")]
            .map(e => e.textContent),
        dialogs: [...document.querySelectorAll(".jp-Dialog")].map(e => e.textContent),
    })"""
    return page.locator(".jp-NotebookPanel").evaluate(script)


def wait_until(page: Page, holds: Callable[[dict[str, list]], bool], what: str, seconds: float) -> None:
    """Look twice a second; in the end, say what was there instead."""
    until = time.monotonic() + seconds
    while not holds(shown := visible(page)):
        if time.monotonic() > until or shown["complaints"] or shown["dialogs"]:
            pytest.fail(f"{what}: not in {seconds:.0f} s, or not without complaints: {shown}", pytrace=False)
        page.wait_for_timeout(SECOND / 2)


def figures(notebook: NotebookNode) -> int:
    """Pictures, and sliders with theirs: what `play` shows where somebody can move them."""
    outputs = [output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", [])]
    return sum("image/png" in data or WIDGET in data for data in outputs)


def test_the_server_starts_with_nbgrader(lab: Lab) -> None:
    log = lab.log.read_text(encoding="utf-8")
    assert "server_extensions.validate_assignment | extension was successfully loaded" in log
    assert re.findall(r"^\[E .*|^Traceback.*", log, re.MULTILINE) == []


@pytest.mark.parametrize("path", [f"lessons/{LESSON}.ipynb", f"exercises/{ASSIGNMENT}/attention.ipynb"])
def test_opened_and_closed_it_is_not_unsaved(lab: Lab, page: Page, path: str) -> None:
    """JupyterLab writes the Python version into a notebook; course/lab.sh serves it with that filled in."""
    before = (lab.folder / path).read_bytes()
    open_notebook(page, lab, path)
    page.wait_for_timeout(3 * SECOND)  # for JupyterLab to find something to change
    tab = page.locator(".lm-TabBar-tab", has_text=path.rpartition("/")[2])
    assert "jp-mod-dirty" not in (tab.get_attribute("class") or "")
    tab.locator(".lm-TabBar-tabCloseIcon").click()
    tab.wait_for(state="detached")  # and nobody asks whether to save
    assert page.locator(".jp-Dialog").count() == 0
    assert (lab.folder / path).read_bytes() == before


def test_a_lesson_runs_and_shows_its_figures(lab: Lab, page: Page) -> None:
    path = lab.folder / "lessons" / f"{LESSON}.ipynb"
    committed = nbformat.read(path, as_version=4)
    open_notebook(page, lab, f"lessons/{LESSON}.ipynb")
    wait_until(page, lambda shown: shows(shown, committed), "the committed figures", 120)

    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    wait_until(page, lambda shown: "[*]:" in shown["prompts"], "a cell that runs", 120)
    wait_until(page, lambda shown: "[*]:" not in shown["prompts"], "the last cell", 600)
    wait_until(page, lambda shown: shows(shown, committed), "as many figures as before", 120)
    kernel_is_idle(page)

    page.keyboard.press("Control+s")
    page.wait_for_function("() => !document.querySelector('.lm-TabBar-tab.jp-mod-dirty')")
    executed = nbformat.read(path, as_version=4)
    ran = [cell.execution_count for cell in executed.cells if cell.cell_type == "code" and cell.source]
    assert ran == list(range(1, len(ran) + 1))
    assert faults(executed) == []
    assert figures(executed) == figures(committed)
    assert any(
        WIDGET in output.get("data", {}) for cell in executed.cells for output in cell.get("outputs", [])
    )


def shows(shown: dict[str, list], notebook: NotebookNode) -> bool:
    """All figures of the notebook are there, and each is a picture, not a sign that it failed to load."""
    return len(shown["images"]) == figures(notebook) and all(width > 100 for width in shown["images"])


# --- The assignment ---------------------------------------------------------------------------


def answered(lab: Lab, wrong: str = "") -> NotebookNode:
    """The released assignment with the instructor's answers in it; one of them wrong, if named."""
    solution, release = (
        nbformat.read(assignment_path(folder, ASSIGNMENT, lab.folder), as_version=4)
        for folder in ("solutions", "exercises")
    )
    answers = {cell.id: cell.source for cell in solution.cells if _marks(cell).get("solution")}
    for cell in release.cells:
        if _marks(cell).get("solution"):
            cell.source = answers[cell.id]
        if cell.id == wrong:
            cell.source += f"\n\nright = {wrong}\n\n\ndef {wrong}(*given):\n    return right(*given) + 1\n"
    return release


def _marks(cell: NotebookNode) -> dict:
    return cell.metadata.get("nbgrader", {})


def validate(page: Page, lab: Lab, notebook: NotebookNode) -> str:
    """Open the notebook, press Validate, and read what the dialog says."""
    path = assignment_path("exercises", ASSIGNMENT, lab.folder)
    nbformat.write(notebook, path)
    open_notebook(page, lab, str(path.relative_to(lab.folder)))
    page.get_by_role("button", name="Validate", exact=True).click()
    dialog = page.locator(".jp-Dialog", has_text="Validation Results")
    dialog.wait_for(timeout=600 * SECOND)
    return dialog.inner_text()


def test_validate_praises_right_answers(lab: Lab, page: Page) -> None:
    said = validate(page, lab, answered(lab))
    assert "Success! Your notebook passes all the tests." in said


def test_validate_names_the_test_that_a_wrong_answer_fails(lab: Lab, page: Page) -> None:
    notebook = answered(lab, wrong="attention")
    [test] = [cell for cell in notebook.cells if cell.id == "attention_by_hand"]
    said = validate(page, lab, notebook)
    assert "The following cell failed" in said
    assert test.source.splitlines()[0] in said
    assert re.search(r"Not right yet: \S", said), "what the check says is not in the dialog"
