"""The files of the course, as someone who clones it gets them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from course.errors import ROOT


def files() -> list[Path]:
    """What is committed, or would be: the files that are here and that git does not ignore."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def copy(folder: Path) -> Path:
    """All of them, in another folder; its path."""
    for path in files():
        target = folder / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    return folder
