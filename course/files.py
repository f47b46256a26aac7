"""Files that are written whole or not at all, and notebooks that may be spoilt."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from .errors import CourseError


def write_whole(path: Path, text: str, encoding: str = "utf-8") -> None:
    """Write a text; whoever reads meanwhile, or after a crash, finds the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(text, encoding=encoding)
    os.replace(part, path)


def read_notebook(path: Path) -> NotebookNode:
    """A notebook that was built.

    Raises:
        CourseError: it is none, for instance because git left two versions of it in one file.
    """
    try:
        return nbformat.read(path, as_version=4)
    except Exception as error:  # whatever is wrong with the file, the answer is to build it
        raise CourseError(path, f"not a notebook ({type(error).__name__}): build it again") from error
