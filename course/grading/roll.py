"""Who is who over a term: a student keeps one name, though files and lists write it in different ways.

Ann.ipynb in one week and ann.ipynb in the next are one student. So are leeann_815 and leeann, where a
learning platform says of both that the number is 815: only with a namesake's beside it does a file's
student carry the number. The gradebook keeps the numbers that stay over a term (Canvas's): leeann with the
number 816 is then another student, leeann_816, also alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from .intake import Submission

STRANGE = "not on the list of students"


class Roll:
    """The class list, empty where none is given, and the students whom the gradebook knows.

    numbers: {number: student}, as Book.numbers gives them.
    """

    def __init__(
        self, listed: Sequence[str], booked: Sequence[str], numbers: Mapping[str, str] | None = None
    ) -> None:
        self._listed = {name.casefold() for name in listed}
        self._names = {name.casefold(): name for name in (*listed, *booked)}  # the gradebook's spelling wins
        self._booked = frozenset(booked)
        self._numbers = dict(numbers or {})
        self._platforms = {name: number.partition(":")[0] for number, name in self._numbers.items()}

    def named(self, submissions: Iterable[Submission]) -> list[Submission]:
        """The same, under the names that are known; a name that two would get is given to neither."""
        submissions = list(submissions)
        found = [self._name(one) for one in submissions]
        times = Counter(name.casefold() for name in found)
        return [
            replace(one, student=name) if times[name.casefold()] == 1 else one
            for one, name in zip(submissions, found, strict=True)
        ]

    def _name(self, submission: Submission) -> str:
        if submission.number in self._numbers:
            return self._numbers[submission.number]
        student, (platform, _, number) = submission.student, submission.number.partition(":")
        with_number = f"{student}_{number}"
        if number and with_number.casefold() in self._names:
            return self._names[with_number.casefold()]
        known = student if student in self._booked else self._names.get(student.casefold(), student)
        return with_number if platform and self._platforms.get(known) == platform else known

    def absent(self, present: Collection[str]) -> list[str]:
        """Those who are known and of whom there is nothing here."""
        return sorted({*self._names.values(), *self._booked} - {*present})

    def strange(self, student: str) -> bool:
        """Whether there is a class list, and the student is not on it."""
        return bool(self._listed) and student.casefold() not in self._listed
