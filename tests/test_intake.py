"""What students hand in: found in any layout, mended without guessing, refused with a sentence."""

from __future__ import annotations

import copy
import functools
import io
import json
import os
import random
import stat
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode

from course.build import assignment_path
from course.errors import CourseError
from course.grading import intake
from course.grading.intake import Submission, collect, read
from course.grading.mend import Mended, Unusable, mend

NAME, BOOK = "01_attention", "attention"
PATH = f"{NAME}/{BOOK}.ipynb"


@functools.cache
def _notebook(folder: str, name: str = NAME) -> NotebookNode:
    return nbformat.read(assignment_path(folder, name), as_version=4)


SOURCE, RELEASE = _notebook("solutions"), _notebook("exercises")
OTHERS = {
    name: {cell.metadata.nbgrader.grade_id for cell in _notebook("solutions", name).cells if cell.metadata}
    for name in ("02_tokenization_and_arithmetic", "03_tiny_gpt", "04_moe_routing")
}


def fresh(name: str = NAME) -> NotebookNode:
    """The release as a student gets it."""
    return copy.deepcopy(_notebook("exercises", name))


def as_bytes(notebook: Any) -> bytes:
    return json.dumps(notebook, ensure_ascii=False, indent=1).encode()


def mended(notebook: Any) -> Mended:
    """Mended; and what must hold of every mended notebook."""
    done = mend(as_bytes(notebook), SOURCE, RELEASE, OTHERS)
    check_gradable(done.notebook)
    return done


def check_gradable(notebook: NotebookNode) -> None:
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    wanted = {name(cell): cell for cell in SOURCE.cells if name(cell)}
    marked = [cell for cell in notebook.cells if "nbgrader" in cell.metadata]
    assert sorted(map(name, marked)) == sorted(wanted), "each marked cell once, and no other"
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    for cell in marked:
        source = wanted[name(cell)]
        assert cell.metadata.nbgrader == source.metadata.nbgrader
        assert (cell.cell_type, cell.id) == (source.cell_type, source.id)
        if cell.metadata.nbgrader.locked:
            assert cell.source == at(RELEASE, name(cell)).source
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)


def name(cell: NotebookNode) -> str:
    return cell.metadata.get("nbgrader", {}).get("grade_id", "")


def index(notebook: NotebookNode, grade_id: str) -> int:
    return next(i for i, cell in enumerate(notebook.cells) if name(cell) == grade_id)


def at(notebook: NotebookNode, grade_id: str) -> NotebookNode:
    return notebook.cells[index(notebook, grade_id)]


def refused(data: bytes) -> str:
    with pytest.raises(Unusable) as caught:
        mend(data, SOURCE, RELEASE, OTHERS)
    return str(caught.value)


def sources(notebook: NotebookNode) -> list[str]:
    return [cell.source for cell in notebook.cells]


# --- mend: bytes


def test_release_and_solution_pass_unchanged() -> None:
    for notebook in (RELEASE, SOURCE):
        done = mended(notebook)
        assert [cell.id for cell in done.notebook.cells] == [cell.id for cell in RELEASE.cells]
        assert done.notebook.metadata == RELEASE.metadata
    done = mended(fresh())
    assert (done.notes, done.doubts, sources(done.notebook)) == ([], [], sources(RELEASE))


def test_outputs_and_foreign_metadata_are_left_out() -> None:
    notebook = fresh()
    cell = at(notebook, "attention")
    cell.outputs, cell.execution_count = [{"output_type": "nonsense"}, 7], "x"
    notebook.cells[0].metadata = {"tags": ["raises-exception"], "colab": {"base_uri": 1}}
    notebook.metadata.kernelspec = {"name": "conda-env", "display_name": "mine", "language": "R"}
    notebook.cells[0]["attachments"] = {"picture.png": 3}
    done = mended(notebook)
    assert done.notes == []
    assert done.notebook.metadata == RELEASE.metadata and done.notebook.cells[0].metadata == {}
    assert "attachments" not in done.notebook.cells[0]


def test_attachments_stay_in_a_written_answer() -> None:
    notebook, picture = fresh(), {"p.png": {"image/png": "aGk="}}
    at(notebook, "in_your_words")["attachments"] = picture
    assert at(mended(notebook).notebook, "in_your_words").attachments == picture


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_byte_order_mark_is_mended(encoding: str) -> None:
    text = as_bytes(fresh()).decode()
    done = mend(text.encode(encoding), SOURCE, RELEASE)
    assert sources(done.notebook) == sources(RELEASE) and len(done.notes) == 1


BAD = {
    "empty": (b"", "is empty"),
    "blank": (b" \n", "is empty"),
    "web page": (b"<!DOCTYPE html><html>", "web page (HTML)"),
    "pdf": (b"%PDF-1.7 ...", "a PDF"),
    "zip": (b"PK\x03\x04....xl/", "a zip file"),
    "word": (b"PK\x03\x04....word/document.xml", "a Word file"),
    "python": (b"import torch\n\ndef f(x):\n    return x\n", "a Python script"),
    "text": (b"my answers", "begins with {"),
    "latin": (b'{"cells": "\xe9"}', "byte 12"),
    "zeros": (b'{"cells\x00": []}', "zero bytes"),
    "no json": (b'{"cells": [],\n "metadata" {}}', "line 2"),
    "cut off": (as_bytes(fresh())[:5000], "cut off"),
    "list": (b"[1, 2]", "no cells"),
    "no cells": (b'{"metadata": {}}', "no cells"),
    "cells no list": (b'{"cells": {}}', "no cells"),
    "number": (b'{"cells": [' + b"1" * 5000 + b"]}", "no notebook has"),
    "deep": (b'{"cells":' + b"[" * 100_000, "nested too deeply"),
    "future": (b'{"nbformat": 9, "cells": []}', "format 9"),
    "cell is a number": (b'{"cells": [NaN]}', "Cell 1"),
    "no text": (b'{"cells": [{"cell_type": "code", "source": [1]}]}', "Cell 1"),
    "nothing of it": (b'{"cells": [{"cell_type": "code", "source": "x = 1"}]}', "not the notebook of"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_notebook_is_refused(case: str) -> None:
    data, says = BAD[case]
    assert says in refused(data)


def test_merge_conflict_is_named_by_its_line() -> None:
    lines = as_bytes(fresh()).decode().splitlines()
    lines[5:5] = ["<<<<<<< HEAD", "=======", ">>>>>>> other"]
    assert "Line 6 holds the mark of a merge conflict" in refused("\n".join(lines).encode())


def test_what_is_too_large_is_refused() -> None:
    notebook = fresh()
    at(notebook, "attention").source += "#" * 1_000_001
    assert "Cell 6 holds" in refused(as_bytes(notebook))
    notebook = fresh()
    notebook.cells += [nbformat.v4.new_code_cell("1", id=str(i)) for i in range(2_000)]
    assert "2,032 cells" in refused(as_bytes(notebook))


def _nodes(tree: Any) -> list[tuple[Any, Any]]:
    """Every place in a tree of JSON: (the container, the key)."""
    items = list(tree.items()) if isinstance(tree, dict) else list(enumerate(tree))
    below = [node for _, value in items if isinstance(value, dict | list) for node in _nodes(value)]
    return [(tree, key) for key, _ in items] + below


def test_no_bytes_and_no_json_give_a_traceback() -> None:
    dice, data = random.Random(7), as_bytes(fresh())
    passed = 0
    odd: list[Any] = [None, 1, -1.5, "", "x", "\ud800", [], {}, [[]], {"a": 1}, True, float("nan"), ["a", 1]]
    for round_ in range(200):
        if round_ % 3:
            tree = json.loads(data)
            for container, key in dice.sample(_nodes(tree), dice.randint(1, 4)):
                container[key] = copy.deepcopy(dice.choice(odd))
            changed = json.dumps(tree).encode()
        else:
            raw = bytearray(data)
            for _ in range(dice.randint(1, 3)):
                place = dice.randrange(len(raw))
                raw[place : place + dice.choice([0, 1, 50])] = dice.choice(
                    [b"", b"[", b'"', b"\xff", b"null"]
                )
            changed = bytes(raw)
        try:
            done = mend(changed, SOURCE, RELEASE, OTHERS)
        except Unusable as error:
            assert len(str(error)) > 20 and "could not be mended" not in str(error), changed[:200]
            continue
        check_gradable(done.notebook)
        nbformat.writes(done.notebook).encode()
        passed += 1
    assert passed > 60


def test_a_source_that_no_one_can_mend_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("course.grading.mend._cells", lambda raw, plan: 1 / 0)
    assert "ZeroDivisionError" in refused(as_bytes(fresh()))


# --- mend: formats


def test_format_3_is_converted() -> None:
    done = mended(json.loads(nbformat.writes(fresh(), version=3)))
    assert "old format (3)" in done.notes[0]
    assert [text.strip() for text in sources(done.notebook)] == [text.strip() for text in sources(RELEASE)]


def test_format_4_0_with_lines_and_without_ids() -> None:
    notebook = json.loads(as_bytes(fresh()))
    notebook["nbformat_minor"] = 0
    for cell in notebook["cells"]:
        cell["source"] = cell["source"].splitlines(keepends=True)
        del cell["id"]
        for key in ("outputs", "execution_count"):
            cell.pop(key, None)
    done = mended(notebook)
    assert (done.notes, sources(done.notebook)) == ([], sources(RELEASE))


def test_missing_fields_and_unknown_kinds() -> None:
    notebook = json.loads(as_bytes(fresh()))
    notebook["metadata"] = []
    notebook["cells"][0] = {"cell_type": "heading", "metadata": "none", "level": 1, "source": "Mine"}
    notebook["cells"].append({"cell_type": "code"})
    done = mended(notebook)
    assert [cell.cell_type for cell in done.notebook.cells][:: len(notebook["cells"]) - 1] == [
        "markdown",
        "code",
    ]
    assert done.notes == ["Cell 1 was neither code nor text; it was taken as text."]


def test_half_a_character_can_be_written() -> None:
    notebook = fresh()
    at(notebook, "attention").source = "x = '\ud83d'"
    done = mend(json.dumps(notebook).encode(), SOURCE, RELEASE)
    assert at(done.notebook, "attention").source == "x = '?'"


# --- mend: cells twice, missing, without marks


def test_duplicates_stay_as_plain_cells() -> None:
    notebook = fresh()
    place = index(notebook, "attention")
    notebook.cells.insert(place + 1, copy.deepcopy(notebook.cells[place]))
    notebook.cells[place + 1].source = "def attention(q, k, v, mask=None):\n    return v"
    done = mended(notebook)
    assert sources(done.notebook) == sources(notebook)
    assert name(done.notebook.cells[place]) == "attention" and not done.notebook.cells[place + 1].metadata
    assert done.notes == [
        "Your answer cell to Task 1: scaled dot-product attention stood in your notebook twice. "
        "The first one counts; the other was kept as an ordinary cell."
    ]


def test_of_duplicates_the_code_counts() -> None:
    notebook = fresh()
    place = index(notebook, "attention")
    notebook.cells.insert(place, copy.deepcopy(notebook.cells[place]))
    notebook.cells[place].cell_type = "raw"
    done = mended(notebook)
    assert name(done.notebook.cells[place + 1]) == "attention" and "The one that is code" in done.notes[0]


def _written(*texts: str) -> Mended:
    notebook = fresh()
    answer = notebook.cells.pop(index(notebook, "in_your_words"))
    for text in texts:
        notebook.cells.append(copy.deepcopy(answer))
        notebook.cells[-1].source = text or answer.source
    return mended(notebook)


def test_of_written_answers_the_one_that_was_written_counts() -> None:
    done = _written("", "The work grows.")
    assert at(done.notebook, "in_your_words").source == "The work grows." and done.doubts == []
    assert "The one with your answer counts" in done.notes[0]
    done = _written("One.", "", "Two.")
    assert at(done.notebook, "in_your_words").source == "One."
    assert "2 different written answers" in done.doubts[0]
    assert _written("", "").doubts == []


def test_marks_come_back_by_cell_id() -> None:
    notebook = fresh()
    for grade_id in ("rope", "rope_hidden", "in_your_words"):
        del at(notebook, grade_id).metadata["nbgrader"]
    notebook.cells[index(RELEASE, "rope")].source = "def other():\n    pass"
    done = mended(notebook)
    assert sources(done.notebook) == sources(notebook) and len(done.notes) == 3
    assert "Task 4: rotary positions had lost the mark" in done.notes[0]


def test_colabs_ids_in_the_metadata_count() -> None:
    notebook = json.loads(as_bytes(fresh()))
    for cell in notebook["cells"]:
        cell["metadata"] = {"id": cell.pop("id"), "colab": {}}
    at_ = index(RELEASE, "rope")
    notebook["cells"][at_]["source"] = "rope = lambda x, positions, base=1e4: x"
    done = mended(notebook)
    assert at(done.notebook, "rope").source.startswith("rope = lambda")


def test_marks_come_back_by_text_function_and_question() -> None:
    notebook = json.loads(as_bytes(fresh()))
    for cell in notebook["cells"]:
        cell["metadata"] = {}
        del cell["id"]
    notebook["cells"][index(RELEASE, "rope")]["source"] = "%time\ndef rope(x, positions):\n    return x"
    notebook["cells"][index(RELEASE, "in_your_words")]["source"] = "The work grows."
    done = mended(notebook)
    assert len(done.notes) == 1 and "24 cells of your notebook had lost the marks" in done.notes[0]
    assert [name(cell) for cell in done.notebook.cells] == [name(cell) for cell in RELEASE.cells]
    assert at(done.notebook, "in_your_words").source == "The work grows."


def test_a_text_with_the_cells_id_is_not_the_answer() -> None:
    notebook = fresh()
    place = index(notebook, "rope")
    notebook.cells[place] = nbformat.v4.new_code_cell("def rope(x): return x", id="mine")
    notebook.cells.insert(place, nbformat.v4.new_markdown_cell("Here is my answer.", id="rope"))
    done = mended(notebook)
    assert at(done.notebook, "rope").source == "def rope(x): return x" and len(done.notes) == 1


def test_a_new_name_is_taken_off() -> None:
    notebook = fresh()
    at(notebook, "rope").metadata.nbgrader["grade_id"] = "rope_2"
    at(notebook, "multi_head_by_hand").metadata.nbgrader["grade_id"] = ["x"]
    notebook.cells.append(nbformat.v4.new_code_cell("own = 1", id="rope"))
    notebook.cells[-1].metadata["nbgrader"] = {"grade_id": "mine", "grade": True, "points": 100}
    notebook.cells.append(nbformat.v4.new_code_cell("more = 1", id="m"))
    notebook.cells[-1].metadata["nbgrader"] = {"grade_id": "quiet", "grade": False}
    del notebook.cells[index(notebook, "rope_2")]["id"]
    notebook.cells[-2]["id"] = "free"
    done = mended(notebook)
    assert sources(done.notebook) == sources(notebook)
    assert len(done.notes) == 3 and 'begins with "own = 1"' in done.notes[-1]


def test_missing_tests_are_put_back_in_their_place() -> None:
    notebook = fresh()
    gone = {"checks", "rope_by_hand", "rope_hidden", "decode_step_rotated"}
    notebook.cells = [cell for cell in notebook.cells if name(cell) not in gone]
    done = mended(notebook)
    assert sources(done.notebook) == sources(RELEASE)
    assert "Tests of Task 4: rotary positions were missing; they have been put back." in done.notes
    assert len(done.notes) == 3


def test_missing_answers_are_put_back_empty() -> None:
    notebook = fresh()
    notebook.cells = [cell for cell in notebook.cells if name(cell) not in ("rope", "in_your_words")]
    done = mended(notebook)
    assert sources(done.notebook) == sources(RELEASE)
    assert done.notes[0].endswith("Task 4: rotary positions was missing; the empty one stands there now.")


def test_a_function_in_another_cell_is_not_defined_anew() -> None:
    notebook = fresh()
    rope = notebook.cells.pop(index(notebook, "rope"))
    at(notebook, "multi_head").source += "\n\n\ndef rope(x, positions, base=10000.0):\n    return x"
    done = mended(notebook)
    assert "def rope" not in at(done.notebook, "rope").source and rope.source
    assert "rope, defined in another cell, counts" in done.notes[0] and "Task 4" in done.doubts[0]


def test_two_unmarked_functions_are_not_chosen_from() -> None:
    notebook = fresh()
    place = index(notebook, "rope")
    notebook.cells[place] = nbformat.v4.new_code_cell("def rope(x): return 1", id="a")
    notebook.cells.insert(place, nbformat.v4.new_code_cell("def rope(x): return 2", id="b"))
    done = mended(notebook)
    assert "def rope" not in at(done.notebook, "rope").source and done.doubts


def test_another_assignment_is_named() -> None:
    for other in OTHERS:
        says = refused(as_bytes(fresh(other)))
        assert f"notebook of assignment {int(other[:2])} ({other[3:]}.ipynb)" in says
    with pytest.raises(Unusable, match="not the notebook of"):
        mend(as_bytes(fresh("03_tiny_gpt")), SOURCE, RELEASE)


# --- mend: changed by hand


def test_marks_and_points_are_the_assignments() -> None:
    notebook = fresh()
    at(notebook, "rope_hidden").metadata.nbgrader["points"] = 100
    at(notebook, "rope_by_hand").metadata.nbgrader.update(locked=False, schema_version=1)
    at(notebook, "rope").metadata.nbgrader.update(grade=True, points=3)
    done = mended(notebook)
    assert done.notes == [
        "The points of test cell 2 of Task 4: rotary positions had been changed; "
        "the assignment's points count."
    ]


def test_locked_text_is_the_releases() -> None:
    notebook = fresh()
    at(notebook, "rope_by_hand").source = "pass"
    at(notebook, "imports").source += "   \n\n"
    done = mended(notebook)
    assert done.notes == ["Test cell 1 of Task 4: rotary positions had been changed; the original was used."]


def test_another_version_of_the_assignment_is_no_accusation() -> None:
    notebook = fresh()
    notebook.metadata.course["sha256"] = "0" * 64
    at(notebook, "rope_by_hand").source = "pass"
    at(notebook, "rope_hidden").metadata.nbgrader["points"] = 1
    done = mended(notebook)
    assert len(done.notes) == 1 and "another version of the assignment" in done.notes[0] and done.doubts


def test_another_version_without_other_tests_is_not_mentioned() -> None:
    notebook = fresh()
    notebook.metadata.course["sha256"] = "0" * 64
    assert mended(notebook).notes == []


def test_a_slip_of_the_kind_is_mended() -> None:
    notebook = fresh()
    at(notebook, "rope").update(cell_type="markdown", source="def rope(x): return x")
    at(notebook, "in_your_words").update(cell_type="code", source="The work grows.")
    at(notebook, "rope_hidden").cell_type = "raw"
    done = mended(notebook)
    assert at(done.notebook, "rope").source == "def rope(x): return x"
    assert len(done.notes) == 3
    assert "had become a text cell; it was made a code cell again" in done.notes[0]


def test_order_stays_with_a_doubt() -> None:
    notebook = fresh()
    notebook.cells.insert(0, notebook.cells.pop(index(notebook, "rope_by_hand")))
    done = mended(notebook)
    assert sources(done.notebook) == sources(notebook)
    assert done.notes == [] and len(done.doubts) == 1 and "Test cell 1 of Task 4" in done.doubts[0]


def test_a_text_beside_the_empty_answer_is_a_doubt() -> None:
    notebook = fresh()
    notebook.cells.append(nbformat.v4.new_markdown_cell("The work grows.", id="own"))
    assert "may be the answer" in mended(notebook).doubts[0]
    at(notebook, "in_your_words").source = "It does."
    assert mended(notebook).doubts == []


def test_ids_become_unique_and_the_same_every_time() -> None:
    notebook = fresh()
    for key in ("rope", "a b", "", "x", "x"):
        notebook.cells.append(nbformat.v4.new_code_cell("1"))
        notebook.cells[-1]["id"] = key
    first, second = mended(notebook).notebook, mended(notebook).notebook
    assert first == second and first.cells[-2].id == "x"


# --- intake: layouts


def put(folder: Path, names: str | list[str]) -> Path:
    """Files whose content is their own name."""
    for one in [names] if isinstance(names, str) else names:
        (folder / one).parent.mkdir(parents=True, exist_ok=True)
        (folder / one).write_text(one, encoding="utf-8")
    return folder


def zipped(members: dict[str, bytes | str] | list[str]) -> bytes:
    data = io.BytesIO()
    contents = members if isinstance(members, dict) else {one: one for one in members}
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for one, content in contents.items():
            archive.writestr(one, content)
    return data.getvalue()


def taken(folder: Path) -> dict[str, str]:
    """student -> what is read; in brackets, why it is not."""
    found = collect(folder, NAME, BOOK)
    assert [one.student for one in found] == sorted({one.student for one in found})
    return {one.student: f"({one.problem})" if one.problem else read(one).decode() for one in found}


def test_nbgraders_layout(tmp_path: Path) -> None:
    put(tmp_path, [f"ann/{PATH}", "ann/02_tiny/tiny.ipynb", f"ann/{NAME}/.ipynb_checkpoints/old.ipynb"])
    put(tmp_path, [f"bob/{NAME}/my work.ipynb", f"cy/{NAME}/essay.pdf", "dee/02_tiny/tiny.ipynb"])
    put(tmp_path, [f"eve/{NAME}/a.ipynb", f"eve/{NAME}/b.ipynb", ".hidden/x.ipynb"])
    put(tmp_path, f"fay/{NAME}/timestamp.txt")
    (tmp_path / "gil" / NAME).mkdir(parents=True)
    (tmp_path / f"ann/{NAME}/timestamp.txt").write_text("2026-03-01 10:00:00.000000 UTC\n")
    (tmp_path / f"bob/{NAME}/timestamp.txt").write_text("yesterday, or so")
    found = taken(tmp_path)
    assert found.pop("ann") == f"ann/{PATH}" and found.pop("bob") == f"bob/{NAME}/my work.ipynb"
    assert "only essay.pdf" in found.pop("cy") and "several notebooks: a.ipynb, b.ipynb" in found.pop("eve")
    assert not found
    first, second, *_ = collect(tmp_path, NAME, BOOK)
    assert (first.handed_in, second.handed_in) == (datetime(2026, 3, 1, 10), None)


FLAT = {
    "ann.ipynb": "ann",
    "ann_attention.ipynb": "ann",
    "ann-attention (1).ipynb": "ann",
    "Attention_ann.ipynb": "ann",
    "ann_01_attention.ipynb": "ann",
    "ann-Copy1.ipynb": "ann",
    "leeann_LATE_12345_67890_attention.ipynb": "leeann",
    "leeann_12345_67890_attention-2.ipynb": "leeann",
    "Ann Lee_12345_assignsubmission_file_attention.ipynb": "Ann_Lee",
    "Ann Lee_12345_assignsubmission_file_/attention.ipynb": "Ann_Lee",
    "ann/attention.ipynb": "ann",
    "ann/deep/attention.ipynb": "ann",
    "ann.ipynb.json": "ann",
    "ann/attention.ipynb.txt": "ann",
    "ann@x.org.ipynb": "ann@x.org",
    "张伟.ipynb": "张伟",
    "[a*]{b}?,c.ipynb": "_a_b_c",
}


@pytest.mark.parametrize("path", FLAT)
def test_whose_a_file_is(tmp_path: Path, path: str) -> None:
    assert taken(put(tmp_path, path)) == {FLAT[path]: path}


def test_moodles_two_folders_are_one_student(tmp_path: Path) -> None:
    put(tmp_path, ["Ann Lee_1_assignsubmission_file_/attention.ipynb"])
    put(tmp_path, ["Ann Lee_1_assignsubmission_onlinetext_/onlinetext.html"])
    assert taken(tmp_path) == {"Ann_Lee": "Ann Lee_1_assignsubmission_file_/attention.ipynb"}


def test_a_file_that_names_no_one(tmp_path: Path) -> None:
    assert "does not say whose" in taken(put(tmp_path, "attention (1).ipynb"))["attention"]


def test_a_wrong_file_exported_by_canvas_is_not_lost(tmp_path: Path) -> None:
    put(tmp_path, ["leeann_123_456_essay.pdf", "grades.csv", "bob.ipynb"])
    found = taken(tmp_path)
    assert list(found) == ["bob", "leeann"] and "no notebook" in found["leeann"]


def test_long_names_are_cut() -> None:
    assert len(intake.safe_name("x" * 300)) == 80 and len(intake.safe_name("𠀀" * 300).encode()) <= 200
    assert intake.safe_name("  ..-Zoë!  Ng. ") == "Zoë_Ng"
    assert intake.safe_name("Zoe\u0308") == "Zoë" and intake.safe_name("...") == "_"


def test_the_time_of_a_file(tmp_path: Path) -> None:
    put(tmp_path, "ann.ipynb")
    os.utime(tmp_path / "ann.ipynb", (1_000_000_000, 1_000_000_000))
    assert collect(tmp_path, NAME, BOOK)[0].handed_in == datetime(2001, 9, 9, 1, 46, 40)


def test_two_files_of_one_student_are_not_chosen_from(tmp_path: Path) -> None:
    put(tmp_path, ["ann.ipynb", "Ann/attention.ipynb", "bob x.ipynb", "bob_x.ipynb"])
    found = taken(tmp_path)
    assert len(found) == 2
    for problem, names in zip(
        found.values(), (("ann.ipynb", "Ann/attention"), ("bob x", "bob_x")), strict=True
    ):
        assert all(one in problem for one in ("more than one", *names))


def test_the_same_bytes_twice_are_no_conflict(tmp_path: Path) -> None:
    for one in ("ann.ipynb", "ann_attention.ipynb"):
        (tmp_path / one).write_text("same")
    (tmp_path / "bob").mkdir()
    (tmp_path / "bob/attention.ipynb").write_text("same")
    (tmp_path / "bob/work.zip").write_bytes(zipped({"attention.ipynb": "same"}))
    assert taken(tmp_path) == {"ann": "same", "bob": "same"}


@pytest.mark.parametrize("what", ["missing", "empty", "nothing for it"])
def test_a_folder_with_nothing_names_the_layouts(tmp_path: Path, what: str) -> None:
    if what == "nothing for it":
        put(tmp_path, ["readme.txt", "ann/02_tiny/tiny.ipynb"])
    with pytest.raises(CourseError, match=f"STUDENT/{NAME}/{BOOK}.ipynb"):
        collect(tmp_path / "no" if what == "missing" else tmp_path, NAME, BOOK)


# --- intake: zips


ZIPS: dict[str, tuple[bytes, dict[str, str]]] = {
    "one notebook": (
        zipped(["work/mine.ipynb", "work/notes.txt", "__MACOSX/x.ipynb"]),
        {"up": "work/mine.ipynb"},
    ),
    "of one student": (zipped([PATH, "02_tiny/tiny.ipynb"]), {"up": PATH}),
    "beside a draft": (zipped(["a/attention.ipynb", "a/draft.ipynb"]), {"up": "a/attention.ipynb"}),
    "class, folders": (
        zipped(["c/ann/attention.ipynb", f"c/bob/{PATH}"]),
        {"ann": "c/ann/attention.ipynb", "bob": f"c/bob/{PATH}"},
    ),
    "class, files": (
        zipped(["ann_attention.ipynb", "bob.ipynb"]),
        {"ann": "ann_attention.ipynb", "bob": "bob.ipynb"},
    ),
    "class, zips": (
        zipped({"ann.zip": zipped(["attention.ipynb"]), "bob/work.zip": zipped(["w/attention.ipynb"])}),
        {"ann": "attention.ipynb", "bob": "w/attention.ipynb"},
    ),
    "with folders listed": (
        zipped(["c/", "c/ann/attention.ipynb", "c/bob/attention.ipynb"]),
        {"ann": "c/ann/attention.ipynb", "bob": "c/bob/attention.ipynb"},
    ),
    "named after no one": (zipped(["ann.ipynb", "a.txt"]), {"ann": "ann.ipynb"}),
    "a zip in it": (zipped({"a.zip": zipped(["attention.ipynb"])}), {"up": "attention.ipynb"}),
}


@pytest.mark.parametrize("case", ZIPS)
def test_what_a_zip_holds(tmp_path: Path, case: str) -> None:
    data, found = ZIPS[case]
    path = tmp_path / ("attention (1).zip" if case == "named after no one" else "up.zip")
    path.write_bytes(data)
    assert taken(tmp_path) == found
    assert list(tmp_path.iterdir()) == [path], "nothing is unpacked"


def test_where_a_member_came_from(tmp_path: Path) -> None:
    (tmp_path / "up.zip").write_bytes(ZIPS["class, zips"][0])
    assert [one.origin for one in collect(tmp_path, NAME, BOOK)] == [
        "up.zip: ann.zip: attention.ipynb",
        "up.zip: bob/work.zip: w/attention.ipynb",
    ]


def _member(file_name: str, change: Callable[[zipfile.ZipInfo], object] = lambda info: None) -> bytes:
    """A zip of two students, of whom ann's notebook is the odd one."""
    data, info = io.BytesIO(), zipfile.ZipInfo(file_name, (2026, 1, 2, 3, 4, 6))
    change(info)
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(info, "x")
        archive.writestr("bob.ipynb", "y")
    return data.getvalue()


def _mode(kind: int) -> Callable[[zipfile.ZipInfo], object]:
    return lambda info: setattr(info, "external_attr", kind << 16)


def _flagged(data: bytes) -> bytes:
    """The first member says that it is encrypted, in both of its headers."""
    raw = bytearray(data)
    raw[6] |= 1
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    return bytes(raw)


UNSAFE: dict[str, tuple[bytes, str]] = {
    "absolute": (_member("/ann.ipynb"), intake.UNSAFE),
    "above": (_member("../ann.ipynb"), intake.UNSAFE),
    "inside, above": (_member("ann/../../attention.ipynb"), intake.UNSAFE),
    "backslash": (_member("ann\\attention.ipynb"), intake.UNSAFE),
    "drive": (_member("C:ann.ipynb"), intake.UNSAFE),
    "link": (_member("ann.ipynb", _mode(stat.S_IFLNK)), intake.LINK),
    "pipe": (_member("ann.ipynb", _mode(stat.S_IFIFO)), intake.SPECIAL),
    "encrypted": (_flagged(_member("ann.ipynb")), intake.LOCKED),
    "nested": (
        zipped({"ann.zip": zipped({"a.zip": zipped({"b.zip": "x"})}), "bob.ipynb": "y"}),
        intake.NESTED,
    ),
    "broken inside": (zipped({"ann.zip": b"PK", "bob.ipynb": "y"}), intake.BROKEN),
    "empty inside": (zipped({"ann.zip": zipped({}), "bob.ipynb": "y"}), intake.EMPTY),
}


@pytest.mark.parametrize("case", UNSAFE)
def test_an_unsafe_member_costs_only_its_student(tmp_path: Path, case: str) -> None:
    data, problem = UNSAFE[case]
    (tmp_path / "up.zip").write_bytes(data)
    found = taken(tmp_path)
    assert found.pop("bob") == "y"
    assert list(found.values()) == [f"({problem})"]
    assert list(found)[0].endswith("ann")


def test_broken_and_crowded_zips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = zipped(["attention.ipynb", "b.txt"])
    (tmp_path / "ann.zip").write_bytes(good[:-30])
    (tmp_path / "bob.zip").write_bytes(b"no zip")
    (tmp_path / "cy.zip").write_bytes(zipped([f"{i}.ipynb" for i in range(11)]))
    (tmp_path / "dee.zip").write_bytes(
        zipped({f"{i}.zip": zipped([f"{i}.txt", f"{i}.md"]) for i in range(6)})
    )
    (tmp_path / "eve.zip").write_bytes(good.replace(b"PK\x01\x02", b"PK\x01\x03"))
    monkeypatch.setattr(intake, "MOST_MEMBERS", 10)
    found = taken(tmp_path)
    assert [found[one] for one in ("ann", "bob", "eve")] == [f"({intake.BROKEN})"] * 3
    assert found["cy"] == f"({intake.CROWDED})"
    assert "no notebook" in found["0"], "six zips of a class"


def test_a_members_true_size_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ann.zip").write_bytes(zipped({"attention.ipynb": "x" * 2_000}))
    (tmp_path / "bob.zip").write_bytes(zipped({"z.zip": zipped({"attention.ipynb": "x" * 2_000})}))
    (tmp_path / "cy.ipynb").write_text("x" * 2_000)
    (tmp_path / "dee.ipynb").write_text("x" * 999)
    unread = collect(tmp_path, NAME, BOOK)
    monkeypatch.setattr(intake, "MOST_BYTES", 1_000)
    assert [bool(one.problem) for one in collect(tmp_path, NAME, BOOK)] == [True, True, True, False]
    for one in unread[:3]:
        with pytest.raises(Unusable, match="larger than"):
            read(one)


def test_a_large_file_beside_the_notebook_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "MOST_BYTES", 1_000)
    files: dict[str, bytes | str] = {
        "attention.ipynb": "book",
        "data.csv": "x" * 2_000,
        "old.ipynb": "x" * 2_000,
    }
    (tmp_path / "ann.zip").write_bytes(zipped(files))
    (tmp_path / "bob").mkdir()
    for one, content in files.items():
        (tmp_path / "bob" / one).write_text(str(content))
    assert taken(tmp_path) == {"ann": "book", "bob": "book"}


def test_a_zip_without_a_notebook_is_not_lost(tmp_path: Path) -> None:
    (tmp_path / "ann.zip").write_bytes(zipped(["a/b.txt", "c/d.txt"]))
    (tmp_path / "bob.zip").write_bytes(zipped(["02_tiny/tiny.ipynb", "03_x/y.txt"]))
    (tmp_path / "cy.zip").write_bytes(zipped({}))
    put(tmp_path, "dee/homework/essay.pdf")
    found = taken(tmp_path)
    assert "only a/b.txt, c/d.txt" in found["ann"] and "only homework/essay.pdf" in found["dee"]
    assert f"nothing for {NAME}" in found["bob"] and found["cy"] == f"({intake.EMPTY})"


def test_zips_in_a_zip_have_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "MOST_INNER", 1_000)
    (tmp_path / "ann.zip").write_bytes(zipped({"a.zip": "x" * 600, "b.zip": "x" * 600}))
    (tmp_path / "bob.zip").write_bytes(zipped({"attention.ipynb": "y" * 1_200}))
    found = collect(tmp_path, NAME, BOOK)
    assert [one.problem for one in found] == [intake.HEAVY, ""]


def test_damaged_data_in_a_zip(tmp_path: Path) -> None:
    data = bytearray(zipped({"attention.ipynb": "words and more words " * 50}))
    data[50] ^= 0xFF
    (tmp_path / "ann.zip").write_bytes(data)
    with pytest.raises(Unusable, match="damaged"):
        read(collect(tmp_path, NAME, BOOK)[0])


def test_macs_names_are_utf8(tmp_path: Path) -> None:
    data = bytearray(zipped(["张伟.ipynb", "bob.ipynb"]))
    for header, flag in ((b"PK\x03\x04", 7), (b"PK\x01\x02", 9)):
        data[data.index(header) + flag] &= 0xF7  # what says that a name is UTF-8
    (tmp_path / "up.zip").write_bytes(data)
    assert sorted(taken(tmp_path)) == ["bob", "张伟"]


# --- intake: what is not a file


def test_links_pipes_and_locked_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outside = put(tmp_path / "outside", ["secret.ipynb", PATH])
    folder = put(tmp_path / "in", ["good.ipynb", "locked.ipynb"])
    (folder / "ann.ipynb").symlink_to(outside / "secret.ipynb")
    (folder / "bob").symlink_to(outside)
    (folder / "cy").mkdir()
    (folder / "cy" / NAME).symlink_to(outside / NAME)
    (folder / "dee.zip").symlink_to(outside / "secret.ipynb")
    os.mkfifo(folder / "eve.ipynb")
    access = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: Path(path).name != "locked.ipynb" and access(path, mode)
    )
    found = taken(folder)
    assert found.pop("good") == "good.ipynb"
    assert found.pop("eve") == f"({intake.SPECIAL})" and found.pop("locked") == f"({intake.UNREADABLE})"
    assert found == dict.fromkeys(("ann", "bob", "cy", "dee"), f"({intake.LINK})")


def test_a_file_that_became_a_link_is_not_read(tmp_path: Path) -> None:
    put(tmp_path, ["ann.ipynb", "secret"])
    submission = collect(tmp_path, NAME, BOOK)[0]
    (tmp_path / "ann.ipynb").unlink()
    (tmp_path / "ann.ipynb").symlink_to(tmp_path / "secret")
    with pytest.raises(Unusable, match="cannot be read"):
        read(submission)


def test_a_problem_is_not_read(tmp_path: Path) -> None:
    put(tmp_path, "a.ipynb")
    with pytest.raises(Unusable, match="why"):
        read(Submission("a", "a.ipynb", tmp_path / "a.ipynb", problem="why"))
