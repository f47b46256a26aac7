"""The page that a student gets back: the graded notebook as one file, without a line of a hidden test.

It needs no network, and it runs nothing. What goes into it was written by a student, so making it may fail
or take long: desk.py does it, and `plain` gives a page of marks and comments only.
"""

from __future__ import annotations

import copy
import functools
import html
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import HTMLExporter, TemplateExporter
from nbconvert.filters import ansi2html, strip_ansi
from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
from nbformat import NotebookNode
from traitlets.config import Config

from ..sources import HIDDEN_MARKS
from .highlight import highlight_code
from .markdown import markdown2html
from .marks import grade_id

SHORTEST_HIDDEN = 10  # characters
MOST_PAGE = 20_000_000  # characters

# nbgrader's feedback page loads MathJax from the network, and Bootstrap's and Jupyter's styles make each
# page 400 kB larger. Formulas stay as TeX: no package that is installed brings MathJax as a file of its
# own, and the student's notebook shows them typeset. The policy makes the browser load nothing at all.
PAGE = """\
{%- extends 'index.html.j2' -%}
{%- macro points(number) -%}{{ "%g" | format(number | float | round(2)) }}{%- endmacro -%}
{%- block header -%}
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>{{ resources.nbgrader.assignment | e }}: {{ resources.nbgrader.student | e }}</title>
<style>
{% for css in resources.inlining.css %}{{ css }}{% endfor %}
body { max-width: 60rem; margin: 0 auto; padding: 1rem; font: 16px/1.5 system-ui, sans-serif; color: #222 }
pre, code { font: 14px/1.4 ui-monospace, Consolas, Menlo, monospace }
pre { margin: 0; padding: .5rem .8rem; overflow-x: auto }
table { border-collapse: collapse; margin: .5rem 0 }
td, th { padding: .2rem .8rem; border: 1px solid #ccc; text-align: left }
img { max-width: 100% }
.prompt { display: none }
.input_area { background: #f7f7f7 }
.output_wrapper { margin: 0 0 1rem; border-left: 4px solid #9bb8d3 }
.output_stderr, .output_error { background: #fdeeee }
.output_area pre { white-space: pre-wrap; overflow-wrap: anywhere }
.panel-primary { margin: 1rem 0 .3rem; border: 1px solid #bbb; border-radius: 4px; overflow: hidden }
.panel-primary > .panel-heading { padding: .3rem .8rem; background: #e4ecf5 }
.panel-primary > .panel-footer { padding: .3rem .8rem; background: #fff6da }
.panel-primary > .panel-body > .rendered_html { padding: 0 .8rem }
.pull-right { float: right }
.late-penalty { color: #a02020 }
.ansi-red-fg, .ansi-red-intense-fg { color: #b22b31 }
.ansi-green-fg, .ansi-green-intense-fg { color: #00713a }
.ansi-blue-fg, .ansi-blue-intense-fg { color: #1f5fa8 }
.ansi-bold { font-weight: bold }
</style>
</head>
{%- endblock header -%}
{%- block body -%}
<body>
<main>
<a name="top"></a>
<h1>{{ resources.nbgrader.assignment | e }}: {{ points(resources.nbgrader.score) }} of \
{{ points(resources.nbgrader.max_score) }} points{% if resources.nbgrader.waiting %} so far{% endif %}</h1>
<p>Student: {{ resources.nbgrader.student | e }}</p>
<table>
<tr><th>Cell</th><th>Points</th></tr>
{%- for cell in nb.cells %}
{%- set marks = cell.metadata.nbgrader or {} %}
{%- if marks.grade or marks.task %}
<tr><td><a href="#{{ marks.grade_id }}">{{ marks.grade_id }}</a></td>
<td>{{ points(marks.score) }} of {{ points(marks.points) }}
{%- if marks.grade_id in resources.nbgrader.waiting %} (not final: a person still looks at it){% endif %}</td>
</tr>
{%- endif %}
{%- endfor %}
</table>
{%- if resources.nbgrader.late_penalty > 0 %}
<p class="late-penalty">Handed in late: {{ points(resources.nbgrader.late_penalty) }} points less.</p>
{%- endif %}
{{ super.super() }}
</main>
</body>
{%- endblock body -%}
{%- block body_header -%}{%- endblock body_header -%}
{%- block body_footer -%}{%- endblock body_footer -%}
"""


@dataclass(frozen=True)
class Page:
    """What a page shows.

    path: where it goes. notebook: the graded one, each cell with its score and comment. names: what the
    template calls resources.nbgrader. release, hidden: what a student may see, and lines that nobody may.
    """

    path: Path
    notebook: NotebookNode
    names: dict[str, Any]
    release: NotebookNode
    hidden: frozenset[str]


def render(page: Page) -> str:
    """The page as HTML.

    Raises:
        Exception: of many kinds; nbconvert and what it uses cannot show everything.
    """
    text = _html(without_hidden(page.notebook, page.release, page.hidden), page.names)
    if len(text) > MOST_PAGE:
        raise ValueError(f"it would have more than {MOST_PAGE // 1_000_000} million characters")
    return text


def plain(page: Page, why: str) -> str:
    """The same page with points and comments, and without what the student wrote or printed."""
    told = nbformat.v4.new_markdown_cell(f"**{why}** The points and comments are complete.", id="plain")
    cells = [copy.deepcopy(cell) for cell in page.notebook.cells if grade_id(cell)]
    for cell in cells:
        cell.source = ""
        cell.pop("attachments", None)
        if cell.cell_type == "code":
            cell.outputs = []
    notebook = nbformat.v4.new_notebook(cells=[told, *cells])
    return _html(notebook, page.names)


def refused(assignment: str, student: str, why: str) -> str:
    """The page of a student of whom nothing was graded."""
    head = f"{html.escape(assignment)}: not graded"
    return (
        f"<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'><title>{head}</title></head><body>"
        f"<h1>{head}</h1><p>Student: {html.escape(student)}</p><p>{html.escape(why)}</p></body></html>"
    )


def prepare() -> None:
    """Load what pages need; the copies of this process then have it."""
    names = {"student": "", "assignment": "", "score": 0, "max_score": 0, "late_penalty": 0}
    _html(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")]), names)


def _html(notebook: NotebookNode, names: dict[str, Any]) -> str:
    return _exporter().from_notebook_node(notebook, {"nbgrader": names})[0]


def hidden_lines(source: NotebookNode) -> frozenset[str]:
    """The lines of code between the marks of hidden tests; not those too short to give anything away."""
    found = set()
    for cell in source.cells:
        hidden = False
        for line in cell.source.splitlines():
            if HIDDEN_MARKS[0] in line or HIDDEN_MARKS[1] in line:
                hidden = HIDDEN_MARKS[0] in line
            elif hidden and len(line.strip()) >= SHORTEST_HIDDEN:
                found.add(line.strip())
    return frozenset(found)


def without_hidden(notebook: NotebookNode, release: NotebookNode, hidden: frozenset[str]) -> NotebookNode:
    """A graded notebook as its student may see it: tests as released, no line of the hidden ones."""
    notebook = copy.deepcopy(notebook)
    released = {grade_id(cell): cell for cell in release.cells if _marks(cell).get("locked")}
    for cell in notebook.cells:
        if grade_id(cell) in released:
            cell.source = released[grade_id(cell)].source
            if not _marks(cell).get("grade") and cell.metadata.get("jupyter", {}).get("source_hidden"):
                cell.metadata["transient"] = {"remove_source": True}  # folded in the notebook as well
        for output in cell.get("outputs", []):
            _clear_output(output, hidden)
    return notebook


def _clear_output(output: NotebookNode, hidden: frozenset[str]) -> None:
    if output.output_type == "stream":
        output.text = _without_lines(output.text, hidden)
    elif output.output_type == "error":
        kept = [_without_lines(text, hidden) for text in output.traceback]
        # A page shows the traceback only: what is wrong has to stand there.
        message = f"{output.ename}: {output.evalue}"
        output.traceback = kept if any(text.strip() for text in kept) else [_without_lines(message, hidden)]
    else:
        for kind, text in output.data.items():
            if kind.startswith("text/"):
                output.data[kind] = _without_lines(text, hidden)


def _without_lines(text: str, hidden: frozenset[str]) -> str:
    """The text without the lines that hold a line of hidden code."""

    def shows(line: str) -> bool:
        plain = strip_ansi(line)
        return any(code in plain for code in hidden)

    if not shows(text):  # nearly always, and much faster than line by line
        return text
    return "".join(line for line in text.splitlines(keepends=True) if not shows(line))


class _PageExporter(HTMLExporter):
    """nbconvert's exporter, four times as fast: the page is not parsed again, equal cells are made once.

    What students write in Markdown is reduced to plain tags; of outputs only text and pictures are shown.
    """

    def from_notebook_node(  # type: ignore[override]
        self, nb: NotebookNode, resources: dict | None = None, **kw: Any
    ) -> tuple[str, dict[str, Any]]:
        self.register_filter("highlight_code", highlight_code)
        self.register_filter("ansi2html", _ansi)
        return TemplateExporter.from_notebook_node(self, nb, self._init_resources(resources), **kw)

    markdown2html = staticmethod(markdown2html)


def _ansi(text: str) -> str:
    """Colours of a terminal; some codes that a student can print are too much for nbconvert."""
    try:
        return ansi2html(text)
    except Exception:
        return html.escape(strip_ansi(text))


@functools.cache
def _exporter() -> HTMLExporter:
    """nbgrader's template of feedback, with a head of our own: small, and nothing from the network."""
    package = importlib.util.find_spec("nbgrader")
    assert package is not None and package.submodule_search_locations
    [folder] = package.submodule_search_locations
    config = Config()
    config.HTMLExporter.template_name = "feedback"
    config.HTMLExporter.extra_template_basedirs = [f"{folder}/server_extensions/formgrader/templates"]
    config.CSSHTMLHeaderPreprocessor.style = "default"
    config.NbConvertBase.display_data_priority = ["image/png", "image/jpeg", "text/plain"]
    exporter = _PageExporter(config=config)
    exporter.raw_template = PAGE
    exporter.register_preprocessor(CSSHTMLHeaderPreprocessor, enabled=True)
    return exporter


def _marks(cell: NotebookNode) -> dict[str, Any]:
    return cell.metadata.get("nbgrader") or {}
