# %% [markdown]
# What a lesson hands to the reader: something to play with, and something to write.

# %% name="play"
import os


def play(draw, **controls):
    """Call `draw` with what sliders and boxes say, and again whenever one is moved.

    controls: text is a box, a list a choice, (least, most, start) a slider. Where nobody can move one (the course's own
    build, no ipywidgets), `draw` is called once with what they start with.
    """
    starts = {
        name: control if isinstance(control, str) else control[2 if isinstance(control, tuple) else 0]
        for name, control in controls.items()
    }
    try:
        import ipywidgets
    except ImportError:
        ipywidgets = None
    if ipywidgets is None or "COURSE_BUILD" in os.environ:
        draw(**starts)
        return
    widgets = {}
    for name, control in controls.items():
        look = {"description": name.replace("_", " "), "style": {"description_width": "initial"}}
        if isinstance(control, list):
            widgets[name] = ipywidgets.Dropdown(options=control, **look)
            continue
        look["continuous_update"] = False  # drawing takes a moment: once, when the slider is let go
        if isinstance(control, str):
            widgets[name] = ipywidgets.Text(value=control, layout={"width": "90%"}, **look)
            continue
        least, most, start = control
        whole = all(isinstance(number, int) for number in control)
        slider = ipywidgets.IntSlider if whole else ipywidgets.FloatSlider
        step = 1 if whole else (most - least) / 40
        widgets[name] = slider(value=start, min=least, max=most, step=step, **look)
    ipywidgets.interact(draw, **widgets)


# %% name="your_turn"
import torch


def your_turn(function, *arguments, want, hint=""):
    """Say what the reader's `function` gives, beside what is wanted; nothing is wrong while it is not written."""
    got = function(*arguments)
    if got is None or got is ...:
        print(f"{function.__name__}: not written yet")
    elif _same(got, want):
        print(f"{function.__name__}: right")
    else:
        print(f"{function.__name__} gives\n{got}\nwanted is\n{want}\n{hint}".rstrip())


def _same(got, want):
    """Numbers may differ in their last digits; one in a tensor without dimensions is as good as a plain one."""
    if isinstance(want, (list, tuple)):
        same_length = isinstance(got, (list, tuple)) and len(got) == len(want)
        return same_length and all(map(_same, got, want))
    numbers = (int, float, torch.Tensor)
    if not isinstance(want, numbers):
        return isinstance(got, type(want)) and got == want
    if not isinstance(got, numbers):
        return False
    got, want = torch.as_tensor(got).detach().cpu(), torch.as_tensor(want).detach().cpu()
    if got.shape != want.shape or (got.dtype == torch.bool) != (want.dtype == torch.bool):
        return False
    if not want.is_floating_point():
        return torch.equal(got.double(), want.double())  # a count is right or wrong
    return torch.allclose(got.double(), want.double(), atol=1e-4)
