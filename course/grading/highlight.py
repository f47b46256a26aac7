"""Students' code on a page, coloured; as plain text where that would take too long.

Pygments' rules for Python take quadratic time on long lines and long runs of blanks, and Formgrader colours
code inside the instructor's JupyterLab, where everything else waits meanwhile.
"""

from __future__ import annotations

import functools
import html
import re
from typing import Any

from jinja2 import pass_context
from nbconvert.filters import Highlight2HTML

MOST_CELL = 20_000  # characters; the longest cell of an assignment has 16,000
MOST_PAGE = 300_000
MOST_LINE = 1_000
BLANKS = re.compile(r"\s{200}")
LONE = re.compile("[\ud800-\udfff]")  # half a character: it cannot be written as UTF-8


@pass_context
def highlight_code(context: Any, source: str, language: object = None, metadata: object = None) -> str:
    """nbconvert's filter of that name, for Python only: a student's metadata chooses no other rules."""
    if len(source) <= MOST_CELL and take(context, "code", len(source), MOST_PAGE):
        return _highlighted(source)
    return f'<div class="highlight">{preformatted(source)}</div>'


@functools.lru_cache(maxsize=300)
def _highlighted(source: str) -> str:
    if BLANKS.search(source) or max(map(len, source.split("\n"))) > MOST_LINE:
        return f'<div class="highlight">{preformatted(source)}</div>'
    return LONE.sub("\ufffd", Highlight2HTML(pygments_lexer="python3")(source))


def preformatted(text: str) -> str:
    """The text as it is, as HTML."""
    return f"<pre>{html.escape(LONE.sub(chr(0xFFFD), text))}</pre>"


def take(context: Any, kind: str, size: int, most: int) -> bool:
    """Whether the page has room for `size` more characters of this kind; if so, they count as used.

    Args:
        context: what a template's filter gets; its `resources` are those of one page.
        most: characters of this kind that a page may have.
    """
    resources = context.get("resources")
    used = {} if resources is None else resources.setdefault("used", {})
    fits = used.get(kind, 0) + size <= most
    if fits:
        used[kind] = used.get(kind, 0) + size
    return fits
