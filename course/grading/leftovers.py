"""What Colab and its kind leave in a student's cells, and what does nothing on the grader.

A drive that is mounted, a package that is installed, a setting of plots: where there is no Colab and no
network, such a line stops its cell, and the answer below it would be lost. So it is put aside: `pass` stands
in its place, with the line itself as a comment, and the student is told. Nothing is put aside that could run
here and change what an answer returns, so it makes no difference to a student who would like to hide
something: what does not run here cannot earn a point, and it can still be read. A line such as
`output.eval_js(f())` goes as a whole: without Colab it would stop at its first name, before f is called.

Only whole statements go, and none below an `if`: `print(drive.mount(...))` stays, and stops its cell there.
"""

from __future__ import annotations

import ast
import copy
import functools
import itertools
import re
import shlex
import tokenize
import warnings
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from IPython.core.inputtransformer2 import (
    assemble_continued_line,
    find_end_of_continued_line,
    make_tokens_by_line,
)

HOSTED = ("google.colab", "kaggle_secrets", "kaggle_datasets", "deepnote_toolkit", "marimo")  # nowhere else
THEIR_FOLDERS = ("/content", "/kaggle", "/work")  # Colab's, Kaggle's, Deepnote's
# Magics about how a notebook looks, or which extensions it has.
LOOKS = ("matplotlib", "config", "load_ext", "reload_ext", "unload_ext", "autoreload")
LOOKS += ("tensorboard", "tensorflow_version")
INSTALLERS = ("pip", "pip3", "conda", "mamba", "micromamba", "uv", "apt", "apt-get")
INSTALL = ("install", "uninstall", "add", "remove", "update", "upgrade", "sync", "create")  # not `uv run`
SHOW = ("list", "show", "freeze", "info", "check", "--version", "-V")
THROUGH_PYTHON = re.compile(r"(?:\S*/)?python[\d.]*|\{sys\.executable\}")
CELL_MAGICS = ("%%time", "%%capture")  # what they hold runs as any other code
STAMPS = ("colab.research.google.com", "deepnote.com", "kaggle.com")  # links in cells that a program adds
MOST_TEXT = 50_000  # characters of a cell that is looked at, and
MOST_LINES = 2_000  # lines; an answer has a hundredth
MOST_SHOWN = 80  # characters of a line that is told
WORTH_A_LOOK = re.compile(r"^[^\S\n]*[%!]|google|kaggle|deepnote|marimo|get_ipython|chdir", re.MULTILINE)
Span = tuple[int, int, int, int]  # line, column, line, column; lines from 0, columns in characters


@dataclass(frozen=True)
class PutAside:
    """A cell's text without its leftovers, which are lines; installs: one of them installs something."""

    text: str
    lines: tuple[str, ...] = ()
    installs: bool = False


@dataclass(frozen=True)
class _Found:
    span: Span
    installs: bool = False
    instead: str = "pass"


def names_of_hosts(texts: Iterable[str]) -> frozenset[str]:
    """The names that the cells import from Colab and its kind, and give to nothing else."""
    theirs: set[str] = set()
    others: set[str] = set()
    for text in texts:
        for node in _cell(text).body:
            for name, hosted in _bound(node):
                (theirs if hosted else others).add(name)
    return frozenset(theirs - others)


def put_aside(text: str, names: Collection[str] = ()) -> PutAside:
    """The cell's text without its leftovers. names: as names_of_hosts gives them for the whole notebook."""
    if not WORTH_A_LOOK.search(text) and not any(name in text for name in names):
        return PutAside(text)
    cell = _cell(text)
    found = [*cell.commands, *(one for node in cell.body for one in _leftover(node, cell, names))]
    if not found:
        return PutAside(text)
    lines = list(cell.lines)
    told = []
    for one in sorted(found, key=lambda one: one.span, reverse=True):
        told.append(_short(cell.text_of(one.span)))
        _replace(lines, one)
    return PutAside("\n".join(lines), tuple(reversed(told)), any(one.installs for one in found))


def is_stamp(text: str) -> bool:
    """Whether a text cell is only a link that Colab or Deepnote adds: a badge, "Created in Deepnote"."""
    seen = " ".join(re.sub(r"<[^>]*>", " ", text).split())
    return any(one in text for one in STAMPS) and seen in ("", "Created in Deepnote")


class _Cell:
    """A cell's lines, its statements, and the IPython commands that are leftovers.

    Where it has a slip, it has no statements; its commands are found all the same. Lines may end as on
    Windows.
    """

    def __init__(self, text: str) -> None:
        text = text.replace("\r\n", "\n")
        self.lines = text.split("\n")
        self.commands: list[_Found] = []
        self.body: list[ast.stmt] = []
        if len(text) > MOST_TEXT or len(self.lines) > MOST_LINES:
            return
        # A character that ends a line for one program and not for another makes places unsure.
        if text.splitlines() != (self.lines if self.lines[-1] else self.lines[:-1]):
            return
        first = next((number for number, line in enumerate(self.lines) if line.strip()), 0)
        start = first if self.lines[first].startswith("%%") else None
        if start is not None and self.lines[first].split()[0] not in CELL_MAGICS:
            return
        python = list(self.lines)
        if start is not None:
            python[start] = ""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                for span in _commands(python):
                    if (kind := _command(self.text_of(span))) is not None:
                        self.commands.append(_Found(span, installs=kind))
                    _blank(python, span)
                self.body = _statements(python)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return

    def span(self, node: ast.stmt) -> Span:
        """Where a statement stands; Python counts bytes."""
        assert node.end_lineno is not None and node.end_col_offset is not None
        first, last = node.lineno - 1, node.end_lineno - 1
        column = len(self.lines[first].encode()[: node.col_offset].decode())
        end = len(self.lines[last].encode()[: node.end_col_offset].decode())
        return first, column, last, end

    def text_of(self, span: Span) -> str:
        first, column, last, end = span
        pieces = self.lines[first : last + 1]
        pieces[-1] = pieces[-1][:end]
        pieces[0] = pieces[0][column:]
        return "\n".join(pieces)


@functools.lru_cache(maxsize=500)
def _cell(text: str) -> _Cell:
    return _Cell(text)


# --- IPython's own lines


def _commands(lines: list[str]) -> list[Span]:
    """The places of %magics and !commands that are whole lines, as IPython finds them."""
    found = []
    ended = [f"{line}\n" for line in lines]
    for words in _words(lines):
        first, column = words[0].start[0] - 1, words[0].start[1]
        if words[0].string[:1] in ("%", "!", "?") and not ended[first][:column].strip():
            last = min(find_end_of_continued_line(ended, first), len(lines) - 1)
            found.append((first, column, last, len(lines[last])))
    return found


def _statements(lines: list[str]) -> list[ast.stmt]:
    """The statements; where IPython knows more than Python (`x = !ls`, `torch?`), without those lines.

    Raises:
        SyntaxError: there is a slip.
    """
    try:
        return ast.parse("\n".join(lines)).body
    except SyntaxError:
        python = list(lines)
    for words in _words(lines):
        strings = [word.string for word in words]
        assigns = any(pair in (("=", "%"), ("=", "!")) for pair in itertools.pairwise(strings))
        if assigns or strings[-1] in ("?", "??"):
            _blank(python, (words[0].start[0] - 1, words[0].start[1], words[-1].end[0] - 1, 0))
    return ast.parse("\n".join(python)).body


def _words(lines: list[str]) -> Iterator[list[tokenize.TokenInfo]]:
    """The words of each logical line."""
    for tokens in make_tokens_by_line([f"{line}\n" for line in lines]):
        if words := [token for token in tokens if token.string.strip() and token.type != tokenize.COMMENT]:
            yield words


def _command(text: str) -> bool | None:
    """Whether a command installs something; None where it is no leftover."""
    lines = [f"{line}\n" for line in text.split("\n")]
    line = assemble_continued_line(lines, (0, 0), len(lines) - 1)
    return _shell(line.lstrip("!")) if line.startswith("!") else _magic(line.lstrip("%"))


def _magic(text: str) -> bool | None:
    return False if text.split(None, 1)[:1] in [[name] for name in LOOKS] else _shell(text)


def _shell(command: str) -> bool | None:
    """Whether a shell's command installs; None unless each of its parts does, or shows what is there."""
    words = shlex.shlex(command, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    parts: list[list[str]] = [[]]
    try:
        for word in words:
            if word in ("&&", "||", ";", "|", "&"):
                parts.append([])
            elif parts[-1] or not re.fullmatch(r"sudo|-[A-Za-z]+|\w+=\S*", word):
                parts[-1].append(word)
    except ValueError:  # a quote that is not closed
        return None
    kinds = [_installer(part) for part in parts if part]
    return None if None in kinds or not kinds else any(kinds)


def _installer(words: list[str]) -> bool | None:
    """Whether it installs; None where it does something else: `uv run`, or `pip list` into a file."""
    if THROUGH_PYTHON.fullmatch(words[0]) and words[1:2] == ["-m"]:
        words = words[2:]
    name = re.sub(r"^(?:\S*/)?(pip3?)[\d.]*$", r"\1", words[0]) if words else ""
    if name not in INSTALLERS:
        return None
    if words[1:2] and words[1] in SHOW:
        return None if any(word.strip("<>&") == "" for word in words) else False
    # `uv pip install`, `conda env update`, `apt-get -o A=1 install`: what is done comes behind.
    done = (word for word in words[1:] if word not in ("pip", "env", "tool") and not re.match("-|.*=", word))
    return True if next(done, "") in INSTALL else None


def _blank(lines: list[str], span: Span) -> None:
    """Python's view of the lines: IPython's commands do nothing."""
    first, column, last, _ = span
    lines[first] = lines[first][:column] + "pass"
    for number in range(first + 1, last + 1):
        lines[number] = ""


# --- statements


def _leftover(node: ast.stmt, cell: _Cell, names: Collection[str]) -> Iterator[_Found]:
    """The statement, where it does nothing but ask something of Colab or its kind."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        kept = [alias for alias in node.names if not _is_hosted(node, alias)]
        if not kept:
            yield _Found(cell.span(node))
        elif len(kept) < len(node.names):
            fewer = copy.copy(node)
            fewer.names = kept
            yield _Found(cell.span(node), instead=ast.unparse(fewer))
    elif isinstance(node, ast.Expr | ast.Assign | ast.AnnAssign | ast.AugAssign) and node.value:
        runs = isinstance(node, ast.AugAssign) and not isinstance(node.target, ast.Name)  # a[f()] += ...
        if _root(node.value) in names and not runs and not _binds_inside(node.value):
            yield _Found(cell.span(node))
        elif isinstance(node, ast.Expr) and (kind := _call(node.value)) is not None:
            yield _Found(cell.span(node), installs=kind)


def _is_hosted(node: ast.Import | ast.ImportFrom, alias: ast.alias) -> bool:
    """Whether it is imported from a package that only Colab, Kaggle and so on have."""
    name = alias.name
    if isinstance(node, ast.ImportFrom):
        name = f"{node.module}.{alias.name}" if node.module and not node.level else ""
    return any(name == one or name.startswith(f"{one}.") for one in HOSTED)


def _root(node: ast.expr) -> str:
    """The name that a chain of attributes, calls, items and `await` begins with."""
    while isinstance(node, ast.Attribute | ast.Call | ast.Subscript | ast.Await):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _call(call: ast.expr) -> bool | None:
    """As _command, for get_ipython().system("pip ...") and os.chdir("/content/...")."""
    if not isinstance(call, ast.Call):
        return None
    called = ast.unparse(call.func)
    words = [one.value for one in call.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    if len(words) < len(call.args) or not words:
        return None
    if called == "get_ipython().system":
        return _shell(words[0])
    if called in ("get_ipython().run_line_magic", "get_ipython().magic"):
        return _magic(" ".join(words).lstrip("%"))
    there = called == "os.chdir" and any(f"{words[0]}/".startswith(f"{one}/") for one in THEIR_FOLDERS)
    return False if there else None


def _binds_inside(node: ast.expr) -> bool:
    return any(isinstance(one, ast.NamedExpr) for one in ast.walk(node))


def _bound(node: ast.AST) -> Iterator[tuple[str, bool]]:
    """The names that a statement gives to something, outside of functions and classes; whether to Colab's."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name, False
        return
    if isinstance(node, ast.Import | ast.ImportFrom):
        for alias in node.names:
            yield alias.asname or alias.name.partition(".")[0], _is_hosted(node, alias)
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
        yield node.id, False
    if isinstance(node, ast.ExceptHandler) and node.name:
        yield node.name, False
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.Lambda):
            yield from _bound(child)


# --- the text without them


def _replace(lines: list[str], one: _Found) -> None:
    """Put `instead` in its place, and what stood there into comments where it has its lines for itself."""
    first, column, last, end = one.span
    before, after = lines[first][:column], lines[last][end:]
    if before.strip() or after.strip():
        lines[first : last + 1] = [f"{before}{one.instead}{after}"]
        return
    stood = [line.strip() for line in lines[first : last + 1]]
    lines[first] = f"{before}{one.instead}  # put aside: {stood[0]}"
    lines[first + 1 : last + 1] = [f"{before}# {line}".rstrip() for line in stood[1:]]


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MOST_SHOWN else f"{line[: MOST_SHOWN - 1]}…"
