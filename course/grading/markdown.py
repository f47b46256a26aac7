"""What students write in Markdown, as HTML of a few plain tags that runs, loads, hides and covers nothing.

Feedback pages and Formgrader show it: the one to the student, the other to the instructor, in whose
session a script could change marks. nbgrader_config.py hands this filter to Formgrader.

Nothing is filtered out of HTML: the page is made from Markdown's own tokens, of which those in TAGS
and ATTRIBUTES are kept. HTML that a student types is shown as text. The time grows in step with the text;
beyond MOST characters a page shows it as it was typed.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from jinja2 import pass_context
from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, table
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from .highlight import LONE, preformatted, take

MOST = 100_000  # characters of Markdown on a page, pictures not counted; an assignment has 15,000
MOST_CACHED = 10_000
MOST_NESTING = 20  # quotes in each other; a list counts as two
MOST_COLUMNS = 20
MOST_LINES = 60  # of a formula, which has 2,000 characters at most
MOST_TITLE = 300

TAGS = {
    *("h1", "h2", "h3", "h4", "h5", "h6", "p", "br", "hr", "em", "strong", "s", "sub", "sup", "a", "img"),
    *("ul", "ol", "li", "blockquote", "pre", "code", "table", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES = {
    "a": ("href", "title", "target", "rel"),
    "img": ("src", "alt", "title"),
    "ol": ("start",),
    "th": ("align",),
    "td": ("align",),
}

ADDRESS = re.compile(r"(https?://[^/\\\s]|mailto:|#)\S*", re.IGNORECASE)
PICTURE = re.compile(r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+={0,2}", re.IGNORECASE)
PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")  # an SVG can hold scripts
PASTED = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/]{1000,}={0,2}")
ATTACHED = "attachment:"

# As in Jupyter: what stands in a formula is no Markdown. Lengths are bounded, so that a page of openings
# without an end takes no quadratic time.
FORMULA = re.compile(
    r"\$\$(?:[^$\\]|\\.|\$(?!\$)){0,2000}?\$\$"
    r"|\$(?:[^$\\]|\\.){1,2000}?\$"
    r"|\\\\\[(?P<brackets>.{0,2000}?)\\\\\]"
    r"|\\\\\((?P<parentheses>.{0,2000}?)\\\\\)"
    r"|\\begin\{(?P<name>[a-z]{1,20}\*?)\}.{0,2000}?\\end\{(?P=name)\}",
    re.DOTALL,
)
FORMULA_BEGINS = re.compile(r"\$\$|\\\\\[|\\begin\{([a-z]{1,20}\*?)\}")
BARE_TAG = re.compile(r"<br ?/?>|<(?P<tag>su[bp])>(?P<text>[^<>\n]{1,200})</(?P=tag)>")


@pass_context
def markdown2html(context: Any, source: str) -> str:
    """nbconvert's filter of that name, with plain tags only."""
    attachments = context.get("cell", {}).get("attachments") or {}
    text, pictures = _apart(LONE.sub("\ufffd", source), attachments)
    if not take(context, "markdown", _cost(text), MOST):
        page = preformatted(source)
    elif pictures or len(text) > MOST_CACHED:
        page = _render(text, pictures)
    else:
        page = _rendered(text)
    # The templates send this through nbconvert's strip_files_prefix, which takes quadratic time on brackets.
    return page.replace("[", "&#91;")


def _apart(source: str, attachments: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """The text without the pictures that Colab pastes into it, and {attachment's name: data URI}."""
    pictures = {}
    for name, kinds in attachments.items():
        kind = next((kind for kind in PICTURES if isinstance(kinds, Mapping) and kind in kinds), None)
        if kind:
            pictures[name] = f"data:{kind};base64,{''.join(str(kinds[kind]).split())}"

    def attach(found: re.Match[str]) -> str:
        name = f"pasted-{len(pictures)}"
        pictures[name] = found[0]
        return ATTACHED + name

    return PASTED.sub(attach, source), pictures


def _cost(text: str) -> int:
    """Its characters, and the cells of a table: a row of one character is filled up to the head's cells."""
    lines = text.splitlines() or [""]
    return len(text) + len(lines) * min(max(line.count("|") for line in lines), MOST_COLUMNS)


@functools.lru_cache(maxsize=1000)
def _rendered(source: str) -> str:
    return _render(source, {})


def _render(source: str, pictures: Mapping[str, str]) -> str:
    """pictures: {attachment's name: data URI}."""
    try:
        tokens = MARKDOWN.parse(source)
        if any(token.level >= MOST_NESTING - 1 for token in tokens):
            raise ValueError("the parser leaves out what is nested deeper than that")
        # A link by reference repeats its address at every use. What one writes out fits in here.
        shown = _Shown(pictures, 2 * len(source) + 10_000 + sum(map(len, pictures.values())))
        for token in tokens:
            _keep_plain(token, shown)
        return MARKDOWN.renderer.render(tokens, MARKDOWN.options, {})
    except Exception:  # whatever the parser cannot take: nbconvert would show nothing of the notebook
        return preformatted(source)


# --- what is kept of the tokens ---------------------------------------------------------------


class _Shown:
    """The pictures of a cell, and how many characters of addresses and pictures it may still show."""

    def __init__(self, pictures: Mapping[str, str], room: int) -> None:
        self.pictures, self.room = pictures, room

    def fits(self, text: str) -> bool:
        """Whether there is room for it; if so, it counts as shown."""
        if len(text) > self.room:
            return False
        self.room -= len(text)
        return True

    def picture(self, address: str) -> str | None:
        """Where a page finds it in itself; None if it does not."""
        if address.startswith(ATTACHED):
            name = address.removeprefix(ATTACHED)
            address = self.pictures.get(unquote(name), self.pictures.get(name, ""))
        return address if self.fits(address) and PICTURE.fullmatch(address) else None

    def link(self, address: str) -> bool:
        return self.fits(address) and ADDRESS.fullmatch(address) is not None


def _keep_plain(token: Token, shown: _Shown) -> None:
    """Take from the token all but plain tags with plain attributes."""
    if token.tag and token.tag not in TAGS:
        raise ValueError(f"no plain tag: {token.tag}")
    if token.type == "fence":
        token.info = ""  # else it becomes a class
    if style := re.fullmatch(r"text-align:(left|center|right)", str(token.attrs.get("style", ""))):
        token.attrs["align"] = style[1]
    allowed = ATTRIBUTES.get(token.tag, ())
    token.attrs = {name: value for name, value in token.attrs.items() if name in allowed}
    if len(str(token.attrs.get("title", ""))) > MOST_TITLE:
        del token.attrs["title"]
    if token.type == "inline":
        token.children = _plain_children(token.children or [], shown)


def _plain_children(tokens: Sequence[Token], shown: _Shown) -> list[Token]:
    """Of a paragraph: pictures and links that may not be shown become text."""
    kept: list[Token] = []
    refused: list[bool] = []  # of the links that are open
    for token in tokens:
        if token.type == "image":
            source = shown.picture(str(token.attrs["src"]))
            if source is None:
                token = _text(f"![{token.content}]({_short(str(token.attrs['src']))})")
            else:
                token.attrs["src"] = source
        elif token.type == "link_open":
            address = str(token.attrs["href"])
            refused.append(not shown.link(address))
            if refused[-1]:
                token = _text("[")
            elif not address.startswith("#"):  # in Formgrader a page in the same frame could play Formgrader
                token.attrs.update(target="_blank", rel="noopener noreferrer")
        elif token.type == "link_close" and refused.pop():
            token = _text("]")
        _keep_plain(token, shown)
        kept.append(token)
    return kept


def _text(text: str) -> Token:
    return Token("text", "", 0, content=text)


def _short(address: str) -> str:
    return address if len(address) <= 100 else f"{address[:100]}…"


# --- rules of our own -------------------------------------------------------------------------


class _Markdown(MarkdownIt):
    def validateLink(self, url: str) -> bool:
        """Whether it can be a link or a picture; anything else stays as it was typed."""
        return any(pattern.fullmatch(url) for pattern in (ADDRESS, PICTURE)) or url.startswith(ATTACHED)


def _formula(state: StateInline, silent: bool) -> bool:
    """A formula is text, whatever stands in it."""
    found = state.src[state.pos] in "$\\" and FORMULA.match(state.src, state.pos, state.posMax)
    if not found:
        return False
    if not silent:
        text = found[0]
        if found["brackets"] is not None:
            text = f"$${found['brackets']}$$"
        elif found["parentheses"] is not None:
            text = f"${found['parentheses']}$"
        state.push("text", "", 0).content = text
    state.pos = found.end()
    return True


def _formula_of_lines(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A formula over several lines is one paragraph, though a line of it begins with + or =, or is empty."""
    first = state.src[state.bMarks[start] + state.tShift[start] : state.eMarks[start]]
    begins = FORMULA_BEGINS.match(first)
    if begins is None or state.is_code_block(start):
        return False
    closing = {"$$": "$$", "\\\\[": "\\\\]"}.get(begins[0], f"\\end{{{begins[1]}}}")
    if closing in first[begins.end() :]:
        return False  # on one line nothing can break it
    for line in range(start + 1, min(end, start + MOST_LINES)):
        if state.sCount[line] < state.blkIndent and not state.isEmpty(line):
            return False  # the list ends before the formula
        if closing in state.src[state.bMarks[line] : state.eMarks[line]]:
            break
    else:
        return False
    if not silent:
        state.line = line + 1
        state.push("paragraph_open", "p", 1).map = [start, state.line]
        inline = state.push("inline", "", 0)
        inline.content = state.getLines(start, state.line, state.blkIndent, False).strip()
        inline.map, inline.children = [start, state.line], []
        state.push("paragraph_close", "p", -1)
    return True


def _narrow_table(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    head = state.src[state.bMarks[start] : state.eMarks[start]]
    return head.count("|") <= MOST_COLUMNS + 1 and table(state, start, end, silent)


def _bare_tag(state: StateInline, silent: bool) -> bool:
    """The tags that people write for want of Markdown, without attributes and closed: br, sub, sup."""
    found = state.src[state.pos] == "<" and BARE_TAG.match(state.src, state.pos, state.posMax)
    if not found:
        return False
    if not silent and found["tag"]:
        state.push(f"{found['tag']}_open", found["tag"], 1)
        state.push("text", "", 0).content = found["text"]
        state.push(f"{found['tag']}_close", found["tag"], -1)
    elif not silent:
        state.push("hardbreak", "br", 0)
    state.pos = found.end()
    return True


def _markdown() -> MarkdownIt:
    markdown = _Markdown("commonmark", {"html": False, "xhtmlOut": False, "maxNesting": MOST_NESTING})
    markdown.enable(["table", "strikethrough"])
    markdown.inline.ruler.before("escape", "formula", _formula)
    markdown.inline.ruler.before("autolink", "bare_tag", _bare_tag)
    markdown.block.ruler.before(
        "table", "formula", _formula_of_lines, {"alt": ["paragraph", "reference", "blockquote", "list"]}
    )
    markdown.block.ruler.at("table", _narrow_table, {"alt": ["paragraph", "reference"]})
    return markdown


MARKDOWN = _markdown()
