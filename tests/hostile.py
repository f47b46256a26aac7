"""Notebooks of assignment 1 that are small, and take long to read, mend, record or show."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable

import nbformat
from classroom import as_bytes, honest
from nbformat.v4 import new_code_cell, new_markdown_cell

Cells = Callable[[], list[nbformat.NotebookNode]]


def _text(*texts: str) -> Cells:
    return lambda: [new_markdown_cell(text) for text in texts]


def _code(source: str, times: int = 1) -> Cells:
    return lambda: [new_code_cell(source) for _ in range(times)]


def _pictures() -> list[nbformat.NotebookNode]:
    attached = {"a.png": {"image/png": "A" * 1_000_000}}
    return [new_markdown_cell("![](attachment:a.png)", attachments=attached) for _ in range(12)]


SHOWS = """
import base64
from IPython.display import display
text = base64.b64encode(b"\\x89PNG" + bytes(1_400_000)).decode()
for _ in range(50):
    display({"text/plain": "x", "image/png": text}, raw=True)
"""

CELLS: dict[str, Cells] = {
    "inline tags in inline tags": _text("<b>" * 15_000),
    "brackets in brackets": _text("[" * 47_000, "![" * 23_000, "[a](<" * 9_000),
    "emphasis without an end": _text("*a " * 20_000, "*_" * 20_000),
    "quotes in quotes": _text(">" * 47_000, "- " * 20_000),
    "spaces": _text(" " * 80_000 + "x"),
    "spaces in code": _code('"' + " " * 80_000),
    "comments without an end": _text("<!--" * 12_000, "<?" * 20_000),
    "ticks": _text("".join("`" * n + " " for n in range(300))),
    "formulas": _text("$" * 60_000, "$a" * 20_000),
    "a wide table": _text("|" + "a|" * 9_000 + "\n|" + "-|" * 9_000 + "\n" + ("|" + "b|" * 99 + "\n") * 300),
    "references": _text("\n".join(f"[{n}]: x" for n in range(15_000)) + "\n" + "[1]" * 20_000),
    "prints newlines": _code("print('\\n' * 100_000)", 120),
    "prints colours": _code("print('\\x1b[31m' * 20_000)", 30),
    "a code of no colour": _code("print('\\x1b[38m')"),
    "errors of many lines": _code("raise ValueError('x\\n' * 4_000_000)", 50),
    "shows pictures": _code(SHOWS, 5),
    "many cells": _code("x = 1 # " + "y" * 1_500, 450),
    "many texts": _text(*["a_b " * 450] * 450),
    "parentheses": _code("(" * 90_000),
    "attached pictures": _pictures,
}


def _without_marks() -> bytes:
    notebook = honest()
    notebook.cells += _code("x = 1 # " + "y" * 1_500, 450)()
    for cell in notebook.cells:
        cell.metadata.clear()
        cell.pop("id", None)
    return as_bytes(notebook)


def _packed(kind: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", kind) as archive:
        for number in range(300):
            archive.writestr(f"{number}/attention.ipynb", as_bytes(honest()) + b" " * 1_000_000)
    return out.getvalue()


FILES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "cells without marks": ("ipynb", _without_marks),
    "lists in lists": ("ipynb", lambda: b'{"cells":' + b"[" * 9_000_000),
    "a long number": ("ipynb", lambda: b'{"cells":' + b"1" * 19_000_000 + b"}"),
    "cells that are none": ("ipynb", lambda: b'{"cells":[' + b"{}," * 5_000_000 + b"{}]}"),
    "many empty lines": ("ipynb", lambda: _lines(900_000)),
    "a zip of equal notebooks": ("zip", lambda: _packed(zipfile.ZIP_DEFLATED)),
}


def _lines(count: int) -> bytes:
    notebook = honest()
    notebook.cells.append(new_code_cell("\n" * count))
    return as_bytes(notebook)


def files(name: str) -> tuple[str, bytes]:
    """The ending and the bytes of that one."""
    if name in FILES:
        ending, make = FILES[name]
        return ending, make()
    notebook = json.loads(json.dumps(honest()))
    notebook["cells"] += json.loads(json.dumps(CELLS[name]()))
    return "ipynb", json.dumps(notebook).encode()


NAMES = [*CELLS, *FILES]

# No notebook, or larger than what is graded; the others are, and the answers in them are right.
REFUSED = set(FILES) - {"cells without marks"}
