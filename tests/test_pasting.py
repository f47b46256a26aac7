"""The cells of a lesson, pasted into its assignment and renamed, earn at most a third of the points.

A lesson works through one example; the general functions are the assignment's to write. Pasted here are the
functions that the lesson defines, and those of course/cells/ on its subject, which it or its labs carry:

- each of them as the answer to every task, under the name that the task asks for;
- by the wrappers below, which put arguments into another order and fill in what such a function lacks.

A lesson that has been rewritten gets an entry in PASTED: the topics of course/cells/ about its subject, and
for a task the wrappers that a learner in a hurry would write around what there is, if they earn anything.
`lesson.NAME` is the lesson's function or class, `cells.NAME` the carried one.
"""

from __future__ import annotations

import ast
import functools
import re
import sys
import textwrap
from dataclasses import dataclass

import jupytext
import pytest
from grading import Mark, drop, grade, solution, substitute, tasks
from nbformat import NotebookNode

from course.errors import ROOT
from course.sources import read_source


@dataclass(frozen=True)
class Pasted:
    """topics: files of course/cells/. wrappers: task -> what may be written around the pasted functions."""

    topics: tuple[str, ...]
    wrappers: dict[str, tuple[str, ...]]


PASTED = {
    "01_attention": Pasted(
        topics=("attention",),
        wrappers={
            "attention": (
                """
                def attention(q, k, v, mask=None):
                    return cells.attention(q, k, v, mask)[0]
                """,
            ),
            "causal_mask": (
                """
                def causal_mask(T, S=None, window=None):
                    return cells.causal_mask(T, S)
                """,
                """
                def causal_mask(T, S=None, window=None):
                    return cells.causal_mask(T, S) if window is None else lesson.window_mask(T, window)
                """,
                """
                def causal_mask(T, S=None, window=None):
                    return lesson.window_mask(S or T, window or S or T)[-T:]
                """,
            ),
            "multi_head": (
                """
                def multi_head(x, w_q, w_k, w_v, w_o, H, mask=None):
                    q, k, v = (cells.split_heads(x @ w.T, H) for w in (w_q, w_k, w_v))
                    return cells.merge_heads(cells.attention(q, k, v, mask)[0]) @ w_o.T
                """,
                """
                def multi_head(x, w_q, w_k, w_v, w_o, H, mask=None):
                    T, d, outputs = x.shape[1], x.shape[2] // H, []
                    mask = torch.ones(T, T).bool() if mask is None else mask
                    for rows in x:
                        heads = [[w.T[:, h * d : (h + 1) * d] for w in (w_q, w_k, w_v)] for h in range(H)]
                        joined = [lesson.masked_attention(rows, *three, mask)[0] for three in heads]
                        outputs.append(torch.cat(joined, dim=-1) @ w_o.T)
                    return torch.stack(outputs)
                """,
            ),
            "rope": (
                """
                def rope(x, positions, base=10000.0):
                    return cells.rotate(x, positions[0].item(), base)
                """,
                """
                def rope(x, positions, base=10000.0):
                    return cells.rotate(x, 0, base)
                """,
            ),
        },
    ),
    "02_tokenization_and_arithmetic": Pasted(
        topics=("adding", "real_tokenizers"),
        # The lesson's lines for its one sentence, with ids in place of letters.
        wrappers={
            "merge": (
                """
                def merge(ids, pair, new):
                    written = " ".join(map(str, ids)).replace(f"{pair[0]} {pair[1]}", str(new))
                    return [int(i) for i in written.split()]
                """,
            ),
            "train": (
                """
                def train(text, merges):
                    written, learned = " ".join(map(str, text.encode())), []
                    for step in range(merges):
                        pieces = [int(i) for i in written.split()]
                        counts = Counter(zip(pieces, pieces[1:]))
                        left, right = min(counts, key=lambda pair: (-counts[pair], pair))
                        learned.append((left, right))
                        written = written.replace(f"{left} {right}", str(256 + step))
                    return learned
                """,
            ),
            "encode": (
                """
                def encode(text, merges):
                    written = " ".join(map(str, text.encode()))
                    for i, (left, right) in enumerate(merges):
                        written = written.replace(f"{left} {right}", str(256 + i))
                    return [int(i) for i in written.split()]
                """,
            ),
        },
    ),
    "03_tiny_gpt": Pasted(
        topics=("attention", "tiny_gpt", "counting", "letters", "recipe"),
        # Nothing around the lesson's model, loss or schedule earns a point: norm, feed-forward layer and head
        # differ, and `counted` and the floor have a part in every case.
        wrappers={
            "sampling_probabilities": (
                """
                def sampling_probabilities(scores, temperature, top_p):
                    rows = zip(scores, temperature.tolist(), top_p.tolist())
                    return torch.stack([lesson.shaped(row, t, p) for row, t, p in rows])
                """,
                """
                def sampling_probabilities(scores, temperature, top_p):
                    rows = []
                    for row, t, p in zip(scores, temperature.tolist(), top_p.tolist()):
                        best = F.one_hot(row.argmax(), len(row)).float()
                        rows.append(best if t == 0 else lesson.shaped(row, t, p - 1e-5))
                    return torch.stack(rows)
                """,
            ),
        },
    ),
    "04_moe_routing": Pasted(
        topics=("experts", "domains", "four_kinds"),
        # Nothing around balance_loss and kept_within earns a point: machines hold different numbers of
        # experts, and it is the gate that decides who finds a place.
        wrappers={
            "top_k_gates": (
                """
                def top_k_gates(scores, k, kind):
                    p, chosen, gates = cells.route(scores, k)
                    return chosen, p.gather(-1, chosen) if kind == "before" else gates
                """,
                """
                def top_k_gates(scores, k, kind):
                    p, chosen, gates = cells.route(scores, k)
                    gates = p.gather(-1, chosen)
                    return chosen, gates if kind == "before" else gates / gates.sum(-1, keepdim=True)
                """,
            ),
            # The lesson's loop with functions in place of weights, and what the task adds in one line.
            "mixture": (
                """
                def mixture(x, chosen, gates, experts, shared):
                    out = sum((expert(x) for expert in shared), torch.zeros_like(x))
                    for expert in range(len(experts)):
                        token, choice = (chosen == expert).nonzero(as_tuple=True)
                        result = experts[expert](x[token])
                        out = out.index_add(0, token, result * gates[token, choice, None])
                    return out
                """,
            ),
            # The lines of route and move_bias, with s for the probabilities.
            "bias_step": (
                """
                def bias_step(s, bias, k, rate, slack):
                    chosen = (s + bias).topk(k, dim=-1).indices
                    gates = s.gather(-1, chosen)
                    load = cells.load_of(chosen, len(bias))
                    bias = bias + rate * (load.mean() - load).sign()
                    return chosen, gates / gates.sum(-1, keepdim=True) if k > 1 else gates, bias
                """,
            ),
        },
    ),
    "05_rag": Pasted(
        topics=("retrieval", "judging", "intervals"),
        # Nothing earns a point around the loop of BM25 (length counts everywhere), around `fused` (documents
        # are missing, totals are equal), or around the risk at one threshold (the task is to choose it).
        wrappers={
            # The solution of `starts`, and what the task adds in two lines.
            "chunk": (
                """
                def chunk(words, size, overlap):
                    if not 0 <= overlap < size:
                        raise ValueError
                    found = [0]
                    while found[-1] + size < len(words):
                        found.append(found[-1] + size - overlap)
                    return [words[at : at + size] for at in found]
                """,
            ),
            "nearest": (
                """
                def nearest(queries, documents, k):
                    cosines = F.normalize(queries, dim=-1) @ F.normalize(documents, dim=-1).T
                    order = cells.ranking_of(cosines)[:, :k]
                    return cosines.gather(-1, order), order
                """,
            ),
            # The lines for one ranking, with k places and any gold documents.
            "recall_and_ndcg": (
                """
                def recall_and_ndcg(ranking, relevance, k):
                    gold = {d for d, grade in relevance.items() if grade}
                    recall = len(gold & set(ranking[:k])) / len(gold)
                    worth = sum(1 / math.log2(r + 1) for r, d in enumerate(ranking[:k], 1) if d in gold)
                    at_most = sum(1 / math.log2(r + 1) for r in range(1, min(k, len(gold)) + 1))
                    return recall, worth / at_most
                """,
            ),
        },
    ),
}

# What the setup cells of lessons and labs import.
IMPORTS = [
    "import math",
    "from collections import Counter",
    "import torch",
    "import torch.nn.functional as F",
    "from torch import Tensor, nn",
]

# In front of the first pasted answer. What cannot be defined without the rest of the lesson is left out.
NAMESPACES = """
import types


def _namespace(pieces):
    names = {}
    for piece in pieces:
        try:
            exec(piece, names)
        except Exception:
            pass
    return types.SimpleNamespace(**names)


lesson, cells = _namespace(%r), _namespace(%r)
"""

# The function under the name that a task asks for. Where one value is asked for, a tuple gives its first:
# the lesson's functions like to return the weights as well.
RENAMED = "{task} = {function}"
FIRST_OF = """
def {task}(*arguments, **keywords):
    result = {function}(*arguments, **keywords)
    return result[0] if isinstance(result, tuple) else result
"""


# Below a wrapper, to hear of what is wrong with the wrapper itself: a test cell may keep it to itself.
BROKEN = "the wrapper is broken"
NOTED = f"""
import functools


def _noted(function):
    @functools.wraps(function)
    def noted(*arguments, **keywords):
        try:
            return function(*arguments, **keywords)
        except (NameError, TypeError) as error:
            print(f"{BROKEN}: {{error!r}}")
            raise

    return noted
"""


def pieces(cells: list[NotebookNode]) -> list[str]:
    """Functions and classes, one by one, and what they may need: imports, names for plain values.

    Solutions that stand in the prose count, too; of functions of one name the last does.
    """
    found, texts = [], []
    for cell in cells:
        blocks = re.findall(r"^```python\n(.*?)^```", cell.source, re.DOTALL | re.MULTILINE)
        texts += [cell.source] if cell.cell_type == "code" else blocks
    for text in texts:
        for node in ast.parse(text).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                module = node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name
                wanted = module.partition(".")[0] in {*sys.stdlib_module_names, "torch"}
            elif isinstance(node, ast.Assign):
                wanted = isinstance(node.value, ast.Constant)
            else:
                wanted = isinstance(node, ast.FunctionDef | ast.ClassDef)
            found += [ast.unparse(node)] if wanted else []
    return found


def functions(sources: list[str]) -> dict[str, ast.arguments]:
    nodes = [node for source in sources for node in ast.parse(source).body]
    return {node.name: node.args for node in nodes if isinstance(node, ast.FunctionDef)}


def takes(arguments: ast.arguments) -> range:
    """How many values a function may be called with."""
    most = len(arguments.posonlyargs + arguments.args)
    return range(most - len(arguments.defaults), 99 if arguments.vararg else most + 1)


@functools.cache
def carried(assignment: str) -> list[str]:
    files = [ROOT / "course" / "cells" / f"{topic}.py" for topic in PASTED[assignment].topics]
    return IMPORTS + [
        piece for file in files for piece in pieces(jupytext.read(file, fmt="py:percent").cells)
    ]


@functools.cache
def of_lesson(assignment: str) -> list[str]:
    return IMPORTS + pieces(read_source(ROOT / "course" / "lessons" / f"{assignment}.py").cells)


def gives_a_tuple(source: str) -> bool:
    return any(
        isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple)
        for node in ast.walk(ast.parse(source))
    )


def marks_of(
    assignment: str, answers: dict[str, str], lesson: list[str], cells: list[str]
) -> dict[str, list[Mark]]:
    """Task -> what its test cells gave for these answers; those of the other tasks are left out."""
    notebook, found = solution(assignment), tasks(solution(assignment))
    sources = {task: textwrap.dedent(text) for task, text in answers.items()}
    first = next(iter(sources))
    sources[first] = NAMESPACES % (lesson, cells) + sources[first]
    notebook = substitute(notebook, sources)
    notebook = drop(notebook, [name for task in found if task not in answers for name in found[task].tests])
    marks = grade(notebook)
    return {task: [marks[name] for name in found[task].tests] for task in answers}


def best(assignment: str, lesson: list[str], cells: list[str], wrapped: bool) -> dict[str, tuple[float, str]]:
    """Task -> the most points that pasting earns, and what was pasted."""
    found = tasks(solution(assignment))
    most = dict.fromkeys(found, (0.0, ""))

    def paste(what: str, answers: dict[str, str]) -> None:
        for task, marks in marks_of(assignment, answers, lesson, cells).items():
            most[task] = max(most[task], (sum(mark.points for mark in marks), what))

    for space, sources in (("lesson", lesson), ("cells", cells)):
        for name, arguments in functions(sources).items():
            answers = {}
            for task in found:
                asked = takes(functions([found[task].source])[task])
                if set(asked) & set(takes(arguments)):
                    template = RENAMED if gives_a_tuple(found[task].source) else FIRST_OF
                    answers[task] = template.format(task=task, function=f"{space}.{name}")
            if answers:
                paste(f"{space}.{name}", answers)
    for task, wrappers in PASTED[assignment].wrappers.items() if wrapped else ():
        for number, wrapper in enumerate(wrappers, 1):
            paste(f"wrapper {number}", {task: wrapper})
    return most


@pytest.mark.parametrize("assignment", PASTED)
def test_pasting_the_lesson_earns_at_most_a_third(assignment: str) -> None:
    marks = [cell.metadata.get("nbgrader", {}) for cell in solution(assignment).cells]
    most = best(assignment, of_lesson(assignment), carried(assignment), wrapped=True)
    earns = {task: f"{points:g} by {what}" for task, (points, what) in most.items() if points}
    print(f"{assignment}, pasted: {earns}")
    total = sum(mark.get("points", 0) for mark in marks)
    assert sum(points for points, _ in most.values()) <= total / 3, earns


@pytest.mark.parametrize("assignment", PASTED)
def test_pasting_the_solution_earns_everything_that_code_can(assignment: str) -> None:
    """So what is pasted is really run, and would be seen."""
    found = tasks(solution(assignment))
    answers = [task.answer for task in found.values()]
    most = best(assignment, IMPORTS + answers, [], wrapped=False)
    marks = grade(solution(assignment))
    full = {name: sum(marks[test].most for test in task.tests) for name, task in found.items()}
    assert {task: points for task, (points, _) in most.items()} == full


@pytest.mark.parametrize("assignment", PASTED)
def test_wrappers_name_tasks_and_functions_that_there_are(assignment: str) -> None:
    there = {"lesson": of_lesson(assignment), "cells": carried(assignment)}
    classes = r"^class (\w+)"
    found = tasks(solution(assignment))
    for task, wrappers in PASTED[assignment].wrappers.items():
        assert task in found
        asked = ast.dump(functions([found[task].source])[task])
        for number, wrapper in enumerate(wrappers, 1):
            [(name, arguments)] = functions([textwrap.dedent(wrapper)]).items()
            assert (name, ast.dump(arguments)) == (task, asked), f"{task}, wrapper {number}"
        for space, name in re.findall(r"\b(lesson|cells)\.(\w+)", "".join(wrappers)):
            known = [*functions(there[space]), *re.findall(classes, "\n".join(there[space]), re.MULTILINE)]
            assert name in known, f"{space}.{name}: {task}'s wrapper needs another name, of {known}"


@pytest.mark.parametrize(
    ("assignment", "task", "number"),
    [
        (assignment, task, number)
        for assignment, pasted in PASTED.items()
        for task, wrappers in pasted.wrappers.items()
        for number in range(1, len(wrappers) + 1)
    ],
)
def test_each_wrapper_works_and_earns_something(assignment: str, task: str, number: int) -> None:
    """One that is broken would earn nothing, and seem to show how strict the assignment is."""
    wrapper = textwrap.dedent(PASTED[assignment].wrappers[task][number - 1])
    marks = used(assignment, task, wrapper)
    assert not broken(marks)
    assert any(mark.points for mark in marks), "take it out"


def used(assignment: str, task: str, wrapper: str) -> list[Mark]:
    answer = f"{wrapper}{NOTED}\n\n{task} = _noted({task})"
    return marks_of(assignment, {task: answer}, of_lesson(assignment), carried(assignment))[task]


def broken(marks: list[Mark]) -> list[str]:
    return [line for mark in marks for line in mark.text.splitlines() if line.startswith(BROKEN)]


@pytest.mark.parametrize("body", ["return cells.attention(q, k, v, msk)[0]", "return cells.attention(q)[0]"])
def test_a_broken_wrapper_is_noticed(body: str) -> None:
    marks = used("01_attention", "attention", f"def attention(q, k, v, mask=None):\n    {body}\n")
    assert broken(marks) and not any(mark.points for mark in marks)
