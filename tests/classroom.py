"""A class of assignment 1: honest students, unlucky ones, and ones who attack the grader.

Each student is written as: name, what is changed in an honest notebook or which bytes are handed in, and
the row that must come out. An honest notebook gets HONEST points; its written answer is left alone.
"""

from __future__ import annotations

import copy
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import nbformat
from grading import grade_id, solution, substitute, tasks
from nbformat import NotebookNode

from course.build import assignment_path
from course.grading.table import FAILED, GRADED, NOTHING, PERSON

NAME, FILE = "01_attention", "attention.ipynb"
POINTS = {
    "attention": 3.0,
    "causal_mask": 2.0,
    "multi_head": 3.0,
    "rope": 3.0,
    "decode_step": 4.0,
    "attention_cost": 3.0,
    "in_your_words": 0.0,
}
HONEST = sum(POINTS.values())


@dataclass(frozen=True)
class Pupil:
    """Files by path below the class's folder, and the row: status, lost points by task, words in it."""

    name: str
    files: Mapping[str, bytes | Callable[[Path], None]]
    status: str = GRADED
    lost: Mapping[str, float] | None = None
    reason: str = ""
    mended: str = ""

    @property
    def total(self) -> float | None:
        if self.status in (FAILED, NOTHING):
            return None
        return HONEST - sum((self.lost or {}).values())


def release() -> NotebookNode:
    return nbformat.read(assignment_path("exercises", NAME), as_version=4)


def honest(**sources: str) -> NotebookNode:
    """The release with right answers, and other text in some cells."""
    right = {name: task.source for name, task in tasks(solution(NAME)).items()}
    return substitute(release(), {**right, **sources})


def cell(notebook: NotebookNode, name: str) -> NotebookNode:
    """The cell of that grade_id."""
    return next(one for one in notebook.cells if grade_id(one) == name)


def as_bytes(notebook: NotebookNode) -> bytes:
    """Without nbformat's checks: what is wrong must stay wrong."""
    return json.dumps(notebook, ensure_ascii=False).encode()


def with_cell(source: str, at: int = 3, **sources: str) -> NotebookNode:
    """An honest notebook with a cell of the student's own."""
    notebook = honest(**sources)
    notebook.cells.insert(at, nbformat.v4.new_code_cell(source))
    return notebook


def cost(body: str, before: str = "") -> NotebookNode:
    """An honest notebook whose last function (3 points, used by no other) has this body instead."""
    indented = "\n".join(f"    {line}" for line in body.splitlines())
    return honest(attention_cost=f"{before}\ndef attention_cost(B, T, D, H, number_bytes):\n{indented}\n")


def exchange(name: str, notebook: NotebookNode | bytes, **others: bytes) -> dict[str, bytes]:
    """nbgrader's layout."""
    data = notebook if isinstance(notebook, bytes) else as_bytes(notebook)
    return {f"{name}/{NAME}/{FILE}": data} | {f"{name}/{NAME}/{file}": text for file, text in others.items()}


def zipped(files: Mapping[str, bytes], link: str = "") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            archive.writestr(path, data)
        if link:
            info = zipfile.ZipInfo(FILE)
            info.external_attr = 0o120777 << 16
            archive.writestr(info, link)
    return out.getvalue()


NO_COST = {"attention_cost": 3.0}
WRONG_ATTENTION = "def attention(q, k, v, mask=None):\n    return 0 * v[..., :1, :].expand(*q.shape)"
# attention is used by multi_head and decode_step of the solution.
LOST_ATTENTION = {"attention": 3.0, "multi_head": 3.0, "decode_step": 3.0}


def pupils(gradebook: Path, hidden: Path) -> list[Pupil]:
    """The class. gradebook, hidden: files of this machine that some try to get at."""
    return [*_honest(), *_unlucky(), *_broken(), *_hungry(), *_cheating(gradebook, hidden)]


def _honest() -> list[Pupil]:
    def written() -> NotebookNode:
        return honest(in_your_words="Ten times the memory; a hundred times the work for the prompt.")

    return [
        Pupil("alone", exchange("alone", honest())),
        Pupil("flat", {"flat.ipynb": as_bytes(honest())}),
        Pupil("zipped", {"zipped.zip": zipped({FILE: as_bytes(honest())})}),
        Pupil("moodle", {"moodle_12345_assignsubmission_file_/attention.ipynb": as_bytes(honest())}),
        Pupil("inclass1", {"submissions.zip": zipped({
            f"inclass1/{FILE}": as_bytes(honest()), f"inclass2/{FILE}": as_bytes(cost("return {}"))})}),
        Pupil("inclass2", {}, lost=NO_COST),
        Pupil("wrote", exchange("wrote", written()), PERSON, reason="in_your_words"),
        Pupil("李雷", exchange("李雷", honest())),
        Pupil("absent", {}, NOTHING),
        Pupil("emptyhands", {f"emptyhands/{NAME}/.keep": b""}, NOTHING),
        Pupil("untouched", exchange("untouched", release()), lost=POINTS, reason="no task"),
        Pupil("wrong", exchange("wrong", cost("return {'full': 1, 'step': 1, 'scores': 1, 'cache': 1}")),
              lost=NO_COST),
        Pupil("partial", exchange("partial", honest(causal_mask=(
            "import torch\ndef causal_mask(T, S=None):\n    S = T if S is None else S\n"
            "    if S < T: raise ValueError\n    return torch.ones(T, S).tril().bool()"))),
            lost={"causal_mask": 1.75}),
    ]  # fmt: skip


def _unlucky() -> list[Pupil]:
    """What goes wrong with nbgrader alone although the student did nothing wrong."""
    noisy = "import sys, warnings\nwarnings.warn('careful')\nprint('50%', file=sys.stderr)\n"
    right = tasks(solution(NAME))["attention_cost"].source
    twice, old, no_marks, deleted, edited = honest(), honest(), honest(), honest(), honest()
    twice.cells.insert(8, copy.deepcopy(cell(twice, "attention_by_hand")))
    for one in old.cells:
        one.metadata.get("nbgrader", {}).pop("schema_version", None)
    for one in no_marks.cells:
        one.metadata.pop("nbgrader", None)
    deleted.cells = [one for one in deleted.cells if one.id != "attention_hidden"]
    cell(edited, "attention_cost_by_hand").source = "assert True"
    renamed, new = honest(), honest()
    cell(renamed, "rope").metadata.nbgrader.grade_id = "my_rope"
    extra = copy.deepcopy(cell(new, "rope_by_hand"))
    extra.id = extra.metadata.nbgrader.grade_id = "another"
    new.cells.append(extra)
    richer = honest(attention_cost="def attention_cost(*a):\n    return {}")
    cell(richer, "rope_hidden").metadata.nbgrader.points = 2000
    colab = honest()
    colab.metadata = nbformat.from_dict({"colab": {"provenance": []}, "kernelspec": {"name": "python3"}})
    for number, one in enumerate(colab.cells):
        one.metadata["id"] = f"colab{number}"
        one.pop("id", None)
    colab.nbformat_minor = 0
    markdown = honest()
    cell(markdown, "attention_cost").cell_type = "markdown"
    for key in ("outputs", "execution_count"):
        cell(markdown, "attention_cost").pop(key)
    version_3 = nbformat.convert(honest(), 3)
    long_line = with_cell("print('x' * 60_000_000)")
    torch_py = exchange("torchpy", honest(), **{"torch.py": b"raise SystemExit"})
    ours = "def call(f, *a):\n    return None\n"  # a name that the tests use, too
    helper = honest(attention=ours + tasks(solution(NAME))["attention"].source)
    asking = with_cell("name = input('Your name? ')")
    picture = honest()
    picture.cells.insert(3, nbformat.v4.new_markdown_cell("![my drawing](attachment:lost.png)"))
    return [
        Pupil("stderr", exchange("stderr", honest(attention_cost=noisy + right.replace(
            "    d = D // H", "    import sys; print('busy', file=sys.stderr)\n    d = D // H")))),
        Pupil("twice", exchange("twice", twice), mended="twice"),
        Pupil("noversion", exchange("noversion", old)),
        Pupil("nomarks", exchange("nomarks", no_marks), mended="."),
        Pupil("deleted", exchange("deleted", deleted), mended="put back"),
        Pupil("edited", exchange("edited", edited), mended="original"),
        Pupil("renamedcell", exchange("renamedcell", renamed), mended="."),
        Pupil("newcell", exchange("newcell", new), mended="not part"),
        Pupil("richer", exchange("richer", richer), lost=NO_COST, mended="."),
        Pupil("colab", exchange("colab", colab)),
        Pupil("askey", exchange("askey", markdown), mended="."),
        Pupil("version3", exchange("version3", as_bytes(version_3)), mended="."),
        Pupil("bom", exchange("bom", b"\xef\xbb\xbf" + as_bytes(honest())), mended="."),
        Pupil("utf16", exchange("utf16", as_bytes(honest()).decode().encode("utf-16")), mended="."),
        Pupil("renamed", {f"renamed/{NAME}/my homework (2).ipynb": as_bytes(honest())}),
        Pupil("longline", exchange("longline", long_line)),
        Pupil("torchpy", torch_py),
        Pupil("helper", exchange("helper", helper)),
        Pupil("syntax", exchange("syntax", honest(attention_cost="def attention_cost(:")), lost=NO_COST,
              reason="attention_cost: its cell stops with SyntaxError"),
        Pupil("asking", exchange("asking", asking)),
        Pupil("picture", exchange("picture", picture)),
    ]  # fmt: skip


def _broken() -> list[Pupil]:
    """What no one can grade: never a zero, and a sentence that helps."""
    good = as_bytes(honest())
    other = assignment_path("exercises", "02_tokenization_and_arithmetic").read_bytes()
    conflict = good.replace(b'"cells": [', b'<<<<<<< HEAD\n"cells": [', 1)

    def huge(path: Path) -> None:
        with path.open("wb") as file:
            file.write(good[:-1] + b', "padding": "')
            file.truncate(200_000_000)  # zeros, which take no room on the disk

    def link(path: Path) -> None:
        path.symlink_to(assignment_path("solutions", NAME))

    return [
        Pupil("badjson", exchange("badjson", good[: len(good) // 2]), FAILED, reason="."),
        Pupil("empty", exchange("empty", b""), FAILED, reason="empty"),
        Pupil("html", exchange("html", b"<!DOCTYPE html><html>Sign in</html>"), FAILED, reason="web page"),
        Pupil("conflict", exchange("conflict", conflict), FAILED, reason="."),
        Pupil("pdf", {"pdf.ipynb": b"%PDF-1.7 ..."}, FAILED, reason="PDF"),
        Pupil("docx", {f"docx/{NAME}/essay.docx": b"PK.."}, FAILED, reason="essay.docx"),
        Pupil("other", exchange("other", other), FAILED, reason="2"),
        Pupil("nested", exchange("nested", b"[" * 200_000), FAILED, reason="."),
        Pupil("huge", {f"huge/{NAME}/{FILE}": huge}, FAILED, reason="larger than"),
        Pupil("twofiles", {"twofiles.ipynb": good, "twofiles.zip": zipped({FILE: as_bytes(cost("pass"))})},
              FAILED, reason="more than one"),
        Pupil("link", {"link.ipynb": link}, FAILED, reason="link"),
        Pupil("ziplink", {"ziplink.zip": zipped({}, link="/etc/passwd")}, FAILED, reason="."),
        Pupil("zipslip", {"zipslip.zip": zipped({f"../../alone/{NAME}/{FILE}": good})}, FAILED, reason="."),
        Pupil("zipbomb", {"zipbomb.zip": zipped({FILE: b"0" * 120_000_000})}, FAILED, reason="."),
        Pupil("badzip", {"badzip.zip": b"PK\x03\x04 and no more"}, FAILED, reason="."),
    ]  # fmt: skip


def _hungry() -> list[Pupil]:
    """Endless, greedy or deadly code: it costs its own task, and nobody else anything."""
    deaf = (
        "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "while True:\n    try:\n        pass\n    except BaseException:\n        pass"
    )
    fork = "import os\nwhile True:\n    os.fork()"
    return [
        Pupil("pandas", exchange("pandas", cost("return {}", "import pandas as pd")), lost=NO_COST,
              reason="No module named 'pandas'. The grader lacks this package: write the answer with Python"),
        Pupil("exits", exchange("exits", with_cell("exit()"))),
        Pupil("osexits", exchange("osexits", with_cell("import os\nos._exit(0)"))),
        Pupil("crashes", exchange("crashes", cost("import ctypes\nctypes.string_at(0)")), lost=NO_COST),
        Pupil("exitsinside", exchange("exitsinside", cost("import os\nos._exit(0)")), lost=NO_COST),
        Pupil("sysexits", exchange("sysexits", cost("raise SystemExit(0)")), lost=NO_COST),
        Pupil("sleeps", exchange("sleeps", with_cell("import time\ntime.sleep(1e9)"))),
        Pupil("loops", exchange("loops", cost("while True: pass")), lost=NO_COST),
        Pupil("deaf", exchange("deaf", with_cell(deaf))),
        Pupil("forkbomb", exchange("forkbomb", cost(fork)), lost=NO_COST),
        Pupil("tenGB", exchange("tenGB", cost("import torch\nreturn torch.ones(10 << 30)")), lost=NO_COST),
        Pupil("list", exchange("list", cost("x = []\nwhile True:\n    x.append(bytes(1 << 24))")),
              lost=NO_COST),
        Pupil("prints", exchange("prints", cost("while True:\n    print('x' * 1000)")), lost=NO_COST),
        Pupil("fillsdisk", exchange("fillsdisk", with_cell(
            "with open('/tmp/x', 'wb') as f:\n    while True:\n        f.write(bytes(1 << 20))"))),
        Pupil("recursion", exchange("recursion", cost("return attention_cost(B, T, D, H, number_bytes)")),
              lost=NO_COST),
        Pupil("nests", exchange("nests", cost("x = []\nx.append(x)\nreturn x")), lost=NO_COST),
        Pupil("talks", exchange("talks", cost("raise ValueError('x' * 100_000_000)")), lost=NO_COST),
    ]  # fmt: skip


def _cheating(gradebook: Path, hidden: Path) -> list[Pupil]:
    """What raises marks, or does harm, with nbgrader alone."""
    lie = "import torch, builtins\n{}\n" + WRONG_ATTENTION

    def lies(trick: str) -> NotebookNode:
        return honest(attention=lie.format(trick))

    forged = honest(attention_cost="def attention_cost(*a):\n    return {}")
    for one in forged.cells:
        if one.metadata.get("nbgrader", {}).get("grade"):
            result = nbformat.v4.new_output("execute_result", {"text/plain": "3.0"}, execution_count=1)
            one.outputs = [result] if one.cell_type == "code" else []
    places = [str(hidden), str(assignment_path("solutions", NAME)), "/etc/passwd"]
    reads = (
        f"for path in {places!r}:\n    try:\n        print('LEAK', open(path).read())\n"
        "    except OSError as error:\n        print(error)"
    )
    writes = (
        f"import sqlite3\nbase = sqlite3.connect({str(gradebook)!r})\n"
        "base.execute('UPDATE grade SET auto_score = 10')\nbase.commit()"
    )
    kills = "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\nos.kill(-1, signal.SIGKILL)"
    net = "import urllib.request\nprint('LEAK', urllib.request.urlopen('http://example.com').read())"
    ipython = (
        "import IPython\nshell = IPython.get_ipython()\n"
        "type(shell).run_cell = lambda *a, **k: None\nshell.run_cell = lambda *a, **k: None"
    )
    wire = (
        "import sys\nw = sys.modules['course.grading.wire']\n"
        "w.Peer.answer = lambda self, *a, **k: [3.0, None, [], None]"
    )
    points = "class Points:\n    def __init__(self, most): self.most = most\n    def total(self): return 3.0"
    leaks = "print('LEAK', In[-1], [x for x in In if 'HIDDEN' in x], _ih)"
    script = "from IPython.display import HTML, Javascript, display\ndisplay(HTML('<script>LEAK</script>'))"
    return [
        Pupil("allclose", exchange("allclose", lies("torch.allclose = lambda *a, **k: True")),
              lost=LOST_ATTENTION),
        Pupil("equality", exchange("equality", lies("torch.Tensor.__eq__ = lambda *a: torch.ones(1).bool()")),
              lost=LOST_ATTENTION),
        Pupil("builtins", exchange("builtins", lies(
            "builtins.isinstance = lambda *a: True\nbuiltins.abs = lambda x: 0")),
              lost={**LOST_ATTENTION, "decode_step": 4.0}),
        Pupil("ownpoints", exchange("ownpoints", lies(points)), lost=LOST_ATTENTION),
        Pupil("ownchecks", exchange("ownchecks", lies("check = call = compare = lambda *a, **k: None")),
              lost=LOST_ATTENTION),
        Pupil("ipython", exchange("ipython", lies(ipython)), lost=POINTS),
        Pupil("wire", exchange("wire", cost("return {}", wire)), lost=NO_COST),
        Pupil("forges", exchange("forges", forged), lost=NO_COST),
        Pupil("leaks", exchange("leaks", cost(leaks + "\nreturn {}")), lost=NO_COST),
        Pupil("reads", exchange("reads", with_cell(reads))),
        Pupil("writes", exchange("writes", with_cell(writes, attention_cost="def attention_cost(*a): pass")),
              lost=NO_COST),
        Pupil("kills", exchange("kills", with_cell(kills))),
        Pupil("calls", exchange("calls", with_cell(net))),
        Pupil("scripts", exchange("scripts", with_cell(script))),
    ]  # fmt: skip
