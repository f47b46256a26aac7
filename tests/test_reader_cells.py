"""Carried cells that readers see, play with and write for: figures, answers, sliders, *your turn*."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from typing import Any

import colab
import ipywidgets
import PIL.Image
import pytest
import torch
from carried import run, text_of

from course import claims
from course.run import ANSWER_MIME

# --- What a lesson and a lab show ---------------------------------------------------------------


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    """What cells display, as a notebook gets it: data and metadata."""
    outputs: list[dict] = []

    def display(data: Any, metadata: dict | None = None, raw: bool = False) -> None:
        data = data if raw else {"image/png": data.data}
        outputs.append({"data": data, "metadata": metadata or {}})

    monkeypatch.setattr("IPython.display.display", display)
    return outputs


ALT = 'the share of T > 3 & of "it" rises from 0 to 1'
ESCAPED = "the share of T &gt; 3 &amp; of &quot;it&quot; rises from 0 to 1"


def test_a_figure_has_its_text_twice(shown: list[dict]) -> None:
    """As the image's alternative, and below it, folded, for all to read."""
    figures = run("figures")
    figure, _ = figures.plt.subplots()
    figures.show(figure, alt=ALT)
    image, words = shown
    assert PIL.Image.open(io.BytesIO(image["data"]["image/png"])).size[0] > 700
    assert image["metadata"]["image/png"]["alt"] == ALT
    assert words["data"]["text/html"] == f"<details><summary>In words</summary><p>{ESCAPED}</p></details>"
    assert words["data"]["text/plain"] == f"In words: {ALT}"
    assert not figures.plt.fignum_exists(figure.number)  # else the notebook shows it a second time


def test_a_guess_is_drawn_where_there_is_one() -> None:
    figures = run("figures")
    figure, axes = figures.plt.subplots()
    figures.draw_guess(axes, None)
    assert not axes.lines and not axes.texts
    figures.draw_guess(axes, 0.5, at=2)
    figures.draw_guess(axes, 0.7)
    star, line = axes.lines
    assert (star.get_marker(), list(star.get_xdata()), list(star.get_ydata())) == ("*", [2], [0.5])
    assert list(line.get_ydata()) == [0.7, 0.7]
    assert [text.get_text().strip() for text in axes.texts] == ["your guess"] * 2
    figures.plt.close(figure)


def test_an_answer_is_shown_and_kept(shown: list[dict]) -> None:
    lab = run("lab")
    lab.answer("1.2", "<b> is 2 & more.", lab.only_if("T > 100"))
    [box] = [output["data"] for output in shown]
    assert box["text/plain"] == "Claim 1.2: supported only if T > 100. <b> is 2 & more."
    assert (
        "&lt;b&gt; is 2 &amp; more." in box["text/html"]
        and "<b>supported only if T &gt; 100" in box["text/html"]
    )
    assert box[ANSWER_MIME] == {
        "claim": "1.2",
        "sentence": "<b> is 2 & more.",
        "grade": "supported only if T > 100",
    }


def test_grades_are_those_that_the_build_knows() -> None:
    lab = run("lab")
    grades = (lab.SUPPORTED, lab.NOT_SUPPORTED, lab.BY_DEFINITION, lab.NOT_TESTABLE)
    assert grades == claims.GRADES
    assert claims.is_grade(lab.only_if("T > 100")) and not claims.is_grade(lab.only_if(""))


# --- What a reader plays with -------------------------------------------------------------------

CONTROLS: dict[str, Any] = {
    "sentence": "The cat",
    "layer": (0, 29, 5),
    "sharpness": (0.0, 4.0, 1.5),
    "head": ["all", "one"],
    "size": [16, 64],
}
STARTS = {"sentence": "The cat", "layer": 5, "sharpness": 1.5, "head": "all", "size": 16}


def play(**controls: Any) -> list[dict]:
    """What `draw` is called with."""
    calls: list[dict] = []
    run("lesson").play(lambda **values: calls.append(values), **controls)
    return calls


def test_in_a_build_there_is_one_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_BUILD", "1")
    monkeypatch.setattr("ipywidgets.interact", None)
    assert play(**CONTROLS) == [STARTS]


def test_without_widgets_there_is_one_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COURSE_BUILD", raising=False)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)  # importing it fails
    assert play(**CONTROLS) == [STARTS]


def test_a_reader_gets_widgets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each begins where it should, and draws again when it is let go, not all the way along."""
    monkeypatch.delenv("COURSE_BUILD", raising=False)
    made: dict[str, Any] = {}
    monkeypatch.setattr("ipywidgets.interact", lambda draw, **widgets: made.update(widgets))
    assert play(**CONTROLS) == []
    kinds = {name: type(widget).__name__ for name, widget in made.items()}
    assert kinds == {
        "sentence": "Text",
        "layer": "IntSlider",
        "sharpness": "FloatSlider",
        "head": "Dropdown",
        "size": "Dropdown",
    }
    assert {name: widget.value for name, widget in made.items()} == STARTS
    assert {(slider.min, slider.max) for slider in (made["layer"], made["sharpness"])} == {(0, 29), (0, 4)}
    assert made["sharpness"].step == 0.1
    assert not any(made[name].continuous_update for name in ("sentence", "layer", "sharpness"))
    play(name_of_the_head=(0, 8, 1))
    assert made["name_of_the_head"].description == "name of the head"


def test_a_moved_slider_draws_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COURSE_BUILD", raising=False)
    sliders: list[Any] = []

    class Slider(ipywidgets.IntSlider):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            sliders.append(self)

    monkeypatch.setattr("ipywidgets.IntSlider", Slider)
    calls: list[dict] = []
    run("lesson").play(lambda **values: calls.append(values), layer=(0, 29, 5))
    sliders[0].value = 7
    assert calls == [{"layer": 5}, {"layer": 7}]


def test_colab_s_widgets_are_made_the_same_way() -> None:
    """Of another version. What it does in a kernel, Colab shows; here it must take these arguments."""
    program = f"{text_of('lesson')}\nimport ipywidgets\nassert ipywidgets.__version__ < '8'\n"
    program += (
        "ipywidgets.interact = lambda draw, **widgets: draw(**{k: w.value for k, w in widgets.items()})\n"
    )
    program += f"play(lambda **values: print(values), **{CONTROLS!r})"
    environment = {name: value for name, value in os.environ.items() if name != "COURSE_BUILD"}
    python = str(colab.base() / "bin" / "python")
    done = subprocess.run([python, "-c", program], env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == repr(STARTS), done.stderr


# --- What a reader writes -----------------------------------------------------------------------

HALF = torch.tensor([0.5, 0.25])
RIGHT = {
    "text": ("it", "it"),
    "count": (3, 3),
    "count in a tensor": (torch.tensor(3), 3),
    "number": (0.1 + 0.2, 0.3),
    "number in a tensor": (torch.tensor(0.86681), 0.8668),
    "plain number": (0.86681, torch.tensor(0.8668)),
    "true": (True, True),
    "tensor": (HALF + 1e-6, HALF),
    "tensor with a gradient": (HALF.clone().requires_grad_(), HALF),
    "tensor of other numbers": (HALF.double(), HALF),
    "hidden places": (torch.tensor([1.0, -torch.inf]), torch.tensor([1.0, -torch.inf])),
    "pair": ((3, HALF), (3, HALF)),
    "list for a pair": ([3, torch.tensor(7)], (3, 7)),
}
WRONG = {
    "text": ("that", "it"),
    "count": (4, 3),
    "large count off by one": (134515007, 134515008),
    "large count in a tensor, off by one": (torch.tensor(134515007), torch.tensor(134515008)),
    "large counts, one off by one": (torch.tensor([134515008, 134515007]), torch.tensor([134515008] * 2)),
    "number": (0.31, 0.3),
    "numbers for booleans": (torch.eye(2), torch.eye(2).bool()),
    "tensor": (HALF + 1e-3, HALF),
    "another shape": (HALF[None], HALF),
    "one number for many": (0.5, torch.tensor([0.5, 0.5])),
    "many numbers for one": (HALF, 0.5),
    "many numbers for a count": (torch.tensor([3, 3]), 3),
    "tensor for a text": (HALF, "it"),
    "text for a tensor": ("it", HALF),
    "list for a tensor": ([0.5, 0.25], HALF),
    "pair, one wrong": ((3, HALF + 1), (3, HALF)),
    "too few": ((3,), (3, HALF)),
    "one for a pair": (3, (3, HALF)),
    "tensor for a pair": (HALF, (3, 7)),
    "hidden place left": (torch.tensor([1.0, 0.0]), torch.tensor([1.0, -torch.inf])),
}


def your_turn(got: Any, want: Any, capsys: pytest.CaptureFixture[str], **more: str) -> str:
    def my_function(first: int, second: int) -> Any:
        assert (first, second) == (1, 2)
        return got

    run("lesson").your_turn(my_function, 1, 2, want=want, **more)
    return capsys.readouterr().out


@pytest.mark.parametrize("nothing", [None, ...])
@pytest.mark.parametrize("want", [HALF, 3, "it", (3, HALF)], ids=["tensor", "count", "text", "pair"])
def test_nothing_is_wrong_while_it_is_not_written(nothing, want, capsys: pytest.CaptureFixture[str]) -> None:
    assert your_turn(nothing, want, capsys, hint="Divide.") == "my_function: not written yet\n"


@pytest.mark.parametrize("got, want", RIGHT.values(), ids=RIGHT)
def test_what_is_right_is_called_right(got: Any, want: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert your_turn(got, want, capsys, hint="Divide.") == "my_function: right\n"


@pytest.mark.parametrize("got, want", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_shown_beside_what_is_wanted(got, want, capsys: pytest.CaptureFixture[str]) -> None:
    """And never stops the notebook."""
    said = your_turn(got, want, capsys, hint="Divide.")
    assert said == f"my_function gives\n{got}\nwanted is\n{want}\nDivide.\n"
    assert your_turn(got, want, capsys) == f"my_function gives\n{got}\nwanted is\n{want}\n"
