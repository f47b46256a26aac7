"""What students write in Markdown, as HTML that runs nothing and loads nothing.

Feedback pages and Formgrader show it: the one to the student, the other to the instructor, in whose
session a script could change marks. nbgrader_config.py hands this filter to Formgrader.
"""

from __future__ import annotations

import functools
import html
from typing import Any

import bleach
from jinja2 import pass_context
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

TAGS = {
    *bleach.ALLOWED_TAGS,
    *("h1", "h2", "h3", "h4", "h5", "h6", "p", "br", "hr", "img", "pre", "div", "span", "del", "sub", "sup"),
    *("table", "thead", "tbody", "tr", "th", "td", "dl", "dt", "dd", "details", "summary"),
}


@pass_context
def markdown2html(context: Any, source: str) -> str:
    """nbconvert's filter of that name, with plain tags only."""
    attachments = context.get("cell", {}).get("attachments")
    return _render(source, attachments) if attachments else _rendered(source)


def _render(source: str, attachments: dict | None = None) -> str:
    renderer = IPythonRenderer(escape=False, attachments=attachments or {}, exclude_anchor_links=True)
    try:
        page = MarkdownWithMath(renderer=renderer).render(source)
    except Exception:  # a picture that is not attached, say: nbconvert would show nothing of the notebook
        page = f"<pre>{html.escape(source)}</pre>"
    return bleach.clean(page, TAGS, _allowed, protocols={*bleach.ALLOWED_PROTOCOLS, "data"})


@functools.lru_cache(maxsize=1000)
def _rendered(source: str) -> str:
    return _render(source)


def _allowed(tag: str, name: str, value: str) -> bool:
    """Which attributes stay; pictures only where the page holds them itself."""
    if (tag, name) == ("img", "src"):
        return value.startswith("data:image/")
    if (tag, name) == ("a", "href"):
        return not value.startswith("data:")
    return name in {"class", "title", "alt", "align", "colspan", "rowspan"}
