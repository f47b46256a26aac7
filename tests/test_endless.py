"""A loop without an end, in an answer: a learner's notebook has no time limit, so the test cell must end it.

It is no answer of tests/answers/05_rag/: in the class grader, which has a limit, it would take that long.
"""

from __future__ import annotations

from grading import Mark, all_answers, drop, edited, grade, solution, substitute, tasks

LOOP = "a loop that stops at the last word"
BELOW = """\
# - if not 0 <= overlap < size:
# -     raise ValueError("0 <= overlap < size")
# - chunks, start = [], 0
# + chunks, start = [], 0
# - return chunks
# + if not 0 <= overlap < size:
# +     raise ValueError("0 <= overlap < size")
# + return chunks"""


def marks_of_chunk(source: str) -> dict[str, Mark]:
    notebook = solution("05_rag")
    others = [name for task in tasks(notebook).values() if task.name != "chunk" for name in task.tests]
    return grade(drop(substitute(notebook, {"chunk": source}), others))


def test_a_loop_that_begins_before_the_error_is_stopped_and_named() -> None:
    [loop] = [one for one in all_answers() if (one.task, one.label) == ("chunk", LOOP)]
    marks = marks_of_chunk(edited(loop.source, BELOW))
    why = "chunk goes on and on; it must raise ValueError before any loop begins"
    assert f"11 words, size 4, overlap 4: {why}" in marks["chunk_by_hand"].text
    assert why in marks["chunk_hidden"].text
    assert (marks["chunk_by_hand"].points, marks["chunk_hidden"].points) == (0, 0.75)
