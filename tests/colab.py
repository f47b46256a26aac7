"""An environment with what Colab has, and nothing of the course: where lessons and labs are tested.

One environment with Colab's packages serves them all. On top of it each run of a notebook gets an empty
one, into which the notebook installs what it needs by itself: with the network off, from a folder of wheels.

That environment and the wheels are made once, under names made from all that goes into them. A folder
without its `.ready` file was left half made by someone who was interrupted: it is made again.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import nbformat
from fresh import BEFORE, TEST_CACHE

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "tests" / "requirements-colab.txt"
# Of its dependencies, widgetsnbextension pulls in notebook, which pulls in JupyterLab; in a kernel
# ipywidgets uses neither.
WITHOUT_DEPENDENCIES = ["ipywidgets==7.7.1"]


def base() -> Path:
    """The folder of the environment with what Colab has."""
    torch = torch_requirement()

    def make(folder: Path) -> None:
        _run([sys.executable, "-m", "venv", str(folder)])
        python = str(folder / "bin" / "python")
        _run(["sh", "course/install_torch.sh"], PYTHON=python)
        # Naming torch again pins it: pip fails rather than install another one.
        _run([python, "-m", "pip", "install", "--quiet", torch, "-r", str(REQUIREMENTS)])
        _run([python, "-m", "pip", "install", "--quiet", "--no-deps", *WITHOUT_DEPENDENCIES])

    parts = [sys.version, torch, REQUIREMENTS.read_text(encoding="utf-8"), *WITHOUT_DEPENDENCIES]
    return _once("colab", parts, make)


def new_python(folder: Path) -> Path:
    """The Python of a new environment in that folder: what Colab has, and room for what is installed."""
    below = base()
    _run([str(below / "bin" / "python"), "-m", "venv", "--without-pip", str(folder)])
    # Through this, Python finds the packages of the environment below, pip among them.
    (_site_packages(folder) / "base.pth").write_text(f"{_site_packages(below)}\n", encoding="utf-8")
    return folder / "bin" / "python"


def notebooks() -> list[Path]:
    """What runs on Colab: lessons, then labs."""
    return [*sorted((ROOT / "lessons").glob("*.ipynb")), *sorted((ROOT / "lessons" / "labs").glob("*.ipynb"))]


@functools.cache
def wheels() -> Path:
    """A folder with all that lessons and labs install by themselves."""
    needed = sorted({entry for path in notebooks() for entry in needs(path)})

    def make(folder: Path) -> None:
        _run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(folder), *needed])

    return _once("wheels", [sys.version, *needed], make)


def from_wheels() -> dict[str, str]:
    """The settings with which pip takes packages from that folder, and from nowhere else."""
    return {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": wheels().as_uri(),  # a list, in which a space would part two entries
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }


def needs(notebook: Path) -> list[str]:
    """The packages that the notebook installs where they are missing: name==version, perhaps a marker."""
    return nbformat.read(notebook, as_version=4).metadata["course"].get("needs", [])


def torch_requirement() -> str:
    """What install_torch.sh installs: what `make test TORCH=...` asked for, or its default."""
    text = (ROOT / "course" / "install_torch.sh").read_text(encoding="utf-8")
    found = re.search(r"^TORCH=\$\{TORCH:-(\S+)\}$", text, re.MULTILINE)
    if not found:
        raise LookupError("course/install_torch.sh has no line 'TORCH=${TORCH:-REQUIREMENT}'")
    return os.environ.get("TORCH") or found[1]


def _site_packages(folder: Path) -> Path:
    return next((folder / "lib").glob("python3.*")) / "site-packages"


def _once(name: str, parts: list[str], make: Callable[[Path], None]) -> Path:
    """The folder NAME-KEY in the tests' cache, made by `make(folder)` unless it has been."""
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
    folder = TEST_CACHE / f"{name}-{key}"
    TEST_CACHE.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second run of the tests waits, and finds the work done
        if not (folder / ".ready").is_file():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            (folder / ".ready").touch()
    return folder


def _run(command: list[str], **environment: str) -> None:
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**BEFORE, "PYTHONPATH": "", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        said = textwrap.indent((done.stdout + done.stderr)[-3000:], "    ")
        raise RuntimeError(f"the environment like Colab's cannot be made; this failed: {command}\n{said}")
