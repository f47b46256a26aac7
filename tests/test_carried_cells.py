"""Cells that notebooks carry: does each topic stand alone, and does it help on machines that make trouble?

Packages cannot be installed, a cache is damaged, full or read-only. The language model is a tiny stand-in;
the notebooks' own tests unpack the real one. What readers see of the cells, test_reader_cells.py looks at.
"""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import fresh
import pytest
import tokenizers
import torch
from carried import SOURCES, TOPICS, cells_of, header, run, text_of
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from course.errors import ROOT
from course.run import last_state

# A notebook that carries the topic has to carry these, too.
RELIES_ON = {
    "attention": ["torch"],  # `Tensor`, `math`
    "counting": ["torch"],
    "domains": ["torch", "experts"],
    "experts": ["torch"],
    "four_kinds": ["torch", "attention", "tiny_gpt", "sentence_pairs", "chinese_grammar"],
    "muon": ["torch"],
    "judging": ["knowledge_base", "retrieval"],
    "reader": ["progress", "side_by_side"],
    "recipe": ["torch", "attention", "training", "muon"],
    "side_by_side": ["progress"],
    "tiny_gpt": ["torch", "attention"],
}


# --- Topics -------------------------------------------------------------------------------------


@pytest.mark.parametrize("topic", TOPICS)
def test_every_cell_of_a_topic_has_a_name(topic: str) -> None:
    """One without is carried by nobody. Only the words above the first are for those who read the file."""
    prose, *code = cells_of(topic)
    assert prose.cell_type == "markdown" and prose.source
    assert code and all(cell.cell_type == "code" and "name" in cell.metadata for cell in code)


def undefined(text: str) -> list[str]:
    """Names that nothing in the text defines or imports."""
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select=F821"]
    done = subprocess.run(
        [*command, "--output-format=concise", "-"], input=text, capture_output=True, text=True
    )
    assert done.returncode in (0, 1), done.stderr
    return re.findall(r"F821 Undefined name `(\w+)`", done.stdout)


@pytest.mark.parametrize("topic", TOPICS)
def test_a_topic_defines_and_imports_what_it_uses(topic: str) -> None:
    others = RELIES_ON.get(topic, [])
    assert undefined(text_of(*others, topic)) == []
    for other in others:
        without = [name for name in others if name != other]
        assert undefined(text_of(*without, topic)), f"{topic} does not rely on {other} any more"


def test_undefined_names_are_found() -> None:
    assert undefined("import math\n\n\ndef f():\n    return math.pi + torch.pi + plt") == ["torch", "plt"]


@functools.cache
def carried() -> dict[str, set[str]]:
    """{topic: names of its cells that some notebook carries}"""
    found: dict[str, set[str]] = {topic: set() for topic in TOPICS}
    for source in SOURCES:
        text = source.read_text(encoding="utf-8")
        for topic, name in re.findall(r'^# %%.* reuse="cells/(\w+):(\w+)"', text, re.MULTILINE):
            found[topic].add(name)
        installs = ["install"] if "needs" in header(source) else []
        for topic in [*header(source).get("carries", []), *installs]:
            found[topic] |= names_of(topic)
    return found


def names_of(topic: str) -> set[str]:
    return {cell.metadata["name"] for cell in cells_of(topic) if "name" in cell.metadata}


@pytest.mark.parametrize("topic", TOPICS)
def test_a_topic_is_carried_by_a_notebook(topic: str) -> None:
    assert names_of(topic) - carried()[topic] == set(), "no notebook carries these: take them out"


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_notebook_carries_no_topic_twice_and_what_its_topics_rely_on(source: Path) -> None:
    """In this order: a topic's imports stand before what uses them."""
    carries = header(source).get("carries", [])
    assert len(set(carries)) == len(carries)
    for place, topic in enumerate(carries):
        missing = set(RELIES_ON.get(topic, [])) - set(carries[:place])
        assert not missing, f"{topic} relies on {missing}"


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


def test_where_it_cannot_be_kept_it_works_all_the_same(missing, tmp_path: Path) -> None:
    """A full disk, a read-only home: a sentence, and the model."""
    if not (cut_off := fresh.cut_off()):
        missing("no bubblewrap")
    full, read_only = tmp_path / "full", tmp_path / "read-only"
    for home in (full, read_only):
        home.mkdir()
    options = [
        "--size",
        "20000",
        "--tmpfs",
        str(full / ".cache"),
        "--ro-bind",
        str(read_only),
        str(read_only),
    ]
    # Both in one process, most of whose time goes to loading torch and transformers.
    code = "import os, sys\nfrom test_carried_cells import Cell\nfor os.environ['HOME'] in sys.argv[1:]:\n"
    code += "    cell = Cell()\n    print(cell.load(), cell.unpacked)"
    done = subprocess.run(
        [*cut_off[:-1], *options, "--", sys.executable, "-c", code, str(full), str(read_only)],
        env=fresh.environment(PYTHONPATH=f"{ROOT}:{ROOT / 'tests'}"),
        capture_output=True,  # as bytes: as text, \r would be taken for the end of a line
    )
    assert done.stderr == b""
    at_first, first, then, second = last_state(done.stdout.decode()).splitlines()
    for said, why in ((at_first, "No space left on device"), (then, "Read-only file system")):
        assert (
            said.startswith("The model is ready, but could not be kept for the next time: ") and why in said
        )
    assert first == second == "True 1"
