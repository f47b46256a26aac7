"""What students hand in: found in any layout, mended without guessing, refused with a sentence."""

from __future__ import annotations

import contextlib
import copy
import errno
import functools
import io
import json
import os
import random
import stat
import time
import unicodedata
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode

from course.build import assignment_path
from course.errors import CourseError
from course.grading import found, intake
from course.grading.book import Marks
from course.grading.grader import make_row
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
    at(notebook, "attention").source += "#" * 500_001
    assert "Cell 6 holds" in refused(as_bytes(notebook))
    notebook = fresh()
    notebook.cells += [nbformat.v4.new_code_cell("1", id=str(i)) for i in range(500)]
    assert "532 cells" in refused(as_bytes(notebook))


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


def gathered(folder: Path, students: Collection[str] = ()) -> list[Submission]:
    """As the course calls it, which has two other assignments here."""
    return collect(folder, NAME, BOOK, ("02_tiny", "03_x"), students)


def taken(folder: Path, students: Collection[str] = ()) -> dict[str, str]:
    """student -> what is read; in brackets, why it is not. All of it can be printed and written as UTF-8."""
    submissions = gathered(folder, students)
    assert [one.student for one in submissions] == sorted({one.student for one in submissions})
    for one in submissions:
        for text in (one.student, one.origin, one.problem):
            assert all(unicodedata.category(char)[0] not in "CZ" or char == " " for char in text), ascii(text)
    return {one.student: f"({one.problem})" if one.problem else read(one).decode() for one in submissions}


def test_nbgraders_layout(tmp_path: Path) -> None:
    put(tmp_path, [f"ann/{PATH}", "ann/02_tiny/tiny.ipynb", f"ann/{NAME}/.ipynb_checkpoints/old.ipynb"])
    put(tmp_path, [f"bob/{NAME}/my work.ipynb", f"cy/{NAME}/essay.pdf", "dee/02_tiny/tiny.ipynb"])
    put(tmp_path, [f"eve/{NAME}/a.ipynb", f"eve/{NAME}/b.ipynb", ".hidden/x.ipynb"])
    put(tmp_path, [f"fay/{NAME}/timestamp.txt", f"hal/{NAME}/.keep"])
    (tmp_path / "gil" / NAME).mkdir(parents=True)
    (tmp_path / f"ann/{NAME}/timestamp.txt").write_text("2026-03-01 10:00:00.000000 UTC\n")
    (tmp_path / f"bob/{NAME}/timestamp.txt").write_text("yesterday, or so")
    found = taken(tmp_path)
    assert found.pop("ann") == f"ann/{PATH}" and found.pop("bob") == f"bob/{NAME}/my work.ipynb"
    assert "only essay.pdf" in found.pop("cy") and "several notebooks: a.ipynb, b.ipynb" in found.pop("eve")
    assert "only timestamp.txt" in found.pop("fay")
    assert not found


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
    "Ann Lee_12345_assignsubmission_file/attention.ipynb": "Ann_Lee",
    "Participant_12345_assignsubmission_file_/attention.ipynb": "Participant_12345",
    "anon_LATE_a1B2c_67890_attention.ipynb": "anon_a1B2c",
    "Homework 1_ann_attempt_2026-03-01-23-59-00_attention.ipynb": "ann",
    "HW_1_j.smith_attempt_2026-03-01-23-59-00_my work (2).ipynb": "j.smith",
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


def test_people_of_one_name_are_several(tmp_path: Path) -> None:
    """A platform numbers them; where only one of a name hands in, the name is enough."""
    moodle = ["Ann Lee_1_assignsubmission_file_/a.ipynb", "Ann Lee_2_assignsubmission_file_/a.ipynb"]
    assert taken(put(tmp_path / "moodle", moodle)) == {"Ann_Lee_1": moodle[0], "Ann_Lee_2": moodle[1]}
    canvas = ["leeann_1_5_a.ipynb", "leeann_LATE_2_6_a.ipynb", "mia_3_7_a.ipynb", "leeann_2_8_b.pdf"]
    found = gathered(put(tmp_path / "canvas", canvas))
    assert [one.student for one in found] == ["leeann_1", "leeann_2", "mia"]
    assert [(one.number, one.label) for one in found] == [
        ("canvas:1", "leeann_1_5_"),
        ("canvas:2", "leeann_LATE_2_6_"),
        ("canvas:3", "mia_3_7_"),
    ]
    hidden = [f"Participant_{number}_assignsubmission_file_/a.ipynb" for number in (7, 8)]
    assert list(taken(put(tmp_path / "hidden", hidden))) == ["Participant_7", "Participant_8"]
    twice = ["leeann_1_5_a.ipynb", "leeann_1_6_b.ipynb"]
    assert "more than one submission" in taken(put(tmp_path / "twice", twice))["leeann"]
    mixed = ["ann_1_5_a.ipynb", "Ann_1_assignsubmission_file_/a.ipynb"]
    assert "more than one submission" in next(iter(taken(put(tmp_path / "mixed", mixed)).values()))


ATTEMPT = "HW 1_{}_attempt_2026-03-0{}-10-00-00{}"


def test_of_blackboards_attempts_the_last_one_counts(tmp_path: Path) -> None:
    names = [ATTEMPT.format("ann", day, "_a.ipynb") for day in (1, 3, 2)]
    names += [ATTEMPT.format("ann", day, ".txt") for day in (1, 3, 2)]
    names += [ATTEMPT.format("bob", 1, "_a.ipynb"), ATTEMPT.format("bob", 2, "_a.pdf")]
    names += [ATTEMPT.format("cy", 1, "_a.ipynb"), ATTEMPT.format("cy", 1, "_b.ipynb")]
    names += [ATTEMPT.format("dee", 1, ".txt"), ATTEMPT.format("eve", 1, "_w.zip")]
    put(tmp_path, names)
    (tmp_path / names[-1]).write_bytes(zipped(["a.ipynb"]))
    found = taken(tmp_path)
    assert found.pop("ann") == names[1]
    assert found.pop("bob") == ATTEMPT.format("bob", 1, "_a.ipynb"), "the later one has no notebook"
    assert "more than one submission" in found.pop("cy")
    assert "no notebook" in found.pop("dee")
    assert found == {"eve": "a.ipynb"}


def test_when_blackboard_got_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name, in this machine's time; the date of the file is the day of the export."""
    monkeypatch.setenv("TZ", "CST-8")
    time.tzset()
    try:
        put(tmp_path, [ATTEMPT.format("ann", 1, "_a.ipynb"), "HW_bob_attempt_2026-13-01-10-00-00_a.ipynb"])
        ann, bob = gathered(tmp_path)
        assert (ann.handed_in, ann.word) == (datetime(2026, 3, 1, 2, 0), False)
        written = datetime.fromtimestamp(bob.path.stat().st_mtime, timezone.utc).replace(tzinfo=None)
        assert bob.handed_in and abs(bob.handed_in - written) < timedelta(seconds=1), "that is no time"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_blackboards_names_with_underscores(tmp_path: Path) -> None:
    """Its own text says who it is, or the class list; else it is the last piece."""
    names = [ATTEMPT.format("ann_lee", 1, "_a.ipynb"), ATTEMPT.format("x_bo_ek", 1, "_a.ipynb")]
    folder = put(tmp_path / "folder", names)
    assert list(taken(folder)) == ["ek", "lee"]
    assert list(taken(folder, ("ann_lee", "bo_ek"))) == ["ann_lee", "bo_ek"]
    told: dict[str, bytes | str] = {
        ATTEMPT.format("ann_lee", 1, ".txt"): "Name: Ann (Bo) Lee (ann_lee)\nAssignment: HW 1\n"
    }
    told |= {ATTEMPT.format("x_bo_ek", 1, "_x.txt"): "Name: no (bo_ek)\n", "notes.txt": "Name: no (bo_ek)\n"}
    put_bytes(folder, told)
    assert {"ann_lee", "ek"} <= set(taken(folder)), "what a student wrote says nothing"
    members = {name: name for name in names} | told
    members.pop("notes.txt")
    put_bytes(tmp_path / "zip", {"gradebook_C-1_HW201_2026-03-05-08-00-00.zip": zipped(members)})
    assert set(taken(tmp_path / "zip")) == {"ann_lee", "ek"}


@pytest.mark.parametrize("path", ["attention (1).ipynb", PATH, "Attention/x.ipynb", f"{NAME}.pdf"])
def test_a_file_that_names_no_one(tmp_path: Path, path: str) -> None:
    problem = taken(put(tmp_path, [path, "bob.ipynb"]))["attention"]
    assert "does not say whose" in problem and path in problem


def test_a_wrong_file_exported_by_canvas_is_not_lost(tmp_path: Path) -> None:
    put(tmp_path, ["leeann_123_456_essay.pdf", "leeann_123_457_notes.txt", "bob.ipynb"])
    found = taken(tmp_path)
    assert list(found) == ["bob", "leeann"] and "no notebook" in found["leeann"]
    assert "leeann_123_456_essay.pdf, leeann_123_457_notes.txt" in found["leeann"]


def test_long_names_are_cut() -> None:
    assert len(intake.safe_name("x" * 300)) == 80 and len(intake.safe_name("𠀀" * 300).encode()) <= 200
    assert intake.safe_name("  ..-Zoë!  Ng. ") == "Zoë_Ng"
    assert intake.safe_name("Zoe\u0308") == "Zoë" and intake.safe_name("...") == "_"


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
        gathered(tmp_path / "no" if what == "missing" else tmp_path)


# --- intake: whose it is


def put_bytes(folder: Path, files: Mapping[str, bytes | str]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)
    return folder


FORGED = zipped(["leeann.ipynb", "mia_attention.ipynb"])
FORGED_BY_FOLDERS = zipped([f"leeann/{PATH}", f"mia/{PATH}"])
FORGED_EXPORT = zipped(["Lee_1_assignsubmission_file_/a.ipynb", "Mia_2_assignsubmission_file_/a.ipynb"])
ONE = zipped(["leeann.ipynb"])
TIME = "2026-03-01-10-00-00"
REASONS = ("several", "submissions.zip", "does not say whose")
# Files in the folder, and a part of each row; none of the names in a zip gets one.
CLAIMS: dict[str, tuple[dict[str, bytes | str], dict[str, str]]] = {
    "beside her": ({"bob.zip": FORGED, "leeann.ipynb": "hers"}, {"bob": "several", "leeann": "hers"}),
    "where she is not": ({"bob.zip": FORGED, "cy.ipynb": "his"}, {"bob": "several", "cy": "his"}),
    "alone": ({"bob.zip": FORGED}, {"bob": "submissions.zip"}),
    "alone, folders": ({"bob.zip": FORGED_BY_FOLDERS}, {"bob": "several"}),
    "alone, as an export": ({"bob.zip": FORGED_EXPORT}, {"bob": "several"}),
    "an export's name": ({"lee-bob-11.zip": FORGED}, {"lee-bob-11": "several"}),
    "one notebook": ({"bob.zip": ONE, "leeann.ipynb": "hers"}, {"bob": "leeann.ipynb", "leeann": "hers"}),
    "Canvas": (
        {"bob_1_2_attention.zip": FORGED, "leeann_3_4_attention.ipynb": "hers"},
        {"bob": "several", "leeann": "hers"},
    ),
    "Canvas, alone": ({"bob_1_2_submissions.zip": FORGED}, {"bob": "several"}),
    "Canvas, late": ({"bob_LATE_1_2_leeann.ipynb": "his"}, {"bob": "his"}),
    "Moodle, flat": ({"Bob B_1_assignsubmission_file_submissions.zip": FORGED}, {"Bob_B": "several"}),
    "Moodle, flat, one": ({"Bob_1_assignsubmission_file_leeann_3_4_x.ipynb": "his"}, {"Bob": "his"}),
    "Moodle, a folder": ({"Bob_1_assignsubmission_file_/submissions.zip": FORGED}, {"Bob": "several"}),
    "his folder": ({f"bob/{NAME}/submissions.zip": FORGED}, {"bob": "several"}),
    "in a class's zip": (
        {"submissions.zip": zipped({"bob.zip": FORGED, "leeann.ipynb": "hers"})},
        {"bob": "several", "leeann": "hers"},
    ),
    "a class's zip in one": (
        {"submissions.zip": zipped({"submissions.zip": FORGED, "leeann.ipynb": "hers"})},
        {"submissions": "several", "leeann": "hers"},
    ),
    "the only folder in a class's zip": ({"submissions.zip": FORGED_BY_FOLDERS}, {"leeann": "", "mia": ""}),
    "the only student in a class's zip": (
        {"submissions.zip": zipped(["bob/leeann.ipynb", "bob/mia.ipynb"])},
        {"bob": "several"},
    ),
    "Blackboard": (
        {f"HW_bob_attempt_{TIME}_attention.zip": FORGED, f"HW_leeann_attempt_{TIME}_a.ipynb": "hers"},
        {"bob": "several", "leeann": "hers"},
    ),
    "Blackboard in Blackboard": (
        {f"HW_bob_attempt_{TIME}_HW_leeann_attempt_{TIME}_a.ipynb": "his"},
        {"bob": "his"},
    ),
    "Blackboard in Canvas": ({f"bob_1_2_HW_leeann_attempt_{TIME}_a.ipynb": "his"}, {"bob": "his"}),
    "Canvas in Blackboard": ({f"HW_bob_attempt_{TIME}_leeann_1_2_a.ipynb": "his"}, {"bob": "his"}),
    "Blackboard in Moodle": (
        {f"Bob_1_assignsubmission_file_HW_lee_attempt_{TIME}_a.ipynb": "x"},
        {"Bob": "x"},
    ),
    "Blackboard, packed by a student": (
        {"bob.zip": zipped([f"HW_leeann_attempt_{TIME}_a.ipynb", f"HW_mia_attempt_{TIME}_a.ipynb"])},
        {"bob": "several"},
    ),
    "not renamed": (
        {"attention.zip": FORGED, "cy.ipynb": "his"},
        {"attention": "does not say whose", "cy": "his"},
    ),
    "many zips": (
        {"bob.zip": zipped({f"s{i}.zip": zipped([f"s{i}.ipynb"]) for i in range(9)})},
        {"bob": "submissions.zip"},
    ),
}


@pytest.mark.parametrize("case", CLAIMS)
def test_nobody_hands_in_for_another(tmp_path: Path, case: str) -> None:
    files, rows = CLAIMS[case]
    got = taken(put_bytes(tmp_path, files))
    assert list(got) == sorted(rows)
    for student, part in rows.items():
        assert part in got[student]
        assert got[student].startswith("(") == (part in REASONS)


def test_a_class_list_tells_a_class_from_a_student(tmp_path: Path) -> None:
    everyone = ("bob", "leeann", "mia", "submissions")
    folder = put_bytes(tmp_path / "of all", {"all.zip": FORGED})
    assert list(taken(folder, everyone)) == ["leeann", "mia"]
    assert list(taken(folder, ("leeann", "bob"))) == ["all"], "not all of them are students"
    assert list(taken(put_bytes(tmp_path / "of one", {"all.zip": ONE}), everyone)) == ["all"]
    folder = put_bytes(tmp_path / "wrapped", {"all.zip": zipped(["x/leeann.ipynb", "x/mia.ipynb"])})
    assert list(taken(folder, everyone)) == ["leeann", "mia"]
    for name in ("bob", "Bob_attention", "submissions"):
        folder = put_bytes(tmp_path / name, {f"{name}.zip": FORGED})
        assert [one[:3] for one in taken(folder, everyone)] in (["bob"], ["Bob"], ["sub"])
    folder = put(tmp_path / "names", ["readme.txt", "class.txt", "bob.ipynb"])
    assert list(taken(folder, ("README",))) == ["bob", "readme"]


def test_a_name_claimed_twice_says_by_whom(tmp_path: Path) -> None:
    put_bytes(tmp_path, {"leeann.ipynb": "hers", "submissions.zip": zipped(["LeeAnn_attention.ipynb"])})
    problem = taken(tmp_path)["LeeAnn" if "LeeAnn" in taken(tmp_path) else "leeann"]
    assert "more than one" in problem
    assert "leeann.ipynb and submissions.zip: LeeAnn_attention.ipynb" in problem


# --- intake: when it was handed in

EARLY, LATE = (2026, 1, 1, 0, 0, 0), (2026, 1, 27, 12, 0, 0)
STAMP = "2026-01-01 00:00:00.000000 UTC"


def dated(members: Mapping[str, tuple[bytes | str, tuple[int, int, int, int, int, int]]]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, (content, date) in members.items():
            archive.writestr(zipfile.ZipInfo(name, date), content)
    return data.getvalue()


PACKED = dated({"attention.ipynb": ("x", EARLY), "timestamp.txt": (STAMP, EARLY)})
OWN_PACKED = dated({PATH: ("x", EARLY), f"{NAME}/timestamp.txt": (STAMP, EARLY), "notes": ("y", EARLY)})
MOODLE = "Bob_1_assignsubmission_file_"
# Files, all late on the disk; whether the time is late; whether it is the student's word.
TIMES: dict[str, tuple[dict[str, bytes | str], bool, bool]] = {
    "nbgrader's exchange": ({f"bob/{PATH}": "x", f"bob/{NAME}/timestamp.txt": STAMP}, False, False),
    "exchange, no stamp": ({f"bob/{PATH}": "x"}, True, True),
    "exchange, not a time": (
        {f"bob/{PATH}": "x", f"bob/{NAME}/timestamp.txt": "yesterday, or so"},
        True,
        True,
    ),
    "exchange, long": ({f"bob/{PATH}": "x", f"bob/{NAME}/timestamp.txt": STAMP + " " * 9_999}, True, True),
    "exchange, stamp in a zip": ({f"bob/{NAME}/w.zip": PACKED}, False, True),
    "exchange, broken, and in a zip": (
        {f"bob/{NAME}/w.zip": PACKED, f"bob/{NAME}/timestamp.txt": "no"},
        False,
        True,
    ),
    "other capitals": (
        {"bob/01_Attention/a.ipynb": "x", "bob/01_Attention/timestamp.txt": STAMP},
        False,
        True,
    ),
    "his folder": ({"bob/attention.ipynb": "x", "bob/timestamp.txt": STAMP}, True, False),
    "Moodle": ({f"{MOODLE}/attention.ipynb": "x", f"{MOODLE}/timestamp.txt": STAMP}, True, False),
    "Moodle, a folder": ({f"{MOODLE}/{PATH}": "x", f"{MOODLE}/{NAME}/timestamp.txt": STAMP}, True, False),
    "Moodle, a zip": ({f"{MOODLE}/w.zip": PACKED}, True, False),
    "a file": ({"bob.ipynb": "x"}, True, False),
    "his zip": ({"bob.zip": PACKED}, True, False),
    "his zip, a folder": ({"bob.zip": OWN_PACKED}, True, False),
    "his zip, zipped": ({"bob.zip": dated({"w.zip": (PACKED, EARLY)})}, True, False),
    "Canvas": ({"bob_1_2_attention.zip": PACKED}, True, False),
    "class, a file": ({"submissions.zip": dated({"bob.ipynb": ("x", LATE)})}, True, False),
    "class, his zip": ({"submissions.zip": dated({"bob.zip": (OWN_PACKED, LATE)})}, True, False),
    "class, no date": ({"submissions.zip": dated({"bob.zip": (PACKED, (1980, 0, 0, 0, 0, 0))})}, False, True),
    "class, exchange": (
        {"submissions.zip": dated({f"bob/{PATH}": ("x", LATE), f"bob/{NAME}/timestamp.txt": (STAMP, LATE)})},
        False,
        True,
    ),
}


@pytest.mark.parametrize("case", TIMES)
def test_only_what_a_student_cannot_write_is_the_time(tmp_path: Path, case: str) -> None:
    files, late, word = TIMES[case]
    put_bytes(tmp_path, files)
    seconds = datetime(*LATE, tzinfo=timezone.utc).timestamp()
    for path in tmp_path.rglob("*"):
        os.utime(path, (seconds, seconds))
    [one] = gathered(tmp_path)
    assert not one.problem and one.handed_in is not None
    assert (one.handed_in > datetime(2026, 1, 10), one.word) == (late, word)


def test_the_row_says_whose_word_the_time_is(tmp_path: Path) -> None:
    marks = Marks({}, [], 1.0, 1.0, timedelta(0))
    said = make_row(Submission("bob", "bob.ipynb", tmp_path, word=True), marks, [], [], [])
    assert said.late == "in time (the time is the student's word)"
    assert make_row(Submission("bob", "bob.ipynb", tmp_path), marks, [], [], []).late == ""


# --- intake: nothing is lost without a word

DEEP = "/".join("123456789")
LOST: dict[str, tuple[list[str], str]] = {
    "digits": (["bob/2026_final/attention.ipynb"], "bob/2026_final/attention.ipynb"),
    "other capitals": (
        ["bob/01_Attention/ATTENTION.IPYNB", "bob/x.ipynb"],
        "bob/01_Attention/ATTENTION.IPYNB",
    ),
    "right in a folder": (["bob/final/attention.ipynb", "bob/final/b.ipynb"], "bob/final/attention.ipynb"),
    "draft beside it": (
        ["bob/draft.ipynb", "bob/final/attention.ipynb"],
        "several notebooks: draft.ipynb, fin",
    ),
    "nine deep": ([f"bob/{DEEP}/attention.ipynb"], found.DEEP),
    "eight deep": ([f"bob/{DEEP[4:]}/attention.ipynb"], f"bob/{DEEP[4:]}/attention.ipynb"),
    "deep beside": ([f"bob/{DEEP}/x.txt", "bob/attention.ipynb"], "bob/attention.ipynb"),
    "pdf": (["bob/essay.pdf"], "only essay.pdf"),
    "json, txt and py": (["bob/a.json", "bob/a.txt", "bob/a.py"], "only a.json, a.py, a.txt"),
    "no ending": ([f"bob/{NAME}/answers"], "only answers"),
    "flat pdf": (["bob.pdf"], "only bob.pdf"),
    "flat script": (["bob.txt", "bob_attention.py"], "only bob.txt, bob_attention.py"),
    "flat, packed": (["bob.tar.gz"], "only bob.tar.gz"),
    "flat pdf beside": (["bob.pdf", "bob_attention.ipynb"], "bob_attention.ipynb"),
    "hidden": (["bob/.work/attention.ipynb", "bob/.a.txt"], "only .a.txt, .work"),
    "hidden notebook": (["bob/.attention.ipynb"], "bob/.attention.ipynb"),
    "only checkpoints": ([f"bob/{NAME}/.ipynb_checkpoints/a.ipynb"], "only 01_attention/.ipynb_checkpoints"),
    "checkpoints beside": ([f"bob/{NAME}/.ipynb_checkpoints/a.ipynb", "bob/a.ipynb"], "bob/a.ipynb"),
    "in another's": (["bob/02_tiny/attention.ipynb"], "02_tiny/attention.ipynb lies in 02_tiny"),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("case", LOST)
def test_whatever_a_student_has_gets_a_row(tmp_path: Path, case: str, packed: bool) -> None:
    files, part = LOST[case]
    if packed:
        (tmp_path / "submissions.zip").write_bytes(zipped(files))
    else:
        put(tmp_path, files)
    got = taken(tmp_path)
    assert list(got) == ["bob"] and part in got["bob"]
    assert got["bob"].startswith("(") == (part not in files)


def test_what_is_nobodys_is_told_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(
        tmp_path,
        ["README.md", "class.txt", "grades.csv", ".git/x", "02_tiny/x.ipynb", "bob.ipynb", "sam.txt"],
    )
    assert list(taken(tmp_path)) == ["bob", "sam"]
    assert capsys.readouterr().err == (
        "warning: taken for no student's: 02_tiny/x.ipynb, README.md, class.txt and 1 more\n"
    )


# --- intake: names that are no text, disks that fail

NAMES = [
    b"L\xf6sung",
    b"\xff\xfe",
    b"a\rb",
    b"a\nb",
    b"\x1b[2Jx",
    b"\x7fx",
    "\u202egpj".encode(),
    "\x85\u2028x".encode(),
]
PLACES = [
    *(
        "bob/{}.pdf",
        "bob/{}/essay.pdf",
        "bob/{}.ipynb",
        "bob/{}/.x",
        "02_tiny/{}.ipynb",
        "{}/attention.ipynb",
    ),
    *("{}.ipynb", "{}.zip", "{}.pdf", "{}.tar/essay.pdf", "{}_1_assignsubmission_file_/x.pdf"),
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_may_be_no_text(tmp_path: Path, name: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    put(tmp_path, "ann.ipynb")
    for number, place in enumerate(PLACES):
        folder = tmp_path / str(number)
        put(folder, "ann.ipynb")
        path = folder / place.format(os.fsdecode(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"no zip")
        (folder / "link").symlink_to(path)
        assert len(taken(folder)) == (2 if place.startswith("02_tiny") else 3)
        said = capsys.readouterr().err
        assert said.isprintable() or said.rstrip("\n").isprintable()
        said.encode()


@pytest.mark.parametrize("name", NAMES[2:])
def test_a_name_in_a_zip_may_be_no_text(tmp_path: Path, name: bytes) -> None:
    text = name.decode()
    (tmp_path / "ann.zip").write_bytes(zipped([f"{text}.pdf", f"{text}/x.txt"]))
    (tmp_path / "submissions.zip").write_bytes(zipped([f"b{text}.pdf", f"c{text}.ipynb", f"d/{text}.txt"]))
    assert len(taken(tmp_path)) == 4


class _Failing:
    """A folder's entry or listing on a disk that fails at the named place."""

    def __init__(self, entry: os.DirEntry, at: str) -> None:
        self._entry, self._at = entry, at

    def __getattr__(self, name: str) -> Any:
        if name == self._at:
            raise OSError(errno.EIO, "Input/output error")
        return getattr(self._entry, name)


@pytest.mark.parametrize(
    "at", ["is_symlink", "is_dir", "is_file", "stat", "listing", "half a listing", "denied"]
)
def test_a_disk_that_fails_costs_only_its_student(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    put(tmp_path, ["ann.ipynb", f"bob/{PATH}", f"cy/{PATH}"])
    scandir = os.scandir

    @contextlib.contextmanager
    def failing(path: Any) -> Iterator[Any]:
        bobs = Path(path).name == NAME and Path(path).parent.name == "bob"
        if bobs and at == "listing":
            raise OSError(errno.EIO, "Input/output error")
        if bobs and at == "denied":
            raise PermissionError(errno.EACCES, "Permission denied")
        with scandir(path) as listing:
            yield _listed(listing, at) if bobs else listing

    def _listed(listing: Any, at: str) -> Iterator[Any]:
        for entry in listing:
            yield _Failing(entry, at)
            if at == "half a listing":
                raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "scandir", failing)
    got = taken(tmp_path)
    assert (got.pop("ann"), got.pop("cy")) == ("ann.ipynb", f"cy/{PATH}")
    wanted = found.UNREADABLE if at == "denied" else "Input/output error"
    assert list(got) == ["bob"] and got["bob"].startswith("(") and wanted in got["bob"]


@pytest.mark.parametrize("when", ["before it is opened", "before it is read"])
def test_a_file_that_vanishes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    put_bytes(
        tmp_path, {"ann.ipynb": "hers", "bob.zip": zipped(["a.ipynb"]), "cy.ipynb": "x", "cy/a.ipynb": "y"}
    )
    walk = intake.walk

    def then_gone(folder: Path) -> list[found.File]:
        files = walk(folder)
        for name in ("bob.zip", "cy/a.ipynb") if when == "before it is opened" else ():
            (folder / name).unlink()
        return files

    monkeypatch.setattr(intake, "walk", then_gone)
    ann, bob, cy = gathered(tmp_path)
    (tmp_path / "bob.zip").unlink(missing_ok=True)
    assert read(ann) == b"hers"
    assert ("No such file" in bob.problem) == (
        when == "before it is opened"
    ) and "more than one" in cy.problem
    with pytest.raises(Unusable, match="No such file"):
        read(bob)


def test_a_disk_that_fails_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_bytes(tmp_path, {"ann.ipynb": "hers", "bob.zip": zipped(["a.ipynb"])})
    submissions = gathered(tmp_path)

    def failing(*rest: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "open", failing)
    for one in submissions:
        with pytest.raises(Unusable, match="Input/output error"):
            read(one)


def test_a_zip_that_became_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    put_bytes(tmp_path, {"bob.zip": zipped(["a.ipynb"])})
    [bob] = gathered(tmp_path)
    (tmp_path / "bob.zip").unlink()
    os.mkfifo(tmp_path / "bob.zip")
    with pytest.raises(Unusable, match="not an ordinary file"):
        read(bob)


# --- intake: what it costs

BOOK_SIZE = 100_000
ZEROS = b"0" * 19_000_000
SMALL = b"0" * 50_000
DEFLATE, BZIP2, LZMA = zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA


def packed(members: Mapping[str, bytes], kind: int = DEFLATE) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", kind) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return data.getvalue()


def many(number: int, content: bytes = b"x", name: str = "{}.ipynb") -> dict[str, bytes]:
    return {name.format(i): content for i in range(number)}


def nested(number: int, content: bytes) -> bytes:
    return packed(many(number, content, "{}.zip"), zipfile.ZIP_STORED)


def lying(data: bytes) -> bytes:
    """The zip's only member says in both of its headers that it is small."""
    raw = bytearray(data)
    at = raw.index(b"PK\x01\x02")
    raw[22:26] = raw[at + 24 : at + 28] = (10).to_bytes(4, "little")
    return bytes(raw)


COSTLY: dict[str, Callable[[], dict[str, bytes]]] = {
    "bzip2, 1,000 the same": lambda: {"bob.zip": packed(many(1_000, SMALL), BZIP2)},
    "deflate, 5,000 the same": lambda: {"bob.zip": packed(many(5_000, SMALL[:10_000]))},
    "five of 19 MB": lambda: {"bob.zip": packed(many(5, ZEROS))},
    "lzma": lambda: {"bob.zip": packed(many(1, ZEROS), LZMA)},
    "bzip2 that lies": lambda: {"bob.zip": lying(packed(many(1, ZEROS * 9), BZIP2))},
    "lzma that lies": lambda: {"bob.zip": lying(packed(many(1, ZEROS * 9), LZMA))},
    "deflate that lies": lambda: {"bob.zip": lying(packed(many(1, ZEROS * 9)))},
    "zips in a zip": lambda: {"bob.zip": nested(4_000, packed(many(1, SMALL)))},
    "zips of zeros in a zip": lambda: {"bob.zip": packed(many(50, ZEROS, "{}.zip"))},
    "zips of zips": lambda: {"bob.zip": nested(4, nested(60, nested(60, packed(many(1)))))},
    "zips in a folder": lambda: many(60, packed(many(4_000)), "bob/{}.zip"),
    "a class's zip": lambda: {
        "submissions.zip": packed({"bob.zip": nested(4_000, packed(many(1, SMALL))), "cy.ipynb": b"x"})
    },
    "deep names": lambda: {"bob.zip": packed(many(25, name="a/" * 32_000 + "{}.ipynb"))},
    "names of lines": lambda: {"submissions.zip": packed(many(25, name="_" * 65_000 + "{}.ipynb"))},
    "names of marks": lambda: {
        "submissions.zip": packed(many(25, name="\u0327\u0301" * 16_000 + "{}.ipynb"))
    },
    "many files": lambda: many(1_000, SMALL, "bob ({}).ipynb"),
    "many problems": lambda: {"bob.zip": packed(many(4_999, name="../{}.ipynb"))},
}


def spent(folder: Path) -> float:
    """Processor seconds to look through a folder and to read what can be read."""
    start = time.process_time()
    for one in gathered(folder):
        with contextlib.suppress(Unusable):
            read(one)
    return time.process_time() - start


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> float:
    """Processor seconds for a class of a hundred who packed a notebook and a few files."""
    folder = tmp_path_factory.mktemp("honest")
    dice = random.Random(1)
    for i in range(100):
        book = bytes(dice.choices(b"abcdefgh ", k=BOOK_SIZE))
        (folder / f"s{i}.zip").write_bytes(packed({"attention.ipynb": book} | many(10, name="data/{}.csv")))
    return min(spent(folder) for _ in range(3))


@pytest.mark.parametrize("case", COSTLY)
def test_what_costs_much_is_not_done(tmp_path: Path, honest: float, case: str) -> None:
    put_bytes(tmp_path, COSTLY[case]())
    ratio = min(spent(tmp_path) for _ in range(2)) / honest
    print(f"{case}: {ratio:.1f}")
    assert ratio < 6


# --- intake: zips


ZIPS: dict[str, tuple[str, bytes, dict[str, str]]] = {
    "one notebook": (
        "up.zip",
        zipped(["work/mine.ipynb", "work/notes.txt", "__MACOSX/x.ipynb"]),
        {"up": "work/mine.ipynb"},
    ),
    "of one student": ("up.zip", zipped([PATH, "02_tiny/tiny.ipynb"]), {"up": PATH}),
    "beside a draft": ("up.zip", zipped(["a/attention.ipynb", "a/draft.ipynb"]), {"up": "a/attention.ipynb"}),
    "a zip in it": ("up.zip", zipped({"a.zip": zipped(["attention.ipynb"])}), {"up": "attention.ipynb"}),
    "class, folders": (
        "submissions.zip",
        zipped(["submissions/ann/attention.ipynb", f"submissions/bob/{PATH}"]),
        {"ann": "submissions/ann/attention.ipynb", "bob": f"submissions/bob/{PATH}"},
    ),
    "class, a folder": ("submissions.zip", zipped([f"ann/{PATH}"]), {"ann": f"ann/{PATH}"}),
    "class, with others' files": (
        "Submissions (2).zip",
        zipped(["ann/attention.ipynb", "cy/02_tiny/tiny.ipynb", "02_tiny/x.ipynb", "README.md", ".git/x"]),
        {"ann": "ann/attention.ipynb"},
    ),
    "class, files": (
        "01_attention.zip",
        zipped(["ann_attention.ipynb", "bob.ipynb"]),
        {"ann": "ann_attention.ipynb", "bob": "bob.ipynb"},
    ),
    "class, zips": (
        "submissions.zip",
        zipped({"ann.zip": zipped(["attention.ipynb"]), "bob/work.zip": zipped(["w/attention.ipynb"])}),
        {"ann": "attention.ipynb", "bob": "w/attention.ipynb"},
    ),
    "class, Moodle": (
        "LLM-Attention-4711.zip",
        zipped(["Ann_1_assignsubmission_file_/a.ipynb", "Bob_2_assignsubmission_file_b.ipynb"]),
        {"Ann": "Ann_1_assignsubmission_file_/a.ipynb", "Bob": "Bob_2_assignsubmission_file_b.ipynb"},
    ),
    "class, Canvas": (
        "submissions.zip",
        zipped(["ann_1_2_attention.ipynb", "bob_LATE_3_4_attention-1.ipynb"]),
        {"ann": "ann_1_2_attention.ipynb", "bob": "bob_LATE_3_4_attention-1.ipynb"},
    ),
    "with folders listed": (
        "submissions.zip",
        zipped(["submissions/", "submissions/ann/attention.ipynb", "submissions/bob/attention.ipynb"]),
        {"ann": "submissions/ann/attention.ipynb", "bob": "submissions/bob/attention.ipynb"},
    ),
    "named after no one": ("attention (1).zip", zipped(["ann.ipynb", "a.txt"]), {}),
}


@pytest.mark.parametrize("case", ZIPS)
def test_what_a_zip_holds(tmp_path: Path, case: str) -> None:
    name, data, wanted = ZIPS[case]
    (tmp_path / name).write_bytes(data)
    found = taken(tmp_path)
    if case == "named after no one":
        assert found.pop("ann") == "ann.ipynb" and "only a.txt" in found.pop("a")
    assert found == wanted
    assert list(tmp_path.iterdir()) == [tmp_path / name], "nothing is unpacked"


def test_where_a_member_came_from(tmp_path: Path) -> None:
    (tmp_path / "submissions.zip").write_bytes(ZIPS["class, zips"][1])
    assert [one.origin for one in gathered(tmp_path)] == [
        "submissions.zip: ann.zip: attention.ipynb",
        "submissions.zip: bob/work.zip: w/attention.ipynb",
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
    "absolute": (_member("/ann.ipynb"), found.UNSAFE),
    "above": (_member("../ann.ipynb"), found.UNSAFE),
    "inside, above": (_member("ann/../../attention.ipynb"), found.UNSAFE),
    "backslash": (_member("ann\\attention.ipynb"), found.UNSAFE),
    "drive": (_member("C:ann.ipynb"), found.UNSAFE),
    "link": (_member("ann.ipynb", _mode(stat.S_IFLNK)), found.LINK),
    "pipe": (_member("ann.ipynb", _mode(stat.S_IFIFO)), found.SPECIAL),
    "encrypted": (_flagged(_member("ann.ipynb")), found.LOCKED),
    "nested": (
        zipped({"ann.zip": zipped({"a.zip": zipped({"b.zip": "x"})}), "bob.ipynb": "y"}),
        found.NESTED,
    ),
    "broken inside": (zipped({"ann.zip": b"PK", "bob.ipynb": "y"}), found.BROKEN),
    "empty inside": (zipped({"ann.zip": zipped({}), "bob.ipynb": "y"}), found.EMPTY),
}


@pytest.mark.parametrize("case", UNSAFE)
def test_an_unsafe_member_costs_only_its_student(tmp_path: Path, case: str) -> None:
    data, problem = UNSAFE[case]
    (tmp_path / "submissions.zip").write_bytes(data)
    got = taken(tmp_path)
    assert got.pop("bob") == "y"
    assert list(got.values()) == [f"({problem})"]
    assert list(got)[0].endswith("ann")


def test_broken_and_crowded_zips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = zipped(["attention.ipynb", "b.txt"])
    (tmp_path / "ann.zip").write_bytes(good[:-30])
    (tmp_path / "bob.zip").write_bytes(b"no zip")
    (tmp_path / "cy.zip").write_bytes(zipped([f"{i}.ipynb" for i in range(11)]))
    (tmp_path / "dee.zip").write_bytes(
        zipped({f"{i}.zip": zipped([f"{i}.txt", f"{i}.md", f"{i}.py"]) for i in range(4)})
    )
    (tmp_path / "eve.zip").write_bytes(good.replace(b"PK\x01\x02", b"PK\x01\x03"))
    monkeypatch.setattr(found, "MOST_MEMBERS", 10)
    got = taken(tmp_path)
    assert [got[one] for one in ("ann", "bob", "eve")] == [f"({found.BROKEN})"] * 3
    assert got["cy"] == got["dee"] == f"({found.CROWDED}{intake.OF_CLASS})"


def test_a_members_true_size_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ann.zip").write_bytes(zipped({"attention.ipynb": "x" * 2_000}))
    (tmp_path / "bob.zip").write_bytes(zipped({"z.zip": zipped({"attention.ipynb": "x" * 2_000})}))
    (tmp_path / "cy.ipynb").write_text("x" * 2_000)
    (tmp_path / "dee.ipynb").write_text("x" * 999)
    unread = gathered(tmp_path)
    monkeypatch.setattr(found, "MOST_BYTES", 1_000)
    assert [bool(one.problem) for one in gathered(tmp_path)] == [True, True, True, False]
    for one in unread[:3]:
        with pytest.raises(Unusable, match="larger than"):
            read(one)


def test_a_large_file_beside_the_notebook_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(found, "MOST_BYTES", 1_000)
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
    got = taken(tmp_path)
    assert "only a/b.txt, c/d.txt" in got["ann"] and "only homework/essay.pdf" in got["dee"]
    assert f"nothing for {NAME}, only 02_tiny/tiny.ipynb, 03_x/y.txt" in got["bob"]
    assert got["cy"] == f"({found.EMPTY})"


def test_damaged_data_in_a_zip(tmp_path: Path) -> None:
    data = bytearray(zipped({"attention.ipynb": "words and more words " * 50}))
    data[50] ^= 0xFF
    (tmp_path / "ann.zip").write_bytes(data)
    with pytest.raises(Unusable, match="damaged"):
        read(gathered(tmp_path)[0])


def test_macs_names_are_utf8(tmp_path: Path) -> None:
    data = bytearray(zipped(["张伟.ipynb", "bob.ipynb"]))
    for header, flag in ((b"PK\x03\x04", 7), (b"PK\x01\x02", 9)):
        data[data.index(header) + flag] &= 0xF7  # what says that a name is UTF-8
    (tmp_path / "submissions.zip").write_bytes(data)
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
    got = taken(folder)
    assert got.pop("good") == "good.ipynb"
    assert got.pop("eve") == f"({found.SPECIAL})" and got.pop("locked") == f"({found.UNREADABLE})"
    assert got == dict.fromkeys(("ann", "bob", "cy", "dee"), f"({found.LINK})")


def test_a_file_that_became_a_link_is_not_read(tmp_path: Path) -> None:
    put(tmp_path, ["ann.ipynb", "secret"])
    submission = gathered(tmp_path)[0]
    (tmp_path / "ann.ipynb").unlink()
    (tmp_path / "ann.ipynb").symlink_to(tmp_path / "secret")
    with pytest.raises(Unusable, match="cannot be read"):
        read(submission)


def test_a_problem_is_not_read(tmp_path: Path) -> None:
    put(tmp_path, "a.ipynb")
    with pytest.raises(Unusable, match="why"):
        read(Submission("a", "a.ipynb", tmp_path / "a.ipynb", problem="why"))
