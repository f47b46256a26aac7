"""nbgrader's marks on a cell: which cell it is, and what kind of cell."""

from __future__ import annotations

from nbformat import NotebookNode


def grade_id(cell: NotebookNode) -> str:
    """nbgrader's name for the cell; "" where it has none."""
    marks = cell.metadata.get("nbgrader")
    return str(marks.get("grade_id", "")) if isinstance(marks, dict) else ""


def is_test(cell: NotebookNode) -> bool:
    """A test cell, visible or hidden."""
    marks = cell.metadata.get("nbgrader", {})
    return cell.cell_type == "code" and bool(marks.get("grade")) and not marks.get("solution")


def is_answer(cell: NotebookNode) -> bool:
    """A cell that students write code in."""
    return cell.cell_type == "code" and bool(cell.metadata.get("nbgrader", {}).get("solution"))
