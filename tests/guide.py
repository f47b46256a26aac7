"""The lines that docs/classroom.md and docs/instructors.md tell people to type."""

from __future__ import annotations

import re
from pathlib import Path

from course.errors import ROOT

CLASSROOM = ROOT / "docs" / "classroom.md"
INSTRUCTORS = ROOT / "docs" / "instructors.md"


class Guide:
    """A section's commands. A test takes them one by one; in the end none may be left."""

    def __init__(self, title: str, page: Path = CLASSROOM) -> None:
        [section] = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", page.read_text("utf-8"), re.M | re.S)
        blocks = re.findall(r"^```sh\n(.*?)^```", section, re.M | re.S)
        lines = [line.partition(" #")[0].strip() for block in blocks for line in block.splitlines()]
        rows = re.findall(r"^\|[^|]+\| `([^`]+)`", section, re.M)
        self.left = [line for line in [*lines, *rows] if line]

    def take(self, begins: str) -> str:
        """The line that begins so, as it stands there."""
        found = [line for line in self.left if line.startswith(begins)]
        assert found, f"{begins!r} is not (or no more) among {self.left}"
        self.left.remove(found[0])
        return found[0]
