"""Errors that name the file, the cell and what to do."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def relative(path: Path) -> str:
    """The path as people write it: from the course's folder, if it lies in there."""
    path = path.resolve()
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.as_posix()


class CourseError(Exception):
    """Something that a person has to mend; its text is shown without a traceback.

    Args:
        path: the file at fault.
        reason: what is wrong, and what to do.
        cell: which cell of it, in words ("cell 3, line 41, named 'show'").
    """

    def __init__(self, path: Path, reason: str, cell: str | None = None) -> None:
        where = relative(path) + (f", {cell}" if cell else "")
        super().__init__(f"{where}: {reason}")
