"""A learning platform's table gets marks, and keeps every other byte; nobody gets another one's mark."""

from __future__ import annotations

import csv
import io
import re
import shlex
import subprocess
import zipfile
from pathlib import Path

import classroom
import pytest
from classroom import HONEST, NAME
from test_grade import course_folder

from course import grade
from course.__main__ import main
from course.errors import ROOT, CourseError
from course.grading import worksheet
from course.grading.book import Book, Marks
from course.grading.handback import hand_back
from course.grading.intake import Submission
from course.grading.table import FAILED, GRADED, NOTHING, PERSON, Row
from course.grading.worksheet import fill, read

TASKS = {"attention": 12.0, "rope": 8.0}
# As each platform exports it: Moodle's grading worksheet, Canvas's gradebook, Blackboard's grade file.
MOODLE = (
    'Identifier,"Full name","ID number","Email address",Status,Grade,"Maximum grade","Grade can be changed",'
    '"Last modified (submission)","Last modified (grade)","Feedback comments"\r\n'
    'Participant 101,"Ann Lee",0017,ann@x.org,"Submitted - ",,20.00,Yes,"Sunday, 1 March 2026",-,""\r\n'
    'Participant 102,"Ann Lee",0018,lee@x.org,"Submitted - ",,20.00,Yes,-,-,"Well\r\ndone, ""Ann""."\r\n'
    'Participant 103,"Łukasz Żak, jr.",0019,zak@x.org,"Submitted - ",12.00,20.00,Yes,-,-,"Points: 1"\r\n'
    'Participant 104,张伟,,zhang@x.org,"No submission - ",,20.00,Yes,-,-,\r\n'
    'Participant 105,"Bo Ek",0020,bo@x.org,"Submitted - ",,20.00,No,-,-,\r\n'
)
CANVAS = (
    "\ufeffStudent,ID,SIS User ID,SIS Login ID,Section,Quiz 1 (900),Attention (901),Homework Final Score\n"
    ",,,,,Manual Posting,,\n"
    "    Points Possible,,,,,10.00,20.00,(read only)\n"
    '"Lee, Ann",4711,007,ann@x.org,01 and 02,,,\n'
    '"de la Cruz, José",4712,,jose,01,5,17.50,80.1\n'
    '"O\'Neil, Mia",4713,,mia,01,,,\n'
    '"Student, Test",4799,,0123abc,01,,,\n'
)
BLACKBOARD = (
    '\ufeff"Last Name","First Name","Username","Student ID","Last Access",'
    '"Weighted Total [Total Pts: up to 100 Percentage] |77",'
    '"Attention, week 1 [Total Pts: 20 Score] |118854",'
    '"Grading Notes","Notes Format","Feedback to Learner","Feedback Format"\n'
    '"Lee","Ann","alee","0017","2026-03-01 10:00:00","","","","SMART_TEXT","","SMART_TEXT"\n'
    '"Ek","Bo","bo_ek","0018","","","needs grading(12)","","SMART_TEXT","","SMART_TEXT"\n'
    '"Roe","Cy","croe","0019","","","","","SMART_TEXT","","SMART_TEXT"\n'
)


def put(folder: Path, text: str, encoding: str = "utf-8", name: str = "export.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def row(student: str, total: float | None = 18.0, number: str = "", file: str = "x.ipynb") -> Row:
    points = None if total is None else {"attention": total / 2, "rope": total / 2}
    status = FAILED if total is None else GRADED
    return Row(student, status, "", points, file=file, total=total, number=number)


def cells(text: str, separator: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.lstrip("\ufeff"), newline=""), delimiter=separator))


def without(text: str, *columns: int) -> list[list[str]]:
    return [[cell for at, cell in enumerate(line) if at not in columns] for line in cells(text)]


def test_moodle(tmp_path: Path) -> None:
    """By the participant's number, which is in the names of exported folders: two are called Ann Lee."""
    rows = [
        row("Ann_Lee_101", 18, "moodle:101"),
        row("Ann_Lee_102", 17.5, "moodle:102"),
        row("Łukasz_Żak_jr.", 20, "moodle:103"),
        row("张伟", None, file=""),
        row("Bo_Ek", 11, "moodle:105"),
        row("Cy", 3, "moodle:999"),
        row("Bo_Ek_too", 3, "moodle:998"),
    ]
    done = fill(read(put(tmp_path, MOODLE), 20), rows, TASKS)
    table = cells(done.text)
    assert [line[5] for line in table[1:]] == ["18", "17.5", "20", "", ""]
    assert table[1][10] == "Points: attention 9 of 12, rope 9 of 8."
    assert table[2][10] == 'Well\r\ndone, "Ann".', "what a person wrote stays"
    assert table[3][10] == "Points: attention 10 of 12, rope 10 of 8."
    assert without(done.text, 5, 10) == without(MOODLE, 5, 10)
    assert (done.marks, done.replaced, done.locked) == (3, 1, ["Bo_Ek"])
    assert (done.unknown, done.twice) == (["Cy", "Bo_Ek_too"], [])


def test_only_the_cells_of_marks_change(tmp_path: Path) -> None:
    """Byte for byte: quotes, line ends, zeros in front, a byte-order mark."""
    done = fill(read(put(tmp_path, CANVAS), 20, "Attention"), [row("x", 18, "canvas:4711")], TASKS)
    assert done.text == CANVAS.replace("01 and 02,,,", "01 and 02,,18,")
    done = fill(read(put(tmp_path, BLACKBOARD), 20), [row("bo_ek", 9.25)], TASKS)
    told = '"Points: attention 4.625 of 12, rope 4.625 of 8."'
    assert done.text == BLACKBOARD.replace(
        '"needs grading(12)","","SMART_TEXT",""', f'"9.25","","SMART_TEXT",{told}'
    )
    done = fill(read(put(tmp_path, MOODLE), 20), [row("Bo_Ek", 9, "moodle:104")], TASKS)
    told = '"Points: attention 4.5 of 12, rope 4.5 of 8."'
    assert done.text == MOODLE.replace(
        '"No submission - ",,20.00,Yes,-,-,', f'"No submission - ",9,20.00,Yes,-,-,{told}'
    )
    nobody = fill(read(put(tmp_path, MOODLE), 20), [row("Nobody")], TASKS)
    assert nobody.text == MOODLE


@pytest.mark.parametrize(
    "student, number, line",
    [
        ("leeann", "canvas:4711", 3),
        ("Ann_Lee", "", 3),
        ("ann", "", 3),
        ("delacruzjosé", "canvas:4712", 4),
        ("delacruzjosé", "", 4),
        ("José_de_la_Cruz", "", 4),
        ("oneilmia", "", 5),
        ("leeann", "canvas:4710", None),
        ("Student_Test", "", None),
        ("leeann", "moodle:4712", 3),
    ],
)
def test_who_it_is_for_canvas(tmp_path: Path, student: str, number: str, line: int | None) -> None:
    done = fill(read(put(tmp_path, CANVAS), 20, "attention"), [row(student, 18, number)], TASKS)
    assert [at for at, line_ in enumerate(cells(done.text)) if line_[6] == "18"] == ([line] if line else [])
    assert done.unknown == ([] if line else [student])


@pytest.mark.parametrize("separator, encoding, ends", [("\t", "utf-16-le", "\n"), ("\t", "utf-8", "\r\n")])
def test_blackboards_file_for_excel(tmp_path: Path, separator: str, encoding: str, ends: str) -> None:
    """It is called .xls, and is text with tabs."""
    table = cells(BLACKBOARD)
    text = "\ufeff" + "".join(separator.join(f'"{cell}"' for cell in line) + ends for line in table)
    sheet = read(put(tmp_path, text, encoding, "gc.xls"), 20)
    assert sheet.encoding == encoding
    done = fill(sheet, [row("croe", 7)], TASKS)
    assert cells(done.text, separator)[3][6] == "7" and done.text.startswith("\ufeff")
    assert done.text.count(ends) == 4


def test_who_has_no_mark_keeps_an_empty_cell(tmp_path: Path) -> None:
    rows = [
        row("alee", None),
        Row("bo_ek", NOTHING),
        Row("croe", PERSON, "to be marked by hand", {"attention": 9.0}, total=9.0),
    ]
    done = fill(read(put(tmp_path, BLACKBOARD), 20), rows, TASKS, waiting={"croe"})
    assert done.text == BLACKBOARD and done.marks == 0
    assert (done.waiting, done.unknown, done.twice) == (["croe"], [], [])


def test_a_zero_is_a_mark(tmp_path: Path) -> None:
    done = fill(read(put(tmp_path, BLACKBOARD), 20), [row("alee", 0.0)], TASKS)
    assert cells(done.text)[1][6] == "0"


def test_nobody_gets_the_mark_of_another(tmp_path: Path) -> None:
    """Two in the table for one student, two students for one in the table: neither is guessed."""
    moodle = read(put(tmp_path, MOODLE), 20)
    assert fill(moodle, [row("Ann_Lee")], TASKS).twice == ["Ann_Lee"]
    assert fill(moodle, [row("Ann_Lee")], TASKS).text == MOODLE
    line = MOODLE.splitlines(keepends=True)[1]
    doubled = read(put(tmp_path, MOODLE + line), 20)
    assert fill(doubled, [row("Ann_Lee_101", 18, "moodle:101")], TASKS).twice == ["Ann_Lee_101"]
    both = fill(moodle, [row("zhang"), row("张伟")], TASKS)
    assert (both.twice, both.text) == (["zhang", "张伟"], MOODLE)


def test_the_name_before_an_at_sign_counts_where_all_have_one_domain(tmp_path: Path) -> None:
    """lee may be Bo Lee's account, and Ann Lee's address at another place begin with it."""
    one = "Identifier,Full name,Email address,Grade\nP 1,Ann Lee,lee@x.org,\nP 2,Bo Lee,bo@X.org,\n"
    for text, unknown in ((one, []), (one.replace("lee@x.org", "lee@gmail.com"), ["lee"])):
        done = fill(read(put(tmp_path, text), 20), [row("lee")], TASKS)
        assert (done.unknown, done.twice) == (unknown, [])
    canvas = CANVAS.replace(",jose,", ",jose@y.org,")
    done = fill(read(put(tmp_path, canvas), 20, "attention"), [row("jose"), row("ann@x.org")], TASKS)
    assert (done.unknown, list(done.students)) == (["jose"], ["ann@x.org"])


class Books:
    """As much of a Book as hand_back looks at; reads: of whom it has read the marks."""

    assignment, notebook = NAME, "attention"

    def __init__(self, root: Path, marks: dict[str, Marks]) -> None:
        self.root, self._marks, self.reads = root, marks, list[str]()

    def marks(self, student: str) -> Marks | None:
        self.reads.append(student)
        return self._marks.get(student)

    def page_path(self, student: str) -> Path:
        return self.root / "feedback" / student / "attention.html"


def handed_back(root: Path, rows: list[Row], marks: dict[str, Marks]) -> list[list[str]]:
    books = Books(root, marks)
    (root / "marks").mkdir()
    hand_back(books, read(put(root, BLACKBOARD), 20), rows, TASKS)  # type: ignore[arg-type]
    assert books.reads == [one.student for one in rows if one.total is not None]
    return cells((root / "marks" / f"{NAME}-blackboard.csv").read_bytes().decode())


def test_a_mark_given_after_the_notebook_was_recorded(tmp_path: Path, capsys) -> None:
    """The gradebook's marks of one moment are written, not those of the row."""
    rows = [row("alee", 15), row("bo_ek", 15), row("croe", None)]
    final = Marks({"attention": 12.0, "rope": 7.5}, [], 19.5, 20, None)
    waits = Marks({"attention": 12.0, "rope": 0.0}, ["rope"], 12, 20, None)
    _, ann, bo, _ = handed_back(tmp_path, rows, {"alee": final, "bo_ek": waits})
    assert (ann[6], ann[9]) == ("19.5", "Points: attention 12 of 12, rope 7.5 of 8.")
    assert (bo[6], bo[9]) == ("needs grading(12)", "")
    assert "no mark written for bo_ek: something is still" in capsys.readouterr().err


@pytest.mark.parametrize("penalty, mark", [(2.0, "16"), (30.0, "0")])
def test_a_penalty_is_taken_off(tmp_path: Path, penalty: float, mark: str) -> None:
    late = Marks({"attention": 10.0, "rope": 8.0}, [], 18, 20, None, penalty)
    _, ann, *_ = handed_back(tmp_path, [row("alee", 18)], {"alee": late})
    less = 18 - float(mark)
    assert (ann[6], ann[9]) == (mark, f"Points: attention 10 of 12, rope 8 of 8, less {less:g} for lateness.")


def test_decimal_commas(tmp_path: Path) -> None:
    """Where the table writes 20,00; the mark then needs quotes, unless semicolons part the cells."""
    comma = MOODLE.replace("20.00", '"20,00"')
    done = fill(read(put(tmp_path, comma), 20), [row("zhang", 17.5)], TASKS)
    assert '"No submission - ","17,5","20,00"' in done.text
    canvas = CANVAS.replace(",", ";").replace("20.00", "20,00").replace("Lee; ", "Lee, ")
    done = fill(read(put(tmp_path, canvas), 20, "Attention"), [row("ann", 17.5)], TASKS)
    assert "01 and 02;;17,5;" in done.text


def test_hidden_names(tmp_path: Path) -> None:
    """Moodle without names: the number is all there is."""
    hidden = "Identifier,Status,Grade,Maximum grade,Last modified (grade)\nParticipant 7,x,,20.00,-\n"
    rows = [row("Participant_7", 5, "moodle:7"), row("Participant_8", 5, "moodle:8")]
    done = fill(read(put(tmp_path, hidden), 20), rows, TASKS)
    assert done.text == hidden.replace("x,,", "x,5,") and done.unknown == ["Participant_8"]


WRONG = {
    "nothing": ("", "no worksheet of Moodle"),
    "another table": ("student,total\nann,3\n", "no worksheet of Moodle"),
    "German": ("ID,Vollständiger Name,Bewertung\nTeilnehmer/in1,Ann,\n", "English column names"),
    "worth 100": (MOODLE.replace("20.00", "100.00"), "is worth 100, the assignment 20"),
    "two columns": (CANVAS, "'Quiz 1', 'Attention'. Say which"),
    "no column": (BLACKBOARD.replace(" |118854", ""), "but none"),
    "a scale": (MOODLE.replace("20.00", "-"), "'-' points, which is no number"),
    "thousands": (MOODLE.replace("20.00", '"1,000.00"'), "'1,000.00' points, which is no number"),
    "a row too short": (MOODLE + "Participant 9,x\r\n", "has 2 cells, the first row 11"),
    "a quote": (MOODLE.replace('"Bo Ek",', '"Bo"Ek,'), "line 7 is no CSV: 'E' stands"),
    "open quote": (MOODLE.replace('"Bo Ek",', '"Bo Ek,'), "line 7 is no CSV"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_worksheet_is_told(tmp_path: Path, case: str) -> None:
    text, says = WRONG[case]
    with pytest.raises(CourseError, match="export.csv") as caught:
        read(put(tmp_path, text), 20)
    assert says in str(caught.value)


def test_a_wrong_file_is_told(tmp_path: Path) -> None:
    for data, says in ((b"PK\x03\x04...", "Excel"), (b"Identifier,Gr\xe4de", "UTF-8")):
        (tmp_path / "export.csv").write_bytes(data)
        with pytest.raises(CourseError, match=says):
            read(tmp_path / "export.csv", 20)
    with pytest.raises(CourseError, match="cannot be read"):
        read(tmp_path, 20)
    with pytest.raises(CourseError, match="no.*'Essay'"):
        read(put(tmp_path, CANVAS), 20, "Essay")


ODD = ['a,""\n\n"b\n""c""",\nd,e', "a\r\rb,c\r", ",", '"a",', "a\n\n", ""]


@pytest.mark.parametrize("text", [MOODLE, CANVAS, BLACKBOARD, *ODD])
def test_cells_are_those_that_csv_sees(text: str) -> None:
    found = worksheet._records(Path("x.csv"), text, ",")
    assert [[cell.text for cell in line] for line in found] == [line for line in cells(text) if line]
    for line in found:
        for cell in line:
            raw = text[cell.start : cell.end]
            assert next(csv.reader(io.StringIO(raw, newline="")), [""])[0] == cell.text


# --- The command --------------------------------------------------------------------------------

SHEETS = {
    "Moodle": (
        "Identifier,Full name,Email address,Grade,Maximum Grade,Last modified (grade),Feedback comments\n"
        "Participant 11,Ann Lee,a@x.org,,20.00,-,\nParticipant 12,Ann Lee,b@x.org,,20.00,-,\n"
        "Participant 13,Bo Ek,c@x.org,,20.00,-,\nParticipant 14,Cy Roe,d@x.org,,20.00,-,\n",
        {
            "Ann Lee_11_assignsubmission_file_/attention.ipynb": "right",
            "Ann Lee_12_assignsubmission_file_/attention.ipynb": "wrong",
            "Bo Ek_13_assignsubmission_file_/attention.ipynb": "broken",
            "Cy Roe_14_assignsubmission_file_/attention.ipynb": "waits",
            "Di Ray_15_assignsubmission_file_/attention.ipynb": "broken",
        },
        {"Participant 11": "18", "Participant 12": "15", "Participant 13": "", "Participant 14": ""},
        "Di_Ray",
        {f"{who}_assignsubmission_file_/attention.html" for who in ("Ann Lee_11", "Ann Lee_12", "Bo Ek_13")},
    ),
    "Canvas": (
        "Student,ID,SIS User ID,SIS Login ID,Section,Attention (901),Quiz (902)\n"
        '    Points Possible,,,,,20,20\n"Lee, Ann",11,,a,1,,\n"Lee, Ann",12,,b,1,,\n"Ek, Bo",13,,c,1,,\n'
        '"Roe, Cy",14,,d,1,,\n',
        {
            "leeann_11_501_attention.ipynb": "right",
            "leeann_LATE_12_502_attention-1.ipynb": "wrong",
            "ekbo_13_503_attention.ipynb": "broken",
            "raydi_15_504_attention.ipynb": "broken",
        },
        {"11": "18", "12": "15", "13": "", "14": ""},
        "raydi",
        {"leeann_11_501_attention.html", "leeann_LATE_12_502_attention.html", "ekbo_13_503_attention.html"},
    ),
    "Blackboard": (
        '"Last Name","First Name","Username","HW [Total Pts: 20 Score] |8","Feedback to Learner"\n'
        '"Lee","Ann","a_lee","",""\n"Lee","Ann","lee","",""\n"Ek","Bo","c","",""\n"Roe","Cy","d","",""\n',
        {
            "HW 1_a_lee_attempt_2026-03-01-10-00-00_attention.ipynb": "wrong",
            "HW 1_a_lee_attempt_2026-03-02-10-00-00_attention.ipynb": "right",
            "HW 1_a_lee_attempt_2026-03-02-10-00-00.txt": "Name: Ann Lee (a_lee)\nAssignment: HW 1\n",
            "HW 1_lee_attempt_2026-03-01-10-00-00_attention.ipynb": "wrong",
            "HW 1_c_attempt_2026-03-01-10-00-00_attention.ipynb": "broken",
            "HW 1_e_attempt_2026-03-01-10-00-00_attention.ipynb": "broken",
        },
        {"a_lee": "18", "lee": "15", "c": "", "d": ""},
        "e",
        set(),
    ),
}  # fmt: skip


def blocks() -> list[str]:
    """docs/lms.md's commands: one that makes the class list, two that grade."""
    page = (ROOT / "docs" / "lms.md").read_text("utf-8")
    return re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def typed(with_column: bool) -> list[str]:
    """The words of a line in docs/lms.md that grades, after `python -m course`."""
    [_, block] = blocks()
    lines = [shlex.split(line) for line in block.splitlines()]
    assert [("--column" in line, line[:3]) for line in lines] == [
        (False, ["python", "-m", "course"]),
        (True, ["python", "-m", "course"]),
    ]
    return lines[with_column][3:]


@pytest.mark.parametrize("platform", SHEETS)
def test_from_its_export_to_its_import(platform: str, tmp_path: Path, capfd) -> None:
    """What a platform hands out is graded as docs/lms.md says, and comes back as what it takes."""
    text, files, marks, unknown, pages = SHEETS[platform]
    root = course_folder(tmp_path / "course")
    right = classroom.honest()
    for task in ("in_your_words",):  # no written answer: every mark is final
        classroom.cell(right, task).source = classroom.cell(classroom.release(), task).source
    books = {"right": right, "wrong": classroom.cost("return {}")}
    books["waits"] = classroom.honest(in_your_words="A hundred times the work.")
    contents = {name: classroom.as_bytes(book) for name, book in books.items()} | {"broken": b"{"}
    with zipfile.ZipFile(tmp_path / "submissions.zip", "w") as archive:
        for name, what in files.items():
            archive.writestr(name, contents.get(what, what.encode()))
    handed_in = tmp_path / "handed in"
    handed_in.mkdir()
    (tmp_path / "submissions.zip").rename(handed_in / "submissions.zip")
    sheet = put(tmp_path, text)
    line = typed(with_column=platform == "Canvas")
    if platform == "Moodle":
        [make_list, _] = blocks()
        subprocess.run(make_list.replace("FILE", str(sheet)), shell=True, cwd=tmp_path, check=True)
    else:  # their tables say it in other columns
        at = line.index("--students")
        del line[at : at + 2]
    names = {"FOLDER": handed_in, "FILE": sheet, "class.txt": tmp_path / "class.txt"}
    words = [str(names.get(word, word)) for word in line]
    assert main([*words, "--course", str(root)]) == 0
    said = capfd.readouterr()
    assert sheet.read_text(encoding="utf-8") == text, "the export itself stays"
    path = root / "marks" / f"{NAME}-{platform.lower()}.csv"
    table = cells(path.read_bytes().decode())
    key = {"Moodle": 0, "Canvas": 1, "Blackboard": 2}[platform]
    at = {"Moodle": 3, "Canvas": 5, "Blackboard": 3}[platform]
    assert {line[key]: line[at] for line in table[1:] if line[key]} == marks
    assert f"For {platform}: " in said.out and "(2 marks)" in said.out
    assert f"no mark written for {unknown}: not in the worksheet" in said.err
    waits = "no mark written for Cy_Roe: something is still to be marked by hand"
    assert (waits in said.err) == (platform == "Moodle")
    packed = root / "marks" / f"{NAME}-{platform.lower()}-pages.zip"
    assert packed.is_file() == bool(pages)
    if pages:
        with zipfile.ZipFile(packed) as archive:
            assert set(archive.namelist()) == pages
            shown = {name: archive.read(name).decode() for name in pages}
        assert sum("18 of 20 points" in page for page in shown.values()) == 1
        assert sum("not graded" in page for page in shown.values()) == 1
    assert HONEST == 18
    assert not list(root.rglob("*.part"))
    book = Book(root, NAME)
    known = {"canvas:11": "leeann_11", "canvas:12": "leeann_12"} if platform == "Canvas" else {}
    assert book.numbers() == known, "Canvas's numbers stay over a term"
    [alone] = grade._roll(grade.Options(NAME, handed_in, root), book).named(
        [Submission("leeann", "", Path(), number="canvas:12")]
    )
    assert alone.student == ("leeann_12" if known else "leeann")


def test_a_wrong_worksheet_is_told_before_anything_is_graded(tmp_path: Path, capfd) -> None:
    root = course_folder(tmp_path / "course")
    sheet = put(tmp_path, MOODLE.replace("20.00", "100.00"))
    command = ["grade", NAME, str(tmp_path), "--course", str(root), "--worksheet", str(sheet)]
    assert main(command) == 1
    assert "is worth 100" in capfd.readouterr().err
    assert not (root / "gradebook.db").exists()
