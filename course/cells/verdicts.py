# %% [markdown]
# The verdicts of lessons 2 to 5, until their claims have labs (cells/lab.py).

# %% name="verdicts"
import html

HOLDS, CONDITION = "holds", "holds with a condition"
FAILS, UNTESTED = "does not hold here", "cannot be tested on a CPU"


def judge(shown, everywhere):
    """The verdict: was the effect shown at all, and was it shown in every setting that was tried?"""
    return FAILS if not shown else HOLDS if everywhere else CONDITION


def show_verdicts(rows):
    """Print the verdicts: rows of (id, claim, what was measured, its control, verdict)."""
    keys = ("id", "claim", "measured", "control", "verdict")
    rows = [dict(zip(keys, row, strict=True)) for row in rows]
    head = "<tr>" + "".join(f"<th style='text-align:left'>{key}</th>" for key in keys) + "</tr>"
    body = ""
    for row in rows:
        texts = [html.escape(row[key]) for key in keys]
        texts[-1] = f"<b>{texts[-1]}</b>"
        body += "<tr>" + "".join(f"<td style='text-align:left'>{text}</td>" for text in texts) + "</tr>"
    plain = "\n".join(f"{row['id']}  {row['verdict']}: {row['measured']}" for row in rows)
    bundle = {"text/plain": plain, "text/html": f"<table>{head}{body}</table>"}
    # The build reads the same rows from here, for docs/claims.md and for the tests.
    bundle["application/vnd.course.verdicts+json"] = rows
    display(bundle, raw=True)
