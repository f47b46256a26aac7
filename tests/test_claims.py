"""Claims and their answers: course/claims.yaml, what notebooks say to it, and the pages made of both."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from carried import header

from course import claims, errors, pages
from course.build import LABS, LESSONS, labs
from course.claims import CONDITION, GRADES, all_claims, answers_in_prose, is_grade, written_claims
from course.errors import CourseError
from course.pages import BEGIN, END
from course.run import ANSWER_MIME

ARTICLES = {"A0", "A1", "A2", "A3", "A4"}
CLAIMS = """
"1.1": {article: A1, claim: "It is so."}
"1.2": {article: "A1, A4", claim: "It is fast | cheap."}
"1.3": {article: A0, claim: "It was so."}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A course of one lesson and of one lab, which answers claim 1.1."""
    for module in (claims, pages, errors):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    for folder in ("course", "lessons/labs", "docs"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "course" / "claims.yaml").write_text(CLAIMS, encoding="utf-8")
    (tmp_path / "README.md").write_text(f"# A course\n\n{BEGIN}\nold\n{END}\nmore\n", encoding="utf-8")
    notebook(tmp_path / "lessons" / "01_thing.ipynb", "text/plain", "x")
    answer(tmp_path, "1_1_so", "1.1", "3 of 3 were so.", "supported")
    return tmp_path


def notebook(path: Path, mime: str, data: object, **header: object) -> None:
    """One cell that shows the data; `alt` makes it a headline figure with that text."""
    alt = header.pop("alt", None)
    shown = {mime: data} | ({"image/png": "aGk="} if alt else {})
    output = nbformat.v4.new_output("display_data", shown, metadata={"image/png": {"alt": alt}})
    cell = nbformat.v4.new_code_cell("x", outputs=[output], metadata={"tags": ["headline"] if alt else []})
    built = nbformat.v4.new_notebook(cells=[cell], metadata={"course": {"title": "Things", **header}})
    nbformat.write(built, path)


def answer(root: Path, lab: str, claim: str, sentence: str, grade: str) -> None:
    row = {"claim": claim, "sentence": sentence, "grade": grade}
    notebook(root / "lessons" / "labs" / f"{lab}.ipynb", ANSWER_MIME, row)


def test_what_is_a_grade() -> None:
    assert all(map(is_grade, GRADES)) and is_grade(f"{CONDITION}T > 100")
    for wrong in ("", "holds", "supported only", CONDITION, CONDITION.strip(), f"{CONDITION} ", "Supported"):
        assert not is_grade(wrong), wrong


def test_a_lab_s_answer_and_none(here: Path) -> None:
    first, second, _ = all_claims()
    assert (first.sentence, first.grade, first.lab) == ("3 of 3 were so.", "supported", "1_1_so")
    assert (second.sentence, second.grade, second.lab) == ("", "", "")
    answer(here, "1_2_fast", "1.2", "Twice as fast.", "not supported here")
    assert all_claims()[1].grade == "not supported here"


def test_the_page_of_claims(here: Path) -> None:
    page = pages.claims_page()
    assert "## 1 · Things" in page
    assert (
        "| 1.1 | It is so. | A1 | **supported** | 3 of 3 were so. | [lab](../lessons/labs/1_1_so.ipynb) |"
        in page
    )
    assert r"| 1.2 | It is fast \| cheap. | A1, A4 | *no lab yet* |  |  |" in page
    answer(here, "1_2_fast", "1.2", "Twice as fast.", "not supported here")
    answer(here, "1_3_was", "1.3", "It was\nnever so.", f"{CONDITION}it rains")
    page = pages.claims_page()
    assert "no lab yet" not in page
    assert "| **supported only if it rains** | It was never so. |" in page


def test_a_lab_without_a_claim_stands_below_its_lesson_s(here: Path) -> None:
    link = "Without a claim: [Things](../lessons/labs/1_4_more.ipynb) How it goes on.\n"
    assert "Without a claim" not in pages.claims_page()
    more = here / "lessons" / "labs" / "1_4_more.ipynb"
    notebook(more, "text/plain", "x", further=True, summary="How it goes on.")
    page = pages.claims_page()
    assert page.count(link) == 1 and page.index("| 1.3 |") < page.index(link)
    assert all_claims()[0].lab == "1_1_so"
    assert pages.readme().count("1_4_more") == 0


def test_readme_says_a_sentence_and_shows_a_picture_of_each_lesson(here: Path) -> None:
    path = here / "lessons" / "01_thing.ipynb"
    alt, summary = 'a "line"\nrises to 1 & stays', "What it lets you see."
    notebook(path, "text/plain", "x", alt=alt, summary=summary)
    readme = pages.readme()
    assert readme.startswith(f"# A course\n\n{BEGIN}\n") and readme.endswith(f"{END}\nmore\n")
    assert "### [1 · Things](lessons/01_thing.ipynb)" in readme and f"\n{summary}\n" in readme
    assert '<img src="lessons/01_thing.png" ' in readme
    assert ' alt="a &quot;line&quot; rises to 1 &amp; stays">' in readme
    assert "old" not in readme


def test_stale_pages_are_named_and_written(here: Path) -> None:
    both = [f"{page}: not what the notebooks give" for page in ("README.md", "docs/claims.md")]
    assert pages.stale() == both
    pages.update()
    assert pages.stale() == []
    answer(here, "1_1_so", "1.1", "2 of 3 were so.", "supported")
    assert pages.stale() == both[1:]


def test_a_readme_without_its_marks(here: Path) -> None:
    (here / "README.md").write_text(f"# A course\n{BEGIN}\n", encoding="utf-8")
    with pytest.raises(CourseError, match=r"README\.md: it needs one line"):
        pages.readme()


def test_answers_in_a_lesson_s_prose(here: Path) -> None:
    """The claims in sight, the answers folded."""
    claims, fold = answers_in_prose(["1.1", "1.2"]).split("<details>")
    assert claims == "- *1.1: It is so.* ([Lab 1.1](labs/1_1_so.ipynb))\n\n"
    assert fold.endswith("\n\n- 1.1: **Supported.** 3 of 3 were so.\n\n</details>")
    assert answers_in_prose(["1.2"]) == ""
    many = answers_in_prose(["1.1", *(f"1.{i}" for i in range(2, 8))])
    assert "\n- 1.1: **Supported.**\n" in many  # of seven claims, no figures


def test_an_answer_to_a_claim_that_nobody_wrote_down(here: Path) -> None:
    answer(here, "9_9_lab", "9.9", "No.", "supported")
    with pytest.raises(CourseError, match=r"9_9_lab\.ipynb: it answers claim '9.9', .*claims\.yaml"):
        all_claims()


BROKEN = {
    "no table": ("- 1\n", "not a table"),
    "nothing": ("", "not a table"),
    "not YAML": ('"1.1": {article', "not a table"),
    "no article": ('"1.1": {claim: "It is so."}\n', "not a table of .*'article'"),
    "no claim": ('"1.1": A1\n', "not a table"),
    "no quotes": ('1.10: {article: A1, claim: "It is so."}\n', "every number needs quotes"),
}


@pytest.mark.parametrize("text, reason", BROKEN.values(), ids=BROKEN)
def test_a_broken_table_of_claims(here: Path, text: str, reason: str) -> None:
    (here / "course" / "claims.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(CourseError, match=rf"^course/claims\.yaml: {reason}"):
        all_claims()


def test_no_table_of_claims(here: Path) -> None:
    (here / "course" / "claims.yaml").unlink()
    with pytest.raises(CourseError, match=r"^course/claims\.yaml: "):
        all_claims()


@pytest.mark.parametrize("file", ["lessons/01_thing.ipynb", "lessons/labs/1_1_so.ipynb"])
def test_a_spoilt_notebook_is_named(here: Path, file: str) -> None:
    """As git leaves it where two people built it."""
    path = here / file
    path.write_text(f"<<<<<<< HEAD\n{path.read_text(encoding='utf-8')}", encoding="utf-8")
    with pytest.raises(CourseError, match=rf"^{file}: not a notebook .*build it again"):
        pages.claims_page()
    if "labs" not in file:  # with its own answers in it, it can be built again
        assert "3 of 3" in answers_in_prose(["1.1"])


# --- The course's own -------------------------------------------------------------------------


def test_every_claim_stands_in_one_lesson_and_its_article_is_one_of_five() -> None:
    found = written_claims()
    wrong = {
        key: claim.article for key, claim in found.items() if not set(claim.article.split(", ")) <= ARTICLES
    }
    assert not wrong
    asked = [claim for source in LESSONS.glob("[0-9]*.py") for claim in header(source)["claims"]]
    assert sorted(asked) == sorted(found), "claims.yaml, and what the lessons' headers name"
    assert sorted(found) == list(found), "in order"


def test_no_claim_is_written_twice() -> None:
    """YAML would take the last one and say nothing."""
    text = (claims.ROOT / "course" / "claims.yaml").read_text(encoding="utf-8")
    assert re.findall(r'^"([\d.]+[a-z]?)":', text, re.MULTILINE) == list(written_claims())


def test_a_lab_is_named_after_its_claim_and_no_claim_has_two() -> None:
    """The first of several. One that goes further has a number that no claim has."""
    headers = {name: header(LABS / f"{name}.py") for name in labs()}
    asked = {
        name: [each["claim"]] if "claim" in each else each.get("claims", []) for name, each in headers.items()
    }
    named = {name: ".".join(name.split("_")[:2]) for name in asked}
    assert {name: named[name] for name in asked if asked[name]} == {
        name: a[0] for name, a in asked.items() if a
    }
    assert len(set(named.values())) == len(named)
    every = [claim for claims_of_one in asked.values() for claim in claims_of_one]
    assert len(set(every)) == len(every)
    assert [name for name in asked if not asked[name] and named[name] in written_claims()] == []
