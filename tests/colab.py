"""An environment with what Colab has, and nothing of the course: where the lessons are tested.

One environment with Colab's packages serves all lessons. On top of it each lesson has a small one of
its own, with what its own `need(module, package)` calls install: a lesson that forgets to ask for a
package does not find the one that another lesson asked for.

Both are made once, in the user's cache, under names made from all that goes into them. A folder
without its `.ready` file was left half made by someone who was interrupted: it is made again.
"""

from __future__ import annotations

import ast
import fcntl
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

ROOT = Path(__file__).resolve().parent.parent
USER_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
CACHE = USER_CACHE / "llm-put-to-the-test"
REQUIREMENTS = ROOT / "tests" / "requirements-colab.txt"
# Of its dependencies, widgetsnbextension pulls in notebook, which pulls in JupyterLab; in a kernel
# ipywidgets uses neither.
WITHOUT_DEPENDENCIES = ["ipywidgets==7.7.1"]


def base() -> Path:
    """The folder of the environment with what Colab has."""
    torch = makefile_value("TORCH")

    def make(folder: Path) -> None:
        _run([sys.executable, "-m", "venv", str(folder)])
        python = str(folder / "bin" / "python")
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run(
            ["sh", "course/install_torch.sh"],
            PIP=f"{python} -m pip",
            TORCH=torch,
            TORCH_INDEX=makefile_value("TORCH_INDEX"),
        )
        # With torch named again, pip stops rather than replace the one that is there.
        _run([*pip, torch, "-r", str(REQUIREMENTS)])
        _run([*pip, "--no-deps", *WITHOUT_DEPENDENCIES])
        # Colab has its list of fonts; where it is missing, matplotlib says on stderr that it makes one.
        _run([python, "-c", "import matplotlib.pyplot"])

    parts = [sys.version, torch, REQUIREMENTS.read_text(encoding="utf-8"), *WITHOUT_DEPENDENCIES]
    return _once("colab", parts, make)


def python(notebook: Path) -> Path:
    """The Python, in an environment like Colab's, in which the notebook has made its need() calls."""
    below = base()
    # The notebook's own way of installing is what is tested, so it is what is used.
    definition, calls = need_calls(notebook)
    code = definition + "".join(f"\nneed({module!r}, {package!r})" for module, package in calls)

    def make(folder: Path) -> None:
        _run([str(below / "bin" / "python"), "-m", "venv", "--without-pip", str(folder)])
        # Through this, Python finds the packages of the environment below, pip among them.
        (_site_packages(folder) / "base.pth").write_text(f"{_site_packages(below)}\n", encoding="utf-8")
        _run([str(folder / "bin" / "python"), "-c", code])

    return _once("colab-lesson", [below.name, code], make) / "bin" / "python"


def need_calls(notebook: Path) -> tuple[str, list[tuple[str, str]]]:
    """The notebook's cell that defines need(), and the arguments of its calls: (module, package).

    Raises:
        ValueError: a call that does not say what it installs unless the notebook is run.
    """
    definition, calls = "", set()
    for cell in nbformat.read(notebook, as_version=4).cells:
        if cell.cell_type != "code":
            continue
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.FunctionDef) and node.name == "need":
                definition = cell.source
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "need":
                texts = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
                if len(texts) != 2 or node.keywords:
                    raise ValueError(f"{notebook.name}: write need('module', 'package==1.2.3'), literally")
                calls.add((str(texts[0]), str(texts[1])))
    return definition, sorted(calls)


def makefile_value(name: str) -> str:
    """A setting of the Makefile: what `make test` was called with, or its default."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    found = re.search(rf"^{name} \?= (\S+)$", text, re.MULTILINE)
    if not found:
        raise LookupError(f"Makefile has no line '{name} ?= VALUE'")
    return os.environ.get(name) or found[1]


def _site_packages(folder: Path) -> Path:
    return next((folder / "lib").glob("python3.*")) / "site-packages"


def _once(name: str, parts: list[str], make: Callable[[Path], None]) -> Path:
    """The folder NAME-KEY in the cache, made by `make(folder)` unless it has been."""
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
    folder = CACHE / f"{name}-{key}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second run of the tests waits, and finds the work done
        if not (folder / ".ready").is_file():
            shutil.rmtree(folder, ignore_errors=True)
            make(folder)
            (folder / ".ready").touch()
    return folder


def _run(command: list[str], **environment: str) -> None:
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        said = textwrap.indent((done.stdout + done.stderr)[-3000:], "    ")
        raise RuntimeError(f"the environment like Colab's cannot be made; this failed: {command}\n{said}")
