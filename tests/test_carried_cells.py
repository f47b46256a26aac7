"""Cells that lessons carry, on machines that make trouble: packages that cannot be installed, a cache that is
damaged, full or read-only. The language model is a tiny stand-in; the lessons' own tests unpack the real one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import fresh
import pytest
import tokenizers
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from course.errors import ROOT
from course.run import last_state
from course.sources import find_cell


def text_of(name: str) -> str:
    return find_cell(f"cells:{name}", ROOT, "a test").source


def run(name: str) -> Any:
    """The cell as a module: its functions see what is set on it."""
    module = ModuleType(name)
    exec(compile(text_of(name), name, "exec"), module.__dict__)
    return module


# --- What is installed --------------------------------------------------------------------------

HERE, NOT_HERE = "pytest==0.0.1", "no-such-package==1.2.3"  # another version will do


class Pip:
    """In pip's place: notes its command, and ends as it is told."""

    def __init__(self, status: int = 0, says: str = "") -> None:
        self.commands: list[list[str]] = []
        self.done = SimpleNamespace(returncode=status, stderr=says)

    def run(self, command: list[str], **options: object) -> SimpleNamespace:
        self.commands.append(command)
        return self.done


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Pip]:
    """install_missing(...) with another pip, in a kernel that has not loaded transformers."""
    monkeypatch.delitem(sys.modules, "transformers")

    def install(*needs: str, pip: Pip | None = None, appears: bool = True) -> Pip:
        cell, pip = run("install"), pip or Pip()
        cell.subprocess = pip
        look, asked = cell.is_missing, []

        def is_missing(requirement):
            asked.append(requirement)
            return look(requirement) and not (appears and pip.commands)

        cell.is_missing = is_missing
        cell.install_missing(*needs)
        return pip

    return install


def test_only_what_is_missing_is_installed(install: Callable[..., Pip]) -> None:
    elsewhere = "another-one==1.0; sys_platform == 'plan9'"
    assert install(HERE, elsewhere).commands == []
    [command] = install(HERE, NOT_HERE, elsewhere, "also-missing==2.0").commands
    assert command[:4] == [sys.executable, "-m", "pip", "install"]
    assert command[-3:] == ["--no-deps", NOT_HERE, "also-missing==2.0"]


def test_a_failing_pip_gives_a_sentence(install: Callable[..., Pip]) -> None:
    full = "WARNING: a\nERROR: Could not install packages due to an OSError: No space left on device\n\n"
    with pytest.raises(
        RuntimeError, match=f"pip cannot install {NOT_HERE}: ERROR: .*No space left on device"
    ):
        install(NOT_HERE, pip=Pip(1, full))
    kept = "error: externally-managed-environment\n\n  A long explanation.\n\nhint: See PEP 668."
    with pytest.raises(RuntimeError, match=f"pip cannot install {NOT_HERE}: error: externally-managed"):
        install(NOT_HERE, pip=Pip(1, kept))
    with pytest.raises(RuntimeError, match="it says nothing"):
        install(NOT_HERE, pip=Pip(1))


def test_what_was_loaded_before_needs_a_new_kernel(
    install: Callable[..., Pip], monkeypatch: pytest.MonkeyPatch
) -> None:
    """transformers, and an environment in which pip installs where this kernel does not look."""
    with pytest.raises(RuntimeError, match="restart the kernel"):
        install(NOT_HERE, appears=False)
    monkeypatch.setitem(sys.modules, "transformers", SimpleNamespace())
    with pytest.raises(RuntimeError, match="restart the kernel"):
        install(NOT_HERE)
    assert install(HERE).commands == []


def test_the_real_pip_fails_as_expected() -> None:
    code = f"{text_of('install')}\ninstall_missing({NOT_HERE!r})"
    environment = fresh.environment(PIP_NO_INDEX="1", PIP_FIND_LINKS="", PIP_CONFIG_FILE="/dev/null")
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert f"pip cannot install {NOT_HERE}: ERROR: No matching distribution found" in done.stderr


# --- The unpacked model -------------------------------------------------------------------------


def tiny() -> tuple[PreTrainedTokenizerFast, LlamaForCausalLM]:
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0, "b": 1}, unk_token="a"))
    config = LlamaConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        vocab_size=64,
        dtype="float32",
    )
    return PreTrainedTokenizerFast(tokenizer_object=words), LlamaForCausalLM(config)


class Cell:
    """load_smollm2() with a tiny model to unpack."""

    def __init__(self) -> None:
        self.cell, self.unpacked = run("smollm2"), 0
        self.cell.unpack_smollm2 = self.unpack
        self.model = tiny()

    def unpack(self) -> tuple[PreTrainedTokenizerFast, LlamaForCausalLM]:
        self.unpacked += 1
        return self.model

    def load(self) -> bool:
        """Is it the right model?"""
        tokenizer, model = self.cell.load_smollm2()
        weights = self.model[1].state_dict()
        same = all(torch.equal(weights[name], value) for name, value in model.state_dict().items())
        return same and tokenizer.get_vocab() == {"a": 0, "b": 1} and not model.training


@pytest.fixture
def smollm2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cell:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "")  # set, but to nothing
    return Cell()


def kept(home: Path) -> Path:
    """The folder of the unpacked model, and nothing beside it."""
    [folder] = (home / ".cache" / "llm-put-to-the-test").iterdir()
    return folder


def test_unpacked_once(smollm2: Cell, tmp_path: Path) -> None:
    assert smollm2.load() and smollm2.load()
    assert smollm2.unpacked == 1
    assert kept(tmp_path).name.startswith("smollm2-")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flip(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1] + b"x")


def empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


DAMAGE: dict[str, Callable[[Path], object]] = {
    "weights cut off": lambda folder: cut(folder / "model.safetensors"),
    "weights changed": lambda folder: flip(folder / "model.safetensors"),
    "no settings": lambda folder: (folder / "config.json").unlink(),
    "tokenizer changed": lambda folder: flip(folder / "tokenizer.json"),
    "as an earlier version kept it": lambda folder: (folder / "SHA256SUMS").unlink(),
    "nothing in the list": lambda folder: (folder / "SHA256SUMS").write_text(""),
    "half of the list": lambda folder: (folder / "SHA256SUMS").write_text("0" * 64 + "  config.json\n"),
    "noise in the list": lambda folder: (folder / "SHA256SUMS").write_bytes(b"\xff\x00 x y\n"),
    "empty": empty,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_copy_that_is_not_whole_is_made_again(
    smollm2: Cell, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    smollm2.load()
    damage(kept(tmp_path))
    assert smollm2.load() and smollm2.unpacked == 2
    assert smollm2.load() and smollm2.unpacked == 2
    assert kept(tmp_path)


def test_what_a_stopped_kernel_left_is_swept_up(smollm2: Cell, tmp_path: Path) -> None:
    smollm2.load()
    folder = kept(tmp_path)
    old, young = (folder.with_name(f"{folder.name}-part-{name}") for name in ("old", "young"))
    for path in (old, young):
        path.mkdir()
    os.utime(old, (0, 0))
    empty(folder)
    smollm2.load()
    assert not old.exists() and young.exists()


@pytest.mark.parametrize("damaged", [False, True])
def test_two_notebooks_at_once(
    smollm2: Cell, tmp_path: Path, damaged: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    if damaged:
        smollm2.load()
        empty(kept(tmp_path))
    both, right = threading.Barrier(2), []

    def unpack() -> tuple[PreTrainedTokenizerFast, LlamaForCausalLM]:
        both.wait(60)  # neither has kept anything yet
        return smollm2.model

    smollm2.cell.unpack_smollm2 = unpack
    threads = [threading.Thread(target=lambda: right.append(smollm2.load())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert right == [True, True]
    assert kept(tmp_path)
    assert "could not be kept" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "options, why",
    [
        (["--size", "20000", "--tmpfs", "HOME/.cache"], "No space left on device"),
        (["--ro-bind", "HOME", "HOME"], "Read-only file system"),
    ],
)
def test_where_it_cannot_be_kept_it_works_all_the_same(
    missing, tmp_path: Path, options: list[str], why: str
) -> None:
    """A full disk, a read-only home: a sentence, and the model."""
    if not (cut_off := fresh.cut_off()):
        missing("no bubblewrap")
    code = "from test_carried_cells import Cell\ncell = Cell()\nprint(cell.load(), cell.unpacked)"
    options = [option.replace("HOME", str(tmp_path)) for option in options]
    environment = fresh.environment(HOME=str(tmp_path), PYTHONPATH=f"{ROOT}:{ROOT / 'tests'}")
    done = subprocess.run(
        [*cut_off[:-1], *options, "--", sys.executable, "-c", code],
        env=environment,
        capture_output=True,  # as bytes: as text, \r would be taken for the end of a line
    )
    said, result = last_state(done.stdout.decode()).splitlines()
    assert said.startswith("The model is ready, but could not be kept for the next time: ") and why in said
    assert result == "True 1"
    assert done.stderr == b""
