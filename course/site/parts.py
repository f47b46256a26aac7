"""What Sphinx needs to be told: folds, formulas without a script, labels of folded code."""

from __future__ import annotations

from html import escape
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from myst_nb.sphinx_ import HideCodeCellNode
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class Fold(nodes.General, nodes.Element):
    """Something to fold open."""


class FoldLabel(nodes.General, nodes.Element):
    """What one sees of it."""


class FoldDirective(SphinxDirective):
    """`:::{folded} A label`, and what is folded."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True

    def run(self) -> list[nodes.Node]:
        fold, label = Fold(), FoldLabel()
        inline, messages = self.state.inline_text(self.arguments[0], self.lineno)
        label.extend(inline)
        fold.append(label)
        self.state.nested_parse(self.content, self.content_offset, fold)
        return [fold, *messages]


def _open_fold(writer: Any, _node: nodes.Node) -> None:
    writer.body.append('<details class="folded">')


def _open_label(writer: Any, _node: nodes.Node) -> None:
    writer.body.append("<summary>")


def _close_label(writer: Any, _node: nodes.Node) -> None:
    writer.body.append("</summary>\n")


def _close_details(writer: Any, _node: nodes.Node) -> None:
    writer.body.append("</details>\n")


def _open_code(writer: Any, node: nodes.Element) -> None:
    """MyST-NB's own puts paragraphs into the label, which HTML does not allow, and hides it from readers."""
    writer.body.append(f'<details class="code"><summary>{escape(node["prompt_show"])}</summary>\n')


def _formula(writer: Any, node: nodes.Element) -> None:
    writer.body.append(convert(node.astext()))
    raise nodes.SkipNode


def _formula_block(writer: Any, node: nodes.Element) -> None:
    formula = convert(node.astext(), display="block")
    writer.body.append(
        f'<div class="formula" tabindex="0" role="group" aria-label="Formula">{formula}</div>\n'
    )
    raise nodes.SkipNode


def jupyter_slug(title: str) -> str:
    """The anchor that Jupyter gives a heading: what links in the notebooks say."""
    return title.replace(" ", "-")


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("folded", FoldDirective)
    app.add_node(Fold, html=(_open_fold, _close_details))
    app.add_node(FoldLabel, html=(_open_label, _close_label))
    app.add_node(HideCodeCellNode, override=True, html=(_open_code, _close_details))
    app.add_html_math_renderer("mathml", (_formula, None), (_formula_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
