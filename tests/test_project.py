"""The checkout as a whole: style, types, versions that agree, nothing of anyone's machine."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import checkout
import colab
import nbformat
import pytest
import yaml
from carried import SOURCES, header
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from course.errors import ROOT
from course.sources import expand

# A folder that only one person has, with something in it.
MACHINE_PATH = re.compile(r"/(work|root|tmp/[a-z]+|home/[a-z]+|Users/[A-Za-z]+)/")


def content(*command: str, otherwise: str = "") -> None:
    """Run a tool; where it complains, fail with what it says and with what to do."""
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.fail(f"{done.stdout}{done.stderr}{otherwise}", pytrace=False)


def test_ruff() -> None:
    content("ruff", "check", "--quiet", "course", "tests")


def test_format() -> None:
    content("ruff", "format", "--check", "course", "tests", otherwise="run: ruff format course tests")


def test_types(tmp_path: Path) -> None:
    """The tools, and the notebooks with the cells they carry; a file of course/cells/ alone is no program."""
    programs = list((ROOT / "course").glob("*.py"))
    programs += (ROOT / "course" / "grading").glob("*.py")
    programs += (ROOT / "tests").glob("*.py")
    notebooks = tmp_path / "notebooks"  # pyproject.toml asks less of this package
    notebooks.mkdir()
    (notebooks / "__init__.py").touch()
    for source in SOURCES:
        programs.append(notebooks / f"{source.parent.name}_{source.name}")
        programs[-1].write_text(program(source), encoding="utf-8")
    content("mypy", "--pretty", *map(str, programs), otherwise=f"Notebooks with carried cells: {notebooks}")


def program(source: Path) -> str:
    """A notebook's code as one file. A test cell stands alone, so its names are its own."""
    parts: list[str] = []
    for index, cell in enumerate(expand(source).cells, 1):
        carried = any(cell.source in part for part in parts)  # and shown a second time, open
        if cell.cell_type == "code" and cell.source.strip() and not carried:
            text = cell.source.replace("return ...", "return None")  # what a reader has yet to write
            if cell.metadata.get("nbgrader", {}).get("grade"):
                text = f"def cell_{index}():\n{textwrap.indent(text, '    ')}\n    return None"
            parts.append(f"# {source.name}, built cell {index}\n{text}\n")
    return "\n".join(parts)


# --- Versions ---------------------------------------------------------------------------------


def requirements(name: str) -> list[Requirement]:
    """Without the files that it includes (-r): each is looked at by itself."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-r "))]


def test_conda_and_pip_install_the_same() -> None:
    """environment.yml repeats no version but torch's, whose range both must have."""
    conda = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    assert [entry["pip"] for entry in conda if isinstance(entry, dict)] == [["-r requirements.txt"]]
    [torch] = [entry for entry in conda if isinstance(entry, str) and entry.startswith("pytorch-cpu")]
    assert SpecifierSet(torch.removeprefix("pytorch-cpu")) == torch_range()
    plain = {re.split("[=<>]", entry)[0] for entry in conda if isinstance(entry, str)}
    assert plain == {"python", "pytorch-cpu", "pip"}, "one list of packages: requirements.txt"


def torch_range() -> SpecifierSet:
    [torch] = [entry for entry in requirements("requirements.txt") if entry.name == "torch"]
    return torch.specifier


def test_the_torch_that_is_installed_is_of_that_range(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TORCH", raising=False)
    name, _, version = colab.torch_requirement().partition("==")
    assert name == "torch" and version in torch_range()


def test_every_version_is_pinned() -> None:
    files = [path.relative_to(ROOT) for path in checkout.files() if path.match("requirements*.txt")]
    assert len(files) >= 7
    for name in map(str, files):
        for entry in requirements(name):
            pinned = [clause.operator for clause in entry.specifier] == ["=="]
            assert pinned or entry.name == "torch", f"{name}: {entry}"


def pinned_names(name: str) -> set[str]:
    """package==version of each line, without its condition on the machine."""
    return {f"{entry.name}{entry.specifier}" for entry in requirements(name)}


def test_notebooks_install_the_versions_that_were_tried() -> None:
    """The `needs` of lessons and labs and requirements*.txt name the same package==version."""
    asked = {entry for source in SOURCES for entry in header(source).get("needs", [])}
    asked = {f"{entry.name}{entry.specifier}" for entry in map(Requirement, asked)}
    models = pinned_names("requirements-models.txt")
    assert asked <= models | pinned_names("requirements.txt")
    assert models <= asked, "no notebook needs this package: take it out of requirements-models.txt"


# --- Nothing of anyone's machine --------------------------------------------------------------


def machine_paths(text: str) -> list[str]:
    return [line.strip()[:120] for line in text.splitlines() if MACHINE_PATH.search(line)]


def test_no_path_of_a_machine_in_any_file() -> None:
    found = {
        str(path.relative_to(ROOT)): lines
        for path in checkout.files()
        if path.suffix not in (".png", ".gz")
        if (lines := machine_paths(path.read_text(encoding="utf-8")))
    }
    assert not found


@pytest.mark.parametrize("folder", ["work", "root", "home/me", "tmp/build", "Users/Me"])
def test_paths_of_a_machine_are_found(folder: str) -> None:
    assert machine_paths(f'see "/{folder}' + "/notebook.py")
    assert not machine_paths(f"see {folder}.py, https://example.org/a and /usr/bin")


def test_no_errors_in_committed_notebooks() -> None:
    """Learners' copies are committed without outputs, lessons with clean ones."""
    notebooks = [path for path in checkout.files() if path.suffix == ".ipynb"]
    assert notebooks, "no notebook is built: make build"
    for path in notebooks:
        assert not errors(path), f"{path.relative_to(ROOT)}: build it again"


def errors(path: Path) -> list[str]:
    return [
        f"{output.ename}: {output.evalue}"
        for cell in nbformat.read(path, as_version=4).cells
        for output in cell.get("outputs", [])
        if output.output_type == "error"
    ]


def test_errors_in_notebooks_are_found(tmp_path: Path) -> None:
    failed = nbformat.v4.new_output("error", ename="ValueError", evalue="no", traceback=[])
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("", outputs=[failed])])
    nbformat.write(notebook, tmp_path / "failed.ipynb")
    assert errors(tmp_path / "failed.ipynb") == ["ValueError: no"]


def test_the_checker_needs_no_warm_process() -> None:
    """Both use copies.py; they used to import each other."""
    program = "import sys, course.grading.checker; print('course.grading.warm' in sys.modules)"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
