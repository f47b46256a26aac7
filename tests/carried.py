"""The cells of course/cells/ as notebooks get them, and what the heads of notebooks say that they carry."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml
from nbformat import NotebookNode

from course.errors import ROOT
from course.sources import read_source

CELLS = ROOT / "course" / "cells"
TOPICS = sorted(path.stem for path in CELLS.glob("*.py"))
SOURCES = sorted((ROOT / "course").glob("*/[0-9]*.py"))  # of lessons, labs and assignments


def text_of(*topics: str) -> str:
    """All cells of these topics, as a notebook holds them that carries them."""
    named = [cell for topic in topics for cell in cells_of(topic) if "name" in cell.metadata]
    return "\n\n\n".join(cell.source for cell in named)


@functools.cache
def cells_of(topic: str) -> list[NotebookNode]:
    return read_source(CELLS / f"{topic}.py").cells


def run(*topics: str) -> Any:
    """The topics as a module: its functions see what is set on it."""
    module = ModuleType(topics[-1])
    exec(compile(text_of(*topics), topics[-1], "exec"), module.__dict__)
    return module


def header(source: Path) -> dict:
    """What the head of a source says, which jupytext would take a second to read with all its cells."""
    head = re.sub("^# ?", "", source.read_text(encoding="utf-8").split("# ---")[1], flags=re.MULTILINE)
    return yaml.safe_load(head)["jupyter"]["course"]
