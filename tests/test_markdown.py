"""What students wrote, as pages show it: plain tags only, nothing lost, and no text that takes long."""

from __future__ import annotations

import base64
import gc
import html
import re
import time
from collections.abc import Callable
from functools import partial
from html.parser import HTMLParser

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbconvert.exporters import HTMLExporter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from traitlets.config import PyFileConfigLoader

from course.errors import ROOT
from course.grading import markdown
from course.grading.highlight import MOST_CELL, MOST_LINE, MOST_PAGE, highlight_code
from course.grading.markdown import MOST, MOST_COLUMNS, MOST_NESTING, markdown2html

# Written down once more: whoever adds to the lists of the program has to mean it.
ALLOWED: dict[str, dict[str, str]] = {  # {tag: {attribute: what its value looks like}}
    **dict.fromkeys(["h1", "h2", "h3", "h4", "h5", "h6", "p", "br", "hr", "em", "strong", "s", "sub"], {}),
    **dict.fromkeys(["sup", "ul", "li", "blockquote", "pre", "code", "table", "thead", "tbody", "tr"], {}),
    "a": {
        "href": r"(?i:https?://[^/\\\s]|mailto:|#)[!-~]*",
        "title": r"(?s).{0,300}",
        "target": "_blank",
        "rel": "noopener noreferrer",
    },
    "img": {
        "src": r"(?i:data:image/(png|jpeg|gif|webp);base64,)[A-Za-z0-9+/]+=*",
        "alt": r"(?s).*",
        "title": r"(?s).{0,300}",
    },
    "ol": {"start": r"\d{1,9}"},
    "th": {"align": "left|right|center"},
    "td": {"align": "left|right|center"},
}
EMPTY = ("br", "hr", "img")
RAN = "alert(1)"
PIXEL = base64.b64encode(b"a picture").decode()

PAYLOADS = [
    f"<script>{RAN}</script>",
    f"<SCRIPT SRC=//evil.example/x.js></SCRIPT>{RAN}",
    f"<scr<script>ipt>{RAN}</scr</script>ipt>",
    f"<img src=x onerror={RAN}>",
    f"<img src=x onerror={RAN}//",
    f'<img src="x:gif" onerror="{RAN}">',
    f"<svg onload={RAN}>",
    f"<svg><script>{RAN}</script></svg>",
    '<svg><a xlink:href="javascript:alert(1)"><text x="20" y="20">press</text></a></svg>',
    f"<math><mtext><table><mglyph><style><img src=x onerror={RAN}>",
    '<math href="javascript:alert(1)">press</math>',
    '<iframe src="https://evil.example"></iframe>',
    f"<iframe srcdoc='<script>{RAN}</script>'></iframe>",
    '<form action="https://evil.example"><input name=a><button>OK</button></form>',
    '<base href="https://evil.example/">',
    '<meta http-equiv="refresh" content="0;url=https://evil.example">',
    '<link rel="stylesheet" href="https://evil.example/x.css">',
    "<style>* { display: none }</style>",
    "<style>@import 'https://evil.example/x.css';</style>",
    '<object data="https://evil.example/x.swf"></object><embed src="x">',
    f"<video><source onerror={RAN}></video><audio src=x onerror={RAN}>",
    '<a class="modal-backdrop" href="https://evil.example">press</a>',
    '<div class="modal-backdrop in">covers the page</div>',
    '<div style="position:fixed;inset:0;z-index:9999">covers the page</div>',
    '<p id="statusmessage" style="display:none">hides</p>',
    '<span data-toggle="tooltip" data-html="true" title="<img src=x onerror=alert(1)>">x</span>',
    '<input class="score" id="in_your_words" value="2">',
    '<a id="top" name="cookie">clobbers</a>',
    f"<details open ontoggle={RAN}><summary>more</summary>text</details>",
    "<details><summary>never closed",
    "<details>\n\n<summary>\n\nnever closed\n\n- in a list",
    "</div></div></main></body></html> breaks out",
    "</td></tr></table> breaks out",
    "<!-- hides",
    f"<!-- --!><script>{RAN}</script> -->",
    f"<?php echo 1 ?><!DOCTYPE x><![CDATA[<script>{RAN}</script>]]>",
    "<plaintext>",
    "<textarea><noscript><xmp><title>",
    f"<x-y onclick={RAN}>own element</x-y>",
    f"<br onclick={RAN}>",
    f"<br/ onclick={RAN}><br\tclass=x>",
    f"<sub onclick={RAN}>2</sub>",
    "<sub>never closed",
    "<sup></sub></sup><sub><sup>2</sub></sup>",
    "</sub></sup></br>",
    f"<sub><script>{RAN}</script></sub>",
    "[a](javascript:alert(1))",
    "[a](JaVaScRiPt:alert(1))",
    "[a](<javascript:alert(1)>)",
    "[a](<java\tscript:alert(1)>)",
    "[a](java\nscript:alert(1))",
    "[a](&#106;avascript:alert(1))",
    "[a](javascript&colon;alert(1))",
    "[a](&#x6A;&#x61;vascript&#x3A;alert(1))",
    "[a](java&Tab;script:alert(1))",
    "[a](java&NewLine;script:alert(1))",
    "[a](\x01javascript:alert(1))",
    "[a](<\x00javascript:alert(1)>)",
    "[a](\u200bjavascript:alert(1))",
    "[a](vbscript:msgbox(1))",
    "[a](data:text/html,<script>alert(1)</script>)",
    "[a](DATA:text/html;base64,PHNjcmlwdD4=)",
    '[a](" data:text/html,x")',
    "[a](< data:text/html;base64,PHNjcmlwdD4=>)",
    "[a](data:image/svg+xml;base64,PHN2Zz4=)",
    f"[a](data:image/png;base64,{PIXEL})",
    "[a](file:///etc/passwd) [a](blob:x) [a](filesystem:x) [a](about:blank) [a](view-source:x)",
    "[a](//evil.example) [a](/lab/api) [a](../x) [a](?x) [a](\\\\evil.example)",
    "[a](https:evil) [a](https:/evil) [a](http:///evil) [a](https:\\evil)",
    "[a](attachment:x.png) <attachment:x.png>",
    '[a](https://e.example/"onclick=alert(1)//)',
    "[a](https://e.example 'x\"onmouseover=\"alert(1)')",
    '[a](https://e.example/%22%3E%3Cscript%3E "title")',
    "[a](#x\"><script>alert(1)</script>)",
    "[a](mailto:x@e.example?body=\"><script>alert(1)</script>)",
    "<javascript:alert(1)> <data:text/html,x> <vbscript:x>",
    "<https://e.example/\"onclick=alert(1)> <x@e.example>",
    "[a][b]\n\n[b]: javascript:alert(1) 'title'",
    "[a]\n\n[a]: <data:text/html,<script>alert(1)</script>>",
    "![a][b]\n\n[b]: https://evil.example/x.png",
    "[a]: https://e.example/x \"\n<script>alert(1)</script>\n\"\n\n[a]",
    "![a](https://evil.example/x.png)",
    "![a](javascript:alert(1)) ![a](/none) ![a](//evil.example/x)",
    "![a](data:image/svg+xml;base64,PHN2Zz4=) ![a](data:text/html;base64,PHN2Zz4=)",
    f"![\"onerror=alert(1) x=\"](data:image/png;base64,{PIXEL})",
    f"![<img src=x onerror=alert(1)>](data:image/png;base64,{PIXEL} '\"><script>')",
    f'![a](data:image/png;base64,{PIXEL}"onerror="alert(1))',
    "![a](attachment:none.png) ![a](attachment:../../gradebook.db)",
    f"[![a](data:image/png;base64,{PIXEL})](https://e.example) [[b](#c)](javascript:x)",
    "[a [b](https://e.example) c](https://evil.example)",
    "*a [b* c](https://e.example) **d",
    "~~a *b~~ c* [~~d](#e)~~",
    "```<script>alert(1)</script>\nx\n```",
    "```html onclick=alert(1) class=\"modal-backdrop\"\n<script>alert(1)</script>\n```",
    "```mermaid\n<script>alert(1)</script>\n```",
    "~~~\n</code></pre><script>alert(1)</script>",
    "`<script>alert(1)</script>` ``</code><br onclick=x>``",
    "    <script>alert(1)</script>\n",
    "# <script>alert(1)</script>\n\n> <iframe>\n\n- <form>\n\n1. <style>",
    "|<script>|b|\n|:-:|-:|\n|<img src=x onerror=alert(1)>|`</td>`|",
    "a|b\n:-|-:\" onclick=x\nc|d",
    "$<script>alert(1)</script>$ and $$\n<img src=x onerror=alert(1)>\n$$",
    "\\begin{x}<script>alert(1)</script>\\end{x} \\\\(<svg onload=alert(1)>\\\\)",
    "$\\href{javascript:alert(1)}{x}$",
    "a\x00<scr\x00ipt>alert(1)</scr\x00ipt>",
    "\u202e<script>alert(1)</script>\u2066 [\u202eb](https://e.example/\u202e)",
    "＜script＞alert(1)＜/script＞ \ufeff<script>",
    "&lt;script&gt;alert(1)&lt;/script&gt; &#60;script&#62;",
    "\ud800<script>alert(1)</script>\udfff",
    "<\n<<<a<b>>> <a\nhref=javascript:alert(1)>",
    "<p\n\nonclick=alert(1)>\n\n</p>",
    "\\<script>alert(1)\\</script> \\[a](javascript:alert(1))",
    "{{ 7 * 7 }} {% raw %} {{ config }} ${7*7}",
]  # fmt: skip


class Parser(HTMLParser):
    """Reads a page; what is wrong in it, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.text = ""
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self.open.append(tag)
        if tag not in ALLOWED:
            self.wrong.append(f"<{tag}>")
        for name, value in attrs:
            if not re.fullmatch(ALLOWED.get(tag, {}).get(name, "(?!)"), value or ""):
                self.wrong.append(f"<{tag} {name}={value!r}>")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> closes what is not open")

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.wrong.append(f"<!--{data}")

    def handle_decl(self, decl: str) -> None:
        self.wrong.append(f"<!{decl}")

    handle_pi = unknown_decl = handle_comment


def parsed(page: str) -> Parser:
    parser = Parser()
    parser.feed(page)
    parser.close()
    parser.wrong += [f"<{tag}> is not closed" for tag in parser.open]
    return parser


def shown(source: str, **attachments: dict[str, str]) -> str:
    return markdown2html({"cell": {"attachments": attachments}}, source)


@pytest.mark.parametrize("around", ["{}", "a {} *b*", "- a\n- {}\n\nc", "|a|\n|-|\n|{}|", "<sub>{}</sub>"])
def test_nothing_but_plain_tags(around: str) -> None:
    assert len(PAYLOADS) > 100
    for payload in PAYLOADS:
        page = shown(around.replace("{}", payload))
        assert parsed(page).wrong == [], payload
        again = str(BeautifulSoup(page, "html.parser"))  # as nbconvert does with Formgrader's pages
        assert parsed(again).wrong == [], payload
        page.encode("utf-8")


def test_typed_html_is_shown_as_text() -> None:
    for payload in PAYLOADS:
        if payload.startswith("<") and not re.search(r"[\s\x00$[]|//|<(br|su[bp]|http|x@)", payload):
            assert payload in parsed(shown(payload)).text
    text = parsed(shown('a <a class="modal-backdrop">b</a> `<i>`\n\n<details>\n\nc')).text
    assert '<a class="modal-backdrop">b</a> <i>' in text and "<details>" in text
    assert parsed(shown("[a](javascript:alert(1))")).text.strip() == "[a](javascript:alert(1))"


PLAIN = {
    "# A *b* **c** `d<e>`": "<h1>A <em>b</em> <strong>c</strong> <code>d&lt;e&gt;</code></h1>",
    "a  \nb\nc": "<p>a<br>\nb\nc</p>",
    "H<sub>2</sub>O, 2<sup>10</sup>, a<br>b<br/>c": (
        "<p>H<sub>2</sub>O, 2<sup>10</sup>, a<br>\nb<br>\nc</p>"
    ),
    "> a\n\n---": "<blockquote>\n<p>a</p>\n</blockquote>\n<hr>",
    "- a\n- b\n\n3. c": "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n<ol start=\"3\">\n<li>c</li>\n</ol>",
    "~~a~~ \\*b\\* &amp; &copy;": "<p><s>a</s> *b* &amp; ©</p>",
    "```python\nx < y\n```": "<pre><code>x &lt; y\n</code></pre>",
    "[a](https://e.example/x_y_z 'b')": (
        '<p><a href="https://e.example/x_y_z" title="b" target="_blank" rel="noopener noreferrer">a</a></p>'
    ),
    "[a](#rope) [b][c]\n\n[c]: #d": '<p><a href="#rope">a</a> <a href="#d">b</a></p>',
    f"![a *b*](data:image/png;base64,{PIXEL})": (
        f'<p><img src="data:image/png;base64,{PIXEL}" alt="a b"></p>'
    ),
    "a|b\n:-|-\n1|": (
        '<table>\n<thead>\n<tr>\n<th align="left">a</th>\n<th>b</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n'
        '<td align="left">1</td>\n<td></td>\n</tr>\n</tbody>\n</table>'
    ),
}  # fmt: skip


@pytest.mark.parametrize("source", PLAIN)
def test_markdown_is_shown(source: str) -> None:
    assert shown(source).strip() == PLAIN[source]


FORMULAS = [
    "$a_1 * b_2 * c_3$",
    "$$x_1 _y_ \\\\ z < 1$$",
    "$\\{a\\} \\_ \\$ [b](c) `d`$",
    "$$\na_1\n+ b_2 _c_\n\n= d\n- e\n# f\n$$",
    "\\begin{align}\na_1 &= b_2 \\\\\n- c &= _d_\n\\end{align}",
    "\\begin{align*} *a* \\end{align*}",
]


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("around", ["{}", "a {} b", "*a*\n{}\n*b*", "- {}"])
def test_formulas_stay_as_typed(formula: str, around: str) -> None:
    if "\n" in formula and around in ("a {} b", "- {}"):
        formula = formula.replace("\n", " ")
    page = shown(around.replace("{}", formula))
    text = parsed(page).text
    assert formula in text
    assert "<p>" + html.escape(formula).replace("[", "&#91;") in page or around != "{}"


def test_formulas_in_brackets_get_dollars() -> None:
    assert parsed(shown("\\\\(a_1 *b* c_2\\\\)")).text.strip() == "$a_1 *b* c_2$"
    assert parsed(shown("\\\\[\na_1\n+ c_2\n\\\\]")).text.strip() == "$$\na_1\n+ c_2\n$$"
    in_a_list = parsed(shown("- a\n- $$\n  b_1\n  + c_2\n  $$\n- d")).text
    assert "$$\nb_1\n+ c_2\n$$" in in_a_list


def test_what_is_no_formula() -> None:
    assert shown("it costs $5 *today*").strip() == "<p>it costs $5 <em>today</em></p>"
    assert shown("$$\nnever closed\n\n- a").count("<li>") == 1
    assert "<p>b</p>" in shown("- $$\n  a\n\nb\n\n$$")  # it would end outside of its list


def test_attachments() -> None:
    png, svg = {"image/png": PIXEL}, {"image/svg+xml": PIXEL}
    source = "![a](attachment:x.png) ![b](<attachment:my x.png>) ![c](attachment:%E5%9B%BE.png)"
    page = parsed(shown(source, **{"x.png": png, "my x.png": png, "图.png": png}))
    assert [attributes["alt"] for tag, attributes in page.found if tag == "img"] == ["a", "b", "c"]
    assert page.wrong == []
    assert "<img" in shown("![a](attachment:x)", x={**svg, **png})
    for bad in ({}, svg, {"image/png": '"><script>alert(1)</script>'}, {"image/png": ["x"]}, None, "x"):
        page = parsed(shown("![a](attachment:x.png) b", **{"x.png": bad}))  # type: ignore[arg-type]
        assert page.wrong == [] and page.text.strip() == "![a](attachment:x.png) b"


def test_a_picture_as_colab_pastes_it() -> None:
    picture = f"data:image/png;base64,{'A' * 3 * MOST}"
    page = parsed(shown(f"*My drawing:* ![a]({picture})"))
    assert page.found[-1] == ("img", {"src": picture, "alt": "a"}) and page.text.strip() == "My drawing:"


def test_nothing_vanishes_in_deep_nesting() -> None:
    for depth in (1, MOST_NESTING // 2 - 3, MOST_NESTING // 2, MOST_NESTING, 300):
        for start in (">", "- ", "> - ", "1. "):
            page = parsed(shown(start * depth + "my answer"))
            assert "my answer" in page.text and page.wrong == []
    for start, tag in (("> ", "blockquote"), ("- ", "ul")):
        assert [found for found, _ in parsed(shown(start * 6 + "a")).found].count(tag) == 6


def test_long_text_is_shown_as_typed() -> None:
    text = "*a* <b> [c](d)\n" * (MOST // 15 + 1)
    page = parsed(shown(text))
    assert page.text == text and [tag for tag, _ in page.found] == ["pre"]


def test_a_page_has_room_for_so_much() -> None:
    context: dict[str, dict] = {"cell": {}, "resources": {}}
    cell = "*a* " * (MOST // 4 // 3 - 10)
    pages = [markdown2html(context, cell) for _ in range(5)]
    assert ["<em>" in page for page in pages] == [True, True, True, False, False]
    assert "<em>" in markdown2html(context, "*short*")  # what still fits
    assert "<em>" in markdown2html({"cell": {}, "resources": {}}, cell)  # another page


def test_rows_of_one_character_fill_no_page() -> None:
    context: dict[str, dict] = {"cell": {}, "resources": {}}
    rows = "|a" * 19 + "|\n" + "|-" * 19 + "|\n" + "|\n" * 3_000  # of 20 cells
    assert ["<td" in markdown2html(context, rows) for _ in range(3)] == [True, False, False]
    for columns, tag in ((MOST_COLUMNS, "<table"), (MOST_COLUMNS + 1, "<p")):
        assert shown("|a" * columns + "|\n" + "|-" * columns + "|\n|b|").startswith(tag)


def test_little_text_makes_no_large_page() -> None:
    address, picture = "https://e.example/" + "x" * 20_000, f"data:image/png;base64,{'A' * 900}"
    large = {"image/png": "A" * 1_000_000}
    sources = {
        "[a] " * 5_000 + f"\n\n[a]: {address}": {},
        "![a] " * 5_000 + f"\n\n[a]: {picture}": {},
        "![a] " * 5_000 + f"\n\n[a]: {address}": {},
        "[a] " * 5_000 + f"\n\n[a]: #x '{'y' * 20_000}'": {},
        "![](attachment:x) " * 2_000: {"x": large},
        "|a" * 2_000 + "\n" + "|-" * 2_000 + "\n" + "|\n" * 2_000: {},
    }
    for source, attachments in sources.items():
        page = shown(source, **attachments)
        size = len(source) + sum(len(kinds["image/png"]) for kinds in attachments.values())
        assert len(page) < 1_000_000 + 3 * size, source[:30]


# --- time -------------------------------------------------------------------------------------


def processor_seconds(work: Callable[[], object]) -> float:
    """The less of two runs, without the collector, which comes when it likes."""
    taken = []
    for _ in range(2):
        gc.collect()
        gc.disable()
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
        gc.enable()
    return min(taken)


PATHOLOGICAL = {
    "spaces": lambda size: "a" + " " * size + "b",
    "brackets": lambda size: "[" * size,
    "pictures in pictures": lambda size: "![" * (size // 6) + "a" + "](b)" * (size // 6),
    "nested tags": lambda size: "<b><i>a" * (size // 14) + "</i></b>" * (size // 16),
    "bare tags": lambda size: "<sub>a" * (size // 6),
    "emphasis": lambda size: "**a *b _c " * (size // 10),
    "backticks": lambda size: "".join("`" * length + " " for length in range(1, int((2 * size) ** 0.5))),
    "quotes": lambda size: (">" * 15 + "\n" + "b\n" * 30 + "\n") * (size // 77),
    "lists": lambda size: "- " * (size // 2),
    "a row": lambda size: "|a" * (size // 4) + "\n" + "|-" * (size // 4),
    "references": lambda size: "[a" * (size // 4) + "\n\n" + "[a]: b\n" * (size // 14),
    "an address": lambda size: "[a]" * (size // 6) + "\n\n[a]: https://e.example/" + "x" * (size // 2),
    "a picture": lambda size: "![a]" * (size // 8) + f"\n\n[a]: data:image/png;base64,{'A' * (size // 2)}",
    "dollars": lambda size: "$\\" * (size // 2),
    "formulas without end": lambda size: "$$ a \\\\( " * (size // 9),
    "environments": lambda size: "\\begin{a}\n" * (size // 10),
    "comments": lambda size: "<!--" * (size // 4),
    "pasted": lambda size: f"data:image/png;base64,{'A' * 900}!" * (size // 923),
}
CODE = {
    "blanks": lambda size: "match" + " " * size,
    "lines of blanks": lambda size: (" " * 150 + "\n") * (size // 151),
    "new lines": lambda size: "a\n" + "\n " * (size // 2),
    "names in a line": lambda size: "'''" + "\\N{" * (size // 3),
}


@pytest.mark.parametrize("kind", PATHOLOGICAL)
def test_the_time_for_markdown_grows_with_its_length(kind: str) -> None:
    small, large = (PATHOLOGICAL[kind](size) for size in (10_000, 40_000))
    few, many = (processor_seconds(partial(markdown._render, text, {})) for text in (small, large))
    assert many < 8 * few + 0.01


@pytest.mark.parametrize("kind", CODE)
def test_the_time_for_code_grows_with_its_length(kind: str) -> None:
    small, large = (CODE[kind](size) for size in (MOST_CELL // 4 - 10, MOST_CELL - 10))
    few, many = (processor_seconds(partial(colour_anew, text)) for text in (small, large))
    assert many < 8 * few + 0.01


def test_templates_take_no_long_time_with_what_comes_out() -> None:
    assert "[" not in shown("[a](b) `[c]` ![" + "[" * 2 * MOST) + shown("[a](https://e.example/[x] '[t]')")


# --- code -------------------------------------------------------------------------------------


def colour_anew(source: str) -> str:
    highlight_code.__globals__["_highlighted"].cache_clear()
    return highlight_code({}, source)


def words(page: str) -> str:
    return BeautifulSoup(page, "html.parser").get_text()


def test_code_is_coloured() -> None:
    source = 'def f(x):\n    return "<b>" if x else None'
    page = highlight_code({}, source, metadata={"magics_language": "html"})
    assert page.count("<span") > 5 and words(page).strip() == source
    assert page == highlight_code({}, source)


@pytest.mark.parametrize(
    "source",
    [
        "x = 1  # <b>&\n" * (MOST_CELL // 14 + 1),
        "x = 1\ny = " + "1 + " * (MOST_LINE // 4) + "<b>",
        "x = 1" + " " * 500 + "# a",
        "\n" * 500 + "x = '<script>'",
    ],
)
def test_code_that_would_take_long_is_plain(source: str) -> None:
    page = highlight_code({}, source)
    assert "<span" not in page and "<script" not in page
    assert words(page) == source


def test_a_page_has_room_for_so_much_code() -> None:
    context: dict[str, dict] = {"resources": {}}
    cell = "x = 1\n" * (MOST_CELL // 6)
    fit = MOST_PAGE // len(cell)
    pages = [highlight_code(context, cell) for _ in range(fit + 2)]
    assert ["<span" in page for page in pages] == [True] * fit + [False] * 2
    assert "<span" in highlight_code(context, "x = 1")  # what still fits
    assert "<span" in highlight_code({"resources": {}}, cell)


def test_half_a_character_can_be_written() -> None:
    for page in (highlight_code({}, "x = '\ud800'"), highlight_code({}, "\ud800" * MOST_CELL * 2)):
        page.encode("utf-8")
    shown("\ud800 `\udfff`").encode("utf-8")
    shown("\ud800 `\udfff` " + "a" * 2 * MOST).encode("utf-8")


# --- in use -----------------------------------------------------------------------------------


def test_assignments_use_no_other_html() -> None:
    """What their cells say is shown in the same way: a tag in them would stand there as text."""
    paths = sorted(ROOT.glob("exercises/*/*.ipynb"))
    assert len(paths) >= 5
    for path in paths:
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "markdown":
                page = re.sub(r"(?s)<code>.*?</code>|\$.*?\$", "", shown(cell.source))
                assert not re.search(r"&lt;[a-zA-Z/!]", page), path


def test_formgrader_is_given_both() -> None:
    config = PyFileConfigLoader("nbgrader_config.py", path=str(ROOT)).load_config()
    notebook = new_notebook(
        cells=[
            new_markdown_cell('<a class="modal-backdrop">x</a> ![a](attachment:b.png)'),
            new_code_cell("x = 1", metadata={"magics_language": "html"}),
            new_code_cell("match" + " " * 500 + "x"),
        ]
    )
    notebook.cells[0]["attachments"] = {"b.png": {"image/png": PIXEL}}
    page, _ = HTMLExporter(config=config, template_name="classic").from_notebook_node(notebook)
    soup = BeautifulSoup(page, "html.parser")
    assert not soup.select("a.modal-backdrop") and '<a class="modal-backdrop">' in soup.get_text()
    assert soup.select_one("img")["src"] == f"data:image/png;base64,{PIXEL}"  # type: ignore[index]
    coloured, plain = soup.select(".highlight")
    assert len(coloured.select("span")) > 2 and not plain.select("span")
