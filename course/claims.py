"""What the articles claim, and what the labs answered: course/claims.yaml beside the built notebooks."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from .errors import ROOT, CourseError
from .files import read_notebook
from .run import answers

GRADES = ("supported", "not supported here", "true by definition", "not testable at this size")
ANSWERS_IN_FULL = 6  # claims of a lesson
CONDITION = "supported only if "  # a condition follows


@dataclass(frozen=True)
class Claim:
    """One claim, and what its lab answered."""

    id: str
    claim: str
    article: str
    sentence: str = ""
    grade: str = ""
    lab: str = ""  # the notebook's name


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
    _add_answers(found)
    return list(found.values())


def _add_answers(found: dict[str, Claim]) -> None:
    """Fill in what the labs answered."""
    for notebook in lab_notebooks():
        for row in _shown(notebook):
            claim = row["claim"]
            if claim not in found:
                raise CourseError(
                    notebook, f"it answers claim {claim!r}, which does not stand in course/claims.yaml"
                )
            if found[claim].lab:
                raise CourseError(notebook, f"{found[claim].lab} answers claim {claim}, too: one lab a claim")
            found[claim] = replace(
                found[claim], sentence=row["sentence"], grade=row["grade"], lab=notebook.stem
            )


def _shown(notebook: Path) -> list[dict]:
    """What a built lab answered."""
    return _read(notebook, notebook.stat().st_mtime_ns)


@functools.cache  # until the file changes
def _read(notebook: Path, _changed: int) -> list[dict]:
    return answers(read_notebook(notebook))


def lab_of(claim: str) -> str | None:
    """The built lab that answers the claim, by its name."""
    for notebook in lab_notebooks():
        if claim in [row["claim"] for row in _shown(notebook)]:
            return notebook.stem
    return None


def answers_in_prose(which: list[str]) -> str:
    """For a lesson's last section: the claims with their labs; folded, the grades and the labs' answers.

    So a reader can predict. Of many claims, the grades alone: readers did not get through nine answers with
    all their figures.
    """
    # Labs alone are read: a spoilt lesson must not stand in the way of building it again.
    found = written_claims()
    _add_answers(found)
    answered = [claim for claim in found.values() if claim.id in which and claim.lab]
    if not answered:
        return ""
    asked, told = [], []
    for claim in answered:
        number = ".".join(claim.lab.split("_")[:2])  # a lab with two claims has the number of the first
        asked.append(f"- *{claim.id}: {claim.claim}* ([Lab {number}](labs/{claim.lab}.ipynb))")
        sentence = f" {claim.sentence}" if len(which) <= ANSWERS_IN_FULL else ""
        told.append(f"- {claim.id}: **{claim.grade[0].upper()}{claim.grade[1:]}.**{sentence}")
    fold = "<details><summary>What our labs found</summary>"
    return "\n".join([*asked, "", fold, "", *told, "", "</details>"])
