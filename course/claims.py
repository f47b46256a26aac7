"""What the articles claim, and what the labs answered: course/claims.yaml beside the built notebooks."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import yaml

from .errors import ROOT, CourseError
from .files import read_notebook
from .run import answers, verdicts

GRADES = ("supported", "not supported here", "true by definition", "not testable at this size")
CONDITION = "supported only if "  # a condition follows


@dataclass(frozen=True)
class Claim:
    """One claim; what its lab answered, or else the verdict that its lesson gave before there were labs."""

    id: str
    claim: str
    article: str
    sentence: str = ""
    grade: str = ""
    lab: str = ""  # the notebook's name
    old_verdict: str = ""


def is_grade(grade: str) -> bool:
    has_condition = grade.startswith(CONDITION) and grade.removeprefix(CONDITION).strip() != ""
    return grade in GRADES or has_condition


def lesson_notebooks() -> list[Path]:
    return sorted((ROOT / "lessons").glob("[0-9][0-9]_*.ipynb"))


def lab_notebooks() -> list[Path]:
    return sorted((ROOT / "lessons" / "labs").glob("*.ipynb"))


def written_claims() -> dict[str, Claim]:
    """Every claim of claims.yaml by its number, in order, without an answer.

    Raises:
        CourseError: claims.yaml cannot be read.
    """
    path = ROOT / "course" / "claims.yaml"
    try:
        written = yaml.safe_load(path.read_text(encoding="utf-8"))
        found = {key: Claim(key, entry["claim"], entry["article"]) for key, entry in written.items()}
    except (OSError, yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
        raise CourseError(path, f'not a table of "1.1": {{article: A1, claim: "..."}}: {error}') from error
    if bare := [key for key in found if not isinstance(key, str)]:
        raise CourseError(
            path, f'every number needs quotes, as "1.10": does, else it becomes 1.1; see {bare[0]}'
        )
    return found


def all_claims() -> list[Claim]:
    """Every claim of claims.yaml, in order, with what the built notebooks say to it.

    Raises:
        CourseError: claims.yaml cannot be read, or a notebook answers a claim that does not stand there.
    """
    found = written_claims()
    for notebook in lesson_notebooks():
        for row in _shown(notebook).verdicts:
            _change(found, notebook, row["id"], old_verdict=row["verdict"])
    _add_answers(found)
    return list(found.values())


def _add_answers(found: dict[str, Claim]) -> None:
    """Fill in what the labs answered."""
    for notebook in lab_notebooks():
        for row in _shown(notebook).answers:
            claim = row["claim"]
            if claim in found and found[claim].lab:
                raise CourseError(notebook, f"{found[claim].lab} answers claim {claim}, too: one lab a claim")
            _change(found, notebook, claim, sentence=row["sentence"], grade=row["grade"], lab=notebook.stem)


def _change(found: dict[str, Claim], notebook: Path, claim: str, **fields: str) -> None:
    if claim not in found:
        raise CourseError(notebook, f"it answers claim {claim!r}, which does not stand in course/claims.yaml")
    found[claim] = replace(found[claim], **fields)


class _Shown(NamedTuple):
    answers: list[dict]
    verdicts: list[dict]


def _shown(notebook: Path) -> _Shown:
    return _read(notebook, notebook.stat().st_mtime_ns)


@functools.cache  # until the file changes
def _read(notebook: Path, _changed: int) -> _Shown:
    built = read_notebook(notebook)
    return _Shown(answers(built), verdicts(built))


def lab_of(claim: str) -> str | None:
    """The built lab that answers the claim, by its name."""
    for notebook in lab_notebooks():
        if claim in [row["claim"] for row in _shown(notebook).answers]:
            return notebook.stem
    return None


def answers_in_prose(which: list[str]) -> str:
    """A list for a lesson's last section: each claim, the answer of its lab, and the grade."""
    lines = []
    # Labs alone are read: a spoilt lesson must not stand in the way of building it again.
    found = written_claims()
    _add_answers(found)
    for claim in found.values():
        if claim.id in which and claim.lab:
            grade = f"{claim.grade[0].upper()}{claim.grade[1:]}"
            answer = f"**{grade}.** {claim.sentence} ([Lab {claim.id}](labs/{claim.lab}.ipynb))"
            lines.append(f"- *Claim {claim.id}: {claim.claim}*<br>{answer}")
    return "\n".join(lines)
